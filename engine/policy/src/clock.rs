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

/// A monotonic clock that tests can move forward. Steps of the wall clock do not move it.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    /// What tests added, in nanoseconds.
    ahead: AtomicU64,
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
            origin: Instant::now(),
            ahead: AtomicU64::new(0),
        }
    }

    /// This moment.
    pub fn now(&self) -> Tick {
        let passed = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Tick(passed.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// Seconds since 1970, for what people write in configuration and read in logs.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn unix_seconds(&self) -> i64 {
        let ahead = self.ahead.load(Ordering::Relaxed) / 1_000_000_000;
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        i64::try_from(seconds.saturating_add(ahead)).unwrap_or(i64::MAX)
    }

    /// Moves the clock forward, for tests.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}
