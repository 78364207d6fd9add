//! Stage 7: holds back the most an attempt can cost, before it is made.

use tidegate_policy::ledger::{Refusal, Reservation};
use tidegate_types::{Code, Error, Money};

use super::{Job, most};
use crate::snapshot::Target;

/// Holds back money for a try at `target`; none for root.
///
/// # Errors
/// `budget_exhausted` with the time until enough has left the window.
pub(super) fn run(job: &Job, target: &Target) -> Result<Option<Reservation>, Error> {
    let Some(identity) = &job.identity else {
        return Ok(None);
    };
    let bound = bound(job, target);
    let now = job.gateway.clock.now();
    let held = identity.account.reserve(bound, now);
    held.map(Some)
        .map_err(|refusal| refused(&identity.id, &refusal))
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
pub(super) fn look(job: &Job, bound: Money) -> Result<(), Error> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let room = identity
        .account
        .would_reserve(bound, job.gateway.clock.now());
    room.map_err(|refusal| refused(&identity.id, &refusal))
}

/// The error of a call that does not fit a budget.
pub(crate) fn refused(id: &str, refusal: &Refusal) -> Error {
    let Refusal {
        limit,
        used,
        wanted,
        ..
    } = refusal;
    Error::new(
        Code::BudgetExhausted,
        format!(
            "key {id:?} has a budget of ${limit}, of which ${used} is spent or reserved; this call \
             could cost up to ${wanted}"
        ),
    )
    .with_retry_after(refusal.retry_after)
}
