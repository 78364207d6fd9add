//! The engine's handle.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tidegate_policy::{
    Clock, admission::Room, cache::ExactCache, health as condition, identity::Registry, rng::Rng,
};
use tidegate_providers::{
    function::Functions, http_transport::HttpTransport, transport::Transport,
};
use tidegate_types::{Code, Error, config::Config};
use tokio::sync::Notify;

use crate::{
    call::{Call, CallContext, Reply},
    facts::RequestId,
    health,
    journal::Journal,
    kept::Kept,
    pipeline::{self, brownout::Browned, probe::Prober},
    snapshot::{Snapshot, Ways},
    source, telemetry,
    telemetry::metrics::Metrics,
    treasury::Treasury,
};

/// Memory of the exact cache when the configuration does not say.
const CACHE_BYTES: u64 = 64 << 20;

/// An AI gateway. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    snapshot: ArcSwap<Snapshot>,
    ways: Ways,
    registry: Mutex<Registry>,
    /// What callers may spend.
    pub(crate) treasury: Treasury,
    condition: Arc<Mutex<condition::Registry>>,
    /// Who asks targets how they do.
    pub(crate) prober: Prober,
    /// Where calls wait that find no place.
    pub(crate) room: Arc<Room>,
    /// Calls that got less because there was too much to do.
    pub(crate) browned: Browned,
    /// What is counted of calls.
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cache: ExactCache,
    pub(crate) kept: Kept,
    pub(crate) clock: Arc<Clock>,
    /// High half of request ids: random per engine; the low half counts and is mixed.
    ids: (u64, AtomicU64),
    running: AtomicUsize,
    idle: Notify,
    closed: AtomicBool,
}

