//! A configured engine, its server, and the jobs that may block and so run off the event loop.

use std::{
    path::PathBuf,
    sync::{Arc, Once},
    time::Duration,
};

use napi::{Env, Result, Task, bindgen_prelude::AsyncTask};
use napi_derive::napi;
use tidegate::{
    Code, Error, Functions, Scope,
    bridge::{Engine, HostFunction, Queue, Source},
    config::Format,
};
use tidegate_server::{ServeOptions, Server, ServerHandle};

use crate::values;

/// An engine that any number of gateway views share.
#[napi]
pub struct NativeEngine {
    engine: Engine,
}

impl std::fmt::Debug for NativeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeEngine").finish_non_exhaustive()
    }
}

impl NativeEngine {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

#[napi]
impl NativeEngine {
    /// Opens an engine, with functions of those names to be provided, from `kind` = `env`, `path`, `object` (JSON text), `yaml`, `toml` or `json`.
    #[napi(factory)]
    pub fn open(
        kind: String,
        text: String,
        names: Option<Vec<String>>,
    ) -> Result<Self, &'static str> {
        one_thread();
        let source = source(&kind, text).map_err(|error| values::exception(&error))?;
        // Until the environment's bridge provides it, a function is asked in a queue nobody drains.
        let functions = Functions::new();
        for name in names.unwrap_or_default() {
            functions.insert(name, HostFunction::new(Queue::new(), 0));
        }
        let engine =
            Engine::open_with(source, functions).map_err(|error| values::exception(&error))?;
        Ok(Self { engine })
    }

    /// A client of the engine behind `url`.
    #[napi(factory)]
    pub fn connect(url: String, key: Option<String>) -> Result<Self, &'static str> {
        one_thread();
        let engine = Engine::connect(&url, key).map_err(|error| values::exception(&error))?;
        Ok(Self { engine })
    }

    /// A view of the same engine whose calls are made for whom these say.
    #[napi]
    pub fn scoped(
        &self,
        customer: Option<String>,
        team: Option<String>,
        user: Option<String>,
        tags: Vec<String>,
    ) -> Result<Self, &'static str> {
        let scope = || {
            let mut scope = Scope::new().tags(tags)?;
            if let Some(customer) = customer {
                scope = scope.customer(&customer)?;
            }
            if let Some(team) = team {
                scope = scope.team(&team)?;
            }
            if let Some(user) = user {
                scope = scope.user(&user)?;
            }
            Ok(scope)
        };
        let scope = scope().map_err(|error: Error| values::exception(&error))?;
        let engine = self.engine.scoped(&scope);
        Ok(Self { engine })
    }

    /// Reads the configuration again (`kind` absent) or another one. The old one stays on failure.
    #[napi]
    pub fn reload(&self, kind: Option<String>, text: Option<String>) -> AsyncTask<Job> {
        self.job(Work::Reload(
            kind.map(|kind| (kind, text.unwrap_or_default())),
        ))
    }

    /// Stops intake and waits up to `deadline_ms` for running calls.
    #[napi]
    pub fn close(&self, deadline_ms: u32) -> AsyncTask<Job> {
        self.job(Work::Close(Duration::from_millis(deadline_ms.into())))
    }

    /// The health report as JSON.
    #[napi]
    pub fn health(&self) -> AsyncTask<Job> {
        self.job(Work::Health)
    }

    /// What was counted of calls, in Prometheus' format.
    #[napi]
    pub fn metrics(&self) -> String {
        self.engine.metrics()
    }

    /// The running configuration as JSON, secrets hidden.
    #[napi]
    pub fn config(&self) -> String {
        self.engine.config_json().to_string()
    }

    /// Serves this engine over HTTP; bound when it returns.
    #[napi]
    pub fn serve(
        &self,
        listen: Option<String>,
        threads: Option<u32>,
    ) -> Result<NativeServer, &'static str> {
        let options = ServeOptions {
            listen,
            threads: threads.map(|threads| threads as usize),
        };
        let handle =
            Server::start(&self.engine, options).map_err(|error| values::exception(&error))?;
        Ok(NativeServer {
            handle: Arc::new(handle),
        })
    }
}

