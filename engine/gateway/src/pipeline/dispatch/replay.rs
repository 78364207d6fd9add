//! Stage 8 as a log tells it: the same walk over the targets, the same keys, breakers, retries and
//! hedges, but nobody is asked.

use std::{cell::RefCell, collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tidegate_policy::{health::Ended, retry::Next};
use tidegate_types::{Attempt, Code, Error};

use super::{
    Answer, Job,
    attempt::{self, Outcome, Passed},
    lane::{Lane, Lanes, Try},
    lanes, race, reserve, total,
    walk::{Walk, Won},
};
use crate::{
    replay::{Fate, Play},
    snapshot::{Route, Target},
};

/// How often a call that waits for a place looks for one.
const LOOK: Duration = Duration::from_millis(20);

/// A call under way, as far as its tries go.
struct Round<'p> {
    play: &'p Play<'p>,
    call: usize,
    /// Tries so far, by target.
    tries: RefCell<HashMap<Arc<str>, usize>>,
    /// How the try goes that was answered, by lane.
    answered: RefCell<HashMap<usize, Fate>>,
}

/// Tries the planned targets until one answers, and tells how that goes.
///
/// # Errors
/// As a call that no target answers.
pub(in crate::pipeline) async fn run(
    job: &mut Job,
    route: &Arc<Route>,
    play: &Play<'_>,
    call: usize,
) -> Result<Fate, Error> {
    let mut lanes = Lanes::new(job, lanes(job, route));
    let round = Round {
        play,
        call,
        tries: RefCell::default(),
        answered: RefCell::default(),
    };
    let result = match total(job, route) {
        None => round.all(job, route, &mut lanes).await,
        Some(limit) => {
            let walk = std::pin::pin!(round.all(job, route, &mut lanes));
            let over = std::pin::pin!(play.time.sleep(limit));
            match futures_util::future::select(walk, over).await {
                futures_util::future::Either::Left((result, _)) => result,
                futures_util::future::Either::Right(_) => {
                    let text = "the call took longer than its total deadline";
                    Err(Error::new(Code::TotalTimeout, text))
                }
            }
        }
    };
    lanes.close(job, &result.as_ref().map(|(_, lane)| *lane));
    let (_, lane) = result?;
    let fate = round.answered.borrow_mut().remove(&lane);
    fate.ok_or_else(|| Error::new(Code::Internal, "an answer that nobody gave"))
}

