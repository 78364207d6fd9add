//! A complete reply.

use std::borrow::Cow;

use super::{
    json::{Json, Text},
    message::Part,
};
use crate::Usage;

/// A complete reply.
#[derive(Debug, Default)]
pub struct Response<'a> {
    /// The provider's id.
    pub id: Option<Text<'a>>,
    /// When it was made, in seconds since 1970, where the dialect says so.
    pub created: Option<u64>,
    /// What was said; of several the first.
    pub first: Choice<'a>,
    /// The others, where more than one was asked for.
    pub more: Vec<Choice<'a>>,
    /// What all of them consumed.
    pub usage: Option<Usage>,
}

impl<'a> Response<'a> {
    /// What was said, one after the other.
    pub fn choices(&self) -> impl Iterator<Item = &Choice<'a>> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// One of the replies to a request.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    /// What the model said and called, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// The stop text that ended it.
    pub stop_sequence: Option<Text<'a>>,
    /// How likely its tokens were.
    pub logprobs: Vec<Token<'a>>,
}

/// A token and how likely it was.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    /// What it says.
    pub text: Text<'a>,
    /// Logarithm of its likelihood: a JSON number, as the vendor wrote it.
    pub logprob: Cow<'a, str>,
    /// Its bytes, where they were given: an array of numbers.
    pub bytes: Option<Json<'a>>,
    /// What could have stood in its place, likeliest first.
    pub top: Vec<Token<'a>>,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    End,
    /// The bound on tokens was reached.
    Length,
    /// The context window was full.
    Window,
    /// A stop text came up.
    Sequence,
    /// The model waits for the results of its calls.
    ToolUse,
    /// The model wrote a call that nobody can read.
    Malformed,
    /// The model or a filter refused.
    Refusal,
}
