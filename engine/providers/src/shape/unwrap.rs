//! Streams inside streams.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::Stream;
use tidegate_types::{
    Dialect,
    chat::{Json, write::Object},
};

use crate::{
    dialect::{Seen, StreamTap},
    event_stream::FrameSplitter,
    sse::{SseEvent, SseSplitter},
    transport::{BodyStream, TransportError},
};

/// What frames carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// `{"bytes": "..."}`: an event of the model, in base64 (Bedrock's `PayloadPart`).
    Chunks,
    /// Pieces of the container's own stream (SageMaker's `PayloadPart`).
    Parts,
}

/// A stream of server-sent events out of frames.
pub(super) struct Unwrap {
    body: BodyStream,
    kind: Wrapping,
    splitter: FrameSplitter,
    ready: VecDeque<Bytes>,
    over: bool,
}

impl Unwrap {
    pub(super) fn new(body: BodyStream, kind: Wrapping) -> Self {
        Self {
            body,
            kind,
            splitter: FrameSplitter::new(),
            ready: VecDeque::new(),
            over: false,
        }
    }

    fn take(&mut self, piece: Bytes) -> Result<(), TransportError> {
        let damaged = |what: String| TransportError::ConnectionLost(what);
        self.splitter
            .push(piece)
            .map_err(|error| damaged(error.to_string()))?;
        for event in self.splitter.by_ref() {
            let text = match (self.kind, event.event.as_deref()) {
                (Wrapping::Chunks, Some(b"chunk")) => chunk(&event.data),
                (Wrapping::Parts, Some(b"PayloadPart")) => Some(event.data.clone()),
                (_, Some(name)) => Some(failure(self.kind, name, &event.data)),
                _ => None,
            };
            self.ready.extend(text);
        }
        match &self.splitter.fault {
            Some(fault) => Err(damaged(fault.to_string())),
            None => Ok(()),
        }
    }
}

/// The event a chunk holds, framed as Anthropic frames it: its `type` is its name.
fn chunk(data: &[u8]) -> Option<Bytes> {
    let held = Json::parse(data).ok()?.get("bytes")?.as_text()?;
    let event = STANDARD.decode(held.decode().as_bytes()).ok()?;
    let kind = Json::parse(&event).ok()?.get("type")?.as_text()?.decode();
    let framed = [b"event: ", kind.as_bytes(), b"\ndata: ", &event, b"\n\n"].concat();
    Some(framed.into())
}

/// What the host says went wrong, as an event that the dialect's callers know.
fn failure(kind: Wrapping, name: &[u8], data: &[u8]) -> Bytes {
    let said = Json::parse(data)
        .ok()
        .and_then(|body| body.get("message")?.as_text());
    let said = said.map_or_else(|| String::from_utf8_lossy(name), |said| said.decode());
    let code = match name {
        b"throttlingException" => "rate_limit_error",
        b"validationException" => "invalid_request_error",
        b"serviceUnavailableException" => "overloaded_error",
        _ => "api_error",
    };
    let mut out = Vec::new();
    let mut object = Object::open(&mut out);
    if kind == Wrapping::Chunks {
        object.str("type", "error");
    }
    object.object("error", |error| {
        error.str("type", code).str("message", &said);
    });
    object.close();
    [b"event: error\ndata: ", &*out, b"\n\n"].concat().into()
}

impl Stream for Unwrap {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let taken = match ready!(self.body.poll_next(cx)) {
                Some(Ok(piece)) => self.take(piece),
                Some(Err(error)) => Err(error),
                None if self.splitter.is_empty() => {
                    self.over = true;
                    return Poll::Ready(None);
                }
                None => Err(TransportError::ConnectionLost(
                    "the stream ended inside a frame".to_owned(),
                )),
            };
            if let Err(error) = taken {
                self.over = true;
                // What arrived before it was right.
                self.body = BodyStream::empty();
                if self.ready.is_empty() {
                    return Poll::Ready(Some(Err(error)));
                }
                self.over = false;
                self.body = BodyStream::new(futures_util::stream::iter([Err(error)]));
            }
        }
    }
}

/// A stream of chunks that gets the end it lacks.
pub(super) struct Done {
    body: BodyStream,
    /// Gone once the end is known.
    reader: Option<(SseSplitter, StreamTap)>,
    over: bool,
}

impl Done {
    pub(super) fn new(body: BodyStream) -> Self {
        Self {
            body,
            reader: Some((SseSplitter::new(), StreamTap::new(Dialect::OpenAi))),
            over: false,
        }
    }

