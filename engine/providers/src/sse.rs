//! Server-sent events, incrementally and byte exact.
//!
//! The splitter cuts a byte stream into events without changing a byte: the `raw` bytes of all
//! events together are the stream. Line ends may be `\n`, `\r\n` or `\r`; a byte order mark at the
//! start and comment lines are tolerated, as the WHATWG HTML standard (section "Server-sent
//! events") asks.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// An event may not be longer than this, in bytes: 16 MiB.
pub const LONGEST_EVENT: usize = 16 * 1024 * 1024;

/// An event grew beyond [`LONGEST_EVENT`] without ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {LONGEST_EVENT} bytes")]
pub struct EventTooLong;

/// One event, or a block of comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The exact bytes, the terminating blank line included.
    pub raw: Bytes,
    /// The last `event` field.
    pub event: Option<Bytes>,
    /// The `data` lines joined with `\n`; empty for comments. One line is a slice of `raw`.
    pub data: Bytes,
}

/// Cuts a byte stream into events, however the bytes were split on the way.
///
/// Call [`push`](Self::push) for each piece, take events by iterating until `None`, and
/// [`finish`](Self::finish) at the end of the stream.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// The head of an event whose end has not arrived; everything in `fresh` comes after it.
    pending: BytesMut,
    /// The piece that arrived last, as long as no event crosses its start.
    fresh: Bytes,
    /// How much of the unread bytes is known to hold no event end.
    scanned: usize,
    /// Where the line that `scanned` stands in starts.
    line: usize,
    /// True once the first event was taken: a byte order mark can no longer come.
    begun: bool,
}

impl SseSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece of the stream.
    ///
    /// # Errors
    /// [`EventTooLong`] when the event under way, together with this piece, is longer than
    /// [`LONGEST_EVENT`]. The stream cannot be continued then.
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

    /// What is left at the end of the stream: an event without its blank line still counts.
    pub fn finish(&mut self) -> Option<SseEvent> {
        if let Some(event) = self.next() {
            return Some(event);
        }
        let rest = self.take(self.unread().len());
        (!rest.is_empty()).then(|| self.event(rest))
    }

    fn unread(&self) -> &[u8] {
        if self.pending.is_empty() {
            &self.fresh
        } else {
            &self.pending
        }
    }

    fn take(&mut self, len: usize) -> Bytes {
        self.scanned = 0;
        self.line = 0;
        if self.pending.is_empty() {
            self.fresh.split_to(len)
        } else {
            self.pending.split_to(len).freeze()
        }
    }

    /// Where the first event ends, blank line included.
    fn boundary(&mut self) -> Option<usize> {
        let Self {
            pending,
            fresh,
            scanned,
            line,
            begun,
        } = self;
        let bytes: &[u8] = if pending.is_empty() { fresh } else { pending };
        loop {
            let rest = bytes.get(*scanned..).unwrap_or_default();
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                *scanned = bytes.len();
                return None;
            };
            let end = *scanned + found;
            let next = match (bytes.get(end), bytes.get(end + 1)) {
                (Some(b'\r'), Some(b'\n')) => end + 2,
                // Whether a line feed belongs to it is known only with the next byte.
                (Some(b'\r'), None) => {
                    *scanned = end;
                    return None;
                }
                _ => end + 1,
            };
            let start = if *begun {
                *line
            } else {
                skip_mark(bytes, *line)
            };
            *scanned = next;
            *line = next;
            if start >= end {
                return Some(next);
            }
        }
    }

    fn event(&mut self, raw: Bytes) -> SseEvent {
        let start = if self.begun { 0 } else { skip_mark(&raw, 0) };
        self.begun = true;
        parse(raw, start)
    }
}

impl Iterator for SseSplitter {
    type Item = SseEvent;

    /// The next complete event; `None` until more bytes arrive.
    fn next(&mut self) -> Option<SseEvent> {
        let end = self.boundary()?;
        let raw = self.take(end);
        Some(self.event(raw))
    }
}

/// The offset behind a byte order mark at the very start.
fn skip_mark(bytes: &[u8], at: usize) -> usize {
    if at == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        at
    }
}

