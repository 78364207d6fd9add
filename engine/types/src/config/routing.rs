//! Routes: which targets there are, in which order they are tried, and what follows a failure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Capabilities, Duration, Ensemble, Hedge, Priority, Probe, Semantic, Shadow, Timeouts,
    model::{RouteCache, one},
};
use crate::Secret;

/// A public model name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// How the order of targets is chosen.
    pub strategy: Strategy,
    /// What the strategy goes by. `least_latency`: `first_token` (default), `per_token` or `total`.
    /// `least_usage`: `tokens` (default), `cost` or `requests`. `consistent_hash`: `user` (default),
    /// `session`, `key`, `header:NAME` or an expression that gives a text, as in rules
    /// (`request.metadata["tenant"] + key.id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `least_usage`: over how long usage is counted, default 1m. `prompt_cache_affinity`: how long a
    /// target is taken to remember a prompt, default 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// `complexity`: what makes a request medium or complex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// `semantic`: what makes requests and targets similar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<Semantic>,
    /// `race`: how many targets are asked at once, default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// Another target is asked too when the first takes unusually long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// Where calls go.
    pub targets: Vec<Target>,
    /// Tried in order when every target has failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Target>,
    /// Other fallbacks for failures of a certain kind.
    pub fallbacks_on: FallbacksOn,
    /// How often and how patiently one target is tried.
    pub retry: RetryPolicy,
    /// When no target is well: whether one is tried all the same. Otherwise the call is refused with
    /// `no_healthy_target` and the time until a target may be well again. Default: only where there is
    /// but one target, for then its own words say best what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_anyway: Option<bool>,
    /// Whether a stream of text that breaks after its first content goes on at another target from
    /// what was said so far. Streams with tool calls, several choices or structured output never do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
    /// `ensemble`: who judges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// Copies of calls go to another target too, for comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// Who goes first when there is no room. Default: as the caller's key says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Whether answers are cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<RouteCache>,
}

/// How the order of targets is chosen. Targets that are not well come last under every strategy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// As written.
    #[default]
    Ordered,
    /// At random by weight; the others follow as fallbacks, also by weight.
    Weighted,
    /// In turn, by weight.
    RoundRobin,
    /// The fewest calls under way, relative to weight.
    LeastBusy,
    /// The faster of two drawn at random, calls under way counted in; see `by`.
    LeastLatency,
    /// The lowest price for this request's estimated tokens.
    LeastCost,
    /// The least used within `window`, relative to weight; see `by`.
    LeastUsage,
    /// Always the same for the same caller, spread by weight; see `by`.
    ConsistentHash,
    /// Where the same beginning of a prompt went last, unless that target is much busier than others.
    PromptCacheAffinity,
    /// The target declared for how demanding the request is; see `complexity`.
    Complexity,
    /// The target whose description is most similar to what the user says; see `semantic`.
    Semantic,
    /// The first `at_once` as written are asked at once, and the first content wins. All are paid.
    Race,
    /// All are asked at once, and a judge makes one answer of theirs; see `ensemble`. All are paid.
    Ensemble,
}

/// A provider's model or another route, with overrides. A bare string stands for `{ model: ... }`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = super::schema::allow_bare_target)]
pub struct Target {
    /// `provider/model`, or the name of another route.
    pub model: String,
    /// Share of calls, for strategies that go by weight. Default 1; 0 takes no first tries.
    pub weight: u32,
    /// Targets of a higher number are tried after all of a lower one. Default 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// Names that calls may ask for with `x-tidegate-tags`: a call goes to targets that carry all of
    /// its tags. Tags that no target of the route carries do not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Percent of users (or else sessions, keys, calls) that are served here first, always the same
    /// ones, whatever the strategy. The others come here last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<f64>,
    /// The most demanding requests it is meant for, under `strategy: complexity`. Default `complex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Level>,
    /// What it is for, in words, under `strategy: semantic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What users say who should come here, under `strategy: semantic`: the most similar of these and
    /// the description counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Requests of more tokens (estimated, four bytes each) are not sent here. Default: what the
    /// catalogue knows of the model, while another target takes more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
    /// What it can do, where the catalogue is wrong or knows nothing: what is said to be lacking is never
    /// asked of it.
    pub capabilities: Capabilities,
    /// Most calls under way to this provider's model, from whichever route, beyond which no more are
    /// sent from here: the next target is asked, or the call waits in the `queue`. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Asks it now and then how it does. Default: as its provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Members set in the request body, replacing the caller's. Values may be any JSON.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Headers added to every request, replacing the provider's of the same name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret<String>>,
    /// Deadlines of this target; what is not set comes from its provider.
    pub timeouts: Timeouts,
}

