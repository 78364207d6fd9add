//! How many tries may be second tries, so that a failing upstream is not asked twice as often.

use std::sync::atomic::{AtomicI64, Ordering};

/// Second tries that are allowed before any call has earned one, so that quiet callers have theirs.
const RESERVE: i64 = 10;
/// A thousandth of a try.
const TRY: i64 = 1000;

/// Each call earns a share of a try; each second try takes one. What was not used is kept up to a
/// small reserve.
#[derive(Debug)]
pub struct RetryBudget(AtomicI64);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicI64::new(RESERVE * TRY))
    }
}

impl RetryBudget {
    /// One with so many second tries to begin with.
    pub fn starting_with(tries: u32) -> Self {
        Self(AtomicI64::new(i64::from(tries) * TRY))
    }

    /// A call was made; `share` is how many second tries it earns, such as 0.2.
    pub fn earn(&self, share: f64) {
        let earned = (share * TRY as f64) as i64;
        // A race loses or adds one call's share, which does not matter.
        let left = self.0.load(Ordering::Relaxed);
        if left < RESERVE * TRY {
            self.0
                .store((left + earned).min(RESERVE * TRY), Ordering::Relaxed);
        }
    }

    /// Takes a second try, if one is left.
    pub fn spend(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= TRY).then_some(left - TRY)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_tries_stay_below_their_share_and_the_reserve() {
        let budget = RetryBudget::default();
        let mut tries = 0;
        for _ in 0..1000 {
            budget.earn(0.2);
            tries += u32::from(budget.spend());
        }
        assert!((200..=210).contains(&tries), "{tries}");
    }
}
