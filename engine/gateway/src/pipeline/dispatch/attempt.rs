//! The tries at one target: key, request, sending, and what a failure says about target and key.

use std::{sync::Arc, time::Duration};

use tidegate_policy::{
    Tick,
    admission::Seats,
    health::{Ended, Quota, State},
    key_ring::{Pick, Readiness},
    retry::Next,
    rng::Rng,
};
use tidegate_providers::upload::Upload;
use tidegate_types::{Attempt, Code, Endpoint, Error, config::Unpriced};
use tokio::time::Instant;

use super::{
    Answer, AnswerBody, Job,
    build::{self, Prepared},
    classify,
    lane::{Lane, Try},
    open, receive,
};
use crate::{
    pipeline::{admit, authenticate::levels, batches, queue, reserve},
    snapshot::Target,
};

/// How long a refused key is left alone.
const REFUSED_KEY: Duration = Duration::from_mins(1);
/// How long a rate-limited key is left alone when the upstream does not say.
const LIMITED_KEY: Duration = Duration::from_secs(1);
/// How long a probe may take before others look again whether they may.
const PROBE: Duration = Duration::from_secs(1);

pub(super) enum Outcome {
    Answered(Answer),
    /// Every try failed; the next target may do better.
    Failed(Error),
    /// Not tried.
    Passed(Passed),
}

/// Why a target was not tried.
pub(in crate::pipeline) enum Passed {
    /// It is not well before this moment. `refused`: only because its keys were refused.
    Waiting { until: Tick, refused: bool },
    /// As many calls are under way as may be.
    Full,
    /// Waiting does not help: no key, no price.
    Unusable(Option<Error>),
}

