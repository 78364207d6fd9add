//! Writing events.

use tidegate_types::{
    Usage,
    chat::{Citation, Delta, Media, Stop, Text, write::Object},
};

use super::super::{Bedrock, response};
use crate::{
    dialect::{codec::Encoder, failure_event},
    event_stream::write_frame,
};

/// Writes events in the vendor's order: one block after the other, the stop reason and then the
/// usage at the end, where other dialects may send them earlier.
#[derive(Debug, Default)]
pub(crate) struct EventEncoder {
    started: bool,
    ended: bool,
    open: Option<Open>,
    next: u64,
    /// The block of each call.
    calls: Vec<(u32, u64)>,
    refused: bool,
    stop: Option<Stop>,
    sequence: Option<Text<'static>>,
    usage: Usage,
    /// The payload of the event under way, kept for its capacity.
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

impl EventEncoder {
    fn event(&mut self, name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.payload.clear();
        let mut payload = Object::open(&mut self.payload);
        fill(&mut payload);
        payload.close();
        write_frame(name, false, &self.payload, out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            self.event("messageStart", out, |data| {
                data.str("role", "assistant");
            });
        }
    }

    /// The index of the block, which is opened unless it is open. Only calls announce themselves.
    fn open(&mut self, kind: Open, out: &mut Vec<u8>) -> u64 {
        if self.open != Some(kind) {
            self.close(out);
            self.open = Some(kind);
            self.next += 1;
        }
        self.next - 1
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let index = self.next.saturating_sub(1);
            self.event("contentBlockStop", out, |data| {
                data.number("contentBlockIndex", index);
            });
        }
    }

    fn delta(&mut self, index: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.event("contentBlockDelta", out, |data| {
            data.number("contentBlockIndex", index)
                .object("delta", fill);
        });
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Vec<u8>) {
        let index = self.open(Open::Text, out);
        self.delta(index, out, |delta| {
            delta.text("text", text);
        });
    }

    fn cite(&mut self, source: &Citation<'_>, out: &mut Vec<u8>) {
        let index = self.open(Open::Text, out);
        self.delta(index, out, |delta| {
            delta.object("citation", |item| response::write_citation(source, item));
        });
    }

    /// A picture, as a block of its own.
    fn draw(&mut self, media: &Media<'_>, out: &mut Vec<u8>) {
        let Some((format, data)) = response::picture(media) else {
            return;
        };
        self.close(out);
        let index = self.next;
        self.next += 1;
        self.event("contentBlockStart", out, |event| {
            event
                .number("contentBlockIndex", index)
                .object("start", |start| {
                    start.object("image", |image| {
                        image.str("format", format);
                    });
                });
        });
        self.delta(index, out, |delta| {
            delta.object("image", |image| {
                image.object("source", |source| {
                    source.text("bytes", data);
                });
            });
        });
        self.event("contentBlockStop", out, |event| {
            event.number("contentBlockIndex", index);
        });
    }

    fn think(&mut self, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        let index = self.open(Open::Thinking, out);
        self.delta(index, out, |delta| {
            delta.object("reasoningContent", |reasoning| {
                reasoning.text(key, text);
            });
        });
    }

    fn call(&mut self, call: u32, id: &Text<'_>, name: &Text<'_>, out: &mut Vec<u8>) {
        let index = self.open(Open::Call(call), out);
        self.calls.push((call, index));
        self.event("contentBlockStart", out, |data| {
            data.number("contentBlockIndex", index)
                .object("start", |start| {
                    start.object("toolUse", |item| {
                        item.text("name", name).text("toolUseId", id);
                    });
                });
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        self.ended = true;
        let reason = response::stop_reason(self.stop, !self.calls.is_empty(), self.refused);
        let (sequence, usage) = (self.sequence.take(), self.usage);
        self.event("messageStop", out, |data| {
            response::write_stop_sequence(sequence.as_ref(), data);
            data.str("stopReason", reason);
        });
        self.event("metadata", out, |data| {
            data.object("metrics", |metrics| {
                metrics.number("latencyMs", 0);
            });
            response::write_usage(&usage, data);
        });
    }
}

impl Encoder for EventEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match &delta {
            Delta::Usage(usage) => {
                self.usage = *usage;
                return;
            }
            // The framing has nothing that says nothing.
            Delta::Ping => return,
            Delta::Failed {
                message,
                kind,
                status,
            } => {
                self.ended = true;
                return failure_event::<Bedrock>(*status, message, kind, out);
            }
            _ => self.start(out),
        }
        match delta {
            Delta::Text(text) => self.text(&text, out),
            Delta::Refusal(text) => {
                self.refused = true;
                self.text(&text, out);
            }
            Delta::Thinking(text) => self.think("text", &text, out),
            Delta::Signature(text) => self.think("signature", &text, out),
            Delta::RedactedThinking(data) => {
                // Hidden reasoning is a block of its own.
                self.close(out);
                self.think("redactedContent", &response::hidden(&data), out);
                self.close(out);
            }
            Delta::Call {
                index, id, name, ..
            } => self.call(index, &id, &name, out),
            Delta::Arguments { index, fragment } => {
                // A late fragment of an earlier call still names that call's block.
                let block = self.calls.iter().rfind(|(call, _)| *call == index);
                if let Some((_, block)) = block.copied() {
                    self.delta(block, out, |delta| {
                        delta.object("toolUse", |call| {
                            call.text("input", &fragment);
                        });
                    });
                }
            }
            Delta::BlockEnd => self.close(out),
            Delta::Stop { stop, sequence } => {
                self.stop = Some(stop);
                self.sequence = sequence.map(Text::into_owned);
            }
            Delta::Citation(source) => self.cite(&source, out),
            Delta::Image(media) => self.draw(&media, out),
            Delta::End => self.end(out),
            // This dialect tells neither choices nor likelihoods.
            Delta::Choice(_)
            | Delta::Logprobs(_)
            | Delta::Start { .. }
            | Delta::Usage(_)
            | Delta::Ping
            | Delta::Failed { .. } => {}
        }
    }
}
