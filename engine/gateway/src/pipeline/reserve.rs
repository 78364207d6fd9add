//! Stage 7: holds back the most an attempt can cost, before it is made.

use tidegate_policy::{
    identity::{Held, Level, Refused},
    ledger::Refusal,
};
use tidegate_types::{Code, Error, Money};

use super::{Job, most};
use crate::snapshot::Target;

/// What a level says that has not enough for a try.
#[derive(Debug)]
pub(crate) struct Short {
    /// Whether it says so of that provider alone: another one may be asked.
    pub(crate) here: bool,
    /// `budget_exhausted`.
    pub(crate) error: Error,
}

impl From<Refused<Refusal>> for Short {
    fn from(refused: Refused<Refusal>) -> Self {
        Self {
            here: refused.by.level == Level::Provider,
            error: self::refused(&refused),
        }
    }
}

/// Holds back money for a try at `target`; none for root.
///
/// # Errors
/// `budget_exhausted` with the time until enough has left the window.
pub(super) fn run(job: &Job, target: &Target) -> Result<Option<Held>, Short> {
    let Some(identity) = &job.identity else {
        return Ok(None);
    };
    let bound = bound(job, target);
    let now = job.gateway.clock.now();
    let held = identity.chain.reserve(&target.provider.name, bound, now);
    Ok(Some(held?))
}

/// The most an attempt at `target` can cost.
pub(super) fn bound(job: &Job, target: &Target) -> Money {
    let Some(sheet) = &target.tariff.sheet else {
        return Money::ZERO;
    };
    let (most, fast) = most::of(job, target);
    sheet.bound(&most, fast)
}

/// Whether that much could be held back now. Nothing changes.
///
/// # Errors
/// Those of the stage.
pub(super) fn look(job: &Job, target: &Target, bound: Money) -> Result<(), Short> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let (provider, now) = (&target.provider.name, job.gateway.clock.now());
    Ok(identity.chain.would_reserve(provider, bound, now)?)
}

/// The error of a call that does not fit a budget.
pub(crate) fn refused(refused: &Refused<Refusal>) -> Error {
    let by = &refused.by;
    let Refusal {
        limit,
        used,
        wanted,
        ..
    } = &refused.why;
    Error::new(
        Code::BudgetExhausted,
        format!(
            "{by} has a budget of ${limit}, of which ${used} is spent or reserved; this call \
             could cost up to ${wanted}"
        ),
    )
    .with_retry_after(refused.why.retry_after)
}
