//! Tidegate: an AI gateway as a library.
//!
//! [`Gateway::execute`] is the one door; [`wire`] turns HTTP shapes into calls and back;
//! [`bridge`] is what the language bindings stand on. The stages of a call are the files of
//! `pipeline/`, in the order `pipeline.rs` calls them.

mod admin;
pub mod bridge;
mod call;
mod embedder;
pub mod explain;
mod facts;
mod gateway;
mod health;
pub mod journal;
mod kept;
pub mod keys;
mod models;
mod pipeline;
pub mod replay;
mod scope;
pub mod session;
mod snapshot;
mod source;
mod stream;
mod tasks;
mod telemetry;
mod treasury;
pub mod wire;

pub use call::{CacheDirective, Call, CallContext, Named, Reply, ReplyBody, ReplyHead};
pub use explain::Explanation;
pub use facts::{Compared, Facts, Member, header};
pub use gateway::Gateway;
pub use scope::Scope;
pub use session::Session;
pub use source::Source;
pub use stream::{Frame, SettlingStream, Step};

pub use tidegate_providers as providers;
pub use tidegate_providers::function::{
    Answer, Failure, Function, FunctionRequest, Functions, Piece, Pieces,
};
pub use tidegate_types as types;
pub use tidegate_types::{
    Attempt, Code, Dialect, Endpoint, Error, Money, Origin, Retry, Secret, Segments, SessionKind,
    Usage, config,
};

/// The version all packages share.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
