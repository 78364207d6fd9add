//! Stage 10: books what a complete answer cost; a stream carries its settlement with it.

use std::sync::{Arc, atomic::Ordering};

use tidegate_policy::{admission::Seats, health::Trial};
use tidegate_providers::{dialect, tokens};
use tidegate_types::{Code, Endpoint, Error, Money, Usage};

use super::{Answer, AnswerBody, Job, dispatch::lane::Lane, most, shadow::Side};
use crate::{
    facts::{CacheFact, Facts},
    stream::settlement::{Settlement, Spent},
    telemetry::metrics::Tries,
};

pub(crate) use crate::stream::settlement::{BYTES_PER_TOKEN, counts};

/// What a try was seen to consume.
pub(crate) struct Seen {
    /// The upstream's own count.
    pub(crate) usage: Option<Usage>,
    /// Generated tokens as far as they could be counted.
    pub(crate) output_tokens: u64,
}

/// A longer request is not kept while its answer streams.
const MOST_PROMPT: u64 = 64 * 1024;

/// Nor a longer one, even where nobody else will tell how long it was.
const MOST_UNTOLD: u64 = 8 << 20;

/// What a complete answer says that it consumed; nothing for a stream and for one from the cache.
pub(super) fn told(job: &Job, answer: &Answer) -> Option<Usage> {
    let body = paid(job, answer)?;
    dialect::usage_of(answer.dialect, &job.endpoint, body).or_else(|| {
        let told = matches!(job.endpoint, Endpoint::Native(_));
        told.then(|| dialect::usage_of_headers(&answer.headers))?
    })
}

/// The model whose vocabulary must be read before an answer that tells nothing can be settled.
pub(super) fn unread(job: &Job, answer: &Answer) -> Option<String> {
    paid(job, answer)?;
    let model = &job.target.as_ref()?.model;
    let missing = counts(&job.endpoint) && !tokens::is_ready(model);
    missing.then(|| model.to_string())
}

/// The body of a complete answer that somebody is paid for.
fn paid<'a>(job: &Job, answer: &'a Answer) -> Option<&'a bytes::Bytes> {
    match &answer.body {
        AnswerBody::Complete(body) if !matches!(job.facts.cache, CacheFact::Hit(_)) => Some(body),
        _ => None,
    }
}

/// Settles a complete answer and stores it. For a stream the books stay open.
pub(super) fn run(job: &mut Job, answer: &Answer) {
    let usage = told(job, answer);
    with(job, answer, usage);
}

/// As [`run`], with what the answer was found to say.
pub(super) fn with(job: &mut Job, answer: &Answer, usage: Option<Usage>) {
    job.facts.attempts = u32::try_from(job.attempts.len()).unwrap_or(u32::MAX);
    let AnswerBody::Complete(body) = &answer.body else {
        return;
    };
    let mut settlement = open(job);
    let store = settlement.wants_copy() && answer.status.is_success();
    let mut counted = None;
    if usage.is_none()
        && let Some(model) = settlement.counted_as(None)
    {
        counted = match job.endpoint {
            Endpoint::Relay(_) => tokens::of_completion(body, model),
            _ => tokens::of_reply(answer.dialect, body, model),
        };
        settlement.prompt = Some((job.dialect, job.body.clone()));
    }
    settlement.finish(&Spent {
        usage,
        output_tokens: counted.unwrap_or((body.len() as u64).div_ceil(BYTES_PER_TOKEN)),
        error: None,
    });
    if store {
        let content_type = answer.headers.get(http::header::CONTENT_TYPE).cloned();
        settlement.store(
            answer.dialect,
            false,
            content_type,
            std::slice::from_ref(body),
        );
    }
    job.facts = std::mem::take(&mut settlement.facts);
}

