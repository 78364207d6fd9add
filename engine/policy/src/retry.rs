//! What follows a failed try.

mod budget;
mod hedge;

use std::time::Duration;

use tidegate_types::{Code, config};

pub use budget::RetryBudget;
pub use hedge::{Hedge, UNKNOWN};

use crate::rng::Rng;

/// How often and how patiently one target is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Tries per target, the first included; at least 1.
    pub attempts: u32,
    /// Pause before the second try; doubles from try to try.
    pub backoff: Duration,
    /// Longest pause worth waiting for.
    pub max_backoff: Duration,
    /// Second tries that each call earns.
    pub budget: f64,
    /// A failure that comes later than this after the call began ends it.
    pub give_up_after: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 2,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(2),
            budget: 0.2,
            give_up_after: None,
        }
    }
}

impl From<&config::RetryPolicy> for RetryPolicy {
    fn from(policy: &config::RetryPolicy) -> Self {
        let default = Self::default();
        Self {
            attempts: policy.attempts.unwrap_or(default.attempts).max(1),
            backoff: policy
                .backoff
                .map_or(default.backoff, config::Duration::get),
            max_backoff: policy
                .max_backoff
                .map_or(default.max_backoff, config::Duration::get),
            budget: policy.budget.unwrap_or(default.budget),
            give_up_after: policy.give_up_after.map(config::Duration::get),
        }
    }
}

/// What to do after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try the same target again after this pause.
    Retry(Duration),
    /// Go on to the next target.
    NextTarget,
    /// Give up: no other target can help.
    Stop,
}

impl RetryPolicy {
    /// Decides after try number `tried` (from 1) failed with `code`. `other_key` says that the
    /// target has another key that is ready.
    ///
    /// A caller's own mistake never walks the chain. A key that was refused or is rate limited is
    /// replaced at once where another is ready. `Retry-After` is waited for when it is not longer
    /// than `max_backoff`; otherwise the next target is sooner.
    pub fn next(
        &self,
        code: Code,
        tried: u32,
        retry_after: Option<Duration>,
        other_key: bool,
        rng: &mut Rng,
    ) -> Next {
        match code {
            Code::UpstreamRejected
            | Code::TotalTimeout
            | Code::Unsupported
            | Code::InvalidRequest => Next::Stop,
            // Where these lead is the chain's business, not this target's.
            Code::UpstreamNotFound | Code::ContextWindow | Code::ContentPolicy => Next::NextTarget,
            Code::UpstreamAuth => {
                if other_key {
                    Next::Retry(Duration::ZERO)
                } else {
                    Next::NextTarget
                }
            }
            Code::UpstreamRateLimited if other_key => Next::Retry(Duration::ZERO),
            _ if tried >= self.attempts => Next::NextTarget,
            _ => match retry_after {
                Some(after) if after > self.max_backoff => Next::NextTarget,
                Some(after) => Next::Retry(after),
                None => Next::Retry(self.pause(tried, rng)),
            },
        }
    }

    /// Pause after try number `tried`: doubling, capped, and between half and all of that by chance
    /// so that callers that failed together do not come back together.
    fn pause(&self, tried: u32, rng: &mut Rng) -> Duration {
        let doubled = self
            .backoff
            .saturating_mul(1 << tried.saturating_sub(1).min(16));
        doubled
            .min(self.max_backoff)
            .mul_f64(0.5 + rng.unit() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_own_mistake_never_walks_the_chain() {
        let policy = RetryPolicy::default();
        let mut rng = Rng::with_seed(1);
        assert_eq!(
            policy.next(Code::UpstreamRejected, 1, None, true, &mut rng),
            Next::Stop
        );
    }

    #[test]
    fn pauses_double_are_capped_and_jittered_within_half() {
        let policy = RetryPolicy {
            attempts: 9,
            ..RetryPolicy::default()
        };
        let mut rng = Rng::with_seed(1);
        for (tried, full) in [
            (1, 200),
            (2, 400),
            (3, 800),
            (4, 1600),
            (5, 2000),
            (8, 2000),
        ] {
            for _ in 0..50 {
                let Next::Retry(pause) =
                    policy.next(Code::UpstreamFailed, tried, None, false, &mut rng)
                else {
                    panic!("no retry");
                };
                let full = Duration::from_millis(full);
                assert!(pause >= full / 2 && pause <= full, "{tried}: {pause:?}");
            }
        }
        assert_eq!(
            policy.next(Code::UpstreamFailed, 9, None, false, &mut rng),
            Next::NextTarget
        );
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_longest_pause() {
        let policy = RetryPolicy::default();
        let mut rng = Rng::with_seed(1);
        let next = |secs, rng: &mut Rng| {
            policy.next(
                Code::UpstreamRateLimited,
                1,
                Some(Duration::from_secs(secs)),
                false,
                rng,
            )
        };
        assert_eq!(next(1, &mut rng), Next::Retry(Duration::from_secs(1)));
        assert_eq!(next(30, &mut rng), Next::NextTarget);
    }
}
