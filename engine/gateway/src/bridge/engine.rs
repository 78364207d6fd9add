//! An engine as a host language holds it.

use std::{
    collections::HashMap,
    mem,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use tidegate_providers::function::{Function, Functions};
use tidegate_types::{Code, Dialect, Error, Secret, Segments, config::Config};
use tokio::task::AbortHandle;

use super::{
    Event, EventKind, Head, Mode, Outcome, Queue, Request, Source, StreamHandle, host_call,
    outbox::Outbox,
    remote::Remote,
    runtime::{self, pid},
    session,
    stream::Canceller,
};
use crate::{
    Gateway,
    call::ReplyBody,
    scope::Scope,
    stream::SettlingStream,
    wire::{self, Caller, Entry, Trust},
};

/// A handle on an engine. Cheap to clone. Opening one starts no thread and opens no socket; after a
/// fork the child's first call makes a fresh engine of the same configuration.
#[derive(Clone)]
pub struct Engine(Arc<Shared>, View);

/// Who calls through a handle.
#[derive(Clone, Default)]
struct View {
    /// The Tidegate key of requests that bring none.
    key: Option<Arc<str>>,
    scope: Option<Arc<Scope>>,
}

struct Shared {
    /// Where the configuration came from, for a reload without a new one.
    source: Mutex<Source>,
    config: ArcSwap<Config>,
    remote: Option<(Uri, Option<Secret<String>>)>,
    functions: Functions,
    core: ArcSwapOption<Core>,
    closed: AtomicBool,
}

/// What belongs to one process: connections, tickets, counters.
struct Core {
    pid: u32,
    backend: Backend,
    tickets: Mutex<HashMap<u64, Ticket>>,
}

/// How often a closing client of another gateway looks whether its calls have ended.
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// Tickets are unique in the process: engines may share a queue.
static NEXT_TICKET: AtomicU64 = AtomicU64::new(1);

pub(super) fn next_ticket() -> u64 {
    NEXT_TICKET.fetch_add(1, Ordering::Relaxed)
}

#[derive(Clone)]
enum Backend {
    Local(Gateway),
    Remote(Arc<Remote>),
}

enum Ticket {
    /// The task that runs the request.
    Running(AbortHandle, Queue),
    Streaming(Canceller),
}

/// Where the frames of an opened stream come from, before it is buffered.
enum Answer {
    Whole(Head, Bytes),
    Stream(Head, Box<SettlingStream>),
    Session(Head, session::Begun),
}

impl Drop for Shared {
    /// A child that never made a call still holds its parent's core. Dropping that would take the
    /// parent's sockets out of the parent's event loop, which both share.
    fn drop(&mut self) {
        if let Some(core) = self.core.swap(None)
            && core.pid != pid()
        {
            mem::forget(core);
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Opens an engine of this configuration.
    ///
    /// # Errors
    /// `unreadable_config`, `invalid_config`.
    pub fn open(source: Source) -> Result<Self, Error> {
        Self::open_with(source, Functions::new())
    }

    /// As [`Engine::open`], with functions of the host in the place of vendors.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with(source: Source, functions: Functions) -> Result<Self, Error> {
        let config = source.load_with(&functions)?;
        Ok(Self::new(source, config, None, functions))
    }

    /// Opens a client of a running gateway: the same calls, made over the network. `key` goes along
    /// with every call that brings none.
    ///
    /// # Errors
    /// `invalid_config` when the URL is not absolute or not HTTP.
    pub fn connect(url: &str, key: Option<String>) -> Result<Self, Error> {
        let uri: Uri = url
            .trim_end_matches('/')
            .parse()
            .map_err(|_| bad_url(url))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(bad_url(url));
        }
        Ok(Self::new(
            Source::Env,
            Config::default(),
            Some((uri, key.map(Secret::new))),
            Functions::new(),
        ))
    }

    fn new(
        source: Source,
        config: Config,
        remote: Option<(Uri, Option<Secret<String>>)>,
        functions: Functions,
    ) -> Self {
        let shared = Shared {
            source: Mutex::new(source),
            config: ArcSwap::from_pointee(config),
            remote,
            functions,
            core: ArcSwapOption::empty(),
            closed: AtomicBool::new(false),
        };
        Self(Arc::new(shared), View::default())
    }

    /// A handle on the same engine whose calls are made with a Tidegate key, unless they bring one:
    /// its models, its budgets. It costs nothing.
    pub fn with_key(&self, key: &str) -> Self {
        let key = Some(Arc::from(key));
        let view = View {
            key,
            ..self.1.clone()
        };
        Self(Arc::clone(&self.0), view)
    }

    /// A handle on the same engine whose calls are made for a customer, a team, a user or an end user,
    /// and carry tags. What this scope does not say, the handle's own says. It costs nothing.
    pub fn scoped(&self, scope: &Scope) -> Self {
        let outer = self.1.scope.as_deref();
        let scope = outer.map_or_else(|| scope.clone(), |outer| scope.within(outer));
        let view = View {
            scope: Some(Arc::new(scope)),
            ..self.1.clone()
        };
        Self(Arc::clone(&self.0), view)
    }

    /// This process's core; made on first use, and again in a forked child. The parent's is left
    /// alone: dropping it here would shut its connections down.
    fn core(&self) -> Arc<Core> {
        let pid = pid();
        loop {
            let current = self.0.core.load_full();
            if let Some(core) = current.as_ref().filter(|core| core.pid == pid) {
                return Arc::clone(core);
            }
            let backend = match &self.0.remote {
                Some((url, key)) => {
                    Backend::Remote(Arc::new(Remote::new(url.clone(), key.clone())))
                }
                None => Backend::Local(Gateway::with_functions(
                    Config::clone(&self.0.config.load()),
                    self.0.functions.clone(),
                )),
            };
            if self.0.closed.load(Ordering::Acquire)
                && let Backend::Local(gateway) = &backend
            {
                gateway.stop();
            }
            let fresh = Arc::new(Core {
                pid,
                backend,
                tickets: Mutex::default(),
            });
            let found = self.0.core.compare_and_swap(&current, Some(fresh));
            mem::forget(
                found
                    .as_ref()
                    .map(Arc::clone)
                    .filter(|core| core.pid != pid),
            );
            mem::forget(current);
        }
    }

    /// Puts a function in the place of a vendor: the provider of that name, whether or not the
    /// configuration mentions it. In place of another function of that name; calls under way go on.
    ///
    /// # Errors
    /// `invalid_request` for an engine that is a client of another.
    pub fn provide(&self, name: &str, function: impl Function) -> Result<(), Error> {
        if self.0.remote.is_some() {
            let text = "this engine is a client of another gateway, which runs its own functions";
            return Err(Error::new(Code::InvalidRequest, text));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            let text =
                format!("{name:?} cannot name a provider: letters, digits, `.`, `_` and `-` can");
            return Err(Error::new(Code::InvalidRequest, text));
        }
        let known = self.0.functions.names().iter().any(|there| there == name);
        self.0.functions.insert(name, function);
        if !known
            && let Some(core) = self.0.core.load_full().filter(|core| core.pid == pid())
            && let Backend::Local(gateway) = &core.backend
        {
            gateway.reload(Config::clone(&self.0.config.load()));
        }
        Ok(())
    }

    /// The gateway behind a local engine.
    ///
    /// # Errors
    /// `invalid_request` for an engine that is a client of another.
    pub fn gateway(&self) -> Result<Gateway, Error> {
        match &self.core().backend {
            Backend::Local(gateway) => Ok(gateway.clone()),
            Backend::Remote(_) => Err(Error::new(
                Code::InvalidRequest,
                "this engine is a client of another gateway, which serves itself",
            )),
        }
    }

    /// Runs a request on the calling thread and waits for its end, or for its stream to begin.
    pub fn call(&self, request: Request) -> Outcome {
        let view = self.1.clone();
        self.block_on(|core| async move { core.backend.run(request, view).await })
    }

    /// As [`Engine::call`], but asks `go_on` again and again, every `step`, and gives the call up
    /// with `cancelled` once it says no. For hosts that must look for signals.
    pub fn call_while(
        &self,
        request: Request,
        step: Duration,
        mut go_on: impl FnMut() -> bool,
    ) -> Outcome {
        let view = self.1.clone();
        self.block_on(|core| async move {
            let mut running = pin!(core.backend.run(request, view));
            loop {
                if let Ok(result) = tokio::time::timeout(step, &mut running).await {
                    return result;
                }
                if !go_on() {
                    return Err(Error::new(Code::Cancelled, "the call was cancelled"));
                }
            }
        })
    }

    fn block_on<F: Future<Output = Result<Answer, Error>>>(
        &self,
        run: impl FnOnce(Arc<Core>) -> F,
    ) -> Outcome {
        let handle = match self.enter() {
            Ok(handle) => handle,
            Err(error) => return Outcome::Error(error),
        };
        let core = self.core();
        match handle.block_on(run(Arc::clone(&core))) {
            Ok(Answer::Whole(head, body)) => Outcome::Reply(head, body),
            Ok(Answer::Stream(head, frames)) => {
                let ticket = next_ticket();
                Outcome::Stream(head, core.start(&handle, ticket, frames, None))
            }
            Ok(Answer::Session(head, begun)) => {
                let ticket = next_ticket();
                Outcome::Stream(head, core.converse(&handle, ticket, begun, None))
            }
            Err(error) => Outcome::Error(error),
        }
    }

    /// Starts a request; its outcome arrives in `queue` under the ticket given back.
    pub fn submit(&self, queue: &Queue, request: Request) -> u64 {
        let core = self.core();
        let ticket = next_ticket();
        let handle = match self.enter() {
            Ok(handle) => handle,
            Err(error) => {
                let kind = EventKind::Outcome(Outcome::Error(error));
                queue.push(Event { ticket, kind });
                return ticket;
            }
        };
        // Held while the task is registered: a task that is quick must find its own ticket.
        let mut tickets = core.tickets();
        let task = {
            let (core, queue, handle) = (Arc::clone(&core), queue.clone(), handle.clone());
            let view = self.1.clone();
            handle.clone().spawn(async move {
                let running = Box::pin(core.backend.run(request, view));
                let result = host_call::at_home(&queue, running).await;
                core.deliver(&handle, &queue, ticket, result);
            })
        };
        tickets.insert(ticket, Ticket::Running(task.abort_handle(), queue.clone()));
        ticket
    }

    /// Cancels a ticket and closes its upstream. Does nothing when it has ended.
    pub fn cancel(&self, ticket: u64) {
        let core = self.core();
        let found = core.tickets().remove(&ticket);
        match found {
            Some(Ticket::Running(task, queue)) => {
                task.abort();
                let error = Error::new(Code::Cancelled, "the call was cancelled");
                queue.push(Event {
                    ticket,
                    kind: EventKind::Outcome(Outcome::Error(error)),
                });
            }
            Some(Ticket::Streaming(stream)) => stream.cancel(),
            None => {}
        }
    }

    /// Takes over another configuration, or reads the old source again. On an error everything
    /// stays as it is.
    ///
    /// # Errors
    /// `unreadable_config`, `invalid_config`.
    pub fn reload(&self, source: Option<Source>) -> Result<(), Error> {
        if self.0.remote.is_some() {
            let text = "this engine is a client of another gateway; reload that one";
            return Err(Error::new(Code::InvalidRequest, text));
        }
        let mut kept = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        let source = source.unwrap_or_else(|| kept.clone());
        let config = source.load_with(&self.0.functions)?;
        if let Some(core) = self.0.core.load_full().filter(|core| core.pid == pid())
            && let Backend::Local(gateway) = &core.backend
        {
            gateway.reload(config.clone());
        }
        self.0.config.store(Arc::new(config));
        *kept = source;
        Ok(())
    }

    /// Refuses new calls, lets running ones finish until `deadline`, then cancels the rest. A second
    /// time does nothing. Gives the number of calls cut off.
    pub fn close(&self, deadline: Duration) -> usize {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return 0;
        }
        // Never used here: nothing to drain, and no reason to start threads.
        let Some(core) = self.0.core.load_full().filter(|core| core.pid == pid()) else {
            return 0;
        };
        let left = match &core.backend {
            Backend::Local(gateway) if gateway.running() == 0 => {
                gateway.stop_idle();
                0
            }
            Backend::Local(gateway) => match runtime::handle() {
                Ok(handle) => handle.block_on(gateway.close(deadline)),
                Err(_) => 0,
            },
            Backend::Remote(_) if core.tickets().is_empty() => 0,
            Backend::Remote(_) => {
                let drained = async {
                    while !core.tickets().is_empty() {
                        tokio::time::sleep(DRAIN_STEP).await;
                    }
                };
                if let Ok(handle) = runtime::handle() {
                    // Whether it was in time shows in what is left.
                    let _ =
                        handle.block_on(async { tokio::time::timeout(deadline, drained).await });
                }
                core.tickets().len()
            }
        };
        // Calls that have ended in time are on their way to their queue: those are let through.
        if left > 0 {
            let tickets: Vec<u64> = core.tickets().keys().copied().collect();
            for ticket in tickets {
                self.cancel(ticket);
            }
        }
        left
    }

    /// Keys, budgets and the cache, as JSON.
    pub fn health(&self) -> serde_json::Value {
        match &self.core().backend {
            Backend::Local(gateway) => gateway.health(),
            Backend::Remote(remote) => serde_json::json!({ "remote": remote.url() }),
        }
    }

    /// What was counted of calls, as text in Prometheus' format; see [`Gateway::metrics`]. Empty for a
    /// client of a gateway elsewhere, which has its own at `/metrics`.
    pub fn metrics(&self) -> String {
        match &self.core().backend {
            Backend::Local(gateway) => gateway.metrics(),
            Backend::Remote(_) => String::new(),
        }
    }

    /// The configuration in force; secrets show as `***`.
    pub fn config_json(&self) -> serde_json::Value {
        serde_json::to_value(&**self.0.config.load()).unwrap_or_default()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// Moves the engine's clock forward.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        if let Backend::Local(gateway) = &self.core().backend {
            gateway.clock().advance(by);
        }
    }

    fn enter(&self) -> Result<tokio::runtime::Handle, Error> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(Code::Closed, "the gateway is closed"));
        }
        runtime::handle()
    }
}

