//! Stage 11: the answer in the caller's dialect.

use std::time::Duration;

use http::{
    HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use tidegate_providers::dialect::{
    Continuation, StreamTranslator, embedded_otherwise, read_count, stream_type,
    translate_embedded, translate_response, wanted_vectors, write_count,
};
use tidegate_types::{Code, Dialect, Endpoint, Error, Relay};

use super::{Answer, AnswerBody, Job, batches, lifecycle::Turn, settle};
use crate::{
    call::{Reply, ReplyBody, ReplyHead},
    session::Session,
    stream::{SettlingStream, resume::Resuming},
    wire,
};

pub(super) fn run(job: &mut Job, answer: Answer) -> Result<Reply, Error> {
    let Answer {
        status,
        mut headers,
        dialect,
        body,
    } = answer;
    let now = job.gateway.clock.now();
    job.facts.overhead = now.since(job.started).saturating_sub(job.waited);
    let same = dialect == job.dialect;
    // Translated answers name the time they were made where their dialect does.
    let created = || u64::try_from(job.gateway.clock.unix_seconds()).unwrap_or(0);
    let body = match body {
        AnswerBody::Complete(bytes) if same && !is_otherwise(job, &bytes) => {
            ReplyBody::Complete(bytes)
        }
        AnswerBody::Complete(bytes) if matches!(job.endpoint, Endpoint::Relay(_)) => {
            ReplyBody::Complete(bytes)
        }
        AnswerBody::Complete(bytes) if job.endpoint == Endpoint::Embeddings => {
            let vectors = wanted_vectors(job.dialect, &job.body.to_bytes());
            let made = translate_embedded(dialect, vectors, &bytes, &job.asks.model)
                .map_err(|error| wire::translation_error(error, Code::UpstreamInvalid))?;
            headers.remove(CONTENT_LENGTH);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            ReplyBody::Complete(made.into())
        }
        AnswerBody::Complete(bytes) if job.endpoint == Endpoint::CountTokens => {
            let tokens = read_count(dialect, &bytes).ok_or_else(|| {
                let text = "the upstream's answer holds no count of tokens";
                Error::new(Code::UpstreamInvalid, text)
            })?;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            ReplyBody::Complete(write_count(job.dialect, tokens).into())
        }
        AnswerBody::Complete(bytes) => {
            let model = &job.asks.model;
            let translated = translate_response(dialect, job.dialect, &bytes, model, created())
                .map_err(|error| wire::translation_error(error, Code::UpstreamInvalid))?;
            headers.remove(CONTENT_LENGTH);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            ReplyBody::Complete(match job.turn.take() {
                Some(turn) => turn.keep_complete(&job.gateway, translated),
                None => translated.into(),
            })
        }
        AnswerBody::Stream(source) => {
            let created = created();
            if !same {
                let stream_type = HeaderValue::from_static(stream_type(job.dialect));
                headers.insert(CONTENT_TYPE, stream_type);
            }
            let watch = batches::watch(job, status);
            let twin = job.twin().filter(|_| !source.is_opaque());
            let settlement = settle::open(job);
            let native = job.context.native;
            let stream = if let Some(twin) = twin {
                let (model, usage) = (job.asks.model.as_str(), job.asks.include_usage);
                let follow = Continuation::new(dialect, job.dialect, model, usage, created);
                let hide = same && hides_usage(job);
                let with = Resuming::new(twin, follow, same);
                SettlingStream::resuming(source, with, hide, native, settlement)
            } else if same {
                SettlingStream::same(source, hides_usage(job), native, settlement).watched(watch)
            } else {
                let turn = job.turn.take();
                let translator = StreamTranslator::stored(
                    dialect,
                    job.dialect,
                    &job.asks.model,
                    job.asks.include_usage,
                    created,
                    turn.as_ref().map(Turn::stored),
                );
                SettlingStream::translated(source, job.dialect, translator, native, settlement)
                    .keeping(turn)
            };
            ReplyBody::Stream(Box::new(stream))
        }
        AnswerBody::Socket(socket) => {
            let target = job.target.clone();
            let nobody = || Error::new(Code::Internal, "a session with no target");
            let session = Session::new(job, target.ok_or_else(nobody)?, socket);
            ReplyBody::Session(Box::new(session))
        }
    };
    job.facts.overhead = job.facts.overhead.max(Duration::from_nanos(1));
    let head = ReplyHead {
        status,
        headers,
        facts: std::mem::take(&mut job.facts),
    };
    Ok(Reply { head, body })
}

/// Whether an answer in the caller's dialect is not in the form it was asked for.
fn is_otherwise(job: &Job, body: &[u8]) -> bool {
    job.endpoint == Endpoint::Embeddings
        && job.dialect == Dialect::Gemini
        && embedded_otherwise(wanted_vectors(job.dialect, &job.body.to_bytes()), body)
}

/// Whether the gateway asked for usage events that the caller did not ask for.
fn hides_usage(job: &Job) -> bool {
    job.asks.stream
        && matches!(
            job.endpoint,
            Endpoint::Chat | Endpoint::Relay(Relay::Completions)
        )
        && !job.asks.include_usage
        && job.dialect == Dialect::OpenAi
        && job
            .target
            .as_ref()
            .is_none_or(|target| target.provider.stream_usage)
}
