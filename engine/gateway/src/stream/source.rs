//! An upstream's event stream: pieces as the network delivered them, with what they mean.

use std::{
    collections::VecDeque,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use smallvec::SmallVec;
use tidegate_providers::{
    dialect::{Seen, StreamTap},
    sse::{SseEvent, SseSplitter},
    transport::BodyStream,
};
use tidegate_types::{Code, Dialect, Error, Usage, chat::Json};
use tokio::time::{Instant, Sleep};

/// After the terminal event the upstream has this long to end the body cleanly, so that its
/// connection can be used again.
const GRACE: Duration = Duration::from_secs(1);

/// Bytes as they arrived, and the events that became complete with them.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// Whether `bytes` are what `events` say, or are not looked into at all. Otherwise an event
    /// began in an earlier piece or goes on in a later one.
    pub(crate) whole: bool,
    pub(crate) events: SmallVec<[(SseEvent, Seen); 2]>,
}

/// Reads an upstream's body piece by piece and watches its deadlines.
pub(crate) struct EventSource {
    body: BodyStream,
    dialect: Dialect,
    /// Absent for bodies that are passed through unread.
    reader: Option<(SseSplitter, StreamTap)>,
    /// Read before the commit point, not given out yet.
    held: VecDeque<Piece>,
    terminal: bool,
    failed: bool,
    over: bool,
    /// Events with content so far.
    contents: u64,
    idle: Option<Duration>,
    until: Option<Instant>,
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl EventSource {
    /// A body of server-sent events.
    pub(crate) fn events(body: BodyStream, dialect: Dialect) -> Self {
        Self::new(
            body,
            dialect,
            Some((SseSplitter::new(), super::tap(dialect))),
        )
    }

    /// A body nobody looks into.
    pub(crate) fn opaque(body: BodyStream, dialect: Dialect) -> Self {
        Self::new(body, dialect, None)
    }

    fn new(body: BodyStream, dialect: Dialect, reader: Option<(SseSplitter, StreamTap)>) -> Self {
        Self {
            body,
            dialect,
            reader,
            held: VecDeque::new(),
            terminal: false,
            failed: false,
            over: false,
            contents: 0,
            idle: None,
            until: None,
            last: Instant::now(),
            timer: None,
        }
    }

    /// Sets the longest silence between pieces and the moment the whole call must be over.
    pub(crate) fn with_deadlines(mut self, idle: Duration, until: Option<Instant>) -> Self {
        self.idle = Some(idle);
        self.until = until;
        self
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What the upstream said the call consumed, as far as it has said.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.reader.as_ref().and_then(|(_, tap)| tap.usage())
    }

    /// Generated tokens as far as events tell: vendors send about one with each.
    pub(crate) fn tokens_seen(&self) -> u64 {
        self.contents
    }

    /// True for a body that is passed on unread.
    pub(crate) fn is_opaque(&self) -> bool {
        self.reader.is_none()
    }

    /// What the upstream added behind the body.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        self.body.trailers()
    }

    /// Lets go of the upstream.
    pub(crate) fn close(&mut self) {
        self.body = BodyStream::empty();
        self.over = true;
    }

