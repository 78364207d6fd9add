//! Stage 8: tries the planned targets until one answers.
//!
//! One loop in the caller's own task: no queue and no worker in between. Every try is an `Attempt`.

mod build;
mod classify;

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use tidegate_policy::{key_ring::Pick, retry::Next};
use tidegate_providers::{dialect, transport::HttpResponse};
use tidegate_types::{Attempt, Code, Dialect, Endpoint, Error, Relay, config::Unpriced};
use tokio::time::Instant;

use super::{Answer, AnswerBody, Job, count, lifecycle, reserve};
use crate::{
    models,
    snapshot::{Route, Target, Wire},
    stream::source::EventSource,
};
use build::Prepared;

/// How long a refused key is left alone.
const REFUSED_KEY: Duration = Duration::from_mins(1);
/// How long a rate-limited key is left alone when the upstream does not say.
const LIMITED_KEY: Duration = Duration::from_secs(1);

pub(super) async fn run(job: &mut Job) -> Result<Answer, Error> {
    let Some(route) = job.route.clone() else {
        // The list of models, and what the engine keeps: no target is asked.
        let body = job.known.take();
        let body = body.unwrap_or_else(|| models::list(job).into());
        return Ok(Answer::own(job.dialect, body));
    };
    let result = timed(job, &route).await;
    match result {
        Err(error) if job.endpoint == Endpoint::CountTokens && count::unasked(&error) => {
            count::local(job).ok_or(error)
        }
        result => result,
    }
}

async fn timed(job: &mut Job, route: &Arc<Route>) -> Result<Answer, Error> {
    let Some(limit) = total(job, route) else {
        return walk(job, route, None).await;
    };
    let until = Instant::now() + limit;
    match tokio::time::timeout_at(until, walk(job, route, Some(until))).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            Code::TotalTimeout,
            format!("the call took longer than its total deadline of {limit:?}"),
        )),
    }
}

/// The format in which a target is asked.
fn wire<'t>(job: &Job, target: &'t Target) -> &'t Wire {
    match job.endpoint {
        Endpoint::CountTokens => count::wire(&target.provider, job.dialect),
        _ => target.provider.wire(job.dialect),
    }
}

/// The tightest of the caller's own limit and the first target's `timeouts.total`.
fn total(job: &Job, route: &Route) -> Option<Duration> {
    let configured = job
        .order
        .first()
        .and_then(|first| route.targets[*first].timeouts.total);
    let own = job
        .deadline
        .map(|deadline| deadline.since(job.gateway.clock.now()));
    [configured, own].into_iter().flatten().min()
}

async fn walk(job: &mut Job, route: &Arc<Route>, until: Option<Instant>) -> Result<Answer, Error> {
    let order = job.order.clone();
    let mut last = None;
    // Targets whose every key is cooling down wait for a second round: they are better than nothing.
    for anyway in [false, true] {
        let tried_before = job.attempts.len();
        for index in &order {
            let target = Arc::clone(&route.targets[*index]);
            match try_target(job, route, &target, anyway, until).await {
                Ok(Outcome::Answered(answer)) => return Ok(answer),
                Ok(Outcome::Failed(error)) => last = Some(error),
                Ok(Outcome::Skipped(error)) => last = last.or(error),
                Err(error) => return Err(error),
            }
        }
        if job.attempts.len() > tried_before {
            break;
        }
    }
    Err(last.unwrap_or_else(|| {
        Error::new(
            Code::NoHealthyTarget,
            format!("no target of {:?} can be used now", route.name),
        )
    }))
}

enum Outcome {
    Answered(Answer),
    /// Every try failed; the next target may do better.
    Failed(Error),
    /// Not tried: no key, no price, or cooling down.
    Skipped(Option<Error>),
}

