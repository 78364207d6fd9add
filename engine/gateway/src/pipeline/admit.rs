//! Stage 3: rate limits and in-flight caps; a budget that is used up refuses before any work.

use std::time::Duration;

use tidegate_policy::{identity::Refused, limits::Limited};
use tidegate_types::{Code, Error, config::Priority};

use super::{Job, queue, reserve};

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
    let now = job.gateway.clock.now();
    if let Some(refused) = chain.exhausted(now) {
        return Err(reserve::refused(&refused));
    }
    let seats = match chain.admit(&job.gateway.room, now) {
        Err(full) if waits(job, &full) => {
            let mut queued = Duration::ZERO;
            let granted = Box::pin(queue::wait(job, vec![chain.way()], &mut queued)).await;
            job.waited += queued;
            job.facts.queued += queued;
            let granted = granted.map_err(|refused| match refused.code() {
                Code::AtCapacity => limited(&full),
                _ => refused,
            })?;
            let now = job.gateway.clock.now();
            chain.count(now).map(|()| granted.seats)
        }
        admitted => admitted,
    };
    job.permit = Some(seats.map_err(|refused| limited(&refused))?);
    Ok(())
}

/// Whether a call waits for a place that it does not find.
fn waits(job: &Job, refused: &Refused<Limited>) -> bool {
    matches!(refused.why, Limited::InFlight(_)) && job.snapshot.config.queue.is_some()
}

/// Whether the call would be let in, or would wait for its turn. Nothing is counted.
///
/// # Errors
/// Those of the stage.
pub(super) fn look(job: &Job) -> Result<(), Error> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let now = job.gateway.clock.now();
    if let Some(refused) = identity.chain.exhausted(now) {
        return Err(reserve::refused(&refused));
    }
    match identity.chain.would_admit(now) {
        Err(full) if waits(job, &full) => Ok(()),
        room => room.map_err(|refused| limited(&refused)),
    }
}

/// The error of a call for which a level has no room.
pub(super) fn limited(refused: &Refused<Limited>) -> Error {
    let by = &refused.by;
    match refused.why {
        Limited::Requests(most, per, wait) => {
            let text = format!("{by} may make {most} requests per {per:?}");
            Error::new(Code::RateLimited, text).with_retry_after(wait)
        }
        Limited::InFlight(most) => {
            let text = format!("{by} may have {most} requests in flight");
            Error::new(Code::RateLimited, text)
        }
    }
}

/// Which priority a call has before its caller says anything: a rule's, the route's or the key's.
pub(super) fn priority(job: &Job, rule: Option<Priority>) -> Priority {
    let route = job.route.as_ref().and_then(|route| route.priority);
    let key = job.identity.as_ref().map(|identity| identity.priority);
    rule.or(route).or(key).unwrap_or_default()
}