    /// Reads until the first event with content, which commits the call to this upstream. What was
    /// read is kept and given out first.
    ///
    /// # Errors
    /// Whatever ends the stream before that; another target may then be tried.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        if self.reader.is_none() {
            return Ok(());
        }
        loop {
            let piece = match poll_fn(|cx| self.poll_body(cx)).await {
                Some(piece) => piece?,
                // Ended cleanly without content: an empty answer is an answer.
                None => return Ok(()),
            };
            // In the order of events, not of pieces: how the network cut them must not matter.
            let decisive = piece.events.iter().find_map(|(_, seen)| match seen {
                Seen::Failed { message, .. } => Some(Err(message.clone())),
                Seen::Content | Seen::Terminal => Some(Ok(())),
                _ => None,
            });
            self.held.push_back(piece);
            match decisive {
                Some(Ok(())) => return Ok(()),
                Some(Err(message)) => {
                    let text = format!("the upstream reported an error in the stream: {message}");
                    return Err(Error::new(Code::StreamFailed, text));
                }
                None => {}
            }
        }
    }

    /// The next piece; `None` at a clean end.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece, Error>>> {
        match self.held.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => self.poll_body(cx),
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        match self.body.poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                if self.timer.is_some() {
                    self.last = Instant::now();
                }
                Poll::Ready(Some(self.read(bytes)))
            }
            Poll::Ready(Some(Err(_))) if self.terminal => self.finish(),
            Poll::Ready(Some(Err(error))) => {
                self.over = true;
                let code = if self.reader.is_some() {
                    Code::StreamInterrupted
                } else {
                    Code::ConnectionLost
                };
                let text = format!("the stream broke before its end: {error}");
                Poll::Ready(Some(Err(Error::new(code, text))))
            }
            Poll::Ready(None) => self.finish(),
            Poll::Pending => self.poll_deadlines(cx),
        }
    }

    fn read(&mut self, bytes: Bytes) -> Result<Piece, Error> {
        let mut events = SmallVec::new();
        let mut whole = true;
        if let Some((splitter, tap)) = &mut self.reader {
            whole = splitter.is_empty();
            splitter.push(bytes.clone()).map_err(|error| {
                self.over = true;
                Error::new(Code::UpstreamInvalid, error.to_string())
            })?;
            for event in splitter.by_ref() {
                let seen = tap.observe(&event);
                self.terminal |= matches!(seen, Seen::Terminal);
                self.failed |= matches!(seen, Seen::Failed { .. });
                self.contents += u64::from(matches!(seen, Seen::Content));
                events.push((event, seen));
            }
            whole &= splitter.is_empty();
        }
        Ok(Piece {
            bytes,
            whole,
            events,
        })
    }

    /// The body is over: a last event may lack its blank line, and a stream may lack its end. Then
    /// what is left of an event is no event.
    fn finish(&mut self) -> Poll<Option<Result<Piece, Error>>> {
        self.over = true;
        let Some((splitter, tap)) = &mut self.reader else {
            return Poll::Ready(None);
        };
        let last = splitter.finish().map(|event| {
            let seen = tap.observe(&event);
            self.terminal |= matches!(seen, Seen::Terminal);
            self.failed |= matches!(seen, Seen::Failed { .. });
            (event, seen)
        });
        if !(self.terminal || self.failed || tap.finished()) {
            let text = "the stream ended without its terminal event; what arrived is incomplete";
            return Poll::Ready(Some(Err(Error::new(Code::StreamInterrupted, text))));
        }
        // A vendor that sends no `[DONE]` may be cut in its last event all the same.
        let whole = |event: &SseEvent| self.terminal || Json::parse(&event.data).is_ok();
        Poll::Ready(last.filter(|(event, _)| whole(event)).map(|last| {
            Ok(Piece {
                bytes: Bytes::new(),
                whole: false,
                events: SmallVec::from_iter([last]),
            })
        }))
    }

    /// One timer per stream: it is set when the upstream first falls silent and looks at the time
    /// of the last piece when it fires, so that pieces cost no timer work.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        let Some(idle) = self.idle else {
            return Poll::Pending;
        };
        if self.timer.is_none() {
            self.last = Instant::now();
        }
        loop {
            let silence = if self.terminal { idle.min(GRACE) } else { idle };
            let due = self.last + silence;
            let due = self.until.map_or(due, |until| until.min(due));
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.until.is_some_and(|until| now >= until) {
                self.over = true;
                let text = "the call took longer than its total deadline";
                return Poll::Ready(Some(Err(Error::new(Code::TotalTimeout, text))));
            }
            if now >= self.last + silence {
                self.over = true;
                if self.terminal {
                    return Poll::Ready(None);
                }
                let text = format!("the upstream sent nothing for {silence:?}");
                return Poll::Ready(Some(Err(Error::new(Code::IdleTimeout, text))));
            }
            let due = self.last + silence;
            let due = self.until.map_or(due, |until| until.min(due));
            timer.as_mut().reset(due);
        }
    }
}
