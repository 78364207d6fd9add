//! Starting, stopping and waiting for a server.

use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tidegate::{Code, Error, Gateway, bridge::Engine};
use tokio::{net::TcpListener, time::sleep};
use tokio_rustls::TlsAcceptor;

use crate::{
    address::{self, Listener},
    connection::{self, Socket},
    phase::{Lifecycle, Phase},
    service::Service,
    tls,
    worker::{self, Workers},
};

/// How long running calls may finish when the configuration does not say.
const DRAIN: Duration = Duration::from_secs(30);

/// Pause after an accept that failed, for instance because the process has too many files open.
const REST: Duration = Duration::from_millis(50);

/// Threads when nobody says: one per core, at most this many.
const MOST_THREADS: usize = 4;

/// The HTTP server of an engine.
#[derive(Debug)]
pub struct Server;

/// What may differ from the configuration's `server` section.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// `host:port` or `unix:/path`; port 0 takes a free one. Default: `server.listen`, else
    /// `127.0.0.1:8787`.
    pub listen: Option<String>,
    /// Threads that serve requests. Default: `server.threads`, else one per core, at most 4.
    pub threads: Option<usize>,
}

/// A running server. Cheap to clone. Dropping it lets the server run on.
#[derive(Clone)]
pub struct ServerHandle(Arc<Running>);

struct Running {
    url: String,
    gateway: Gateway,
    lifecycle: Arc<Lifecycle>,
    tls: Arc<ArcSwapOption<Acceptor>>,
    /// When draining ends, and once it has: how many connections were cut.
    end: Mutex<End>,
    ended: Condvar,
}

#[derive(Default)]
struct End {
    drain: Option<Duration>,
    cut: Option<usize>,
}

/// A `TlsAcceptor` that can be swapped for one of renewed certificates.
struct Acceptor(TlsAcceptor);

impl Server {
    /// Starts the server on threads of its own. The address is bound when this returns.
    ///
    /// # Errors
    /// `invalid_config` when the address cannot be bound or a TLS file cannot be used;
    /// `invalid_request` when the engine is a client of another; `internal` when the operating
    /// system gives no threads.
    pub fn start(engine: &Engine, options: ServeOptions) -> Result<ServerHandle, Error> {
        let gateway = engine.gateway()?;
        let config = engine.config();
        let tls = config.server.tls.as_ref().map(tls::acceptor).transpose()?;
        let listen = options.listen.or_else(|| config.server.listen.clone());
        let listener = Listener::bind(listen.as_deref().unwrap_or(address::DEFAULT))?;
        let threads = options.threads.or(config.server.threads);
        let more = threads.unwrap_or_else(cores).saturating_sub(1);
        let lifecycle = Arc::new(Lifecycle::default());
        let runtime = worker::runtime().map_err(|error| no_threads(&error))?;
        let workers = Workers::start(&runtime, more, &lifecycle).map_err(|error| {
            lifecycle.advance(Phase::Over);
            no_threads(&error)
        })?;
        let secure = tls.is_some() && matches!(listener, Listener::Tcp(_));
        let running = Arc::new(Running {
            url: listener.url(secure),
            gateway: gateway.clone(),
            lifecycle: Arc::clone(&lifecycle),
            tls: Arc::new(ArcSwapOption::from_pointee(tls.map(Acceptor))),
            end: Mutex::default(),
            ended: Condvar::new(),
        });
        let service = Arc::new(Service { gateway, lifecycle });
        let seen = Arc::clone(&running);
        thread::Builder::new()
            .name("tidegate-serve".to_owned())
            .spawn(move || {
                // Told even when serving panics: nobody may wait for ever.
                let mut over = Over {
                    running: seen,
                    cut: 0,
                };
                over.cut = runtime.block_on(serve(listener, service, &workers, &over.running));
                runtime.shutdown_background();
            })
            .map_err(|error| no_threads(&error))?;
        Ok(ServerHandle(running))
    }
}

impl ServerHandle {
    /// Where it can be reached: `http://127.0.0.1:8787`, `https://...` or `unix:/path`.
    pub fn addr(&self) -> &str {
        &self.0.url
    }

    /// Begins to stop: no new connections, and running calls may finish until `drain` (default:
    /// `server.drain`, else 30 s) has passed; then they are cut off. Returns at once. A second time
    /// it can only shorten the drain to nothing, with `Some(Duration::ZERO)`.
    pub fn stop(&self, drain: Option<Duration>) {
        let drain = drain.unwrap_or_else(|| {
            let configured = self.0.gateway.config().server.drain;
            configured.map_or(DRAIN, tidegate::config::Duration::get)
        });
        self.0.end().drain.get_or_insert(drain);
        let phase = if drain.is_zero() {
            Phase::Over
        } else {
            Phase::Draining
        };
        self.0.lifecycle.advance(phase);
    }

