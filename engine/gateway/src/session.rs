//! A session over a WebSocket: messages both ways, each response reserved before it is asked for and
//! paid for when the upstream tells what it consumed.

mod meter;
mod relay;

use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tidegate_policy::{admission::Seats, health::Ended};
use tidegate_providers::{
    session::{self, Asked},
    socket::{Socket, SocketError},
};
use tidegate_types::{Code, Error, SessionKind, config::Size};
use tokio::time::Sleep;

pub use relay::{Parting, relay};
pub(crate) use relay::{first, join, refuse};
pub use tidegate_providers::socket::{Closing, Message};

use crate::{
    call::{Call, CallContext, Named, ReplyBody},
    facts::Facts,
    gateway::Gateway,
    pipeline::{Job, authenticate::levels, settle},
    snapshot::{Snapshot, Target},
    stream::settlement::Settlement,
};
use meter::Meter;

/// Longest message when `server.max_body` says nothing: what the vendors take, and twice that.
const LONGEST: u64 = 32 << 20;

/// Codes that close a session (RFC 6455, section 7.4.1, and the registry it founds).
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const BROKEN: u16 = 1006;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const TOO_LONG: u16 = 1009;
    pub(super) const FAILED: u16 = 1011;
    pub(super) const AGAIN_LATER: u16 = 1013;
}

