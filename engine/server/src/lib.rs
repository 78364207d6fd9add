//! The HTTP server of Tidegate and its command line.
//!
//! [`Server::start`] puts an engine on a socket. As a library it installs nothing global: no signal
//! handler, no log subscriber, no allocator. That is for [`cli::main`], the whole `tidegate` command.

mod address;
pub mod cli;
mod connection;
mod management;
mod phase;
mod server;
mod service;
mod timer;
mod tls;
mod upgrade;
mod worker;

pub use server::{ServeOptions, Server, ServerHandle};
