//! Asks targets now and then how they do, where the configuration wants it.
//!
//! One task per engine, begun by the first call: nothing runs before it. It holds the engine only while it asks, and
//! ends when that is closed, when a reload takes the probes away, and with its runtime; the next call
//! begins it anew.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method};
use tidegate_policy::{Tick, health::Ended, rng::Rng};
use tidegate_types::{Code, Dialect, Endpoint, Error, Segments, config::Priority};
use tokio::{sync::Notify, time::sleep};

use super::{AnswerBody, Job, decode, dispatch, encode, plan, settle};
use crate::{
    call::{CacheDirective, Call, CallContext, ReplyBody},
    gateway::Inner,
    snapshot::{Route, Snapshot, Target},
    stream::Step,
    tasks,
};

/// How often is looked whether the engine is still there, and what its clock says.
const LOOK: Duration = Duration::from_millis(500);
/// Tokens that a target is asked for. OpenAI's Responses take no smaller bound.
const TOKENS: u32 = 16;

/// A target that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Leads to the target alone, which is tried once.
    pub(crate) route: Arc<Route>,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    /// Path below the provider's address; without it a small chat is asked for.
    pub(crate) path: Option<String>,
}

/// Whether somebody probes.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    runs: AtomicBool,
    /// Told when the engine closes.
    pub(crate) over: Arc<Notify>,
}

/// Lets the next call begin anew.
struct Over(Weak<Inner>);

impl Drop for Over {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.prober.runs.store(false, Ordering::Release);
        }
    }
}

impl Probe {
    fn target(&self) -> Option<&Arc<Target>> {
        self.route.targets.first()
    }

    /// Those that a provider's path tells of share one.
    pub(crate) fn name(&self) -> String {
        match (&self.path, self.target()) {
            (Some(path), Some(target)) => [&target.provider.name, "\n", path].concat(),
            _ => self.route.name.to_string(),
        }
    }
}

/// Begins to probe, unless somebody does. For calls on their way in.
pub(super) fn start(inner: &Arc<Inner>) {
    if inner.prober.runs.swap(true, Ordering::AcqRel) {
        return;
    }
    let engine = Arc::downgrade(inner);
    let began = inner.clock.now();
    let over = Over(Weak::clone(&engine));
    let stop = Arc::clone(&inner.prober.over);
    tasks::spawn(async move {
        let _over = over;
        // Registered before anything is looked at: a close in between is not missed.
        let mut stopped = std::pin::pin!(stop.notified());
        stopped.as_mut().enable();
        tokio::select! {
            () = stopped => {}
            () = run(engine, began) => {}
        }
    });
}

/// `from`: the moment from which the first pause is counted.
async fn run(engine: Weak<Inner>, mut from: Tick) {
    let mut due: HashMap<String, Tick> = HashMap::new();
    let mut rng = Rng::new();
    loop {
        let Some(inner) = engine.upgrade().filter(|inner| !inner.is_closed()) else {
            return;
        };
        let snapshot = inner.snapshot();
        if snapshot.probes.is_empty() {
            return;
        }
        let now = inner.clock.now();
        let mut ready = Vec::new();
        due.retain(|name, _| snapshot.probes.contains_key(name));
        for (name, probe) in &snapshot.probes {
            // Engines that began together do not ask together.
            let pause = probe.every.mul_f64(0.9 + 0.1 * rng.unit());
            let at = due.entry(name.clone()).or_insert(from.plus(pause));
            if *at <= now {
                *at = now.plus(pause);
                if wants(probe, now) {
                    ready.push(ask(&inner, &snapshot, probe));
                }
            }
        }
        from = now;
        join_all(ready).await;
        let soonest = due.values().min().copied().unwrap_or_default();
        let pause = soonest.since(inner.clock.now()).min(LOOK);
        drop((snapshot, inner));
        sleep(pause.max(Duration::from_millis(1))).await;
    }
}

/// Whether a target is to be asked: nothing is known of it, and its vendor has not asked to be left alone.
fn wants(probe: &Probe, now: Tick) -> bool {
    let Some(target) = probe.target() else {
        return false;
    };
    if probe.path.is_some() {
        return true;
    }
    let rests = |pauses: &Arc<tidegate_policy::health::KeyPauses>| !pauses.limited.over(now);
    let limited = !target.pauses.is_empty() && target.pauses.iter().all(rests);
    !limited && !target.place.is_known(now, probe.every)
}

