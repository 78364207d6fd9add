//! Writing requests.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};
use smallvec::SmallVec;
use tidegate_types::Segments;
use tokio::io::AsyncWrite;

use crate::{transport::BodyStream, upload::Upload};

/// A body up to this size is copied behind the head: one buffer is cheaper to write than two.
const COPY_UP_TO: usize = 4 * 1024;

/// Slices given to one write.
const SLICES: usize = 16;

/// The request line and what goes with it.
pub(in crate::http_transport) struct Target<'a> {
    pub(in crate::http_transport) method: &'a Method,
    pub(in crate::http_transport) uri: &'a Uri,
    /// True to name the whole URL, as proxies want it.
    pub(in crate::http_transport) absolute: bool,
    pub(in crate::http_transport) host: &'a HeaderValue,
    pub(in crate::http_transport) proxy_authorization: Option<&'a HeaderValue>,
    /// The key of a WebSocket handshake (RFC 6455, section 4.1).
    pub(in crate::http_transport) upgrade: Option<&'a str>,
}

/// A request on its way out. The buffer is kept from one request to the next.
#[derive(Debug, Default)]
pub(in crate::http_transport) struct Outgoing {
    /// The head, and a small body.
    head: Vec<u8>,
    parts: SmallVec<[Bytes; 2]>,
    /// Bytes of `head` already written.
    sent: usize,
    /// Position among `parts`, and in the part there.
    part: usize,
    within: usize,
    /// What follows the parts and is still arriving.
    rest: Option<BodyStream>,
    /// Whether some of it was taken since somebody asked.
    moved: bool,
    /// The rest will never be complete.
    cut: bool,
    done: bool,
}

impl Outgoing {
    /// Prepares a request.
    pub(in crate::http_transport) fn set(
        &mut self,
        target: &Target<'_>,
        headers: &HeaderMap,
        body: &Segments,
        rest: Option<&Upload>,
    ) {
        self.head.clear();
        self.parts.clear();
        (self.sent, self.part, self.within, self.done) = (0, 0, 0, false);
        (self.moved, self.cut) = (false, false);
        self.rest = rest.map(Upload::read);
        let more = rest.and_then(Upload::size).unwrap_or(0);
        write_head(&mut self.head, target, headers, body.len() as u64 + more);
        match body.parts() {
            [] => {}
            [one] if one.len() <= COPY_UP_TO && rest.is_none() => self.head.extend_from_slice(one),
            parts => self.parts.extend(parts.iter().cloned()),
        }
    }

    /// True when everything is written.
    pub(in crate::http_transport) fn is_done(&self) -> bool {
        self.done
    }

    /// True when the request cannot be completed: its rest broke off.
    pub(in crate::http_transport) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether more of the rest was on its way since the last question.
    pub(in crate::http_transport) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Writes what is left.
    pub(in crate::http_transport) fn poll_write(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.head.len()
            || self.part < self.parts.len()
            || ready!(self.poll_more(cx))?
        {
            let written = if self.parts.is_empty() {
                let left = self.head.get(self.sent..).unwrap_or_default();
                ready!(stream.as_mut().poll_write(cx, left))?
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.slices(&mut slices);
                let slices = slices.get(..count).unwrap_or_default();
                ready!(stream.as_mut().poll_write_vectored(cx, slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        ready!(stream.poll_flush(cx))?;
        self.done = true;
        // Parts of a large body are not needed while its answer arrives.
        self.parts.clear();
        Poll::Ready(Ok(()))
    }

    /// Takes the next piece of the rest; false at its end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.cut {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(Ok(false));
        };
        self.parts.clear();
        (self.part, self.within) = (0, 0);
        Poll::Ready(match ready!(rest.poll_next(cx)) {
            Some(Ok(piece)) => {
                self.parts.push(piece);
                self.moved = true;
                Ok(true)
            }
            Some(Err(error)) => {
                self.rest = None;
                self.cut = true;
                Err(io::Error::other(error))
            }
            None => {
                self.rest = None;
                Ok(false)
            }
        })
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let head = self.head.get(self.sent..).filter(|head| !head.is_empty());
        let parts = self.parts.iter().skip(self.part).enumerate();
        let parts = parts.map(|(index, part)| {
            let from = if index == 0 { self.within } else { 0 };
            part.get(from..).unwrap_or_default()
        });
        let mut count = 0;
        for (slot, slice) in slices.iter_mut().zip(head.into_iter().chain(parts)) {
            *slot = IoSlice::new(slice);
            count += 1;
        }
        count
    }

    fn advance(&mut self, written: usize) {
        let of_head = written.min(self.head.len() - self.sent);
        self.sent += of_head;
        let mut left = written - of_head;
        while let Some(part) = self.parts.get(self.part).filter(|_| left > 0) {
            let rest = part.len() - self.within;
            if left < rest {
                self.within += left;
                return;
            }
            left -= rest;
            self.part += 1;
            self.within = 0;
        }
    }
}

fn write_head(out: &mut Vec<u8>, target: &Target<'_>, headers: &HeaderMap, length: u64) {
    out.extend_from_slice(target.method.as_str().as_bytes());
    out.push(b' ');
    if target.absolute {
        out.extend_from_slice(target.uri.to_string().as_bytes());
    } else {
        let path = target
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str());
        out.extend_from_slice(path.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !headers.contains_key(HOST) {
        write_header(out, &HOST, target.host);
    }
    for (name, value) in headers {
        if !is_framing(name) {
            write_header(out, name, value);
        }
    }
    // Of what TE can say, trailers are what this transport reads (RFC 9110, section 10.1.4).
    if headers.get(TE).is_some_and(|value| value == "trailers") {
        out.extend_from_slice(b"te: trailers\r\nconnection: te\r\n");
    }
    if let Some(value) = target.proxy_authorization {
        write_header(out, &PROXY_AUTHORIZATION, value);
    }
    if let Some(key) = target.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        out.extend_from_slice(b"sec-websocket-version: 13\r\nsec-websocket-key: ");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let bodiless = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
    if length > 0 || !bodiless.contains(target.method) {
        out.extend_from_slice(b"content-length: ");
        out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Names and values cannot hold a line end: their types refuse it.
fn write_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Headers about this connection and this message, which are the transport's business: what the
/// caller's own request said may be wrong for this one.
fn is_framing(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 7] = [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
        EXPECT,
        TE,
        TRAILER,
        UPGRADE,
    ];
    NAMES.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}