/// Tries one target as often as its policy allows. `Err` ends the whole call.
pub(super) async fn run(
    job: &Job,
    lane: &mut Lane,
    target: &Arc<Target>,
    anyway: bool,
    until: Option<Instant>,
) -> Result<Outcome, Error> {
    let mut ticket = lane.ticket.take();
    if let Some(passed) = unusable(job, target) {
        return Ok(Outcome::Passed(passed));
    }
    target.place.retries.earn(target.retry.budget);
    let mut prepared: Option<Prepared> = None;
    let mut failed: Option<(Error, usize)> = None;
    let mut tries = 0;
    loop {
        let now = job.gateway.clock.now();
        let not = failed.as_ref().map(|(_, key)| *key);
        let place = match ticket.take() {
            Some(ticket) => Ok((ticket.key, ticket.seats)),
            None => place(job, lane, target, now, not, anyway),
        };
        let (key, mut seats) = match place {
            Ok(place) => place,
            Err(passed) => {
                return Ok(match failed {
                    Some((error, _)) => Outcome::Failed(error),
                    None => Outcome::Passed(passed),
                });
            }
        };
        let ready = match &mut prepared {
            Some(ready) => ready,
            None => match build::prepare(job, target) {
                Ok(ready) => prepared.insert(ready),
                // What this target cannot express, another one may.
                Err(error) if error.code() == Code::Unsupported => {
                    return Ok(Outcome::Failed(error));
                }
                Err(error) => return Err(error),
            },
        };
        let request = match build::request(job, target, key, ready).await {
            Ok(request) => request,
            // Who cannot prove who asks is not asked; another target may do.
            Err(error) if build::lacks_credentials(&error) => {
                let attempt = Attempt {
                    target: Arc::clone(&target.label),
                    key: None,
                    status: None,
                    error: Some(error.code().slug()),
                };
                lane.tries.push(Try {
                    at: now,
                    took: Duration::ZERO,
                    attempt,
                });
                return Ok(Outcome::Failed(error));
            }
            Err(error) => return Err(error),
        };
        lane.held = None;
        let held = match batches::hold(job, target).await {
            Ok(held) => {
                lane.held = held;
                reserve::run(job, target).await
            }
            Err(short) => Err(short),
        };
        lane.reservation = match held {
            Ok(held) => held,
            // Another provider may be asked for it.
            Err(short) if short.here => {
                return Ok(match failed {
                    Some((error, _)) => Outcome::Failed(error),
                    None => Outcome::Passed(Passed::Unusable(Some(short.error))),
                });
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
            // It opened since the last try, or somebody else is probing.
            lane.reservation = None;
            return Ok(match failed {
                Some((error, _)) => Outcome::Failed(error),
                None => Outcome::Passed(cut_off(target, now)),
            });
        }
        tries += 1;
        let name = target.provider.keys.get(key).cloned().flatten();
        let attempt = Attempt {
            target: Arc::clone(&target.label),
            key: name.clone(),
            status: None,
            error: None,
        };
        lane.tries.push(Try {
            at: now,
            took: Duration::ZERO,
            attempt,
        });
        lane.target = Some(Arc::clone(target));
        lane.opening = None;
        lane.received = 0;
        let sending = async {
            if let Endpoint::Session { .. } = job.endpoint {
                return Box::pin(open::run(job, target, request)).await;
            }
            match target.provider.transport.send(request).await {
                Ok(response) => receive::run(job, lane, target, key, response, until).await,
                Err(error) => Err(classify::transport(&error, &target.label)),
            }
        };
        let result = match target.timeouts.first_token.filter(|_| job.asks.stream) {
            None => sending.await,
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .unwrap_or_else(|_| {
                    let text = format!("{}: no token came within {limit:?}", target.label);
                    Err(Error::new(Code::FirstTokenTimeout, text))
                }),
        };
        let sent = now;
        let now = job.gateway.clock.now();
        lane.waited += now.since(sent);
        let error = match result {
            Ok(answer) => {
                if let Some(refused) = target.provider.ring.refused(key) {
                    refused.end();
                }
                if let (AnswerBody::Stream(source), Some(trial)) = (&answer.body, &mut lane.trial)
                    && !source.is_opaque()
                {
                    trial.first_token(now);
                }
                lane.key = name;
                if let Some(ready) = prepared {
                    lane.dropped = ready.dropped;
                }
                return Ok(Outcome::Answered(answer));
            }
            Err(error) => error,
        };
        // A body that its caller did not end says nothing about the target.
        if let Some(failure) = job.rest.as_ref().and_then(Upload::failure) {
            return Err(failure);
        }
        if let Some(last) = lane.tries.last_mut() {
            last.took = now.since(sent);
            last.attempt.status = error.upstream().map(|upstream| upstream.status.as_u16());
            last.attempt.error = Some(error.code().slug());
        }
        if let Some(trial) = lane.trial.take() {
            trial.end(Ended::with(error.code()), now);
        }
        lane.reservation = None;
        spare_key(target, key, &error, now);
        if let Some(rest) = &job.rest
            && !rest.is_replayable().await
        {
            return Err(error);
        }
        let ring = &target.provider.ring;
        let other = ring.has_other(&target.model, &target.pauses, now, key);
        let retry_after = error.retry_after();
        let next = target
            .retry
            .next(error.code(), tries, retry_after, other, &mut lane.rng);
        let patience = target.retry.give_up_after;
        match next {
            Next::Stop => return Err(error),
            Next::NextTarget => return Ok(Outcome::Failed(error)),
            Next::Retry(_) if patience.is_some_and(|most| now.since(job.started) > most) => {
                return Err(error);
            }
            // A second key is no second try of the same thing, but it must end somewhere.
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
                tokio::time::sleep(pause).await;
                lane.waited += pause;
            }
        }
        failed = Some((error, key));
    }
}

/// Why a target would not be tried now. Nothing changes.
pub(super) fn look(job: &Job, target: &Target, anyway: bool) -> Option<Passed> {
    if let Some(passed) = unusable(job, target) {
        return Some(passed);
    }
    let now = job.gateway.clock.now();
    let key = match key(&mut job.rng.clone(), target, now, None, anyway) {
        Ok(key) => key,
        Err(passed) => return Some(passed),
    };
    let mut way = queue::way(job, target, key).into_iter();
    if !way.all(|need| need.gate.has_room(need.most)) {
        return Some(Passed::Full);
    }
    if let Some(identity) = job.identity.as_ref().filter(|identity| identity.selects) {
        let (chain, provider) = (&identity.chain, &*target.provider.name);
        let room = chain.would_admit_at(provider);
        let room = room.map_err(|refused| admit::crowded(&refused));
        let treasury = &job.gateway.treasury;
        if let Err(error) = room.and_then(|()| treasury.would_count(chain, Some(provider))) {
            return Some(Passed::Unusable(Some(error)));
        }
    }
    let passes = anyway || !target.is_cut_off(now) && target.place.breaker.passes(now);
    (!passes).then(|| cut_off(target, now))
}

