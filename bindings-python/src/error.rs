//! Engine errors as instances of the package's classes.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyType},
};

/// The exception for an engine error: an instance of the class of its code.
pub(crate) fn exception<'py>(
    py: Python<'py>,
    error: &tidegate::Error,
) -> PyResult<Bound<'py, PyAny>> {
    static FROM_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = FROM_JSON.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("tidegate.errors")?.getattr("from_json")?.unbind())
    })?;
    let json = error.to_json().to_string();
    make.bind(py).call1((PyBytes::new(py, json.as_bytes()),))
}

/// The same as something to raise.
pub(crate) fn raise(py: Python<'_>, error: &tidegate::Error) -> PyErr {
    match exception(py, error) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// A `ValueError` that says what is wrong with an argument.
pub(crate) fn bad_argument(what: &str, error: &dyn std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("{what}: {error}"))
}

/// Names the type of an argument in an error.
pub(crate) fn type_name(kind: &Bound<'_, PyType>) -> String {
    kind.name()
        .map_or_else(|_| "object".to_owned(), |name| name.to_string())
}
