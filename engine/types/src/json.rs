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

/// The body with each of these members set; every other byte stays.
///
/// # Errors
/// [`JsonError`] for what is no JSON object.
pub fn with_members(body: &Segments, members: &[(String, Bytes)]) -> Result<Segments, JsonError> {
    let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    let outline = Outline::of(body, &keys)?;
    let mut splicer = Splicer::new(&outline);
    for (key, value) in members {
        splicer.set(key, value.clone());
    }
    Ok(splicer.apply(body))
}

/// The body without one of the members of its outermost object; every other byte stays.
pub fn without(body: &Segments, member: &Member) -> Segments {
    let bytes = body.to_bytes();
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let before = |end: usize| bytes[..end].iter().rposition(|byte| !blank(byte));
    let cut = || {
        let colon = before(member.value.start)?;
        let quote = before(colon)?;
        // A quote inside the key has a backslash in front of it.
        let inner = |at: &usize| {
            bytes[..*at]
                .iter()
                .rev()
                .take_while(|b| **b == b'\\')
                .count()
                % 2
                == 1
        };
        let start = (0..quote)
            .rev()
            .find(|at| bytes[*at] == b'"' && !inner(at))?;
        let outside = before(start)?;
        if bytes[outside] == b',' {
            return Some(outside..member.value.end);
        }
        let rest = &bytes[member.value.end..];
        let next = rest.iter().position(|byte| !blank(byte))?;
        let comma = usize::from(rest[next] == b',') * (next + 1);
        Some(start..member.value.end + comma)
    };
    let Some(range) = cut() else {
        return body.clone();
    };
    let mut left = Segments::new();
    left.push(bytes.slice(..range.start));
    left.push(bytes.slice(range.end..));
    left
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_goes_with_its_comma_and_nothing_else() {
        for (body, left) in [
            (r#"{"a":1,"x":[1, 2],"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{ "x" : {"y":1} , "b":2}"#, r#"{  "b":2}"#),
            (r#"{"b":2 , "x":"z" }"#, r#"{"b":2  }"#),
            (r#"{"x":null}"#, "{}"),
            (r#"{"a\\":1,"\u0078":3}"#, r#"{"a\\":1}"#),
        ] {
            let body = Segments::from(body.as_bytes().to_vec());
            let outline = Outline::of(&body, &["x"]).unwrap();
            let member = outline.last("x").unwrap();
            assert_eq!(without(&body, member).to_bytes(), left.as_bytes());
        }
    }
}