/// Why a target cannot be used however long one waits.
pub(super) fn unusable(job: &Job, target: &Target) -> Option<Passed> {
    let provider = &target.provider;
    if let Some(text) = &provider.missing {
        let error = Error::new(Code::MissingProviderKey, text.as_str());
        return Some(Passed::Unusable(Some(error)));
    }
    let unpriced = job.snapshot.unpriced == Unpriced::Deny;
    if unpriced && !target.priced && !target.model.is_empty() {
        return Some(Passed::Unusable(None));
    }
    let refused = levels::may_reach(job.identity.as_ref(), target).err()?;
    Some(Passed::Unusable(Some(refused)))
}

/// The key of the next try, and the places that it takes.
pub(super) fn place(
    job: &Job,
    lane: &mut Lane,
    target: &Target,
    now: Tick,
    failed: Option<usize>,
    anyway: bool,
) -> Result<(usize, Seats), Passed> {
    let key = key(&mut lane.rng, target, now, failed, anyway)?;
    let seats = job.gateway.room.enter(&queue::way(job, target, key));
    let seats = seats.ok_or(Passed::Full)?;
    if let Some(identity) = job.identity.as_ref().filter(|identity| identity.selects) {
        let treasury = &job.gateway.treasury;
        let counted = treasury.count_at(&identity.chain, &target.provider.name);
        counted.map_err(|error| Passed::Unusable(Some(error)))?;
    }
    Ok((key, seats))
}

/// The key of the next try. `failed` is the one that just failed: where there is no other, it is used
/// again after its pause.
fn key(
    rng: &mut Rng,
    target: &Target,
    now: Tick,
    failed: Option<usize>,
    anyway: bool,
) -> Result<usize, Passed> {
    let provider = &target.provider;
    if provider.ring.is_empty() {
        return Ok(0);
    }
    let picked = provider
        .ring
        .pick(&target.model, &target.pauses, now, failed, rng);
    match picked {
        Pick::Ready(key) => Ok(key),
        Pick::Cooling(key, _) if anyway || failed.is_some() => Ok(key),
        Pick::Cooling(_, until) => {
            let readiness = provider.ring.readiness(&target.model, &target.pauses, now);
            let refused = matches!(readiness, Readiness::Refused(_));
            Err(Passed::Waiting { until, refused })
        }
        Pick::Full => Err(Passed::Full),
        Pick::None => {
            let text = format!(
                "no key of {:?} may be used for {:?}",
                provider.name, target.model
            );
            let error = Error::new(Code::NoHealthyTarget, text);
            Err(Passed::Unusable(Some(error)))
        }
    }
}

pub(super) fn cut_off(target: &Target, now: Tick) -> Passed {
    let until = match target.place.breaker.state(now) {
        State::Open(until) => until,
        _ => now.plus(PROBE),
    };
    Passed::Waiting {
        until,
        refused: false,
    }
}

/// Leaves a key alone that the upstream refused or limits.
pub(super) fn spare_key(target: &Target, key: usize, error: &Error, now: Tick) {
    match error.code() {
        Code::UpstreamAuth => {
            if let Some(authority) = &target.provider.authority {
                authority.forget();
            }
            if let Some(refused) = target.provider.ring.refused(key) {
                refused.extend(now, REFUSED_KEY);
            }
        }
        Code::UpstreamRateLimited => {
            if let Some(pauses) = target.pauses.get(key) {
                let pause = error.retry_after().unwrap_or(LIMITED_KEY);
                pauses.limited.extend(now, pause);
            }
        }
        _ => {}
    }
}

/// Spares a key whose answer says that little of its quota is left.
pub(super) fn note_quota(job: &Job, target: &Target, key: usize, headers: &http::HeaderMap) {
    let Some(pauses) = target.pauses.get(key) else {
        return;
    };
    let telling = |name: &http::HeaderName| name.as_str().contains("ratelimit-");
    if !headers.keys().any(telling) {
        return;
    }
    let quota = Quota::read(headers, job.gateway.clock.unix_seconds());
    // As long a prompt as this one is what comes next.
    let tokens = job.body.len() as u64 / crate::stream::settlement::BYTES_PER_TOKEN;
    if let Some(pause) = quota.scarce(tokens) {
        pauses.scarce.extend(job.gateway.clock.now(), pause);
    }
}
