//! Streams of `chat.completion.chunk`.

use tidegate_types::{
    Usage,
    chat::{
        Delta, Json, Stop, Text,
        write::{self, Object},
    },
};

use super::{OpenAi, decode, encode, response, tap::chunk_usage};
use crate::{
    dialect::{
        codec::{Decoder, Encoder, Fault, MOST_BLOCKS, StreamOptions, name},
        failure_delta, failure_event, words,
    },
    sse::SseEvent,
};

/// Reads chunks.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    started: bool,
    said: bool,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// The vendor's `index`, which some leave out or repeat.
    index: u64,
    id: String,
}

impl Decoder for ChunkDecoder {
    fn decode<'a>(
        &mut self,
        event: &'a SseEvent,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        if event.data.is_empty() {
            return Ok(());
        }
        if event.data.starts_with(b"[DONE]") {
            sink(Delta::End);
            return Ok(());
        }
        let chunk =
            Json::parse(&event.data).map_err(|message| Fault::new(Json::trusted(""), message))?;
        let chunk = Chunk::read(chunk);
        let named = event
            .event
            .as_ref()
            .is_some_and(|name| name.as_ref() == b"error");
        if named || chunk.failed {
            sink(failure_delta(chunk.whole));
            return Ok(());
        }
        if !self.started && (chunk.choice.is_some() || chunk.usage) {
            self.started = true;
            sink(Delta::Start {
                id: chunk.id.unwrap_or(Text::Escaped("")),
                created: chunk.created,
            });
        }
        if let Some(choice) = chunk.choice {
            self.choice(choice, sink)?;
        }
        if chunk.usage
            && let Some(usage) = chunk_usage(chunk.whole)
        {
            sink(Delta::Usage(usage));
        }
        Ok(())
    }
}

/// What a chunk holds, found in one pass.
struct Chunk<'a> {
    whole: Json<'a>,
    id: Option<Text<'a>>,
    created: Option<u64>,
    /// The first choice; others have no place elsewhere.
    choice: Option<Json<'a>>,
    usage: bool,
    failed: bool,
}

impl<'a> Chunk<'a> {
    fn read(whole: Json<'a>) -> Self {
        let mut chunk = Self {
            whole,
            id: None,
            created: None,
            choice: None,
            usage: false,
            failed: false,
        };
        for (key, value) in whole.members().filter(|(_, value)| !value.is_null()) {
            match &*key.decode() {
                "id" => chunk.id = value.as_text(),
                "created" => chunk.created = value.as_u64(),
                "choices" => {
                    let first = |choice: &Json<'a>| {
                        choice
                            .get("index")
                            .and_then(Json::as_u64)
                            .unwrap_or_default()
                            == 0
                    };
                    chunk.choice = value.items().find(first);
                }
                "usage" | "x_groq" => chunk.usage = true,
                "error" => chunk.failed = true,
                _ => {}
            }
        }
        chunk
    }
}