/// The longest message a session takes from either side.
pub(crate) fn longest_message(snapshot: &Snapshot) -> usize {
    let limit = snapshot
        .config
        .server
        .max_body
        .map_or(LONGEST, |Size(max)| max);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// An open session: a stream of the upstream's messages, a sink for the caller's.
///
/// What the gateway refuses comes as the protocol's own error message, followed by a close. The
/// stream ends after the close of either side. Dropping the session closes the upstream and charges
/// what was observed.
pub struct Session {
    kind: SessionKind,
    /// `None` once the session is over.
    upstream: Option<Socket>,
    meter: Meter,
    settlement: Settlement,
    snapshot: Arc<Snapshot>,
    target: Arc<Target>,
    /// The model's name as the caller opened the session with it.
    name: String,
    /// Messages of the gateway's own, for the caller.
    waiting: VecDeque<Message>,
    reader: Option<Waker>,
    /// Ends the session when the time is up.
    until: Option<Pin<Box<Sleep>>>,
    /// True once the caller was told that it is over.
    ended: bool,
    /// Error messages sent, for their ids.
    errors: u32,
    /// Why the gateway ended it.
    why: Option<Error>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("kind", &self.kind)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens a session of OpenAI's Realtime API with `model`, a route or `provider/model`.
    ///
    /// # Errors
    /// As [`Gateway::execute`]; a refused handshake is an upstream's error.
    pub async fn realtime(&self, context: CallContext, model: &str) -> Result<Session, Error> {
        let kind = SessionKind::Realtime;
        let call = Call {
            endpoint: tidegate_types::Endpoint::Session {
                kind,
                path: "/realtime?model=".to_owned(),
            },
            dialect: kind.dialect(),
            provider: None,
            named: Some(Named {
                model: model.to_owned(),
                stream: None,
            }),
            body: tidegate_types::Segments::new(),
            rest: None,
            headers: http::HeaderMap::new(),
        };
        match self.execute(context, call).await?.body {
            ReplyBody::Session(session) => Ok(*session),
            _ => Err(Error::new(Code::Internal, "no session came of an upgrade")),
        }
    }
}

impl Session {
    /// The session of a call whose upstream has agreed to one.
    pub(crate) fn new(job: &mut Job, target: Arc<Target>, upstream: Socket) -> Self {
        let kind = match job.endpoint {
            tidegate_types::Endpoint::Session { kind, .. } => kind,
            _ => SessionKind::Realtime,
        };
        job.reservation = None;
        // The upstream's health shows in the handshake; how long people talk says nothing of it.
        let mut seats = Seats::default();
        if let Some(mut trial) = job.trial.take() {
            seats = trial.take_seats();
            trial.end(Ended::Well { tokens: None }, job.gateway.clock.now());
        }
        let mut settlement = settle::open(job);
        settlement.seats = seats;
        let meter = Meter::new(kind, job, Arc::clone(&target));
        let now = job.gateway.clock.now();
        let left = job.deadline.map(|deadline| deadline.since(now));
        let limit = [left, target.timeouts.total].into_iter().flatten().min();
        Self {
            kind,
            upstream: Some(upstream),
            meter,
            settlement,
            snapshot: Arc::clone(&job.snapshot),
            target,
            name: job.asks.model.clone(),
            waiting: VecDeque::new(),
            reader: None,
            until: limit.map(|limit| Box::pin(tokio::time::sleep(limit))),
            ended: false,
            errors: 0,
            why: None,
        }
    }

    /// What the gateway did; the cost is known when the session is over.
    pub fn facts(&self) -> &Facts {
        self.settlement.facts()
    }

    /// What is spoken.
    pub fn kind(&self) -> SessionKind {
        self.kind
    }

    /// Sends a message to the upstream, once the one before has left.
    ///
    /// # Errors
    /// `connection_lost` when the session is over.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        SinkExt::send(self, message).await
    }

    /// The upstream's next message; `None` when the session is over.
    pub async fn next(&mut self) -> Option<Message> {
        StreamExt::next(self).await
    }

    /// Checks that the caller may still speak.
    fn check_key(&mut self) -> Result<(), Error> {
        let Some(identity) = &self.settlement.identity else {
            return Ok(());
        };
        let gateway = &self.settlement.gateway;
        let current = gateway.snapshot();
        let now = gateway.clock.unix_seconds();
        let active = if Arc::ptr_eq(&current, &self.snapshot) {
            identity.active(now)
        } else {
            // The configuration was replaced: what it says of the key holds from now on.
            let same = current.identities.renewed(identity, gateway.clock.moment());
            let active = same.as_ref().is_some_and(|same| same.active(now));
            if let Some(same) = same.filter(|_| active) {
                self.meter.identity = Some(Arc::clone(&same));
                self.settlement.identity = Some(same);
                self.snapshot = current;
            }
            active
        };
        if active {
            return Ok(());
        }
        let identity = self.settlement.identity.as_ref();
        if let Some(node) = identity.and_then(|identity| identity.inactive(now)) {
            return Err(levels::inactive(node));
        }
        let id = identity.map(|identity| &*identity.id).unwrap_or_default();
        let text = format!("key {id:?} is disabled or has expired");
        Err(Error::new(Code::InactiveKey, text))
    }

    /// Takes a caller's message: what goes to the upstream, if anything does.
    fn admit(&mut self, message: Message) -> Option<Message> {
        if let Message::Close(_) = message {
            return Some(message);
        }
        if let Err(error) = self.check_key() {
            self.refuse(error, None);
            return None;
        }
        let asked = session::asked(self.kind, message.payload());
        let (target, message) = match self.directed(&asked, message) {
            Ok(directed) => directed,
            Err(error) => {
                self.tell(&error, asked.id.as_deref());
                return None;
            }
        };
        if let Err(error) = self.meter.asked(&asked, target) {
            self.refuse(error, asked.id.as_deref());
            return None;
        }
        Some(message)
    }

    /// The target a message is for, and the message with that target's name for the model.
    fn directed(&self, asked: &Asked, message: Message) -> Result<(Arc<Target>, Message), Error> {
        let Some((name, place)) = &asked.model else {
            return Ok((Arc::clone(&self.target), message));
        };
        let target = if *name == self.name {
            Arc::clone(&self.target)
        } else {
            self.other(name)?
        };
        if *name == *target.model && self.kind != SessionKind::Live {
            return Ok((target, message));
        }
        let message = session::with_model(self.kind, message, place, &target.model);
        Ok((target, message))
    }

    /// Another model of the same upstream.
    fn other(&self, name: &str) -> Result<Arc<Target>, Error> {
        let provider = &self.target.provider.name;
        let route = self.snapshot.resolve(name, Some(provider))?;
        let identity = self.settlement.identity.as_ref();
        levels::may_use(identity, &route.name)?;
        let mut targets = route.targets.iter();
        let here = targets.find(|target| target.provider.name == *provider);
        if let Some(here) = here {
            levels::may_reach(identity, here)?;
        }
        here.cloned().ok_or_else(|| {
            let text = format!("it is connected to {provider:?}, which does not serve {name:?}");
            Error::new(Code::Unsupported, text).with_param("model")
        })
    }

    /// Takes an upstream's message: what goes to the caller.
    fn receive(&mut self, message: Message) -> Option<Message> {
        if let Message::Close(_) = message {
            self.finish(None);
            self.upstream = None;
            return Some(message);
        }
        if let Err(error) = self.check_key() {
            self.refuse(error, None);
            return None;
        }
        let told = session::told(self.kind, message.payload());
        match self.meter.told(&told, &self.snapshot) {
            Ok(()) => Some(message),
            Err(error) => {
                self.refuse(error, None);
                None
            }
        }
    }

    /// Tells the caller of an error, in the protocol's own words where it has some.
    fn tell(&mut self, error: &Error, request: Option<&str>) {
        self.errors += 1;
        let id = format!("{}_{}", self.settlement.facts.request_id, self.errors);
        let message = session::error_message(self.kind, error, request, &id);
        // Where the protocol has none, the session can only end.
        let message = message.unwrap_or_else(|| closing(error));
        self.push(message);
    }

    /// Ends the session with an error: the caller is told, the upstream closed.
    fn refuse(&mut self, error: Error, request: Option<&str>) {
        self.tell(&error, request);
        if !matches!(self.waiting.back(), Some(Message::Close(_))) {
            self.push(closing(&error));
        }
        self.finish(Some(error.code()));
        self.hang_up(code::GOING_AWAY);
        self.why.get_or_insert(error);
    }

    /// Ends what is left of the session. What the gateway did, and why it ended it, if it did.
    fn part(mut self) -> Parting {
        self.finish(None);
        self.hang_up(code::GOING_AWAY);
        Parting {
            facts: Some(self.settlement.facts().clone()),
            error: self.why.take(),
        }
    }

    fn push(&mut self, message: Message) {
        self.waiting.push_back(message);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Closes the upstream at once, with a word of farewell if it can be said without waiting.
    fn hang_up(&mut self, code: u16) {
        if let Some(mut upstream) = self.upstream.take() {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(Ok(())) = upstream.poll_ready_unpin(&mut cx)
                && upstream.start_send_unpin(Message::close(code, "")).is_ok()
            {
                let _ = upstream.poll_flush_unpin(&mut cx);
            }
        }
    }

    /// Closes the books. A second time does nothing.
    fn finish(&mut self, error: Option<Code>) {
        self.meter.close();
        self.settlement
            .finish_session(self.meter.cost, self.meter.usage, error);
        self.meter.note(false);
    }

    fn failed(&mut self, error: &SocketError) {
        let code = match error {
            SocketError::Silent(_) => Code::IdleTimeout,
            SocketError::Lost(_) => Code::ConnectionLost,
            _ => Code::UpstreamInvalid,
        };
        let error = Error::new(code, format!("{}: {error}", self.target.label));
        self.refuse(error, None);
    }
}

/// The close that follows an error.
pub(crate) fn closing(error: &Error) -> Message {
    let number = match error.code() {
        Code::BodyTooLarge => code::TOO_LONG,
        Code::RateLimited | Code::NoHealthyTarget | Code::UpstreamRateLimited => code::AGAIN_LATER,
        Code::Closed => code::GOING_AWAY,
        code if code.origin() == tidegate_types::Origin::Caller => code::POLICY,
        _ => code::FAILED,
    };
    Message::close(
        number,
        format!("{}: {}", error.code().slug(), error.message()),
    )
}

impl Stream for Session {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.ended |= matches!(message, Message::Close(_));
                return Poll::Ready(Some(message));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(until) = &mut self.until
                && until.as_mut().poll(cx).is_ready()
            {
                self.until = None;
                let text = "the session took longer than its total deadline";
                self.refuse(Error::new(Code::TotalTimeout, text), None);
                continue;
            }
            let Some(upstream) = &mut self.upstream else {
                self.ended = true;
                return Poll::Ready(None);
            };
            match upstream.poll_next_unpin(cx) {
                Poll::Pending => {
                    self.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(message))) => {
                    if let Some(message) = self.receive(message) {
                        self.ended |= matches!(message, Message::Close(_));
                        return Poll::Ready(Some(message));
                    }
                }
                Poll::Ready(Some(Err(error))) => self.failed(&error),
                Poll::Ready(None) => {
                    self.failed(&SocketError::Lost("it ended without a close".to_owned()));
                }
            }
        }
    }
}

impl Sink<Message> for Session {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.upstream {
            Some(upstream) => upstream.poll_ready_unpin(cx).map_err(|error| lost(&error)),
            None => Poll::Ready(Err(over())),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let Some(message) = self.admit(message) else {
            return Ok(());
        };
        match &mut self.upstream {
            Some(upstream) => upstream
                .start_send_unpin(message)
                .map_err(|error| lost(&error)),
            None => Err(over()),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.upstream {
            Some(upstream) => upstream.poll_flush_unpin(cx).map_err(|error| lost(&error)),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.upstream {
            Some(upstream) => upstream.poll_close_unpin(cx).map_err(|error| lost(&error)),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.finish(Some(Code::Cancelled));
        self.hang_up(code::GOING_AWAY);
    }
}

fn lost(error: &SocketError) -> Error {
    Error::new(Code::ConnectionLost, format!("the session broke: {error}"))
}

fn over() -> Error {
    Error::new(Code::ConnectionLost, "the session is over")
}
