//! What the tries of a call hold while they run: one lane for nearly every call, several where targets
//! are asked at the same time.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tidegate_policy::{Tick, health::Trial, ledger::Reservation, rng::Rng};
use tidegate_providers::tokens;
use tidegate_types::{Attempt, Code, Error};

use super::Job;
use crate::{
    gateway::Inner,
    pipeline::{queue::Ticket, settle},
    snapshot::Target,
    stream::source::EventSource,
};

/// The tries that follow one another.
#[derive(Default)]
pub(crate) struct Lane {
    pub(super) index: usize,
    pub(super) rng: Rng,
    /// Money held back for the try under way.
    pub(crate) reservation: Option<Reservation>,
    /// Money held back for a batch.
    pub(super) held: Option<Reservation>,
    /// The try under way, for what is known of its target.
    pub(super) trial: Option<Trial>,
    /// The target of that try.
    pub(crate) target: Option<Arc<Target>>,
    /// Name of its key.
    pub(super) key: Option<Arc<str>>,
    /// What of the request the target could not express.
    pub(super) dropped: Vec<String>,
    /// Tries made.
    pub(super) tries: SmallVec<[Try; 2]>,
    /// The place that was waited for, at the target that is asked next.
    pub(super) ticket: Option<Ticket>,
    /// Time spent waiting.
    pub(super) waited: Duration,
    /// The stream that is waited for, as far as it was read.
    pub(super) opening: Option<Box<EventSource>>,
    /// Bytes of a whole answer that have come.
    pub(super) received: u64,
}

/// A try that was made.
pub(super) struct Try {
    pub(super) at: Tick,
    /// How long it took to fail, or until it was let go.
    pub(super) took: Duration,
    pub(super) attempt: Attempt,
}

/// The lanes of a call. Dropping them gives up every try under way.
pub(super) struct Lanes {
    gateway: Arc<Inner>,
    pub(super) all: SmallVec<[Lane; 1]>,
    /// Time spent waiting for a place.
    pub(super) queued: Duration,
    /// When several began together.
    began: Option<Tick>,
}

impl Lane {
    /// What the stream or answer under way was seen to consume.
    pub(crate) fn spent(&self) -> settle::Seen {
        match &self.opening {
            Some(source) => settle::Seen {
                usage: source.usage(),
                output_tokens: match self.target.as_ref().map(|target| &*target.model) {
                    Some(model) if tokens::is_ready(model) => source.tokens_said(model),
                    _ => source.tokens_seen(),
                },
            },
            None => settle::Seen {
                usage: None,
                output_tokens: self.received.div_ceil(settle::BYTES_PER_TOKEN),
            },
        }
    }
}

impl Lanes {
    pub(super) fn new(job: &Job, lanes: usize) -> Self {
        let lane = |index| Lane {
            index,
            ..Lane::default()
        };
        Self {
            gateway: Arc::clone(&job.gateway),
            all: (0..lanes.max(1)).map(lane).collect(),
            queued: Duration::ZERO,
            began: (lanes > 1).then(|| job.gateway.clock.now()),
        }
    }

    /// Whether no try was made.
    pub(super) fn untried(&self) -> bool {
        self.all.iter().all(|lane| lane.tries.is_empty())
    }

    /// Ends the tries: the job goes on with what the winner holds, and what the others consumed is
    /// paid.
    pub(super) fn close(mut self, job: &mut Job, result: &Result<usize, &Error>) {
        job.facts.queued += self.queued;
        job.waited += match self.began {
            Some(began) => self.gateway.clock.now().since(began),
            None => self.all.iter().map(|lane| lane.waited).sum::<Duration>() + self.queued,
        };
        for lane in &mut self.all {
            if result.as_ref().is_ok_and(|winner| *winner == lane.index) {
                job.reservation = lane.reservation.take();
                job.held = lane.held.take();
                job.trial = lane.trial.take();
                job.target = lane.target.take();
                job.facts.target = job.target.as_ref().map(|target| Arc::clone(&target.label));
                job.facts.key = lane.key.take();
                job.facts.dropped = std::mem::take(&mut lane.dropped);
                continue;
            }
            let Some(trial) = lane.trial.take() else {
                continue;
            };
            let now = self.gateway.clock.now();
            if let Some(last) = lane.tries.last_mut() {
                let code = result
                    .as_ref()
                    .map_or_else(|error| error.code(), |_| Code::Cancelled);
                last.attempt.error = Some(code.slug());
                last.took = now.since(last.at);
            }
            if result.is_ok() {
                trial.outrun(job.asks.stream, now);
                let (cost, estimated) = settle::outrun(job, lane);
                job.earlier = job.earlier.saturating_add(cost);
                job.facts.estimated |= estimated;
            } else {
                trial.abandon(now);
            }
        }
        if let [lane] = self.all.as_mut_slice() {
            note(job, &lane.tries);
            let tries = lane.tries.drain(..);
            job.attempts.extend(tries.map(|tried| tried.attempt));
            return;
        }
        let tries = self.all.iter_mut().flat_map(|lane| lane.tries.drain(..));
        let mut tries: Vec<Try> = tries.collect();
        tries.sort_by_key(|tried| tried.at);
        note(job, &tries);
        job.attempts
            .extend(tries.into_iter().map(|tried| tried.attempt));
    }
}

/// Has the tries written down, where somebody asks for it.
fn note(job: &mut Job, tries: &[Try]) {
    if let Some(notes) = &mut job.notes {
        for tried in tries {
            notes.tried(tried.at, tried.took, &tried.attempt);
        }
    }
}

impl Drop for Lanes {
    /// Nobody waits any more.
    fn drop(&mut self) {
        for lane in &mut self.all {
            if let Some(trial) = lane.trial.take() {
                trial.abandon(self.gateway.clock.now());
            }
        }
    }
}
