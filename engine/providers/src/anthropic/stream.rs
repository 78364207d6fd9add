//! Streams of message events.

mod encoder;

pub(crate) use encoder::EventEncoder;

use tidegate_types::chat::{Delta, Json, Stop, Text};

use super::{decode, response, tap};
use crate::{
    dialect::{
        codec::{Decoder, Fault, JSON_TOOL, MOST_BLOCKS, name},
        failure_delta, proof,
        usage::AnthropicUsage,
    },
    sse::SseEvent,
};

/// Reads events.
#[derive(Debug, Default)]
pub(crate) struct EventDecoder {
    blocks: Vec<(u64, Block)>,
    calls: u32,
    usage: AnthropicUsage,
    stood_in: bool,
}

#[derive(Debug)]
enum Block {
    /// Words or reasoning.
    Prose,
    /// A call whose arguments, given at its start, were not yet passed on.
    Call { index: u32, given: Option<String> },
    /// The stand-in for a JSON reply: its arguments are the reply's text.
    Reply,
    /// A tool that ran at the vendor.
    Other,
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
        let kind = tap::kind(event);
        if matches!(kind.as_ref(), b"ping") {
            sink(Delta::Ping);
            return Ok(());
        }
        let data =
            Json::parse(&event.data).map_err(|message| Fault::new(Json::trusted(""), message))?;
        match kind.as_ref() {
            b"message_start" => {
                let message = data
                    .get("message")
                    .ok_or_else(|| Fault::missing(data, "message"))?;
                let id = message
                    .get("id")
                    .and_then(Json::as_text)
                    .unwrap_or(Text::Escaped(""));
                sink(Delta::Start { id, created: None });
                self.count(message, sink);
            }
            b"content_block_start" => self.start(data, sink)?,
            b"content_block_delta" => self.delta(data, sink)?,
            b"content_block_stop" => self.stop(data, sink),
            b"message_delta" => {
                self.count(data, sink);
                if let Some(delta) = data.get("delta")
                    && let Some(stop) = response::stop(&name(delta, "stop_reason"))
                {
                    let alone = self.stood_in && self.calls == 0;
                    let stop = if alone && stop == Stop::ToolUse {
                        Stop::End
                    } else {
                        stop
                    };
                    let sequence = delta.get("stop_sequence").and_then(Json::as_text);
                    sink(Delta::Stop { stop, sequence });
                }
            }
            b"message_stop" => sink(Delta::End),
            b"error" => sink(failure_delta(data)),
            // The documentation asks clients to pass over events they do not know.
            _ => {}
        }
        Ok(())
    }
}

impl EventDecoder {
    fn count<'a>(&mut self, holder: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        if let Some(usage) = holder.get("usage") {
            self.usage.merge(usage);
            sink(Delta::Usage(self.usage.usage()));
        }
    }

    fn start<'a>(
        &mut self,
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let block = data.get("content_block");
        let block = block.ok_or_else(|| Fault::missing(data, "content_block"))?;
        let word = |key| {
            block
                .get(key)
                .and_then(Json::as_text)
                .filter(|text| !text.is_empty())
        };
        let begun = match &*name(block, "type") {
            "text" => {
                if let Some(text) = word("text") {
                    sink(Delta::Text(text));
                }
                Block::Prose
            }
            "thinking" => {
                if let Some(text) = word("thinking") {
                    sink(Delta::Thinking(text));
                }
                if let Some(signature) = word("signature") {
                    sink(Delta::Signature(signature));
                }
                Block::Prose
            }
            "redacted_thinking" => {
                if let Some(hidden) = word("data") {
                    sink(Delta::RedactedThinking(hidden));
                }
                Block::Other
            }
            "tool_use" if name(block, "name") == JSON_TOOL => {
                self.stood_in = true;
                Block::Reply
            }
            "tool_use" => {
                let index = self.calls;
                self.calls += 1;
                let id = word("id").ok_or_else(|| Fault::missing(block, "id"))?;
                let (id, signature) = proof::take(id);
                let name = word("name").ok_or_else(|| Fault::missing(block, "name"))?;
                sink(Delta::Call {
                    index,
                    id,
                    name,
                    signature,
                });
                let given = block.get("input").map_or("{}", Json::as_str);
                Block::Call {
                    index,
                    given: Some(given.to_owned()),
                }
            }
            _ => Block::Other,
        };
        let at = index_of(data);
        self.blocks.retain(|(index, _)| *index != at);
        if self.blocks.len() >= MOST_BLOCKS {
            return Err(Fault::new(data, "opens one block too many"));
        }
        self.blocks.push((at, begun));
        Ok(())
    }

    fn delta<'a>(
        &mut self,
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let delta = data
            .get("delta")
            .ok_or_else(|| Fault::missing(data, "delta"))?;
        let at = index_of(data);
        let block = self
            .blocks
            .iter_mut()
            .find(|(index, _)| *index == at)
            .map(|(_, block)| block);
        let kind = name(delta, "type");
        let key = match &*kind {
            "text_delta" => "text",
            "thinking_delta" => "thinking",
            "signature_delta" => "signature",
            "input_json_delta" => "partial_json",
            "citations_delta" => {
                let source = delta.get("citation").and_then(decode::citation);
                if let Some(source) = source {
                    sink(Delta::Citation(source));
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let said = delta
            .get(key)
            .and_then(Json::as_text)
            .filter(|text| !text.is_empty());
        let Some(said) = said else { return Ok(()) };
        match (key, block) {
            ("text", _) => sink(Delta::Text(said)),
            ("thinking", _) => sink(Delta::Thinking(said)),
            ("signature", _) => sink(Delta::Signature(said)),
            (_, Some(Block::Call { index, given })) => {
                *given = None;
                sink(Delta::Arguments {
                    index: *index,
                    fragment: said,
                });
            }
            (_, Some(Block::Reply)) => sink(Delta::Text(said)),
            _ => {}
        }
        Ok(())
    }

    fn stop<'a>(&mut self, data: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        let at = index_of(data);
        let Some(place) = self.blocks.iter().position(|(index, _)| *index == at) else {
            return;
        };
        match self.blocks.swap_remove(place).1 {
            // Without a fragment the arguments are those of the start, as a rule none.
            Block::Call {
                index,
                given: Some(given),
            } => {
                sink(Delta::Arguments {
                    index,
                    fragment: Text::plain(given),
                });
                sink(Delta::BlockEnd);
            }
            Block::Call { .. } | Block::Prose | Block::Reply => sink(Delta::BlockEnd),
            Block::Other => {}
        }
    }
}

fn index_of(data: Json<'_>) -> u64 {
    data.get("index").and_then(Json::as_u64).unwrap_or_default()
}
