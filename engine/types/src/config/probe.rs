//! Asking targets how they do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// Asks now and then how a target does, so that its breaker opens and closes without a caller's call: a
/// target that was cut off gets no caller's call until a probe was answered. Every probe is a call of
/// the gateway's own, which costs what it costs. Nobody probes before the first call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// How often. A target that answered somebody within that time, and is not cut off, is not asked.
    pub every: Duration,
    /// Path below `base_url` that is asked for with GET; it tells of all targets of the provider. Default:
    /// the model is asked for a few tokens of chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How long the answer may take. Default 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}
