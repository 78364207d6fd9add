//! Writing events.

use tidegate_types::{
    Usage,
    chat::{
        Citation, Delta, Stop, Text,
        write::{self, Object},
    },
};

use super::super::{Cohere, response, usage};
use crate::{
    dialect::{codec::Encoder, failure_event, logprobs},
    openai,
};

/// Writes events in the vendor's order: one block after the other, the finish reason and the usage
/// at the end, where other dialects may send them earlier.
#[derive(Debug, Default)]
pub(crate) struct EventEncoder {
    started: bool,
    ended: bool,
    open: Option<Open>,
    /// Content blocks so far; calls and citations are counted by themselves.
    blocks: u64,
    cited: u64,
    called: bool,
    stop: Option<Stop>,
    usage: Option<Usage>,
    /// How likely the tokens of the next words are, as JSON.
    tokens: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

impl EventEncoder {
    fn start(&mut self, id: &Text<'_>, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        out.extend_from_slice(b"event: message-start\ndata: ");
        let mut data = Object::open(out);
        data.text("id", id).str("type", "message-start");
        data.object("delta", |delta| {
            delta.object("message", |message| {
                message
                    .str("role", "assistant")
                    .literal("content", "[]")
                    .str("tool_plan", "")
                    .literal("tool_calls", "[]")
                    .literal("citations", "[]");
            });
        });
        data.close();
        out.extend_from_slice(b"\n\n");
    }

    /// Opens the content block unless it is open.
    fn open(&mut self, kind: Open, name: &str, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(out);
        self.open = Some(kind);
        let index = self.blocks;
        self.blocks += 1;
        event(out, "content-start", Some(index), |message| {
            message.object("content", |content| {
                content.str("type", name).str(name, "");
            });
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open.take() {
            None => {}
            Some(Open::Call(index)) => bare(out, "tool-call-end", index.into()),
            Some(Open::Text | Open::Thinking) => {
                bare(out, "content-end", self.blocks.saturating_sub(1));
            }
        }
    }

    /// More of the content block under way.
    fn more(&mut self, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        let index = self.blocks.saturating_sub(1);
        event(out, "content-delta", Some(index), |message| {
            message.object("content", |content| {
                content.text(key, text);
            });
        });
        if !self.tokens.is_empty() {
            // Beside the delta: in front of what closes the event.
            out.truncate(out.len().saturating_sub(b"}\n\n".len()));
            out.extend_from_slice(b",\"logprobs\":");
            out.append(&mut self.tokens);
            out.extend_from_slice(b"}\n\n");
        }
    }

    /// Members that the vendor does not have, for those who send them back; its SDKs keep them.
    fn proof(&mut self, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        self.open(Open::Thinking, "thinking", out);
        let index = self.blocks.saturating_sub(1);
        event(out, "content-delta", Some(index), |message| {
            message.object("content", |content| {
                content.str("thinking", "").text(key, text);
            });
        });
    }

    fn cite(&mut self, source: &Citation<'_>, out: &mut Vec<u8>) {
        self.open(Open::Text, "text", out);
        let (index, block) = (self.cited, self.blocks.saturating_sub(1));
        self.cited += 1;
        event(out, "citation-start", Some(index), |message| {
            message.object("citations", |item| response::citation(source, block, item));
        });
        bare(out, "citation-end", index);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        self.ended = true;
        let reason = response::finish_reason(self.stop, self.called);
        let counts = self.usage;
        out.extend_from_slice(b"event: message-end\ndata: ");
        let mut data = Object::open(out);
        data.str("type", "message-end").object("delta", |delta| {
            delta.str("finish_reason", reason);
            if let Some(counts) = &counts {
                delta.object("usage", |object| usage::write(counts, object));
            }
        });
        data.close();
        out.extend_from_slice(b"\n\ndata: [DONE]\n\n");
    }
}

impl Encoder for EventEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match &delta {
            Delta::Start { id, .. } => return self.start(id, out),
            Delta::Usage(counts) => {
                self.usage = Some(*counts);
                return;
            }
            Delta::Ping => return out.extend_from_slice(b": ping\n\n"),
            Delta::Failed {
                message,
                kind,
                status,
            } => {
                self.ended = true;
                return failure_event::<Cohere>(*status, message, kind, out);
            }
            _ => self.start(&Text::Escaped(""), out),
        }
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => {
                self.open(Open::Text, "text", out);
                self.more("text", &text, out);
            }
            Delta::Thinking(text) => {
                self.open(Open::Thinking, "thinking", out);
                self.more("thinking", &text, out);
            }
            Delta::Logprobs(tokens) => {
                self.tokens.clear();
                let mut item = Object::open(&mut self.tokens);
                logprobs::joined(&tokens, &mut item);
                item.close();
            }
            Delta::Signature(text) => self.proof("signature", &text, out),
            Delta::RedactedThinking(data) => {
                self.close(out);
                self.proof("data", &data, out);
                self.close(out);
            }
            Delta::Citation(source) => self.cite(&source, out),
            Delta::Call {
                index,
                id,
                name,
                signature,
            } => {
                self.close(out);
                self.open = Some(Open::Call(index));
                self.called = true;
                event(out, "tool-call-start", Some(index.into()), |message| {
                    message.object("tool_calls", |call| {
                        call.text("id", &id).str("type", "function").object(
                            "function",
                            |function| {
                                function.text("name", &name).str("arguments", "");
                            },
                        );
                        openai::write_proof(signature.as_ref(), call);
                    });
                });
            }
            Delta::Arguments { index, fragment } => {
                // A late fragment of an earlier call still names that call.
                event(out, "tool-call-delta", Some(index.into()), |message| {
                    message.object("tool_calls", |call| {
                        call.object("function", |function| {
                            function.text("arguments", &fragment);
                        });
                    });
                });
            }
            Delta::BlockEnd => self.close(out),
            Delta::Stop { stop, .. } => self.stop = Some(stop),
            Delta::End => self.end(out),
            // This dialect tells neither choices nor pictures.
            Delta::Choice(_)
            | Delta::Image(_)
            | Delta::Start { .. }
            | Delta::Usage(_)
            | Delta::Ping
            | Delta::Failed { .. } => {}
        }
    }
}

/// An event that adds to the message.
fn event(out: &mut Vec<u8>, kind: &str, index: Option<u64>, fill: impl FnOnce(&mut Object<'_>)) {
    head(out, kind);
    let mut data = Object::open(out);
    write::string(data.key("type"), kind);
    if let Some(index) = index {
        data.number("index", index);
    }
    data.object("delta", |delta| {
        delta.object("message", fill);
    });
    data.close();
    out.extend_from_slice(b"\n\n");
}

/// An event that only says that something is over.
fn bare(out: &mut Vec<u8>, kind: &str, index: u64) {
    head(out, kind);
    let mut data = Object::open(out);
    data.str("type", kind).number("index", index);
    data.close();
    out.extend_from_slice(b"\n\n");
}

fn head(out: &mut Vec<u8>, kind: &str) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
}