/// Counts a call as running until it is dropped.
pub(crate) struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1
            && self.0.closed.load(Ordering::Acquire)
        {
            self.0.idle.notify_waiters();
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// An engine of a validated configuration. Does no I/O; connections are made by calls.
    pub fn new(config: Config) -> Self {
        Self::with_functions(config, Functions::new())
    }

    /// As [`Gateway::new`], with functions of this program in the place of vendors. Functions may be
    /// added to the list later; a name that the configuration does not mention counts from the next
    /// [`Gateway::reload`].
    pub fn with_functions(config: Config, functions: Functions) -> Self {
        let proxies = |name: &str| source::env(name);
        let network = Arc::new(HttpTransport::new(&proxies));
        let clock = Arc::new(Clock::new());
        Self::with_ways(
            config,
            Ways {
                network,
                functions,
                clock,
                metrics: Arc::default(),
                meanings: Arc::default(),
            },
        )
    }

    /// As [`Gateway::new`], with another way to the network and another clock.
    pub fn with_parts(config: Config, network: Arc<dyn Transport>, clock: Arc<Clock>) -> Self {
        let functions = Functions::new();
        Self::with_ways(
            config,
            Ways {
                network,
                functions,
                clock,
                metrics: Arc::default(),
                meanings: Arc::default(),
            },
        )
    }

    /// An engine that lives through a log: whatever secret the environment lacks is made up.
    pub(crate) fn for_replay(config: Config, clock: Arc<Clock>) -> Self {
        let ways = Ways {
            network: Arc::new(HttpTransport::new(&|_| None)),
            functions: Functions::new(),
            clock,
            metrics: Arc::default(),
            meanings: Arc::default(),
        };
        let config = Config {
            log: None,
            // What is lived through again spends nobody's money.
            store: None,
            shared: None,
            ..config
        };
        Self::build(config, ways, source::env_or_made_up)
    }

    fn with_ways(config: Config, ways: Ways) -> Self {
        Self::build(config, ways, source::env)
    }

    fn build(config: Config, ways: Ways, env: fn(&str) -> Option<String>) -> Self {
        let clock = Arc::clone(&ways.clock);
        let mut rng = Rng::new();
        let room = Room::new(&clock);
        let treasury = Treasury::new(Arc::clone(&clock));
        let memory = config.cache.memory.map_or(CACHE_BYTES, |size| size.0);
        let metrics = Arc::clone(&ways.metrics);
        let condition = condition::Registry::new(Arc::clone(&room));
        let condition = Arc::new(Mutex::new(condition));
        let shared = treasury.configure(&config);
        let mut registry = Registry::new(Arc::clone(&room), Arc::clone(&treasury.ledger));
        registry.shared = shared;
        let registry = Mutex::new(registry);
        let now = clock.moment();
        let mut snapshot = Snapshot::compile(config, &ways, &registry, &condition, now, env);
        snapshot.journal = Journal::of(snapshot.config.log.as_ref(), None);
        Self {
            inner: Arc::new(Inner {
                snapshot: ArcSwap::from_pointee(snapshot),
                ways,
                registry,
                treasury,
                condition,
                prober: Prober::default(),
                room,
                browned: Browned::default(),
                metrics,
                cache: ExactCache::new(memory, rng.bits()),
                kept: Kept::new(),
                clock,
                ids: ((rng.bits() >> 64) as u64, AtomicU64::new(rng.bits() as u64)),
                running: AtomicUsize::new(0),
                idle: Notify::new(),
                closed: AtomicBool::new(false),
            }),
        }
    }

    /// The one door: runs a call through the eleven stages.
    ///
    /// # Errors
    /// Every code of the table but those of configuration.
    pub async fn execute(&self, context: CallContext, call: Call) -> Result<Reply, Error> {
        pipeline::execute(&self.inner, context, call).await
    }

    /// Takes over a validated configuration. Calls that run keep the old one; budgets, limits,
    /// cached answers and what is known of targets' health carry over.
    pub fn reload(&self, config: Config) {
        let inner = &self.inner;
        let now = inner.clock.moment();
        let shared = inner.treasury.configure(&config);
        let mut registry = inner
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        registry.shared = shared;
        drop(registry);
        let mut next = Snapshot::compile(
            config,
            &inner.ways,
            &inner.registry,
            &inner.condition,
            now,
            source::env,
        );
        let before = inner.snapshot();
        next.journal = Journal::of(next.config.log.as_ref(), before.journal.as_ref());
        inner.snapshot.store(Arc::new(next));
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.inner.snapshot().config)
    }

    /// True while at least one provider could be called.
    pub fn ready(&self) -> bool {
        let snapshot = self.inner.snapshot();
        !self.inner.closed.load(Ordering::Acquire)
            && snapshot
                .providers
                .values()
                .any(|provider| provider.missing.is_none())
    }

    /// Targets and keys with their health, budgets and the cache, as JSON.
    pub fn health(&self) -> serde_json::Value {
        health::report(&self.inner)
    }

    /// What was counted of calls since the engine was made, and how it does now, as text in
    /// Prometheus' format 0.0.4. Routes and targets beyond the first 512 pairs are counted as `other`.
    pub fn metrics(&self) -> String {
        telemetry::page(&self.inner)
    }

    /// Number of calls running, streams included.
    pub fn running(&self) -> usize {
        self.inner.running()
    }

    /// The engine's clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.inner.clock
    }

    /// Refuses new calls from now on. Running ones go on.
    pub fn stop(&self) {
        self.inner.closed.store(true, Ordering::Release);
        self.inner.prober.over.notify_waiters();
    }

    /// As [`stop`](Self::stop), and waits until the log is written.
    pub(crate) fn stop_idle(&self) {
        self.stop();
        if let Some(journal) = &self.inner.snapshot().journal {
            journal.flush_blocking();
        }
    }

    /// Waits until the calls that have ended are in the log, where one is configured; two seconds at
    /// most.
    pub async fn flush(&self) {
        let journal = self.inner.snapshot().journal.clone();
        if let Some(journal) = journal {
            journal.flush().await;
        }
    }

    /// Refuses new calls and waits for running ones, at most `deadline`, and until the log is
    /// written. Gives the number of calls still running.
    pub async fn close(&self, deadline: Duration) -> usize {
        self.stop();
        let drained = async {
            loop {
                let idle = self.inner.idle.notified();
                if self.running() == 0 {
                    return;
                }
                idle.await;
            }
        };
        let _ = tokio::time::timeout(deadline, drained).await;
        self.inner.treasury.close().await;
        self.flush().await;
        self.running()
    }
}

impl Inner {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Number of calls running, streams included.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Registers a call.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Running, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(Code::Closed, "the gateway is closed"));
        }
        self.running.fetch_add(1, Ordering::AcqRel);
        Ok(Running(Arc::clone(self)))
    }

    pub(crate) fn request_id(&self) -> RequestId {
        let count = self
            .ids
            .1
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        RequestId::new((u128::from(self.ids.0) << 64) | u128::from(count))
    }
}
