//! A scripted model vendor over real HTTP on 127.0.0.1, for tests.
//!
//! Every *name* is a vendor of its own: `http://127.0.0.1:PORT/a` is the base URL of `a` in the
//! Anthropic dialect, `http://127.0.0.1:PORT/a/v1` in OpenAI's two dialects. A name answers from its
//! script, one [`Reply`] per request; a name without a script answers every call with a plausible
//! text, streamed when the request asks for it. Every request is recorded to the byte, with its
//! arrival and with the moment its client left early.
//!
//! Tests in Rust use [`Server`]; others start the `mock-upstream` binary and speak to `/__script`,
//! `/__log`, `/__default`, `/__reset` and `/__stats` (see `tests/README.md`).
#![expect(
    clippy::disallowed_methods,
    reason = "a test tool keeps real time and spawns freely"
)]

mod io;
mod play;
mod record;
mod say;
mod script;
mod serve;
mod session;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use record::Recorded;
pub use script::{Act, Chunk, Defaults, Reply, Times, When};

use serve::Shared;

/// How a [`Server`] starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Port on 127.0.0.1. Default 0: a free one.
    pub port: u16,
    /// Folder that `fixture` names are relative to. Default: `tests/spec/fixtures` of this checkout.
    pub fixtures: Option<PathBuf>,
    /// Threads that serve. Default 1.
    pub threads: usize,
}

/// A running vendor; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    /// Binds and serves on threads of its own.
    ///
    /// # Errors
    /// When the port is taken or no thread can be started.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let fixtures = options
            .fixtures
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/fixtures"));
        let shared = Arc::new(Shared::new(fixtures));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("mock-upstream")
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(serve::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            addr,
            shared,
            runtime: Some(runtime),
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// The bare origin of `name`: the Anthropic base URL. The OpenAI one adds `/v1`.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.addr)
    }

    /// Replaces the script of `name`; its first reply is next.
    pub fn script(&self, name: &str, replies: Vec<Reply>) {
        self.shared.script(name, replies);
    }

    /// How names without a script answer.
    pub fn defaults(&self, defaults: Defaults) {
        self.shared.set_defaults(defaults);
    }

    /// Everything received so far, in order of arrival.
    pub fn log(&self) -> Vec<Recorded> {
        self.shared.log.all()
    }

    /// Waits until `done` holds for the log, or `limit` has passed; gives the log as it then is.
    pub fn wait(
        &self,
        limit: Duration,
        done: impl Fn(&[Recorded]) -> bool + Sync,
    ) -> Vec<Recorded> {
        let Some(runtime) = &self.runtime else {
            return Vec::new();
        };
        runtime.block_on(self.shared.log.wait(limit, &done))
    }

    /// Milliseconds since the start: the scale of [`Recorded::at_ms`].
    pub fn now_ms(&self) -> f64 {
        self.shared.log.now_ms()
    }

    /// Forgets scripts, records and defaults.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
