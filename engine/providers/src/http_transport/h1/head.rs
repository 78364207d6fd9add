//! Reading the head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use memchr::memchr;

use super::{Framing, Malformed};

/// A longer head is not read: 256 KiB.
const LONGEST: usize = 256 * 1024;

/// An answer may have this many header lines.
const MOST_HEADERS: usize = 256;

/// The head of a final answer.
#[derive(Debug)]
pub(in crate::http_transport) struct Head {
    pub(in crate::http_transport) status: StatusCode,
    pub(in crate::http_transport) headers: HeaderMap,
    pub(in crate::http_transport) framing: Framing,
    /// Whether the connection may be used again after the body.
    pub(in crate::http_transport) keep_alive: bool,
}

/// Takes the head of the final answer to a `method` request off `buffer`; `None` while it is not
/// complete. Interim answers before it (1xx) are skipped, but 101: what follows that is no HTTP. `scanned` remembers how much of `buffer`
/// holds no end; it starts at 0.
pub(in crate::http_transport) fn read(
    buffer: &mut BytesMut,
    scanned: &mut usize,
    method: &Method,
) -> Result<Option<Head>, Malformed> {
    loop {
        let Some(end) = end_of_head(buffer, scanned) else {
            if buffer.len() > LONGEST {
                return Err(Malformed("the answer's head is too long"));
            }
            return Ok(None);
        };
        *scanned = 0;
        let head = parse(&buffer.split_to(end).freeze(), method)?;
        let status = head.status;
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(head));
        }
    }
}

/// Where the empty line after the headers ends.
fn end_of_head(buffer: &[u8], scanned: &mut usize) -> Option<usize> {
    while let Some(found) = memchr(b'\n', buffer.get(*scanned..)?) {
        let after = *scanned + found + 1;
        match buffer.get(after..)? {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            // The rest of the line end has not arrived: look at this one again.
            [] | [b'\r'] => return None,
            _ => *scanned = after,
        }
    }
    None
}

fn parse(bytes: &Bytes, method: &Method) -> Result<Head, Malformed> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        bytes,
        &mut lines,
    );
    match parsed {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => {
            return Err(Malformed("the answer is not HTTP/1.1"));
        }
    }
    let status = StatusCode::from_u16(answer.code.unwrap_or(0))
        .map_err(|_| Malformed("the answer has no valid status"))?;
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    let mut facts = Facts {
        keep_alive: answer.version == Some(1),
        ..Facts::default()
    };
    for line in answer.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes())
            .map_err(|_| Malformed("the answer has an invalid header name"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value))
            .map_err(|_| Malformed("the answer has an invalid header value"))?;
        facts.note(&name, line.value)?;
        headers.append(name, value);
    }
    let framing = facts.framing(status, method);
    let keep_alive = facts.keep_alive && !facts.ambiguous && framing != Framing::UntilClose;
    Ok(Head {
        status,
        headers,
        framing,
        keep_alive,
    })
}

/// What the headers say about the connection and the body.
#[derive(Default)]
struct Facts {
    keep_alive: bool,
    length: Option<u64>,
    /// Some transfer encoding is named; true when `chunked` is the last.
    encoded: Option<bool>,
    /// Both a length and an encoding: someone on the way may see another end than we do.
    ambiguous: bool,
}

impl Facts {
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Malformed> {
        if *name == CONTENT_LENGTH {
            for part in value.split(|byte| *byte == b',') {
                let length = number(part.trim_ascii())
                    .ok_or(Malformed("the answer has an invalid content-length"))?;
                if self.length.is_some_and(|known| known != length) {
                    return Err(Malformed("the answer has two different lengths"));
                }
                self.length = Some(length);
            }
        } else if *name == TRANSFER_ENCODING {
            let last = value
                .rsplit(|byte| *byte == b',')
                .next()
                .unwrap_or_default();
            self.encoded = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        } else if *name == CONNECTION {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if option.eq_ignore_ascii_case(b"close") {
                    self.keep_alive = false;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    self.keep_alive = true;
                }
            }
        }
        self.ambiguous = self.encoded.is_some() && self.length.is_some();
        Ok(())
    }

    fn framing(&self, status: StatusCode, method: &Method) -> Framing {
        let bodiless = status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || status.is_informational();
        match (self.encoded, self.length) {
            _ if bodiless || *method == Method::HEAD => Framing::Empty,
            (Some(true), _) => Framing::Chunked,
            (Some(false), _) | (None, None) => Framing::UntilClose,
            (None, Some(0)) => Framing::Empty,
            (None, Some(length)) => Framing::Length(length),
        }
    }
}

/// A number in decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Head>, Malformed> {
        read(&mut BytesMut::from(text), &mut 0, &Method::POST)
    }

    fn framing(headers: &str) -> (Framing, bool) {
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let head = parse(&text).unwrap().unwrap();
        (head.framing, head.keep_alive)
    }

    #[test]
    fn head_is_read_whatever_pieces_it_comes_in() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
                    HTTP/1.1 201 Created\r\nA: 1\r\na:  2 \r\ncontent-length: 3\r\n\r\nbody";
        for at in 0..text.len() {
            let (mut buffer, mut scanned) = (BytesMut::from(&text[..at]), 0);
            let mut head = read(&mut buffer, &mut scanned, &Method::POST).unwrap();
            buffer.extend_from_slice(&text.as_bytes()[at..]);
            if head.is_none() {
                head = read(&mut buffer, &mut scanned, &Method::POST).unwrap();
            }
            let head = head.unwrap();
            assert_eq!(head.status, StatusCode::CREATED);
            assert_eq!(
                head.headers.get_all("a").iter().collect::<Vec<_>>(),
                ["1", "2"]
            );
            assert_eq!(head.framing, Framing::Length(3));
            assert_eq!(&buffer[..], b"body");
        }
    }

    #[test]
    fn end_of_the_body_is_found_as_rfc_9112_section_6_3_says() {
        for (headers, expected) in [
            ("content-length: 5\r\n", (Framing::Length(5), true)),
            ("content-length: 5, 5\r\n", (Framing::Length(5), true)),
            ("content-length: 0\r\n", (Framing::Empty, true)),
            ("Transfer-Encoding: Chunked\r\n", (Framing::Chunked, true)),
            (
                "transfer-encoding: gzip, chunked\r\n",
                (Framing::Chunked, true),
            ),
            ("transfer-encoding: gzip\r\n", (Framing::UntilClose, false)),
            (
                "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
                (Framing::Chunked, false),
            ),
            ("", (Framing::UntilClose, false)),
            (
                "content-length: 5\r\nconnection: x, Close\r\n",
                (Framing::Length(5), false),
            ),
        ] {
            assert_eq!(framing(headers), expected, "{headers:?}");
        }
        let old = parse("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n")
            .unwrap()
            .unwrap();
        assert!(!old.keep_alive);
        let none = parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((none.framing, none.keep_alive), (Framing::Empty, true));
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        let head = read(&mut BytesMut::from(text), &mut 0, &Method::HEAD)
            .unwrap()
            .unwrap();
        assert_eq!(head.framing, Framing::Empty);
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for text in [
            "what is this\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nfoo : bar\r\n\r\n",
            "HTTP/1.1 200 OK\r\nfoo: a\r\n b\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn endless_head_is_given_up() {
        let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\na: ");
        buffer.extend_from_slice(&vec![b'x'; LONGEST]);
        assert!(read(&mut buffer, &mut 0, &Method::GET).is_err());
    }
}
