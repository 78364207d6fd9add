//! The configuration document: one set of types for YAML, TOML, JSON and the languages' own objects.
//!
//! Every type denies unknown fields, so that a mistyped name is an error with its path and never a
//! setting that silently does nothing. [`load`] reads and validates; [`schema`] prints the JSON Schema.

pub mod load;
mod model;
pub mod scalar;
pub mod schema;
mod validate;

pub use load::{Format, Problem, Problems};
pub use model::*;
pub use scalar::{Duration, Size};
