//! Everything behind `tidegate.h`. Each file is one section of the header, in the header's order.
//!
//! Types carry the names they have in C, so that one search finds both sides.
#![expect(non_camel_case_types, reason = "the names are those of the C header")]
#![expect(
    clippy::missing_safety_doc,
    reason = "README.md states the rules once: they are the same for every function"
)]

mod boundary;
mod fork;
mod head;
mod input;

pub mod buf;
pub mod error;
pub mod gateway;
pub mod host;
pub mod queue;
pub mod reply;
pub mod request;
#[rustfmt::skip]
pub mod result_gen;
pub mod server;
pub mod session;
pub mod stream;
pub mod version;
