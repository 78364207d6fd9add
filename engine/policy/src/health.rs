//! How well upstreams do: one [`Place`] for each target, living as long as the engine.
//!
//! Nothing here reads a clock or draws by chance: every decision is a function of the moments and
//! outcomes it was told. Places and pauses are kept by a [`Registry`] that outlives a reload.

mod average;
mod breaker;
mod meter;
mod quota;
mod registry;
mod spread;
mod trial;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

pub use average::PeakAverage;
pub use breaker::{Breaker, BreakerPolicy, State};
pub use meter::{Meter, Unit};
pub use quota::{Quota, Remaining};
pub use registry::Registry;
pub use spread::Spread;
use trial::Pass;
pub use trial::{Ended, Trial};

use crate::{
    admission::{Gate, Room, Seats},
    clock::Tick,
    retry::RetryBudget,
};

/// What is known of one target: its load, its speed and its mishaps.
#[derive(Debug, Default)]
pub struct Place {
    /// Counts the calls under way, streams and sessions included.
    pub gate: Arc<Gate>,
    /// Nanoseconds to the first token of a stream.
    pub first_token: PeakAverage,
    /// Nanoseconds per generated token.
    pub per_token: PeakAverage,
    /// Nanoseconds until an answer was complete.
    pub total: PeakAverage,
    /// How long first contents of streams took.
    pub first_contents: Spread,
    /// How long answers took that were given as a whole.
    pub wholes: Spread,
    /// Cuts a failing target off.
    pub breaker: Breaker,
    /// How many tries may be second tries.
    pub retries: RetryBudget,
}

impl Place {
    /// A place of which nothing is known, whose calls wait in that room.
    pub fn new(room: &Arc<Room>) -> Self {
        Self {
            gate: Gate::new(room),
            ..Self::default()
        }
    }

    /// Calls under way, streams and sessions included.
    pub fn in_flight(&self) -> u32 {
        self.gate.taken()
    }

    /// Begins a try, which holds these seats until its end. `None` while the breaker is open, and while it is half open and its probe is
    /// already under way.
    pub fn begin(
        self: &Arc<Self>,
        seats: &mut Seats,
        policy: BreakerPolicy,
        now: Tick,
    ) -> Option<Trial> {
        let pass = if self.breaker.admit(now)? {
            Pass::Probe
        } else {
            Pass::Closed
        };
        let seats = std::mem::take(seats);
        Some(Trial::new(Arc::clone(self), seats, policy, pass, now))
    }

    /// Whether it is known well enough not to be asked: it gave an answer within that time, and its breaker
    /// is closed.
    pub fn is_known(&self, now: Tick, within: Duration) -> bool {
        let answered = self.total.at().is_some_and(|at| now.since(at) < within);
        answered && self.breaker.state(now) == State::Closed
    }

    /// Takes note that it answers, without a try: a breaker that is not closed closes.
    pub fn revive(&self, policy: BreakerPolicy, now: Tick) {
        if self.breaker.state(now) != State::Closed {
            self.breaker.succeeded(&policy, true, now);
        }
    }

    /// Takes note that it does not answer, without a try: a breaker that is half open opens again.
    pub fn note_failure(&self, policy: BreakerPolicy, now: Tick) {
        let reopens = self.breaker.state(now) == State::HalfOpen;
        self.breaker.failed(&policy, reopens, now);
    }

    /// Begins a try although the breaker forbids it.
    pub fn begin_anyway(
        self: &Arc<Self>,
        mut seats: Seats,
        policy: BreakerPolicy,
        now: Tick,
    ) -> Trial {
        self.begin(&mut seats, policy, now)
            .unwrap_or_else(|| Trial::new(Arc::clone(self), seats, policy, Pass::Anyway, now))
    }
}

/// A time during which something is left alone.
#[derive(Debug, Default)]
pub struct Pause(AtomicU64);

impl Pause {
    /// The moment it ends; one in the past when there is none.
    pub fn until(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    /// Whether it is over.
    pub fn over(&self, now: Tick) -> bool {
        self.until() <= now
    }

    /// Makes it last at least this much longer.
    pub fn extend(&self, now: Tick, by: Duration) {
        self.0.fetch_max(now.plus(by).0, Ordering::Relaxed);
    }

    /// Ends it.
    pub fn end(&self) {
        // A store is dearer than a look when several threads share the word.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

/// What is known of one provider key at one target. Vendors count per model.
#[derive(Debug, Default)]
pub struct KeyPauses {
    /// The upstream said that the key asks too often.
    pub limited: Pause,
    /// The upstream said that little of the key's quota is left: others go first.
    pub scarce: Pause,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Need, UNCAPPED};

    #[test]
    fn pauses_only_grow_until_they_are_ended() {
        let pause = Pause::default();
        let now = Tick(5);
        assert!(pause.over(now));
        pause.extend(now, Duration::from_secs(2));
        pause.extend(now, Duration::from_secs(1));
        assert_eq!(pause.until(), now.plus(Duration::from_secs(2)));
        pause.end();
        assert!(pause.over(now));
    }

    #[test]
    fn what_is_learned_without_a_try_opens_and_closes_the_breaker() {
        let place = Place::default();
        let policy = BreakerPolicy {
            failures: 2,
            ..BreakerPolicy::default()
        };
        let at = |seconds: u64| Tick(seconds * 1_000_000_000 + 1);
        place.note_failure(policy, at(0));
        place.revive(policy, at(0));
        assert_eq!(place.breaker.state(at(0)), State::Closed);
        place.note_failure(policy, at(0));
        assert_eq!(place.breaker.state(at(0)), State::Open(at(10)));
        place.note_failure(policy, at(5));
        assert_eq!(
            place.breaker.state(at(5)),
            State::Open(at(10)),
            "nothing new"
        );
        place.note_failure(policy, at(10));
        assert_eq!(place.breaker.state(at(10)), State::Open(at(30)));
        place.revive(policy, at(12));
        assert_eq!(place.breaker.state(at(12)), State::Closed);
        assert!(!place.is_known(at(12), Duration::from_secs(5)));
        place.total.add(1.0, at(12));
        assert!(place.is_known(at(16), Duration::from_secs(5)));
        assert!(!place.is_known(at(17), Duration::from_secs(5)));
    }

    #[test]
    fn tries_in_flight_are_counted_until_they_are_dropped() {
        let place = Arc::new(Place::default());
        let policy = BreakerPolicy::default();
        let try_one = || {
            let need = Need {
                gate: Arc::clone(&place.gate),
                most: UNCAPPED,
            };
            let mut seats = Room::default().enter(&[need]).unwrap();
            place.begin(&mut seats, policy, Tick(1)).unwrap()
        };
        let (first, second) = (try_one(), try_one());
        assert_eq!(place.in_flight(), 2);
        second.end(Ended::Well { tokens: Some(4) }, Tick(5));
        assert_eq!(place.in_flight(), 1);
        drop(first);
        assert_eq!(place.in_flight(), 0);
    }
}
