//! Watching a stream of events that passes through.

use tidegate_types::{Usage, chat::Json};

use super::decode;
use crate::{
    anthropic::kind,
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, failed_with, json},
        usage,
    },
    sse::SseEvent,
};

/// Follows the events of a response.
#[derive(Debug, Default)]
pub(crate) struct ItemTap {
    usage: Option<Usage>,
}

impl Tap for ItemTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let data = &event.data;
        if data.starts_with(b"[DONE]") {
            return Seen::Terminal;
        }
        let kind = kind(event);
        match kind.as_ref() {
            // OpenRouter's documentation has `response.done` for the end.
            b"response.completed"
            | b"response.incomplete"
            | b"response.failed"
            | b"response.done" => {
                let response = json(data).and_then(|json| json.get("response"));
                if let Some(response) = response
                    && let Some(read) = response.get("usage")
                {
                    self.usage = read.is_object().then(|| {
                        let mut read = usage::openai(read);
                        usage::beside(response, &mut read);
                        read
                    });
                }
                if kind.as_ref() == b"response.failed" {
                    let error = response.and_then(|response| response.get("error"));
                    return failed_with(error.unwrap_or(Json::trusted("{}")));
                }
                Seen::Terminal
            }
            b"error" => failed(data),
            // A relay that lost the stream says so in the shape of a reply.
            b"" if json(data).is_some_and(|data| data.get("error").is_some()) => failed(data),
            _ if committed || json(data).is_some_and(|data| has_content(&kind, data)) => {
                Seen::Content
            }
            _ => Seen::Other,
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Some vendors leave out the deltas, so that content first shows at the end of a part or an item.
fn has_content(kind: &[u8], data: Json<'_>) -> bool {
    let said = |of: Json<'_>, key| {
        of.get(key)
            .and_then(Json::as_text)
            .is_some_and(|text| !text.is_empty())
    };
    if kind.ends_with(b".delta") {
        return said(data, "delta");
    }
    match kind {
        b"response.output_item.added" | b"response.output_item.done" => {
            let Some(item) = data.get("item") else {
                return false;
            };
            match &*decode::kind(item) {
                "function_call" | "custom_tool_call" => true,
                "message" | "reasoning" => ["content", "summary"].into_iter().any(|key| {
                    let parts = item.get(key).map(Json::items).into_iter().flatten();
                    parts
                        .into_iter()
                        .any(|part| said(part, "text") || said(part, "refusal"))
                }),
                _ => false,
            }
        }
        _ if kind.ends_with(b".done") => ["text", "refusal", "arguments", "input"]
            .into_iter()
            .any(|key| said(data, key)),
        _ => false,
    }
}
