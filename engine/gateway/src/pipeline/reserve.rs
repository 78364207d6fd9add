//! Stage 7: holds back the most an attempt can cost, before it is made.

use tidegate_policy::{ledger::Refusal, price};
use tidegate_types::{Code, Error};

use super::{Job, batches};
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
    // No prompt is longer than it has bytes, and no sound or picture than the model's window.
    let most = job.body.len() as u64;
    let input = match (&job.endpoint, target.context) {
        (tidegate_types::Endpoint::Relay(_), Some(window)) => most.min(window),
        _ => most,
    };
    let bound = target
        .tariff
        .at(input)
        .map_or_else(Default::default, |price| {
            let output = match job.endpoint {
                tidegate_types::Endpoint::Chat | tidegate_types::Endpoint::Relay(_) => target
                    .own_bound
                    .or(job.asks.max_output)
                    .unwrap_or(target.assumed_output)
                    .saturating_mul(job.asks.choices),
                _ => 0,
            };
            price::bound(&price, input, output)
        });
    let now = job.gateway.clock.now();
    let held = identity.account.reserve(bound, now);
    job.reservation = Some(held.map_err(|refusal| refused(&identity.id, &refusal))?);
    Ok(())
}

/// The error of a call that does not fit a budget.
pub(super) fn refused(id: &str, refusal: &Refusal) -> Error {
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
