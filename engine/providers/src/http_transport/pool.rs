//! Kept-alive connections by host.

use std::{
    collections::HashMap,
    fmt::Write as _,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, uri::Authority};
use tokio::runtime::{Handle, Id};

use super::{connection::Connection, dial::Route};

/// Idle connections are looked at this often; the time is counted in these ticks, so that giving a
/// connection back needs no clock.
const TICK: Duration = Duration::from_secs(15);

/// An idle connection is closed when this many ticks have passed: after 60 to 75 seconds.
const TICKS: u32 = 5;

/// More idle connections than this to one host are closed at once.
const MOST_IDLE: usize = 512;

/// Every host talked to.
#[derive(Debug, Default)]
pub(super) struct Pool {
    plain: RwLock<Hosts>,
    secure: RwLock<Hosts>,
    pub(super) shared: Arc<Shared>,
}

type Hosts = HashMap<Authority, Arc<Host>, BuildHasherDefault<Fnv>>;

/// FNV-1a: a few instructions for a name that comes from the configuration, not from a stranger.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What the pool, its hosts and the task that closes idle connections have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    tick: AtomicU32,
    sweeping: AtomicBool,
    hosts: Mutex<Vec<Weak<Host>>>,
}

/// One upstream: where it is, and its idle connections, the one used last on top.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) route: Route,
    pub(super) header: HeaderValue,
    /// `None` once the pool is gone.
    idle: Mutex<Option<Vec<Idle>>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: u32,
}

impl Pool {
    /// The host of `uri`, known or made by `route`.
    pub(super) fn host(
        &self,
        authority: &Authority,
        secure: bool,
        route: impl FnOnce() -> Route,
    ) -> Arc<Host> {
        let hosts = if secure { &self.secure } else { &self.plain };
        if let Some(host) = hosts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(authority)
        {
            return Arc::clone(host);
        }
        let mut hosts = hosts.write().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(authority.clone()).or_insert_with(|| {
            let host = Arc::new(Host {
                header: host_header(authority, secure),
                route: route(),
                idle: Mutex::new(Some(Vec::new())),
                shared: Arc::clone(&self.shared),
            });
            lock(&self.shared.hosts).push(Arc::downgrade(&host));
            host
        });
        Arc::clone(host)
    }
}

impl Host {
    /// The idle connection used last among those of the runtime called `home`: the socket of
    /// another one would wake that one's thread first, each time.
    pub(super) fn take(&self, home: Option<Id>) -> Option<Box<Connection>> {
        let mut idle = lock(&self.idle);
        let idle = idle.as_mut()?;
        let at = idle
            .iter()
            .rposition(|idle| idle.connection.home() == home)?;
        Some(idle.remove(at).connection)
    }

    /// Keeps a connection that can take another request.
    pub(super) fn give(&self, connection: Box<Connection>) {
        let since = self.shared.tick.load(Ordering::Relaxed);
        let mut idle = lock(&self.idle);
        match idle.as_mut().filter(|idle| idle.len() < MOST_IDLE) {
            Some(idle) => idle.push(Idle { connection, since }),
            None => return,
        }
        drop(idle);
        if !self.shared.sweeping.load(Ordering::Relaxed) {
            Shared::sweep(&self.shared);
        }
    }

    /// Drops what has been idle too long or was closed by the upstream. True when some are left.
    fn prune(&self, tick: u32) -> bool {
        let mut guard = lock(&self.idle);
        let Some(idle) = guard.as_mut() else {
            return false;
        };
        let gone: Vec<Idle> = idle
            .extract_if(.., |idle| {
                tick.wrapping_sub(idle.since) >= TICKS || idle.connection.is_worn_out()
            })
            .collect();
        let left = !idle.is_empty();
        drop(guard);
        drop(gone);
        left
    }
}

/// Idle connections know their host, so that they would keep each other for ever.
impl Drop for Pool {
    fn drop(&mut self) {
        for hosts in [&self.plain, &self.secure] {
            for host in hosts
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
            {
                drop(lock(&host.idle).take());
            }
        }
    }
}

impl Shared {
    /// Starts the task that closes idle connections; it ends by itself when none is left.
    fn sweep(this: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if this.sweeping.swap(true, Ordering::SeqCst) {
            return;
        }
        let sweeper = Sweeper(Arc::downgrade(this));
        runtime.spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let Some(shared) = sweeper.0.upgrade() else {
                    return;
                };
                if !shared.advance() {
                    return;
                }
            }
        });
    }

    /// Lets one tick pass. True when idle connections are left.
    pub(super) fn advance(&self) -> bool {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let hosts: Vec<_> = lock(&self.hosts).iter().filter_map(Weak::upgrade).collect();
        hosts.iter().filter(|host| host.prune(tick)).count() > 0
    }
}

/// Lets the next idle connection start a new sweep, also when the runtime ends first.
struct Sweeper(Weak<Shared>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.sweeping.store(false, Ordering::SeqCst);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `host` header: the port only where it is not the scheme's own.
fn host_header(authority: &Authority, secure: bool) -> HeaderValue {
    let mut text = authority.host().to_owned();
    match authority.port_u16() {
        Some(443) if secure => {}
        Some(80) if !secure => {}
        Some(port) => {
            // Writing to a String cannot fail.
            let _ = write!(text, ":{port}");
        }
        None => {}
    }
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
}
