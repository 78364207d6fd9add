//! From target to target: which one is next after a failure, and when to give up.

use std::sync::Arc;

use tidegate_policy::Tick;
use tidegate_types::{Code, Error};
use tokio::time::Instant;

use super::{
    Answer, Job,
    attempt::{self, Outcome, Passed},
    plan,
};
use crate::snapshot::{Chain, Route, Target};

/// Tries the planned targets in order until one answers.
pub(super) async fn run(
    job: &mut Job,
    route: &Arc<Route>,
    until: Option<Instant>,
) -> Result<Answer, Error> {
    let mut way = Way::default();
    let result = round(job, route, &mut way, until).await?;
    if let Some(answer) = result {
        return Ok(answer);
    }
    // Nothing was tried. Keys that were refused may ask again: the upstream's own words say better
    // what is wrong with them.
    if job.attempts.is_empty() && (route.try_anyway || way.refused_only) && way.soonest.is_some() {
        way = Way {
            anyway: true,
            ..Way::default()
        };
        if let Some(answer) = round(job, route, &mut way, until).await? {
            return Ok(answer);
        }
    }
    Err(way.error(job, route))
}

/// What was met on the way.
#[derive(Default)]
struct Way {
    /// Whether targets that are not well are tried too.
    anyway: bool,
    /// The last failure of a try.
    failed: Option<Error>,
    /// Why a target could not even be tried.
    skipped: Option<Error>,
    /// When the first of the targets that are not well may be asked again.
    soonest: Option<Tick>,
    /// Whether all of them only wait because their keys were refused.
    refused_only: bool,
    /// Chains that were taken.
    taken: Vec<Chain>,
}

impl Way {
    fn error(self, job: &Job, route: &Route) -> Error {
        if let Some(error) = self.failed {
            return error;
        }
        let text = format!("no target of {:?} can be used now", route.name);
        match (self.soonest, self.skipped) {
            (Some(soonest), _) => {
                let wait = soonest.since(job.gateway.clock.now());
                Error::new(Code::NoHealthyTarget, text).with_retry_after(wait)
            }
            (None, Some(error)) => error,
            (None, None) => Error::new(Code::NoHealthyTarget, text),
        }
    }
}

/// One round over the targets; chains are added to it as failures ask for them. `Err` ends the call.
async fn round(
    job: &mut Job,
    route: &Arc<Route>,
    way: &mut Way,
    until: Option<Instant>,
) -> Result<Option<Answer>, Error> {
    let mut order = job.plan.order.clone();
    let mut fallbacks_at = job.plan.fallbacks_at;
    let mut at = 0;
    way.refused_only = true;
    while let Some(position) = order.get(at).copied() {
        at += 1;
        let Some(target) = job.plan.target(route, position) else {
            continue;
        };
        let error = match attempt::run(job, &target, way.anyway, until).await? {
            Outcome::Answered(answer) => {
                plan::answered(job, route, position, job.gateway.clock.now());
                return Ok(Some(answer));
            }
            Outcome::Passed(Passed::Waiting { until, refused }) => {
                way.soonest = Some(way.soonest.map_or(until, |known| known.min(until)));
                way.refused_only &= refused;
                continue;
            }
            Outcome::Passed(Passed::Unusable(error)) => {
                way.skipped = way.skipped.take().or(error);
                continue;
            }
            Outcome::Failed(error) => error,
        };
        let now = job.gateway.clock.now();
        let late = target.retry.give_up_after;
        if late.is_some_and(|late| now.since(job.started) > late) {
            return Err(error);
        }
        let code = error.code();
        let chain = Chain::of(code).filter(|chain| !way.taken.contains(chain));
        let others = chain.map_or_else(Default::default, |chain| {
            way.taken.push(chain);
            plan::chain(job, route, chain)
        });
        match code {
            Code::ContextWindow | Code::ContentPolicy if !others.is_empty() => {
                order.truncate(at);
                order.extend(others);
            }
            // Only what takes more can help; only the caller can say that others may be asked.
            Code::ContextWindow => keep_longer(job, route, &target, &mut order, at),
            Code::ContentPolicy => order.truncate(at),
            _ => {
                let place = fallbacks_at.max(at);
                fallbacks_at = place + others.len();
                order.insert_many(place, others);
            }
        }
        way.failed = Some(error);
    }
    Ok(None)
}

/// Drops the targets from `at` on that are not known to take longer prompts than `target`.
fn keep_longer(
    job: &Job,
    route: &Route,
    target: &Target,
    order: &mut tidegate_policy::route::Order,
    at: usize,
) {
    let rest: Vec<u16> = order[at..]
        .iter()
        .copied()
        .filter(|position| {
            let other = job.plan.target(route, *position);
            match (target.context, other.and_then(|other| other.context)) {
                (Some(this), Some(other)) => other > this,
                _ => false,
            }
        })
        .collect();
    order.truncate(at);
    order.extend(rest);
}
