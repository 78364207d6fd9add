//! Reading an answer as far as it decides whether its upstream is the one.

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use tidegate_providers::{dialect, transport::HttpResponse};
use tidegate_types::{Dialect, Endpoint, Error, Native, Relay};
use tokio::time::Instant;

use super::{attempt, build, classify, homeward, lane::Lane, wire};
use crate::{
    pipeline::{Answer, AnswerBody, Job, lifecycle},
    snapshot::Target,
    stream::source::{Deadlines, EventSource},
};

/// Reads an answer as far as it decides whether this upstream is the one.
pub(super) async fn run(
    job: &Job,
    lane: &mut Lane,
    target: &Target,
    key: usize,
    response: HttpResponse,
    until: Option<Instant>,
) -> Result<Answer, Error> {
    let wire = wire(job, target);
    let dialect = wire.dialect;
    let HttpResponse {
        status,
        mut headers,
        mut body,
    } = build::answer(job, target, wire, response);
    attempt::note_quota(job, target, key, &headers);
    let idle = target.timeouts.idle;
    let deadlines = Deadlines {
        until,
        ..Deadlines::of(&target.timeouts)
    };
    if matches!(job.endpoint, Endpoint::Passthrough { .. }) {
        homeward::upload(job, target, &wire.base, &mut headers);
        if homeward::may_hold(job, dialect) && status.is_success() && is_json(&headers) {
            body = homeward::results(classify::collect(&mut body, idle, &mut 0).await?).into();
            headers.remove(CONTENT_LENGTH);
        }
        let source = EventSource::opaque(body, dialect).with_deadlines(deadlines);
        return Ok(Answer {
            status,
            headers,
            dialect,
            body: AnswerBody::Stream(Box::new(source)),
        });
    }
    if !status.is_success() {
        let bytes = classify::collect(&mut body, idle, &mut 0).await;
        let bytes = bytes.unwrap_or_default();
        let unix = job.gateway.clock.unix_seconds();
        let dialect = wire.shape.error_dialect(dialect, &bytes);
        return Err(classify::status(
            status, headers, bytes, target, dialect, unix,
        ));
    }
    let relayed = matches!(job.endpoint, Endpoint::Relay(_) | Endpoint::Native(_));
    if job.endpoint == Endpoint::Native(Native::InvokeStream) && is_event_stream(&headers, dialect)
    {
        let source = EventSource::lenient_events(body, dialect);
        let mut source = source.with_deadlines(deadlines);
        source.commit().await?;
        return Ok(Answer {
            status,
            headers,
            dialect,
            body: AnswerBody::Stream(Box::new(source)),
        });
    }
    // Sound and pictures pass as they come.
    if relayed && !is_json(&headers) && !names_event_stream(&headers) {
        let source = EventSource::opaque(body, dialect).with_deadlines(deadlines);
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
        // Whoever gives the try up half way sees there what it has read.
        let source = lane
            .opening
            .insert(Box::new(source.with_deadlines(deadlines)));
        source.commit().await?;
        if lifecycle::names_itself(job)
            && dialect == job.dialect
            && let Some(id) = source.reply_id()
        {
            lifecycle::remember(job, target, &id);
        }
        match lane.opening.take() {
            Some(source) => AnswerBody::Stream(source),
            None => AnswerBody::Complete(Bytes::new()),
        }
    } else {
        let bytes = classify::collect(&mut body, idle, &mut lane.received).await?;
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
