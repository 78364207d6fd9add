//! The Node face of the engine: bytes, tickets and one wake function per environment.
//!
//! Everything a user sees (clients, streams, `fetch`, errors) is written in JavaScript in
//! `npm/tidegate` above the few functions here, because a promise or an iterator made in
//! JavaScript costs a fraction of one made through Node-API.
//!
//! | file | holds |
//! |---|---|
//! | `bridge.rs` | one per environment: `submit`, `cancel`, and `drain` of everything that finished |
//! | `wake.rs` | the thread-safe function that asks JavaScript to drain |
//! | `stream.rs` | a live reply, read in batches |
//! | `host.rs` | a question to a function of the program |
//! | `engine.rs` | a configured engine, and the jobs that may block |
//! | `values.rs` | text and bytes across the boundary |

#![expect(
    unsafe_code,
    reason = "Node-API is a C interface; napi-derive expands to it too"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "napi-derive hands arguments over by value"
)]

mod bridge;
mod engine;
mod host;
mod stream;
mod values;
mod wake;

use std::ffi::OsString;

use napi_derive::napi;

/// Version of the addon; the facade refuses one that is not its own.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Runs the `tidegate` command with `args` until it ends and returns its exit status.
///
/// It blocks the calling thread: the command installs its own signal handlers, so Ctrl-C and
/// SIGTERM drain the server although Node's event loop stands still.
#[napi]
pub fn cli(args: Vec<String>) -> i32 {
    reset_signals();
    let name = std::iter::once(OsString::from("tidegate"));
    tidegate_server::cli::main(name.chain(args.into_iter().map(OsString::from)))
}

/// Takes Node's own handlers away. The command's would call them in turn, as is polite, and Node's
/// raise the signal again to die of it: that never ends while another handler stands in front.
fn reset_signals() {
    #[cfg(unix)]
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the default action of two ordinary signals; nothing else reads the result.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
