//! A reply while it is being generated.

use super::{
    json::Text,
    message::{Citation, Media},
    reply::{Stop, Token},
};
use crate::Usage;

/// What one event of a stream adds to the reply. A dialect's decoder turns its events into these,
/// in order; an encoder turns them into its own events.
#[derive(Debug)]
pub enum Delta<'a> {
    /// The reply begins.
    Start {
        /// The provider's id.
        id: Text<'a>,
        /// When it was made, in seconds since 1970, where the dialect says so.
        created: Option<u64>,
    },
    /// What follows belongs to this one of several replies: the first is 0, and it is that one's turn
    /// until another is named.
    Choice(u64),
    /// How likely the tokens of the next words are.
    Logprobs(Vec<Token<'a>>),
    /// A picture.
    Image(Media<'a>),
    /// More words.
    Text(Text<'a>),
    /// Where the words under way come from.
    Citation(Citation<'a>),
    /// More words with which the model declines.
    Refusal(Text<'a>),
    /// More reasoning.
    Thinking(Text<'a>),
    /// The proof of the reasoning since the last end of a block.
    Signature(Text<'a>),
    /// Reasoning that only its vendor can read.
    RedactedThinking(Text<'a>),
    /// A tool call begins.
    Call {
        /// Which one: the first is 0.
        index: u32,
        /// Id that the result refers to.
        id: Text<'a>,
        /// The tool.
        name: Text<'a>,
        /// Proof of the reasoning that led to it.
        signature: Option<Text<'a>>,
    },
    /// More of the arguments of a tool call, as JSON text.
    Arguments {
        /// Which call.
        index: u32,
        /// The fragment.
        fragment: Text<'a>,
    },
    /// The block under way (words, reasoning or a call) is complete, where the dialect says so.
    BlockEnd,
    /// The reply ended, and why.
    Stop {
        /// Why.
        stop: Stop,
        /// The stop text that ended it.
        sequence: Option<Text<'a>>,
    },
    /// What was consumed so far; replaces what was said before.
    Usage(Usage),
    /// Nothing, to keep the connection alive.
    Ping,
    /// The upstream failed inside the stream.
    Failed {
        /// What it says.
        message: String,
        /// The vendor's error type, or empty.
        kind: String,
        /// HTTP status that fits.
        status: u16,
    },
    /// The stream is complete.
    End,
}
