//! Status and headers of an answer, turned into Python objects only when asked for.

use http::HeaderMap;
use pyo3::{
    prelude::*,
    types::{PyBytes, PyList, PyTuple},
};
use tidegate::bridge;

/// Status and headers of an answer.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Head {
    status: u16,
    headers: HeaderMap,
}

impl From<bridge::Head> for Head {
    fn from(head: bridge::Head) -> Self {
        Self {
            status: head.status,
            headers: head.headers,
        }
    }
}

impl Head {
    /// Headers that came after the body.
    pub(crate) fn trailers(headers: HeaderMap) -> Self {
        Self {
            status: 200,
            headers,
        }
    }
}

#[pymethods]
impl Head {
    /// HTTP status.
    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header, or None. Bytes outside ASCII come as Latin-1.
    fn get(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| latin(value.as_bytes()))
    }

    /// Every header as a pair of bytes, names in lower case.
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, value) in &self.headers {
            list.append(PyTuple::new(
                py,
                [
                    PyBytes::new(py, name.as_str().as_bytes()),
                    PyBytes::new(py, value.as_bytes()),
                ],
            )?)?;
        }
        Ok(list)
    }

    /// Every header as a pair of strings, names in lower case.
    fn items(&self) -> Vec<(&str, String)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), latin(value.as_bytes())))
            .collect()
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
