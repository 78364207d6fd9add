//! Every code, once. `cargo xtask gen` writes the other languages' tables from [`Code::ALL`].
//!
//! Blocks: 11xx the request, 12xx policy, 2xxx an upstream's answer, 3xxx the way to the upstream,
//! 4xxx configuration, 9xxx the engine itself. A number is never used again after it is retired.

use http::StatusCode;

/// Who is at fault, and so who should act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The request or its sender.
    Caller,
    /// The engine or its configuration.
    Gateway,
    /// The provider or the way to it.
    Upstream,
}

impl Origin {
    /// `caller`, `gateway` or `upstream`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// The same request may succeed now.
    Now,
    /// The same request may succeed after a pause (`retry_after` when known).
    Later,
}

impl Retry {
    /// `never`, `now` or `later`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Now => "now",
            Self::Later => "later",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal $slug:literal $status:literal $origin:ident $retry:ident $advice:literal;)*) => {
        /// A stable error code: number, slug, HTTP status, origin, retry rule and advice.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])* $name,)* }

        impl Code {
            /// Every code, in number order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable number.
            pub fn number(self) -> u16 { match self { $(Self::$name => $number,)* } }

            /// The stable name in `snake_case`.
            pub fn slug(self) -> &'static str { match self { $(Self::$name => $slug,)* } }

            /// The name in `PascalCase`, from which class names are made.
            pub fn name(self) -> &'static str { match self { $(Self::$name => stringify!($name),)* } }

            /// HTTP status of the server's answer, unless an upstream's own status is passed on.
            pub fn status(self) -> StatusCode {
                let number: u16 = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// Who is at fault.
            pub fn origin(self) -> Origin { match self { $(Self::$name => Origin::$origin,)* } }

            /// Whether another try can help.
            pub fn retry(self) -> Retry { match self { $(Self::$name => Retry::$retry,)* } }

            /// What the reader should do.
            pub fn advice(self) -> &'static str { match self { $(Self::$name => $advice,)* } }

            /// What the code means, one sentence.
            pub fn meaning(self) -> &'static str { match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* } }
        }
    };
}

