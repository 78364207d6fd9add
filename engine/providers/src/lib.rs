//! Dialects, provider catalogue, SSE codec and transport of the Tidegate gateway.

mod anthropic;
pub mod aws;
mod bedrock;
pub mod catalogue;
mod cohere;
pub mod credentials;
pub mod dialect;
pub mod event_stream;
pub mod function;
mod gemini;
pub mod http_transport;
pub mod mock;
mod openai;
mod responses;
pub mod session;
pub mod shape;
pub mod socket;
pub mod sse;
pub mod tokens;
pub mod transport;
pub mod upload;
