//! What would become of a call, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_types::Money;

/// What would become of a call that came now, and why. Nothing is called and nothing changes: no
/// turn is taken, nothing is counted against limits, budgets or quotas.
///
/// Durations are in milliseconds where the name ends in `_ms` and in seconds where it ends in `_s`;
/// money is in dollars. Errors have the members of [`Error::to_json`](crate::Error::to_json).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What would come of it.
    pub outcome: Outcome,
    /// The request, as it was understood.
    pub request: Asked,
    /// Id of the caller's key, or of the nearest level it is called for; none for root.
    pub identity: Option<String>,
    /// The levels that the call must fit into, outermost first; the end user last. Empty for root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<LevelSeen>,
    /// Whether limits and budgets let the call in.
    pub admission: Admission,
    /// The rules that were considered, in order; the last may be the one that applies.
    pub rules: Vec<Considered>,
    /// The route, where the name leads to one.
    pub route: Option<RouteSeen>,
    /// Whether an answer is stored.
    pub cache: CacheSeen,
    /// The route's targets in the order they would be asked, then those that would not be asked.
    pub targets: Vec<TargetSeen>,
    /// What is asked when all of those have failed, in order.
    pub fallbacks: Vec<TargetSeen>,
    /// What is asked after certain failures, by cause, in order. Of a route inside the route, the cause
    /// has its name: `rate_limit in cheap`.
    pub fallbacks_on: BTreeMap<String, Vec<TargetSeen>>,
    /// Under `strategy: ensemble`, the judge. The members of the panel are the `targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelSeen>,
    /// Where a copy goes, of routes with `shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSeen>,
}

/// A panel and its judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PanelSeen {
    /// Whether all targets are asked at once, and then a judge. Otherwise one target is asked after the
    /// other.
    pub asked: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Members that must have answered before the judge is asked.
    pub quorum: usize,
    /// The judge, then whoever stands in for it.
    pub judges: Vec<TargetSeen>,
}

/// A copy for comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowSeen {
    /// The route that asks for copies: the one called, or one inside it.
    pub of: String,
    /// Share of calls that are copied.
    pub sample: f64,
    /// Copies at a time.
    pub at_once: usize,
    /// Copies that run now.
    pub running: usize,
    /// Id of the key that pays; none where nobody does.
    pub key: Option<String>,
    /// Why no copy would be made of this call now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Where it goes, in the order they would be asked.
    pub targets: Vec<TargetSeen>,
}

/// What would come of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `ask` a target, `cached` answer, `local` answer of the gateway itself, or `refuse`.
    pub does: String,
    /// The target that would be asked first. Where chance decides, the likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// True when that target is not well, and asked because nothing else is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anyway: bool,
    /// Whether chance decides which target is first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_chance: bool,
    /// The most that the first try can cost, which is held back while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserves: Option<Money>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

/// A request, as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What is asked for: `chat`, `embeddings` and so on.
    pub endpoint: String,
    /// The request's wire format.
    pub dialect: String,
    /// The model as the caller names it.
    pub model: String,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// Prompt tokens, estimated.
    pub input_tokens: u64,
    /// The caller's bound on generated tokens.
    pub max_output_tokens: Option<u64>,
    /// Answers asked for.
    pub choices: u64,
    /// Length of the body.
    pub bytes: u64,
    /// The end user, where the request names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Fallbacks that the call brings itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// Whether limits and budgets let a call in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// Whether they do.
    pub admitted: bool,
    /// The one that refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// The budgets of all levels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetSeen>,
    /// Percent used of the fullest of the caller's limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_used: Option<f64>,
}

/// A level of the hierarchy above a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelSeen {
    /// `customer`, `team`, `user`, `key` or `end_user`.
    pub level: String,
    /// Its id.
    pub id: String,
    /// Whether it is neither disabled nor expired.
    pub active: bool,
    /// Percent used of the fullest of its budgets; 0 without one.
    pub budget_used: f64,
    /// Percent used of the fullest of its limits; 0 without one.
    pub limit_used: f64,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetSeen {
    /// Whose it is: `key "alice"`, `team "research"`.
    pub of: String,
    /// What may be spent in its window.
    pub limit: Money,
    /// Spent in the window.
    pub spent: Money,
    /// Held back for calls that run.
    pub reserved: Money,
}

