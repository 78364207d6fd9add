//! Questions of the engine to functions of the program.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use pyo3::{
    prelude::*,
    types::{PyBytes, PyList},
};
use tidegate::{
    Failure, Piece,
    bridge::{self, Flow},
};

use crate::{exit::detached, owned::Owned};

/// Kinds of event beside those of `request.rs`.
pub(crate) const CALL: u8 = 4;
pub(crate) const GONE: u8 = 5;
pub(crate) const ROOM: u8 = 6;

/// How a stream goes on: the next piece may come, has to wait, or is wanted by nobody.
pub(crate) const GO: u8 = 0;
pub(crate) const FULL: u8 = 1;
pub(crate) const NOBODY: u8 = 2;

/// A question to a function. Letting go of it without an answer fails the call.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct HostCall {
    call: Owned<bridge::HostCall>,
}

impl HostCall {
    pub(crate) fn new(call: bridge::HostCall) -> Self {
        Self {
            call: Owned::new(call),
        }
    }

    fn call(&self) -> PyResult<&bridge::HostCall> {
        self.call.get("request")
    }
}

#[pymethods]
impl HostCall {
    #[getter]
    fn tag(&self) -> PyResult<u64> {
        Ok(self.call()?.tag())
    }

    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(&self.call()?.request().name)
    }

    #[getter]
    fn dialect(&self) -> PyResult<&'static str> {
        Ok(self.call()?.request().dialect.as_str())
    }

    #[getter]
    fn path(&self) -> PyResult<&str> {
        Ok(&self.call()?.request().path)
    }

    #[getter]
    fn model(&self) -> PyResult<&str> {
        Ok(&self.call()?.request().model)
    }

    #[getter]
    fn stream(&self) -> PyResult<bool> {
        Ok(self.call()?.request().stream)
    }

    /// Seconds until the engine gives up on the beginning, or the next piece, of the answer.
    #[getter]
    fn timeout(&self) -> PyResult<f64> {
        Ok(self.call()?.request().timeout.as_secs_f64())
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.call()?.request().body))
    }

    /// Every header as a pair of strings, names in lower case.
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let headers = &self.call()?.request().headers;
        let pairs = headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str(), value)
        });
        PyList::new(py, pairs.collect::<Vec<_>>())
    }

    /// Answers with the model's words.
    fn reply_text(&self, text: String) -> PyResult<()> {
        self.call()?.reply(Piece::Text(text));
        Ok(())
    }

    /// Answers with a document.
    fn reply_json(&self, json: &[u8]) -> PyResult<()> {
        self.call()?
            .reply(Piece::Json(Bytes::copy_from_slice(json)));
        Ok(())
    }

    /// Adds words to the answer's stream; gives how it goes on.
    fn push_text(&self, text: String) -> PyResult<u8> {
        Ok(flow(self.call()?.push(Piece::Text(text))))
    }

    /// Adds a chunk to the answer's stream; gives how it goes on.
    fn push_json(&self, json: &[u8]) -> PyResult<u8> {
        let piece = Piece::Json(Bytes::copy_from_slice(json));
        Ok(flow(self.call()?.push(piece)))
    }

    /// Ends the answer's stream.
    fn end(&self) -> PyResult<()> {
        self.call()?.end();
        Ok(())
    }

    /// Ends the answer as a vendor's refusal would.
    fn fail(&self, status: u16, message: &str, retry_after: Option<f64>) -> PyResult<()> {
        let failure = Failure::refused(status, message);
        let after = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.call()?.fail(match after {
            Some(after) => failure.retry_after(after),
            None => failure,
        });
        Ok(())
    }

    /// Asks for one note in the queue once there is room, unless there is.
    fn arm(&self) -> PyResult<u8> {
        Ok(flow(self.call()?.arm()))
    }

    /// Blocks until there is room, at most `seconds`.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<u8> {
        let call = self.call()?;
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        Ok(flow(detached(py, || call.wait(limit))))
    }

    /// Whether nobody waits for the answer any more.
    fn gone(&self) -> PyResult<bool> {
        Ok(self.call()?.is_gone())
    }
}

fn flow(flow: Flow) -> u8 {
    match flow {
        Flow::Go => GO,
        Flow::Full => FULL,
        Flow::Gone => NOBODY,
    }
}

thread_local! {
    /// Set while this thread runs functions, whose blocking calls other threads have to make up for.
    static IN_FUNCTION: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread runs functions from now on, or no longer.
#[pyfunction]
pub(crate) fn in_function(on: bool) {
    IN_FUNCTION.set(on);
}

/// A function blocks inside the engine for as long as this lives: `tidegate._functions` is told, so
/// that a thread is left for what the call may need.
pub(crate) struct Nested<'py>(Option<Bound<'py, PyAny>>);

impl<'py> Nested<'py> {
    pub(crate) fn enter(py: Python<'py>) -> Self {
        if !IN_FUNCTION.get() {
            return Self(None);
        }
        let told = || {
            let nested = py.import("tidegate._functions")?.getattr("nested")?;
            nested.call1((true,))?;
            Ok::<_, PyErr>(nested)
        };
        Self(told().ok())
    }
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        if let Some(nested) = &self.0 {
            // It only counts.
            let _ = nested.call1((false,));
        }
    }
}
