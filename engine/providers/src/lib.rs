//! Dialects, provider catalogue, SSE codec and transport of the Tidegate gateway.

pub mod catalogue;
pub mod transport;