#[cfg(feature = "testing")]
#[napi]
impl NativeEngine {
    /// Moves the engine's clock.
    #[napi]
    pub fn advance(&self, ms: u32) {
        self.engine.advance(Duration::from_millis(ms.into()));
    }
}

impl NativeEngine {
    fn job(&self, work: Work) -> AsyncTask<Job> {
        AsyncTask::new(Job {
            engine: Some(self.engine.clone()),
            work,
        })
    }
}

/// A running HTTP server.
#[napi]
pub struct NativeServer {
    handle: Arc<ServerHandle>,
}

impl std::fmt::Debug for NativeServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeServer").finish_non_exhaustive()
    }
}

#[napi]
impl NativeServer {
    /// Where it listens, as a URL.
    #[napi]
    pub fn url(&self) -> String {
        self.handle.addr().to_owned()
    }

    /// Stops listening and lets running answers finish, at most for `deadline_ms` (absent: as
    /// configured).
    #[napi]
    pub fn shutdown(&self, deadline_ms: Option<u32>) -> AsyncTask<Job> {
        let deadline = deadline_ms.map(|ms| Duration::from_millis(ms.into()));
        let work = Work::Shutdown(Arc::clone(&self.handle), deadline);
        AsyncTask::new(Job { engine: None, work })
    }
}

/// Something that may block.
pub struct Job {
    engine: Option<Engine>,
    work: Work,
}

enum Work {
    Reload(Option<(String, String)>),
    Close(Duration),
    Health,
    Shutdown(Arc<ServerHandle>, Option<Duration>),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

/// What a job came to.
#[derive(Debug)]
#[napi(object, object_from_js = false)]
pub struct JobResult {
    /// JSON text of the result, where it has one.
    pub value: Option<String>,
    /// JSON text of the error, where it failed.
    pub error: Option<String>,
}

impl Task for Job {
    type Output = std::result::Result<Option<String>, Error>;
    type JsValue = JobResult;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(match (&self.engine, &self.work) {
            (Some(engine), Work::Reload(new)) => new
                .clone()
                .map(|(kind, text)| source(&kind, text))
                .transpose()
                .and_then(|source| engine.reload(source))
                .map(|()| None),
            (Some(engine), Work::Close(deadline)) => {
                engine.close(*deadline);
                Ok(None)
            }
            (Some(engine), Work::Health) => Ok(Some(engine.health().to_string())),
            (_, Work::Shutdown(handle, deadline)) => {
                handle.shutdown(*deadline);
                Ok(None)
            }
            (None, _) => Ok(None),
        })
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<JobResult> {
        Ok(match output {
            Ok(value) => JobResult { value, error: None },
            Err(error) => JobResult {
                value: None,
                error: Some(values::error_text(&error)),
            },
        })
    }
}

/// One event loop keeps one engine thread busy at most; more would only wake each other. Who has
/// many workers may ask for more.
fn one_thread() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch of the binding, read once"
        )]
        let wish = std::env::var("TIDEGATE_THREADS")
            .ok()
            .and_then(|text| text.parse().ok());
        tidegate::bridge::set_threads(wish.unwrap_or(1).clamp(1, 64));
    });
}

fn source(kind: &str, text: String) -> std::result::Result<Source, Error> {
    Ok(match kind {
        "env" => Source::Env,
        "path" => Source::Path(PathBuf::from(text)),
        "yaml" => Source::Text {
            text,
            format: Format::Yaml,
        },
        "toml" => Source::Text {
            text,
            format: Format::Toml,
        },
        "json" => Source::Text {
            text,
            format: Format::Json,
        },
        _ => Source::Value(
            serde_json::from_str(&text)
                .map_err(|error| Error::new(Code::InvalidConfig, error.to_string()))?,
        ),
    })
}
