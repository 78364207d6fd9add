//! A streamed answer on its way to the caller.

pub(crate) mod resume;
pub(crate) mod settlement;
pub(crate) mod source;
pub(crate) mod watch;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use tidegate_providers::{
    dialect::{Seen, StreamTap, StreamTranslator, encode_error_event, is_payload},
    event_stream::Splitter,
    sse::SseEvent,
    tokens,
};
use tidegate_types::{Code, Dialect, Error, Money, chat::Json};

use self::{
    resume::Resuming,
    settlement::{Settlement, Spent},
    source::{EventSource, Piece},
    watch::Watch,
};
use crate::{
    facts::header as names,
    gateway::Inner,
    pipeline::{Answer, AnswerBody, Job, lifecycle::Turn},
    tasks,
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
    /// At least one frame was added; there may be more. The other steps may come with frames too.
    More,
    /// The stream is complete; these are the final facts, for trailers.
    End(HeaderMap),
    /// The stream broke. In native mode, and for bodies that are passed through unread: otherwise an
    /// event in the caller's dialect carries the error.
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
    /// Absent for a stream of a remote gateway, which keeps the books.
    settlement: Option<Settlement>,
    /// Bytes as the upstream sent them, kept for the cache.
    copy: Option<Vec<Bytes>>,
    copied: usize,
    /// Reads along a body that is passed through.
    watch: Option<Box<Watch>>,
    /// What the end waits for.
    reading: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ended: bool,
}

/// How events become what the caller sees.
enum Shape {
    /// As they are; `hide` leaves out the usage event only the gateway asked for.
    Same { hide: bool },
    /// In another dialect.
    Other(Box<Translating>),
    /// As either, and gone on with elsewhere when it breaks.
    Resuming { with: Box<Resuming>, hide: bool },
}

