//! Comparing requests with what targets are for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// How requests are compared with what targets are for: the last turn of the user, as a vector, with
/// the vectors of `description` and `examples`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Semantic {
    /// The model that makes vectors of texts: `provider/model`. The provider may be a function of the
    /// program. What it costs is part of the call.
    pub embedder: String,
    /// The least similarity (cosine, -1 to 1) that counts. Targets that reach it come first, the most
    /// similar before the others; the rest follow as written. How similar texts are depends on the
    /// embedder. Default: none, any similarity counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How long a call waits for the embedder at most. After it, and where the embedder fails, targets
    /// stand as written. Default 2s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}
