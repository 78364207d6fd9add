//! The variables an expression may name.

use super::Kind;

macro_rules! variables {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal $kind:ident;)*) => {
        /// Something known of a call, by the name expressions use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Variable { $($(#[doc = $doc])* $name,)* }

        impl Variable {
            /// Every one, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name, such as `request.model`.
            pub fn name(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// What it is.
            pub fn kind(self) -> Kind { match self { $(Self::$name => Kind::$kind,)* } }

            /// What it means, one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

variables! {
    /// The model as the caller names it.
    Model = "request.model" String;
    /// What is asked for: `chat`, `embeddings`, `images/generations` and so on.
    Endpoint = "request.endpoint" String;
    /// The caller's wire format: `openai`, `anthropic`, ...
    Dialect = "request.dialect" String;
    /// Whether a stream is wanted.
    Stream = "request.stream" Bool;
    /// Prompt tokens, estimated.
    InputTokens = "request.input_tokens" Int;
    /// The caller's bound on generated tokens; 0 when it sets none.
    MaxOutputTokens = "request.max_output_tokens" Int;
    /// Length of the body in bytes.
    Bytes = "request.bytes" Int;
    /// Names of the tools offered to the model.
    Tools = "request.tools" List;
    /// What the prompt holds: `text`, `image`, `audio`, `video`, `document`.
    Modalities = "request.modalities" List;
    /// The end user, where the request names one (`user`, `safety_identifier`, `metadata.user_id`, `x-tidegate-user`).
    User = "request.user" String;
    /// The tags of `x-tidegate-tags`.
    Tags = "request.tags" List;
    /// The request's `metadata`.
    Metadata = "request.metadata" Map;
    /// Headers, names in lower case; never those that hold a key.
    Headers = "request.headers" Map;
    /// Id of the caller's key; empty for callers without one.
    Key = "key.id" String;
    /// Percent used of the fullest of the caller's budgets; 0 without a budget.
    BudgetUsed = "budget.used" Double;
    /// Percent used of the fullest of the caller's limits; 0 without a limit.
    LimitUsed = "limit.used" Double;
    /// How long calls wait for a place now, or did of late, in milliseconds.
    QueueDelay = "load.queue_ms" Int;
    /// Calls that wait for a place.
    Queued = "load.queued" Int;
    /// Calls under way in this engine, this one included.
    InFlight = "load.in_flight" Int;
    /// This moment.
    Now = "now" Timestamp;
}

/// Every variable with its kind and meaning, for documentation.
pub fn variables() -> impl Iterator<Item = (&'static str, Kind, &'static str)> {
    Variable::ALL
        .iter()
        .map(|variable| (variable.name(), variable.kind(), variable.meaning()))
}

impl Variable {
    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}
