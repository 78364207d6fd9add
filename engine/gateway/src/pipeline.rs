//! The way of a call: eleven stages, each a file of its name.

mod admit;
pub(crate) mod authenticate;
mod batches;
pub(crate) mod brownout;
mod count;
pub(crate) mod decode;
pub(crate) mod dispatch;
pub(crate) mod embed;
mod encode;
pub(crate) mod ensemble;
pub(crate) mod explain;
pub(crate) mod form;
mod guard_in;
mod guard_out;
pub(crate) mod lifecycle;
mod most;
pub(crate) mod plan;
pub(crate) mod probe;
mod queue;
mod recall;
pub(crate) mod replay;
pub(crate) mod reserve;
mod rules;
pub(crate) mod semantic;
pub(crate) mod settle;
pub(crate) mod shadow;
mod upload;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use smallvec::SmallVec;
use tidegate_policy::{
    Tick, admission::Seats, cache::CacheKey, health::Trial, identity::Identity,
    ledger::Reservation, rng::Rng,
};
use tidegate_providers::{socket::Socket, upload::Upload};
use tidegate_types::{Attempt, Dialect, Endpoint, Error, Money, Segments, config::Priority};

use crate::{
    call::{Call, CallContext, Named, Reply},
    facts::Facts,
    gateway::{Inner, Running},
    journal::Notes,
    snapshot::{Route, Snapshot, Target},
    stream::source::EventSource,
    tasks,
};

/// A call on its way. Each stage fills in what it finds out.
pub(crate) struct Job {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) context: CallContext,
    pub(crate) endpoint: Endpoint,
    pub(crate) dialect: Dialect,
    pub(crate) implied_provider: Option<String>,
    /// What the path says, in dialects whose paths name the model.
    pub(crate) named: Option<Named>,
    pub(crate) body: Segments,
    /// What follows `body` and is still arriving.
    pub(crate) rest: Option<Upload>,
    pub(crate) headers: HeaderMap,
    pub(crate) started: Tick,
    /// Moment at which the caller's own limit ends the call.
    pub(crate) deadline: Option<Tick>,
    pub(crate) running: Option<Running>,
    pub(crate) rng: Rng,
    /// decode: what the body says.
    pub(crate) asks: decode::Asks,
    /// authenticate: who calls; `None` is root.
    pub(crate) identity: Option<Arc<Identity>>,
    /// authenticate: where the model name leads; `None` for the list of models.
    pub(crate) route: Option<Arc<Route>>,
    /// authenticate, admit: who goes first.
    pub(crate) priority: Priority,
    /// admit: its place among its caller's calls at a time.
    pub(crate) permit: Option<Seats>,
    /// recall: under which name the answer is stored.
    pub(crate) cache_key: Option<CacheKey>,
    /// semantic: how similar the request is to what targets are for.
    pub(crate) likenesses: Option<Box<semantic::Likenesses>>,
    /// plan: what is tried, in order.
    pub(crate) plan: plan::Plan,
    /// guard_in: the targets that have what the call refers to.
    pub(crate) bound: lifecycle::Bound,
    /// guard_in: what keeps the reply.
    pub(crate) turn: Option<lifecycle::Turn>,
    /// authenticate: the answer to a question about what the engine keeps.
    pub(crate) known: Option<Bytes>,
    /// reserve: money held back for a batch.
    pub(crate) held: Option<Reservation>,
    /// reserve: money held back for the attempt.
    pub(crate) reservation: Option<Reservation>,
    /// dispatch: the try under way, for what is known of its target.
    pub(crate) trial: Option<Trial>,
    /// dispatch: tries made.
    pub(crate) attempts: SmallVec<[Attempt; 2]>,
    /// ensemble: why a member did not answer.
    pub(crate) failed: Option<Error>,
    /// dispatch: what tries cost whose answers were not taken.
    pub(crate) earlier: Money,
    /// dispatch: the target that answered.
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) facts: Facts,
    /// shadow: the call it is compared with.
    pub(crate) side: Option<shadow::Side>,
    /// Time spent waiting for upstreams and pauses.
    pub(crate) waited: Duration,
    /// What will be written down of the call, where somebody asks for it.
    pub(crate) notes: Option<Box<Notes>>,
}

/// An upstream's (or the cache's) answer, in the dialect it was given in.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) dialect: Dialect,
    pub(crate) body: AnswerBody,
}

impl Answer {
    /// The engine's own, as JSON.
    fn own(dialect: Dialect, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            status: StatusCode::OK,
            headers,
            dialect,
            body: AnswerBody::Complete(body),
        }
    }
}

pub(crate) enum AnswerBody {
    Complete(Bytes),
    Stream(Box<EventSource>),
    Socket(Socket),
}

/// Runs a call through the stages.
pub(crate) async fn execute(
    gateway: &Arc<Inner>,
    context: CallContext,
    call: Call,
) -> Result<Reply, Error> {
    // On the heap: a future is moved several times before it runs, and this one is large.
    Box::pin(run(gateway, context, call)).await
}

async fn run(gateway: &Arc<Inner>, context: CallContext, call: Call) -> Result<Reply, Error> {
    let mut job = Job::new(gateway, context, call);
    if let Some(journal) = &job.snapshot.journal {
        let of = (&job.endpoint, job.dialect);
        let began = (job.started, gateway.clock.unix_millis());
        job.notes = Some(Notes::begin(journal, began, of, &job.body, &job.headers));
    }
    let result = match stages(&mut job).await {
        Ok(answer) => encode::run(&mut job, answer),
        Err(error) => Err(error),
    };
    result.map_err(|error| settle::failed(&mut job, error))
}

