//! What was counted over a span of time.

use std::time::Duration;

use super::{
    cell::Parts,
    span::{Period, Span},
};
use crate::{
    clock::{Moment, Tick},
    window::Window,
};

/// Threads that read the clock at about the same time come here in any order. Whoever is later than
/// this does not lag: the clock was set back.
pub(super) const STALE: Duration = Duration::from_mins(1);

/// A sum that forgets what its span no longer covers. A clock that is set back makes nothing forgotten:
/// what was counted later than now counts as counted now.
#[derive(Debug)]
pub(super) struct Tally {
    span: Span,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Sliding(Window),
    Fixed { period: Period, sum: i64 },
}

impl Tally {
    /// Nothing counted yet.
    pub(super) fn new(span: Span) -> Self {
        let kept = match &span {
            Span::Sliding(length) => Kept::Sliding(Window::new(*length)),
            Span::Calendar(_) | Span::Ever => Kept::Fixed {
                period: Period::default(),
                sum: 0,
            },
        };
        Self { span, kept }
    }

    /// Makes `now` lie in the period that is counted.
    fn roll(&mut self, now: Moment) {
        let Kept::Fixed { period, sum } = &mut self.kept else {
            return;
        };
        if now >= period.end {
            *sum = 0;
            *period = self.span.period(now);
        } else if period.start.since(now) > STALE {
            *period = self.span.period(now);
        }
    }

    /// The first moment of what is counted together: of the period, or 0 where it slides.
    pub(super) fn since(&mut self, now: Moment) -> Moment {
        self.roll(now);
        match &self.kept {
            Kept::Sliding(_) => Moment(0),
            Kept::Fixed { period, .. } => period.start,
        }
    }

    /// How a store divides the time that it counts over.
    pub(super) fn parts(&mut self, now: Moment) -> Parts {
        self.roll(now);
        match &self.kept {
            Kept::Sliding(window) => {
                let (current, count) = window.part(Tick(now.0));
                let oldest = current.saturating_sub(count);
                Parts {
                    current,
                    oldest,
                    forget: oldest,
                    latest: current.saturating_add(count),
                    fixed: false,
                }
            }
            Kept::Fixed { period, .. } => {
                let current = period.start.0;
                // Others may still be in the period before.
                let forget = if now.since(period.start) > 5 * STALE {
                    current
                } else {
                    0
                };
                Parts {
                    current,
                    oldest: current,
                    forget,
                    latest: now.plus(STALE).0,
                    fixed: true,
                }
            }
        }
    }

    /// Counts an amount now.
    pub(super) fn add(&mut self, now: Moment, amount: i64) {
        self.roll(now);
        match &mut self.kept {
            Kept::Sliding(window) => window.add(Tick(now.0), amount),
            Kept::Fixed { sum, .. } => *sum = sum.saturating_add(amount),
        }
    }

    /// What counts now.
    pub(super) fn sum(&mut self, now: Moment) -> i64 {
        self.roll(now);
        match &mut self.kept {
            Kept::Sliding(window) => window.sum(Tick(now.0)),
            Kept::Fixed { sum, .. } => *sum,
        }
    }

    /// Time until `amount` will have been forgotten; `None`: it never will.
    pub(super) fn frees(&mut self, now: Moment, amount: i64) -> Option<Duration> {
        self.roll(now);
        match &mut self.kept {
            Kept::Sliding(window) => Some(window.frees(Tick(now.0), amount)),
            Kept::Fixed { period, .. } => (period.end.0 != u64::MAX).then(|| period.end.since(now)),
        }
    }
}