/// A rule that was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// Its name.
    pub name: String,
    /// Whose it is: `key`, `user`, `team`, `customer` or `document`.
    pub of: String,
    /// Its condition. Callers with a key do not see it: it may say what they are not to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Whether the condition holds; none when it has no value.
    pub holds: Option<bool>,
    /// Why the condition has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
    /// Where the rule leads, when it applies.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<String>,
    /// What the rule sets in the request, when it applies.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub set: serde_json::Map<String, Value>,
    /// Whether it refuses the call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses: bool,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteSeen {
    /// Its name.
    pub name: String,
    /// Whether it stands in the configuration; otherwise the name says provider and model.
    pub configured: bool,
    /// How its targets are ordered.
    pub strategy: String,
    /// How demanding the request was found, where the strategy asks: `simple`, `medium`, `complex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What the request is compared with, where targets are chosen by similarity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub semantic: Vec<SemanticSeen>,
    /// Most targets that may be asked at the same time: more than one where it races or hedges.
    pub at_once: usize,
    /// Whether targets that are not well are asked when nothing else is left.
    pub try_anyway: bool,
}

/// A comparison of the request with what targets are for. How similar each is stands in the target's
/// `places`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SemanticSeen {
    /// `provider/model` that makes vectors of texts.
    pub embedder: String,
    /// Targets that are less similar stand as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// Whether all vectors are known from earlier calls. Otherwise a call would ask the embedder first,
    /// which an explanation does not: targets are shown as written.
    pub known: bool,
}

/// What the cache has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheSeen {
    /// `off`, `bypass` or `refresh` as the caller wishes, `hit` or `miss`.
    pub state: String,
    /// Age of the stored answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// The target that gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How long answers are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<f64>,
}

/// A target, and why it stands where it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSeen {
    /// `provider/model`.
    pub target: String,
    /// Share of calls like this one that would come here first, where chance decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// Why it would not be asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
    /// Its place in the route, and in the routes inside it, the outermost first. Empty for fallbacks
    /// that the call brings itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceSeen>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How well it is: `well`, `strained` or `down`.
    pub standing: String,
    /// Its circuit breaker.
    pub breaker: BreakerSeen,
    /// The provider's keys.
    pub keys: Vec<KeySeen>,
    /// Calls under way.
    pub in_flight: u32,
    /// How long it takes.
    pub latency_ms: Latency,
    /// What the call would cost, for the estimated prompt and the likely length of the answer.
    pub cost: Money,
    /// Whether the price is known; otherwise `cost` is a guess, or zero.
    pub priced: bool,
    /// The most a try can cost, which is held back while it runs.
    pub reserves: Money,
    /// The error when that does not fit the caller's budgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_budget: Option<Value>,
    /// The format it is asked in.
    pub dialect: String,
    /// Whether the request is translated into that format.
    pub translated: bool,
    /// Parts of the request that the format cannot express, and that would be dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Longer prompts are not sent to it, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
    /// What its model takes in at most as far as the catalogue knows, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
}

/// Why a target would not be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// `tags`, `incapable`, `too_long`, `bound` (the call continues another target's reply), `breaker_open`,
    /// `probing`, `keys_paused`, `keys_refused`, `unpriced`, or the slug of an error.
    pub because: String,
    /// The same in words.
    pub text: String,
    /// When that may be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
}

/// A place in a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceSeen {
    /// What the configuration names here: a target, or a route inside the route.
    pub name: String,
    /// Share, for strategies that go by weight.
    pub weight: u32,
    /// Higher ones come after all lower ones.
    pub priority: u32,
    /// How the targets beside it are ordered.
    pub strategy: String,
    /// What the strategy saw here, in words.
    pub why: String,
    /// True when it goes behind others because it fails far more often.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outlier: bool,
    /// Its canary share, and whether this call falls into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanarySeen>,
}

/// A canary's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanarySeen {
    /// Percent of callers served here first.
    pub percent: f64,
    /// Where this caller falls, 0 up to 100.
    pub bucket: f64,
    /// Whether that is in the share.
    pub chosen: bool,
}

/// A circuit breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerSeen {
    /// `closed`, `open` or `half_open`.
    pub state: String,
    /// How long it stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_s: Option<f64>,
    /// Share of recent calls that failed, 0 to 1.
    pub failing: f32,
}

/// A provider's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeySeen {
    /// Its name; none where the configuration gives none.
    pub name: Option<String>,
    /// How long it is left alone because it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_s: Option<f64>,
    /// How long it is left alone at this model because it asks too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_s: Option<f64>,
    /// How long others go first because little of its quota is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scarce_s: Option<f64>,
}

/// How long a target takes, as far as that was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// To the first token of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<f64>,
    /// From token to token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_token: Option<f64>,
    /// Until the answer is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}
