//! `tidegate serve`: the server until a signal ends it.

use std::{io, path::PathBuf, time::Duration};

use tidegate::{
    Code, Error,
    bridge::{Engine, Source},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    OK, Serve, complain, find, logging,
    watch::{Change, Watched},
};
use crate::{ServeOptions, Server, ServerHandle};

/// Exit code after a second signal.
const INTERRUPTED: i32 = 130;

/// How often the configuration's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How soon again when someone may be writing to them.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How long a last answer may take after the second signal.
const LAST: Duration = Duration::from_secs(2);

pub(super) fn run(options: Serve) -> i32 {
    let started = logging::install(&options.log).and_then(|()| {
        let attendant = Attendant::new()?;
        let (engine, server, files) = start(options)?;
        Ok(attendant.attend(&engine, &server, files))
    });
    started.unwrap_or_else(|error| complain(&error))
}

fn start(options: Serve) -> Result<(Engine, ServerHandle, Files), Error> {
    let (source, name) = find(options.config);
    let mut files = Files::default();
    if let Source::Path(file) = &source {
        // Looked at before it is read, so that no edit goes unnoticed.
        files.config = Some(file.clone());
        files.watched.set([file.clone()]);
    }
    let engine = Engine::open(source)?;
    files.note(&engine);
    let wish = ServeOptions {
        listen: options.listen,
        threads: options.threads.map(usize::from),
    };
    let server = Server::start(&engine, wish)?;
    announce(&engine, &server, &name);
    Ok((engine, server, files))
}

/// The files whose change means a reload: the configuration and the certificate.
#[derive(Default)]
pub(super) struct Files {
    config: Option<PathBuf>,
    watched: Watched,
}

impl Files {
    /// Watches the files that matter now.
    fn note(&mut self, engine: &Engine) {
        let mut files: Vec<PathBuf> = self.config.clone().into_iter().collect();
        if let Some(tls) = &engine.config().server.tls {
            files.extend([tls.cert.clone().into(), tls.key.clone().into()]);
        }
        self.watched.set(files);
    }

    /// Reads everything again; what has mistakes stays as it was.
    fn reload(&mut self, engine: &Engine, server: &ServerHandle) {
        self.watched.take();
        reload(engine, server);
        self.note(engine);
    }
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

/// Listens to the operating system; made before the server, so that no signal meets its default.
/// The server has threads of its own.
pub(super) struct Attendant {
    runtime: Runtime,
    signals: Signals,
}

impl Attendant {
    /// Takes over the signals.
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |error: io::Error| {
            Error::new(
                Code::Internal,
                format!("cannot listen for signals: {error}"),
            )
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let entered = runtime.enter();
        let signals = Signals::new().map_err(failed)?;
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Waits for signals, for changed files and for the server's end. Gives the exit code.
    pub(super) fn attend(self, engine: &Engine, server: &ServerHandle, files: Files) -> i32 {
        let Self { runtime, signals } = self;
        let code = runtime.block_on(listen(engine, server, files, signals));
        runtime.shutdown_background();
        code
    }
}

async fn listen(
    engine: &Engine,
    server: &ServerHandle,
    mut files: Files,
    mut signals: Signals,
) -> i32 {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let waiting = server.clone();
    let mut ended = tokio::task::spawn_blocking(move || waiting.wait());
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = &mut ended => return OK,
            signal = signals.next() => match signal {
                Signal::Reload => files.reload(engine, server),
                Signal::Stop if stopping => {
                    tracing::warn!("ending at once");
                    server.stop(Some(Duration::ZERO));
                    let _ = timeout(LAST, ended).await;
                    return INTERRUPTED;
                }
                Signal::Stop => {
                    stopping = true;
                    server.stop(None);
                    let connections = server.connections();
                    tracing::info!(
                        connections,
                        "stopping; running calls may finish, another signal ends them"
                    );
                }
            },
            _ = looks.tick(), if !stopping => match files.watched.look() {
                Change::None => {}
                Change::Under => looks.reset_after(LOOK_AGAIN),
                Change::Done => files.reload(engine, server),
            },
        }
    }
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
