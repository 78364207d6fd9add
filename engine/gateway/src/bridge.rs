//! What the language bindings stand on: one lazily started runtime, engines that survive a fork,
//! tickets and a completion queue. Nothing here holds an object of the host language.

mod engine;
mod explain;
pub(crate) mod host_call;
mod outbox;
mod queue;
mod remote;
mod runtime;
mod session;
mod stream;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tidegate_types::Error;

pub use crate::{source::Source, stream::Frame};
pub use engine::Engine;
pub use host_call::{Flow, HostCall, HostFunction};
pub use outbox::Sent;
pub use queue::Queue;
pub use runtime::{handle as runtime, set_threads};
pub use stream::{Batch, End, StreamHandle};

/// A request from a host language.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the host wants back.
    pub mode: Mode,
    /// HTTP method.
    pub method: Method,
    /// A path such as `/v1/chat/completions`, or a vendor's absolute URL, whose host then implies
    /// dialect and provider.
    pub target: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// A Tidegate key given outside the headers.
    pub key: Option<String>,
    /// True for callers in this process: without a key they are root.
    pub trusted: bool,
}

/// What the host wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Errors as values, streams as decoded events.
    Native,
    /// Always an HTTP answer: errors in the caller's dialect, streams as raw bytes.
    Http,
    /// A session over a WebSocket, which comes as a stream of its messages with status 101, and takes
    /// messages too: [`StreamHandle::send`]. `target` is the path of the session; method and body
    /// are not looked at. Binary messages are frames with the event `binary`. Among the facts at the
    /// end are `x-tidegate-close-code`, `x-tidegate-close-reason`, and, when the gateway ended it,
    /// `x-tidegate-session-error`, as JSON.
    Session,
}

/// Status and headers of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// Status.
    pub status: u16,
    /// The upstream's headers and the gateway's own.
    pub headers: HeaderMap,
}

/// How a request ended, or how its stream began.
#[derive(Debug)]
pub enum Outcome {
    /// A complete answer.
    Reply(Head, Bytes),
    /// A stream that has begun.
    Stream(Head, StreamHandle),
    /// A failure. In [`Mode::Http`] only when the request could not be read at all.
    Error(Error),
}

/// Something the queue tells about a ticket.
#[derive(Debug)]
pub struct Event {
    /// The ticket [`Engine::submit`] gave.
    pub ticket: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug)]
pub enum EventKind {
    /// The request is done or its stream has begun. Exactly once per ticket.
    Outcome(Outcome),
    /// The stream has frames or has ended. Only after [`StreamHandle::arm`]. Under
    /// [`StreamHandle::send_ticket`], after [`StreamHandle::arm_send`]: the session has room.
    Readable,
    /// The host is asked something, or told about what it was asked. The ticket is that of the
    /// question, [`HostCall::ticket`].
    Host(HostEvent),
}

/// What a host is told about the functions it has registered.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a call")]
pub enum HostEvent {
    /// A function is to be run.
    Call(HostCall),
    /// Nobody waits for the answer any more: it is to be given up.
    Gone,
    /// The answer's stream has room again. Only after [`HostCall::arm`].
    Room,
}
