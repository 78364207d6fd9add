//! Streams of Converse events.

mod encoder;

pub(crate) use encoder::EventEncoder;

use tidegate_types::chat::{Delta, Json, Media, Stop, Text};

use super::{decode, response, tap};
use crate::{
    dialect::{
        codec::{Decoder, Fault, JSON_TOOL, MOST_BLOCKS, name},
        failure_delta, failure_named,
    },
    event_stream::ERROR,
    sse::SseEvent,
};

/// Reads events.
#[derive(Debug, Default)]
pub(crate) struct EventDecoder {
    blocks: Vec<(u64, Block)>,
    calls: u32,
    stood_in: bool,
}

#[derive(Debug)]
enum Block {
    /// A call; `told` once a part of its arguments was passed on.
    Call { index: u32, told: bool },
    /// The stand-in for a JSON reply: its arguments are the reply's text.
    Reply,
    /// A picture of this media type.
    Image(&'static str),
    /// What runs at the vendor.
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
        let kind = event.event.as_deref().unwrap_or_default();
        let data = Json::parse(&event.data);
        if tap::is_failure(kind) {
            let told = String::from_utf8_lossy(&event.data);
            let data = data.unwrap_or(Json::trusted(&told));
            sink(if kind == ERROR.as_bytes() {
                failure_delta(data)
            } else {
                failure_named(&String::from_utf8_lossy(kind), data)
            });
            return Ok(());
        }
        let data = data.map_err(|message| Fault::new(Json::trusted(""), message))?;
        match kind {
            b"messageStart" => sink(Delta::Start {
                id: Text::Escaped(""),
                created: None,
            }),
            b"contentBlockStart" => self.start(data, sink)?,
            b"contentBlockDelta" => self.delta(data, sink)?,
            b"contentBlockStop" => self.stop(data, sink),
            b"messageStop" => {
                if let Some(stop) = response::stop(&name(data, "stopReason")) {
                    let alone = self.stood_in && self.calls == 0;
                    let stop = if alone && stop == Stop::ToolUse {
                        Stop::End
                    } else {
                        stop
                    };
                    let sequence = response::stop_sequence(data);
                    sink(Delta::Stop { stop, sequence });
                }
            }
            b"metadata" => {
                if let Some(usage) = data.get("usage").filter(|usage| usage.is_object()) {
                    sink(Delta::Usage(response::usage(usage)));
                }
                sink(Delta::End);
            }
            _ => {}
        }
        Ok(())
    }
}

impl EventDecoder {
    fn start<'a>(
        &mut self,
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let call = data.get("start").and_then(|start| start.get("toolUse"));
        let server = data.get("start").and_then(|start| start.get("toolResult"));
        let picture = data.get("start").and_then(|start| start.get("image"));
        let begun = match call {
            None if picture.is_some() => {
                let format = picture
                    .map(|image| name(image, "format"))
                    .unwrap_or_default();
                let known = super::format::media_type(super::format::IMAGE, &format);
                Block::Image(known.unwrap_or("image/png"))
            }
            // Words need no start, and some imitators announce them all the same.
            None if server.is_none() => return Ok(()),
            Some(call) if name(call, "type") != "server_tool_use" => {
                if name(call, "name") == JSON_TOOL {
                    self.stood_in = true;
                    Block::Reply
                } else {
                    let index = self.calls;
                    self.calls += 1;
                    let word = |key: &'static str| {
                        let word = call.get(key).and_then(Json::as_text);
                        word.ok_or_else(|| Fault::missing(call, key))
                    };
                    sink(Delta::Call {
                        index,
                        id: word("toolUseId")?,
                        name: word("name")?,
                        signature: None,
                    });
                    Block::Call { index, told: false }
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
        let word = |holder: Json<'a>, key: &str| {
            let word = holder.get(key).and_then(Json::as_text);
            word.filter(|text| !text.is_empty())
        };
        if let Some(text) = word(delta, "text") {
            sink(Delta::Text(text));
        }
        if let Some(reasoning) = delta.get("reasoningContent") {
            if let Some(text) = word(reasoning, "text") {
                sink(Delta::Thinking(text));
            }
            if let Some(signature) = word(reasoning, "signature") {
                sink(Delta::Signature(signature));
            }
            if let Some(hidden) = word(reasoning, "redactedContent") {
                sink(Delta::RedactedThinking(hidden));
            }
        }
        if let Some(source) = delta.get("citation").and_then(decode::citation) {
            sink(Delta::Citation(source));
        }
        let bytes = delta
            .get("image")
            .and_then(|image| word(image.get("source")?, "bytes"));
        if let Some(bytes) = bytes {
            let at = index_of(data);
            let block = self.blocks.iter().find(|(index, _)| *index == at);
            let media_type = match block.map(|(_, block)| block) {
                Some(Block::Image(media_type)) => media_type,
                _ => "image/png",
            };
            sink(Delta::Image(Media::Base64 {
                media_type: Text::Escaped(media_type),
                data: bytes,
            }));
        }
        let fragment = delta.get("toolUse").and_then(|call| word(call, "input"));
        if let Some(fragment) = fragment {
            let at = index_of(data);
            let block = self.blocks.iter_mut().find(|(index, _)| *index == at);
            match block.map(|(_, block)| block) {
                Some(Block::Call { index, told }) => {
                    *told = true;
                    sink(Delta::Arguments {
                        index: *index,
                        fragment,
                    });
                }
                Some(Block::Reply) => sink(Delta::Text(fragment)),
                _ => {}
            }
        }
        Ok(())
    }

    fn stop<'a>(&mut self, data: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        let at = index_of(data);
        let place = self.blocks.iter().position(|(index, _)| *index == at);
        // Words and reasoning begin without an event of their own.
        let block = place.map(|place| self.blocks.swap_remove(place).1);
        match block {
            Some(Block::Call { index, told: false }) => {
                sink(Delta::Arguments {
                    index,
                    fragment: Text::Escaped("{}"),
                });
                sink(Delta::BlockEnd);
            }
            Some(Block::Other | Block::Image(_)) => {}
            _ => sink(Delta::BlockEnd),
        }
    }
}

fn index_of(data: Json<'_>) -> u64 {
    let index = data.get("contentBlockIndex").and_then(Json::as_u64);
    index.unwrap_or_default()
}
