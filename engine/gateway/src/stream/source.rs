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
    event_stream::Splitter,
    sse::SseEvent,
    tokens,
    transport::BodyStream,
};
use tidegate_types::{Code, Dialect, Error, Usage, chat::Json};
use tokio::time::{Instant, Sleep};

use crate::snapshot::Timeouts;

/// So much of a stream is kept in case its tokens must be counted here.
const MOST_SAID: usize = 64 * 1024;

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

/// When a stream is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// When an event said so.
    Told,
    /// When the body ends cleanly.
    Any,
}

/// How long a stream may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// Between two pieces.
    pub(crate) idle: Duration,
    /// Between two events with content.
    pub(crate) stall: Option<Duration>,
    /// Tokens per second that are too few, once the stream has run for [`LEARNING`].
    pub(crate) min_rate: Option<u32>,
    /// The whole call.
    pub(crate) until: Option<Instant>,
}

impl Deadlines {
    pub(crate) fn of(timeouts: &Timeouts) -> Self {
        Self {
            idle: timeouts.idle,
            stall: timeouts.stall,
            min_rate: timeouts.min_tokens_per_second,
            until: None,
        }
    }
}

/// How long a stream runs before its rate says something.
const LEARNING: Duration = Duration::from_secs(3);

/// Reads an upstream's body piece by piece and watches its deadlines.
pub(crate) struct EventSource {
    body: BodyStream,
    dialect: Dialect,
    /// Absent for bodies that are passed through unread.
    reader: Option<(Splitter, StreamTap)>,
    /// Read before the commit point, not given out yet.
    held: VecDeque<Piece>,
    terminal: bool,
    failed: bool,
    ending: Ending,
    over: bool,
    /// What is wrong with the bytes behind the last event; told once that event was given out.
    fault: Option<Error>,
    /// Events with content so far.
    contents: u64,
    /// The first events, to be counted by their words where no usage comes, their size, and how many of
    /// them have content.
    said: Vec<SseEvent>,
    said_bytes: usize,
    said_contents: u64,
    deadlines: Option<Deadlines>,
    last: Instant,
    /// When the first and the last content came; known only where a deadline asks.
    content: Option<(Instant, Instant)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl EventSource {
    /// A body of events, in the framing of its dialect.
    pub(crate) fn events(body: BodyStream, dialect: Dialect) -> Self {
        Self::new(
            body,
            dialect,
            Some((Splitter::new(dialect), super::tap(dialect))),
        )
    }

    /// As [`events`](Self::events), of an endpoint whose vendors agree on no terminal event.
    pub(crate) fn lenient_events(body: BodyStream, dialect: Dialect) -> Self {
        Self {
            ending: Ending::Any,
            ..Self::events(body, dialect)
        }
    }

    /// A body nobody looks into.
    pub(crate) fn opaque(body: BodyStream, dialect: Dialect) -> Self {
        Self::new(body, dialect, None)
    }

    fn new(body: BodyStream, dialect: Dialect, reader: Option<(Splitter, StreamTap)>) -> Self {
        Self {
            body,
            dialect,
            reader,
            held: VecDeque::new(),
            terminal: false,
            failed: false,
            ending: Ending::Told,
            over: false,
            fault: None,
            contents: 0,
            said: Vec::new(),
            said_bytes: 0,
            said_contents: 0,
            deadlines: None,
            last: Instant::now(),
            content: None,
            timer: None,
        }
    }

    /// Sets how long the stream may take.
    pub(crate) fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = Some(deadlines);
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

    /// Generated tokens, counted by their words as a model of this name would; for use where no usage
    /// came. Of a long stream the rest is counted like its beginning.
    pub(crate) fn tokens_said(&self, model: &str) -> u64 {
        match tokens::of_events(self.dialect, &self.said, model) {
            Some(counted) if self.said_contents > 0 => {
                counted.saturating_mul(self.contents.max(1)) / self.said_contents
            }
            Some(counted) => counted,
            None => self.contents,
        }
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

    /// The id of the reply of Responses, as far as events read before the commit point tell.
    pub(crate) fn reply_id(&self) -> Option<String> {
        let events = self.held.iter().flat_map(|piece| &piece.events);
        events.into_iter().find_map(|(event, _)| {
            let id = Json::parse(&event.data).ok()?.get("response")?.get("id")?;
            Some(id.as_text()?.decode().into_owned())
        })
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
        if let Some(fault) = self.fault.take() {
            self.over = true;
            return Poll::Ready(Some(Err(fault)));
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
                let is_content = matches!(seen, Seen::Content);
                if self.said_bytes < MOST_SAID {
                    self.said_bytes += event.raw.len();
                    self.said_contents += u64::from(is_content);
                    self.said.push(event.clone());
                }
                if is_content {
                    self.contents += 1;
                    if self
                        .deadlines
                        .is_some_and(|d| d.stall.or(d.min_rate.map(|_| LEARNING)).is_some())
                    {
                        let now = Instant::now();
                        self.content = Some((self.content.map_or(now, |(first, _)| first), now));
                    }
                }
                events.push((event, seen));
            }
            whole &= splitter.is_empty();
            let fault = splitter.fault().filter(|_| !self.terminal);
            self.fault = fault.map(|fault| Error::new(Code::UpstreamInvalid, fault.to_string()));
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
        if !(self.terminal || self.failed || self.ending == Ending::Any || tap.finished()) {
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

    /// The deadline that comes first, and which it is; none for a stream that is complete and may end.
    fn due(&self, deadlines: &Deadlines) -> (Instant, Option<Missed>) {
        let idle = deadlines.idle;
        let silence = if self.terminal { idle.min(GRACE) } else { idle };
        let told = (!self.terminal).then_some(Missed::Idle(silence));
        let mut due = (self.last + silence, told);
        let mut sooner = |at: Instant, missed: Missed| {
            if at < due.0 {
                due = (at, Some(missed));
            }
        };
        if let Some((first, last)) = self.content.filter(|_| !self.terminal) {
            if let Some(stall) = deadlines.stall {
                sooner(last + stall, Missed::Stall(stall));
            }
            if let Some(rate) = deadlines.min_rate {
                let earned = Duration::from_secs_f64(self.contents as f64 / f64::from(rate));
                sooner(first + earned.max(LEARNING), Missed::Rate(rate));
            }
        }
        if let Some(until) = deadlines.until {
            sooner(until, Missed::Total);
        }
        due
    }

    /// One timer per stream: it is set when the upstream first falls silent and looks at the time
    /// of the last piece when it fires, so that pieces cost no timer work.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        let Some(deadlines) = self.deadlines else {
            return Poll::Pending;
        };
        if self.timer.is_none() {
            self.last = Instant::now();
        }
        loop {
            let (due, missed) = self.due(&deadlines);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= due {
                self.over = true;
                return Poll::Ready(missed.map(|missed| Err(missed.error())));
            }
            timer.as_mut().reset(due);
        }
    }
}

/// A deadline that a stream did not keep. Looked at with every pause, so that its words are only made
/// once they are needed.
#[derive(Debug, Clone, Copy)]
enum Missed {
    Idle(Duration),
    Stall(Duration),
    Rate(u32),
    Total,
}

impl Missed {
    fn error(self) -> Error {
        let (code, text) = match self {
            Self::Idle(silence) => {
                let text = format!("the upstream sent nothing for {silence:?}");
                (Code::IdleTimeout, text)
            }
            Self::Stall(stall) => {
                let text = format!("the upstream sent no token for {stall:?}");
                (Code::StallTimeout, text)
            }
            Self::Rate(rate) => {
                let text = format!("the upstream sends fewer than {rate} tokens per second");
                (Code::TooSlow, text)
            }
            Self::Total => {
                let text = "the call took longer than its total deadline".to_owned();
                (Code::TotalTimeout, text)
            }
        };
        Error::new(code, text)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_providers::event_stream::write_frame;

    use super::*;

    fn frames() -> Vec<u8> {
        let mut out = Vec::new();
        write_frame("messageStart", false, br#"{"role":"assistant"}"#, &mut out);
        let said = br#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#;
        write_frame("contentBlockDelta", false, said, &mut out);
        out
    }

    async fn read(body: Vec<u8>) -> (usize, Option<Code>) {
        let body = BodyStream::from(Bytes::from(body));
        let mut source = EventSource::events(body, Dialect::Bedrock);
        let mut events = 0;
        loop {
            match poll_fn(|cx| source.poll_piece(cx)).await {
                Some(Ok(piece)) => events += piece.events.len(),
                Some(Err(error)) => return (events, Some(error.code())),
                None => return (events, None),
            }
        }
    }

    #[tokio::test]
    async fn what_precedes_a_damaged_frame_is_given_out_before_the_fault() {
        let mut body = frames();
        body.extend_from_slice(b"\x00\x00\x00\x20\x00\x00\x00\x02no frame of any kind, at all");
        assert_eq!(read(body).await, (2, Some(Code::UpstreamInvalid)));
    }

    #[tokio::test]
    async fn a_binary_stream_is_complete_from_its_stop_on() {
        let mut body = frames();
        assert_eq!(read(body.clone()).await, (2, Some(Code::StreamInterrupted)));
        write_frame(
            "messageStop",
            false,
            br#"{"stopReason":"end_turn"}"#,
            &mut body,
        );
        assert_eq!(read(body.clone()).await, (3, None));
        write_frame(
            "metadata",
            false,
            br#"{"usage":{"inputTokens":1}}"#,
            &mut body,
        );
        assert_eq!(read(body.clone()).await, (4, None));
        // Half of the counts is not half of the reply.
        body.truncate(body.len() - 5);
        assert_eq!(read(body).await, (3, None));
    }
}
