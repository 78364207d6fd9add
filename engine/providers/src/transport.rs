//! The one door to the network: a request goes in, a status, headers and a body stream come out.
//!
//! Everything behind [`Transport`] is exchangeable: `HttpTransport` talks
//! to real upstreams, `MockTransport` answers from a script.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use tidegate_types::Segments;

use crate::{
    http_transport::Connection,
    socket::{Socket, SocketLimits},
    upload::Upload,
};

/// Sends one request and gives back its answer once the headers are there.
///
/// Dropping the returned future before it is ready, or the answer's [`BodyStream`] before its end,
/// closes the connection at once. No redirect is followed and nothing is retried, except that a
/// request which a kept-alive connection never took goes out again on a fresh one.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`. Must be polled inside a tokio runtime.
    fn send(&self, request: HttpRequest) -> Sending;

    /// Whether it sends what of a body is still arriving ([`HttpRequest::rest`]). One that does not is
    /// given whole bodies only.
    fn takes_uploads(&self) -> bool {
        false
    }

    /// Asks for a WebSocket with `request`, a `GET` whose handshake headers the transport adds. Must
    /// be polled inside a tokio runtime. A transport that knows no sockets fails to connect.
    fn open(&self, request: HttpRequest, limits: SocketLimits) -> Opening {
        drop((request, limits));
        let text = "this provider opens no sockets".to_owned();
        Box::pin(std::future::ready(Err(TransportError::ConnectFailed(text))))
    }
}

/// What [`Transport::send`] returns.
pub type Sending = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send>>;

/// What [`Transport::open`] returns.
pub type Opening = Pin<Box<dyn Future<Output = Result<Opened, TransportError>> + Send>>;

/// What came of asking for a WebSocket.
#[derive(Debug)]
pub enum Opened {
    /// The upstream agreed; these are the headers of its answer.
    Socket(HeaderMap, Socket),
    /// It answered something else.
    Refused(HttpResponse),
}

/// A request to an upstream, complete.
#[derive(Debug)]
pub struct HttpRequest {
    /// Method.
    pub method: http::Method,
    /// Absolute URL: scheme, authority, path and query.
    pub uri: http::Uri,
    /// Headers. `host` and `content-length` are added by the transport.
    pub headers: HeaderMap,
    /// Body; segments are written as they are, never merged.
    pub body: Segments,
    /// What follows it and is still arriving, of known length.
    pub rest: Option<Upload>,
    /// Longest time to establish a connection, TLS and proxy included.
    pub connect_timeout: Duration,
    /// Longest time from a usable connection to the answer's headers.
    pub first_byte_timeout: Duration,
}

/// An upstream's answer, its body still arriving.
#[derive(Debug)]
pub struct HttpResponse {
    /// Status.
    pub status: http::StatusCode,
    /// Headers, untouched.
    pub headers: HeaderMap,
    /// Body.
    pub body: BodyStream,
}

/// Why no answer, or no whole answer, came. Texts name host and port, never a path, query or secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: name resolution, refusal, unreachable network, or a proxy that said no.
    #[error("could not connect: {0}")]
    ConnectFailed(String),
    /// No connection within the time allowed.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// No answer began within the time allowed.
    #[error("no answer began in time")]
    FirstByteTimeout,
    /// The connection broke before the answer was complete.
    #[error("connection lost: {0}")]
    ConnectionLost(String),
    /// The TLS handshake failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The URL cannot be requested.
    #[error("invalid URL: {0}")]
    InvalidUrl(String),
}

/// A body that arrives piece by piece, each piece as the network delivered it.
///
/// Dropping it before its end closes the connection it comes from at once.
pub struct BodyStream {
    kind: Kind,
    /// What came after the body; rare, so it is kept small.
    trailers: Option<Box<HeaderMap>>,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

enum Kind {
    Empty,
    Whole(Bytes),
    Connection(Box<Connection>),
    Pieces(Pieces),
}

impl BodyStream {
    fn of(kind: Kind) -> Self {
        let trailers = None;
        Self { kind, trailers }
    }

    /// A body without a byte.
    pub fn empty() -> Self {
        Self::of(Kind::Empty)
    }

    /// A body made of the pieces of `stream`.
    pub fn new(stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> Self {
        Self::of(Kind::Pieces(Box::pin(stream)))
    }

    /// The body now arriving on `connection`, which is given back when it is complete.
    pub(crate) fn connection(connection: Box<Connection>) -> Self {
        if connection.body_ended() {
            connection.finish();
            return Self::empty();
        }
        Self::of(Kind::Connection(connection))
    }

    /// The next piece, never empty; `None` at the end. After an error there is no further piece.
    pub async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`BodyStream::next`], for hand-written futures.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            let item = match &mut self.kind {
                Kind::Empty => return Poll::Ready(None),
                Kind::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
                Kind::Connection(connection) => ready!(connection.poll_body(cx)),
                Kind::Pieces(stream) => ready!(stream.as_mut().poll_next(cx)),
            };
            let last = match &self.kind {
                Kind::Whole(_) => true,
                Kind::Connection(connection) => item.is_none() || connection.body_ended(),
                _ => item.is_none(),
            };
            if last || matches!(item, Some(Err(_))) {
                let done = std::mem::replace(&mut self.kind, Kind::Empty);
                if let (Kind::Connection(mut connection), None | Some(Ok(_))) = (done, &item) {
                    let trailers = connection.take_trailers();
                    self.trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
                    connection.finish();
                }
            }
            match item {
                Some(Ok(data)) if data.is_empty() => {}
                item => return Poll::Ready(item),
            }
        }
    }

    /// The fields that followed the body (RFC 9110, section 6.5), once its end was read. Upstreams
    /// send them to requests that carry `te: trailers`.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// Bytes still to come, when known.
    pub fn size_hint(&self) -> Option<u64> {
        match &self.kind {
            Kind::Empty => Some(0),
            Kind::Whole(bytes) => Some(bytes.len() as u64),
            Kind::Connection(connection) => connection.body_left(),
            Kind::Pieces(_) => None,
        }
    }

    /// True when no further piece can come; false does not promise that one does.
    pub fn is_end(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Whole(_) | Kind::Connection(_) | Kind::Pieces(_) => false,
        }
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Self::poll_next(&mut self, cx)
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        if let Kind::Connection(connection) = std::mem::replace(&mut self.kind, Kind::Empty) {
            connection.abandon();
        }
    }
}

impl Default for BodyStream {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for BodyStream {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self::of(Kind::Whole(bytes))
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Empty => "empty",
            Kind::Whole(_) => "whole",
            Kind::Connection(_) | Kind::Pieces(_) => "arriving",
        };
        write!(f, "BodyStream({kind})")
    }
}
