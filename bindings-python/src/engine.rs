//! The engine as a Python object.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyBytes};
use tidegate::{
    Functions, Scope,
    bridge::{self, Source},
    config::Format,
};

use crate::{
    error::{bad_argument, raise},
    exit::detached,
    owned::Owned,
    queue::Queue,
    request::{outcome, request, session},
    server::Server,
    watch::Watch,
};

/// An engine. Cheap to share between threads; usable again in a forked child.
#[pyclass(frozen, weakref, module = "tidegate._native")]
pub(crate) struct Engine {
    inner: Owned<bridge::Engine>,
    /// What runs the functions of this engine, `tidegate._functions.Host`, and the process in which
    /// its threads run: 0 as long as there is no function. Only this object holds it; the engine
    /// itself knows but the queue.
    host: Mutex<Option<Py<PyAny>>>,
    host_pid: AtomicU32,
    /// The engine that this is a view of, which has the functions.
    of: Option<Py<Engine>>,
}

/// In [`Engine::host_pid`]: there are functions, and no thread for them yet.
const NOWHERE: u32 = u32::MAX;

impl Engine {
    fn new(inner: bridge::Engine) -> Self {
        Self {
            inner: Owned::new(inner),
            host: Mutex::new(None),
            host_pid: AtomicU32::new(0),
            of: None,
        }
    }

    /// Has the functions' threads started in this process, before a call that may need them.
    fn wake_host(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if let Some(of) = &this.of {
            return Self::wake_host(of.bind(slf.py()));
        }
        let pid = this.host_pid.load(Ordering::Acquire);
        if pid == 0 || pid == std::process::id() {
            return Ok(());
        }
        let host = this.host(slf.py());
        if let Some(host) = host {
            host.bind(slf.py()).call_method1("start", (slf,))?;
            this.host_pid.store(std::process::id(), Ordering::Release);
        }
        Ok(())
    }

    fn adopt(&self, host: Py<PyAny>) {
        *self.host.lock().unwrap_or_else(PoisonError::into_inner) = Some(host);
        self.host_pid.store(NOWHERE, Ordering::Release);
    }

    fn host(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        host.as_ref().map(|host| host.clone_ref(py))
    }

    fn inner(&self) -> &bridge::Engine {
        self.inner.anywhere()
    }
}

