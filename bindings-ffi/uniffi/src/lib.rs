//! A small tier over the bridge for the languages UniFFI speaks: open, call, stream, close.
//!
//! No future here does I/O when the host polls it: the engine works on its own runtime and resolves
//! them through a completion queue.

mod engine;
mod error;
mod inbox;
mod stream;

pub use engine::{CallRequest, Engine, Reply};
pub use error::TidegateError;
pub use stream::{Frame, ReplyStream};

uniffi::setup_scaffolding!();

/// The release of the library.
#[uniffi::export]
pub fn version() -> String {
    tidegate::VERSION.to_owned()
}
