//! A line of the log, as it is written and read.

use serde::{Deserialize, Serialize};
use tidegate_types::{Money, Usage};

/// A call that ended. Durations are in milliseconds, money is in dollars. Members that say nothing are
/// left out, and members that are not known are passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// When it began, in milliseconds since 1970; written as RFC 3339.
    #[serde(with = "moment")]
    pub time: i64,
    /// Its id.
    pub request_id: String,
    /// Id of the caller's key; none for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What was asked for: `chat`, `embeddings` and so on.
    pub endpoint: String,
    /// The caller's wire format.
    pub dialect: String,
    /// The model as the caller named it.
    pub model: String,
    /// Where that led.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The rule that applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the request is like.
    pub request: Features,
    /// The tries, in the order they were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Tried>,
    /// The target that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From its beginning to its end.
    #[serde(with = "short")]
    pub ms: f64,
    /// Until the first content of a stream.
    #[serde(skip_serializing_if = "Option::is_none", with = "maybe_short")]
    pub first_token_ms: Option<f64>,
    /// What was consumed.
    #[serde(skip_serializing_if = "Option::is_none", with = "sparse")]
    pub usage: Option<Usage>,
    /// What it cost, tries included whose answers were not taken.
    pub cost: Money,
    /// `hit`, `miss` or `off`.
    pub cache: String,
    /// Slug of the error with which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it was a copy of another call, for comparison.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The request's body, where the configuration asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Calls that are missing before this line, because too many ended at once. Such a line tells of
    /// no call.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
}

/// What a request is like, as far as routing asks. Who uses the caller's program stands there as a hash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Length of the body.
    pub bytes: u64,
    /// Prompt tokens, estimated.
    pub input_tokens: u64,
    /// Whether a stream was wanted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// The caller's bound on generated tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Messages of the conversation.
    #[serde(skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// Names of the tools offered to the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What the prompt is made of besides text: `image`, `audio`, `video`, `document`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modalities: Vec<String>,
    /// Whether the reply was to follow a schema.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub structured: bool,
    /// Whether the model was to reason.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// Hash of the end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Hash of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Hash of how the prompt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The tags that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Fallbacks that the call brought itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// A try.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tried {
    /// `provider/model`.
    pub target: String,
    /// Name of the provider's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it began, since the call did.
    #[serde(with = "short")]
    pub after_ms: f64,
    /// How long it took: until its answer was complete, it failed, or nobody waited any more.
    #[serde(with = "short")]
    pub ms: f64,
    /// Until the first content of its stream.
    #[serde(skip_serializing_if = "Option::is_none", with = "maybe_short")]
    pub first_token_ms: Option<f64>,
    /// The upstream's status, when it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Slug of the error with which it ended; `cancelled` when another was quicker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

mod moment {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use tidegate_types::config::{rfc3339, unix_millis};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(*millis))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        unix_millis(&text).ok_or_else(|| D::Error::custom("no RFC 3339 moment"))
    }
}

/// Milliseconds with three decimals.
mod short {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn round(millis: f64) -> f64 {
        (millis * 1e3).round() / 1e3
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(millis: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(round(*millis))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        f64::deserialize(deserializer)
    }
}

mod maybe_short {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(
        millis: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        millis.map(super::short::round).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        Option::deserialize(deserializer)
    }
}

/// Of the many counts only those that are not zero.
mod sparse {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;
    use tidegate_types::Usage;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(
        usage: &Option<Usage>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (all, none) = (
            serde_json::to_value(usage),
            serde_json::to_value(Usage::default()),
        );
        let (Ok(Value::Object(mut all)), Ok(none)) = (all, none) else {
            return serializer.serialize_none();
        };
        let told = |name: &str| matches!(name, "input" | "output");
        all.retain(|name, value| told(name) || none.get(name) != Some(value));
        all.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Usage>, D::Error> {
        Option::deserialize(deserializer)
    }
}