    /// Waits until the server has ended. Blocks the calling thread. Gives the number of connections
    /// that were cut off.
    pub fn wait(&self) -> usize {
        let mut end = self.0.end();
        loop {
            if let Some(cut) = end.cut {
                return cut;
            }
            end = self
                .0
                .ended
                .wait(end)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`ServerHandle::wait`], for at most `limit`; `None` when the server still runs then.
    pub fn wait_for(&self, limit: Duration) -> Option<usize> {
        let end = self.0.end();
        let waiting = |end: &mut End| end.cut.is_none();
        let (end, _) = self
            .0
            .ended
            .wait_timeout_while(end, limit, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        end.cut
    }

    /// Stops and waits: [`ServerHandle::stop`], then [`ServerHandle::wait`].
    pub fn shutdown(&self, drain: Option<Duration>) -> usize {
        self.stop(drain);
        self.wait()
    }

    /// Number of open connections.
    pub fn connections(&self) -> usize {
        self.0.lifecycle.connections()
    }

    /// Reads the TLS files again, for connections to come. Without TLS it does nothing.
    ///
    /// # Errors
    /// `invalid_config`; the old certificate stays.
    pub fn reload_tls(&self) -> Result<(), Error> {
        if self.0.tls.load().is_some()
            && let Some(tls) = &self.0.gateway.config().server.tls
        {
            let fresh = Acceptor(tls::acceptor(tls)?);
            self.0.tls.store(Some(Arc::new(fresh)));
        }
        Ok(())
    }
}

impl Running {
    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Announces the end of a server.
struct Over {
    running: Arc<Running>,
    cut: usize,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.running.lifecycle.advance(Phase::Over);
        self.running.end().cut = Some(self.cut);
        self.running.ended.notify_all();
    }
}

/// Accepts until told to stop, then drains. Gives the number of connections cut off.
async fn serve(
    listener: Listener,
    service: Arc<Service>,
    workers: &Workers,
    running: &Running,
) -> usize {
    let lifecycle = &running.lifecycle;
    tokio::select! {
        () = accept(listener, service, workers, running) => {}
        () = lifecycle.reached(Phase::Draining) => {}
    }
    let drain = running.end().drain.unwrap_or(DRAIN);
    tokio::select! {
        () = lifecycle.empty() => {}
        () = lifecycle.reached(Phase::Over) => {}
        () = sleep(drain) => {}
    }
    lifecycle.advance(Phase::Over);
    worker::over(lifecycle).await;
    running.gateway.flush().await;
    lifecycle.cut()
}

async fn accept(listener: Listener, service: Arc<Service>, workers: &Workers, running: &Running) {
    let listener = match Accepting::new(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot accept connections");
            return;
        }
    };
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok(socket) => {
                complained = false;
                let service = Arc::clone(&service);
                let tls = running.tls.load().as_ref().map(|tls| tls.0.clone());
                let open = running.lifecycle.open();
                workers.spawn(async move {
                    connection::serve(service, socket, tls).await;
                    drop(open);
                });
            }
            Err(error) => {
                if !complained {
                    tracing::warn!(%error, "cannot accept connections for now");
                }
                complained = true;
                sleep(REST).await;
            }
        }
    }
}

/// A listener registered with the runtime.
enum Accepting {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(
        tokio::net::UnixListener,
        #[expect(dead_code, reason = "removes the file")] Listener,
    ),
}

impl Accepting {
    fn new(listener: Listener) -> io::Result<Self> {
        match listener {
            Listener::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            #[cfg(unix)]
            Listener::Unix(ref file) => {
                let accepting = tokio::net::UnixListener::from_std(file.listener.try_clone()?)?;
                Ok(Self::Unix(accepting, listener))
            }
        }
    }

    /// The next connection, not yet registered with any thread's runtime.
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Ok(Socket::Tcp(listener.accept().await?.0.into_std()?)),
            #[cfg(unix)]
            Self::Unix(listener, _) => Ok(Socket::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get().min(MOST_THREADS))
}

fn no_threads(error: &io::Error) -> Error {
    Error::new(Code::Internal, format!("cannot start threads: {error}"))
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerHandle").field(&self.0.url).finish()
    }
}