fn parse(raw: Bytes, start: usize) -> SseEvent {
    let mut event = None;
    let mut data: Option<std::ops::Range<usize>> = None;
    let mut joined: Option<BytesMut> = None;
    let mut at = start;
    while at < raw.len() {
        let end = memchr2(b'\n', b'\r', &raw[at..]).map_or(raw.len(), |found| at + found);
        if let Some(value) = field(&raw, at..end, b"data") {
            match (&mut joined, data.take()) {
                (Some(all), _) => {
                    all.extend_from_slice(b"\n");
                    all.extend_from_slice(&raw[value]);
                }
                (None, Some(first)) => {
                    let mut all = BytesMut::from(&raw[first]);
                    all.extend_from_slice(b"\n");
                    all.extend_from_slice(&raw[value]);
                    joined = Some(all);
                }
                (None, None) => data = Some(value),
            }
        } else if let Some(value) = field(&raw, at..end, b"event") {
            event = Some(value);
        }
        at = end + 1;
    }
    SseEvent {
        event: event.map(|range| raw.slice(range)),
        data: match (joined, data) {
            (Some(all), _) => all.freeze(),
            (None, Some(range)) => raw.slice(range),
            (None, None) => Bytes::new(),
        },
        raw,
    }
}

/// The value of the field called `name` on this line, without the one optional space.
fn field(raw: &[u8], line: std::ops::Range<usize>, name: &[u8]) -> Option<std::ops::Range<usize>> {
    let rest = raw.get(line.clone())?.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(line.end..line.end);
    }
    let value = rest.strip_prefix(b":")?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    Some(line.end - value.len()..line.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let mut splitter = SseSplitter::new();
        let mut events = Vec::new();
        for piece in pieces {
            splitter.push(Bytes::copy_from_slice(piece)).unwrap();
            events.extend(&mut splitter);
        }
        events.extend(std::iter::from_fn(|| splitter.finish()));
        events
    }

    fn shape(event: &SseEvent) -> (Option<&str>, &str) {
        let name = event
            .event
            .as_ref()
            .map(|name| std::str::from_utf8(name).unwrap());
        (name, std::str::from_utf8(&event.data).unwrap())
    }

    #[test]
    fn events_keep_their_fields_and_their_bytes() {
        let text = b"\xef\xbb\xbf: hi\n\nevent: a\ndata: 1\ndata:2\ndata\n\ndata:  x\r\n\r\nid: 7\rdata: y\r\rdata: end";
        let events = all(&[text]);
        let shapes: Vec<_> = events.iter().map(shape).collect();
        assert_eq!(
            shapes,
            [
                (None, ""),
                (Some("a"), "1\n2\n"),
                (None, " x"),
                (None, "y"),
                (None, "end")
            ]
        );
        let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(raw, text);
    }

    #[test]
    fn an_event_of_one_line_is_not_copied() {
        let piece = Bytes::from_static(b"data: abc\n\n");
        let mut splitter = SseSplitter::new();
        splitter.push(piece.clone()).unwrap();
        let event = splitter.next().unwrap();
        assert_eq!(event.data.as_ptr(), piece[6..].as_ptr());
        assert!(splitter.next().is_none());
        assert!(splitter.finish().is_none());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = SseSplitter::new();
        let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
        let mut pushed = 0;
        while splitter.push(piece.clone()).is_ok() {
            assert!(splitter.next().is_none());
            pushed += 1;
            assert!(pushed <= 16);
        }
        assert_eq!(pushed, 16);
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_how_bytes_are_split(
            text in "(\u{feff})?(data: a|data|event: e|: c|\r|\n|\r\n|é){0,24}",
            cuts in prop::collection::vec(0usize..60, 0..8),
        ) {
            let bytes = text.as_bytes();
            let whole = all(&[bytes]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&all(&pieces), &whole);
            let single: Vec<_> = bytes.chunks(1).collect();
            prop_assert_eq!(&all(&single), &whole);
            let raw: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
            prop_assert_eq!(raw, bytes);
        }
    }
}
