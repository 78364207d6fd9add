//! Vocabulary of the Tidegate gateway: what every other crate speaks. No I/O, no runtime.
//!
//! - [`error`]: the one public error and the table of its codes
//! - [`money`], [`usage`], [`rates`]: exact amounts, what a call consumed and what that costs
//! - [`json`]: reading and splicing JSON bodies without building a value tree
//! - [`body`]: request bodies as reference-counted segments
//! - [`dialect`]: wire formats and endpoints
//! - [`config`]: the configuration document, its validation and its schema
//! - [`expression`]: CEL over what is known of a call
//! - [`chat`]: the neutral form that translations between dialects pass through
//! - [`secret`]: values that never print

pub mod body;
pub mod chat;
pub mod config;
pub mod dialect;
pub mod error;
pub mod expression;
pub mod json;
pub mod money;
pub mod picture;
pub mod rates;
pub mod secret;
pub mod usage;

pub use body::Segments;
pub use dialect::{Dialect, Endpoint, Listing, Native, Relay, SessionKind};
pub use error::{Attempt, Code, Error, Origin, Retry, UpstreamError};
pub use money::Money;
pub use picture::{Picture, PicturePrices};
pub use secret::Secret;
pub use usage::{Service, Usage};
