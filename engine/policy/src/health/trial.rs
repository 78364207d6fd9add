//! One try at a target, from its sending to its end.

use std::sync::Arc;

use tidegate_types::Code;

use super::{BreakerPolicy, Place};
use crate::{admission::Seats, clock::Tick};

/// How a try ended, as far as it says something about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an answer; `tokens` is how many it generated, where known.
    Well {
        /// Generated tokens.
        tokens: Option<u64>,
    },
    /// The target failed.
    Badly,
    /// For a reason that says nothing about the target: the caller's mistake, its key.
    Neither,
}

impl Ended {
    /// How a try ended that failed with this code.
    pub fn with(code: Code) -> Self {
        match code {
            Code::UpstreamFailed
            | Code::UpstreamInvalid
            | Code::UpstreamNotFound
            | Code::StreamInterrupted
            | Code::StreamFailed
            | Code::ConnectFailed
            | Code::ConnectTimeout
            | Code::FirstByteTimeout
            | Code::FirstTokenTimeout
            | Code::IdleTimeout
            | Code::StallTimeout
            | Code::TooSlow
            | Code::ConnectionLost => Self::Badly,
            _ => Self::Neither,
        }
    }
}

/// A try under way. Dropping it without [`end`](Self::end) means that nobody waited for its end.
#[derive(Debug)]
pub struct Trial {
    place: Arc<Place>,
    seats: Seats,
    policy: BreakerPolicy,
    pass: Pass,
    began: Tick,
    first: Option<Tick>,
}

/// Why the breaker let a try pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// It was closed.
    Closed,
    /// It was half open.
    Probe,
    /// Nothing else was left.
    Anyway,
}

impl Trial {
    pub(super) fn new(
        place: Arc<Place>,
        seats: Seats,
        policy: BreakerPolicy,
        pass: Pass,
        now: Tick,
    ) -> Self {
        Self {
            place,
            seats,
            policy,
            pass,
            began: now,
            first: None,
        }
    }

    /// When the first content of a stream came.
    pub fn first(&self) -> Option<Tick> {
        self.first
    }

    /// The first content of a stream came. A half-open breaker closes: the target answers.
    pub fn first_token(&mut self, now: Tick) {
        self.first = Some(now);
        self.place.first_token.add(nanos(now, self.began), now);
        self.place.first_contents.add(now.since(self.began));
        if self.pass != Pass::Closed {
            self.release();
            self.place.breaker.succeeded(&self.policy, true, now);
        }
    }

    /// Gives the probe's place back; from then on the try is one like any other.
    fn release(&mut self) -> Pass {
        let pass = std::mem::replace(&mut self.pass, Pass::Closed);
        if pass == Pass::Probe {
            self.place.breaker.release_probe();
        }
        pass
    }

    /// What the try holds, for one whose end says nothing about how long it holds it.
    pub fn take_seats(&mut self) -> Seats {
        std::mem::take(&mut self.seats)
    }

    /// Takes note of the end.
    pub fn end(mut self, ended: Ended, now: Tick) {
        let pass = self.release();
        match ended {
            Ended::Well { tokens } => {
                let took = nanos(now, self.began);
                self.place.total.add(took, now);
                if self.first.is_none() {
                    self.place.wholes.add(now.since(self.began));
                }
                if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
                    let since = self.first.map_or(took, |first| nanos(now, first));
                    self.place.per_token.add(since / tokens as f64, now);
                }
                let closes = pass != Pass::Closed;
                self.place.breaker.succeeded(&self.policy, closes, now);
            }
            Ended::Badly => {
                let reopens = pass == Pass::Probe;
                self.place.breaker.failed(&self.policy, reopens, now);
            }
            Ended::Neither => {}
        }
    }

    /// Takes note that the target answers, and of nothing else: what was asked says little of how fast it
    /// is.
    pub fn alive(mut self, now: Tick) {
        let closes = self.release() != Pass::Closed;
        self.place.breaker.succeeded(&self.policy, closes, now);
    }

    /// Takes note that another target was quicker: this one takes at least that long. Otherwise only
    /// the quick answers of a target would be known. `streamed`: whether a stream was waited for.
    pub fn outrun(self, streamed: bool, now: Tick) {
        let took = now.since(self.began);
        let history = if streamed {
            &self.place.first_contents
        } else {
            &self.place.wholes
        };
        // What is usual anyway says nothing new, and would be taken for the whole time.
        if history.percentile(50).is_some_and(|usual| took > usual) {
            history.add(took);
        }
        self.abandon(now);
    }

    /// Takes note that nobody waits any more: the target takes at least that long.
    pub fn abandon(self, now: Tick) {
        let took = nanos(now, self.began);
        let averages = [
            self.first.is_none().then_some(&self.place.first_token),
            Some(&self.place.total),
        ];
        for average in averages.into_iter().flatten() {
            if average.get().is_some_and(|known| took > known) {
                average.add(took, now);
            }
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.release();
    }
}

fn nanos(now: Tick, then: Tick) -> f64 {
    now.since(then).as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::State;

    fn begin(place: &Arc<Place>, policy: BreakerPolicy, now: Tick) -> Option<Trial> {
        place.begin(&mut Seats::default(), policy, now)
    }

    #[test]
    fn a_probe_that_nobody_waited_for_leaves_room_for_another() {
        let place = Arc::new(Place::default());
        let policy = BreakerPolicy {
            failures: 1,
            ..BreakerPolicy::default()
        };
        let now = Tick(1);
        begin(&place, policy, now).unwrap().end(Ended::Badly, now);
        assert!(begin(&place, policy, now).is_none());
        let later = now.plus(Duration::from_secs(10));
        let probe = begin(&place, policy, later).unwrap();
        assert!(begin(&place, policy, later).is_none());
        probe.abandon(later);
        begin(&place, policy, later)
            .unwrap()
            .end(Ended::Well { tokens: None }, later);
        assert_eq!(place.breaker.state(later), State::Closed);
    }

    #[test]
    fn speed_is_measured_to_the_first_token_per_token_and_in_all() {
        let place = Arc::new(Place::default());
        let at = |millis: u64| Tick(millis * 1_000_000);
        let mut trial = begin(&place, BreakerPolicy::default(), at(0)).unwrap();
        trial.first_token(at(200));
        trial.end(Ended::Well { tokens: Some(10) }, at(700));
        assert_eq!(place.first_token.get(), Some(200e6));
        assert_eq!(place.per_token.get(), Some(50e6));
        assert_eq!(place.total.get(), Some(700e6));
        begin(&place, BreakerPolicy::default(), at(1000))
            .unwrap()
            .abandon(at(3000));
        let given_up = place.first_token.get();
        assert!(given_up > Some(400e6), "{given_up:?}");
    }
}