struct Translating {
    translator: StreamTranslator,
    finished: bool,
    /// Takes the translated bytes apart again, for native mode.
    splitter: Splitter,
    /// What keeps the reply.
    turn: Option<(Turn, Arc<Inner>)>,
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
        Self::new(
            source,
            Shape::Same { hide },
            caller,
            native,
            Some(settlement),
        )
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
            splitter: Splitter::new(caller),
            turn: None,
        };
        Self::new(
            source,
            Shape::Other(Box::new(other)),
            caller,
            native,
            Some(settlement),
        )
    }

    /// A stream that is gone on with when it breaks.
    pub(crate) fn resuming(
        source: Box<EventSource>,
        with: Resuming,
        hide: bool,
        native: bool,
        settlement: Settlement,
    ) -> Self {
        let caller = with.caller();
        let shape = Shape::Resuming {
            with: Box::new(with),
            hide,
        };
        Self::new(source, shape, caller, native, Some(settlement))
    }

    /// A stream of another gateway, which has settled it when it ends.
    pub(crate) fn remote(source: Box<EventSource>, native: bool) -> Self {
        let caller = source.dialect();
        let shape = Shape::Same { hide: false };
        Self::new(source, shape, caller, native, None)
    }

    fn new(
        source: Box<EventSource>,
        shape: Shape,
        caller: Dialect,
        native: bool,
        settlement: Option<Settlement>,
    ) -> Self {
        let copy = settlement
            .as_ref()
            .filter(|settlement| settlement.wants_copy())
            .map(|_| Vec::new());
        Self {
            source,
            shape,
            caller,
            native,
            settlement,
            copy,
            copied: 0,
            watch: None,
            reading: None,
            ended: false,
        }
    }

    /// Has the body read along.
    pub(crate) fn watched(mut self, watch: Option<Watch>) -> Self {
        self.watch = watch.map(Box::new);
        self
    }

    /// Keeps the reply once it is complete.
    pub(crate) fn keeping(mut self, turn: Option<Turn>) -> Self {
        if let (Shape::Other(other), Some(turn), Some(settlement)) =
            (&mut self.shape, turn, &self.settlement)
        {
            other.turn = Some((turn, Arc::clone(&settlement.gateway)));
        }
        self
    }

    /// Adds the next frames to `out`. After [`Step::End`] or [`Step::Failed`] there is nothing more.
    pub fn poll_frames(&mut self, cx: &mut Context<'_>, out: &mut Vec<Frame>) -> Poll<Step> {
        if self.ended {
            return Poll::Ready(Step::End(HeaderMap::new()));
        }
        loop {
            let before = out.len();
            if let Shape::Resuming { with, .. } = &mut self.shape
                && let Some(next) = with.next()
            {
                let (job, found) = ready!(next.as_mut().poll(cx));
                if let Some(step) = self.go_on(job, found, out) {
                    return Poll::Ready(step);
                }
                continue;
            }
            match ready!(self.source.poll_piece(cx)) {
                Some(Ok(piece)) => {
                    if let Some(step) = self.take(piece, out) {
                        return Poll::Ready(step);
                    }
                    if out.len() > before {
                        return Poll::Ready(Step::More);
                    }
                }
                Some(Err(error)) => {
                    if let Some(step) = self.broke(error, out) {
                        return Poll::Ready(step);
                    }
                }
                None => {
                    ready!(self.prepare(cx));
                    self.finish_translation(out);
                    return Poll::Ready(self.end(None));
                }
            }
        }
    }

    /// Has the vocabulary read by which the gateway counts what nobody told.
    fn prepare(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.reading.is_none() {
            let settlement = self.settlement.as_ref();
            let settlement = settlement.filter(|_| self.source.usage().is_none());
            let model = settlement.and_then(|settlement| settlement.counted_as(None));
            let Some(model) = model.filter(|model| !tokens::is_ready(model)) else {
                return Poll::Ready(());
            };
            let model = model.to_owned();
            self.reading = Some(Box::pin(async move { tasks::vocabulary(&model).await }));
        }
        self.reading
            .as_mut()
            .map_or(Poll::Ready(()), |reading| reading.as_mut().poll(cx))
    }

    /// True for a body that is passed on unread.
    pub(crate) fn is_opaque(&self) -> bool {
        self.source.is_opaque()
    }

    /// The whole of a body, and the final facts.
    ///
    /// # Errors
    /// As the stream breaks.
    pub(crate) async fn whole(mut self: Box<Self>) -> Result<(Bytes, HeaderMap), Error> {
        let (mut frames, mut body) = (Vec::new(), BytesMut::new());
        loop {
            let step = std::future::poll_fn(|cx| self.poll_frames(cx, &mut frames)).await;
            for frame in frames.drain(..) {
                body.extend_from_slice(&frame.data);
            }
            match step {
                Step::More => {}
                Step::End(facts) => return Ok((body.freeze(), facts)),
                Step::Failed(error) => return Err(error),
            }
        }
    }

    /// Passes on what a piece says, up to an error of the upstream in it.
    fn take(&mut self, piece: Piece, out: &mut Vec<Frame>) -> Option<Step> {
        self.keep(&piece.bytes);
        if let Some(watch) = &mut self.watch {
            watch.read(&piece.bytes);
        }
        if matches!(self.shape, Shape::Resuming { .. }) {
            return self.take_along(piece, out);
        }
        let mut failed = None;
        match &mut self.shape {
            // A body that nobody reads has pieces, not events.
            Shape::Same { hide } if self.native && !self.source.is_opaque() => {
                for (event, seen) in piece.events {
                    match seen {
                        Seen::Failed { message, kind } => {
                            failed = Some((message, kind));
                            break;
                        }
                        Seen::UsageOnly if *hide => {}
                        _ => push_event(event, out),
                    }
                }
            }
            Shape::Same { hide } => {
                let hidden = |seen: &Seen| *hide && matches!(seen, Seen::UsageOnly);
                failed = piece.events.iter().find_map(|(_, seen)| match seen {
                    Seen::Failed { message, kind } => Some((message.clone(), kind.clone())),
                    _ => None,
                });
                if piece.whole && !piece.events.iter().any(|(_, seen)| hidden(seen)) {
                    push_bytes(piece.bytes, out);
                } else {
                    let shown = piece.events.iter().filter(|(_, seen)| !hidden(seen));
                    push_bytes(join(shown.map(|(event, _)| &event.raw)), out);
                }
            }
            Shape::Other(other) => {
                let mut text = Vec::new();
                let mut invalid = None;
                for (event, seen) in &piece.events {
                    if let Seen::Failed { message, kind } = seen {
                        failed = Some((message.clone(), kind.clone()));
                        break;
                    }
                    if event.data.is_empty() {
                        continue;
                    }
                    if let Err(error) = other.translator.push(event, &mut text) {
                        invalid =
                            Some(crate::wire::translation_error(error, Code::UpstreamInvalid));
                        break;
                    }
                    if !other.finished && matches!(seen, Seen::Terminal) {
                        other.finished = true;
                        other.translator.finish(&mut text);
                    }
                }
                Self::push_translated(other, text, self.native, out);
                if let Some(error) = invalid {
                    return Some(self.fail(error, out));
                }
            }
            Shape::Resuming { .. } => {}
        }
        let (message, kind) = failed?;
        let error = if self.settlement.is_some() {
            let text = format!("the upstream reported an error in the stream: {message}");
            Error::new(Code::StreamFailed, text)
        } else {
            // What another gateway says is this one's word too.
            let code = Code::from_slug(&kind).unwrap_or(Code::StreamFailed);
            Error::new(code, message)
        };
        Some(if self.native || matches!(self.shape, Shape::Other(_)) {
            self.fail(error, out)
        } else {
            // The caller has the upstream's own words; what remains is to settle as a failure.
            self.end(Some(&error))
        })
    }

    /// As [`take`](Self::take), of a stream that is read along.
    fn take_along(&mut self, piece: Piece, out: &mut Vec<Frame>) -> Option<Step> {
        let Shape::Resuming { with, hide } = &mut self.shape else {
            return None;
        };
        let mut broken = None;
        let mut text = Vec::new();
        for (event, seen) in piece.events {
            if let Seen::Failed { message, .. } = seen {
                let text = format!("the upstream reported an error in the stream: {message}");
                broken = Some(Error::new(Code::StreamFailed, text));
                break;
            }
            let read = if with.verbatim {
                let read = with.continuation.watch(&event);
                if *hide && matches!(seen, Seen::UsageOnly) {
                    // Only the gateway asked for it.
                } else if self.native {
                    push_event(event, out);
                } else {
                    text.extend_from_slice(&event.raw);
                }
                read
            } else {
                with.continuation.push(&event, &mut text)
            };
            if let Err(error) = read {
                let error = crate::wire::translation_error(error, Code::UpstreamInvalid);
                broken = Some(error);
                break;
            }
            if !with.verbatim && !with.finished && matches!(seen, Seen::Terminal) {
                with.finished = true;
                with.continuation.finish(&mut text);
            }
        }
        with.emit(text, self.native, out);
        self.broke(broken?, out)
    }

    fn finish_translation(&mut self, out: &mut Vec<Frame>) {
        if let Shape::Other(other) = &mut self.shape
            && !other.finished
        {
            other.finished = true;
            let mut text = Vec::new();
            other.translator.finish(&mut text);
            Self::push_translated(other, text, self.native, out);
        } else if let Shape::Resuming { with, .. } = &mut self.shape
            && !with.verbatim
            && !with.finished
        {
            with.finished = true;
            let mut text = Vec::new();
            with.continuation.finish(&mut text);
            with.emit(text, self.native, out);
        }
    }

    /// The stream broke: `None` when another upstream is being asked to go on with it.
    fn broke(&mut self, error: Error, out: &mut Vec<Frame>) -> Option<Step> {
        if let Shape::Resuming { with, .. } = &mut self.shape {
            let target = self.settlement.as_ref().and_then(|s| s.target.as_ref());
            if with.begin(error, target.map(|target| &*target.label)) {
                return None;
            }
            let error = with.take_error();
            return Some(self.fail(error, out));
        }
        Some(self.fail(error, out))
    }

    /// Takes over the upstream that goes on, or tells why the stream broke when there is none.
    fn go_on(
        &mut self,
        mut job: Box<Job>,
        found: Result<Answer, Error>,
        out: &mut Vec<Frame>,
    ) -> Option<Step> {
        let Shape::Resuming { with, .. } = &mut self.shape else {
            return None;
        };
        let error = with.take_error();
        let source = found.ok().and_then(|answer| match answer.body {
            AnswerBody::Stream(source) if !source.is_opaque() => Some(source),
            _ => None,
        });
        let (Some(source), Some(target)) = (source, job.target.clone()) else {
            if let Some(settlement) = &mut self.settlement {
                settlement.count_tries(&mut job);
            }
            return Some(self.fail(error, out));
        };
        if let Some(settlement) = &mut self.settlement {
            let spent = Spent {
                usage: self.source.usage(),
                output_tokens: counted(&self.source, settlement, Some(error.code())),
                error: Some(error.code()),
            };
            settlement.hand_over(&spent, &mut job);
        }
        self.copy = None;
        if !self.native && with.bears_comments() {
            push_bytes(
                Bytes::from(format!(": resumed on {}\n\n", target.label)),
                out,
            );
        }
        with.taken_over(job, source.dialect(), &target.label);
        self.source = source;
        None
    }

    fn push_translated(other: &mut Translating, text: Vec<u8>, native: bool, out: &mut Vec<Frame>) {
        if let Some((turn, gateway)) = other.turn.take_if(|_| is_last(&text))
            && let Some(reply) = final_reply(&text)
        {
            turn.keep(&gateway, reply.as_bytes());
        }
        if !native {
            push_bytes(Bytes::from(text), out);
        } else if other.splitter.push(Bytes::from(text)).is_ok() {
            for event in other.splitter.by_ref() {
                push_event(event, out);
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
        let error = match &self.settlement {
            Some(settlement) => settlement.describe(error),
            None => error,
        };
        // An event has no place in a body of which nobody knows what it is.
        if self.native || self.source.is_opaque() {
            self.end(Some(&error));
            return Step::Failed(error);
        }
        push_bytes(Bytes::from(encode_error_event(self.caller, &error)), out);
        self.end(Some(&error))
    }

    fn end(&mut self, error: Option<&Error>) -> Step {
        self.ended = true;
        let trailers = self.settle(error.map(Error::code));
        // Closes the upstream now, not when the caller lets go of the stream.
        self.source.close();
        Step::End(trailers)
    }

    /// Books the stream and gives the final facts.
    fn settle(&mut self, error: Option<Code>) -> HeaderMap {
        let mut facts = HeaderMap::new();
        let Some(settlement) = &mut self.settlement else {
            for name in [names::COST, names::USAGE] {
                let told = self.source.trailers().and_then(|told| told.get(&name));
                if let Some(value) = told {
                    facts.insert(name, value.clone());
                }
            }
            return facts;
        };
        settlement.finish(&Spent {
            usage: self.source.usage(),
            output_tokens: counted(&self.source, settlement, error),
            error,
        });
        if let Some(watch) = self.watch.take() {
            let cost = settlement.facts.cost.unwrap_or(Money::ZERO);
            settlement.facts.cost = Some(cost.saturating_add(watch.end()));
        }
        if let Some(copy) = self.copy.take().filter(|_| error.is_none()) {
            settlement.store(self.source.dialect(), true, None, &copy);
        }
        settlement.facts().write_cost(&mut facts);
        if let Shape::Resuming { with, .. } = &self.shape
            && with.broke()
        {
            // The head told those that came before it.
            let attempts = settlement.facts().attempts;
            facts.insert(names::ATTEMPTS, HeaderValue::from(attempts));
            if let Some(names) = with.resumed() {
                facts.insert(names::RESUMED, names);
            }
        }
        facts
    }
}

impl Drop for SettlingStream {
    fn drop(&mut self) {
        if !self.ended {
            self.source.close();
            self.settle(Some(Code::Cancelled));
        }
    }
}

/// Generated tokens: those of its words where nobody else tells how many they are.
fn counted(source: &EventSource, settlement: &Settlement, error: Option<Code>) -> u64 {
    let model = settlement.counted_as(error);
    let model = model.filter(|_| source.usage().is_none());
    model.map_or_else(|| source.tokens_seen(), |model| source.tokens_said(model))
}

/// Whether the events tell that a reply of Responses is complete.
fn is_last(text: &[u8]) -> bool {
    let tells = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    tells(b"event: response.completed") || tells(b"event: response.incomplete")
}

/// The whole reply in the event that ends it.
fn final_reply(text: &[u8]) -> Option<String> {
    let at = memchr::memmem::rfind(text, b"\ndata: ")? + 7;
    let line = text.get(at..)?;
    let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
    let event = Json::parse(line.get(..end)?).ok()?;
    Some(event.get("response")?.as_str().to_owned())
}

fn push_bytes(data: Bytes, out: &mut Vec<Frame>) {
    if !data.is_empty() {
        out.push(Frame { event: None, data });
    }
}

/// The bytes of these events; only one is not copied.
fn join<'a>(mut events: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let Some(first) = events.next() else {
        return Bytes::new();
    };
    let mut joined = None;
    for event in events {
        joined
            .get_or_insert_with(|| BytesMut::from(&first[..]))
            .extend_from_slice(event);
    }
    joined.map_or_else(|| first.clone(), BytesMut::freeze)
}

/// An event as a native caller sees it.
fn push_event(event: SseEvent, out: &mut Vec<Frame>) {
    if is_payload(&event) {
        out.push(Frame {
            event: event.event,
            data: event.data,
        });
    }
}

/// The tap of a dialect, for callers that only observe.
pub(crate) fn tap(dialect: Dialect) -> StreamTap {
    StreamTap::new(dialect)
}
