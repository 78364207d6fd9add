//! AWS event streams, incrementally and byte exact.
//!
//! The framing of `application/vnd.amazon.eventstream`: a length, headers, a payload and two
//! checksums ("Amazon event stream encoding" in the AWS documentation). The splitter gives the same
//! events as the one for server-sent events, so that taps and translators need not know how a
//! stream was framed. [`Splitter`] is either of the two, by dialect.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::{
    event_stream::{Header, HeaderValue, Message},
    str_bytes::StrBytes,
};
use bytes::{Bytes, BytesMut};
use tidegate_types::{Dialect, chat::write::Object};

use crate::{
    dialect::codec::Framing,
    sse::{EventTooLong, LONGEST_EVENT, SseEvent, SseSplitter},
};

/// Media type of a stream in this framing.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Total length, length of the headers, checksum of the two: four bytes each.
const PRELUDE: usize = 12;

/// A prelude and the checksum of the whole.
const SHORTEST_FRAME: usize = PRELUDE + 4;

/// Why a stream cannot be cut into events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// An event has no end, or one too far away.
    #[error(transparent)]
    TooLong(#[from] EventTooLong),
    /// A frame is damaged: its lengths, its headers or one of its checksums.
    #[error("a frame of the event stream is damaged: {0}")]
    Damaged(String),
}

/// Cuts a stream into events, in the framing of a dialect.
#[derive(Debug)]
#[non_exhaustive]
pub enum Splitter {
    /// Server-sent events.
    Sse(SseSplitter),
    /// An AWS event stream.
    EventStream(FrameSplitter),
}

impl Splitter {
    /// A splitter at the start of a stream in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        match crate::dialect::framing(dialect) {
            Framing::Sse => Self::Sse(SseSplitter::new()),
            Framing::EventStream => Self::EventStream(FrameSplitter::new()),
        }
    }

    /// Adds the next piece of the stream.
    ///
    /// # Errors
    /// [`SplitError::TooLong`] when the event under way, together with this piece, is longer than
    /// [`LONGEST_EVENT`]. The stream cannot be continued then.
    pub fn push(&mut self, piece: Bytes) -> Result<(), SplitError> {
        match self {
            Self::Sse(splitter) => Ok(splitter.push(piece)?),
            Self::EventStream(splitter) => Ok(splitter.push(piece)?),
        }
    }

    /// True when every byte so far has been given out in an event.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sse(splitter) => splitter.is_empty(),
            Self::EventStream(splitter) => splitter.is_empty(),
        }
    }

    /// What is left at the end of the stream, if that is an event: one of server-sent events without
    /// its blank line is, a part of a frame is not.
    pub fn finish(&mut self) -> Option<SseEvent> {
        match self {
            Self::Sse(splitter) => splitter.finish(),
            Self::EventStream(splitter) => splitter.next(),
        }
    }

    /// Why no more events will come, however many bytes do: ask when there is no next event.
    pub fn fault(&self) -> Option<&SplitError> {
        match self {
            Self::Sse(_) => None,
            Self::EventStream(splitter) => splitter.fault.as_ref(),
        }
    }
}

impl Iterator for Splitter {
    type Item = SseEvent;

    /// The next complete event; `None` until more bytes arrive, and after a [`fault`](Self::fault).
    fn next(&mut self) -> Option<SseEvent> {
        match self {
            Self::Sse(splitter) => splitter.next(),
            Self::EventStream(splitter) => splitter.next(),
        }
    }
}

/// Cuts a byte stream into frames, however the bytes were split on the way. Checksums are checked.
#[derive(Debug, Default)]
pub struct FrameSplitter {
    /// The head of a frame whose end has not arrived; everything in `fresh` comes after it.
    pending: BytesMut,
    /// The piece that arrived last, as long as no frame crosses its start.
    fresh: Bytes,
    pub(crate) fault: Option<SplitError>,
}

