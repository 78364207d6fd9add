//! What a model of this platform takes, known by its id. An application inference profile does not
//! tell its model; it gets what all models take.

use crate::dialect::models;

/// Facts about a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) kind: Kind,
    /// Claude's version.
    pub(super) version: Option<(u32, u32)>,
    /// `outputConfig.textFormat` and `strict` ("Get validated JSON results from models").
    pub(super) structured: bool,
}

/// Whose model it is, as far as requests differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Claude,
    /// Amazon Nova of the first generation.
    Nova,
    /// Amazon Nova 2, which reasons.
    Nova2,
    /// OpenAI's open weights.
    GptOss,
    Mistral,
    Other,
}

/// Open weights with structured output.
const STRUCTURED: &[&str] = &[
    "gpt-oss",
    "qwen3",
    "deepseek.v3",
    "gemma-3",
    "minimax",
    "kimi",
    "mistral-large-3",
    "magistral",
    "ministral",
    "voxtral",
    "nemotron",
];

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let version = models::claude_version(&name);
        let kind = if name.contains("claude") {
            Kind::Claude
        } else if name.contains("nova-2") {
            Kind::Nova2
        } else if name.contains("nova") {
            Kind::Nova
        } else if name.contains("gpt-oss") {
            Kind::GptOss
        } else if name.contains("mistral") || name.contains("mixtral") {
            Kind::Mistral
        } else {
            Kind::Other
        };
        let structured = match kind {
            Kind::Claude => version >= Some((4, 5)),
            _ => STRUCTURED.iter().any(|part| name.contains(part)),
        };
        Self {
            kind,
            version,
            structured,
        }
    }

    pub(super) fn is_claude(self) -> bool {
        self.kind == Kind::Claude
    }

    fn is_nova(self) -> bool {
        matches!(self.kind, Kind::Nova | Kind::Nova2)
    }

    /// `cachePoint` in messages and system ("Prompt caching for faster model inference").
    pub(super) fn caches(self) -> bool {
        self.kind == Kind::Claude || self.is_nova()
    }

    /// `cachePoint` among the tools.
    pub(super) fn caches_tools(self) -> bool {
        self.kind == Kind::Claude
    }

    /// Cache entries that live for an hour.
    pub(super) fn caches_long(self) -> bool {
        self.kind == Kind::Claude && self.version >= Some((4, 5))
    }

    /// `toolChoice` may be `any`.
    pub(super) fn forces_any(self) -> bool {
        self.kind == Kind::Claude || self.is_nova() || self.kind == Kind::Mistral
    }

    /// `toolChoice` may name a tool.
    pub(super) fn forces_one(self) -> bool {
        self.kind == Kind::Claude || self.is_nova()
    }

    /// A tool result may say that the tool failed.
    pub(super) fn marks_failure(self) -> bool {
        self.kind == Kind::Claude || self.is_nova()
    }
}