impl Core {
    fn tickets(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Ticket>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a stream's buffer and keeps its ticket, so that `close` can end it.
    fn start(
        self: &Arc<Self>,
        handle: &tokio::runtime::Handle,
        ticket: u64,
        stream: Box<SettlingStream>,
        queue: Option<Queue>,
    ) -> StreamHandle {
        // Held until the ticket is there: a stream that is over at once must find it.
        let mut tickets = self.tickets();
        let forget = Forget {
            core: Arc::clone(self),
            ticket,
        };
        let announce = queue.map(|queue| (queue, ticket));
        let stream = StreamHandle::start(handle, stream, announce, forget);
        tickets.insert(ticket, Ticket::Streaming(stream.canceller()));
        stream
    }

    /// As `start`, for a session.
    fn converse(
        self: &Arc<Self>,
        handle: &tokio::runtime::Handle,
        ticket: u64,
        begun: session::Begun,
        queue: Option<Queue>,
    ) -> StreamHandle {
        let mut tickets = self.tickets();
        let forget = Forget {
            core: Arc::clone(self),
            ticket,
        };
        let outbox = Outbox::new(queue.clone(), next_ticket());
        let announce = queue.map(|queue| (queue, ticket));
        let stream = {
            let kept = Some(Arc::clone(&outbox));
            StreamHandle::spawn(handle, announce, kept, forget, |inbox| {
                session::run(begun, inbox, outbox)
            })
        };
        tickets.insert(ticket, Ticket::Streaming(stream.canceller()));
        stream
    }

    /// Hands a result to the queue, unless the ticket was cancelled meanwhile.
    fn deliver(
        self: &Arc<Self>,
        handle: &tokio::runtime::Handle,
        queue: &Queue,
        ticket: u64,
        result: Result<Answer, Error>,
    ) {
        let mut tickets = self.tickets();
        if tickets.remove(&ticket).is_none() {
            return;
        }
        let outcome = match result {
            Ok(Answer::Whole(head, body)) => Outcome::Reply(head, body),
            Ok(Answer::Stream(head, frames)) => {
                drop(tickets);
                let stream = self.start(handle, ticket, frames, Some(queue.clone()));
                let kind = EventKind::Outcome(Outcome::Stream(head, stream));
                queue.push(Event { ticket, kind });
                return;
            }
            Ok(Answer::Session(head, begun)) => {
                drop(tickets);
                let stream = self.converse(handle, ticket, begun, Some(queue.clone()));
                let kind = EventKind::Outcome(Outcome::Stream(head, stream));
                queue.push(Event { ticket, kind });
                return;
            }
            Err(error) => Outcome::Error(error),
        };
        drop(tickets);
        queue.push(Event {
            ticket,
            kind: EventKind::Outcome(outcome),
        });
    }
}

/// Takes a stream's ticket back when its task ends, however it ends.
struct Forget {
    core: Arc<Core>,
    ticket: u64,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.core.tickets().remove(&self.ticket);
    }
}

