//! Writing chunks.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Delta, Stop, Text,
        write::{self, Object},
    },
};

use super::super::{OpenAi, encode, response};
use crate::dialect::{
    codec::{Encoder, StreamOptions},
    custom, failure_event, logprobs, words,
};

/// Writes chunks.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    options: StreamOptions,
    /// Everything of a chunk up to its choice.
    head: Vec<u8>,
    /// The choice under way.
    at: u64,
    choice: Choice,
    /// The others, where there are several.
    others: Vec<(u64, Choice)>,
    ended: bool,
    usage: Option<Usage>,
}

/// What is known of one of the choices.
#[derive(Debug, Default)]
struct Choice {
    told: bool,
    called: u32,
    /// The reasoning of the block under way, escaped: it is repeated with its signature.
    thought: Vec<u8>,
    signature: Option<Text<'static>>,
    blocks: u64,
    images: u64,
    /// How likely the tokens of the next words are, as JSON.
    tokens: Vec<u8>,
    /// Calls of tools that take a free text: it is known when all of it is there.
    free: Vec<(u32, String)>,
    stopped: bool,
}

impl ChunkEncoder {
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            head: Vec::new(),
            at: 0,
            choice: Choice::default(),
            others: Vec::new(),
            ended: false,
            usage: None,
        }
    }

    fn start(&mut self, id: &Text<'_>, created: Option<u64>, out: &mut Vec<u8>) {
        if !self.head.is_empty() {
            return;
        }
        self.head.extend_from_slice(b"data: {\"id\":");
        id.write(&mut self.head);
        self.head
            .extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        write::number(&mut self.head, created.unwrap_or(self.options.created));
        self.head.extend_from_slice(b",\"model\":");
        write::string(&mut self.head, &self.options.model);
        self.head.extend_from_slice(b",\"choices\":[");
        self.tell(out);
    }

    /// The first chunk of the choice under way.
    fn tell(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.choice.told, true) {
            return;
        }
        self.chunk(out, None, |delta| {
            delta
                .str("role", "assistant")
                .str("content", "")
                .literal("refusal", "null");
        });
    }

    /// Goes on with another choice.
    fn turn_to(&mut self, index: u64, out: &mut Vec<u8>) {
        if index == self.at {
            return;
        }
        let place = self.others.iter().position(|(at, _)| *at == index);
        let next = match place {
            Some(place) => self.others.swap_remove(place).1,
            None => Choice::default(),
        };
        let before = std::mem::replace(&mut self.choice, next);
        self.others.push((self.at, before));
        self.at = index;
        self.tell(out);
    }

    /// Streams that begin in the middle still need their first chunk.
    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        self.start(&Text::Escaped(""), None, out);
    }

    fn chunk(
        &mut self,
        out: &mut Vec<u8>,
        finish: Option<&str>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        write::number(out, self.at);
        out.extend_from_slice(b",\"delta\":");
        let mut delta = Object::open(out);
        fill(&mut delta);
        delta.close();
        out.extend_from_slice(b",\"logprobs\":");
        if self.choice.tokens.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            response::write_tokens(&self.choice.tokens, out);
            self.choice.tokens.clear();
        }
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(reason) => write::string(out, reason),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.options.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// Reasoning whose signature is known is sent once more as a whole, so that it can be replayed.
    fn close_thought(&mut self, out: &mut Vec<u8>) {
        let thought = std::mem::take(&mut self.choice.thought);
        let Some(signature) = self.choice.signature.take() else {
            return;
        };
        let index = self.choice.blocks;
        self.choice.blocks += 1;
        self.chunk(out, None, |delta| {
            delta.array("thinking_blocks", |list| {
                list.object(|block| {
                    block.number("index", index).str("type", "thinking");
                    let text = block.key("thinking");
                    text.push(b'"');
                    text.extend_from_slice(&thought);
                    text.push(b'"');
                    block.text("signature", &signature);
                });
            });
        });
    }

    fn stop(&mut self, stop: Option<Stop>, out: &mut Vec<u8>) {
        self.close_thought(out);
        self.close_free(out);
        if !self.choice.stopped {
            self.choice.stopped = true;
            let reason = response::finish_reason(stop, self.choice.called > 0);
            self.chunk(out, Some(reason), |_| {});
        }
    }

    /// Calls of tools that take a free text are told whole.
    fn close_free(&mut self, out: &mut Vec<u8>) {
        for (index, arguments) in std::mem::take(&mut self.choice.free) {
            let arguments = Arguments::Text(Text::plain(arguments));
            let input = custom::input(&arguments);
            self.chunk(out, None, |delta| {
                delta.array("tool_calls", |list| {
                    list.object(|call| {
                        call.number("index", index.into())
                            .object("custom", |inner| {
                                inner.text("input", &input);
                            });
                    });
                });
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.stop(None, out);
        while let Some((at, choice)) = self.others.pop() {
            (self.at, self.choice) = (at, choice);
            self.stop(None, out);
        }
        self.ended = true;
        if self.options.include_usage {
            let usage = self.usage.unwrap_or_default();
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            let mut object = Object::open(out);
            response::usage(&usage, &mut object);
            object.close();
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Encoder for ChunkEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if let Delta::Start { id, created } = &delta {
            return self.start(id, *created, out);
        }
        if let Delta::Ping = delta {
            return out.extend_from_slice(b": ping\n\n");
        }
        if let Delta::Usage(usage) = delta {
            self.usage = Some(usage);
            return;
        }
        if let Delta::Failed {
            message,
            kind,
            status,
        } = delta
        {
            self.ended = true;
            return failure_event::<OpenAi>(status, &message, &kind, out);
        }
        self.ensure_started(out);
        match delta {
            Delta::Text(text) => self.chunk(out, None, |delta| {
                delta.text("content", &text);
            }),
            Delta::Citation(source) if source.url.is_empty() => {}
            Delta::Citation(source) => self.chunk(out, None, |delta| {
                delta.array("annotations", |list| {
                    list.object(|item| response::annotation(&source, item));
                });
            }),
            Delta::Refusal(text) => self.chunk(out, None, |delta| {
                delta.text("refusal", &text);
            }),
            Delta::Choice(index) => self.turn_to(index, out),
            Delta::Logprobs(tokens) => logprobs::write(&tokens, &mut self.choice.tokens),
            Delta::Image(media) => {
                let index = self.choice.images;
                self.choice.images += 1;
                self.chunk(out, None, |delta| {
                    delta.array("images", |list| {
                        list.object(|item| response::image(index, &media, item));
                    });
                });
            }
            Delta::Thinking(text) => {
                words::escaped(&mut self.choice.thought, &text);
                self.chunk(out, None, |delta| {
                    delta.text("reasoning_content", &text);
                });
            }
            Delta::Signature(signature) => self.choice.signature = Some(signature.into_owned()),
            Delta::RedactedThinking(data) => {
                let index = self.choice.blocks;
                self.choice.blocks += 1;
                self.chunk(out, None, |delta| {
                    delta.array("thinking_blocks", |list| {
                        list.object(|block| {
                            block
                                .number("index", index)
                                .str("type", "redacted_thinking");
                            block.text("data", &data);
                        });
                    });
                });
            }
            Delta::Call {
                index,
                id,
                name,
                signature,
            } => {
                self.choice.called = self.choice.called.max(index.saturating_add(1));
                let custom = custom::name(&name);
                if custom.is_some() {
                    self.choice.free.push((index, String::new()));
                }
                self.chunk(out, None, |delta| {
                    delta.array("tool_calls", |list| {
                        list.object(|call| {
                            call.number("index", index.into()).text("id", &id);
                            match &custom {
                                Some(own) => call.str("type", "custom").object("custom", |inner| {
                                    inner.str("name", own).str("input", "");
                                }),
                                None => call.str("type", "function").object("function", |inner| {
                                    inner.text("name", &name).str("arguments", "");
                                }),
                            };
                            encode::write_proof(signature.as_ref(), call);
                        });
                    });
                });
            }
            Delta::Arguments { index, fragment } => {
                let free = self.choice.free.iter_mut().find(|(at, _)| *at == index);
                if let Some((_, held)) = free {
                    return held.push_str(&fragment.decode());
                }
                self.chunk(out, None, |delta| {
                    delta.array("tool_calls", |list| {
                        list.object(|call| {
                            call.number("index", index.into())
                                .object("function", |function| {
                                    function.text("arguments", &fragment);
                                });
                        });
                    });
                });
            }
            Delta::BlockEnd => self.close_thought(out),
            Delta::Stop { stop, .. } => self.stop(Some(stop), out),
            Delta::End => self.end(out),
            Delta::Start { .. } | Delta::Usage(_) | Delta::Ping | Delta::Failed { .. } => {}
        }
    }
}
