//! Stage 7: holds back the most an attempt can cost, before it is made.

use tidegate_policy::ledger::Refusal;
use tidegate_types::{Code, Error, Money};

use super::{Job, batches, most};
use crate::snapshot::Target;

/// Replaces the reservation of an earlier attempt by one for `target`.
///
/// # Errors
/// `budget_exhausted` with the time until enough has left the window.
pub(super) fn run(job: &mut Job, target: &Target) -> Result<(), Error> {
    job.reservation = None;
    batches::hold(job, target)?;
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let bound = match &target.tariff.sheet {
        Some(sheet) => {
            let (most, fast) = most::of(job, target);
            sheet.bound(&most, fast)
        }
        None => Money::ZERO,
    };
    let now = job.gateway.clock.now();
    let held = identity.account.reserve(bound, now);
    job.reservation = Some(held.map_err(|refusal| refused(&identity.id, &refusal))?);
    Ok(())
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
