//! The HTTP server over an engine of this process.

use std::time::Duration;

use pyo3::prelude::*;
use tidegate_server::ServerHandle;

use crate::{exit::detached, owned::Owned};

/// A running server. It serves until `shutdown` or the end of the process.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Server {
    handle: Owned<ServerHandle>,
}

impl Server {
    pub(crate) fn new(handle: ServerHandle) -> Self {
        Self { handle: Owned::new(handle) }
    }
}

#[pymethods]
impl Server {
    /// Where it listens, such as `http://127.0.0.1:8787`.
    fn url(&self) -> PyResult<String> {
        Ok(self.handle.get("server")?.addr())
    }

    /// Stops accepting, lets running calls finish for `seconds` (None: as configured), then ends
    /// them. Returns when all is done.
    fn shutdown(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let handle = self.handle.get("server")?;
        let limit = seconds.map(|seconds| {
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
        });
        detached(py, || handle.shutdown(limit));
        Ok(())
    }
}
