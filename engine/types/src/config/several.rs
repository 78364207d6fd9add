//! What sends more than one request for a call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HedgeAfter;

/// Another target is asked too when the first takes unusually long; the first content wins, and the
/// other request is given up. What both cost is paid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hedge {
    /// When: after a time (`800ms`), or once the share of a target's own answers that the percentile
    /// says would have come (`p95`, the default). Of streams the first content counts, of others the
    /// whole answer. While fewer than 20 answers of a target are known: 2s.
    pub after: HedgeAfter,
    /// Further targets at most. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Share of the route's calls that may be hedged. Default 0.05.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
}
