//! The fields of a `multipart/form-data` body (RFC 7578), found while it passes, in whatever pieces.

use std::{mem, ops::Range};

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem::Finder;
use smallvec::smallvec;
use tidegate_types::{Segments, body::Edit};

/// A form of more parts is not looked through to its end.
const MOST_PARTS: usize = 256;

/// A longer head of a part is none.
const LONGEST_HEAD: usize = 16 * 1024;

/// A longer value belongs to a file, or to nothing that is of interest here.
const LONGEST_VALUE: usize = 16 * 1024;

/// Looked at together.
const PIECE: usize = 64 * 1024;

/// A field that is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Where the value stands in the body.
    pub(crate) place: Range<u64>,
}

/// What was seen of a form.
#[derive(Debug)]
pub(crate) struct Form {
    /// What every part begins with: two dashes and the boundary.
    line: Vec<u8>,
    fields: Vec<Field>,
    parts: usize,
    /// Where the first part begins.
    start: Option<u64>,
    state: State,
    /// Bytes that could not be judged yet, and where they stand.
    left: Vec<u8>,
    at: u64,
}

#[derive(Debug)]
enum State {
    /// In a part, or before the first; with the name of the field whose value this is, and where it
    /// begins.
    Within(Option<(String, u64)>),
    /// Behind a boundary.
    Head,
    /// Behind the last one.
    Over,
}

impl Form {
    /// A form of this type, nothing of it seen. `None` for other types.
    pub(crate) fn new(content_type: &HeaderValue) -> Option<Self> {
        let boundary = boundary(content_type.to_str().ok()?)?;
        Some(Self {
            line: [b"--", boundary.as_bytes()].concat(),
            fields: Vec::new(),
            parts: 0,
            start: None,
            state: State::Within(None),
            left: Vec::new(),
            at: 0,
        })
    }

    /// Sees what stands in `body`, up to the field called `until`.
    pub(crate) fn see(&mut self, body: &Segments, until: Option<&str>) {
        for piece in body.parts().iter().flat_map(|part| part.chunks(PIECE)) {
            self.feed(piece);
            if self.is_over() || until.is_some_and(|name| self.get(name).is_some()) {
                break;
            }
        }
    }

    /// Sees the next bytes.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        let mut left = mem::take(&mut self.left);
        left.extend_from_slice(piece);
        let used = self.judge(&left);
        left.drain(..used);
        self.at += used as u64;
        self.left = left;
    }

    /// Whether nothing more can be found.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A body with a field more, in front of all others.
    pub(crate) fn with_field(&self, body: &Segments, name: &str, value: &str) -> Option<Segments> {
        let at = usize::try_from(self.start?).ok()?;
        let mut part = self.line.clone();
        let text =
            format!("\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        part.extend_from_slice(text.as_bytes());
        let edit = Edit {
            range: at..at,
            with: Bytes::from(part),
        };
        Some(body.splice(smallvec![edit]))
    }

    /// Goes as far as `bytes`, which begin at `self.at`, allow; says how many are done with.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        let line = Finder::new(&self.line).into_owned();
        loop {
            let rest = &bytes[done..];
            match &self.state {
                State::Over => return bytes.len(),
                State::Head if rest.len() < 2 => return done,
                State::Head if rest.starts_with(b"--") || self.parts > MOST_PARTS => {
                    self.state = State::Over;
                }
                State::Head => {
                    let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
                        if rest.len() > LONGEST_HEAD {
                            self.state = State::Within(None);
                        }
                        return done;
                    };
                    done += end + 4;
                    let name = field_name(&rest[..end]);
                    let start = self.at + done as u64;
                    self.state = State::Within(name.map(|name| (name, start)));
                }
                State::Within(field) => {
                    let Some(found) = line.find(rest) else {
                        let short = rest.len() <= LONGEST_VALUE;
                        if field.is_some() && short {
                            return done;
                        }
                        self.state = State::Within(None);
                        // The end may be the beginning of a boundary.
                        return bytes.len() - rest.len().min(self.line.len() - 1);
                    };
                    if self.start.is_none() {
                        self.start = Some(self.at + (done + found) as u64);
                    }
                    let value = found.checked_sub(2).and_then(|end| rest.get(..end));
                    let value = value.and_then(|value| std::str::from_utf8(value).ok());
                    if let (Some((name, start)), Some(value)) = (field, value) {
                        self.fields.push(Field {
                            name: name.clone(),
                            value: value.to_owned(),
                            place: *start..*start + value.len() as u64,
                        });
                    }
                    done += found + self.line.len();
                    self.parts += 1;
                    self.state = State::Head;
                }
            }
        }
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';');
    if !parts
        .next()?
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    parts.find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        let value = value.trim_matches('"');
        (key.eq_ignore_ascii_case("boundary") && !value.is_empty()).then_some(value)
    })
}

