//! Wire formats and the endpoints they offer.

use serde::{Deserialize, Serialize};

/// A wire format, spoken by callers and by providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI chat completions and everything that imitates it.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic messages.
    Anthropic,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] = &[Self::OpenAi, Self::Anthropic];

    /// The name used in configuration, headers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A conversation turn: OpenAI `POST /chat/completions` or Anthropic `POST /v1/messages`,
    /// told apart by the call's dialect. Any dialect translates to any other.
    Chat,
    /// `POST /embeddings`.
    Embeddings,
    /// The list of models this caller may use.
    Models,
    /// Any other path of one provider, forwarded untouched.
    Passthrough {
        /// Provider named by the prefix or host.
        provider: String,
        /// Method of the request.
        method: http::Method,
        /// Path and query below the provider's base URL, with the leading slash.
        path: String,
    },
}

impl Endpoint {
    /// The name used in logs, prices and configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
            Self::Passthrough { .. } => "passthrough",
        }
    }
}