impl ChunkDecoder {
    fn choice<'a>(
        &mut self,
        choice: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        // Perplexity repeats the whole message beside the last delta.
        let whole = || choice.get("message").filter(|_| !self.said);
        if let Some(delta) = choice.get("delta").or_else(whole) {
            self.delta(delta, sink)?;
        }
        if let Some(stop) = response::stop(&name(choice, "finish_reason")) {
            sink(Delta::Stop {
                stop,
                sequence: None,
            });
        }
        Ok(())
    }

    fn delta<'a>(
        &mut self,
        delta: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let (mut thought, mut content, mut refusal) = (None, None, None);
        let (mut blocks, mut calls, mut older) = (None, None, None);
        let mut sources = None;
        for (key, value) in delta.members().filter(|(_, value)| !value.is_null()) {
            match &*key.decode() {
                // OpenRouter and others send the same words under several names.
                "reasoning_content" | "reasoning" => {
                    thought = thought.or(value.as_text().filter(|text| !text.is_empty()));
                }
                "thinking_blocks" | "reasoning_details" => blocks = blocks.or(Some(value)),
                "content" => content = Some(value),
                "annotations" => sources = Some(value),
                "refusal" => refusal = value.as_text(),
                "tool_calls" => calls = Some(value),
                "function_call" => older = Some(value),
                _ => {}
            }
        }
        let mut say = |make: fn(Text<'a>) -> Delta<'a>, text: Option<Text<'a>>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                self.said = true;
                sink(make(text));
            }
        };
        let word = |of: Json<'a>, key| of.get(key).and_then(Json::as_text);
        if thought.is_none() {
            for block in blocks.map(Json::items).into_iter().flatten() {
                // Blocks with their signature repeat what was said before.
                let repeated = block.get("thinking").is_some() && block.get("signature").is_some();
                let text = ["thinking", "text", "summary"]
                    .iter()
                    .find_map(|key| word(block, key));
                say(Delta::Thinking, text.filter(|_| !repeated));
            }
        }
        say(Delta::Thinking, thought);
        match content {
            Some(content) if content.is_array() => {
                for item in content.items() {
                    match item.get("thinking") {
                        Some(value) => say(Delta::Thinking, mistral_thought(value)),
                        None => say(Delta::Text, word(item, "text")),
                    }
                }
            }
            Some(content) => say(Delta::Text, content.as_text()),
            None => {}
        }
        say(Delta::Refusal, refusal);
        for block in blocks.map(Json::items).into_iter().flatten() {
            say(Delta::Signature, word(block, "signature"));
            let kind = name(block, "type");
            let hidden = matches!(&*kind, "redacted_thinking" | "reasoning.encrypted");
            if hidden && decode::of_anthropic(block) {
                say(Delta::RedactedThinking, word(block, "data"));
            }
        }
        let sources = sources.map(Json::items).into_iter().flatten();
        for source in sources.filter_map(decode::source) {
            sink(Delta::Citation(source));
        }
        for (place, call) in calls.map(Json::items).into_iter().flatten().enumerate() {
            self.call(place, call, sink)?;
        }
        if let Some(call) = older {
            self.older_call(call, sink);
        }
        Ok(())
    }

    fn call<'a>(
        &mut self,
        place: usize,
        call: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        self.said = true;
        let index = call
            .get("index")
            .and_then(Json::as_u64)
            .unwrap_or(place as u64);
        let word = |of: Option<Json<'a>>, key| {
            of.and_then(|of| of.get(key)?.as_text())
                .filter(|text| !text.is_empty())
        };
        let holder = call.get("function").or_else(|| call.get("custom"));
        let id = word(Some(call), "id");
        let name = word(holder, "name");
        let known = self.calls.iter().rposition(|known| known.index == index);
        // Some vendors give every call of a turn the same index; another id tells them apart.
        let other = known.is_some_and(|at| {
            name.is_some()
                && id
                    .as_ref()
                    .is_some_and(|id| self.calls.get(at).is_some_and(|c| !id.is(&c.id)))
        });
        let at = match known {
            Some(at) if !other => at,
            _ => {
                let at = self.calls.len();
                if at >= MOST_BLOCKS {
                    return Err(Fault::new(call, "is one tool call too many"));
                }
                let id = id.unwrap_or_else(|| Text::plain(format!("call_{at}")));
                self.calls.push(Call {
                    index,
                    id: id.decode().into_owned(),
                });
                let name = name.unwrap_or(Text::Escaped(""));
                sink(Delta::Call {
                    index: at as u32,
                    id,
                    name,
                    signature: decode::proof(call),
                });
                at
            }
        };
        let given = holder.and_then(|of| of.get("arguments").or_else(|| of.get("input")));
        Self::fragment(at, given, sink);
        Ok(())
    }

    fn older_call<'a>(&mut self, call: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        self.said = true;
        if self.calls.is_empty() {
            let name = call
                .get("name")
                .and_then(Json::as_text)
                .unwrap_or(Text::Escaped(""));
            let id = Text::plain(format!("call_{}", name.decode()));
            self.calls.push(Call {
                index: 0,
                id: String::new(),
            });
            sink(Delta::Call {
                index: 0,
                id,
                name,
                signature: None,
            });
        }
        Self::fragment(0, call.get("arguments"), sink);
    }

    fn fragment<'a>(at: usize, given: Option<Json<'a>>, sink: &mut dyn FnMut(Delta<'a>)) {
        let Some(given) = given else { return };
        let fragment = match given.as_text() {
            Some(text) if text.is_empty() => return,
            Some(text) => text,
            None => Text::plain(given.as_str()),
        };
        sink(Delta::Arguments {
            index: at as u32,
            fragment,
        });
    }
}

