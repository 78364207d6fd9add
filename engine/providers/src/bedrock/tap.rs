//! Watching a stream of events that passes through.

use tidegate_types::{Code, Usage, chat::Json};

use super::response;
use crate::{
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, json},
        usage,
    },
    event_stream::ERROR,
    sse::SseEvent,
};

/// Follows Converse events.
#[derive(Debug, Default)]
pub(crate) struct EventTap {
    usage: Option<Usage>,
    stopped: bool,
}

impl Tap for EventTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let name = event.event.as_deref().unwrap_or_default();
        match name {
            b"contentBlockDelta" if committed => Seen::Content,
            b"contentBlockDelta" | b"contentBlockStart" => {
                if committed || json(&event.data).is_some_and(has_content) {
                    Seen::Content
                } else {
                    Seen::Other
                }
            }
            b"messageStop" => {
                self.stopped = true;
                Seen::Other
            }
            b"metadata" => {
                let data = json(&event.data);
                if let Some(data) = data
                    && let Some(usage) = data.get("usage").filter(|usage| usage.is_object())
                {
                    let mut read = response::usage(usage);
                    usage::beside(data, &mut read);
                    self.usage = Some(read);
                }
                Seen::Terminal
            }
            // A model's own event, of InvokeModelWithResponseStream.
            b"chunk" => match usage::of_chunk(&event.data) {
                Some(told) => {
                    self.usage = Some(told);
                    self.stopped = true;
                    Seen::Terminal
                }
                None => Seen::Content,
            },
            name if is_failure(name) => named(failed(&event.data), name),
            _ => Seen::Other,
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// `metadata` follows `messageStop`; it holds counts, nothing of the reply.
    fn finished(&self) -> bool {
        self.stopped
    }
}

/// Whether an event with this name reports that the stream failed.
pub(super) fn is_failure(name: &[u8]) -> bool {
    name.ends_with(b"Exception") || name == ERROR.as_bytes()
}

/// The failure with the event's name for its kind, unless the gateway's own code says more.
fn named(seen: Seen, name: &[u8]) -> Seen {
    match seen {
        Seen::Failed { message, kind } if Code::from_slug(&kind).is_none() => Seen::Failed {
            message,
            kind: if name == ERROR.as_bytes() && !kind.is_empty() {
                kind
            } else {
                String::from_utf8_lossy(name).into_owned()
            },
        },
        other => other,
    }
}

fn has_content(event: Json<'_>) -> bool {
    if let Some(start) = event.get("start") {
        return start.get("toolUse").is_some();
    }
    let said = |holder: Json<'_>| {
        holder
            .members()
            .any(|(_, value)| !matches!(value.as_str(), "\"\"" | "null" | "[]" | "{}"))
    };
    event.get("delta").is_some_and(|delta| {
        delta.members().any(|(_, value)| {
            if value.is_object() {
                said(value)
            } else {
                !matches!(value.as_str(), "\"\"" | "null" | "[]")
            }
        })
    })
}
