//! A streamed answer on its way to the caller.

pub(crate) mod settlement;
pub(crate) mod source;

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tidegate_providers::{
    dialect::{Seen, StreamTap, StreamTranslator, encode_error_event},
    sse::SseSplitter,
};
use tidegate_types::{Code, Dialect, Error};

use self::{
    settlement::{Settlement, Spent},
    source::{EventSource, Piece},
};

/// A stored stream may take this much of the cache.
const MOST_STORED: usize = 4 << 20;

/// One piece for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Name of the event, in native mode and where the dialect names events.
    pub event: Option<Bytes>,
    /// Native: the data of one event. Otherwise: bytes as they go on the wire.
    pub data: Bytes,
}

/// What a poll of a stream gave, apart from frames.
#[derive(Debug)]
pub enum Step {
    /// At least one frame was added; there may be more.
    More,
    /// The stream is complete; these are the final facts, for trailers.
    End(HeaderMap),
    /// The stream broke. Native mode only: otherwise the caller's dialect carries the error.
    Failed(Error),
}

/// A streamed answer. Settles exactly once: at its end, or when it is dropped.
///
/// Dropping it closes the upstream at once and charges what was observed.
pub struct SettlingStream {
    source: Box<EventSource>,
    shape: Shape,
    caller: Dialect,
    native: bool,
    settlement: Settlement,
    /// Bytes as the upstream sent them, kept for the cache.
    copy: Option<Vec<Bytes>>,
    copied: usize,
    /// Whether the bytes given out so far stop inside an event.
    mid_event: bool,
    ended: bool,
}

/// How events become what the caller sees.
enum Shape {
    /// As they are; `hide` leaves out the usage event only the gateway asked for.
    Same { hide: bool },
    /// In another dialect.
    Other(Box<Translating>),
}

struct Translating {
    translator: StreamTranslator,
    finished: bool,
    /// Takes the translated bytes apart again, for native mode.
    splitter: SseSplitter,
}

impl std::fmt::Debug for SettlingStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettlingStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl SettlingStream {
    pub(crate) fn same(
        source: Box<EventSource>,
        hide: bool,
        native: bool,
        settlement: Settlement,
    ) -> Self {
        let caller = source.dialect();
        Self::new(source, Shape::Same { hide }, caller, native, settlement)
    }

    pub(crate) fn translated(
        source: Box<EventSource>,
        caller: Dialect,
        translator: StreamTranslator,
        native: bool,
        settlement: Settlement,
    ) -> Self {
        let other = Translating {
            translator,
            finished: false,
            splitter: SseSplitter::new(),
        };
        Self::new(
            source,
            Shape::Other(Box::new(other)),
            caller,
            native,
            settlement,
        )
    }

    fn new(
        source: Box<EventSource>,
        shape: Shape,
        caller: Dialect,
        native: bool,
        settlement: Settlement,
    ) -> Self {
        let copy = settlement.wants_copy().then(Vec::new);
        Self {
            source,
            shape,
            caller,
            native,
            settlement,
            copy,
            copied: 0,
            mid_event: false,
            ended: false,
        }
    }

    /// Adds the next frames to `out`. After [`Step::End`] or [`Step::Failed`] there is nothing more.
    pub fn poll_frames(&mut self, cx: &mut Context<'_>, out: &mut Vec<Frame>) -> Poll<Step> {
        if self.ended {
            return Poll::Ready(Step::End(HeaderMap::new()));
        }
        loop {
            let before = out.len();
            match ready!(self.source.poll_piece(cx)) {
                Some(Ok(piece)) => {
                    if let Some(step) = self.take(piece, out) {
                        return Poll::Ready(step);
                    }
                    if out.len() > before {
                        return Poll::Ready(Step::More);
                    }
                }
                Some(Err(error)) => return Poll::Ready(self.fail(error, out)),
                None => {
                    self.finish_translation(out);
                    return Poll::Ready(self.end(None));
                }
            }
        }
    }

