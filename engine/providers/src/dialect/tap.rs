//! Watching a stream that is passed on untouched.

use bytes::Bytes;
use memchr::memmem::Finder;
use tidegate_types::{
    Code, Dialect, Usage,
    chat::{Json, Text},
};

use super::usage::{self, AnthropicUsage};
use crate::sse::SseEvent;

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
    /// `[DONE]` or `message_stop`: the stream is complete.
    Terminal,
}

/// Follows one stream event by event: usage, the first content, errors and the end.
#[derive(Debug)]
pub struct StreamTap {
    dialect: Dialect,
    committed: bool,
    finished: bool,
    terminal: bool,
    usage: Option<Usage>,
    anthropic: AnthropicUsage,
    find: &'static Finders,
}

#[derive(Debug)]
struct Finders {
    usage: Finder<'static>,
    error: Finder<'static>,
    finish: Finder<'static>,
}

static FINDERS: std::sync::LazyLock<Finders> = std::sync::LazyLock::new(|| Finders {
    usage: Finder::new(b"\"usage\""),
    error: Finder::new(b"\"error\""),
    finish: Finder::new(b"\"finish_reason\""),
});

impl StreamTap {
    /// A tap at the start of a stream in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            committed: false,
            finished: false,
            terminal: false,
            usage: None,
            anthropic: AnthropicUsage::default(),
            find: &FINDERS,
        }
    }

    /// Takes note of the next event.
    pub fn observe(&mut self, event: &SseEvent) -> Seen {
        if event.data.is_empty() {
            return Seen::Other;
        }
        let seen = match self.dialect {
            Dialect::Anthropic => self.observe_anthropic(event),
            _ => self.observe_openai(event),
        };
        match seen {
            Seen::Content => self.committed = true,
            Seen::Terminal => self.terminal = true,
            _ => {}
        }
        seen
    }

    /// What the upstream reported so far; the last report counts.
    pub fn usage(&self) -> Option<Usage> {
        if self.anthropic.seen() {
            Some(self.anthropic.usage())
        } else {
            self.usage
        }
    }

    /// True when the stream may be taken as complete if the connection ends cleanly now: the
    /// terminal event came, or, in the OpenAI dialect, where some vendors send no `[DONE]`, a
    /// finish reason did.
    pub fn finished(&self) -> bool {
        self.terminal || self.finished
    }

    fn observe_openai(&mut self, event: &SseEvent) -> Seen {
        let data = &event.data;
        if data.starts_with(b"[DONE]") {
            return Seen::Terminal;
        }
        if let Some(name) = &event.event {
            if name.starts_with(b"response.") {
                return self.observe_responses(name, data);
            }
            if name.as_ref() == b"error" {
                return failed(data);
            }
        }
        if self.find.error.find(data).is_some()
            && let Some(json) = text(data)
            && json.get("error").is_some()
        {
            return failed(data);
        }
        if let Some(value) = value_after(&self.find.usage, data)
            && value.first() == Some(&b'{')
            && let Some(json) = text(data)
        {
            if let Some(read) = openai_usage(json) {
                self.usage = Some(read);
            }
            if json
                .get("choices")
                .is_some_and(|choices| choices.items().next().is_none())
            {
                return Seen::UsageOnly;
            }
        }
        // Some vendors send an empty reason until there is one.
        if !self.finished
            && value_after(&self.find.finish, data)
                .is_some_and(|value| value.starts_with(b"\"") && !value.starts_with(b"\"\""))
        {
            self.finished = true;
        }
        if self.committed || text(data).is_some_and(openai_content) {
            Seen::Content
        } else {
            Seen::Other
        }
    }

    /// Events of OpenAI's Responses API, which passes through and is metered.
    fn observe_responses(&mut self, name: &[u8], data: &Bytes) -> Seen {
        match name {
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                let response = text(data).and_then(|json| json.get("response"));
                if let Some(read) = response.and_then(|response| response.get("usage")) {
                    self.usage = usage::of_object(Dialect::OpenAi, read);
                }
                if name == b"response.failed" {
                    let error = response.and_then(|response| response.get("error"));
                    return failed_with(error.unwrap_or(Json::trusted("{}")));
                }
                Seen::Terminal
            }
            _ if self.committed || name.ends_with(b".delta") => Seen::Content,
            _ => Seen::Other,
        }
    }

    fn observe_anthropic(&mut self, event: &SseEvent) -> Seen {
        let data = &event.data;
        let kind = anthropic_kind(event);
        match kind.as_ref() {
            b"content_block_delta" if self.committed => Seen::Content,
            b"content_block_delta" | b"content_block_start" => {
                if self.committed || text(data).is_some_and(anthropic_content) {
                    Seen::Content
                } else {
                    Seen::Other
                }
            }
            b"message_start" => {
                let message = text(data).and_then(|json| json.get("message"));
                if let Some(read) = message.and_then(|message| message.get("usage")) {
                    self.anthropic.merge(read);
                }
                Seen::Other
            }
            b"message_delta" => {
                if let Some(read) = text(data).and_then(|json| json.get("usage")) {
                    self.anthropic.merge(read);
                }
                Seen::Other
            }
            b"message_stop" => Seen::Terminal,
            b"error" => failed(data),
            _ => Seen::Other,
        }
    }
}

