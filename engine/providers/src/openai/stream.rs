//! Streams of `chat.completion.chunk`.

mod encoder;

pub(crate) use encoder::ChunkEncoder;

use tidegate_types::chat::{Delta, Json, Text};

use super::{decode, response, tap::chunk_usage};
use crate::{
    dialect::{
        codec::{Decoder, Fault, MOST_BLOCKS, name},
        custom, failure_delta, words,
    },
    sse::SseEvent,
};

/// Reads chunks.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    started: bool,
    /// Which choice was told last.
    at: u64,
    choices: Vec<(u64, Choice)>,
}

/// What is known of one of the choices.
#[derive(Debug, Default)]
struct Choice {
    said: bool,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// The vendor's `index`, which some leave out or repeat.
    index: u64,
    id: String,
    /// Its arguments are a free text, and this is told as the only argument of a function.
    custom: bool,
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
        if !self.started && (chunk.choices.is_some() || chunk.usage) {
            self.started = true;
            sink(Delta::Start {
                id: chunk.id.unwrap_or(Text::Escaped("")),
                created: chunk.created,
            });
        }
        for choice in chunk.choices.into_iter().flat_map(Json::items) {
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
    /// There is some.
    choices: Option<Json<'a>>,
    usage: bool,
    failed: bool,
}

impl<'a> Chunk<'a> {
    fn read(whole: Json<'a>) -> Self {
        let mut chunk = Self {
            whole,
            id: None,
            created: None,
            choices: None,
            usage: false,
            failed: false,
        };
        for (key, value) in whole.members().filter(|(_, value)| !value.is_null()) {
            match &*key.decode() {
                "id" => chunk.id = value.as_text(),
                "created" => chunk.created = value.as_u64(),
                "choices" => chunk.choices = value.items().next().map(|_| value),
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
        let index = choice.get("index").and_then(Json::as_u64);
        let index = index.unwrap_or_default();
        if index != self.at {
            self.at = index;
            sink(Delta::Choice(index));
        }
        let place = self.choices.iter().position(|(at, _)| *at == index);
        let place = match place {
            Some(place) => place,
            None if self.choices.len() >= MOST_BLOCKS => {
                return Err(Fault::new(choice, "is one choice too many"));
            }
            None => {
                self.choices.push((index, Choice::default()));
                self.choices.len() - 1
            }
        };
        let Some((_, state)) = self.choices.get_mut(place) else {
            return Ok(());
        };
        state.read(choice, sink)
    }
}

impl Choice {
    fn read<'a>(
        &mut self,
        choice: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let tokens = response::tokens(choice);
        if !tokens.is_empty() {
            sink(Delta::Logprobs(tokens));
        }
        // Perplexity repeats the whole message beside the last delta.
        let whole = || choice.get("message").filter(|_| !self.said);
        if let Some(delta) = choice.get("delta").or_else(whole) {
            self.delta(delta, sink)?;
        }
        if let Some(stop) = response::stop(&name(choice, "finish_reason")) {
            for (at, call) in self.calls.iter_mut().enumerate() {
                if std::mem::take(&mut call.custom) {
                    sink(Delta::Arguments {
                        index: at as u32,
                        fragment: Text::Escaped(r#"\"}"#),
                    });
                }
            }
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
        let (mut sources, mut images, mut spoken) = (None, None, None);
        for (key, value) in delta.members().filter(|(_, value)| !value.is_null()) {
            match &*key.decode() {
                // OpenRouter and others send the same words under several names.
                "reasoning_content" | "reasoning" => {
                    thought = thought.or(value.as_text().filter(|text| !text.is_empty()));
                }
                "thinking_blocks" | "reasoning_details" => blocks = blocks.or(Some(value)),
                "content" => content = Some(value),
                "annotations" => sources = Some(value),
                "images" => images = Some(value),
                // What is said aloud is told in its words.
                "audio" => spoken = value.get("transcript").and_then(Json::as_text),
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
        say(Delta::Text, spoken);
        say(Delta::Refusal, refusal);
        for block in blocks.map(Json::items).into_iter().flatten() {
            say(Delta::Signature, word(block, "signature"));
            let kind = name(block, "type");
            let hidden = matches!(&*kind, "redacted_thinking" | "reasoning.encrypted");
            if hidden && decode::of_anthropic(block) {
                say(Delta::RedactedThinking, word(block, "data"));
            }
        }
        for (media, _) in images.into_iter().flat_map(decode::pictures) {
            self.said = true;
            sink(Delta::Image(media));
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
                let custom = call.get("function").is_none() && call.get("custom").is_some();
                self.calls.push(Call {
                    index,
                    id: id.decode().into_owned(),
                    custom,
                });
                let name = name.unwrap_or(Text::Escaped(""));
                let name = if custom {
                    custom::stand_in(&name)
                } else {
                    name
                };
                sink(Delta::Call {
                    index: at as u32,
                    id,
                    name,
                    signature: decode::proof(call),
                });
                if custom {
                    sink(Delta::Arguments {
                        index: at as u32,
                        fragment: Text::Escaped(r#"{\"input\":\""#),
                    });
                }
                at
            }
        };
        let given = holder.and_then(|of| of.get("arguments").or_else(|| of.get("input")));
        if self.calls.get(at).is_some_and(|call| call.custom) {
            let more = given.and_then(Json::as_text).unwrap_or(Text::Escaped(""));
            if !more.is_empty() {
                // Inside of the string that is the only argument.
                let mut inside = Vec::new();
                words::escaped(&mut inside, &Text::plain(more.decode().into_owned()));
                let inside = String::from_utf8(inside).unwrap_or_default();
                sink(Delta::Arguments {
                    index: at as u32,
                    fragment: Text::plain(inside),
                });
            }
            return Ok(());
        }
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
                custom: false,
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
