//! What an engine says to the store that it shares its budgets with.

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tidegate_policy::{
    Clock, Tick,
    ledger::{
        Ledger, TELL,
        store::{Store, Unavailable},
    },
    rng::Rng,
};
use tidegate_stores::journal::{self, Journal};
use tidegate_types::{Secret, config::Config};
use tokio::{sync::Mutex, time};

use crate::tasks;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how long it is not asked again after it did not answer.
const AVOIDED: Duration = Duration::from_millis(500);
/// How often journals of dead engines are looked for, in ticks of [`TELL`].
const LOOK: u32 = 40;

/// The way to a store.
#[derive(Debug)]
pub(super) struct Link {
    url: Secret<String>,
    folder: Option<PathBuf>,
    ledger: Arc<Ledger>,
    clock: Arc<Clock>,
    here: ArcSwapOption<Here>,
}

/// What belongs to one process image: connections and locks do not survive a fork.
#[derive(Debug)]
struct Here {
    pid: u32,
    /// One exchange at a time: what an engine says has an order.
    flight: Mutex<Connection>,
    ticking: AtomicBool,
}

#[derive(Debug, Default)]
struct Connection {
    open: Option<Open>,
    failed: Option<Tick>,
}

#[derive(Debug)]
struct Open {
    store: Arc<dyn Store>,
    engine: Arc<str>,
    folder: PathBuf,
    journal: Arc<Journal>,
}

impl Link {
    /// The way to the store that the configuration names; `None`: this engine shares nothing.
    pub(super) fn of(
        config: &Config,
        ledger: &Arc<Ledger>,
        clock: &Arc<Clock>,
    ) -> Option<Arc<Self>> {
        let url = config.shared.as_ref().or(config.store.as_ref())?;
        if url.expose() == "memory" {
            return None;
        }
        Some(Arc::new(Self {
            url: url.clone(),
            folder: config.journal.as_ref().map(PathBuf::from),
            ledger: Arc::clone(ledger),
            clock: Arc::clone(clock),
            here: ArcSwapOption::empty(),
        }))
    }

