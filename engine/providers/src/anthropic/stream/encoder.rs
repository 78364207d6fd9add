//! Writing events.

use tidegate_types::{
    Usage,
    chat::{
        Citation, Delta, Stop, Text,
        write::{self, Object},
    },
};

use super::super::{Anthropic, response};
use crate::dialect::{
    codec::{Encoder, StreamOptions},
    failure_event, proof,
};

/// Writes events in the vendor's order: one block after the other, the stop reason and the usage
/// at the end, where other dialects may send them earlier.
#[derive(Debug)]
pub(crate) struct EventEncoder {
    options: StreamOptions,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

impl EventEncoder {
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            started: false,
            ended: false,
            open: None,
            next: 0,
            calls: Vec::new(),
            refused: false,
            stop: None,
            sequence: None,
            usage: Usage::default(),
        }
    }

    fn start(&mut self, id: &Text<'_>, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let (model, usage) = (&self.options.model, self.usage);
        event(out, "message_start", |data| {
            data.object("message", |message| {
                message
                    .text("id", id)
                    .str("type", "message")
                    .str("role", "assistant")
                    .str("model", model)
                    .literal("content", "[]")
                    .literal("stop_reason", "null")
                    .literal("stop_sequence", "null")
                    .object("usage", |object| response::usage_members(&usage, object));
            });
        });
    }

    /// Opens the block unless it is open; `fill` writes its first form.
    fn open(&mut self, kind: Open, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        if self.open == Some(kind) {
            return;
        }
        self.close(out);
        self.open = Some(kind);
        let index = self.next;
        self.next += 1;
        event(out, "content_block_start", |data| {
            data.number("index", index).object("content_block", fill);
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let index = self.next.saturating_sub(1);
            event(out, "content_block_stop", |data| {
                data.number("index", index);
            });
        }
    }

    fn delta(index: u64, kind: &str, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        event(out, "content_block_delta", |data| {
            data.number("index", index).object("delta", |delta| {
                delta.str("type", kind).text(key, text);
            });
        });
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Vec<u8>) {
        self.open(Open::Text, out, |block| {
            block.str("type", "text").str("text", "");
        });
        Self::delta(self.next - 1, "text_delta", "text", text, out);
    }

    fn cite(&mut self, source: &Citation<'_>, out: &mut Vec<u8>) {
        self.open(Open::Text, out, |block| {
            block.str("type", "text").str("text", "");
        });
        let index = self.next - 1;
        event(out, "content_block_delta", |data| {
            data.number("index", index).object("delta", |delta| {
                delta
                    .str("type", "citations_delta")
                    .object("citation", |citation| response::citation(source, citation));
            });
        });
    }

    fn think(&mut self, kind: &str, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        self.open(Open::Thinking, out, |block| {
            block
                .str("type", "thinking")
                .str("thinking", "")
                .str("signature", "");
        });
        Self::delta(self.next - 1, kind, key, text, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        self.start(&Text::Escaped(""), out);
        self.close(out);
        self.ended = true;
        let reason = response::stop_reason(self.stop, !self.calls.is_empty(), self.refused);
        let (sequence, usage) = (self.sequence.take(), self.usage);
        event(out, "message_delta", |data| {
            data.object("delta", |delta| {
                delta.str("stop_reason", reason);
                match &sequence {
                    Some(text) => delta.text("stop_sequence", text),
                    None => delta.literal("stop_sequence", "null"),
                };
            });
            data.object("usage", |object| response::usage_members(&usage, object));
        });
        event(out, "message_stop", |_| {});
    }
}

impl Encoder for EventEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match &delta {
            Delta::Start { id, .. } => return self.start(id, out),
            Delta::Usage(usage) => {
                self.usage = *usage;
                return;
            }
            Delta::Ping if !self.started => return,
            Delta::Failed {
                message,
                kind,
                status,
            } => {
                self.ended = true;
                return failure_event::<Anthropic>(*status, message, kind, out);
            }
            _ => self.start(&Text::Escaped(""), out),
        }
        match delta {
            Delta::Text(text) => self.text(&text, out),
            Delta::Refusal(text) => {
                self.refused = true;
                self.text(&text, out);
            }
            Delta::Thinking(text) => self.think("thinking_delta", "thinking", &text, out),
            Delta::Signature(text) => self.think("signature_delta", "signature", &text, out),
            Delta::RedactedThinking(data) => {
                self.close(out);
                let index = self.next;
                self.next += 1;
                event(out, "content_block_start", |start| {
                    start
                        .number("index", index)
                        .object("content_block", |block| {
                            block.str("type", "redacted_thinking").text("data", &data);
                        });
                });
                event(out, "content_block_stop", |stop| {
                    stop.number("index", index);
                });
            }
            Delta::Call {
                index,
                id,
                name,
                signature,
            } => {
                let id = proof::carry(&id, signature.as_ref());
                self.open(Open::Call(index), out, |block| {
                    block
                        .str("type", "tool_use")
                        .text("id", &id)
                        .text("name", &name);
                    block.literal("input", "{}");
                });
                self.calls.push((index, self.next - 1));
            }
            Delta::Arguments { index, fragment } => {
                // A late fragment of an earlier call still names that call's block.
                let block = self.calls.iter().rfind(|(call, _)| *call == index);
                if let Some((_, block)) = block {
                    Self::delta(*block, "input_json_delta", "partial_json", &fragment, out);
                }
            }
            Delta::BlockEnd => self.close(out),
            Delta::Stop { stop, sequence } => {
                self.stop = Some(stop);
                self.sequence = sequence.map(Text::into_owned);
            }
            Delta::Citation(source) => self.cite(&source, out),
            Delta::Ping => event(out, "ping", |_| {}),
            Delta::End => self.end(out),
            // This dialect tells none of these.
            Delta::Choice(_)
            | Delta::Logprobs(_)
            | Delta::Image(_)
            | Delta::Start { .. }
            | Delta::Usage(_)
            | Delta::Failed { .. } => {}
        }
    }
}

fn event(out: &mut Vec<u8>, kind: &str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut data = Object::open(out);
    write::string(data.key("type"), kind);
    fill(&mut data);
    data.close();
    out.extend_from_slice(b"\n\n");
}
