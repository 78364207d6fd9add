//! The neutral form that translations between dialects pass through.
//!
//! One set of types stands between all dialects: each dialect decodes into it and encodes from it,
//! so that a new dialect needs two translators and not one per pair. Everything borrows from the
//! body it was read from. What a dialect has and this form has not is kept as a reference to its
//! place ([`Request::unknown`]), so that it can be reported by its path.
//!
//! - [`json`], [`write`]: JSON read and written in place, order and spelling kept
//! - [`message`]: messages and their parts, shared by requests and replies
//! - [`tool`]: what the model may call, and what runs at the vendor
//! - [`reply`]: a complete reply
//! - [`stream`]: a reply while it is being generated

pub mod json;
pub mod message;
pub mod reply;
pub mod scan;
pub mod stream;
pub mod tool;
pub mod write;

pub use json::{Json, Text};
pub use message::{Arguments, Citation, Media, Message, Part, PartKind, Place, Role, Unit};
pub use reply::{Choice, Response, Stop, Token};
pub use stream::Delta;
pub use tool::{ServerKind, ServerTool, Tool, ToolChoice};

/// A conversation and how it is to be continued.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// Bytes of the body it was read from, which is about what it takes in another dialect.
    pub size: usize,
    /// Instructions that stand above the conversation.
    pub system: Vec<Part<'a>>,
    /// The conversation, oldest first.
    pub messages: Vec<Message<'a>>,
    /// What the model may call.
    pub tools: Vec<Tool<'a>>,
    /// What runs at the vendor.
    pub server_tools: Vec<ServerTool<'a>>,
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
    /// How many replies are wanted, where it is more than one.
    pub choices: Option<Given<'a, u64>>,
    /// Where the likelihood of the tokens is asked for.
    pub logprobs: Option<Json<'a>>,
    /// How many alternatives per token.
    pub top_logprobs: Option<Json<'a>>,
    /// Opaque id of the end user.
    pub user: Option<Json<'a>>,
    /// The same for those who look after safety, where a dialect keeps it apart.
    pub safety_identifier: Option<Json<'a>>,
    /// Pairs that the caller attaches: an object of strings.
    pub metadata: Option<Json<'a>>,
    /// Which calls share a cache of their prompts.
    pub cache_key: Option<Json<'a>>,
    /// How long that cache is kept.
    pub cache_retention: Option<Json<'a>>,
    /// How many words the reply makes: `low`, `medium` or `high`.
    pub verbosity: Option<Json<'a>>,
    /// Where a picture is asked for beside words.
    pub pictures: Option<Json<'a>>,
    /// How much the model shall think.
    pub reasoning: Option<Given<'a, Reasoning>>,
    /// Whether what it thinks is to be shown.
    pub thoughts: Option<Given<'a, bool>>,
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
        let must = matches!(
            choice.value,
            ToolChoice::Required | ToolChoice::Tool(_) | ToolChoice::Allowed { required: true, .. }
        );
        must.then_some(choice.from)
    }

    /// The tools that may be called: all of them, unless the caller named some.
    pub fn callable(&self) -> impl Iterator<Item = &Tool<'a>> {
        let allowed = match self.tool_choice.as_ref().map(|given| &given.value) {
            Some(ToolChoice::Allowed { names, .. }) => Some(names),
            _ => None,
        };
        let may = move |tool: &&Tool<'a>| allowed.is_none_or(|names| names.contains(&tool.name));
        self.tools.iter().filter(may)
    }

    /// The wish about tools, in the words of a dialect that is told the callable ones alone.
    pub fn plain_choice(&self) -> Option<&ToolChoice<'a>> {
        Some(match &self.tool_choice.as_ref()?.value {
            ToolChoice::Allowed { required: true, .. } => &ToolChoice::Required,
            ToolChoice::Allowed { .. } => &ToolChoice::Auto,
            choice => choice,
        })
    }

    /// The one id of the end user that a dialect has room for; a second one is added to `dropped`.
    pub fn end_user(&self, dropped: &mut Vec<Json<'a>>) -> Option<Json<'a>> {
        match (self.user, self.safety_identifier) {
            (Some(user), Some(other)) => {
                if user.as_str() != other.as_str() {
                    dropped.push(other);
                }
                Some(user)
            }
            (user, other) => user.or(other),
        }
    }

    /// The wish about thoughts, where it cannot be met by a dialect that shows what there is: they
    /// cannot be hidden, and to be seen there must be some.
    pub fn unmet_thoughts(&self) -> Option<Json<'a>> {
        let wish = self.thoughts.as_ref()?;
        (!wish.value || self.reasoning.is_none()).then_some(wish.from)
    }

    /// What only OpenAI's dialects have, for the others to report.
    pub fn of_openai(&self) -> impl Iterator<Item = Json<'a>> {
        let fields = [self.cache_key, self.cache_retention, self.verbosity];
        fields.into_iter().flatten()
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