    fn take(&mut self, piece: Piece, out: &mut Vec<Frame>) -> Option<Step> {
        self.keep(&piece.bytes);
        let failed = piece.events.iter().find_map(|(_, seen)| match seen {
            Seen::Failed { message, .. } => Some(message.clone()),
            _ => None,
        });
        if let Some(message) = &failed
            && (self.native || matches!(self.shape, Shape::Other(_)))
        {
            let text = format!("the upstream reported an error in the stream: {message}");
            return Some(self.fail(Error::new(Code::StreamFailed, text), out));
        }
        match &mut self.shape {
            Shape::Same { hide } if self.native => {
                for (event, seen) in piece.events {
                    let hidden = *hide && matches!(seen, Seen::UsageOnly);
                    if !hidden && is_payload(&event.data) {
                        out.push(Frame {
                            event: event.event,
                            data: event.data,
                        });
                    }
                }
            }
            Shape::Same { hide: false } => {
                self.mid_event = !piece.bytes.ends_with(b"\n\n");
                push_bytes(piece.bytes, out);
            }
            // Only whole events can be judged, so a part of one waits for its rest.
            Shape::Same { hide: true } => {
                let mut shown = piece
                    .events
                    .into_iter()
                    .filter(|(_, seen)| !matches!(seen, Seen::UsageOnly));
                if let Some((first, _)) = shown.next() {
                    let mut joined = None;
                    for (event, _) in shown {
                        joined
                            .get_or_insert_with(|| BytesMut::from(&first.raw[..]))
                            .extend_from_slice(&event.raw);
                    }
                    push_bytes(joined.map_or(first.raw, BytesMut::freeze), out);
                }
            }
            Shape::Other(other) => {
                let mut text = Vec::new();
                for (event, _) in piece
                    .events
                    .iter()
                    .filter(|(event, _)| !event.data.is_empty())
                {
                    if let Err(error) = other.translator.push(event, &mut text) {
                        let error = crate::wire::translation_error(error, Code::UpstreamInvalid);
                        return Some(self.fail(error, out));
                    }
                }
                if !other.finished
                    && piece
                        .events
                        .iter()
                        .any(|(_, seen)| matches!(seen, Seen::Terminal))
                {
                    other.finished = true;
                    other.translator.finish(&mut text);
                }
                Self::push_translated(other, text, self.native, out);
            }
        }
        if let Some(message) = failed {
            // The caller has the upstream's own words; what remains is to settle as a failure.
            let error = Error::new(Code::StreamFailed, message);
            return Some(self.end(Some(&error)));
        }
        None
    }

    fn finish_translation(&mut self, out: &mut Vec<Frame>) {
        if let Shape::Other(other) = &mut self.shape
            && !other.finished
        {
            other.finished = true;
            let mut text = Vec::new();
            other.translator.finish(&mut text);
            Self::push_translated(other, text, self.native, out);
        }
    }

    fn push_translated(other: &mut Translating, text: Vec<u8>, native: bool, out: &mut Vec<Frame>) {
        if !native {
            push_bytes(Bytes::from(text), out);
        } else if other.splitter.push(Bytes::from(text)).is_ok() {
            for event in other.splitter.by_ref() {
                if is_payload(&event.data) {
                    out.push(Frame {
                        event: event.event,
                        data: event.data,
                    });
                }
            }
        }
    }

    fn keep(&mut self, bytes: &Bytes) {
        if let Some(copy) = &mut self.copy {
            self.copied += bytes.len();
            if self.copied > MOST_STORED {
                self.copy = None;
            } else {
                copy.push(bytes.clone());
            }
        }
    }

    fn fail(&mut self, error: Error, out: &mut Vec<Frame>) -> Step {
        let error = self.settlement.describe(error);
        if self.native {
            self.end(Some(&error));
            return Step::Failed(error);
        }
        if self.mid_event {
            // What was cut off must not swallow the event that says so.
            push_bytes(Bytes::from_static(b"\n\n"), out);
        }
        push_bytes(Bytes::from(encode_error_event(self.caller, &error)), out);
        self.end(Some(&error))
    }

    fn end(&mut self, error: Option<&Error>) -> Step {
        self.ended = true;
        let spent = Spent {
            usage: self.source.usage(),
            output_tokens: self.source.tokens_seen(),
            error: error.map(Error::code),
        };
        let copy = self.copy.take().filter(|_| error.is_none());
        self.settlement.finish(&spent);
        if let Some(copy) = copy {
            self.settlement
                .store(self.source.dialect(), true, None, &copy);
        }
        // Closes the upstream now, not when the caller lets go of the stream.
        self.source.close();
        let mut trailers = HeaderMap::new();
        self.settlement.facts().write_cost(&mut trailers);
        Step::End(trailers)
    }
}

impl Drop for SettlingStream {
    fn drop(&mut self) {
        if !self.ended {
            let spent = Spent {
                usage: self.source.usage(),
                output_tokens: self.source.tokens_seen(),
                error: Some(Code::Cancelled),
            };
            self.settlement.finish(&spent);
        }
    }
}

fn push_bytes(data: Bytes, out: &mut Vec<Frame>) {
    if !data.is_empty() {
        out.push(Frame { event: None, data });
    }
}

/// Whether an event's data is for a native caller: comments and `[DONE]` are not.
fn is_payload(data: &[u8]) -> bool {
    !data.is_empty() && data != b"[DONE]"
}

/// The tap of a dialect, for callers that only observe.
pub(crate) fn tap(dialect: Dialect) -> StreamTap {
    StreamTap::new(dialect)
}
