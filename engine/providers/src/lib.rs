//! Dialects, provider catalogue, SSE codec and transport of the Tidegate gateway.

mod anthropic;
pub mod catalogue;
pub mod dialect;
pub mod http_transport;
pub mod mock;
mod openai;
pub mod sse;
pub mod transport;