    fn read(&mut self, piece: Bytes) {
        let Some((splitter, tap)) = &mut self.reader else {
            return;
        };
        let ended = |event: SseEvent, tap: &mut StreamTap| {
            matches!(tap.observe(&event), Seen::Terminal | Seen::Failed { .. })
        };
        let long = splitter.push(piece).is_err();
        if long || splitter.by_ref().any(|event| ended(event, tap)) {
            self.reader = None;
        }
    }

    /// What is missing at the end of a complete stream.
    fn end(&mut self) -> Option<Bytes> {
        let (mut splitter, mut tap) = self.reader.take()?;
        let last = splitter.finish();
        let open = last.is_some();
        if let Some(event) = last
            && (Json::parse(&event.data).is_err()
                || matches!(tap.observe(&event), Seen::Terminal | Seen::Failed { .. }))
        {
            return None;
        }
        let done = if open {
            &b"\n\ndata: [DONE]\n\n"[..]
        } else {
            b"data: [DONE]\n\n"
        };
        tap.finished().then(|| Bytes::from_static(done))
    }
}

impl Stream for Done {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let item = ready!(self.body.poll_next(cx));
        match &item {
            Some(Ok(piece)) => self.read(piece.clone()),
            Some(Err(_)) => self.over = true,
            None => {
                self.over = true;
                return Poll::Ready(self.end().map(Ok));
            }
        }
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_stream::write_frame;

    async fn all(
        stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static,
    ) -> (String, bool) {
        let mut body = BodyStream::new(stream);
        let mut text = Vec::new();
        let mut failed = false;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => text.extend_from_slice(&piece),
                Err(_) => failed = true,
            }
        }
        (String::from_utf8(text).unwrap(), failed)
    }

    fn pieces(bytes: &[u8], size: usize) -> BodyStream {
        let pieces: Vec<_> = bytes
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        BodyStream::new(futures_util::stream::iter(pieces))
    }

    fn wrapped(events: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for event in events {
            let payload = format!("{{\"bytes\":\"{}\",\"p\":\"abc\"}}", STANDARD.encode(event));
            write_frame("chunk", false, payload.as_bytes(), &mut out);
        }
        out
    }

    #[tokio::test]
    async fn events_come_out_of_their_frames_byte_for_byte_however_they_are_cut() {
        let events = [
            r#"{"type":"message_start", "message":{"x":1e400}}"#,
            r#"{"type":"message_stop"}"#,
        ];
        let mut bytes = wrapped(&events);
        let want = format!(
            "event: message_start\ndata: {}\n\nevent: message_stop\ndata: {}\n\n",
            events[0], events[1]
        );
        for size in [1, 7, 1 << 20] {
            let stream = Unwrap::new(pieces(&bytes, size), Wrapping::Chunks);
            assert_eq!(all(stream).await, (want.clone(), false));
        }
        bytes.pop();
        let (text, failed) = all(Unwrap::new(pieces(&bytes, 1 << 20), Wrapping::Chunks)).await;
        assert!(failed && text.ends_with("}}\n\n"), "{text}");
    }

    #[tokio::test]
    async fn exceptions_become_events_that_callers_know() {
        let mut bytes = wrapped(&[r#"{"type":"ping"}"#]);
        write_frame(
            "throttlingException",
            true,
            br#"{"message":"slow"}"#,
            &mut bytes,
        );
        let (text, _) = all(Unwrap::new(pieces(&bytes, 9), Wrapping::Chunks)).await;
        assert!(
            text.ends_with(
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n"
            ),
            "{text}"
        );
    }

    #[tokio::test]
    async fn parts_are_joined_as_they_are() {
        let mut bytes = Vec::new();
        write_frame("PayloadPart", false, b"data: {\"a\"", &mut bytes);
        write_frame("PayloadPart", false, b":1}\n\n", &mut bytes);
        let (text, failed) = all(Unwrap::new(pieces(&bytes, 5), Wrapping::Parts)).await;
        assert_eq!((text.as_str(), failed), ("data: {\"a\":1}\n\n", false));
    }

    #[tokio::test]
    async fn only_complete_streams_get_an_end() {
        let said =
            "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
        let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let done = "data: [DONE]\n\n";
        for (text, want) in [
            (format!("{said}{stop}"), format!("{said}{stop}{done}")),
            (format!("{said}{stop}{done}"), format!("{said}{stop}{done}")),
            (said.to_owned(), said.to_owned()),
            (
                format!("{said}{}", stop.trim_end()),
                format!("{said}{}\n\n{done}", stop.trim_end()),
            ),
            (
                format!("{said}{}", &stop[..40]),
                format!("{said}{}", &stop[..40]),
            ),
        ] {
            for size in [1, 11, 1 << 20] {
                let (got, _) = all(Done::new(pieces(text.as_bytes(), size))).await;
                assert_eq!(got, want);
            }
        }
    }
}
