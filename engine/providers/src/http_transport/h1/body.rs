//! Cutting a body out of the bytes of a connection.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;

use super::{Framing, Malformed};

/// A longer line of chunk size, extension or trailer is not read: 16 KiB.
const LONGEST_LINE: usize = 16 * 1024;

/// More trailers are read and forgotten.
const MOST_TRAILERS: usize = 32;

/// Where in its body an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http_transport) enum Decoder {
    Done,
    /// So many bytes to come.
    Length(u64),
    /// The line with a chunk's size comes next.
    ChunkSize,
    /// So many bytes of a chunk to come.
    Chunk(u64),
    /// The line end after a chunk comes next.
    ChunkEnd,
    /// The last chunk is over; trailer lines up to an empty one come next.
    Trailers,
    UntilClose,
    /// What comes next makes no sense.
    Broken(Malformed),
}

/// What [`Decoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http_transport) enum Step {
    Data(Bytes),
    /// More bytes must arrive first.
    More,
    End,
}

impl From<Framing> for Decoder {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::ChunkSize,
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Decoder {
    /// Takes the next bytes of the body off `buffer`. When the end is in `buffer` too, it is taken
    /// along with the last bytes. Fields that follow the body are added to `trailers`.
    pub(in crate::http_transport) fn next(
        &mut self,
        buffer: &mut BytesMut,
        trailers: &mut HeaderMap,
    ) -> Result<Step, Malformed> {
        if !self.settle(buffer, trailers)? {
            return Ok(if *self == Self::Done {
                Step::End
            } else {
                Step::More
            });
        }
        let data = match self {
            Self::Length(left) | Self::Chunk(left) => {
                let take = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                *left -= take as u64;
                buffer.split_to(take)
            }
            _ => buffer.split(),
        };
        // What follows may be malformed; that is told by the next call, after these bytes.
        if let Err(error) = self.settle(buffer, trailers) {
            *self = Self::Broken(error);
        }
        Ok(Step::Data(data.freeze()))
    }

    /// True when the connection's end is a good end of the body.
    pub(in crate::http_transport) fn may_close(self) -> bool {
        matches!(self, Self::UntilClose | Self::Done)
    }

    /// Bytes still to come, when known.
    pub(in crate::http_transport) fn left(self) -> Option<u64> {
        match self {
            Self::Done => Some(0),
            Self::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Moves over everything that is not data. True when `buffer` begins with data then.
    fn settle(
        &mut self,
        buffer: &mut BytesMut,
        trailers: &mut HeaderMap,
    ) -> Result<bool, Malformed> {
        loop {
            *self = match *self {
                Self::Done => return Ok(false),
                Self::Broken(error) => return Err(error),
                Self::Length(0) => Self::Done,
                Self::Chunk(0) => Self::ChunkEnd,
                Self::Length(_) | Self::Chunk(_) | Self::UntilClose => {
                    return Ok(!buffer.is_empty());
                }
                Self::ChunkSize => match line(buffer)? {
                    None => return Ok(false),
                    Some(text) => match chunk_size(&text)? {
                        0 => Self::Trailers,
                        size => Self::Chunk(size),
                    },
                },
                Self::ChunkEnd => match line(buffer)? {
                    None => return Ok(false),
                    Some(text) if text.is_empty() => Self::ChunkSize,
                    Some(_) => return Err(Malformed("a chunk is longer than it says")),
                },
                Self::Trailers => match line(buffer)? {
                    None => return Ok(false),
                    Some(text) if text.is_empty() => Self::Done,
                    Some(text) => {
                        note(&text, trailers);
                        Self::Trailers
                    }
                },
            };
        }
    }
}

/// Takes a line off `buffer` and gives it without its end.
fn line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = memchr(b'\n', buffer) else {
        if buffer.len() > LONGEST_LINE {
            return Err(Malformed("a line between chunks is too long"));
        }
        return Ok(None);
    };
    let mut text = buffer.split_to(end);
    buffer.advance(1);
    if text.last() == Some(&b'\r') {
        text.truncate(end - 1);
    }
    Ok(Some(text))
}

/// Adds a trailer. What is none is no reason to doubt the body before it.
fn note(line: &[u8], trailers: &mut HeaderMap) {
    let Some(colon) = memchr(b':', line) else {
        return;
    };
    let name = HeaderName::from_bytes(&line[..colon]);
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
    if let (Ok(name), Ok(value)) = (name, value)
        && trailers.len() < MOST_TRAILERS
    {
        trailers.append(name, value);
    }
}

/// The hexadecimal number in front of any extension.
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    const INVALID: Malformed = Malformed("a chunk has no valid size");
    let digits = line
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    if digits.is_empty() || digits.len() > 15 {
        return Err(INVALID);
    }
    digits.iter().try_fold(0, |size, digit| {
        let value = char::from(*digit).to_digit(16).ok_or(INVALID)?;
        Ok(size << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `text` given in two pieces; the body and what is left over.
    fn decode(
        framing: Framing,
        text: &str,
        at: usize,
    ) -> Result<(String, String, Decoder), Malformed> {
        let mut decoder = Decoder::from(framing);
        let mut buffer = BytesMut::from(&text[..at]);
        let mut rest = Some(&text[at..]);
        let mut body = Vec::new();
        loop {
            match decoder.next(&mut buffer, &mut HeaderMap::new())? {
                Step::Data(data) => {
                    assert!(!data.is_empty());
                    body.extend_from_slice(&data);
                }
                Step::End => break,
                Step::More => match rest.take() {
                    Some(rest) => buffer.extend_from_slice(rest.as_bytes()),
                    None => break,
                },
            }
        }
        buffer.extend_from_slice(rest.unwrap_or_default().as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((text(&body), text(&buffer), decoder))
    }

    #[test]
    fn bodies_are_the_same_wherever_the_bytes_are_split() {
        for (framing, text, end) in [
            (Framing::Length(5), "hellorest", Decoder::Done),
            (
                Framing::Chunked,
                "2\r\nhe\r\n3;x=\"y\"\r\nllo\r\n0\r\na: b\r\n\r\nrest",
                Decoder::Done,
            ),
            (Framing::Chunked, "5 \nhello\n000\n\nrest", Decoder::Done),
            (Framing::Empty, "rest", Decoder::Done),
        ] {
            let expected = if framing == Framing::Empty {
                ""
            } else {
                "hello"
            };
            for at in 0..=text.len() {
                let found = decode(framing, text, at).unwrap();
                assert_eq!(
                    found,
                    (expected.to_owned(), "rest".to_owned(), end),
                    "{text:?} at {at}"
                );
            }
        }
        let (body, _, decoder) = decode(Framing::UntilClose, "hello", 2).unwrap();
        assert_eq!((body.as_str(), decoder.may_close()), ("hello", true));
        let (body, _, decoder) = decode(Framing::Length(9), "hello", 2).unwrap();
        assert_eq!((body.as_str(), decoder.may_close()), ("hello", false));
    }

    #[test]
    fn end_is_seen_together_with_the_last_bytes() {
        let mut decoder = Decoder::from(Framing::Chunked);
        let mut buffer = BytesMut::from("5\r\nhello\r\n0\r\nA-b:  c d \r\n:x\r\nno\r\n\r\n");
        let mut trailers = HeaderMap::new();
        assert_eq!(
            decoder.next(&mut buffer, &mut trailers),
            Ok(Step::Data(Bytes::from("hello")))
        );
        assert_eq!(decoder, Decoder::Done);
        assert_eq!(trailers.len(), 1);
        assert_eq!(trailers["a-b"], "c d");
    }

    #[test]
    fn broken_chunks_are_told_after_the_good_ones() {
        for broken in [
            "x\r\n",
            "-1\r\n",
            "\r\n",
            "1g\r\n",
            "ffffffffffffffff\r\n",
            "0x1\r\n",
        ] {
            let mut decoder = Decoder::from(Framing::Chunked);
            let mut buffer = BytesMut::from(format!("2\r\nok\r\n{broken}").as_str());
            let first = decoder.next(&mut buffer, &mut HeaderMap::new());
            assert_eq!(first, Ok(Step::Data(Bytes::from("ok"))));
            let next = decoder.next(&mut buffer, &mut HeaderMap::new());
            assert!(next.is_err(), "{broken:?}");
        }
        let mut decoder = Decoder::from(Framing::Chunked);
        let mut buffer = BytesMut::from("2\r\nokay\r\n");
        let first = decoder.next(&mut buffer, &mut HeaderMap::new());
        assert_eq!(first, Ok(Step::Data(Bytes::from("ok"))));
        assert!(decoder.next(&mut buffer, &mut HeaderMap::new()).is_err());
    }
}