/// The type of an Anthropic event: its name, or what the data says where a relay left names out.
pub(crate) fn anthropic_kind(event: &SseEvent) -> Bytes {
    if let Some(name) = &event.event {
        return name.clone();
    }
    let kind = text(&event.data)
        .and_then(|json| json.get("type"))
        .and_then(Json::as_text);
    kind.map_or_else(Bytes::new, |kind| {
        Bytes::copy_from_slice(kind.decode().as_bytes())
    })
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
        None => data.len() > 64 || anthropic_kind(event).as_ref() != b"ping",
    }
}

fn text(data: &[u8]) -> Option<Json<'_>> {
    std::str::from_utf8(data).ok().map(Json::trusted)
}

/// What follows the first occurrence of the member name, white space and colon left out.
fn value_after<'d>(finder: &Finder<'_>, data: &'d [u8]) -> Option<&'d [u8]> {
    let at = finder.find(data)? + finder.needle().len();
    let rest = data.get(at..)?.trim_ascii_start();
    Some(rest.strip_prefix(b":")?.trim_ascii_start())
}

/// The usage of a chunk, also where Groq puts it.
pub(crate) fn openai_usage(chunk: Json<'_>) -> Option<Usage> {
    let own = chunk.get("usage").filter(|usage| usage.is_object());
    let usage = own.or_else(|| chunk.get("x_groq")?.get("usage"))?;
    usage::of_object(Dialect::OpenAi, usage)
}

fn openai_content(chunk: Json<'_>) -> bool {
    let Some(choices) = chunk.get("choices") else {
        return false;
    };
    choices.items().any(|choice| {
        // Text completions have `text` where chat chunks have `delta`.
        let said = |key: &str, value: Json<'_>| match key {
            "content" | "reasoning_content" | "reasoning" | "refusal" | "tool_calls"
            | "function_call" | "audio" | "reasoning_details" | "thinking_blocks" | "text" => {
                !value.is_null() && !matches!(value.as_str(), "\"\"" | "[]" | "{}")
            }
            _ => false,
        };
        let delta = choice.get("delta").unwrap_or(Json::trusted("{}"));
        delta
            .members()
            .any(|(key, value)| said(&key.decode(), value))
            || choice.get("text").is_some_and(|value| said("text", value))
    })
}

fn anthropic_content(event: Json<'_>) -> bool {
    if let Some(delta) = event.get("delta") {
        return delta.members().any(|(key, value)| {
            !key.is("type") && !matches!(value.as_str(), "\"\"" | "null" | "[]" | "{}")
        });
    }
    let Some(block) = event.get("content_block") else {
        return false;
    };
    let kind = block.get("type").and_then(Json::as_text);
    match kind.as_ref().map(Text::decode).as_deref() {
        Some("text") => block
            .get("text")
            .is_some_and(|text| text.as_str() != "\"\""),
        Some("thinking") => block
            .get("thinking")
            .is_some_and(|text| text.as_str() != "\"\""),
        Some(_) => true,
        None => false,
    }
}

fn failed(data: &[u8]) -> Seen {
    let Some(json) = text(data) else {
        return Seen::Failed {
            message: String::from_utf8_lossy(data).into_owned(),
            kind: String::new(),
        };
    };
    failed_with(json)
}

fn failed_with(json: Json<'_>) -> Seen {
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
