//! What a name answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// One scripted answer. At most one of `say`, `body`, `text`, `hex`, `sse` and `fixture` gives the
/// body; none of them gives an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the script of its own"
)]
pub struct Reply {
    /// Requests it is for; absent: any. The first reply left whose condition holds is given.
    pub when: Option<When>,
    /// How many requests it answers. Default 1.
    pub times: Times,
    /// Status. Default 200.
    pub status: Option<u16>,
    /// Headers, added to `content-type`, which follows from the body unless set here.
    pub headers: BTreeMap<String, String>,
    /// A text, put into a reply of the dialect the path speaks, streamed when asked for.
    pub say: Option<String>,
    /// Prompt and generated tokens that `say` reports. Default 10 and one per word.
    pub usage: Option<[u64; 2]>,
    /// The body as JSON, sent as it is spelled here.
    pub body: Option<Box<RawValue>>,
    /// The body as text.
    pub text: Option<String>,
    /// The body as hexadecimal, for bytes that are no text.
    pub hex: Option<String>,
    /// The body as server-sent events, each one piece on the wire.
    pub sse: Option<Vec<Chunk>>,
    /// The body from a file; `.sse` files are sent as an event stream, event by event.
    pub fixture: Option<String>,
    /// A session over a WebSocket: what the vendor does in it, in order. Afterwards it listens.
    pub session: Option<Vec<Act>>,
    /// Cut every piece into pieces of this many bytes.
    pub split: Option<usize>,
    /// Milliseconds before the status line.
    pub delay_ms: u64,
    /// Milliseconds between the pieces.
    pub pace_ms: u64,
    /// Break the connection after this many bytes of the body.
    pub cut_after: Option<usize>,
    /// Break it with a reset instead of an early end.
    pub reset: bool,
    /// Close the connection without an answer.
    pub hang_up: bool,
    /// Never send the status line, until the client leaves.
    pub stall_head: bool,
    /// After this many pieces, send nothing more until the client leaves.
    pub stall_after: Option<usize>,
    /// No length and no chunks: the body ends with the connection.
    pub nocl: bool,
}

/// What a vendor does in a session.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Sends a text: a JSON string as it is, any other JSON as it is spelled.
    Say(Box<RawValue>),
    /// Sends bytes, in hexadecimal.
    Binary(String),
    /// Sends a text of this many bytes.
    Long(usize),
    /// Waits for a message that contains this text.
    Hear(String),
    /// Sends a ping and waits for its answer.
    Ping(String),
    /// Milliseconds of silence.
    Pause(u64),
    /// Closes with a code and words, and waits for the answer.
    Close(u16, String),
    /// Breaks the connection.
    Cut(bool),
    /// Reads nothing any more.
    Deaf(bool),
}

/// An event of a stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Chunk {
    /// Bytes as they are, blank line included.
    Raw(String),
    /// `event:` and `data:` lines and the blank line are added.
    Event {
        /// The event's name.
        #[serde(default)]
        event: Option<String>,
        /// JSON, or text as it is.
        data: Value,
    },
}

/// How many requests a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// So many.
    Count(u64),
    /// `"forever"`.
    Forever(Forever),
}

/// The word `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forever {
    /// Without end.
    Forever,
}

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

/// A condition on the request; all members must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Path below the name, query included, exactly.
    pub path: Option<String>,
    /// Headers with exactly these values.
    pub headers: BTreeMap<String, String>,
    /// A text that the body contains.
    pub contains: Option<String>,
}

/// How names without a script answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The text.
    pub text: String,
    /// Into how many content events a streamed text is cut. Default: one per word.
    pub chunks: Option<usize>,
    /// Milliseconds before the status line.
    pub delay_ms: u64,
    /// Milliseconds between events.
    pub pace_ms: u64,
    /// Whether requests are recorded; load tests turn it off.
    pub record: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            text: "Hello from the mock upstream.".to_owned(),
            chunks: None,
            delay_ms: 0,
            pace_ms: 0,
            record: true,
        }
    }
}

impl When {
    pub(crate) fn holds(&self, path: &str, headers: &http::HeaderMap, body: &[u8]) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self.headers.iter().all(|(name, value)| {
                headers
                    .get(name)
                    .is_some_and(|found| found.as_bytes() == value.as_bytes())
            })
            && self.contains.as_deref().is_none_or(|text| {
                body.windows(text.len().max(1))
                    .any(|window| window == text.as_bytes())
            })
    }
}
