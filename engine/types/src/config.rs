//! The configuration document: one set of types for YAML, TOML, JSON and the languages' own objects.
//!
//! Every type denies unknown fields, so that a mistyped name is an error with its path and never a
//! setting that silently does nothing. [`Config::parse`] reads and validates; [`schema`] prints the
//! JSON Schema and the reference page.

mod admission;
mod budget;
mod capabilities;
mod clouds;
mod identity;
mod key_hash;
pub mod load;
mod log;
mod model;
mod moment;
mod network;
mod price;
mod probe;
mod routing;
mod rule;
pub mod scalar;
pub mod schema;
mod semantic;
mod several;
pub(crate) mod suggest;
mod validate;

pub use admission::*;
pub use budget::{Budget, BudgetMode, Limit, OnStoreFailure};
pub use capabilities::Capabilities;
pub use clouds::*;
pub use identity::*;
pub use key_hash::KeyHash;
pub use load::{Format, Problem, Problems, read};
pub use log::Log;
pub use model::*;
pub use moment::{rfc3339, unix_millis, unix_seconds};
pub use network::Network;
pub use price::{Dimension, Price, PriceTier};
pub use probe::Probe;
pub use routing::*;
pub use rule::{Condition, Rule};
pub use scalar::{Duration, HedgeAfter, Size};
pub use semantic::Semantic;
pub use several::*;
