//! The neutral form that translations between dialects pass through.
//!
//! One set of types stands between all dialects: each dialect decodes into it and encodes from it,
//! so that a new dialect needs two translators and not one per pair. Everything borrows from the
//! body it was read from. What a dialect has and this form has not is kept as a reference to its
//! place ([`Request::unknown`]), so that it can be reported by its path.
//!
//! - [`json`], [`write`]: JSON read and written in place, order and spelling kept
//! - [`message`]: messages and their parts, shared by requests and replies
//! - [`stream`]: a reply while it is being generated

pub mod json;
pub mod message;
pub mod stream;
pub mod write;

pub use json::{Json, Text};
pub use message::{Arguments, Citation, Media, Message, Part, PartKind, Role};
pub use stream::Delta;

use crate::Usage;

/// A conversation and how it is to be continued.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// Instructions that stand above the conversation.
    pub system: Vec<Part<'a>>,
    /// The conversation, oldest first.
    pub messages: Vec<Message<'a>>,
    /// What the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Whether and what it must call.
    pub tool_choice: Option<Given<'a, ToolChoice<'a>>>,
    /// False when at most one call per turn is wanted.
    pub parallel_tool_calls: Option<Given<'a, bool>>,
    /// Bound on generated tokens.
    pub max_output: Option<Given<'a, u64>>,
    /// Sampling temperature, as the caller's number.
    pub temperature: Option<Json<'a>>,
    /// Nucleus sampling.
    pub top_p: Option<Json<'a>>,
    /// Sampling from the k likeliest tokens.
    pub top_k: Option<Json<'a>>,
    /// Penalty on tokens by frequency.
    pub frequency_penalty: Option<Json<'a>>,
    /// Penalty on tokens by presence.
    pub presence_penalty: Option<Json<'a>>,
    /// Seed of the sampling.
    pub seed: Option<Json<'a>>,
    /// Texts that end the reply; each is a string.
    pub stop: Vec<Json<'a>>,
    /// Whether the reply is wanted as a stream.
    pub stream: Option<bool>,
    /// Whether the caller wants usage at the end of the stream, where a dialect lets it choose.
    pub include_usage: bool,
    /// Whether the likelihood of the tokens is wanted.
    pub logprobs: Option<Json<'a>>,
    /// How many alternatives per token.
    pub top_logprobs: Option<Json<'a>>,
    /// Opaque id of the end user.
    pub user: Option<Json<'a>>,
    /// How much the model shall think.
    pub reasoning: Option<Given<'a, Reasoning>>,
    /// Shape of the reply.
    pub format: Option<Given<'a, Format<'a>>>,
    /// Class of service.
    pub tier: Option<Given<'a, Tier>>,
    /// What the body holds beyond this form.
    pub unknown: Vec<Json<'a>>,
}

impl<'a> Request<'a> {
    /// The place of the wish that the model must call a tool, if there is one.
    pub fn must_call(&self) -> Option<Json<'a>> {
        let choice = self.tool_choice.as_ref()?;
        let must = matches!(choice.value, ToolChoice::Required | ToolChoice::Tool(_));
        must.then_some(choice.from)
    }
}

/// A setting and where the caller gave it.
#[derive(Debug, Clone)]
pub struct Given<'a, T> {
    /// The setting.
    pub value: T,
    /// Its place in the body.
    pub from: Json<'a>,
}

/// A function the model may call.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// JSON Schema of its arguments, as the caller wrote it.
    pub schema: Option<Json<'a>>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// Prompt-cache marker.
    pub cache: Option<Json<'a>>,
    /// Its place in the body.
    pub from: Json<'a>,
}

/// Whether and what the model must call.
#[derive(Debug, Clone)]
pub enum ToolChoice<'a> {
    /// It decides.
    Auto,
    /// Nothing.
    None,
    /// Something.
    Required,
    /// This tool.
    Tool(Text<'a>),
}

/// How much the model shall think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as this level allows.
    Effort(Effort),
    /// Up to this many tokens.
    Budget(u64),
    /// As the model sees fit.
    Adaptive,
}

/// A level of effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More than that.
    ExtraHigh,
    /// All there is.
    Max,
}

impl Effort {
    /// The level with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::ExtraHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// The name that OpenAI and Anthropic use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// The shape a reply must have.
#[derive(Debug, Clone)]
pub enum Format<'a> {
    /// Any JSON object.
    Json,
    /// JSON that follows a schema.
    Schema {
        /// Name of the schema.
        name: Option<Text<'a>>,
        /// What it describes.
        description: Option<Text<'a>>,
        /// The schema as the caller wrote it.
        schema: Json<'a>,
        /// Whether it must be followed exactly.
        strict: bool,
    },
}

/// Class of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The provider decides.
    Auto,
    /// Not the reserved capacity.
    Standard,
    /// Cheaper and later.
    Flex,
    /// Dearer and sooner.
    Priority,
}

/// A complete reply.
#[derive(Debug)]
pub struct Response<'a> {
    /// The provider's id.
    pub id: Option<Text<'a>>,
    /// When it was made, in seconds since 1970, where the dialect says so.
    pub created: Option<u64>,
    /// What the model said and called, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// The stop text that ended it.
    pub stop_sequence: Option<Text<'a>>,
    /// What it consumed.
    pub usage: Option<Usage>,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    End,
    /// The bound on tokens or the context window was reached.
    Length,
    /// A stop text came up.
    Sequence,
    /// The model waits for the results of its calls.
    ToolUse,
    /// The model or a filter refused.
    Refusal,
}
