//! Reading and splicing JSON bodies without building a value tree.
//!
//! [`Outline::of`] walks a body once, segment by segment, and notes where the members of the
//! outermost object stand. Nothing is decoded but the keys, so numbers such as `1e400`, duplicate
//! keys and unknown fields survive untouched. Nesting is counted, not recursed into.

mod outline;

pub use outline::{JsonError, Member, Outline};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::body::{Edit, Segments};

/// Edits of the outermost object of a body, applied in one pass.
#[derive(Debug)]
pub struct Splicer<'a> {
    outline: &'a Outline<'a>,
    edits: SmallVec<[Edit; 4]>,
    inserted: Vec<u8>,
}

impl<'a> Splicer<'a> {
    /// Starts with no edits.
    pub fn new(outline: &'a Outline<'a>) -> Self {
        Self {
            outline,
            edits: SmallVec::new(),
            inserted: Vec::new(),
        }
    }

    /// Gives every member called `key` the JSON text `value`; adds the member at the end of the
    /// object when there is none. `key` must be among the keys the outline was made with.
    ///
    /// All duplicates are replaced, so that no parser downstream can see another value.
    pub fn set(&mut self, key: &str, value: impl Into<Bytes>) -> &mut Self {
        let value = value.into();
        let mut found = false;
        for member in self.outline.all(key) {
            found = true;
            self.edits.push(Edit {
                range: member.value.clone(),
                with: value.clone(),
            });
        }
        if !found {
            if !(self.outline.is_empty() && self.inserted.is_empty()) {
                self.inserted.push(b',');
            }
            self.inserted.push(b'"');
            self.inserted.extend_from_slice(key.as_bytes());
            self.inserted.extend_from_slice(b"\":");
            self.inserted.extend_from_slice(&value);
        }
        self
    }

    /// Replaces bytes inside a value.
    pub fn edit(&mut self, edit: Edit) -> &mut Self {
        self.edits.push(edit);
        self
    }

    /// The body with every edit applied.
    pub fn apply(mut self, body: &Segments) -> Segments {
        if !self.inserted.is_empty() {
            let at = self.outline.tail();
            self.edits.push(Edit {
                range: at..at,
                with: Bytes::from(self.inserted),
            });
        }
        body.splice(self.edits)
    }
}

/// `text` as a JSON string with quotes.
pub fn quote(text: &str) -> Vec<u8> {
    // Serialising a string cannot fail; an empty string is the harmless way to satisfy the type.
    serde_json::to_vec(text).unwrap_or_else(|_| b"\"\"".to_vec())
}

/// The text of a JSON string literal, quotes included, or `None` when it is no valid one.
pub fn unquote(literal: &[u8]) -> Option<String> {
    serde_json::from_slice(literal).ok()
}