fn mistral_thought(value: Json<'_>) -> Option<Text<'_>> {
    value.as_text().or_else(|| {
        Some(decode::join(
            value
                .items()
                .filter_map(|piece| piece.get("text")?.as_text()),
        ))
    })
}

/// Writes chunks.
#[derive(Debug)]
pub(crate) struct ChunkEncoder {
    options: StreamOptions,
    /// Everything of a chunk up to its delta.
    head: Vec<u8>,
    called: u32,
    /// The reasoning of the block under way, escaped: it is repeated with its signature.
    thought: Vec<u8>,
    signature: Option<Text<'static>>,
    blocks: u64,
    stopped: bool,
    ended: bool,
    usage: Option<Usage>,
}

impl ChunkEncoder {
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            head: Vec::new(),
            called: 0,
            thought: Vec::new(),
            signature: None,
            blocks: 0,
            stopped: false,
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
        self.chunk(out, None, |delta| {
            delta
                .str("role", "assistant")
                .str("content", "")
                .literal("refusal", "null");
        });
    }

    /// Streams that begin in the middle still need their first chunk.
    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        self.start(&Text::Escaped(""), None, out);
    }

    fn chunk(&self, out: &mut Vec<u8>, finish: Option<&str>, fill: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":0,\"delta\":");
        let mut delta = Object::open(out);
        fill(&mut delta);
        delta.close();
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
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
        let thought = std::mem::take(&mut self.thought);
        let Some(signature) = self.signature.take() else {
            return;
        };
        let index = self.blocks;
        self.blocks += 1;
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
        if !self.stopped {
            self.stopped = true;
            let reason = response::finish_reason(stop, self.called > 0);
            self.chunk(out, Some(reason), |_| {});
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close_thought(out);
        self.stop(None, out);
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
            Delta::Citation(source) => self.chunk(out, None, |delta| {
                delta.array("annotations", |list| {
                    list.object(|item| response::annotation(&source, item));
                });
            }),
            Delta::Refusal(text) => self.chunk(out, None, |delta| {
                delta.text("refusal", &text);
            }),
            Delta::Thinking(text) => {
                words::escaped(&mut self.thought, &text);
                self.chunk(out, None, |delta| {
                    delta.text("reasoning_content", &text);
                });
            }
            Delta::Signature(signature) => self.signature = Some(signature.into_owned()),
            Delta::RedactedThinking(data) => {
                let index = self.blocks;
                self.blocks += 1;
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
                self.called = self.called.max(index.saturating_add(1));
                self.chunk(out, None, |delta| {
                    delta.array("tool_calls", |list| {
                        list.object(|call| {
                            call.number("index", index.into()).text("id", &id);
                            call.str("type", "function").object("function", |function| {
                                function.text("name", &name).str("arguments", "");
                            });
                            encode::write_proof(signature.as_ref(), call);
                        });
                    });
                });
            }
            Delta::Arguments { index, fragment } => self.chunk(out, None, |delta| {
                delta.array("tool_calls", |list| {
                    list.object(|call| {
                        call.number("index", index.into())
                            .object("function", |function| {
                                function.text("arguments", &fragment);
                            });
                    });
                });
            }),
            Delta::BlockEnd => self.close_thought(out),
            Delta::Stop { stop, .. } => {
                self.close_thought(out);
                self.stop(Some(stop), out);
            }
            Delta::End => self.end(out),
            Delta::Start { .. } | Delta::Usage(_) | Delta::Ping | Delta::Failed { .. } => {}
        }
    }
}
