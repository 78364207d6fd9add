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
    /// Id of the user that the key belongs to; empty without one, as all below.
    KeyUser = "key.user" String;
    /// Id of the team that the key belongs to.
    KeyTeam = "key.team" String;
    /// Id of the customer that the key belongs to.
    KeyCustomer = "key.customer" String;
    /// The key's `metadata`.
    KeyMetadata = "key.metadata" Map;
    /// The key's `tags`.
    KeyTags = "key.tags" List;
    /// Percent used of the fullest of the key's own budgets; 0 without one, as all below.
    KeyBudgetUsed = "key.budget_used" Double;
    /// Id of the user for whom the call is made.
    UserId = "user.id" String;
    /// `person` or `service`.
    UserKind = "user.kind" String;
    /// The user's `metadata`.
    UserMetadata = "user.metadata" Map;
    /// The user's `tags`.
    UserTags = "user.tags" List;
    /// Percent used of the fullest of the user's own budgets.
    UserBudgetUsed = "user.budget_used" Double;
    /// Id of the team for which the call is made.
    TeamId = "team.id" String;
    /// Id of the customer that the team belongs to.
    TeamCustomer = "team.customer" String;
    /// The team's `metadata`.
    TeamMetadata = "team.metadata" Map;
    /// The team's `tags`.
    TeamTags = "team.tags" List;
    /// Percent used of the fullest of the team's own budgets.
    TeamBudgetUsed = "team.budget_used" Double;
    /// Id of the customer for whom the call is made.
    CustomerId = "customer.id" String;
    /// The customer's `metadata`.
    CustomerMetadata = "customer.metadata" Map;
    /// The customer's `tags`.
    CustomerTags = "customer.tags" List;
    /// Percent used of the fullest of the customer's own budgets.
    CustomerBudgetUsed = "customer.budget_used" Double;
    /// The end user, as `request.user`.
    EndUser = "end_user.id" String;
    /// Percent used of the fullest of the end user's budgets.
    EndUserBudgetUsed = "end_user.budget_used" Double;
    /// The `metadata` of all levels; where several have an entry, the one nearest to the call counts.
    LevelMetadata = "metadata" Map;
    /// The tags of the call and of all levels.
    AllTags = "tags" List;
    /// Percent used of the fullest of the caller's budgets, at whatever level; 0 without a budget.
    BudgetUsed = "budget.used" Double;
    /// Percent used of the fullest of the caller's limits, at whatever level; 0 without a limit.
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
