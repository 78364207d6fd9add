//! Where calls wait for a place.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tidegate_types::config::{self, Priority};

use super::{
    gate::{Need, Seats, UNCAPPED, Way},
    line::{Line, Ticket, Wakers},
};
use crate::clock::{Clock, Tick};

/// How slowly a long wait is forgotten.
const MEMORY: Duration = Duration::from_secs(5);

/// How many calls wait, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Most calls that wait.
    pub size: usize,
    /// Longest wait of a call; its caller keeps it.
    pub max_wait: Duration,
    /// The wait that is borne; see [`config::Queue`].
    pub target_delay: Duration,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self::from(&config::Queue::default())
    }
}

impl From<&config::Queue> for QueuePolicy {
    fn from(queue: &config::Queue) -> Self {
        let max_wait = queue
            .max_wait
            .map_or(Duration::from_secs(2), config::Duration::get);
        Self {
            size: queue.size.unwrap_or(1000),
            max_wait,
            target_delay: queue
                .target_delay
                .map_or(max_wait / 2, config::Duration::get),
        }
    }
}

/// Why a call does not wait, or not any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many wait as may.
    Full,
    /// Calls of its class are turned away because waiting takes too long.
    Shed,
}

/// What a call waited for.
#[derive(Debug)]
pub struct Granted {
    /// Which of its ways is free.
    pub way: usize,
    /// The places on it.
    pub seats: Seats,
    /// How long it waited.
    pub wait: Duration,
}

/// How much is going on in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Calls that wait, of each class, the lowest first.
    pub waiting: [usize; 3],
    /// How long the oldest has waited, or calls had to wait of late.
    pub delay: Duration,
    /// Whether calls are turned away because waiting takes too long.
    pub shedding: bool,
    /// Calls turned away for that reason so far.
    pub shed: u64,
}

/// Where calls wait for a place; one for each engine.
#[derive(Debug, Default)]
pub struct Room {
    clock: Arc<Clock>,
    line: Mutex<Line>,
    waiting: AtomicUsize,
    /// The longest wait of late in nanoseconds, and when it was.
    delay: (AtomicU64, AtomicU64),
    shed: AtomicU64,
}

impl Room {
    /// An empty room.
    pub fn new(clock: &Arc<Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            ..Self::default()
        })
    }

    /// Takes over how many may wait, and how long.
    pub fn configure(&self, policy: QueuePolicy) {
        self.line().policy = policy;
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place at every gate of a way, or at none. Whoever waits for one of them goes first.
    pub fn enter(&self, way: &[Need]) -> Option<Seats> {
        let awaited = |way: &[Need]| {
            way.iter()
                .any(|need| need.most != UNCAPPED && need.gate.waiting() > 0)
        };
        if awaited(way) {
            let mut line = self.line();
            let wakers = self.round(&mut line);
            let seats = Seats::take(way);
            drop(line);
            wake(wakers);
            return seats;
        }
        let seats = Seats::take(way);
        if seats.is_none() && way.iter().any(|need| need.gate.waiting() > 0) {
            self.serve();
        }
        seats
    }

    /// Begins to wait until one of these ways is free.
    ///
    /// # Errors
    /// [`Refusal`] when too many wait, or when the class is not let in for now.
    pub fn wait(
        self: &Arc<Self>,
        class: Priority,
        caller: Option<Arc<str>>,
        ways: Vec<Way>,
    ) -> Result<Waiting, Refusal> {
        let now = self.clock.now();
        let delay = self.delay(now);
        let mut line = self.line();
        if class == Priority::Low && delay.max(line.oldest(now)) > line.policy.target_delay {
            self.shed.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Shed);
        }
        let mut wakers = Wakers::new();
        let joined = line.join(class, caller, ways, now, &mut wakers);
        wakers.extend(self.round(&mut line));
        drop(line);
        wake(wakers);
        let (ticket, slot) = joined?;
        Ok(Waiting {
            room: Arc::clone(self),
            ticket,
            slot,
            over: false,
        })
    }

    /// Lets in whoever can go now.
    pub(super) fn serve(&self) {
        let mut line = self.line();
        let wakers = self.round(&mut line);
        drop(line);
        wake(wakers);
    }

    fn round(&self, line: &mut Line) -> Wakers {
        let now = self.clock.now();
        let mut wakers = Wakers::new();
        if let Some(wait) = line.serve(now, &mut wakers) {
            self.note(wait, now);
        }
        self.waiting.store(line.len(), Ordering::Relaxed);
        wakers
    }

    /// How much is going on.
    pub fn load(&self) -> Load {
        let now = self.clock.now();
        let line = self.line();
        Load {
            waiting: line.lengths(),
            delay: self.delay(now).max(line.oldest(now)),
            shedding: line.is_shedding(),
            shed: line.shed + self.shed.load(Ordering::Relaxed),
        }
    }

    /// Number of calls that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long calls have to wait now: the oldest of those that do, or those of late, which are
    /// forgotten within seconds. Costs next to nothing while nobody waits.
    pub fn queue_delay(&self) -> Duration {
        let now = self.clock.now();
        let late = self.delay(now);
        if self.waiting() == 0 {
            return late;
        }
        late.max(self.line().oldest(now))
    }

    /// How long calls had to wait of late.
    fn delay(&self, now: Tick) -> Duration {
        let nanos = self.delay.0.load(Ordering::Relaxed);
        if nanos == 0 {
            return Duration::ZERO;
        }
        let age = now.since(Tick(self.delay.1.load(Ordering::Relaxed)));
        Duration::from_nanos(nanos).mul_f64((-age.as_secs_f64() / MEMORY.as_secs_f64()).exp())
    }

    fn note(&self, wait: Duration, now: Tick) {
        if wait > self.delay(now) {
            let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
            self.delay.0.store(nanos, Ordering::Relaxed);
            self.delay.1.store(now.0, Ordering::Relaxed);
        }
    }
}

fn wake(wakers: Wakers) {
    for waker in wakers {
        waker.wake();
    }
}

/// Through which a waiting call learns that it may go.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    result: Option<Result<Granted, Refusal>>,
    waker: Option<Waker>,
}

impl Slot {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fill(&self, result: Result<Granted, Refusal>) -> Option<Waker> {
        let mut found = self.found();
        found.result = Some(result);
        found.waker.take()
    }
}

/// A call that waits. Dropping it leaves the room at once; a place it was just given goes to the next.
#[derive(Debug)]
pub struct Waiting {
    room: Arc<Room>,
    ticket: Ticket,
    slot: Arc<Slot>,
    over: bool,
}

impl Future for Waiting {
    type Output = Result<Granted, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut found = self.slot.found();
        if let Some(result) = found.result.take() {
            drop(found);
            self.over = true;
            return Poll::Ready(result);
        }
        found.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let now = self.room.clock.now();
        let mut line = self.room.line();
        if let Some(wait) = line.leave(&self.ticket, now) {
            self.room.note(wait, now);
        }
        self.room.waiting.store(line.len(), Ordering::Relaxed);
    }
}
