//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! There is no task of its own behind a connection: the future that waits for the answer, and after
//! it the body, read and write the socket themselves. So a request wakes one task only, nothing
//! crosses threads, and dropping either of them closes the socket then and there.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::{
    io::AsyncReadExt as _,
    runtime::Id,
    time::{Instant, Sleep},
};

use super::{
    h1::{self, Decoder, Head, Malformed, Outgoing, Step, Target},
    pool::Host,
    stream::Stream,
};
use crate::transport::{BodyStream, HttpRequest, HttpResponse, TransportError};

/// First size of the read buffer. Answers and events are mostly smaller.
const READ: usize = 8 * 1024;

/// Size it grows to while reads fill it.
const READ_MOST: usize = 256 * 1024;

/// With less room than this the buffer gets more before the next read.
const READ_LEAST: usize = 1024;

/// Longer than any wait worth timing; keeps the arithmetic from overflowing.
const NEVER: Duration = Duration::from_hours(87600);

/// What came of asking for another protocol.
pub(super) enum Switched {
    Stream(HeaderMap, Stream, BytesMut),
    Answer(HttpResponse),
}

/// A connection, and where it is in the request and the answer.
pub(crate) struct Connection {
    stream: Stream,
    /// Bytes read and not yet used.
    buffer: BytesMut,
    /// Size of the next read.
    read: usize,
    outgoing: Outgoing,
    decoder: Decoder,
    /// Fields that came after the body.
    trailers: HeaderMap,
    keep_alive: bool,
    timer: Option<Pin<Box<Sleep>>>,
    host: Arc<Host>,
    home: Option<Id>,
}

impl Connection {
    /// A connection over `stream`.
    pub(super) fn new(stream: Stream, host: Arc<Host>, home: Option<Id>) -> Box<Self> {
        Box::new(Self {
            stream,
            buffer: BytesMut::new(),
            read: READ,
            outgoing: Outgoing::default(),
            decoder: Decoder::Done,
            trailers: HeaderMap::new(),
            keep_alive: true,
            timer: None,
            host,
            home,
        })
    }

    /// The runtime the socket belongs to.
    pub(super) fn home(&self) -> Option<Id> {
        self.home
    }

    /// True when an idle connection cannot be used: the upstream has closed it, or has sent what
    /// nobody asked for.
    pub(super) fn is_stale(&mut self) -> bool {
        self.poll_fill(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    /// As [`Connection::is_stale`], and forgets the task that used the connection last: its waker,
    /// kept by socket and timer, would keep its memory.
    pub(super) fn is_worn_out(&mut self) -> bool {
        // Never looked at: the runtime it belongs to may be gone.
        self.timer = None;
        self.is_stale()
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: &HttpRequest,
    ) -> Result<HttpResponse, TransportError> {
        let head = self.ask(request, None).await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let text = "the upstream wants to speak another protocol";
            return Err(malformed(Malformed(text)));
        }
        Ok(self.answered(head))
    }

    /// Asks for a WebSocket with the handshake's `key`. When the upstream agrees, the stream comes
    /// with what was already read of it.
    pub(super) async fn upgrade(
        mut self: Box<Self>,
        request: &HttpRequest,
        key: &str,
    ) -> Result<Switched, TransportError> {
        let head = self.ask(request, Some(key)).await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let Self { stream, buffer, .. } = *self;
            return Ok(Switched::Stream(head.headers, stream, buffer));
        }
        Ok(Switched::Answer(self.answered(head)))
    }

    async fn ask(
        &mut self,
        request: &HttpRequest,
        upgrade: Option<&str>,
    ) -> Result<Head, TransportError> {
        let route = &self.host.route;
        let target = Target {
            method: &request.method,
            uri: &request.uri,
            absolute: route.absolute_form(),
            host: &self.host.header,
            proxy_authorization: route.proxy_authorization(),
            upgrade,
        };
        let rest = request.rest.as_ref();
        self.outgoing
            .set(&target, &request.headers, &request.body, rest);
        let mut deadline = self.arm(request.first_byte_timeout);
        let mut scanned = 0;
        poll_fn(
            |cx| match self.poll_head(cx, &mut scanned, &request.method) {
                Poll::Ready(head) => Poll::Ready(head),
                Poll::Pending => {
                    // Nobody answers what is still being asked.
                    if self.outgoing.has_moved() {
                        deadline = self.arm(request.first_byte_timeout);
                    }
                    self.poll_deadline(cx, deadline).map(Err)
                }
            },
        )
        .await
    }

