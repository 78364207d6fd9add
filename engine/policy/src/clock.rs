//! The only source of time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A moment on the engine's monotonic clock, in nanoseconds since the clock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `after` later.
    pub fn plus(self, after: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// A moment by the wall clock, in nanoseconds since 1970. Unlike a [`Tick`] it means the same to every
/// process, and outlives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `after` later.
    pub fn plus(self, after: Duration) -> Self {
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(after))
    }
}

/// How often the wall clock is looked at. In between, moments go by the monotonic clock.
const LOOK: u64 = 1_000_000_000;

/// A monotonic clock that tests can move forward. Steps of the wall clock do not move it.
#[derive(Debug)]
pub struct Clock {
    /// When it was made; `None` for one that stands still unless it is moved.
    origin: Option<Instant>,
    /// Seconds since 1970 when it was made, where it stands still.
    epoch: u64,
    /// By how much it was moved, in nanoseconds.
    ahead: AtomicU64,
    /// The wall clock's time at tick 0, in nanoseconds since 1970, as it was last seen.
    at_zero: AtomicU64,
    /// The tick from which the wall clock is to be looked at again.
    look: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self {
            origin: Some(Instant::now()),
            epoch: 0,
            ahead: AtomicU64::new(0),
            at_zero: AtomicU64::new(0),
            look: AtomicU64::new(0),
        }
    }

    /// A clock that stands still at a moment, in seconds since 1970, until it is moved.
    pub fn still(unix_seconds: u64) -> Self {
        Self {
            origin: None,
            epoch: unix_seconds,
            ahead: AtomicU64::new(0),
            at_zero: AtomicU64::new(0),
            look: AtomicU64::new(0),
        }
    }

    /// This moment.
    pub fn now(&self) -> Tick {
        let passed = self.origin.map_or(0, |origin| {
            u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
        });
        Tick(passed.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// This moment by the wall clock, which is looked at once a second: steps of it are followed,
    /// forward and back.
    pub fn moment(&self) -> Moment {
        let now = self.now().0;
        if now >= self.look.load(Ordering::Relaxed) {
            let wall = u64::try_from(self.wall().as_nanos()).unwrap_or(u64::MAX);
            let passed = now.saturating_sub(self.ahead.load(Ordering::Relaxed));
            let at_zero = wall.saturating_sub(passed);
            self.at_zero.store(at_zero, Ordering::Relaxed);
            self.look.store(now.saturating_add(LOOK), Ordering::Relaxed);
        }
        Moment(self.at_zero.load(Ordering::Relaxed).saturating_add(now))
    }

    /// Seconds since 1970, for what people write in configuration and read in logs.
    pub fn unix_seconds(&self) -> i64 {
        let ahead = self.ahead.load(Ordering::Relaxed) / 1_000_000_000;
        let seconds = self.wall().as_secs().saturating_add(ahead);
        i64::try_from(seconds).unwrap_or(i64::MAX)
    }

    /// Milliseconds since 1970.
    pub fn unix_millis(&self) -> i64 {
        let ahead = Duration::from_nanos(self.ahead.load(Ordering::Relaxed));
        let millis = self.wall().saturating_add(ahead).as_millis();
        i64::try_from(millis).unwrap_or(i64::MAX)
    }

    /// Time since 1970, before the clock is moved.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Duration {
        if self.origin.is_none() {
            return Duration::from_secs(self.epoch);
        }
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    /// Moves the clock forward, for tests and for whoever lives through a log again.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}