codes! {
    /// The request body is not valid JSON.
    InvalidJson = 1101 "invalid_json" 400 Caller Never "Send one complete JSON object as the body.";
    /// A field of the request is missing or has the wrong type.
    InvalidRequest = 1102 "invalid_request" 400 Caller Never "Correct the field named in `param`.";
    /// The model is no route, no `provider/model` and not in the catalogue.
    UnknownModel = 1103 "unknown_model" 404 Caller Never "Use a configured name, `provider/model`, or a model the catalogue knows.";
    /// The path or method is not one the gateway serves.
    UnknownEndpoint = 1104 "unknown_endpoint" 404 Caller Never "Check the path and method against the server documentation.";
    /// The request uses something the target's dialect cannot express, and `on_unsupported` is `error`.
    Unsupported = 1105 "unsupported" 400 Caller Never "Remove the field named in `param`, choose another target, or set `on_unsupported: drop`.";
    /// The request body is larger than the configured limit.
    BodyTooLarge = 1106 "body_too_large" 413 Caller Never "Send less, or raise `server.max_body`.";
    /// The call was cancelled by its caller.
    Cancelled = 1107 "cancelled" 499 Caller Now "Nothing: the caller went away.";
    /// The call carries no key and keys are required.
    MissingKey = 1201 "missing_key" 401 Caller Never "Send a Tidegate key as `Authorization: Bearer`, `x-api-key` or `x-tidegate-key`.";
    /// The key is not one of the configured keys.
    UnknownKey = 1202 "unknown_key" 401 Caller Never "Check the key's value.";
    /// The key, or a level above it, is disabled or past its expiry.
    InactiveKey = 1203 "inactive_key" 401 Caller Never "Enable the key or use another one.";
    /// The key may not use this model.
    ModelNotAllowed = 1204 "model_not_allowed" 403 Caller Never "Use a model on the key's list, or extend the list.";
    /// The call does not fit into a hard budget.
    BudgetExhausted = 1205 "budget_exhausted" 402 Caller Later "Raise the budget, bound the output with `max_tokens`, or wait for the window to pass.";
    /// A rate or concurrency limit is reached.
    RateLimited = 1206 "rate_limited" 429 Caller Later "Wait for `retry_after`.";
    /// The model has no price and `unpriced` is `deny`.
    UnpricedModel = 1207 "unpriced_model" 403 Gateway Never "Give the provider `prices`, or set `unpriced: estimate` or `allow`.";
    /// A rule of the configuration refuses calls like this one.
    RuleRefused = 1208 "rule_refused" 403 Caller Never "Read the reason in the message, or change the rule it names.";
    /// A level above the call does not let it ask for that, come from there, or go there.
    NotAllowed = 1209 "not_allowed" 403 Caller Never "Read in the message which level refuses what, or change its `allow` and `deny`.";
    /// The upstream answered that it is asked too often.
    UpstreamRateLimited = 2101 "upstream_rate_limited" 429 Upstream Later "Slow down, add a key or add a fallback.";
    /// The upstream refused the provider key.
    UpstreamAuth = 2102 "upstream_auth" 401 Upstream Never "Check the provider's key.";
    /// The upstream refused the request as the caller's mistake.
    UpstreamRejected = 2103 "upstream_rejected" 400 Upstream Never "Read the upstream's message; the request is at fault.";
    /// The upstream does not know the model or path.
    UpstreamNotFound = 2104 "upstream_not_found" 404 Upstream Never "Check the target's model name and base URL.";
    /// The upstream failed.
    UpstreamFailed = 2105 "upstream_failed" 502 Upstream Later "Try again later or add a fallback.";
    /// The upstream's answer is not what its dialect promises.
    UpstreamInvalid = 2106 "upstream_invalid" 502 Upstream Now "Check that the base URL speaks the configured dialect.";
    /// The stream ended before its terminal event.
    StreamInterrupted = 2107 "stream_interrupted" 502 Upstream Now "What arrived is incomplete; ask again.";
    /// The upstream reported an error inside a stream.
    StreamFailed = 2108 "stream_failed" 502 Upstream Now "What arrived is incomplete; ask again.";
    /// The prompt is too long for the model.
    ContextWindow = 2109 "context_window" 400 Upstream Never "Shorten the prompt, or name models with longer contexts under `fallbacks_on.context_window`.";
    /// The vendor's policy forbids the content.
    ContentPolicy = 2110 "content_policy" 400 Upstream Never "Change the prompt, or name other targets under `fallbacks_on.content_policy`.";
    /// The identity service of the provider's cloud refused the credentials.
    CredentialsRefused = 2111 "credentials_refused" 401 Upstream Never "Check the provider's `aws`, `azure` or `google` credentials.";
    /// The identity service of the provider's cloud could not be asked.
    CredentialsUnavailable = 2112 "credentials_unavailable" 502 Upstream Later "Check the way to the identity service, or add a fallback.";
    /// No target of the route can be used now.
    NoHealthyTarget = 2201 "no_healthy_target" 503 Upstream Later "Wait for `retry_after` or add a target.";
    /// Every target that could be asked has as many calls under way as it may, and none had room in time.
    AtCapacity = 2202 "at_capacity" 503 Gateway Later "Wait for `retry_after`, raise `max_in_flight` or `queue.max_wait`, or add a target.";
    /// Calls of this priority are turned away because waiting takes too long.
    Shed = 2203 "shed" 503 Gateway Later "Wait for `retry_after`, or send the call with a higher priority.";
    /// The upstream could not be reached.
    ConnectFailed = 3101 "connect_failed" 502 Upstream Later "Check the base URL, the network and the upstream.";
    /// Connecting took longer than `timeouts.connect`.
    ConnectTimeout = 3102 "connect_timeout" 504 Upstream Later "Check the network, or raise `timeouts.connect`.";
    /// No answer began within `timeouts.first_byte`.
    FirstByteTimeout = 3103 "first_byte_timeout" 504 Upstream Later "Raise `timeouts.first_byte` or add a fallback.";
    /// Nothing arrived for longer than `timeouts.idle`.
    IdleTimeout = 3104 "idle_timeout" 504 Upstream Later "Raise `timeouts.idle`.";
    /// The call took longer than `timeouts.total` or the caller's own limit.
    TotalTimeout = 3105 "total_timeout" 504 Upstream Later "Raise `timeouts.total` or the caller's timeout.";
    /// The connection broke before the answer was complete.
    ConnectionLost = 3106 "connection_lost" 502 Upstream Now "Try again.";
    /// The first token did not come within `timeouts.first_token`.
    FirstTokenTimeout = 3107 "first_token_timeout" 504 Upstream Later "Raise `timeouts.first_token` or add a fallback.";
    /// A stream gave no token for longer than `timeouts.stall`.
    StallTimeout = 3108 "stall_timeout" 504 Upstream Later "Raise `timeouts.stall`.";
    /// A stream gave fewer tokens per second than `timeouts.min_tokens_per_second`.
    TooSlow = 3109 "too_slow" 504 Upstream Later "Lower `timeouts.min_tokens_per_second` or choose a faster target.";
    /// The configuration has mistakes, each named with its path.
    InvalidConfig = 4101 "invalid_config" 500 Gateway Never "Correct every path named in the message.";
    /// The configuration file cannot be read.
    UnreadableConfig = 4102 "unreadable_config" 500 Gateway Never "Check the path and its permissions.";
    /// The provider has no key.
    MissingProviderKey = 4103 "missing_provider_key" 500 Gateway Never "Set the provider's environment variable or `api_key`.";
    /// The engine is closed.
    Closed = 9101 "closed" 503 Gateway Never "Open a new gateway.";
    /// The engine failed in a way it should not.
    Internal = 9102 "internal" 500 Gateway Now "Report it with the request id.";
    /// The store of budgets and limits does not answer, and what was borrowed of it is used up.
    StoreUnavailable = 9103 "store_unavailable" 503 Gateway Later "Check the store, or set `on_store_failure: open` for what may be overspent while it is down.";
}

impl Code {
    /// The code with this slug, for answers of a remote engine.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.slug() == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_slugs_are_unique_and_ascending() {
        for pair in Code::ALL.windows(2) {
            assert!(
                pair[0].number() < pair[1].number(),
                "{:?} {:?}",
                pair[0],
                pair[1]
            );
        }
        for code in Code::ALL {
            assert_eq!(Code::from_slug(code.slug()), Some(*code));
            assert!(!code.meaning().is_empty());
        }
    }
}
