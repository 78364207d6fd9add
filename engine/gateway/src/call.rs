//! What enters the engine and what leaves it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tidegate_providers::upload::Upload;
use tidegate_types::{Dialect, Endpoint, Secret, Segments, config::Priority};

use crate::{facts::Facts, scope::Scope, session::Session, stream::SettlingStream};

/// A request, its body unread.
#[derive(Debug)]
pub struct Call {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// Wire format of the body, and of the answer.
    pub dialect: Dialect,
    /// Provider implied by the path or host, for model names that name none themselves.
    pub provider: Option<String>,
    /// What the path says, in dialects whose paths name the model.
    pub named: Option<Named>,
    /// The caller's bytes.
    pub body: Segments,
    /// What follows them and is still arriving: the end of a large upload.
    pub rest: Option<Upload>,
    /// The caller's headers; only those that belong to the dialect are passed on.
    pub headers: HeaderMap,
}

/// What the path of a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The model.
    pub model: String,
    /// Whether a stream is wanted; `None` where the body says so.
    pub stream: Option<bool>,
}

/// Who calls and how, apart from the request itself.
#[derive(Debug, Default)]
pub struct CallContext {
    /// The Tidegate key, when the face was given one outside the request.
    pub key: Option<Secret<String>>,
    /// For whom the call is made, beside what its headers say.
    pub scope: Option<Arc<Scope>>,
    /// True for callers in this process: without a key they are root.
    pub trusted: bool,
    /// Where the call comes from, over a network.
    pub peer: Option<IpAddr>,
    /// The caller's own limit for the whole call.
    pub timeout: Option<Duration>,
    /// Whether a stored answer may be given.
    pub cache: CacheDirective,
    /// Who goes first when there is no room: no higher than the caller's key allows.
    pub priority: Option<Priority>,
    /// Models to try when every target has failed, in place of the route's fallbacks.
    pub fallbacks: Vec<String>,
    /// True when the face wants decoded events instead of raw bytes from streams, and errors that
    /// break a stream as values instead of as an event in the caller's dialect.
    pub native: bool,
}

/// Whether a stored answer may be given (`x-tidegate-cache`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheDirective {
    /// As the route says.
    #[default]
    Normal,
    /// Neither read nor written.
    Bypass,
    /// Not read, but written.
    Refresh,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status and headers.
    pub head: ReplyHead,
    /// The answer itself.
    pub body: ReplyBody,
}

/// Status, the upstream's headers and the gateway's own facts.
#[derive(Debug)]
pub struct ReplyHead {
    /// Status.
    pub status: StatusCode,
    /// The upstream's headers without those of the connection.
    pub headers: HeaderMap,
    /// What the gateway did.
    pub facts: Facts,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it.
    Complete(Bytes),
    /// Piece by piece. Dropping it cancels the call and closes the upstream.
    Stream(Box<SettlingStream>),
    /// Messages both ways. Dropping it ends the session and closes the upstream.
    Session(Box<Session>),
}
