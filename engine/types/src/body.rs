//! Request bodies as reference-counted segments.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// Up to this size a spliced body is copied into one buffer: one write is cheaper than several.
const FLATTEN_UP_TO: usize = 16 * 1024;

/// A body as it arrived: one segment per read, never merged, cheap to clone and to splice.
///
/// A large body stays in the buffers the network filled; replaying it to a second target costs
/// reference counts only.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    parts: SmallVec<[Bytes; 2]>,
    len: usize,
}

/// One replacement: the bytes of `range` give way to `with`. An empty range inserts.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Offsets into the body before any edit.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub with: Bytes,
}

impl Segments {
    /// An empty body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a segment at the end; empty ones are left out.
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push(part);
        }
    }

    /// Total length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The segments in order, none of them empty.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The segments by value.
    pub fn into_parts(self) -> SmallVec<[Bytes; 2]> {
        self.parts
    }

    /// The whole body as one buffer; copies only when there are several segments.
    pub fn to_bytes(&self) -> Bytes {
        match self.parts.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => {
                let mut whole = BytesMut::with_capacity(self.len);
                for part in many {
                    whole.extend_from_slice(part);
                }
                whole.freeze()
            }
        }
    }

    /// Merges the segments into one; each is let go once it is copied.
    pub fn flatten(&mut self) {
        if self.parts.len() > 1 {
            let mut whole = BytesMut::with_capacity(self.len);
            for part in std::mem::take(&mut self.parts) {
                whole.extend_from_slice(&part);
            }
            self.parts.push(whole.freeze());
        }
    }

    /// The bytes of `range`; borrowed when they lie in one segment. Out of range gives less.
    pub fn slice(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let mut start = 0;
        let mut gathered = Vec::new();
        for part in &self.parts {
            let end = start + part.len();
            if range.start < end && range.end > start {
                let from = range.start.saturating_sub(start);
                let to = range.end.min(end) - start;
                let piece = part.get(from..to).unwrap_or_default();
                if range.start >= start && range.end <= end {
                    return Cow::Borrowed(piece);
                }
                gathered.extend_from_slice(piece);
            }
            start = end;
        }
        Cow::Owned(gathered)
    }

    /// The body with `edits` applied. They are sorted here; overlapping ones are a caller's bug and
    /// the later one is left out. Bytes outside the ranges are the same bytes, not copies of them,
    /// unless the body is small enough that one buffer is cheaper to send.
    pub fn splice(&self, mut edits: SmallVec<[Edit; 4]>) -> Self {
        if edits.is_empty() {
            return self.clone();
        }
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut out = Self::new();
        let mut at = 0;
        for edit in edits {
            if edit.range.start < at || edit.range.end > self.len {
                continue;
            }
            self.copy_refs(at..edit.range.start, &mut out);
            out.push(edit.with);
            at = edit.range.end;
        }
        self.copy_refs(at..self.len, &mut out);
        if out.len <= FLATTEN_UP_TO {
            Self::from(out.to_bytes())
        } else {
            out
        }
    }

    fn copy_refs(&self, range: Range<usize>, out: &mut Self) {
        let mut start = 0;
        for part in &self.parts {
            let end = start + part.len();
            if range.start < end && range.end > start {
                let from = range.start.saturating_sub(start);
                let to = range.end.min(end) - start;
                out.push(part.slice(from..to));
            }
            start = end;
        }
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        let mut body = Self::new();
        body.push(bytes);
        body
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl FromIterator<Bytes> for Segments {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        let mut body = Self::new();
        for part in parts {
            body.push(part);
        }
        body
    }
}
