//! Watching a stream that is passed on untouched.

use tidegate_types::{Code, Dialect, Usage, chat::Json};

use super::{
    codec::{Codec, Tap},
    with_codec,
};
use crate::{anthropic, sse::SseEvent};

/// What an event of a stream is, as far as passing it on needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing to commit to: role chunk, ping, comment, `message_start`, empty delta.
    Other,
    /// Text, a tool call, reasoning or other generated content. After the first one, every ordinary
    /// event counts as content: it is no longer looked at that closely.
    Content,
    /// OpenAI's chunk without choices that carries usage: hidden when the gateway asked for it.
    UsageOnly,
    /// The upstream reports an error inside the stream.
    Failed {
        /// What it says.
        message: String,
        /// The vendor's error type, or its code where there is no type; may be empty.
        kind: String,
    },
    /// `[DONE]`, `message_stop` or `metadata`: the stream is complete.
    Terminal,
}

/// Follows one stream event by event: usage, the first content, errors and the end.
#[derive(Debug)]
pub struct StreamTap {
    tap: Box<dyn Tap>,
    committed: bool,
    terminal: bool,
}

impl StreamTap {
    /// A tap at the start of a stream in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            tap: with_codec!(dialect, D => Box::new(<D as Codec>::Tap::default())),
            committed: false,
            terminal: false,
        }
    }

    /// Takes note of the next event.
    pub fn observe(&mut self, event: &SseEvent) -> Seen {
        if event.data.is_empty() {
            return Seen::Other;
        }
        let seen = self.tap.observe(event, self.committed);
        match seen {
            Seen::Content => self.committed = true,
            Seen::Terminal => self.terminal = true,
            _ => {}
        }
        seen
    }

    /// What the upstream reported so far; the last report counts.
    pub fn usage(&self) -> Option<Usage> {
        self.tap.usage()
    }

    /// True when the stream may be taken as complete if the connection ends cleanly now: the
    /// terminal event came, or a finish reason did in a dialect where some vendors send none.
    pub fn finished(&self) -> bool {
        self.terminal || self.tap.finished()
    }
}

/// Whether an event says something to a caller who reads events one by one: comments, pings and
/// `[DONE]` do not, and the vendors' own SDKs leave them out too.
pub fn is_payload(event: &SseEvent) -> bool {
    let data = event.data.as_ref();
    if data.is_empty() || data == b"[DONE]" {
        return false;
    }
    match &event.event {
        Some(name) => name.as_ref() != b"ping",
        // A relay left the names out; only a short event can be a ping.
        None => data.len() > 64 || anthropic::kind(event).as_ref() != b"ping",
    }
}

/// The data of an event as JSON; vendors' events are not checked before they pass.
pub(crate) fn json(data: &[u8]) -> Option<Json<'_>> {
    std::str::from_utf8(data).ok().map(Json::trusted)
}

pub(crate) fn failed(data: &[u8]) -> Seen {
    let Some(json) = json(data) else {
        return Seen::Failed {
            message: String::from_utf8_lossy(data).into_owned(),
            kind: String::new(),
        };
    };
    failed_with(json)
}

pub(crate) fn failed_with(json: Json<'_>) -> Seen {
    let failure = super::error::Failure::read(json);
    // A gateway upstream says more with its code than its dialect's type can.
    let ours = failure.code.as_deref().and_then(Code::from_slug);
    let kind = match ours {
        Some(code) => code.slug().to_owned(),
        None => failure.kind.or(failure.code).unwrap_or_default(),
    };
    let message = failure.message.unwrap_or_else(|| json.as_str().to_owned());
    Seen::Failed { message, kind }
}
