//! Copies of calls to another target, for comparison. They go beside the real call, at nobody's cost but
//! that of the key the route names, and can neither slow nor fail it.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tidegate_policy::identity::Identity;
use tidegate_types::{Code, Endpoint, Error, Money, Usage};

use super::{Job, dispatch, encode, guard_out, lifecycle::Bound, plan, semantic, settle};
use crate::{
    call::{Reply, ReplyBody},
    gateway::Running,
    snapshot::Route,
    stream::Step,
    tasks, telemetry,
};

/// Where copies go, and how many.
#[derive(Debug)]
pub(crate) struct Shadow {
    /// The route of copies.
    pub(crate) route: Arc<Route>,
    /// Share of calls that are copied.
    pub(crate) sample: f64,
    /// Copies at a time; those beyond it are not made.
    pub(crate) most: usize,
    /// Whose budgets pay.
    pub(crate) payer: Option<Arc<Identity>>,
    pub(crate) tally: Arc<Tally>,
}

/// What became of the copies of a route.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    running: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    /// Nano-dollars.
    cost: AtomicU64,
    last: Mutex<Option<Value>>,
}

/// A copy's place among those at a time.
struct Place(Arc<Tally>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What one of the two calls came to.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) target: Option<Arc<str>>,
    /// Until the answer, or the first content of a stream.
    pub(crate) answered: Option<Duration>,
    pub(crate) took: Duration,
    pub(crate) cost: Money,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<Code>,
}

/// The two calls. Whichever ends last has them compared.
#[derive(Debug)]
pub(crate) struct Pair {
    route: Arc<str>,
    request_id: String,
    tally: Arc<Tally>,
    ended: Mutex<(Option<Came>, Option<Came>)>,
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Side {
    pair: Arc<Pair>,
    copy: bool,
}

impl Tally {
    /// Counts, and the last comparison, for the report on health.
    pub(crate) fn report(&self) -> Value {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let cost = i64::try_from(count(&self.cost)).unwrap_or(i64::MAX);
        json!({
            "running": self.running.load(Ordering::Relaxed),
            "sent": count(&self.sent),
            "dropped": count(&self.dropped),
            "failed": count(&self.failed),
            "cost": Money::from_nanos(cost),
            "last": *self.last.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// Copies that run now.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let room = |running: usize| (running < most).then_some(running + 1);
        let entered = self
            .running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, room);
        entered.ok().map(|_| Place(Arc::clone(self)))
    }
}

impl Side {
    /// Whether it is the copy.
    pub(crate) fn is_copy(&self) -> bool {
        self.copy
    }

    /// Takes note of the end, and compares when it was the second.
    pub(crate) fn ended(self, came: Came) {
        let pair = self.pair;
        if self.copy {
            let nanos = u64::try_from(came.cost.nanos()).unwrap_or(0);
            pair.tally.cost.fetch_add(nanos, Ordering::Relaxed);
            let failed = u64::from(came.error.is_some());
            pair.tally.failed.fetch_add(failed, Ordering::Relaxed);
        }
        let mut ended = pair.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if self.copy {
            ended.1 = Some(came);
        } else {
            ended.0 = Some(came);
        }
        if let (Some(real), Some(copy)) = &*ended {
            telemetry::compared(&pair.route, &pair.request_id, real, copy);
            let compared = json!({
                "request_id": pair.request_id,
                "real": told(real),
                "shadow": told(copy),
            });
            let mut last = pair
                .tally
                .last
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some(compared);
        }
    }
}

fn told(came: &Came) -> Value {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let usage = came.usage.unwrap_or_default();
    json!({
        "target": came.target,
        "answered_ms": came.answered.map(millis),
        "total_ms": millis(came.took),
        "cost": came.cost,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "error": came.error.map(Code::slug),
    })
}

/// Sends a copy of the call on its way, if the route wants one and there is room.
pub(super) fn begin(job: &mut Job) {
    let Some(route) = shadowed(job) else {
        return;
    };
    let Some(shadow) = &route.shadow else { return };
    if uncopied(job).is_some() || job.rng.unit() >= shadow.sample {
        return;
    }
    let entered = shadow.tally.enter(shadow.most);
    let (Some(place), Ok(running)) = (entered, job.gateway.enter()) else {
        shadow.tally.dropped.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let pair = Arc::new(Pair {
        route: Arc::clone(&route.name),
        request_id: job.facts.request_id.to_string(),
        tally: Arc::clone(&shadow.tally),
        ended: Mutex::default(),
    });
    let mut copy = copied(job, shadow);
    let side = |copy| Side {
        pair: Arc::clone(&pair),
        copy,
    };
    copy.side = Some(side(true));
    let counted = &shadow.tally;
    if tasks::spawn(run(copy, place, running)) {
        job.side = Some(side(false));
        counted.sent.fetch_add(1, Ordering::Relaxed);
    } else {
        counted.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The route whose copies are made: the one called, or else the innermost of those inside it that the call is
/// planned to go to first.
pub(super) fn shadowed(job: &Job) -> Option<Arc<Route>> {
    let route = job.route.as_ref()?;
    if route.shadow.is_some() || route.within.is_empty() {
        return Some(Arc::clone(route));
    }
    let first = *job.plan.order.first()?;
    let inner = route.around(first).find(|within| within.shadowed)?;
    job.snapshot.routes.get(&*inner.name).cloned()
}

/// Why a call is not copied, whatever its route says.
pub(super) fn uncopied(job: &Job) -> Option<&'static str> {
    if !matches!(job.endpoint, Endpoint::Chat | Endpoint::Embeddings) {
        Some("only conversations and embeddings are copied")
    } else if job.bound != Bound::Free {
        Some("it refers to what a vendor keeps")
    } else {
        None
    }
}

/// The call as the other target gets it.
pub(super) fn copied(job: &Job, shadow: &Shadow) -> Box<Job> {
    let mut copy = job.copy(Arc::clone(&shadow.route));
    copy.identity.clone_from(&shadow.payer);
    // What makes a request one of its kind at its vendor is no concern of another's.
    copy.headers.remove("idempotency-key");
    copy
}

/// Runs a copy to its end; nobody sees what it says.
async fn run(mut job: Box<Job>, _place: Place, running: Running) {
    job.running = Some(running);
    match answer(&mut job).await {
        Ok(Reply {
            body: ReplyBody::Stream(mut stream),
            ..
        }) => {
            let mut frames = Vec::new();
            while let Step::More = poll_fn(|cx| stream.poll_frames(cx, &mut frames)).await {
                frames.clear();
            }
        }
        Ok(_) => {}
        Err(error) => drop(settle::failed(&mut job, error)),
    }
}

async fn answer(job: &mut Job) -> Result<Reply, Error> {
    if semantic::wanted(job) {
        Box::pin(semantic::run(job)).await;
    }
    plan::run(job)?;
    let mut answer = dispatch::run(job).await?;
    guard_out::run(job, &mut answer).await?;
    settle::run(job, &answer);
    encode::run(job, answer)
}
