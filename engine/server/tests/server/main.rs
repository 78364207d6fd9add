//! The real server on real sockets, with scripted or raw upstreams.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests are tests"
)]

mod bodies;
mod command;
mod faults;
mod lifecycle;
mod management;
#[cfg(target_os = "linux")]
mod memory;
mod protocols;
mod replay;
mod replies;
mod sessions;
mod support;
mod vanish;
