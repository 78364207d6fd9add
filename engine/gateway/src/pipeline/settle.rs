//! Stage 10: books what a complete answer cost; a stream carries its settlement with it.

use tidegate_providers::dialect;
use tidegate_types::Error;

use super::{Answer, AnswerBody, Job, most};
use crate::{
    facts::CacheFact,
    stream::settlement::{BYTES_PER_TOKEN, Settlement, Spent},
};

/// Settles a complete answer and stores it. For a stream the books stay open.
pub(super) fn run(job: &mut Job, answer: &Answer) {
    job.facts.attempts = u32::try_from(job.attempts.len()).unwrap_or(u32::MAX);
    let AnswerBody::Complete(body) = &answer.body else {
        return;
    };
    let hit = matches!(job.facts.cache, CacheFact::Hit(_));
    let usage = if hit {
        None
    } else {
        dialect::usage_of(answer.dialect, &job.endpoint, body)
    };
    let mut settlement = open(job);
    let store = settlement.wants_copy() && answer.status.is_success();
    settlement.finish(&Spent {
        usage,
        output_tokens: (body.len() as u64).div_ceil(BYTES_PER_TOKEN),
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
    Settlement {
        gateway: std::sync::Arc::clone(&job.gateway),
        running: job.running.take(),
        permit: job.permit.take(),
        trial: job.trial.take(),
        reservation: job.reservation.take(),
        identity: job.identity.clone(),
        route: job.route.clone(),
        target: job.target.clone(),
        endpoint: job.endpoint.clone(),
        cache_key: job.cache_key.take(),
        facts: job.facts.clone(),
        started: job.started,
        body_bytes: job.body.len() as u64,
        asked: most::asked(job),
        output_bound: job
            .asks
            .max_output
            .map(|most| most.saturating_mul(job.asks.choices)),
        earlier: tidegate_types::Money::ZERO,
        done: false,
    }
}

/// Ends the books of a call whose caller went away before an answer came.
pub(super) fn cancelled(job: &mut Job) {
    job.reservation = None;
    job.target = None;
    let spent = Spent {
        error: Some(tidegate_types::Code::Cancelled),
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
