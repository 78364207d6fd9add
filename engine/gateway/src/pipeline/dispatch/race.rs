//! Several targets at the same time: at once in a race, or one more when the first takes long.
//!
//! All of it happens in the caller's own task. Whoever answers first wins; dropping the others' futures
//! closes their connections.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use smallvec::SmallVec;
use tidegate_policy::retry::Hedge;
use tidegate_types::{Code, Error};
use tokio::time::Instant;

use super::{
    Job,
    attempt::{self, Outcome},
    lane::Lane,
    walk::{Walk, Won},
};
use crate::snapshot::Target;

/// What came of asking a target, and the lane in which it was asked.
pub(super) type Heard<'l> = (&'l mut Lane, u16, Arc<Target>, Result<Outcome, Error>);

/// As a round over the targets with one lane, but with up to as many at a time as there are lanes. `ask`
/// and `sleep` are how a target is asked and how time passes.
pub(super) async fn run<'l, A: Future<Output = Heard<'l>>, S: Future<Output = ()>>(
    walk: &mut Walk<'_>,
    lanes: &'l mut [Lane],
    ask: impl Fn(&'l mut Lane, u16, Arc<Target>) -> A,
    sleep: impl Fn(Duration) -> S,
) -> Result<Option<Won>, Error> {
    let stream = walk.job.asks.stream;
    let mut free: SmallVec<[&mut Lane; 4]> = lanes.iter_mut().rev().collect();
    let mut running = FuturesUnordered::new();
    let mut timer = pin!(sleep(Duration::ZERO));
    // What lets another target be asked when the timer is due.
    let mut armed: Option<Arc<Hedge>> = None;
    let mut waiting = walk.next();
    if let Some(hedge) = waiting
        .as_ref()
        .and_then(|(_, target)| target.hedge.as_ref())
    {
        hedge.earn();
    }
    loop {
        while let Some((position, target)) = waiting.take() {
            let Some(lane) = free.pop() else { break };
            let more = |hedge: &&Arc<Hedge>| running.len() < hedge.most() && !free.is_empty();
            armed = target.hedge.as_ref().filter(more).cloned();
            if let Some(hedge) = &armed {
                let delay = hedge.delay(&target.place, stream);
                if delay.is_zero() {
                    waiting = walk.beside(hedge);
                } else {
                    timer.set(sleep(delay));
                }
                armed = armed.filter(|_| !delay.is_zero());
            }
            running.push(ask(lane, position, target));
        }
        let (lane, position, target, result) = tokio::select! {
            biased;
            Some(done) = running.next() => done,
            () = &mut timer, if armed.is_some() => {
                waiting = armed.take().and_then(|hedge| walk.beside(&hedge));
                continue;
            }
            else => return Ok(None),
        };
        let tried = !lane.tries.is_empty();
        let index = lane.index;
        free.push(lane);
        let alone = running.is_empty();
        match result {
            Err(error) if alone => return Err(error),
            // What does not fit the budget beside the others may fit after them.
            Err(error) if error.code() == Code::BudgetExhausted && !tried => {
                walk.put_back(position);
                armed = None;
            }
            Err(error) => walk.over = walk.over.take().or(Some(error)),
            Ok(outcome) => {
                let passed = matches!(outcome, Outcome::Passed(_));
                match walk.heard(position, &target, outcome) {
                    Ok(Some(answer)) => return Ok(Some((answer, index))),
                    Ok(None) if alone || passed => waiting = walk.next(),
                    // Somebody else is being asked already; in a race the next one takes the place.
                    Ok(None) => {
                        let hedge = target.hedge.as_ref();
                        let delay = hedge.map(|hedge| hedge.delay(&target.place, stream));
                        if delay == Some(Duration::ZERO) {
                            waiting = walk.next();
                        } else if let (Some(delay), None) = (delay, &armed) {
                            armed = hedge.cloned();
                            timer.set(sleep(delay));
                        }
                    }
                    Err(error) if alone => return Err(error),
                    Err(error) => walk.over = walk.over.take().or(Some(error)),
                }
            }
        }
        if alone && waiting.is_none() {
            waiting = walk.next();
        }
    }
}

/// Asks a target in a lane.
pub(super) async fn ask<'l>(
    job: &Job,
    lane: &'l mut Lane,
    position: u16,
    target: Arc<Target>,
    anyway: bool,
    until: Option<Instant>,
) -> Heard<'l> {
    let result = attempt::run(job, lane, &target, anyway, until).await;
    (lane, position, target, result)
}
