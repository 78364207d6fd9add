//! Stage 3: rate limits and in-flight caps; a budget that is used up refuses before any work.

use std::time::Duration;

use tidegate_policy::{identity::Identity, limits::Limited};
use tidegate_types::{Code, Error, config::Priority};

use super::{Job, queue, reserve};

pub(super) async fn run(job: &mut Job) -> Result<(), Error> {
    let Some(identity) = job.identity.clone() else {
        job.priority = job.context.priority.unwrap_or(job.priority);
        return Ok(());
    };
    // Callers may do with less than they have, never with more.
    job.priority = job
        .priority
        .min(job.context.priority.unwrap_or(job.priority));
    let now = job.gateway.clock.now();
    if let Some(refusal) = identity.account.exhausted(now) {
        return Err(reserve::refused(&identity.id, &refusal));
    }
    let seats = match identity.limits.admit(&job.gateway.room, now) {
        Err(Limited::InFlight(most)) if job.snapshot.config.queue.is_some() => {
            let way = std::iter::once(identity.limits.need()).collect();
            let mut queued = Duration::ZERO;
            let granted = Box::pin(queue::wait(job, vec![way], &mut queued)).await;
            job.waited += queued;
            job.facts.queued += queued;
            let granted = granted.map_err(|refused| match refused.code() {
                Code::AtCapacity => limited(&identity, &Limited::InFlight(most)),
                _ => refused,
            })?;
            let now = job.gateway.clock.now();
            identity.limits.count(now).map(|()| granted.seats)
        }
        admitted => admitted,
    };
    job.permit = Some(seats.map_err(|limited| self::limited(&identity, &limited))?);
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
    let now = job.gateway.clock.now();
    if let Some(refusal) = identity.account.exhausted(now) {
        return Err(reserve::refused(&identity.id, &refusal));
    }
    match identity.limits.would_admit(now) {
        Err(Limited::InFlight(_)) if job.snapshot.config.queue.is_some() => Ok(()),
        room => room.map_err(|limited| self::limited(identity, &limited)),
    }
}

pub(super) fn limited(identity: &Identity, limited: &Limited) -> Error {
    let id = &identity.id;
    match limited {
        Limited::Requests(most, per, wait) => {
            let text = format!("key {id:?} may make {most} requests per {per:?}");
            Error::new(Code::RateLimited, text).with_retry_after(*wait)
        }
        Limited::InFlight(most) => {
            let text = format!("key {id:?} may have {most} requests in flight");
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
