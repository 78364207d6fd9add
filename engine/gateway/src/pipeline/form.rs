//! The fields of a `multipart/form-data` body (RFC 7578), found without taking the body apart.

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;
use smallvec::smallvec;
use tidegate_types::{Segments, body::Edit};

/// A form of more parts is not looked through to its end.
const MOST_PARTS: usize = 256;

/// A longer head of a part is none.
const LONGEST_HEAD: usize = 16 * 1024;

/// Where the value of the first field called `name` stands in `body`, which is not copied for that.
pub(crate) fn field(
    body: &Segments,
    content_type: &HeaderValue,
    name: &str,
) -> Option<Range<usize>> {
    let boundary = boundary(content_type.to_str().ok()?)?;
    let line = [b"--", boundary.as_bytes()].concat();
    let mut at = find(body, &line, 0)? + line.len();
    for _ in 0..MOST_PARTS {
        if &*body.slice(at..at + 2) == b"--" {
            return None;
        }
        let head = find(body, b"\r\n\r\n", at)?;
        let start = head + 4;
        let next = find(body, &line, start)?;
        if head - at <= LONGEST_HEAD && names(&body.slice(at..head), name) {
            let end = next.checked_sub(2).filter(|end| *end >= start)?;
            return Some(start..end);
        }
        at = next + line.len();
    }
    None
}

/// A field more, in front of all others.
pub(crate) fn with_field(
    body: &Segments,
    content_type: &HeaderValue,
    name: &str,
    value: &str,
) -> Option<Segments> {
    let boundary = boundary(content_type.to_str().ok()?)?;
    let line = ["--", boundary].concat();
    let at = find(body, line.as_bytes(), 0)?;
    let part =
        format!("{line}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let edit = Edit {
        range: at..at,
        with: Bytes::from(part),
    };
    Some(body.splice(smallvec![edit]))
}

/// The first place of `needle` at or behind `from`.
fn find(body: &Segments, needle: &[u8], from: usize) -> Option<usize> {
    let finder = memmem::Finder::new(needle);
    let overlap = needle.len().saturating_sub(1);
    let mut start = 0;
    // What a match may begin with that ends in the next segment.
    let mut tail: Vec<u8> = Vec::new();
    for part in body.parts() {
        let end = start + part.len();
        if end > from {
            let skip = from.saturating_sub(start);
            let part = &part[skip..];
            let before = tail.len();
            tail.extend_from_slice(&part[..part.len().min(overlap)]);
            if let Some(at) = finder.find(&tail) {
                return Some(start + skip + at - before);
            }
            if let Some(at) = finder.find(part) {
                return Some(start + skip + at);
            }
            if part.len() >= overlap {
                tail.clear();
                tail.extend_from_slice(&part[part.len() - overlap..]);
            } else {
                tail.drain(..tail.len().saturating_sub(overlap));
            }
        }
        start = end;
    }
    None
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

/// Whether the headers of a part are those of the field called `name`.
fn names(head: &[u8], name: &str) -> bool {
    let Ok(head) = std::str::from_utf8(head) else {
        return false;
    };
    head.split("\r\n").any(|line| {
        let disposition = line
            .split_once(':')
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case("content-disposition"));
        disposition.is_some_and(|(_, value)| {
            value.split(';').any(|part| {
                part.trim()
                    .strip_prefix("name=")
                    .is_some_and(|value| value.trim_matches('"') == name)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Segments {
        Segments::from(text.as_bytes().to_vec())
    }

    #[test]
    fn a_field_is_found_among_files() {
        let body = "--x y\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
                    content-type: audio/wav\r\n\r\nRIFF\r\n--x\r\n\r\n--x y\r\nContent-Disposition: \
                    form-data; name=\"model\"\r\n\r\nfast\r\n--x y--\r\n";
        let kind = HeaderValue::from_static("multipart/form-data; boundary=\"x y\"");
        let found = field(&whole(body), &kind, "model").unwrap();
        assert_eq!(&body[found.clone()], "fast");
        assert_eq!(field(&whole(body), &kind, "prompt"), None);
        for cut in 0..body.len() {
            let _ = field(&whole(&body[..cut]), &kind, "model");
            let (front, back) = body.as_bytes().split_at(cut);
            let halves: Segments = [front, back]
                .into_iter()
                .map(Bytes::copy_from_slice)
                .collect();
            assert_eq!(field(&halves, &kind, "model"), Some(found.clone()), "{cut}");
        }
        let bytes = body.bytes().map(|byte| Bytes::copy_from_slice(&[byte]));
        let single: Segments = bytes.collect();
        assert_eq!(field(&single, &kind, "model"), Some(found));
        let other = HeaderValue::from_static("application/json");
        assert_eq!(field(&whole(body), &other, "model"), None);
    }

    #[test]
    fn a_field_is_added_in_front() {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=b");
        let body =
            whole("--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n");
        let more = with_field(&body, &kind, "model", "m").unwrap();
        let place = field(&more, &kind, "model").unwrap();
        assert_eq!(&*more.slice(place), b"m");
        let place = field(&more, &kind, "file").unwrap();
        assert_eq!(&*more.slice(place), b"x");
    }
}