    /// The answer that begins with `head`, its body still to be read.
    fn answered(mut self: Box<Self>, head: Head) -> HttpResponse {
        self.decoder = Decoder::from(head.framing);
        self.keep_alive = head.keep_alive;
        self.trailers.clear();
        HttpResponse {
            status: head.status,
            headers: head.headers,
            body: BodyStream::connection(self),
        }
    }

    /// Writes the request, and reads the answer's head at the same time: an upstream may refuse a
    /// body before it has all of it.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        scanned: &mut usize,
        method: &http::Method,
    ) -> Poll<Result<Head, TransportError>> {
        let unsent = self.poll_send(cx);
        if self.outgoing.is_cut() {
            return Poll::Ready(Err(unsent.as_ref().map_or_else(ended, lost)));
        }
        loop {
            let found = h1::read(&mut self.buffer, scanned, method).map_err(malformed)?;
            if let Some(head) = found {
                return Poll::Ready(Ok(head));
            }
            let error = match ready!(self.poll_fill(cx)) {
                Ok(0) => ended(),
                Ok(_) => continue,
                Err(error) => lost(&error),
            };
            return Poll::Ready(Err(unsent.as_ref().map_or(error, lost)));
        }
    }

    /// Writes what is left of the request. A failure is kept for the case that no answer explains
    /// it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        if self.outgoing.is_done() {
            return None;
        }
        match self.outgoing.poll_write(Pin::new(&mut self.stream), cx) {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        }
    }

    /// Reads from the socket. `Ok(0)` is its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() - self.buffer.len() < READ_LEAST {
            self.buffer.reserve(self.read);
        }
        let room = self.buffer.capacity() - self.buffer.len();
        let count = ready!(pin!(self.stream.read_buf(&mut self.buffer)).poll(cx))?;
        if count == room {
            self.read = (self.read * 2).min(READ_MOST);
        }
        Poll::Ready(Ok(count))
    }

    /// Sets the timer. It is left running between requests, and set anew only when it fires too
    /// early or would fire too late, so that most requests do not touch the timer wheel.
    fn arm(&mut self, limit: Duration) -> Instant {
        let deadline = Instant::now() + limit.min(NEVER);
        match &mut self.timer {
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
            Some(timer) if timer.deadline() > deadline || timer.is_elapsed() => {
                timer.as_mut().reset(deadline);
            }
            Some(_) => {}
        }
        deadline
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<TransportError> {
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(TransportError::FirstByteTimeout);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TransportError>>> {
        // An upstream may answer while the request is still on its way; if it no longer reads, its
        // answer says why.
        self.poll_send(cx);
        loop {
            let found = self.decoder.next(&mut self.buffer, &mut self.trailers);
            match found.map_err(malformed)? {
                Step::Data(data) => return Poll::Ready(Some(Ok(data))),
                Step::End => return Poll::Ready(None),
                Step::More => {}
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) if self.decoder.may_close() => {
                    self.decoder = Decoder::Done;
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(ended()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(lost(&error)))),
            }
        }
    }

    /// True when the body is complete and the connection can be given back.
    pub(crate) fn body_ended(&self) -> bool {
        self.decoder == Decoder::Done
    }

    /// The fields that came after the body, once.
    pub(crate) fn take_trailers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.trailers)
    }

    /// Bytes of the body still to come, when known.
    pub(crate) fn body_left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Keeps the connection for the next request if it can take one, else closes it. To be called
    /// once the body has ended.
    pub(crate) fn finish(self: Box<Self>) {
        if self.keep_alive && self.outgoing.is_done() && self.buffer.is_empty() {
            let host = Arc::clone(&self.host);
            host.give(self);
        }
    }

    /// For a body dropped before its end was read: when the end is there already, the connection
    /// is kept, else closed. Never waits.
    pub(crate) fn abandon(mut self: Box<Self>) {
        let mut cx = Context::from_waker(Waker::noop());
        if matches!(self.poll_body(&mut cx), Poll::Ready(None)) {
            self.finish();
        }
    }
}

fn malformed(error: Malformed) -> TransportError {
    TransportError::ConnectionLost(error.0.to_owned())
}

fn lost(error: &io::Error) -> TransportError {
    TransportError::ConnectionLost(error.to_string())
}

fn ended() -> TransportError {
    TransportError::ConnectionLost("the upstream closed the connection".to_owned())
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("decoder", &self.decoder)
            .finish_non_exhaustive()
    }
}