/// Asks the planned targets for a request that goes on with another, whose books stay open.
pub(crate) async fn again(job: &mut Job) -> Result<Answer, Error> {
    dispatch::run(job).await
}

async fn stages(job: &mut Job) -> Result<Answer, Error> {
    upload::run(job).await?;
    decode::run(job)?;
    authenticate::run(job)?;
    admit::run(job).await?;
    guard_in::run(job).await?;
    let mut answer = if let Some(stored) = recall::run(job) {
        stored
    } else {
        if semantic::wanted(job) {
            Box::pin(semantic::run(job)).await;
        }
        plan::run(job)?;
        shadow::begin(job);
        ensemble::run(job).await?;
        dispatch::run(job).await? // reserves before each attempt
    };
    guard_out::run(job, &mut answer).await?;
    let told = settle::told(job, &answer);
    if told.is_none()
        && let Some(model) = settle::unread(job, &answer)
    {
        // On the heap: few answers tell nothing.
        Box::pin(tasks::vocabulary(&model)).await;
    }
    settle::with(job, &answer, told);
    Ok(answer)
}

impl Job {
    fn new(gateway: &Arc<Inner>, context: CallContext, mut call: Call) -> Self {
        if let Some(scope) = &context.scope {
            scope.write(&mut call.headers);
        }
        let started = gateway.clock.now();
        let facts = Facts {
            request_id: gateway.request_id(),
            ..Facts::default()
        };
        Self {
            gateway: Arc::clone(gateway),
            snapshot: gateway.snapshot(),
            deadline: context.timeout.map(|limit| started.plus(limit)),
            context,
            endpoint: call.endpoint,
            dialect: call.dialect,
            implied_provider: call.provider,
            named: call.named,
            body: call.body,
            rest: call.rest,
            headers: call.headers,
            started,
            running: None,
            rng: Rng::new(),
            asks: decode::Asks::default(),
            identity: None,
            route: None,
            priority: Priority::default(),
            permit: None,
            cache_key: None,
            likenesses: None,
            plan: plan::Plan::default(),
            trial: None,
            bound: lifecycle::Bound::default(),
            turn: None,
            known: None,
            held: None,
            reservation: None,
            attempts: SmallVec::new(),
            failed: None,
            earlier: Money::ZERO,
            target: None,
            facts,
            side: None,
            waited: Duration::ZERO,
            notes: None,
        }
    }
}

impl Job {
    /// Whose what this call makes is; `None` is root's.
    pub(crate) fn owner(&self) -> Option<&Arc<str>> {
        self.identity.as_ref()?.owner.as_ref()
    }

    /// Bytes of the request's body, those still to come included.
    pub(crate) fn size(&self) -> u64 {
        let rest = self.rest.as_ref().and_then(Upload::size).unwrap_or(0);
        self.body.len() as u64 + rest
    }

    /// The same request without books of its own, to go on with where a stream breaks. `None` where
    /// that cannot be: the route does not ask for it, or the reply is more than one text.
    fn twin(&self) -> Option<Box<Self>> {
        let target = self.target.as_ref()?;
        let route = self.route.as_ref().filter(|route| route.resumes(target))?;
        if self.facts.brownout {
            return None;
        }
        let structured = [
            "response_format",
            "json_schema",
            "json_object",
            "responseSchema",
        ];
        let body = self.body.to_bytes();
        let holds = |word: &&str| memchr::memmem::find(&body, word.as_bytes()).is_some();
        if self.endpoint != Endpoint::Chat
            || self.asks.choices != 1
            || self.turn.is_some()
            || structured.iter().any(holds)
        {
            return None;
        }
        let mut twin = self.copy(Arc::clone(route));
        twin.context.timeout = self.context.timeout;
        twin.deadline = self.deadline;
        twin.priority = self.priority;
        twin.identity.clone_from(&self.identity);
        twin.plan = plan::Plan {
            order: self.plan.order.clone(),
            fallbacks_at: self.plan.fallbacks_at,
            own: self.plan.own.clone(),
            beginnings: plan::Plan::default().beginnings,
        };
        Some(twin)
    }

    /// The same request on another route, without books, identity and deadline.
    fn copy(&self, route: Arc<Route>) -> Box<Self> {
        let context = CallContext {
            trusted: self.context.trusted,
            ..CallContext::default()
        };
        let call = Call {
            endpoint: self.endpoint.clone(),
            dialect: self.dialect,
            provider: self.implied_provider.clone(),
            named: self.named.clone(),
            body: self.body.clone(),
            rest: None,
            headers: self.headers.clone(),
        };
        let mut copy = Self::new(&self.gateway, context, call);
        copy.snapshot = Arc::clone(&self.snapshot);
        copy.route = Some(route);
        // Nobody waits for a copy.
        copy.priority = Priority::Low;
        copy.asks = decode::Asks {
            model: self.asks.model.clone(),
            outline: self.asks.outline.clone(),
            form: None,
            ..self.asks
        };
        copy.notes = self.notes.as_ref().map(|notes| notes.twin(&self.headers));
        Box::new(copy)
    }
}

impl Drop for Job {
    /// A call dropped on its way was cancelled by its caller: its books are closed here.
    fn drop(&mut self) {
        if self.running.is_some() {
            settle::cancelled(self);
        }
    }
}