impl FrameSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece of the stream.
    ///
    /// # Errors
    /// [`EventTooLong`] when the frame under way, together with this piece, is longer than
    /// [`LONGEST_EVENT`].
    pub fn push(&mut self, piece: Bytes) -> Result<(), EventTooLong> {
        let held = self.pending.len() + self.fresh.len();
        if held == 0 {
            self.fresh = piece;
            return Ok(());
        }
        if held + piece.len() > LONGEST_EVENT {
            return Err(EventTooLong);
        }
        if !self.fresh.is_empty() {
            self.pending.extend_from_slice(&self.fresh);
            self.fresh.clear();
        }
        self.pending.extend_from_slice(&piece);
        Ok(())
    }

    /// True when every byte so far has been given out in an event.
    pub fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    fn unread(&self) -> &[u8] {
        if self.pending.is_empty() {
            &self.fresh
        } else {
            &self.pending
        }
    }

    /// The length of the first frame, once its prelude is there. A wrong prelude is found here, so
    /// that a body which is no event stream at all does not wait for bytes that never come.
    fn length(&self) -> Result<Option<usize>, SplitError> {
        let Some(prelude) = self.unread().get(..PRELUDE) else {
            return Ok(None);
        };
        let total = word(prelude, 0) as usize;
        let headers = word(prelude, 4) as usize;
        if total > LONGEST_EVENT {
            return Err(EventTooLong.into());
        }
        if total < SHORTEST_FRAME || headers > total - SHORTEST_FRAME {
            return Err(SplitError::Damaged("impossible lengths".to_owned()));
        }
        Ok(Some(total))
    }

    fn take(&mut self) -> Result<Option<SseEvent>, SplitError> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        if self.unread().len() < length {
            return Ok(None);
        }
        let raw = if self.pending.is_empty() {
            self.fresh.split_to(length)
        } else {
            self.pending.split_to(length).freeze()
        };
        let message = read_message_from(raw.clone())
            .map_err(|error| SplitError::Damaged(error.to_string()))?;
        Ok(Some(event(raw, &message)))
    }
}

impl Iterator for FrameSplitter {
    type Item = SseEvent;

