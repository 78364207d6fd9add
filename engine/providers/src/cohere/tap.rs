//! Watching a stream of events that passes through.

use bytes::Bytes;
use tidegate_types::{
    Usage,
    chat::{Json, Text},
};

use super::{response, usage};
use crate::{
    anthropic,
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, json},
    },
    sse::SseEvent,
};

/// Follows the events of a message.
#[derive(Debug, Default)]
pub(crate) struct EventTap {
    usage: Option<Usage>,
    failed: bool,
}

impl Tap for EventTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let seen = self.see(event, committed);
        self.failed |= matches!(seen, Seen::Failed { .. });
        seen
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

impl EventTap {
    fn see(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let data = &event.data;
        if data.starts_with(b"[DONE]") {
            // It also follows a message that failed.
            return if self.failed {
                Seen::Other
            } else {
                Seen::Terminal
            };
        }
        match kind(event).as_ref() {
            b"content-start" | b"content-delta" | b"tool-plan-delta" => {
                if committed || json(data).is_some_and(says_something) {
                    Seen::Content
                } else {
                    Seen::Other
                }
            }
            b"tool-call-start" | b"tool-call-delta" | b"citation-start" => Seen::Content,
            b"message-end" => self.end(data),
            b"error" => failed(data),
            // A relay's error has no type.
            b"" if json(data).is_some_and(is_error) => failed(data),
            _ => Seen::Other,
        }
    }

    fn end(&mut self, data: &Bytes) -> Seen {
        let Some(delta) = json(data).and_then(|json| json.get("delta")) else {
            return Seen::Terminal;
        };
        if let Some(read) = delta.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage::read(read));
        }
        if response::failure(delta).is_some() {
            return failed(data);
        }
        Seen::Terminal
    }
}

/// The type of an event: its name, or what the data says where the names were left out.
pub(super) fn kind(event: &SseEvent) -> Bytes {
    anthropic::kind(event)
}

/// True for the body of an error in the place of an event.
pub(super) fn is_error(data: Json<'_>) -> bool {
    data.get("error").is_some()
        || data
            .get("message")
            .is_some_and(|value| value.as_text().is_some())
}

/// The new part of the message that an event brings.
pub(super) fn message(data: Json<'_>) -> Option<Json<'_>> {
    data.get("delta")?.get("message")
}

fn says_something(data: Json<'_>) -> bool {
    let Some(message) = message(data) else {
        return false;
    };
    let says = |of: Json<'_>, key: &str| {
        let text = of.get(key).and_then(Json::as_text);
        text.is_some_and(|text| !Text::is_empty(&text))
    };
    says(message, "tool_plan")
        || message.get("content").is_some_and(|content| {
            ["text", "thinking", "signature", "data"]
                .iter()
                .any(|key| says(content, key))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> SseEvent {
        let text = format!("{name}data: {data}\n\n");
        let mut splitter = crate::sse::SseSplitter::new();
        splitter.push(Bytes::from(text)).unwrap();
        splitter.next().unwrap()
    }

    #[test]
    fn kinds_of_events_are_told_apart() {
        let start =
            r#"{"type":"content-start","delta":{"message":{"content":{"type":"text","text":""}}}}"#;
        let plan = r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}"#;
        let end = r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":
            {"billed_units":{"input_tokens":3,"output_tokens":2},"tokens":{"input_tokens":9,"output_tokens":4}}}}"#
            .replace('\n', "");
        for (name, data, want) in [
            ("", start, Seen::Other),
            ("event: content-start\n", start, Seen::Other),
            ("", plan, Seen::Content),
            ("", r#"{"type":"debug","prompt":"x"}"#, Seen::Other),
            ("event: message-end\n", end.as_str(), Seen::Terminal),
            ("", end.as_str(), Seen::Terminal),
            ("", "[DONE]", Seen::Terminal),
        ] {
            assert_eq!(
                EventTap::default().observe(&event(name, data), false),
                want,
                "{data}"
            );
        }
        let mut tap = EventTap::default();
        tap.observe(&event("", &end), true);
        assert_eq!(
            tap.usage().map(|usage| (usage.input, usage.output)),
            Some((3, 2))
        );
    }

    #[test]
    fn failures_come_at_the_end_of_a_message_or_alone() {
        for (data, want, kind) in [
            (
                r#"{"type":"message-end","delta":{"error":"gone","finish_reason":"ERROR"}}"#,
                "gone",
                "ERROR",
            ),
            (
                r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#,
                "the reply ended with TIMEOUT",
                "TIMEOUT",
            ),
            (r#"{"id":"x","message":"too many"}"#, "too many", ""),
            (
                r#"{"type":"message-end","delta":{"error":"slow down","finish_reason":"ERROR","code":"rate_limited"}}"#,
                "slow down",
                "rate_limited",
            ),
        ] {
            let seen = EventTap::default().observe(&event("", data), true);
            let want = Seen::Failed {
                message: want.to_owned(),
                kind: kind.to_owned(),
            };
            assert_eq!(seen, want, "{data}");
        }
    }
}
