//! What sends more than one request for a call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HedgeAfter, Target};

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

/// A panel answers, and a judge makes one answer of what it said.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ensemble {
    /// Whoever gets the request and all answers, and whose answer the caller gets.
    pub judge: Target,
    /// Members that must have answered; otherwise the call fails. Default: more than half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// What the judge is told to do with the answers, which follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
}

/// Copies of calls go to another target too, for comparison. The caller never notices: neither time nor
/// errors nor money of a copy are the call's.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shadow {
    /// Where copies go.
    pub target: Target,
    /// Share of the route's calls that are copied. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// Copies at a time; while there are so many, no further ones are made. Default 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// Id of the virtual key whose budgets pay for copies; one that does not fit is not sent. Without
    /// it no budget does: what they cost is only recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
