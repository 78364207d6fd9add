//! The HTTP server over an engine of this process, and the command.

use std::{ffi::OsString, time::Duration};

use pyo3::prelude::*;
use tidegate::bridge::Engine;
use tidegate_server::{ServeOptions, ServerHandle};

use crate::{error::raise, exit::detached, owned::Owned};

/// A running server. It serves until `shutdown` or the end of the process.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Server {
    handle: Owned<ServerHandle>,
}

impl Server {
    /// Binds and begins to serve.
    pub(crate) fn start(
        py: Python<'_>,
        engine: &Engine,
        listen: Option<String>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let options = ServeOptions { listen, threads };
        match detached(py, || tidegate_server::Server::start(engine, options)) {
            Ok(handle) => Ok(Self {
                handle: Owned::new(handle),
            }),
            Err(error) => Err(raise(py, &error)),
        }
    }
}

/// Runs the `tidegate` command and returns its exit code.
///
/// The interpreter is released for as long as the command runs.
#[pyfunction]
pub(crate) fn cli_main(py: Python<'_>, args: Vec<OsString>) -> i32 {
    detached(py, || tidegate_server::cli::main(args))
}

#[pymethods]
impl Server {
    /// Where it listens, such as `http://127.0.0.1:8787`.
    fn url(&self) -> PyResult<&str> {
        Ok(self.handle.get("server")?.addr())
    }

    /// Stops accepting, lets running calls finish for `seconds` (None: as configured), then ends
    /// them. Returns when all is done.
    fn shutdown(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let handle = self.handle.get("server")?;
        let limit =
            seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO));
        detached(py, || handle.shutdown(limit));
        Ok(())
    }
}
