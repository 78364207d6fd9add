//! Stage 8: tries the planned targets until one answers.
//!
//! One loop in the caller's own task: no queue and no worker in between. Every try is an `Attempt`.

mod attempt;
mod build;
mod classify;
pub(super) mod homeward;
pub(crate) mod lane;
mod open;
mod race;
mod receive;
pub(super) mod replay;
mod walk;

pub(super) use attempt::Passed;
pub(super) use walk::foretell;

use std::{sync::Arc, time::Duration};

use tidegate_types::{Code, Dialect, Endpoint, Error, Money};
use tokio::time::Instant;

use self::lane::Lanes;
use super::{Answer, AnswerBody, Job, count, lifecycle, plan, reserve};
use crate::{
    models,
    snapshot::{Route, Target, Wire},
};

pub(super) async fn run(job: &mut Job) -> Result<Answer, Error> {
    let Some(route) = job.route.clone() else {
        // The list of models, and what the engine keeps: no target is asked.
        let body = job.known.take();
        let body = match body {
            Some(body) => body,
            None => models::list(job)?.into(),
        };
        return Ok(Answer::own(job.dialect, body));
    };
    if job.body.parts().len() > 1 && is_translated(job, &route) {
        job.body.flatten();
    }
    let result = timed(job, &route).await;
    match result {
        Err(error) if job.endpoint == Endpoint::CountTokens && count::unasked(&error) => {
            Box::pin(count::local(job)).await.ok_or(error)
        }
        result => result,
    }
}

async fn timed(job: &mut Job, route: &Arc<Route>) -> Result<Answer, Error> {
    let mut lanes = Lanes::new(job, lanes(job, route));
    let result = match total(job, route) {
        None => walk::run(job, route, &mut lanes, None).await,
        Some(limit) => {
            let until = Instant::now() + limit;
            let walk = walk::run(job, route, &mut lanes, Some(until));
            tokio::time::timeout_at(until, walk)
                .await
                .unwrap_or_else(|_| {
                    let text = format!("the call took longer than its total deadline of {limit:?}");
                    Err(Error::new(Code::TotalTimeout, text))
                })
        }
    };
    lanes.close(job, &result.as_ref().map(|(_, lane)| *lane));
    result.map(|(answer, _)| answer)
}

/// Whether one of the targets is asked in another format: what is translated is looked at as a whole, so
/// the pieces it came in are let go.
fn is_translated(job: &Job, route: &Route) -> bool {
    let mut planned = job.plan.order.iter();
    planned.any(|position| {
        let target = job.plan.target(route, *position);
        target.is_some_and(|target| wire(job, &target).dialect != job.dialect)
    })
}

/// How many targets may be asked at the same time. What vendors keep is made once.
fn lanes(job: &Job, route: &Route) -> usize {
    let may = matches!(
        job.endpoint,
        Endpoint::Chat | Endpoint::Embeddings | Endpoint::Relay(_)
    );
    // A body that is still arriving can be passed to one.
    let may = may && job.rest.is_none() && !job.facts.brownout;
    if may && job.bound == lifecycle::Bound::Free {
        route.lanes
    } else {
        1
    }
}

/// What would come of asking a target, which nobody does.
pub(super) struct Look {
    /// Why it would not be tried now.
    pub(super) passed: Option<Passed>,
    /// The format it is asked in.
    pub(super) dialect: Dialect,
    /// Parts of the request that would be dropped; the error when no request can be made.
    pub(super) dropped: Result<Vec<String>, Error>,
    /// What would be held back for a try.
    pub(super) bound: Money,
    /// The error when that does not fit a budget.
    pub(super) room: Result<(), Error>,
}

pub(super) fn look(job: &Job, target: &Target) -> Look {
    let bound = reserve::bound(job, target);
    let room = reserve::look(job, target, bound);
    let elsewhere = room.as_ref().err().filter(|short| short.here);
    let short = elsewhere.map(|short| {
        let error = Error::new(short.error.code(), short.error.message());
        Passed::Unusable(Some(error))
    });
    Look {
        passed: attempt::look(job, target, false).or(short),
        dialect: wire(job, target).dialect,
        dropped: build::prepare(job, target).map(|ready| ready.dropped),
        bound: bound.money,
        room: room.map_err(|short| short.error),
    }
}

/// The format in which a target is asked.
fn wire<'t>(job: &Job, target: &'t Target) -> &'t Wire {
    match job.endpoint {
        Endpoint::CountTokens => count::wire(target, job.dialect),
        _ => target.provider.wire(job.dialect, &target.known_as),
    }
}

/// The tightest of the caller's own limit and the first target's `timeouts.total`.
fn total(job: &Job, route: &Route) -> Option<Duration> {
    let first = job.plan.order.first();
    let configured = first
        .and_then(|first| job.plan.target(route, *first))
        .and_then(|target| target.timeouts.total);
    let own = job
        .deadline
        .map(|deadline| deadline.since(job.gateway.clock.now()));
    [configured, own].into_iter().flatten().min()
}
