//! The client's side of HTTP/1.1 (RFC 9112): pure functions between bytes and messages, no I/O.
//!
//! A general HTTP library moves requests, answers and every piece of a body through channels between
//! tasks. A gateway asks one question at a time per connection, and its own task can do all the
//! reading and writing; so what is left of the protocol is small: write a head, read a head, cut the
//! body out of the bytes. Parsing heads is `httparse`'s work.

mod body;
mod encode;
mod head;

pub(super) use body::{Decoder, Step};
pub(super) use encode::{Outgoing, Target};
pub(super) use head::{Head, read};

/// Why an answer is no HTTP/1.1, in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// How the end of a body is told (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}