    fn next(&mut self) -> Option<SseEvent> {
        if self.fault.is_some() {
            return None;
        }
        match self.take() {
            Ok(event) => event,
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}

/// Name of an event that stands for an error without a modelled exception.
pub(crate) const ERROR: &str = "error";

fn event(raw: Bytes, message: &Message) -> SseEvent {
    let header = |name: &str| {
        let found = message
            .headers()
            .iter()
            .find(|header| header.name().as_str() == name)?;
        found.value().as_string().ok().map(StrBytes::as_str)
    };
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let (event, data) = match header(":message-type") {
        // An error that the service did not model has its words in the headers.
        Some("error") => {
            let mut data = Vec::new();
            let mut object = Object::open(&mut data);
            object
                .str("message", header(":error-message").unwrap_or_default())
                .str("code", header(":error-code").unwrap_or_default());
            object.close();
            (Some(bytes(ERROR)), data.into())
        }
        Some("exception") => (
            header(":exception-type").map(bytes),
            message.payload().clone(),
        ),
        _ => (header(":event-type").map(bytes), message.payload().clone()),
    };
    SseEvent { raw, event, data }
}

/// Appends a frame with a JSON payload. `exception` says what kind `name` is.
pub fn write_frame(name: &str, exception: bool, payload: &[u8], out: &mut Vec<u8>) {
    let text = |value: &str| HeaderValue::String(value.to_owned().into());
    let (kind, message_type) = if exception {
        (":exception-type", "exception")
    } else {
        (":event-type", "event")
    };
    let headers = vec![
        Header::new(kind, text(name)),
        Header::new(":content-type", text("application/json")),
        Header::new(":message-type", text(message_type)),
    ];
    let message = Message::new_from_parts(headers, Bytes::copy_from_slice(payload));
    let start = out.len();
    // Only names of 32 KiB or payloads of 4 GiB do not fit; half a frame would spoil the stream.
    if write_message_to(&message, out).is_err() {
        out.truncate(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> (Vec<SseEvent>, FrameSplitter) {
        let mut splitter = FrameSplitter::new();
        let mut events = Vec::new();
        for piece in pieces {
            if splitter.push(Bytes::copy_from_slice(piece)).is_err() {
                break;
            }
            events.extend(&mut splitter);
        }
        (events, splitter)
    }

    fn stream() -> Vec<u8> {
        let mut out = Vec::new();
        write_frame("messageStart", false, br#"{"role":"assistant"}"#, &mut out);
        write_frame("ping", false, b"", &mut out);
        write_frame(
            "throttlingException",
            true,
            br#"{"message":"slow"}"#,
            &mut out,
        );
        out
    }

    /// The bytes were put together by hand, with a CRC of another making.
    #[test]
    fn frames_are_what_the_format_asks_for() {
        let mut out = Vec::new();
        write_frame("e", false, b"{}", &mut out);
        let bytes: &[u8] = b"\x00\x00\x00Y\x00\x00\x00G\xb8\x99\xa6\xe0\x0b:event-type\x07\x00\x01e\x0d:content-type\x07\x00\x10application/json\x0d:message-type\x07\x00\x05event{}Ku\xab\xba";
        assert_eq!(out, bytes);
    }

    #[test]
    fn events_carry_name_payload_and_their_exact_bytes() {
        let bytes = stream();
        let (events, splitter) = split(&[&bytes]);
        let shapes: Vec<_> = events
            .iter()
            .map(|event| (event.event.as_deref().unwrap(), event.data.as_ref()))
            .collect();
        assert_eq!(
            shapes,
            [
                (&b"messageStart"[..], &br#"{"role":"assistant"}"#[..]),
                (b"ping", b""),
                (b"throttlingException", br#"{"message":"slow"}"#),
            ]
        );
        let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(raw, bytes);
        assert!(splitter.is_empty() && splitter.fault.is_none());
    }

    #[test]
    fn an_error_without_a_class_has_its_words_in_the_headers() {
        let text = |value: &str| HeaderValue::String(value.to_owned().into());
        let message = Message::new_from_parts(
            vec![
                Header::new(":message-type", text("error")),
                Header::new(":error-code", text("InternalFailure")),
                Header::new(":error-message", text("it \"broke\"")),
            ],
            Bytes::new(),
        );
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).unwrap();
        let (events, _) = split(&[&bytes]);
        assert_eq!(events[0].event.as_deref(), Some(ERROR.as_bytes()));
        assert_eq!(
            events[0].data,
            &br#"{"message":"it \"broke\"","code":"InternalFailure"}"#[..]
        );
    }

    #[test]
    fn every_split_gives_the_same_events() {
        let bytes = stream();
        let whole = split(&[&bytes]).0;
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(split(&[head, tail]).0, whole, "cut at {cut}");
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(split(&single).0, whole);
    }

    #[test]
    fn damage_is_noticed_and_what_came_before_is_given_out() {
        let bytes = stream();
        let first = split(&[&bytes]).0[0].raw.len();
        for at in first..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let (events, splitter) = split(&[&damaged]);
            assert!(!events.is_empty(), "byte {at}");
            assert!(events.len() < 3, "byte {at}");
            assert!(
                splitter.fault.is_some() || !splitter.is_empty(),
                "byte {at}"
            );
        }
        let (events, splitter) = split(&[b"<html>Bad Gateway</html>"]);
        assert!(events.is_empty());
        assert_eq!(splitter.fault, Some(EventTooLong.into()));
    }

    #[test]
    fn an_endless_frame_is_refused() {
        let mut head = Vec::new();
        head.extend_from_slice(&(LONGEST_EVENT as u32).to_be_bytes());
        let mut splitter = FrameSplitter::new();
        splitter.push(head.into()).unwrap();
        let piece = Bytes::from(vec![0; 1024 * 1024]);
        let mut pushed = 0;
        while splitter.push(piece.clone()).is_ok() {
            assert!(splitter.next().is_none());
            pushed += 1;
            assert!(pushed <= 16);
        }
        assert_eq!(pushed, 15);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            noise in prop::collection::vec(any::<u8>(), 0..80),
            headers in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            split(&[&noise]);
            // Right lengths and checksums around headers that are nonsense.
            let mut frame = Vec::new();
            frame.extend_from_slice(&(headers.len() as u32 + 18).to_be_bytes());
            frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
            frame.extend_from_slice(&checksum(&frame).to_be_bytes());
            frame.extend_from_slice(&headers);
            frame.extend_from_slice(b"{}");
            frame.extend_from_slice(&checksum(&frame).to_be_bytes());
            let (events, splitter) = split(&[&frame]);
            prop_assert!(events.len() == 1 || splitter.fault.is_some());
        }
    }

    /// CRC-32 as in ISO 3309, bit by bit.
    fn checksum(bytes: &[u8]) -> u32 {
        let mut rest = u32::MAX;
        for byte in bytes {
            rest ^= u32::from(*byte);
            for _ in 0..8 {
                rest = (rest >> 1) ^ (0xedb8_8320 & (rest & 1).wrapping_neg());
            }
        }
        !rest
    }
}