impl Round<'_> {
    async fn all(&self, job: &Job, route: &Arc<Route>, lanes: &mut Lanes) -> Result<Won, Error> {
        let mut walk = Walk::new(job, route, false);
        if let Some(won) = self.round(&mut walk, &mut lanes.all).await? {
            return Ok(won);
        }
        if lanes.untried() && walk.leads_anyway() {
            walk = walk.anyway();
            if let Some(won) = self.round(&mut walk, &mut lanes.all).await? {
                return Ok(won);
            }
        }
        let patience = job.snapshot.queue.max_wait;
        while !walk.full.is_empty() && walk.over.is_none() {
            if lanes.queued >= patience {
                let text = "no place became free in time";
                return Err(Error::new(Code::AtCapacity, text));
            }
            self.play.time.sleep(LOOK).await;
            lanes.queued += LOOK;
            let full = std::mem::take(&mut walk.full);
            if let Some(first) = full.first() {
                walk.again(*first, &full);
            }
            if let Some(won) = self.round(&mut walk, &mut lanes.all).await? {
                return Ok(won);
            }
        }
        Err(walk.error())
    }

    async fn round(&self, walk: &mut Walk<'_>, lanes: &mut [Lane]) -> Result<Option<Won>, Error> {
        let (job, anyway) = (walk.job, walk.anyway);
        if let [lane] = lanes {
            while let Some((position, target)) = walk.next() {
                let outcome = self.tries(job, lane, &target, anyway).await?;
                if let Some(answer) = walk.heard(position, &target, outcome)? {
                    return Ok(Some((answer, lane.index)));
                }
            }
            return Ok(None);
        }
        let ask = |lane, position, target: Arc<Target>| async move {
            let lane: &mut Lane = lane;
            let result = self.tries(job, lane, &target, anyway).await;
            (lane, position, target, result)
        };
        race::run(walk, lanes, ask, |delay| self.play.time.sleep(delay)).await
    }

    /// The tries at one target.
    async fn tries(
        &self,
        job: &Job,
        lane: &mut Lane,
        target: &Arc<Target>,
        anyway: bool,
    ) -> Result<Outcome, Error> {
        if let Some(passed) = attempt::unusable(job, target) {
            return Ok(Outcome::Passed(passed));
        }
        target.place.retries.earn(target.retry.budget);
        let mut failed: Option<(Error, usize)> = None;
        let mut tries = 0;
        let ended = |failed: Option<(Error, usize)>, passed: Passed| match failed {
            Some((error, _)) => Outcome::Failed(error),
            None => Outcome::Passed(passed),
        };
        loop {
            let now = job.gateway.clock.now();
            let not = failed.as_ref().map(|(_, key)| *key);
            let (key, mut seats) = match attempt::place(job, lane, target, now, not, anyway) {
                Ok(place) => place,
                Err(passed) => return Ok(ended(failed, passed)),
            };
            lane.reservation = match reserve::run(job, target).await {
                Ok(held) => held,
                Err(short) if short.here => {
                    return Ok(ended(failed, Passed::Unusable(Some(short.error))));
                }
                Err(short) => return Err(short.error),
            };
            lane.trial = if anyway {
                Some(target.place.begin_anyway(seats, target.breaker, now))
            } else if target.is_cut_off(now) {
                None
            } else {
                target.place.begin(&mut seats, target.breaker, now)
            };
            if lane.trial.is_none() {
                lane.reservation = None;
                return Ok(ended(failed, attempt::cut_off(target, now)));
            }
            tries += 1;
            lane.tries.push(Try {
                at: now,
                took: Duration::ZERO,
                attempt: Attempt {
                    target: Arc::clone(&target.label),
                    key: target.provider.keys.get(key).cloned().flatten(),
                    status: None,
                    error: None,
                },
            });
            lane.target = Some(Arc::clone(target));
            let fate = self.fate(job, target);
            let visible = fate.first.unwrap_or(fate.took);
            let waited = self.play.time.sleep(visible);
            waited.await;
            let now = job.gateway.clock.now();
            // What breaks after its first content was an answer until then.
            let code = fate.error.filter(|_| fate.first.is_none());
            let Some(code) = code else {
                if let Some(refused) = target.provider.ring.refused(key) {
                    refused.end();
                }
                if let Some(trial) = lane.trial.as_mut().filter(|_| fate.first.is_some()) {
                    trial.first_token(now);
                }
                self.answered.borrow_mut().insert(lane.index, fate);
                return Ok(Outcome::Answered(Answer::own(job.dialect, Bytes::new())));
            };
            let error = Error::new(code, format!("{}: as in the log", target.label));
            if let Some(last) = lane.tries.last_mut() {
                last.took = now.since(last.at);
                last.attempt.error = Some(code.slug());
            }
            if let Some(trial) = lane.trial.take() {
                trial.end(Ended::with(code), now);
            }
            lane.reservation = None;
            attempt::spare_key(target, key, &error, now);
            let ring = &target.provider.ring;
            let other = ring.has_other(&target.model, &target.pauses, now, key);
            match target.retry.next(code, tries, None, other, &mut lane.rng) {
                Next::Stop => return Err(error),
                Next::NextTarget => return Ok(Outcome::Failed(error)),
                Next::Retry(_)
                    if tries as usize
                        >= target.retry.attempts as usize + target.provider.keys.len() =>
                {
                    return Ok(Outcome::Failed(error));
                }
                Next::Retry(pause) if pause.is_zero() => {}
                Next::Retry(pause) => {
                    if !target.place.retries.spend() {
                        return Ok(Outcome::Failed(error));
                    }
                    self.play.time.sleep(pause).await;
                }
            }
            failed = Some((error, key));
        }
    }

    /// How the next try at a target goes, within its deadlines.
    fn fate(&self, job: &Job, target: &Target) -> Fate {
        let nth = {
            let mut tries = self.tries.borrow_mut();
            let tries = tries.entry(Arc::clone(&target.label)).or_default();
            *tries += 1;
            *tries - 1
        };
        let fate = self.play.fate(self.call, &target.label, nth);
        let limit = match target.timeouts.first_token.filter(|_| job.asks.stream) {
            Some(limit) => (limit, Code::FirstTokenTimeout),
            None => (target.timeouts.first_byte, Code::FirstByteTimeout),
        };
        if fate.first.unwrap_or(fate.took) > limit.0 {
            return Fate {
                took: limit.0,
                first: None,
                error: Some(limit.1),
                ..fate
            };
        }
        fate
    }
}
