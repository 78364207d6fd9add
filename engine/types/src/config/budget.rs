//! What may be spent and how fast: budgets and limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;
use crate::Money;

/// Money per time.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Dollars.
    pub limit: Money,
    /// The time: at any moment the last so much of it, or with `calendar` a whole hour, day, week, month
    /// or year (`1h`, `1d`, `1w`, `1mo`, `1y`). Without it the money is there once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Duration>,
    /// Whether it begins anew with each hour, day, week, month or year.
    #[serde(default, skip_serializing_if = "is_false")]
    pub calendar: bool,
    /// Whose calendar, as `Europe/Berlin`. Default: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where its time begins: the hour of a day (0 to 23, default 0), the day of a week (1 is Monday,
    /// default 1), the day of a month (default 1; a month that lacks it begins on its last day), the
    /// month of a year (default 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<u8>,
    /// Whether a call that does not fit is refused.
    #[serde(default)]
    pub mode: BudgetMode,
    /// The models it is for, as `provider/model`, with `*` as a wildcard. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// What happens to calls while the shared store does not answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_store_failure: OnStoreFailure,
}

/// Whether a call that does not fit a budget is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMode {
    /// Refused before anything is sent.
    #[default]
    Hard,
    /// Let through and counted.
    Soft,
}

/// What happens to calls while a shared store does not answer and what was borrowed of it is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// Refused with `store_unavailable`: nothing is ever overspent.
    #[default]
    Closed,
    /// Let through and counted; told to the store when it is back.
    Open,
}

/// Something counted per time, or calls at a time. Exactly one of `requests`, `tokens`, `input_tokens`,
/// `output_tokens`, `cost` and `in_flight`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// Calls per `per`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Tokens per `per`, prompts and answers together. As many as a call can take are held back while it
    /// runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tokens of prompts per `per`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Generated tokens per `per`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Dollars per `per`: how fast money may be spent. Refused with 429, where a budget's end is a 402.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// The time: at any moment the last so much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Duration>,
    /// The models it is for, as `provider/model`, with `*` as a wildcard. Empty: all. Calls at a time and
    /// `requests` are counted whatever the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u64>,
    /// What happens to calls while the shared store does not answer.
    #[serde(skip_serializing_if = "is_default")]
    pub on_store_failure: OnStoreFailure,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
