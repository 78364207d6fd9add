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
    /// OpenAI Responses.
    Responses,
    /// Gemini `generateContent`, of Google AI and Vertex AI.
    Gemini,
    /// Bedrock Converse.
    Bedrock,
    /// Cohere v2 chat.
    Cohere,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] = &[
        Self::OpenAi,
        Self::Anthropic,
        Self::Responses,
        Self::Gemini,
        Self::Bedrock,
        Self::Cohere,
    ];

    /// Whether the model's name, and the wish for a stream, stand in the path of a request and not
    /// in its body.
    pub fn names_model_in_path(self) -> bool {
        matches!(self, Self::Gemini | Self::Bedrock)
    }

    /// The name used in configuration, headers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
        }
    }
}

/// Endpoints of the OpenAI family that are routed by model and passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Relay {
    /// `POST /completions`: text completions.
    Completions,
    /// `POST /images/generations`.
    Images,
    /// `POST /images/edits`.
    ImageEdits,
    /// `POST /images/variations`.
    ImageVariations,
    /// `POST /audio/speech`.
    Speech,
    /// `POST /audio/transcriptions`.
    Transcriptions,
    /// `POST /audio/translations`.
    Translations,
    /// `POST /moderations`.
    Moderations,
    /// `POST /rerank`, as Cohere and Jina shaped it.
    Rerank,
    /// `POST /ocr`, as Mistral shaped it.
    Ocr,
    /// `POST /videos`.
    Videos,
}

impl Relay {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::Completions,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
        Self::Moderations,
        Self::Rerank,
        Self::Ocr,
        Self::Videos,
    ];

    /// The path below the version.
    pub fn path(self) -> &'static str {
        match self {
            Self::Completions => "/completions",
            Self::Images => "/images/generations",
            Self::ImageEdits => "/images/edits",
            Self::ImageVariations => "/images/variations",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
            Self::Moderations => "/moderations",
            Self::Rerank => "/rerank",
            Self::Ocr => "/ocr",
            Self::Videos => "/videos",
        }
    }
}

/// Endpoints of one vendor that are routed by model, metered, and passed on in that vendor's own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Native {
    /// Bedrock's `InvokeModel`: the body is what the model's maker made of it.
    Invoke,
    /// Bedrock's `InvokeModelWithResponseStream`.
    InvokeStream,
    /// Google's `:predict`: Imagen, and Vertex AI's embeddings.
    Predict,
    /// Google's `:predictLongRunning`: Veo.
    PredictLongRunning,
}

impl Native {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::Invoke,
        Self::InvokeStream,
        Self::Predict,
        Self::PredictLongRunning,
    ];

    /// The verb at the end of its path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::InvokeStream => "invoke-with-response-stream",
            Self::Predict => "predict",
            Self::PredictLongRunning => "predictLongRunning",
        }
    }
}

/// In what shape models are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Listing {
    /// Names, as the caller's dialect lists them.
    #[default]
    Names,
    /// Every target of every name, as LiteLLM's `/model/info`.
    Deployments,
    /// Every name with what its targets have in common, as LiteLLM's `/model_group/info`.
    Groups,
}

/// Protocols of sessions over a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKind {
    /// OpenAI's Realtime API: `/realtime`, the model in the query.
    Realtime,
    /// OpenAI's Responses over a WebSocket: `/responses`, the model in each `response.create`.
    Responses,
    /// Gemini's Live API: `BidiGenerateContent`, the model in the first message.
    Live,
}

impl SessionKind {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Realtime, Self::Responses, Self::Live];

    /// The wire format whose address and credentials a session of this kind uses.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Realtime => Dialect::OpenAi,
            Self::Responses => Dialect::Responses,
            Self::Live => Dialect::Gemini,
        }
    }
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A conversation turn: `POST /chat/completions`, `/v1/messages`, `/responses` and so on, told
    /// apart by the call's dialect. Any dialect translates to any other.
    Chat,
    /// `POST /embeddings`.
    Embeddings,
    /// Another endpoint of the OpenAI family whose body names a model: routed by it and metered,
    /// otherwise passed on as it is.
    Relay(Relay),
    /// Something of one vendor, in its own shape.
    Native(Native),
    /// How many tokens a chat request has. Asked of vendors that count, counted here otherwise.
    CountTokens,
    /// The list of models this caller may use, or one of them.
    Models(Listing),
    /// A session over a WebSocket: messages both ways, each response metered.
    Session {
        /// What is spoken.
        kind: SessionKind,
        /// Path and query below the provider's base URL, with the leading slash.
        path: String,
    },
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
    /// Every name that [`as_str`](Self::as_str) can give.
    pub fn names() -> Vec<&'static str> {
        let mut names = vec![
            "chat",
            "embeddings",
            "count_tokens",
            "models",
            "session",
            "passthrough",
        ];
        names.extend(
            Relay::ALL
                .iter()
                .map(|relay| relay.path().trim_start_matches('/')),
        );
        names.extend(Native::ALL.iter().map(|native| native.as_str()));
        names
    }

    /// The name used in logs, prices and configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Relay(relay) => relay.path().trim_start_matches('/'),
            Self::Native(native) => native.as_str(),
            Self::CountTokens => "count_tokens",
            Self::Models(_) => "models",
            Self::Session { .. } => "session",
            Self::Passthrough { .. } => "passthrough",
        }
    }
}