impl Backend {
    async fn run(&self, mut request: Request, view: View) -> Result<Answer, Error> {
        if request.key.is_none() {
            request.key = view.key.as_deref().map(str::to_owned);
        }
        if let (Self::Remote(_), Some(scope)) = (self, &view.scope) {
            scope.write(&mut request.headers);
        }
        match self {
            Self::Local(gateway) if request.mode == Mode::Session => {
                let uri = address(&request.target)?;
                let caller = Caller {
                    key: request.key.map(Secret::new),
                    scope: view.scope,
                    trust: trust(request.trusted),
                };
                let (_, begun) = gateway.session(&uri, request.headers, caller).await;
                let (headers, pending) = begun?;
                let begun = session::Begun::Here(Box::new(pending));
                Ok(Answer::Session(switched(headers), begun))
            }
            Self::Local(gateway) => local(gateway, request, view.scope).await,
            Self::Remote(remote) if request.mode == Mode::Session => {
                let (headers, socket) = remote.open(request).await?;
                let begun = session::Begun::There(socket);
                Ok(Answer::Session(switched(headers), begun))
            }
            Self::Remote(remote) => {
                let answer = remote.run(request).await?;
                Ok(match answer {
                    (head, Ok(body)) => Answer::Whole(head, body),
                    (head, Err(stream)) => Answer::Stream(head, stream),
                })
            }
        }
    }
}

