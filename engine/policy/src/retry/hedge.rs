//! When another target is asked beside one that has not answered yet.

use std::time::Duration;

use tidegate_types::config::{self, HedgeAfter};

use super::RetryBudget;
use crate::health::Place;

/// How long a target without a history may take before another one is asked too.
pub const UNKNOWN: Duration = Duration::from_secs(2);
/// Share of calls that may be hedged when the configuration does not say.
const SHARE: f64 = 0.05;
/// Hedges that a route has before calls have earned one.
const FIRST: u32 = 1;

/// How many targets are asked at the same time, and when the next one is.
#[derive(Debug)]
pub struct Hedge {
    after: HedgeAfter,
    most: usize,
    /// Share of calls that may be hedged, and what is left of it; none for a race.
    budget: Option<(f64, RetryBudget)>,
}

impl Hedge {
    /// So many targets at once from the start.
    pub fn race(targets: u32) -> Self {
        Self {
            after: HedgeAfter::Time(Duration::ZERO),
            most: targets.saturating_sub(1) as usize,
            budget: None,
        }
    }

    /// Further targets beside the first.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How long after a target was asked the next one is asked too. `streamed`: whether a stream is
    /// waited for, whose first content counts, or a whole answer.
    pub fn delay(&self, place: &Place, streamed: bool) -> Duration {
        match self.after {
            HedgeAfter::Time(time) => time,
            HedgeAfter::Percentile(percent) => {
                let history = if streamed {
                    &place.first_contents
                } else {
                    &place.wholes
                };
                history.percentile(percent).unwrap_or(UNKNOWN)
            }
        }
    }

    /// A call was made.
    pub fn earn(&self) {
        if let Some((share, budget)) = &self.budget {
            budget.earn(*share);
        }
    }

    /// Takes a hedge, if one is left.
    pub fn spend(&self) -> bool {
        self.budget
            .as_ref()
            .is_none_or(|(_, budget)| budget.spend())
    }
}

impl From<&config::Hedge> for Hedge {
    fn from(hedge: &config::Hedge) -> Self {
        let share = hedge.budget.unwrap_or(SHARE);
        Self {
            after: hedge.after,
            most: hedge.max.unwrap_or(1) as usize,
            budget: Some((share, RetryBudget::starting_with(FIRST))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Spread;

    #[test]
    fn a_hedge_waits_for_the_targets_own_slow_answers() {
        let place = Place::default();
        let hedge = Hedge::from(&config::Hedge::default());
        assert_eq!(hedge.delay(&place, true), UNKNOWN);
        for _ in 0..Spread::ENOUGH {
            place.first_contents.add(Duration::from_millis(300));
        }
        let delay = hedge.delay(&place, true);
        assert!(delay >= Duration::from_millis(300) && delay < Duration::from_millis(340));
        assert_eq!(hedge.delay(&place, false), UNKNOWN);
    }

    #[test]
    fn hedges_stay_below_their_share_from_the_first_call_on() {
        let hedge = Hedge::from(&config::Hedge {
            budget: Some(0.05),
            ..config::Hedge::default()
        });
        let mut hedged = 0;
        for calls in 1..=1000u32 {
            hedge.earn();
            hedged += u32::from(hedge.spend());
            assert!(hedged <= FIRST + calls / 20, "{hedged} of {calls}");
        }
        assert!(hedged >= 50, "{hedged}");
    }

    #[test]
    fn a_race_has_no_budget_and_no_delay() {
        let race = Hedge::race(3);
        assert_eq!(race.most(), 2);
        assert_eq!(race.delay(&Place::default(), false), Duration::ZERO);
        assert!((0..100).all(|_| race.spend()));
    }
}