/// Hands the call's books to a settlement.
pub(crate) fn open(job: &mut Job) -> Settlement {
    let failed = job
        .attempts
        .iter()
        .filter_map(|attempt| Some((&attempt.target, attempt.error?)));
    for (target, error) in failed {
        job.gateway.metrics.failed(target, error);
    }
    let first = job.trial.as_ref().and_then(Trial::first);
    let mut settlement = books(job);
    settlement.tries = Tries::of(job.attempts.iter().map(|attempt| &attempt.target));
    settlement.running = job.running.take();
    settlement.permit = job.permit.take();
    settlement.trial = job.trial.take();
    settlement.reservation = job.reservation.take();
    settlement.target.clone_from(&job.target);
    settlement.cache_key = job.cache_key.take();
    settlement.facts = job.facts.clone();
    settlement.side = job.side.take();
    // Only what is compared asks for it.
    let answered = || job.gateway.clock.now().since(job.started);
    settlement.answered = (settlement.side.is_some() && job.target.is_some()).then(answered);
    if let Some(mut notes) = job.notes.take() {
        notes.key = job.identity.as_ref().map(|key| Arc::clone(&key.id));
        notes.route = job.route.as_ref().map(|route| Arc::clone(&route.name));
        notes.first = first.map(|first| first.since(job.started));
        notes.shadow = settlement.side.as_ref().is_some_and(Side::is_copy);
        settlement.notes = Some(notes);
    }
    settlement.done = false;
    if let Some(first) = first {
        settlement.series().first_token(first.since(job.started));
    }
    settlement
}

/// Books a whole answer that is a part of a call; its cost becomes the job's earlier cost.
pub(super) fn part(job: &mut Job, answer: &Answer) {
    let AnswerBody::Complete(body) = &answer.body else {
        return;
    };
    let mut settlement = books(job);
    settlement.reservation = job.reservation.take();
    settlement.trial = job.trial.take();
    settlement.target = job.target.take();
    let cost = settlement.part(&Spent {
        usage: dialect::usage_of(answer.dialect, &job.endpoint, body),
        output_tokens: (body.len() as u64).div_ceil(BYTES_PER_TOKEN),
        error: None,
    });
    job.earlier = job.earlier.saturating_add(cost);
    job.facts.estimated |= settlement.facts.estimated;
}

/// Books what was consumed by a try that another one overtook: what it cost, and whether that is
/// estimated.
pub(super) fn outrun(job: &Job, lane: &mut Lane) -> (Money, bool) {
    let spent = lane.spent();
    let mut settlement = books(job);
    settlement.reservation = lane.reservation.take();
    settlement.target = lane.target.take();
    let cost = settlement.part(&Spent {
        usage: spent.usage,
        output_tokens: spent.output_tokens,
        error: Some(Code::Cancelled),
    });
    (cost, settlement.facts.estimated)
}

/// Closed books that hold what the call says of itself.
fn books(job: &Job) -> Settlement {
    Settlement {
        gateway: Arc::clone(&job.gateway),
        running: None,
        permit: None,
        seats: Seats::default(),
        trial: None,
        reservation: None,
        identity: job.identity.clone(),
        route: job.route.clone(),
        target: None,
        endpoint: job.endpoint.clone(),
        cache_key: None,
        side: None,
        answered: None,
        facts: Facts::default(),
        started: job.started,
        body_bytes: job.size(),
        prompt: kept(job).then(|| (job.dialect, job.body.clone())),
        asked: most::asked(job),
        output_bound: job
            .asks
            .max_output
            .map(|most| most.saturating_mul(job.asks.choices)),
        earlier: job.earlier,
        tries: Tries::default(),
        notes: None,
        done: true,
    }
}

/// Whether the request stays in memory until its answer has told what it consumed.
fn kept(job: &Job) -> bool {
    let size = job.size();
    let untold = || {
        let target = job.target.as_ref();
        target.is_some_and(|target| target.untold.load(Ordering::Relaxed))
    };
    size <= MOST_PROMPT || size <= MOST_UNTOLD && untold()
}

/// Ends the books of a call whose caller went away before an answer came.
pub(super) fn cancelled(job: &mut Job) {
    job.reservation = None;
    job.target = None;
    let spent = Spent {
        error: Some(Code::Cancelled),
        ..Spent::default()
    };
    open(job).finish(&spent);
}

/// Ends the books of a call that got no answer, and tells the error what happened on the way.
pub(super) fn failed(job: &mut Job, error: Error) -> Error {
    job.reservation = None;
    job.target = None;
    job.facts.attempts = u32::try_from(job.attempts.len()).unwrap_or(u32::MAX);
    let mut settlement = open(job);
    settlement.finish(&Spent {
        error: Some(error.code()),
        ..Spent::default()
    });
    error
        .with_attempts(job.attempts.to_vec())
        .with_request_id(job.facts.request_id.to_string())
}
