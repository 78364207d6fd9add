//! Stage 7: holds back the most an attempt can take, before it is made.

use tidegate_policy::ledger::{Amounts, Reservation};
use tidegate_types::Money;

use super::{Job, most};
use crate::{snapshot::Target, treasury::Short};

/// Holds back what a try at `target` takes at most; nothing for root.
///
/// # Errors
/// `budget_exhausted` and `rate_limited`, with the time until there is room; `store_unavailable`.
pub(super) async fn run(job: &Job, target: &Target) -> Result<Option<Reservation>, Short> {
    let Some(identity) = &job.identity else {
        return Ok(None);
    };
    let (treasury, bound) = (&job.gateway.treasury, bound(job, target));
    let held = treasury.reserve(&identity.chain, target, bound).await;
    held.map(Some)
}

/// The most an attempt at `target` can take.
pub(super) fn bound(job: &Job, target: &Target) -> Amounts {
    let (most, fast) = most::of(job, target);
    let sheet = target.tariff.sheet.as_ref();
    let money = sheet.map_or(Money::ZERO, |sheet| sheet.bound(&most, fast));
    Amounts::consumed(money, &most)
}

/// Whether that much could be held back now. Nothing changes.
///
/// # Errors
/// Those of the stage.
pub(super) fn look(job: &Job, target: &Target, bound: Amounts) -> Result<(), Short> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    job.gateway.treasury.look(&identity.chain, target, bound)
}
