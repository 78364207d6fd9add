//! Stage 3: rate limits and in-flight caps; a budget that is used up refuses before any work.

use std::time::Duration;

use tidegate_policy::identity::Refused;
use tidegate_types::{Code, Error, config::Priority};

use super::{Job, queue};

pub(super) async fn run(job: &mut Job) -> Result<(), Error> {
    let asked = job.context.priority.unwrap_or(job.priority);
    // Callers may do with less than they have, never with more.
    job.priority = match job.owner() {
        Some(_) => job.priority.min(asked),
        None => asked,
    };
    let Some(identity) = job.identity.clone() else {
        return Ok(());
    };
    let chain = &identity.chain;
    job.gateway.treasury.admit(chain)?;
    let seats = match chain.admit(&job.gateway.room) {
        Err(full) if job.snapshot.config.queue.is_some() => {
            let mut queued = Duration::ZERO;
            let granted = Box::pin(queue::wait(job, vec![chain.way()], &mut queued)).await;
            job.waited += queued;
            job.facts.queued += queued;
            let granted = granted.map_err(|refused| match refused.code() {
                Code::AtCapacity => crowded(&full),
                _ => refused,
            })?;
            Ok(granted.seats)
        }
        admitted => admitted,
    };
    let seats = seats.map_err(|refused| crowded(&refused))?;
    job.gateway.treasury.count(chain).await?;
    job.permit = Some(seats);
    Ok(())
}

/// Whether the call would be let in, or would wait for its turn. Nothing is counted.
///
/// # Errors
/// Those of the stage.
pub(super) fn look(job: &Job) -> Result<(), Error> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let (treasury, chain) = (&job.gateway.treasury, &identity.chain);
    treasury.admit(chain)?;
    match chain.would_admit() {
        Err(_) if job.snapshot.config.queue.is_some() => {}
        room => room.map_err(|refused| crowded(&refused))?,
    }
    treasury.would_count(chain, None)
}

/// The error of a call for which a level has no place.
pub(super) fn crowded(refused: &Refused<u32>) -> Error {
    let Refused { by, why: most } = refused;
    let text = format!("{by} may have {most} requests in flight");
    Error::new(Code::RateLimited, text)
}

/// Which priority a call has before its caller says anything: a rule's, the route's or the key's.
pub(super) fn priority(job: &Job, rule: Option<Priority>) -> Priority {
    let route = job.route.as_ref().and_then(|route| route.priority);
    let key = job.identity.as_ref().map(|identity| identity.priority);
    rule.or(route).or(key).unwrap_or_default()
}