/// How demanding a request is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A short question.
    Simple,
    /// Between the two.
    Medium,
    /// Long, with tools, code or much history.
    Complex,
}

/// What makes a request medium or complex: points for what is seen in it, without any call.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Complexity {
    /// Points from which a request is medium. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<u32>,
    /// Points from which it is complex. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complex: Option<u32>,
    /// A point for each so many estimated tokens, at most 4 points. Default 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// A point for each so many messages, at most 2 points. Default 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Points for a request with tools. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<u32>,
    /// Points for a request whose last message holds a block of code. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Points for a request that wants reasoning. Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u32>,
    /// Words of the last message with their points; letter case does not count.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, u32>,
}

/// Fallbacks for failures of a certain kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FallbacksOn {
    /// The prompt is too long for the model. Tried at once, in place of the other targets. Without
    /// it, targets that are known to take longer prompts are tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_window: Vec<Target>,
    /// The vendor's policy forbids the content. Tried at once, in place of the other targets; without
    /// it the refusal stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_policy: Vec<Target>,
    /// The upstream says that it is asked too often. Tried after the other targets and before
    /// `fallbacks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rate_limit: Vec<Target>,
    /// The upstream refuses the key. Tried after the other targets and before `fallbacks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<Target>,
}

/// How often and how patiently one target is tried.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Total number of tries per target, the first included. Default 2; 1 means no retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Pause before the second try; it doubles from try to try and is jittered. Default 200ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Duration>,
    /// Longest pause. A longer `Retry-After` moves on to the next target instead. Default 2s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_backoff: Option<Duration>,
    /// Share of a target's calls that may be second tries, beyond a small reserve. Default 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// A failure that comes later than this after the call began is given to the caller instead of
    /// being tried again or elsewhere. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub give_up_after: Option<Duration>,
}

/// The circuit breaker of each target: after failures it is left alone for a while, then asked with
/// one call at a time until it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// False: no target is ever cut off. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Failures in a row that open it. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Share of failures that opens it, once there were `calls` within about `window`. Default 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Calls below which the share says nothing. Default 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// How long a call counts towards the share. Default 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// How long it stays open; doubles each time a probe fails. Default 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Duration>,
    /// The longest it stays open. Default 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open: Option<Duration>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            model: String,
            #[serde(default = "one")]
            weight: u32,
            #[serde(default)]
            priority: u32,
            #[serde(default)]
            tags: Vec<String>,
            #[serde(default)]
            canary: Option<f64>,
            #[serde(default)]
            complexity: Option<Level>,
            #[serde(default)]
            description: Option<String>,
            #[serde(default)]
            examples: Vec<String>,
            #[serde(default)]
            max_input_tokens: Option<u64>,
            #[serde(default)]
            capabilities: Capabilities,
            #[serde(default)]
            max_in_flight: Option<u32>,
            #[serde(default)]
            probe: Option<Probe>,
            #[serde(default)]
            params: BTreeMap<String, serde_json::Value>,
            #[serde(default)]
            headers: BTreeMap<String, Secret<String>>,
            #[serde(default)]
            timeouts: Timeouts,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Target;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`provider/model`, a route, or an object with `model`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Target, E> {
                Ok(Target::named(text))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let long = Long::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Target {
                    model: long.model,
                    weight: long.weight,
                    priority: long.priority,
                    tags: long.tags,
                    canary: long.canary,
                    complexity: long.complexity,
                    description: long.description,
                    examples: long.examples,
                    max_input_tokens: long.max_input_tokens,
                    capabilities: long.capabilities,
                    max_in_flight: long.max_in_flight,
                    probe: long.probe,
                    params: long.params,
                    headers: long.headers,
                    timeouts: long.timeouts,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Target {
    /// A target of that name without overrides.
    pub fn named(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            weight: 1,
            ..Self::default()
        }
    }
}