/// Asks once. The call counts and costs like any other; its end tells the target's breaker.
async fn ask(inner: &Arc<Inner>, snapshot: &Arc<Snapshot>, probe: &Probe) {
    let Some(target) = probe.target() else { return };
    let Ok(running) = inner.enter() else { return };
    let Ok(mut job) = job(inner, snapshot, probe, target) else {
        return;
    };
    job.running = Some(running);
    let error = match answered(&mut job).await {
        Ok(code) => code,
        Err(error) => Some(settle::failed(&mut job, error).code()),
    };
    inner
        .metrics
        .probed(&target.label, error.map_or("ok", Code::slug));
    let now = inner.clock.now();
    for told in told_of(inner, probe) {
        match error {
            // Whoever finds fault with so small a request is there.
            None | Some(Code::UpstreamRejected) => told.place.revive(told.breaker, now),
            Some(code) => {
                // The try at the target itself has told its own breaker, unless it was given up.
                let silent = code == Code::TotalTimeout;
                if silent || probe.path.is_some() && Ended::with(code) == Ended::Badly {
                    told.place.note_failure(told.breaker, now);
                }
            }
        }
    }
}

/// Asks and settles; gives what the answer to a path says against the provider. What is no answer of a
/// model is passed on as it is, whatever its status.
async fn answered(job: &mut Job) -> Result<Option<Code>, Error> {
    plan::run(job)?;
    let answer = dispatch::run(job).await?;
    if let Some(trial) = job.trial.take() {
        // So small a call says that the target is there, and nothing of how fast it is.
        trial.alive(job.gateway.clock.now());
    }
    let failed = answer.status.is_server_error();
    let failed = failed.then_some(Code::UpstreamFailed);
    settle::run(job, &answer);
    if let AnswerBody::Complete(_) = answer.body {
        return Ok(failed);
    }
    if let ReplyBody::Stream(mut stream) = encode::run(job, answer)?.body {
        let mut frames = Vec::new();
        while let Step::More = poll_fn(|cx| stream.poll_frames(cx, &mut frames)).await {
            frames.clear();
        }
    }
    Ok(failed)
}

fn job(
    inner: &Arc<Inner>,
    snapshot: &Arc<Snapshot>,
    probe: &Probe,
    target: &Target,
) -> Result<Box<Job>, Error> {
    let (endpoint, dialect, body) = if let Some(path) = &probe.path {
        let endpoint = Endpoint::Passthrough {
            provider: target.provider.name.to_string(),
            method: Method::GET,
            path: path.clone(),
        };
        (endpoint, target.provider.wires[0].dialect, String::new())
    } else {
        let body = serde_json::json!({
            "model": &*target.label,
            "max_completion_tokens": TOKENS,
            "messages": [{ "role": "user", "content": "ping" }],
        });
        (Endpoint::Chat, Dialect::OpenAi, body.to_string())
    };
    let call = Call {
        endpoint,
        dialect,
        provider: None,
        named: None,
        body: Segments::from(Bytes::from(body)),
        rest: None,
        headers: HeaderMap::new(),
    };
    let context = CallContext {
        trusted: true,
        timeout: Some(probe.timeout),
        cache: CacheDirective::Bypass,
        ..CallContext::default()
    };
    let mut job = Box::new(Job::new(inner, context, call));
    decode::read(&mut job)?;
    job.snapshot = Arc::clone(snapshot);
    job.route = Some(Arc::clone(&probe.route));
    job.priority = Priority::Low;
    Ok(job)
}

/// The targets that a probe tells something of.
fn told_of(inner: &Inner, probe: &Probe) -> Vec<Arc<Target>> {
    let Some(target) = probe.target() else {
        return Vec::new();
    };
    if probe.path.is_none() {
        return vec![Arc::clone(target)];
    }
    let mut told = inner.snapshot().targets();
    told.retain(|other| other.provider.name == target.provider.name);
    told.sort_by(|a, b| a.label.cmp(&b.label));
    told.dedup_by(|a, b| Arc::ptr_eq(&a.place, &b.place));
    told
}
