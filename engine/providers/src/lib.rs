//! Dialects, provider catalogue, SSE codec and transport of the Tidegate gateway.

pub mod catalogue;
pub mod hyper_transport;
pub mod mock;
pub mod transport;
pub mod dialect;
pub mod sse;
