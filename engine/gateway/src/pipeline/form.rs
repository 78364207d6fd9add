//! The fields of a `multipart/form-data` body (RFC 7578), found without taking the body apart.

use std::ops::Range;

use http::HeaderValue;
use memchr::memmem;

/// A form of more parts is not looked through to its end.
const MOST_PARTS: usize = 256;

/// Where the value of the first field called `name` stands in `body`.
pub(crate) fn field(body: &[u8], content_type: &HeaderValue, name: &str) -> Option<Range<usize>> {
    let boundary = boundary(content_type.to_str().ok()?)?;
    let line = [b"--", boundary.as_bytes()].concat();
    let finder = memmem::Finder::new(&line);
    let mut at = finder.find(body)? + line.len();
    for _ in 0..MOST_PARTS {
        let rest = body.get(at..)?;
        if rest.starts_with(b"--") {
            return None;
        }
        let head = memmem::find(rest, b"\r\n\r\n")?;
        let start = at + head + 4;
        let next = start + finder.find(body.get(start..)?)?;
        if names(rest.get(..head)?, name) {
            let end = next.checked_sub(2).filter(|end| *end >= start)?;
            return Some(start..end);
        }
        at = next + line.len();
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

    #[test]
    fn a_field_is_found_among_files() {
        let body = "--x y\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
                    content-type: audio/wav\r\n\r\nRIFF\r\n--x\r\n\r\n--x y\r\nContent-Disposition: \
                    form-data; name=\"model\"\r\n\r\nfast\r\n--x y--\r\n";
        let kind = HeaderValue::from_static("multipart/form-data; boundary=\"x y\"");
        let found = field(body.as_bytes(), &kind, "model").unwrap();
        assert_eq!(&body[found], "fast");
        assert_eq!(field(body.as_bytes(), &kind, "prompt"), None);
        for cut in 0..body.len() {
            let _ = field(&body.as_bytes()[..cut], &kind, "model");
        }
        let other = HeaderValue::from_static("application/json");
        assert_eq!(field(body.as_bytes(), &other, "model"), None);
    }
}
