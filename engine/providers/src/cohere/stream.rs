//! Streams of events.

mod encoder;

pub(crate) use encoder::EventEncoder;

use tidegate_types::chat::{Delta, Json, Text};

use super::{decode, response, tap, usage};
use crate::{
    dialect::{
        codec::{Decoder, Fault, JSON_TOOL, MOST_BLOCKS, name},
        failure_delta, logprobs,
    },
    openai,
    sse::SseEvent,
};

/// Reads events.
#[derive(Debug, Default)]
pub(crate) struct EventDecoder {
    calls: Vec<Call>,
    /// Calls that are the caller's own.
    called: u32,
    /// A plan under way, which no event ends.
    planning: bool,
    stood_in: bool,
}

#[derive(Debug)]
struct Call {
    /// The vendor's `index`.
    index: u64,
    /// Its place among the caller's calls; none for the stand-in for a JSON reply, whose arguments
    /// are the reply's text.
    at: Option<u32>,
    /// Whether there were arguments.
    given: bool,
}

impl Decoder for EventDecoder {
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
        let data =
            Json::parse(&event.data).map_err(|message| Fault::new(Json::trusted(""), message))?;
        let kind = tap::kind(event);
        let message = tap::message(data);
        let word = |key| {
            let text = message.and_then(|message| message.get(key)?.as_text());
            text.filter(|text| !text.is_empty())
        };
        if self.planning && kind.as_ref() != b"tool-plan-delta" {
            self.planning = false;
            sink(Delta::BlockEnd);
        }
        match kind.as_ref() {
            b"message-start" => {
                let id = data.get("id").and_then(Json::as_text);
                let id = id.unwrap_or(Text::Escaped(""));
                sink(Delta::Start { id, created: None });
            }
            b"content-start" | b"content-delta" => {
                let token = data.get("logprobs").and_then(logprobs::read_cohere);
                if let Some(token) = token {
                    sink(Delta::Logprobs(vec![token]));
                }
                if let Some(content) = message.and_then(|message| message.get("content")) {
                    said(content, sink);
                }
            }
            b"content-end" => sink(Delta::BlockEnd),
            b"tool-plan-delta" => {
                if let Some(plan) = word("tool_plan") {
                    self.planning = true;
                    sink(Delta::Thinking(plan));
                }
            }
            b"tool-call-start" => self.start(data, sink)?,
            b"tool-call-delta" => self.delta(data, sink),
            b"tool-call-end" => self.stop(data, sink),
            b"citation-start" => {
                // The documentation shows one object, and lists elsewhere.
                if let Some(cited) = message.and_then(|message| message.get("citations")) {
                    let one = std::iter::once(cited).filter(|cited| cited.is_object());
                    for citation in one.chain(cited.items()) {
                        decode::sources(citation).for_each(|source| sink(Delta::Citation(source)));
                    }
                }
            }
            b"message-end" => self.end(data, sink),
            b"error" => sink(failure_delta(data)),
            b"" if tap::is_error(data) => sink(failure_delta(data)),
            _ => {}
        }
        Ok(())
    }
}

/// A fragment of a content block.
fn said<'a>(content: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
    for (key, value) in content.members() {
        let Some(text) = value.as_text().filter(|text| !text.is_empty()) else {
            continue;
        };
        match &*key.decode() {
            "text" => sink(Delta::Text(text)),
            "thinking" => sink(Delta::Thinking(text)),
            "signature" => sink(Delta::Signature(text)),
            "data" => sink(Delta::RedactedThinking(text)),
            _ => {}
        }
    }
}

/// The call that an event is about.
fn call_of(data: Json<'_>) -> Option<Json<'_>> {
    let calls = tap::message(data)?.get("tool_calls")?;
    if calls.is_array() {
        calls.items().next()
    } else {
        Some(calls)
    }
}

fn index_of(data: Json<'_>) -> u64 {
    data.get("index").and_then(Json::as_u64).unwrap_or_default()
}

impl EventDecoder {
    fn start<'a>(
        &mut self,
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let call = call_of(data).ok_or_else(|| Fault::missing(data, "delta"))?;
        if self.calls.len() >= MOST_BLOCKS {
            return Err(Fault::new(call, "is one tool call too many"));
        }
        let function = call.get("function");
        let mut held = Call {
            index: index_of(data),
            at: None,
            given: false,
        };
        if function.is_some_and(|function| name(function, "name") == JSON_TOOL) {
            self.stood_in = true;
        } else {
            let at = self.called;
            self.called += 1;
            held.at = Some(at);
            let word = |of: Option<Json<'a>>, key| of.and_then(|of| of.get(key)?.as_text());
            let id = word(Some(call), "id").filter(|id| !id.is_empty());
            sink(Delta::Call {
                index: at,
                id: id.unwrap_or_else(|| Text::plain(format!("call_{at}"))),
                name: word(function, "name").unwrap_or(Text::Escaped("")),
                signature: openai::proof(call),
            });
        }
        self.calls.push(held);
        self.delta(data, sink);
        Ok(())
    }

    fn delta<'a>(&mut self, data: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        let index = index_of(data);
        let Some(held) = self.calls.iter_mut().rfind(|call| call.index == index) else {
            return;
        };
        let given = call_of(data).and_then(|call| call.get("function")?.get("arguments"));
        let fragment = match given.map(|given| (given.as_text(), given)) {
            Some((Some(text), _)) if !text.is_empty() => text,
            Some((None, given)) => Text::plain(given.as_str()),
            _ => return,
        };
        held.given = true;
        sink(match held.at {
            Some(index) => Delta::Arguments { index, fragment },
            None => Delta::Text(fragment),
        });
    }

    fn stop<'a>(&mut self, data: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        let index = index_of(data);
        let held = self.calls.iter_mut().rfind(|call| call.index == index);
        if let Some(Call {
            at: Some(at),
            given: given @ false,
            ..
        }) = held
        {
            *given = true;
            sink(Delta::Arguments {
                index: *at,
                fragment: Text::Escaped("{}"),
            });
        }
        sink(Delta::BlockEnd);
    }

    fn end<'a>(&mut self, data: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        if let Some(delta) = data.get("delta") {
            if let Some(counts) = delta.get("usage").filter(|usage| usage.is_object()) {
                sink(Delta::Usage(usage::read(counts)));
            }
            if response::failure(delta).is_some() {
                sink(failure_delta(data));
                return;
            }
            if let Some(stop) = response::stop(&name(delta, "finish_reason")) {
                let alone = self.stood_in && self.called == 0;
                let stop = match stop {
                    tidegate_types::chat::Stop::ToolUse if alone => tidegate_types::chat::Stop::End,
                    stop => stop,
                };
                sink(Delta::Stop {
                    stop,
                    sequence: None,
                });
            }
        }
        sink(Delta::End);
    }
}
