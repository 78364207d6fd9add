//! The engine as a Python object.

use std::{path::PathBuf, time::Duration};

use pyo3::{prelude::*, types::PyBytes};
use tidegate::{
    bridge::{self, Source},
    config::Format,
};

use crate::{
    error::{bad_argument, raise},
    exit::detached,
    owned::Owned,
    queue::Queue,
    request::{outcome, request},
    server::Server,
    watch::Watch,
};

/// An engine. Cheap to share between threads; usable again in a forked child.
#[pyclass(frozen, weakref, module = "tidegate._native")]
pub(crate) struct Engine {
    inner: Owned<bridge::Engine>,
}

impl Engine {
    fn inner(&self) -> &bridge::Engine {
        self.inner.anywhere()
    }
}

#[pymethods]
impl Engine {
    /// Opens an engine. `kind` is `env`, `path`, `json` (a document made from Python objects),
    /// or `yaml`, `toml`, `json-text` for text as a person wrote it.
    #[staticmethod]
    fn open(py: Python<'_>, kind: &str, text: &str) -> PyResult<Self> {
        let source = source(kind, text)?;
        match detached(py, || bridge::Engine::open(source)) {
            Ok(inner) => Ok(Self {
                inner: Owned::new(inner),
            }),
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// Speaks to a running server instead, through the same methods.
    #[staticmethod]
    fn connect(py: Python<'_>, url: &str, key: Option<String>) -> PyResult<Self> {
        match bridge::Engine::connect(url, key) {
            Ok(inner) => Ok(Self {
                inner: Owned::new(inner),
            }),
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// Makes a call and blocks until its answer, or the head of its stream, is here.
    ///
    /// Raises `TimeoutError` when that takes longer than `seconds`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one crossing is cheaper than an object for it"
    )]
    fn call<'py>(
        &self,
        py: Python<'py>,
        http: bool,
        method: &str,
        target: &str,
        headers: Option<&Bound<'py, PyAny>>,
        body: &Bound<'py, PyBytes>,
        key: Option<String>,
        seconds: Option<f64>,
    ) -> PyResult<(u8, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let request = request(http, method, target, headers, body, key)?;
        let mut watch = Watch::new(seconds);
        let done = detached(py, || {
            self.inner()
                .call_while(request, watch.step(), || watch.go_on())
        });
        watch.verdict()?;
        outcome(py, done)
    }

    /// Makes a call whose answer comes to `queue` under the returned ticket.
    #[expect(
        clippy::too_many_arguments,
        reason = "one crossing is cheaper than an object for it"
    )]
    fn submit(
        &self,
        queue: &Bound<'_, Queue>,
        http: bool,
        method: &str,
        target: &str,
        headers: Option<&Bound<'_, PyAny>>,
        body: &Bound<'_, PyBytes>,
        key: Option<String>,
    ) -> PyResult<u64> {
        let request = request(http, method, target, headers, body, key)?;
        Ok(self.inner().submit(queue.get().inner()?, request))
    }

    /// Gives up a call and closes its upstream. Unknown tickets are ignored.
    fn cancel(&self, ticket: u64) {
        self.inner().cancel(ticket);
    }

    /// Puts a new configuration in place, or reads the old source again when `kind` is None.
    fn reload(&self, py: Python<'_>, kind: Option<&str>, text: &str) -> PyResult<()> {
        let source = kind.map(|kind| source(kind, text)).transpose()?;
        match detached(py, || self.inner().reload(source)) {
            Ok(()) => Ok(()),
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// Refuses new calls, lets running ones finish for `seconds`, then ends them.
    fn close(&self, py: Python<'_>, seconds: f64) {
        let deadline = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        detached(py, || self.inner().close(deadline));
    }

    /// Health of targets and keys as JSON.
    fn health<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner().health().to_string().as_bytes())
    }

    /// The configuration in force as JSON, secrets masked.
    fn config<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner().config_json().to_string().as_bytes())
    }

    /// Starts the HTTP server; it is bound when this returns.
    fn serve(
        &self,
        py: Python<'_>,
        listen: Option<String>,
        threads: Option<usize>,
    ) -> PyResult<Server> {
        Server::start(py, self.inner(), listen, threads)
    }

    /// Moves the engine's clock. Only in builds for the behaviour suite.
    #[cfg(feature = "testing")]
    fn advance(&self, seconds: f64) {
        self.inner()
            .advance(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO));
    }
}

fn source(kind: &str, text: &str) -> PyResult<Source> {
    let format = match kind {
        "env" => return Ok(Source::Env),
        "path" => return Ok(Source::Path(PathBuf::from(text))),
        "json" => {
            let value = serde_json::from_str(text).map_err(|e| bad_argument("config", &e))?;
            return Ok(Source::Value(value));
        }
        "yaml" => Format::Yaml,
        "toml" => Format::Toml,
        "json-text" => Format::Json,
        other => return Err(bad_argument("config", &format!("unknown format {other:?}"))),
    };
    Ok(Source::Text {
        text: text.to_owned(),
        format,
    })
}
