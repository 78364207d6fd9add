//! What a call consumed.

use serde::{Deserialize, Serialize};

/// Tokens a call consumed, in one form for every dialect.
///
/// `input` counts every prompt token, cached ones included; `cache_read` and `cache_write` say how
/// many of them were served from or stored into the provider's prompt cache. `output` counts every
/// generated token, reasoning included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// All prompt tokens.
    pub input: u64,
    /// All generated tokens.
    pub output: u64,
    /// Prompt tokens read from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache (five-minute lifetime where it has several).
    #[serde(default)]
    pub cache_write: u64,
    /// Prompt tokens written to the provider's one-hour cache.
    #[serde(default)]
    pub cache_write_1h: u64,
    /// Generated tokens spent on reasoning.
    #[serde(default)]
    pub reasoning: u64,
    /// True when the upstream gave no count and the gateway counted itself.
    #[serde(default)]
    pub estimated: bool,
}