/// The name of the field that a part with these headers holds; `None` for a file.
fn field_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let is_it = key.trim().eq_ignore_ascii_case("content-disposition");
        is_it.then_some(value)
    })?;
    let mut name = None;
    for part in disposition.split(';') {
        let part = part.trim();
        if part.starts_with("filename") {
            return None;
        }
        if let Some(value) = part.strip_prefix("name=") {
            name = Some(value.trim_matches('"').to_owned());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--x y\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
                        content-type: audio/wav\r\n\r\nRIFF\r\n--x\r\n\r\n--x y\r\nContent-Disposition: \
                        form-data; name=\"model\"\r\n\r\nfast\r\n--x y\r\ncontent-disposition: form-data; \
                        name=n\r\n\r\n2\r\n--x y--\r\n";

    fn seen(parts: &[&[u8]]) -> Form {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=\"x y\"");
        let mut form = Form::new(&kind).unwrap();
        for part in parts {
            form.feed(part);
        }
        form
    }

    #[test]
    fn fields_are_found_among_files_wherever_the_body_is_cut() {
        let whole = seen(&[BODY.as_bytes()]);
        let model = whole.get("model").unwrap();
        assert_eq!(model.value, "fast");
        let place =
            usize::try_from(model.place.start).unwrap()..usize::try_from(model.place.end).unwrap();
        assert_eq!(&BODY[place], "fast");
        assert_eq!(whole.get("n").unwrap().value, "2");
        assert_eq!(whole.get("file"), None);
        assert!(whole.is_over());
        for cut in 0..BODY.len() {
            let (front, back) = BODY.as_bytes().split_at(cut);
            assert_eq!(seen(&[front, back]).fields, whole.fields, "{cut}");
            seen(&[front]);
        }
        let single: Vec<&[u8]> = BODY.as_bytes().chunks(1).collect();
        assert_eq!(seen(&single).fields, whole.fields);
        assert!(Form::new(&HeaderValue::from_static("application/json")).is_none());
    }

    #[test]
    fn a_long_file_leaves_nothing_behind() {
        let mut form = seen(&[BODY.as_bytes().split_at(100).0]);
        for _ in 0..100 {
            form.feed(&vec![b'-'; PIECE]);
            assert!(form.left.len() < LONGEST_VALUE);
        }
        form.feed(BODY.split_at(100).1.as_bytes());
        assert_eq!(form.get("model").unwrap().value, "fast");
    }

    #[test]
    fn a_field_is_added_in_front() {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=b");
        let text = "--b\r\ncontent-disposition: form-data; name=\"user\"\r\n\r\nx\r\n--b--\r\n";
        let body = Segments::from(text.as_bytes().to_vec());
        let mut form = Form::new(&kind).unwrap();
        form.see(&body, None);
        let more = form.with_field(&body, "model", "m").unwrap();
        let mut form = Form::new(&kind).unwrap();
        form.see(&more, None);
        assert_eq!(form.get("model").unwrap().value, "m");
        assert_eq!(form.get("user").unwrap().value, "x");
    }
}
