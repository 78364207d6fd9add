//! A stream that goes on from another upstream after it broke.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::HeaderValue;
use tidegate_providers::{
    dialect::{Continuation, bears_comments, continued, takes_prefill},
    event_stream::Splitter,
};
use tidegate_types::{Code, Dialect, Error, Segments, json::Outline};

use super::{Frame, push_bytes, push_event};
use crate::{
    pipeline::{self, Answer, Job, decode::keys},
    snapshot::Route,
};

/// How often one stream may break.
const MOST: u32 = 3;

/// What a stream needs to go on elsewhere.
pub(crate) struct Resuming {
    pub(crate) continuation: Continuation,
    /// Takes the bytes of later upstreams apart again, for native mode.
    splitter: Splitter,
    /// Whether the caller gets the upstream's own bytes: the first one's, in the same dialect.
    pub(crate) verbatim: bool,
    /// Whether the translation was brought to its end.
    pub(crate) finished: bool,
    /// The same request, for the next upstream; `None` while one is being asked.
    job: Option<Box<Job>>,
    left: u32,
    next: Option<Next>,
    /// Why the stream broke last.
    error: Option<Error>,
    caller: Dialect,
    /// The targets that went on.
    targets: Vec<Arc<str>>,
}

type Next = Pin<Box<dyn Future<Output = (Box<Job>, Result<Answer, Error>)> + Send>>;

impl Resuming {
    pub(crate) fn new(job: Box<Job>, continuation: Continuation, verbatim: bool) -> Self {
        let caller = job.dialect;
        Self {
            splitter: Splitter::new(caller),
            continuation,
            verbatim,
            finished: false,
            job: Some(job),
            left: MOST,
            next: None,
            error: None,
            caller,
            targets: Vec::new(),
        }
    }

    /// Begins to look for an upstream that goes on. False when the stream cannot be gone on with.
    pub(crate) fn begin(&mut self, error: Error, failed: Option<&str>) -> bool {
        let code = self.error.insert(error).code();
        let broken = matches!(
            code,
            Code::StreamInterrupted
                | Code::StreamFailed
                | Code::UpstreamInvalid
                | Code::IdleTimeout
                | Code::StallTimeout
                | Code::TooSlow
        );
        let Some(said) = self.continuation.said().filter(|_| broken && self.left > 0) else {
            return false;
        };
        let said = said.to_owned();
        let Some(job) = self.job.take() else {
            return false;
        };
        self.left -= 1;
        self.next = Some(Box::pin(ask(job, said, failed.map(str::to_owned))));
        true
    }

    /// The upstream that is being asked, if one is.
    pub(crate) fn next(&mut self) -> Option<&mut Next> {
        self.next.as_mut()
    }

    /// Why the stream broke last.
    pub(crate) fn take_error(&mut self) -> Error {
        self.next = None;
        self.error.take().unwrap_or_else(nobody)
    }

    /// Another upstream goes on.
    pub(crate) fn taken_over(&mut self, job: Box<Job>, dialect: Dialect, target: &Arc<str>) {
        self.job = Some(job);
        self.continuation.go_on_from(dialect);
        self.verbatim = false;
        self.targets.push(Arc::clone(target));
    }

    /// Whether the stream broke and others were asked to go on with it.
    pub(crate) fn broke(&self) -> bool {
        self.left < MOST
    }

    /// The targets that went on, if the stream broke.
    pub(crate) fn resumed(&self) -> Option<HeaderValue> {
        let names: Vec<&str> = self.targets.iter().map(|name| &**name).collect();
        let names = HeaderValue::from_str(&names.join(", ")).ok();
        names.filter(|_| !self.targets.is_empty())
    }

    /// Whether the caller's SDKs bear comments between events.
    pub(crate) fn bears_comments(&self) -> bool {
        bears_comments(self.caller)
    }

    pub(crate) fn caller(&self) -> Dialect {
        self.caller
    }

    /// Gives out what was made for the caller.
    pub(crate) fn emit(&mut self, text: Vec<u8>, native: bool, out: &mut Vec<Frame>) {
        if !native {
            push_bytes(Bytes::from(text), out);
        } else if self.splitter.push(Bytes::from(text)).is_ok() {
            for event in self.splitter.by_ref() {
                push_event(event, out);
            }
        }
    }
}

/// Asks the targets one after the other, the one that broke last.
async fn ask(
    mut job: Box<Job>,
    said: String,
    failed: Option<String>,
) -> (Box<Job>, Result<Answer, Error>) {
    let Some(route) = job.route.clone() else {
        return (job, Err(nobody()));
    };
    let mut order = job.plan.order.clone();
    let broke = |job: &Job, position: u16| {
        let target = job.plan.target(&route, position);
        target.is_some_and(|target| failed.as_deref() == Some(&*target.label))
    };
    order.sort_by_key(|position| broke(&job, *position));
    let original = (job.body.clone(), job.plan.order.clone());
    let mut result = Err(nobody());
    for position in order {
        if !prepare(&mut job, &route, position, &original.0, &said) {
            continue;
        }
        result = pipeline::again(&mut job).await;
        match &result {
            Err(error) if error.code() != Code::TotalTimeout => {}
            _ => break,
        }
    }
    job.body = original.0;
    job.plan.order = original.1;
    (job, result)
}

/// Makes the request for one target.
fn prepare(job: &mut Job, route: &Route, position: u16, body: &Segments, said: &str) -> bool {
    let Some(target) = job.plan.target(route, position) else {
        return false;
    };
    let wire = target.provider.wire(job.dialect, &target.model).dialect;
    let prefill = takes_prefill(wire, &target.model);
    let Some(body) = continued(job.dialect, body, said, prefill) else {
        return false;
    };
    let Ok(outline) = Outline::of(&body, keys(job.dialect)) else {
        return false;
    };
    job.body = body;
    job.asks.outline = Some(outline);
    job.plan.order = std::iter::once(position).collect();
    job.plan.fallbacks_at = 1;
    true
}

fn nobody() -> Error {
    Error::new(Code::NoHealthyTarget, "no target can go on with the stream")
}