#[pymethods]
impl Engine {
    /// Opens an engine, with functions of those names that `host` runs. `kind` is `env`, `path`, `json` (a document made from Python objects),
    /// or `yaml`, `toml`, `json-text` for text as a person wrote it.
    #[staticmethod]
    #[pyo3(signature = (kind, text, host=None, names=Vec::new()))]
    fn open(
        py: Python<'_>,
        kind: &str,
        text: &str,
        host: Option<Py<PyAny>>,
        names: Vec<String>,
    ) -> PyResult<Self> {
        let source = source(kind, text)?;
        // Until its threads run, a function is asked in a queue that nobody drains.
        let functions = Functions::new();
        for name in names {
            functions.insert(name, bridge::HostFunction::new(bridge::Queue::new(), 0));
        }
        if let Some(host) = host {
            return match detached(py, || bridge::Engine::open_with(source, functions)) {
                Ok(inner) => {
                    let engine = Self::new(inner);
                    engine.adopt(host);
                    Ok(engine)
                }
                Err(error) => Err(raise(py, &error)),
            };
        }
        match detached(py, || bridge::Engine::open(source)) {
            Ok(inner) => Ok(Self::new(inner)),
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// Speaks to a running server instead, through the same methods.
    #[staticmethod]
    fn connect(py: Python<'_>, url: &str, key: Option<String>) -> PyResult<Self> {
        match bridge::Engine::connect(url, key) {
            Ok(inner) => Ok(Self::new(inner)),
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// A view of the same engine whose calls are made for whom these say.
    fn scoped(
        slf: &Bound<'_, Self>,
        customer: Option<&str>,
        team: Option<&str>,
        user: Option<&str>,
        tags: Vec<String>,
    ) -> PyResult<Self> {
        let scope = || {
            let mut scope = Scope::new().tags(tags)?;
            if let Some(customer) = customer {
                scope = scope.customer(customer)?;
            }
            if let Some(team) = team {
                scope = scope.team(team)?;
            }
            if let Some(user) = user {
                scope = scope.user(user)?;
            }
            Ok(scope)
        };
        let scope = scope().map_err(|error| raise(slf.py(), &error))?;
        let this = slf.get();
        let of = match &this.of {
            Some(of) => of.clone_ref(slf.py()),
            None => slf.clone().unbind(),
        };
        Ok(Self {
            of: Some(of),
            ..Self::new(this.inner().scoped(&scope))
        })
    }

    /// Makes a call and blocks until its answer, or the head of its stream, is here.
    ///
    /// Raises `TimeoutError` when that takes longer than `seconds`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one crossing is cheaper than an object for it"
    )]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        http: bool,
        method: &str,
        target: &str,
        headers: Option<&Bound<'py, PyAny>>,
        body: &Bound<'py, PyBytes>,
        key: Option<String>,
        seconds: Option<f64>,
    ) -> PyResult<(u8, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        Self::wake_host(slf)?;
        let request = request(http, method, target, headers, body, key)?;
        let mut watch = Watch::new(seconds);
        let this = slf.get();
        let done = detached(py, || {
            this.inner()
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
        slf: &Bound<'_, Self>,
        queue: &Bound<'_, Queue>,
        http: bool,
        method: &str,
        target: &str,
        headers: Option<&Bound<'_, PyAny>>,
        body: &Bound<'_, PyBytes>,
        key: Option<String>,
    ) -> PyResult<u64> {
        Self::wake_host(slf)?;
        let request = request(http, method, target, headers, body, key)?;
        Ok(slf.get().inner().submit(queue.get().inner()?, request))
    }

    /// Opens a session and blocks until the upstream has agreed: an outcome with a stream that can
    /// also be sent to.
    fn session<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        target: &str,
        headers: Option<&Bound<'py, PyAny>>,
        key: Option<String>,
        seconds: Option<f64>,
    ) -> PyResult<(u8, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let request = session(target, headers, key)?;
        let mut watch = Watch::new(seconds);
        let this = slf.get();
        let done = detached(py, || {
            this.inner()
                .call_while(request, watch.step(), || watch.go_on())
        });
        watch.verdict()?;
        outcome(py, done)
    }

    /// Opens a session whose outcome comes to `queue` under the returned ticket.
    fn submit_session(
        &self,
        queue: &Bound<'_, Queue>,
        target: &str,
        headers: Option<&Bound<'_, PyAny>>,
        key: Option<String>,
    ) -> PyResult<u64> {
        let request = session(target, headers, key)?;
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

    /// What was counted of calls, in Prometheus' format.
    fn metrics(&self) -> String {
        self.inner().metrics()
    }

    /// The configuration in force as JSON, secrets masked.
    fn config<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner().config_json().to_string().as_bytes())
    }

    /// Starts the HTTP server; it is bound when this returns.
    fn serve(
        slf: &Bound<'_, Self>,
        py: Python<'_>,
        listen: Option<String>,
        threads: Option<usize>,
    ) -> PyResult<Server> {
        Self::wake_host(slf)?;
        Server::start(py, slf.get().inner(), listen, threads)
    }

    /// Has a function asked in `queue`, or with `follows` in the queue of the call that needs it;
    /// `tag` comes back in every question.
    fn provide(
        &self,
        py: Python<'_>,
        name: &str,
        queue: &Bound<'_, Queue>,
        tag: u64,
        follows: bool,
    ) -> PyResult<()> {
        let queue = queue.get().inner()?.clone();
        let function = if follows {
            bridge::HostFunction::following(queue, tag)
        } else {
            bridge::HostFunction::new(queue, tag)
        };
        detached(py, || self.inner().provide(name, function)).map_err(|error| raise(py, &error))
    }

    /// What runs this engine's functions: `host` unless there is one already.
    fn host_or(&self, py: Python<'_>, host: Py<PyAny>) -> Py<PyAny> {
        if let Some(of) = &self.of {
            of.get().host_or(py, host)
        } else if let Some(there) = self.host(py) {
            there
        } else {
            let given = host.clone_ref(py);
            self.adopt(host);
            given
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.of)?;
        match self.host.try_lock() {
            Ok(host) => visit.call(&*host),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        if let Ok(mut host) = self.host.try_lock() {
            *host = None;
        }
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
