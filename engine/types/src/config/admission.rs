//! How many calls may be under way, and what happens when there is no room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Duration};

/// Where calls wait whose targets have as many calls under way as they may (`max_in_flight`). Callers
/// take turns, whoever has how many calls waiting; higher priorities go first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Longest wait; then the call is refused with `at_capacity`. `0s`: nobody waits. Default 2s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Duration>,
    /// Most calls that wait. Beyond it calls of the lowest priority are refused, of the caller who has
    /// most of them waiting. Default 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// The wait that is borne. While calls wait longer, those of priority `low` are refused with `shed`
    /// instead of waiting; when that has lasted as long again, waiting calls are turned away one by one,
    /// the lowest priority first, ever faster until the wait is short; never those of priority
    /// `high`. Default: half of `max_wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_delay: Option<Duration>,
}

/// What chat calls get less of while there is too much to do. Answers carry `x-tidegate-brownout: on`;
/// their streams are not gone on with elsewhere when they break.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brownout {
    /// The calls it is for: a condition in CEL, such as `load.queue_ms > 500`.
    pub when: Condition,
    /// Where these calls go instead, whatever a rule says: a route or `provider/model`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Most tokens generated for them; a lower bound of their own stays, and so do Anthropic's requests
    /// with `thinking`, whose bound must leave room for thoughts. Default: as they ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
}

/// Who goes first when there is no room.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Waits for all others, and is turned away first.
    Low,
    /// In between.
    #[default]
    Normal,
    /// Goes first, and is never turned away to make waiting shorter.
    High,
}

impl Priority {
    /// Every one, the lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// `low`, `normal` or `high`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// The priority of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str() == name)
    }
}
