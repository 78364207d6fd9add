//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! There is no task of its own behind a connection: the future that waits for the answer, and after
//! it the body, poll the connection themselves. So a request wakes one task only, nothing crosses
//! threads, and dropping either of them drops the socket then and there.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, response::Parts};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep};

use super::{gate::Gate, payload::Payload, pool::Host, stream::Stream};
use crate::transport::{BodyStream, TransportError, lost};

/// How often one poll goes round before it gives other tasks their turn.
const ROUNDS: usize = 8;

/// Longer than any wait worth timing; keeps the arithmetic from overflowing.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A connection, and the body of its answer while one arrives.
pub(crate) struct Connection {
    sender: SendRequest<Payload>,
    driver: http1::Connection<TokioIo<Stream>, Payload>,
    gate: Arc<Gate>,
    waker: Waker,
    closed: bool,
    timer: Option<Pin<Box<Sleep>>>,
    body: Option<Incoming>,
    host: Arc<Host>,
}

/// Why a request got no answer.
pub(super) enum Failure {
    /// The connection had closed before it took the request, which is here to be sent again.
    Unsent(Box<Request<Payload>>),
    /// Anything else; the request may have reached the upstream.
    Failed(TransportError),
}

impl Connection {
    /// Speaks HTTP/1.1 over `stream`.
    pub(super) async fn open(
        stream: TokioIo<Stream>,
        host: Arc<Host>,
    ) -> Result<Box<Self>, TransportError> {
        let (sender, driver) = http1::handshake(stream)
            .await
            .map_err(|error| TransportError::ConnectFailed(error.to_string()))?;
        let (gate, waker) = Gate::new();
        Ok(Box::new(Self {
            sender,
            driver,
            gate,
            waker,
            closed: false,
            timer: None,
            body: None,
            host,
        }))
    }

    /// Sends `request` and waits for the head of the answer, at most for `limit`.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: Request<Payload>,
        limit: Duration,
    ) -> Result<(Parts, BodyStream), Failure> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let deadline = self.arm(limit);
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = self.drive(cx, |cx| answer.as_mut().poll(cx)) {
                return Poll::Ready(Ok(answer));
            }
            self.poll_deadline(deadline).map(Err)
        })
        .await;
        match answer {
            Ok(Some(Ok(response))) => {
                let (head, body) = response.into_parts();
                self.body = Some(body);
                Ok((head, BodyStream::connection(self)))
            }
            Ok(Some(Err(mut error))) => Err(match error.take_message() {
                Some(request) => Failure::Unsent(Box::new(request)),
                None => Failure::Failed(lost(error.error())),
            }),
            Ok(None) => Err(Failure::Failed(broken())),
            Err(error) => Err(Failure::Failed(error)),
        }
    }

    /// Polls `step`, and the connection whenever `step` waits for it. `None` when the connection
    /// ended and `step` still waits.
    fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        self.gate.attach(cx.waker());
        let mut inner = Context::from_waker(&self.waker);
        for _ in 0..ROUNDS {
            self.gate.enter();
            if let Poll::Ready(out) = step(&mut inner) {
                self.gate.leave();
                return Poll::Ready(Some(out));
            }
            if self.closed {
                self.gate.leave();
                return Poll::Ready(None);
            }
            // What `step` woke is the connection, and that is polled next anyway.
            self.gate.enter();
            self.closed = Pin::new(&mut self.driver).poll(&mut inner).is_ready();
            let again = self.gate.leave();
            if !again && !self.closed {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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

    fn poll_deadline(&mut self, deadline: Instant) -> Poll<TransportError> {
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        let mut inner = Context::from_waker(&self.waker);
        while timer.as_mut().poll(&mut inner).is_ready() {
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
        let Some(mut body) = self.body.take() else {
            return Poll::Ready(None);
        };
        let item = self.drive(cx, |cx| {
            loop {
                match std::task::ready!(Pin::new(&mut body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data()
                            && !data.is_empty()
                        {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(lost(&error)))),
                    None => return Poll::Ready(None),
                }
            }
        });
        self.body = Some(body);
        item.map(|item| item.unwrap_or_else(|| Some(Err(broken()))))
    }

    /// True when the body is complete and the connection can be given back.
    pub(crate) fn body_ended(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    /// Bytes of the body still to come, when known.
    pub(crate) fn body_left(&self) -> Option<u64> {
        self.body.as_ref().and_then(|body| body.size_hint().exact())
    }

    /// Keeps the connection for the next request if it can take one, else closes it. To be called
    /// once the body has ended.
    pub(crate) fn finish(mut self: Box<Self>) {
        self.body = None;
        if !self.closed && !self.sender.is_ready() {
            let mut inner = Context::from_waker(&self.waker);
            self.closed = Pin::new(&mut self.driver).poll(&mut inner).is_ready();
        }
        self.gate.detach();
        if !self.closed && self.sender.is_ready() {
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

    /// True when the upstream has closed an idle connection.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut inner = Context::from_waker(&self.waker);
        self.closed = self.closed || Pin::new(&mut self.driver).poll(&mut inner).is_ready();
        self.closed || !self.sender.is_ready()
    }
}

fn broken() -> TransportError {
    TransportError::ConnectionLost("the connection ended".to_owned())
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
