//! How far a server is on its way to the end, known to every connection.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::Poll,
};

use tokio::sync::Notify;

/// The way a server goes, one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Serving = 0,
    /// No new connections and requests; running calls go on.
    Draining = 1,
    /// Nothing goes on.
    Over = 2,
}

/// The phase, and the connections that have to follow it.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    changed: Notify,
    open: AtomicUsize,
    emptied: Notify,
    cut: AtomicUsize,
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Lifecycle>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

impl Lifecycle {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Over,
        }
    }

    /// Moves on to `phase` if that is further.
    pub(crate) fn advance(&self, phase: Phase) {
        // Counted before they can notice.
        let open = self.connections();
        let before = self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        if phase == Phase::Over && before < Phase::Over as u8 {
            self.cut.store(open, Ordering::Release);
        }
        self.changed.notify_waiters();
    }

    /// Number of connections that were open when the server was over.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::Acquire)
    }

    /// Waits until the server is at `phase` or further.
    pub(crate) async fn reached(&self, phase: Phase) {
        loop {
            let changed = self.changed.notified();
            if self.phase() >= phase {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        Open(Arc::clone(self))
    }

    /// Number of open connections.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.connections() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Runs a connection to its end, or to the server's. Looking at the phase is one atomic load per
    /// poll: a task keeps its waker, so that it needs to be registered only once per phase.
    /// `wind_down` tells the connection to take no further request.
    pub(crate) async fn accompany<C: Future>(&self, connection: C, wind_down: fn(Pin<&mut C>)) {
        let mut connection = pin!(connection);
        let mut changed = pin!(self.changed.notified());
        let mut registered = false;
        let mut seen = Phase::Serving;
        poll_fn(|cx| {
            loop {
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                if !registered {
                    registered = changed.as_mut().poll(cx).is_pending();
                }
                let phase = self.phase();
                if phase == Phase::Over {
                    return Poll::Ready(());
                }
                if phase == seen && registered {
                    return Poll::Pending;
                }
                if phase > seen {
                    wind_down(connection.as_mut());
                }
                seen = phase;
                changed.set(self.changed.notified());
                registered = false;
            }
        })
        .await;
    }
}
