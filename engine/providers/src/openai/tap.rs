//! Watching a stream of chunks that passes through.

use memchr::memmem::Finder;
use tidegate_types::{Usage, chat::Json};

use crate::{
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, json},
        usage,
    },
    sse::SseEvent,
};

/// Follows chunks.
#[derive(Debug)]
pub(crate) struct ChunkTap {
    finished: bool,
    usage: Option<Usage>,
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

impl Default for ChunkTap {
    fn default() -> Self {
        Self {
            finished: false,
            usage: None,
            find: &FINDERS,
        }
    }
}

impl Tap for ChunkTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let data = &event.data;
        if data.starts_with(b"[DONE]") {
            return Seen::Terminal;
        }
        if let Some(name) = &event.event
            && name.as_ref() == b"error"
        {
            return failed(data);
        }
        if self.find.error.find(data).is_some()
            && let Some(chunk) = json(data)
            && chunk.get("error").is_some()
        {
            return failed(data);
        }
        if let Some(value) = value_after(&self.find.usage, data)
            && value.first() == Some(&b'{')
            && let Some(chunk) = json(data)
        {
            if let Some(read) = chunk_usage(chunk) {
                self.usage = Some(read);
            }
            if chunk
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
        if committed || json(data).is_some_and(has_content) {
            Seen::Content
        } else {
            Seen::Other
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Some vendors send no `[DONE]`, but all a finish reason.
    fn finished(&self) -> bool {
        self.finished
    }
}

/// What follows the first occurrence of the member name, white space and colon left out.
fn value_after<'d>(finder: &Finder<'_>, data: &'d [u8]) -> Option<&'d [u8]> {
    let at = finder.find(data)? + finder.needle().len();
    let rest = data.get(at..)?.trim_ascii_start();
    Some(rest.strip_prefix(b":")?.trim_ascii_start())
}

/// The usage of a chunk, also where Groq puts it.
pub(crate) fn chunk_usage(chunk: Json<'_>) -> Option<Usage> {
    let own = chunk.get("usage").filter(|usage| usage.is_object());
    let usage = own.or_else(|| chunk.get("x_groq")?.get("usage"))?;
    if !usage.is_object() {
        return None;
    }
    let mut read = usage::openai(usage);
    if let Some(service) = chunk.get("service_tier").and_then(usage::service) {
        read.service = service;
    }
    Some(read)
}

fn has_content(chunk: Json<'_>) -> bool {
    let Some(choices) = chunk.get("choices") else {
        return false;
    };
    choices.items().any(|choice| {
        // Text completions have `text` where chat chunks have `delta`.
        let said = |key: &str, value: Json<'_>| match key {
            "content" | "reasoning_content" | "reasoning" | "refusal" | "tool_calls"
            | "function_call" | "audio" | "reasoning_details" | "thinking_blocks" | "text"
            | "images" => !value.is_null() && !matches!(value.as_str(), "\"\"" | "[]" | "{}"),
            _ => false,
        };
        let delta = choice.get("delta").unwrap_or(Json::trusted("{}"));
        delta
            .members()
            .any(|(key, value)| said(&key.decode(), value))
            || choice.get("text").is_some_and(|value| said("text", value))
    })
}