/// Tries one target as often as the route's policy allows. `Err` ends the whole call.
async fn try_target(
    job: &mut Job,
    route: &Route,
    target: &Arc<Target>,
    anyway: bool,
    until: Option<Instant>,
) -> Result<Outcome, Error> {
    let provider = Arc::clone(&target.provider);
    if let Some(variables) = provider.missing_key {
        let text = format!(
            "provider {:?} has no key; set {} or `providers.{}.api_key`",
            provider.name,
            variables.join(" or "),
            provider.name
        );
        return Ok(Outcome::Skipped(Some(Error::new(
            Code::MissingProviderKey,
            text,
        ))));
    }
    if job.snapshot.unpriced == Unpriced::Deny && !target.priced && !target.model.is_empty() {
        return Ok(Outcome::Skipped(None));
    }
    let mut prepared: Option<Prepared> = None;
    let mut failed_key = None;
    let mut tries = 0;
    loop {
        let now = job.gateway.clock.now();
        let key = if provider.ring.is_empty() {
            0
        } else {
            match provider
                .ring
                .pick(&target.model, now, failed_key, &mut job.rng)
            {
                Pick::Ready(key) => key,
                Pick::Cooling(key, _) if anyway || tries > 0 => key,
                Pick::Cooling(_, soonest) => {
                    let text = format!("every key of {} is cooling down", target.label);
                    let error = Error::new(Code::NoHealthyTarget, text)
                        .with_retry_after(soonest.since(now));
                    return Ok(Outcome::Skipped(Some(error)));
                }
                Pick::None => {
                    let text = format!(
                        "no key of {:?} may be used for {:?}",
                        provider.name, target.model
                    );
                    return Ok(Outcome::Skipped(Some(Error::new(
                        Code::NoHealthyTarget,
                        text,
                    ))));
                }
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
        let request = build::request(job, target, key, ready)?;
        reserve::run(job, target)?;
        tries += 1;
        job.attempts.push(Attempt {
            target: Arc::clone(&target.label),
            key: provider.keys.get(key).cloned().flatten(),
            status: None,
            error: None,
        });
        let sent = job.gateway.clock.now();
        let result = match provider.transport.send(request).await {
            Ok(response) => receive(job, target, response, until).await,
            Err(error) => Err(classify::transport(&error, &target.label)),
        };
        let now = job.gateway.clock.now();
        job.waited += now.since(sent);
        let error = match result {
            Ok(answer) => {
                provider.ring.warm(key);
                job.target = Some(Arc::clone(target));
                job.facts.target = Some(Arc::clone(&target.label));
                job.facts.key = provider.keys.get(key).cloned().flatten();
                if let Some(ready) = prepared {
                    job.facts.dropped = ready.dropped;
                }
                return Ok(Outcome::Answered(answer));
            }
            Err(error) => error,
        };
        if let Some(attempt) = job.attempts.last_mut() {
            attempt.status = error.upstream().map(|upstream| upstream.status.as_u16());
            attempt.error = Some(error.code().slug());
        }
        match error.code() {
            Code::UpstreamAuth => provider.ring.cool(key, now, REFUSED_KEY),
            Code::UpstreamRateLimited => {
                provider
                    .ring
                    .cool(key, now, error.retry_after().unwrap_or(LIMITED_KEY));
            }
            _ => {}
        }
        failed_key = Some(key);
        let other = provider.ring.has_other(&target.model, now, key);
        match route.retry.next(
            error.code(),
            tries,
            error.retry_after(),
            other,
            &mut job.rng,
        ) {
            // A second key is no second try of the same thing, but it must end somewhere.
            Next::Retry(_)
                if tries as usize >= route.retry.attempts as usize + provider.keys.len() =>
            {
                return Ok(Outcome::Failed(error));
            }
            Next::Retry(pause) if pause.is_zero() => {}
            Next::Retry(pause) => {
                job.reservation = None;
                tokio::time::sleep(pause).await;
                job.waited += pause;
            }
            Next::NextTarget => return Ok(Outcome::Failed(error)),
            Next::Stop => return Err(error),
        }
    }
}

/// Reads an answer as far as it decides whether this upstream is the one.
async fn receive(
    job: &Job,
    target: &Target,
    response: HttpResponse,
    until: Option<Instant>,
) -> Result<Answer, Error> {
    let HttpResponse {
        status,
        headers,
        mut body,
    } = response;
    let dialect = wire(job, target).dialect;
    let idle = target.timeouts.idle;
    if matches!(job.endpoint, Endpoint::Passthrough { .. }) {
        let source = EventSource::opaque(body, dialect).with_deadlines(idle, until);
        return Ok(Answer {
            status,
            headers,
            dialect,
            body: AnswerBody::Stream(Box::new(source)),
        });
    }
    if !status.is_success() {
        let bytes = classify::collect(&mut body, idle).await.unwrap_or_default();
        return Err(classify::status(status, headers, bytes, target, dialect));
    }
    let relayed = matches!(job.endpoint, Endpoint::Relay(_));
    // Sound and pictures pass as they come.
    if relayed && !is_json(&headers) && !names_event_stream(&headers) {
        let source = EventSource::opaque(body, dialect).with_deadlines(idle, until);
        return Ok(Answer {
            status,
            headers,
            dialect,
            body: AnswerBody::Stream(Box::new(source)),
        });
    }
    let streams = if relayed {
        names_event_stream(&headers)
    } else {
        job.asks.stream && is_event_stream(&headers, dialect)
    };
    let body = if streams {
        let source = match job.endpoint {
            Endpoint::Relay(relay) if relay != Relay::Completions => {
                EventSource::lenient_events(body, dialect)
            }
            _ => EventSource::events(body, dialect),
        };
        let mut source = source.with_deadlines(idle, until);
        source.commit().await?;
        if lifecycle::names_itself(job)
            && dialect == job.dialect
            && let Some(id) = source.reply_id()
        {
            lifecycle::remember(job, target, &id);
        }
        AnswerBody::Stream(Box::new(source))
    } else {
        let bytes = classify::collect(&mut body, idle).await?;
        if !relayed {
            classify::complete(&bytes, &job.endpoint, dialect, target)?;
        }
        let named = lifecycle::names_itself(job) && dialect == job.dialect
            || job.endpoint == Endpoint::Relay(Relay::Videos);
        if let Some(id) = named.then(|| lifecycle::id_of(&bytes)).flatten() {
            lifecycle::remember(job, target, &id);
        }
        AnswerBody::Complete(bytes)
    };
    Ok(Answer {
        status,
        headers,
        dialect,
        body,
    })
}

/// Upstreams that name no type answer a stream request with a stream.
fn is_event_stream(headers: &HeaderMap, dialect: Dialect) -> bool {
    let wanted = dialect::stream_type(dialect).as_bytes();
    headers.get(http::header::CONTENT_TYPE).is_none_or(|value| {
        let start = value.as_bytes().get(..wanted.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(wanted))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).is_none_or(|value| value.starts_with(b"application/json"))
}

fn names_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|value| value.starts_with(b"text/event-stream"))
}

fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get(http::header::CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes)
}

/// The upstream's own words, for messages.
fn words(dialect: Dialect, body: &[u8]) -> String {
    dialect::error_message(dialect, body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
        text.trim().to_owned()
    })
}
