//! `tidegate serve`: the server until a signal ends it.

use std::{io, path::PathBuf, time::Duration};

use tidegate::{
    Error,
    bridge::{Engine, Source},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{FAILED, OK, Serve, complain, find, logging, watch::Watched};
use crate::{ServeOptions, Server, ServerHandle};

/// Exit code after a second signal.
const INTERRUPTED: i32 = 130;

/// How often the configuration's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a last answer may take after the second signal.
const LAST: Duration = Duration::from_secs(2);

pub(super) fn run(options: Serve) -> i32 {
    match start(options) {
        Ok((engine, server, file)) => attend(&engine, &server, file),
        Err(error) => complain(&error),
    }
}

fn start(options: Serve) -> Result<(Engine, ServerHandle, Option<PathBuf>), Error> {
    logging::install(&options.log)?;
    let (source, name) = find(options.config);
    let file = match &source {
        Source::Path(file) => Some(file.clone()),
        _ => None,
    };
    let engine = Engine::open(source)?;
    let wish = ServeOptions {
        listen: options.listen,
        threads: options.threads.map(usize::from),
    };
    let server = Server::start(&engine, wish)?;
    announce(&engine, &server, &name);
    Ok((engine, server, file))
}

/// The start-up line, and what an operator should know before the first request.
fn announce(engine: &Engine, server: &ServerHandle, name: &str) {
    let config = engine.config();
    tracing::info!(
        config = name,
        models = config.models.len(),
        keys = config.keys.len(),
        "listening on {}",
        server.addr()
    );
    if !engine.gateway().is_ok_and(|gateway| gateway.ready()) {
        tracing::warn!(
            "no provider can be called: set a key such as OPENAI_API_KEY, or configure `providers`"
        );
    }
    let local = [
        "http://127.",
        "https://127.",
        "http://[::1]",
        "https://[::1]",
        "unix:",
    ];
    if config.keys.is_empty() && !local.iter().any(|start| server.addr().starts_with(start)) {
        tracing::warn!(
            "anyone who reaches {} can spend your keys: configure `keys`",
            server.addr()
        );
    }
}

/// Waits for signals and for the server's end.
pub(super) fn attend(engine: &Engine, server: &ServerHandle, file: Option<PathBuf>) -> i32 {
    // The server has threads of its own; this one only listens to the operating system.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot wait for signals");
            server.shutdown(Some(Duration::ZERO));
            return FAILED;
        }
    };
    let code = runtime.block_on(listen(engine, server, file));
    runtime.shutdown_background();
    code.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot listen for signals");
        server.shutdown(Some(Duration::ZERO));
        FAILED
    })
}

async fn listen(engine: &Engine, server: &ServerHandle, file: Option<PathBuf>) -> io::Result<i32> {
    let mut signals = Signals::new()?;
    let mut watched = Watched::default();
    watched.set(files(engine, file.as_ref()));
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let waiting = server.clone();
    let mut ended = tokio::task::spawn_blocking(move || waiting.wait());
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = &mut ended => return Ok(OK),
            signal = signals.next() => match signal {
                Signal::Reload => {
                    reload(engine, server);
                    watched.set(files(engine, file.as_ref()));
                }
                Signal::Stop if stopping => {
                    tracing::warn!("ending at once");
                    server.stop(Some(Duration::ZERO));
                    let _ = tokio::time::timeout(LAST, ended).await;
                    return Ok(INTERRUPTED);
                }
                Signal::Stop => {
                    stopping = true;
                    server.stop(None);
                    let connections = server.connections();
                    tracing::info!(connections, "stopping; running calls may finish, another signal ends them");
                }
            },
            _ = looks.tick(), if !stopping => {
                if watched.changed() {
                    reload(engine, server);
                    watched.set(files(engine, file.as_ref()));
                }
            }
        }
    }
}

/// The files whose change means a reload: the configuration and the certificate.
fn files(engine: &Engine, file: Option<&PathBuf>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = file.cloned().into_iter().collect();
    if let Some(tls) = &engine.config().server.tls {
        files.extend([tls.cert.clone().into(), tls.key.clone().into()]);
    }
    files
}

/// Reads everything again; what has mistakes stays as it was.
fn reload(engine: &Engine, server: &ServerHandle) {
    let before = engine.config();
    match engine.reload(None).and_then(|()| server.reload_tls()) {
        Ok(()) => {
            let after = engine.config();
            tracing::info!(
                models = after.models.len(),
                keys = after.keys.len(),
                "configuration reloaded"
            );
            let (old, new) = (&before.server, &after.server);
            if old.listen != new.listen
                || old.threads != new.threads
                || old.tls.is_some() != new.tls.is_some()
            {
                tracing::warn!(
                    "server.listen, server.threads and server.tls take effect at the next start"
                );
            }
        }
        Err(error) => {
            tracing::error!("the configuration has mistakes; the last good one stays in force");
            for line in error.message().lines() {
                tracing::error!("{line}");
            }
        }
    }
}

enum Signal {
    Stop,
    Reload,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as on unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Stop
    }
}
