//! Dialects, provider catalogue, SSE codec and transport of the Tidegate gateway.

pub mod catalogue;
pub mod dialect;
pub mod hyper_transport;
pub mod mock;
pub mod sse;
pub mod transport;
mod anthropic;
mod openai;