    /// Whether it leads to the same store as another one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.folder == other.folder
    }

    /// What belongs to this process. The first to come after a fork leaves behind what was the parent's.
    pub(super) fn wake(&self) {
        drop(self.here());
    }

    fn here(&self) -> Arc<Here> {
        let pid = std::process::id();
        let current = self.here.load_full();
        if let Some(here) = current.as_ref().filter(|here| here.pid == pid) {
            return Arc::clone(here);
        }
        let fresh = Arc::new(Here {
            pid,
            flight: Mutex::default(),
            ticking: AtomicBool::new(false),
        });
        let found = self
            .here
            .compare_and_swap(&current, Some(Arc::clone(&fresh)));
        let won = match (&*found, &current) {
            (None, None) => true,
            (Some(found), Some(current)) => Arc::ptr_eq(found, current),
            _ => false,
        };
        if current.is_some() {
            if won {
                self.ledger.forked();
            }
            // Connections of a parent must not be closed by its child.
            std::mem::forget(current);
        }
        if won { fresh } else { self.here() }
    }

    /// Tells and asks what there is. `due`: also what no call waits for.
    pub(super) async fn exchange(self: &Arc<Self>, due: bool) -> Result<(), Unavailable> {
        let here = self.here();
        let mut connection = here.flight.lock().await;
        let asking = self.ledger.asks(self.clock.moment(), due);
        if asking.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        if connection
            .failed
            .is_some_and(|failed| now.since(failed) < AVOIDED)
        {
            return Err(Unavailable("it did not answer a moment ago".to_owned()));
        }
        let told = time::timeout(PATIENCE, async {
            let open = self.open(&mut connection).await?;
            let asks = asking.iter().map(|asking| asking.ask.clone()).collect();
            let moment = self.clock.moment();
            let answers = open.store.exchange(&open.engine, asks, moment).await?;
            for (book, seq) in self.ledger.hear(&asking, &answers) {
                open.journal.heard(book, seq);
            }
            Ok(())
        });
        let told = told.await;
        let told = told.unwrap_or_else(|_| Err(Unavailable(format!("no answer in {PATIENCE:?}"))));
        connection.failed = told.is_err().then(|| self.clock.now());
        drop(connection);
        if !here.ticking.swap(true, Ordering::Relaxed) {
            let ticking = tasks::spawn(tick(Arc::downgrade(self), here.pid));
            here.ticking.store(ticking, Ordering::Relaxed);
        }
        told
    }

    async fn open<'c>(&self, connection: &'c mut Connection) -> Result<&'c Open, Unavailable> {
        let open = if let Some(open) = connection.open.take() {
            open
        } else {
            let store = tidegate_stores::connect(self.url.expose()).await?;
            let engine = format!("{:08x}-{:032x}", std::process::id(), Rng::new().bits());
            let engine: Arc<str> = Arc::from(engine);
            let folder = self.folder.clone();
            let folder = folder.unwrap_or_else(|| default_folder(self.url.expose()));
            let journal = Journal::create(&folder, &engine).map_err(|error| {
                Unavailable(format!("cannot write to the journal's folder: {error}"))
            })?;
            let journal = Arc::new(journal);
            self.ledger.set_log(Some(Arc::clone(&journal) as _));
            let open = Open {
                store,
                engine,
                folder,
                journal,
            };
            self.reconcile(&open).await?;
            open
        };
        Ok(connection.open.insert(open))
    }

    /// Books what engines left behind that are no more.
    async fn reconcile(&self, open: &Open) -> Result<(), Unavailable> {
        let left = journal::left(&open.folder);
        let left =
            left.map_err(|error| Unavailable(format!("cannot read the journal: {error}")))?;
        for left in left {
            let (engine, written) = (Arc::clone(&left.engine), left.written.clone());
            let now = self.clock.moment();
            open.store.reconcile(&engine, written, now).await?;
            tracing::info!(engine = &*engine, "booked what an engine left behind");
            left.remove();
        }
        Ok(())
    }

    async fn look(&self) {
        let here = self.here();
        let connection = here.flight.lock().await;
        if let Some(open) = &connection.open {
            let looked = time::timeout(PATIENCE, self.reconcile(open)).await;
            if let Ok(Err(error)) = looked {
                tracing::warn!(%error, "cannot book what dead engines left behind");
            }
        }
    }

    /// Tells everything and gives back what is not needed any more.
    pub(super) async fn close(self: &Arc<Self>) {
        self.ledger.close();
        // What is told while the last answer comes is told once more.
        for _ in 0..3 {
            if self.exchange(true).await.is_err() {
                return;
            }
        }
        let here = self.here();
        let mut connection = here.flight.lock().await;
        let quiet = self.ledger.asks(self.clock.moment(), true).is_empty();
        if quiet && let Some(open) = connection.open.take() {
            open.journal.remove();
            self.ledger.set_log(None);
        }
    }
}

/// Tells what was spent, again and again, until the engine is no more.
fn tick(link: Weak<Link>, pid: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut count = 0u32;
        loop {
            time::sleep(TELL).await;
            let Some(link) = link.upgrade() else { return };
            if std::process::id() != pid {
                return;
            }
            if let Err(error) = link.exchange(true).await {
                tracing::debug!(%error, "the store does not answer");
            }
            count = count.wrapping_add(1);
            if count.is_multiple_of(LOOK) {
                link.look().await;
            }
        }
    })
}

/// Beside a SQLite file; for others a folder of this user that all engines with the same store share.
fn default_folder(url: &str) -> PathBuf {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//");
        let path = path.split('?').next().unwrap_or(path);
        return PathBuf::from(format!("{path}.journal"));
    }
    let name = blake3::hash(url.as_bytes()).to_hex();
    let state = crate::source::env("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(Path::new(&crate::source::env("HOME")?).join(".local/state"));
    let base = state
        .or_else(home)
        .filter(|base| fs::create_dir_all(base).is_ok());
    let base = base.unwrap_or_else(std::env::temp_dir);
    base.join("tidegate").join(&name[..16])
}
