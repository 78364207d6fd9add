//! What a call consumed.

use serde::{Deserialize, Serialize};

use crate::{Money, Picture};

/// What a call consumed, in one form for every dialect.
///
/// `input` counts every prompt token and `output` every generated one. The other token counts say how
/// many of those were of a kind that may have a price of its own: `cache_*` by where they came from,
/// `audio_*`, `image_*` and `video_*` by what they stand for. What is not counted in tokens stands
/// beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All prompt tokens.
    pub input: u64,
    /// All generated tokens.
    pub output: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache (five-minute lifetime where it has several).
    pub cache_write: u64,
    /// Prompt tokens written to the provider's one-hour cache.
    pub cache_write_1h: u64,
    /// Tokens that the provider keeps ready, times the seconds for which it does.
    pub cache_kept: u64,
    /// Generated tokens spent on reasoning.
    pub reasoning: u64,
    /// Generated tokens that cite sources, where the vendor counts them apart.
    pub citations: u64,
    /// Prompt tokens of sound, cached ones included.
    pub audio_input: u64,
    /// Prompt tokens of sound read from the cache.
    pub audio_cache_read: u64,
    /// Generated tokens of sound.
    pub audio_output: u64,
    /// Prompt tokens of pictures, cached ones included.
    pub image_input: u64,
    /// Prompt tokens of pictures read from the cache.
    pub image_cache_read: u64,
    /// Generated tokens of pictures.
    pub image_output: u64,
    /// Prompt tokens of moving pictures.
    pub video_input: u64,
    /// Generated tokens of moving pictures.
    pub video_output: u64,
    /// Characters of text to be spoken.
    pub characters: u64,
    /// Sound or moving pictures, taken in or made, in millionths of a second.
    pub micros: u64,
    /// Pictures made.
    pub images: u64,
    /// Of what size and quality they are.
    pub picture: Picture,
    /// Pages of documents read.
    pub pages: u64,
    /// Pages of documents annotated.
    pub annotated_pages: u64,
    /// Searches of the web that the vendor made.
    pub searches: u64,
    /// Searches of the vendor's stores of files.
    pub file_searches: u64,
    /// Units in which rerankers are charged.
    pub search_units: u64,
    /// Text messages of a live session that is charged by them.
    pub messages: u64,
    /// The service that answered, which need not be the one that was asked for.
    pub service: Service,
    /// Whether the answer was computed in a region that costs more (Anthropic's `inference_geo: us`).
    pub regional: bool,
    /// What the vendor says it charges for the call.
    pub charge: Option<Money>,
    /// True when the upstream gave no count and the gateway counted itself.
    pub estimated: bool,
}

/// A class of service with a price of its own.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Service {
    /// What everyone gets.
    #[default]
    Standard,
    /// Answers within a day.
    Batch,
    /// Slower and cheaper, when there is room.
    Flex,
    /// Ahead of others.
    Priority,
    /// A quicker copy of the model.
    Fast,
}

impl Service {
    /// The service a vendor's word stands for: OpenAI's `service_tier`, Anthropic's and Gemini's
    /// `service_tier`, Vertex AI's `trafficType`, Bedrock's `serviceTier.type`, Anthropic's `speed`.
    /// `None` for words that say nothing about the price, such as `auto`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "default" | "standard" | "on_demand" | "ON_DEMAND" => Self::Standard,
            "batch" => Self::Batch,
            "flex" | "ON_DEMAND_FLEX" => Self::Flex,
            "priority" | "ON_DEMAND_PRIORITY" => Self::Priority,
            "fast" => Self::Fast,
            _ => return None,
        })
    }

    /// The name used in configuration and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
        }
    }
}
