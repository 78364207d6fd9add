//! Watching a stream of events that passes through.

use bytes::Bytes;
use tidegate_types::{
    Usage,
    chat::{Json, Text},
};

use crate::{
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, json},
        usage::AnthropicUsage,
    },
    sse::SseEvent,
};

/// Follows message events.
#[derive(Debug, Default)]
pub(crate) struct EventTap {
    usage: AnthropicUsage,
}

impl Tap for EventTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let data = &event.data;
        let named = kind(event);
        match named.as_ref() {
            b"content_block_delta" if committed => Seen::Content,
            b"content_block_delta" | b"content_block_start" => {
                if committed || json(data).is_some_and(has_content) {
                    Seen::Content
                } else {
                    Seen::Other
                }
            }
            b"message_start" => {
                let message = json(data).and_then(|json| json.get("message"));
                if let Some(read) = message.and_then(|message| message.get("usage")) {
                    self.usage.merge(read);
                }
                Seen::Other
            }
            b"message_delta" => {
                if let Some(read) = json(data).and_then(|json| json.get("usage")) {
                    self.usage.merge(read);
                }
                Seen::Other
            }
            b"message_stop" => Seen::Terminal,
            b"error" => failed(data),
            _ => Seen::Other,
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.seen().then(|| self.usage.usage())
    }
}

/// The type of an Anthropic event: its name, or what the data says where a relay left names out.
pub(crate) fn kind(event: &SseEvent) -> Bytes {
    if let Some(name) = &event.event {
        return name.clone();
    }
    let named = json(&event.data)
        .and_then(|json| json.get("type"))
        .and_then(Json::as_text);
    named.map_or_else(Bytes::new, |kind| {
        Bytes::copy_from_slice(kind.decode().as_bytes())
    })
}

fn has_content(event: Json<'_>) -> bool {
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