fn address(target: &str) -> Result<Uri, Error> {
    target.parse().map_err(|_| {
        let text = format!("{target:?} is neither a path nor a URL");
        Error::new(Code::UnknownEndpoint, text)
    })
}

fn trust(process: bool) -> Trust {
    if process {
        Trust::Process
    } else {
        Trust::Network { peer: None }
    }
}

/// The head of a session.
fn switched(headers: HeaderMap) -> Head {
    Head {
        status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
        headers,
    }
}

async fn local(
    gateway: &Gateway,
    request: Request,
    scope: Option<Arc<Scope>>,
) -> Result<Answer, Error> {
    let native = request.mode == Mode::Native;
    let uri = address(&request.target)?;
    let entry = Entry {
        method: request.method,
        uri,
        headers: request.headers,
        body: Segments::from(request.body),
        rest: None,
        caller: Caller {
            key: request.key.map(Secret::new),
            scope,
            trust: trust(request.trusted),
        },
        native,
    };
    let (dialect, result) = gateway.enter(entry).await;
    let reply = match result {
        Ok(reply) => reply,
        Err(error) if native => return Err(error),
        Err(error) => {
            let (parts, body) = wire::refusal(dialect, &error).into_parts();
            let head = Head {
                status: parts.status.as_u16(),
                headers: parts.headers,
            };
            return Ok(Answer::Whole(head, body.into_parts().unwrap_or_default()));
        }
    };
    let mut headers = reply.head.headers;
    reply.head.facts.write(&mut headers);
    let head = Head {
        status: reply.head.status.as_u16(),
        headers,
    };
    match reply.body {
        ReplyBody::Complete(body) => Ok(Answer::Whole(head, body)),
        ReplyBody::Stream(stream) if native && stream.is_opaque() => {
            unread(dialect, head, stream).await
        }
        ReplyBody::Stream(stream) => Ok(Answer::Stream(head, stream)),
        ReplyBody::Session(_) => {
            let text = "a session is opened by an upgrade, not by a call";
            Err(Error::new(Code::UnknownEndpoint, text))
        }
    }
}

/// What native callers get of a body that nobody reads on the way: JSON whole, a refusal as an error.
async fn unread(
    dialect: Dialect,
    mut head: Head,
    stream: Box<SettlingStream>,
) -> Result<Answer, Error> {
    let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = head.headers.get(http::header::CONTENT_TYPE);
    let json = kind.is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/json") && !kind.starts_with(b"application/jsonl")
    });
    if status.is_success() && !json {
        return Ok(Answer::Stream(head, stream));
    }
    let (body, facts) = stream.whole().await?;
    head.headers.extend(facts);
    if status.is_success() {
        return Ok(Answer::Whole(head, body));
    }
    Err(wire::of_vendor(dialect, status, head.headers, body))
}

fn bad_url(url: &str) -> Error {
    let text = format!("{url:?} is no URL of a gateway (use http://host:port)");
    Error::new(Code::InvalidConfig, text)
}
