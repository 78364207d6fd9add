//! Streams of response events.

mod encoder;
mod open;

pub(crate) use encoder::ItemEncoder;

use tidegate_types::chat::{Arguments, Delta, Json, Text};

use super::{decode, response};
use crate::{
    anthropic::kind as kind_of,
    dialect::{
        codec::{Decoder, Fault, MOST_BLOCKS, array, name},
        custom, failure_delta, logprobs,
        proof::Proof,
        usage,
    },
    openai,
    sse::SseEvent,
};

/// Reads events.
///
/// Everything is said up to four times: as deltas, at the end of its part, at the end of its item
/// and in the final response. Vendors leave some of these out, so what was passed on is counted, and
/// a later repetition adds only what is beyond the count.
#[derive(Debug, Default)]
pub(crate) struct ItemDecoder {
    started: bool,
    ended: bool,
    items: Vec<Item>,
    calls: u32,
}

#[derive(Debug)]
struct Item {
    /// The vendor's `output_index`, where it gives one.
    place: Option<u64>,
    id: String,
    kind: Kind,
    /// The parts of which something was passed on, by name and index.
    said: Vec<(&'static str, u64)>,
    /// Sources passed on.
    cited: usize,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Reasoning,
    Call {
        /// Which call, once it was announced.
        index: Option<u32>,
        /// Its arguments are a free text.
        custom: bool,
    },
    /// A picture.
    Image,
    /// What runs at the vendor.
    Other,
}

impl Kind {
    fn of(item: Json<'_>) -> Self {
        match &*decode::kind(item) {
            "message" => Self::Message,
            "reasoning" => Self::Reasoning,
            "image_generation_call" => Self::Image,
            "function_call" => Self::Call {
                index: None,
                custom: false,
            },
            "custom_tool_call" => Self::Call {
                index: None,
                custom: true,
            },
            _ => Self::Other,
        }
    }

    /// True when both are messages, reasoning or calls.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl Decoder for ItemDecoder {
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
        let kind = kind_of(event);
        let data =
            Json::parse(&event.data).map_err(|message| Fault::new(Json::trusted(""), message))?;
        match kind.as_ref() {
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                self.start(data.get("response"), sink);
            }
            b"keepalive" | b"ping" => sink(Delta::Ping),
            b"error" => sink(failure_delta(data)),
            b"" if data.get("error").is_some() => sink(failure_delta(data)),
            b"response.failed" => {
                sink(failure_delta(data.get("response").unwrap_or(data)));
            }
            b"response.completed" | b"response.incomplete" | b"response.done" => {
                self.finish(data, sink)?;
            }
            b"response.output_item.added" => {
                if let Some(item) = data.get("item") {
                    self.start(None, sink);
                    let at = self.item(data, item)?;
                    self.announce(at, item, sink);
                }
            }
            b"response.output_item.done" => {
                if let Some(item) = data.get("item") {
                    self.start(None, sink);
                    let at = self.item(data, item)?;
                    self.settle(at, item, sink);
                }
            }
            b"response.output_text.annotation.added" => {
                let source = data.get("annotation").and_then(decode::source_of);
                if let Some(source) = source {
                    self.start(None, sink);
                    if let Some(item) = self.known(data, Kind::Message) {
                        item.cited += 1;
                    }
                    sink(Delta::Citation(source));
                }
            }
            kind => self.piece(kind, data, sink)?,
        }
        Ok(())
    }
}

impl ItemDecoder {
    fn start<'a>(&mut self, response: Option<Json<'a>>, sink: &mut dyn FnMut(Delta<'a>)) {
        if self.started {
            return;
        }
        self.started = true;
        let id = response.and_then(|response| response.get("id")?.as_text());
        sink(Delta::Start {
            id: id.unwrap_or(Text::Escaped("")),
            created: response.and_then(|response| response.get("created_at")?.as_u64()),
        });
    }

    /// A delta of a part, or the whole part at its end.
    fn piece<'a>(
        &mut self,
        kind: &[u8],
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        let Some(name) = std::str::from_utf8(kind)
            .ok()
            .and_then(|kind| kind.strip_prefix("response."))
        else {
            return Ok(());
        };
        let (name, whole) = match (name.strip_suffix(".delta"), name.strip_suffix(".done")) {
            (Some(name), _) => (name, false),
            (None, Some(name)) => (name, true),
            (None, None) => return Ok(()),
        };
        let call = Kind::Call {
            index: None,
            custom: false,
        };
        let (slot, kind, key) = match name {
            "output_text" | "content_part" => ("content", Kind::Message, "text"),
            "refusal" => ("content", Kind::Message, "refusal"),
            "reasoning_summary_text" | "reasoning_summary" => ("summary", Kind::Reasoning, "text"),
            "reasoning_text" | "reasoning" => ("reasoning", Kind::Reasoning, "text"),
            "function_call_arguments" => ("arguments", call, "arguments"),
            _ => return Ok(()),
        };
        let key = if whole { key } else { "delta" };
        let text = data.get(key).and_then(Json::as_text);
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        self.start(None, sink);
        let index = ["content_index", "summary_index"]
            .into_iter()
            .find_map(|key| data.get(key))
            .and_then(Json::as_u64)
            .unwrap_or_default();
        let at = match self.place(data, kind) {
            Some(at) => at,
            // A call without a beginning has no name yet; its end brings both.
            None if slot == "arguments" => return Ok(()),
            None => self.open(data, Json::trusted("{}"), kind)?,
        };
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done) else {
            return Ok(());
        };
        let known = item.said.contains(&(slot, index));
        if whole && known {
            return Ok(());
        }
        if !whole {
            let tokens = data.get("logprobs").map(logprobs::read);
            if let Some(tokens) = tokens.filter(|tokens| !tokens.is_empty()) {
                sink(Delta::Logprobs(tokens));
            }
        }
        let delta = match (slot, item.kind) {
            (_, Kind::Message) if name == "refusal" => Delta::Refusal(text),
            ("content", Kind::Message) => Delta::Text(text),
            ("summary" | "reasoning", Kind::Reasoning) => {
                if !known && !item.said.is_empty() {
                    sink(Delta::Thinking(Text::Escaped("\\n\\n")));
                }
                Delta::Thinking(text)
            }
            (
                "arguments",
                Kind::Call {
                    index: Some(index),
                    custom: false,
                },
            ) => Delta::Arguments {
                index,
                fragment: text,
            },
            _ => return Ok(()),
        };
        if !known {
            if item.said.len() >= MOST_BLOCKS {
                return Err(Fault::new(data, "is one part too many"));
            }
            item.said.push((slot, index));
        }
        sink(delta);
        Ok(())
    }

    /// The place of the item that an event belongs to, if it is known.
    fn place(&self, data: Json<'_>, kind: Kind) -> Option<usize> {
        if let Some(place) = data.get("output_index").and_then(Json::as_u64) {
            return self
                .items
                .iter()
                .rposition(|item| item.place == Some(place) && item.kind.is_like(kind));
        }
        let id = name(data, "item_id");
        self.items
            .iter()
            .rposition(|item| item.kind.is_like(kind) && (id.is_empty() || id == item.id))
    }

    fn known(&mut self, data: Json<'_>, kind: Kind) -> Option<&mut Item> {
        let at = self.place(data, kind)?;
        self.items.get_mut(at)
    }

    /// The item of an `output_item` event.
    fn item<'a>(&mut self, data: Json<'a>, item: Json<'a>) -> Result<usize, Fault<'a>> {
        let kind = Kind::of(item);
        let id = name(item, "id");
        let at = match data.get("output_index").and_then(Json::as_u64) {
            Some(_) => self.place(data, kind),
            None => self
                .items
                .iter()
                .rposition(|known| known.kind.is_like(kind) && !id.is_empty() && known.id == id),
        };
        match at {
            Some(at) => Ok(at),
            None => self.open(data, item, kind),
        }
    }

    fn open<'a>(&mut self, data: Json<'a>, item: Json<'a>, kind: Kind) -> Result<usize, Fault<'a>> {
        if self.items.len() >= MOST_BLOCKS {
            return Err(Fault::new(data, "is one item too many"));
        }
        let id = item.get("id").or_else(|| data.get("item_id"));
        let id = id.and_then(Json::as_text);
        self.items.push(Item {
            place: data.get("output_index").and_then(Json::as_u64),
            id: id.map(|id| id.decode().into_owned()).unwrap_or_default(),
            kind,
            said: Vec::new(),
            cited: 0,
            done: false,
        });
        Ok(self.items.len() - 1)
    }

    /// Begins a call, as soon as its name is known; gives its number.
    fn announce<'a>(
        &mut self,
        at: usize,
        item: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Option<u32> {
        let known = self.items.get_mut(at)?;
        let Kind::Call { index, custom } = known.kind else {
            return None;
        };
        if index.is_some() {
            return index;
        }
        let word = |key| {
            item.get(key)
                .and_then(Json::as_text)
                .filter(|text| !text.is_empty())
        };
        let name = word("name")?;
        let index = self.calls;
        self.calls += 1;
        known.kind = Kind::Call {
            index: Some(index),
            custom,
        };
        let id = word("call_id").or_else(|| word("id"));
        sink(Delta::Call {
            index,
            id: id.unwrap_or_else(|| Text::plain(format!("call_{index}"))),
            name: if custom {
                custom::stand_in(&name)
            } else {
                name
            },
            signature: openai::proof(item),
        });
        Some(index)
    }

    /// Passes on what an item holds beyond what was passed on of it.
    fn settle<'a>(&mut self, at: usize, whole: Json<'a>, sink: &mut dyn FnMut(Delta<'a>)) {
        let call = self.announce(at, whole, sink);
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done) else {
            return;
        };
        item.done = true;
        match item.kind {
            Kind::Image => {
                if let Some(media) = decode::picture(whole) {
                    sink(Delta::Image(media));
                }
                return;
            }
            Kind::Message => {
                let parts = || whole.get("content").map(Json::items).into_iter().flatten();
                let words = parts().filter_map(|part| {
                    let word = |key| part.get(key).and_then(Json::as_text);
                    let text = word("text").map(Delta::Text);
                    text.or_else(|| word("refusal").map(Delta::Refusal))
                });
                let words = words.filter(
                    |said| !matches!(said, Delta::Text(text) | Delta::Refusal(text) if text.is_empty()),
                );
                words.skip(item.said.len()).for_each(&mut *sink);
                let sources = parts()
                    .filter_map(|part| part.get("annotations"))
                    .flat_map(Json::items)
                    .filter_map(decode::source_of);
                for source in sources.skip(item.cited) {
                    sink(Delta::Citation(source));
                }
            }
            Kind::Reasoning => {
                let mut said = item.said.len();
                for text in decode::thought_texts(whole).skip(said) {
                    if said > 0 {
                        sink(Delta::Thinking(Text::Escaped("\\n\\n")));
                    }
                    said += 1;
                    sink(Delta::Thinking(text));
                }
                match decode::encrypted(whole) {
                    Some(Proof::Redacted(data)) => sink(Delta::RedactedThinking(data)),
                    Some(Proof::Own(data)) if said == 0 => sink(Delta::RedactedThinking(data)),
                    Some(Proof::Own(proof) | Proof::Signature(proof)) => {
                        sink(Delta::Signature(proof));
                    }
                    None => {}
                }
            }
            Kind::Call { custom, .. } => {
                let Some(index) = call else { return };
                let fragment = if custom {
                    Some(decode::custom_arguments(whole))
                } else if item.said.is_empty() {
                    match decode::arguments(whole) {
                        Arguments::Text(text) => Some(text),
                        Arguments::Json(value) => Some(Text::plain(value.as_str())),
                    }
                } else {
                    None
                };
                if let Some(fragment) = fragment.filter(|text| !text.is_empty()) {
                    sink(Delta::Arguments { index, fragment });
                }
            }
            Kind::Other => return,
        }
        sink(Delta::BlockEnd);
    }

    /// The final response: whatever no event told, then usage and the end.
    fn finish<'a>(
        &mut self,
        data: Json<'a>,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let Some(response) = data.get("response") else {
            return Err(Fault::missing(data, "response"));
        };
        self.start(Some(response), sink);
        let (mut messages, mut thoughts, mut calls, mut images) = (0, 0, 0, 0);
        let output = response.get("output").map(array).transpose()?;
        for whole in output.map(Json::items).into_iter().flatten() {
            let kind = Kind::of(whole);
            let count = match kind {
                Kind::Message => &mut messages,
                Kind::Reasoning => &mut thoughts,
                Kind::Call { .. } => &mut calls,
                Kind::Image => &mut images,
                Kind::Other => continue,
            };
            // Ids may have changed on the way; the order has not.
            let like = |item: &(usize, &Item)| item.1.kind.is_like(kind);
            let known = self.items.iter().enumerate().filter(like).nth(*count);
            *count += 1;
            let at = match known.map(|(at, _)| at) {
                Some(at) => at,
                None => self.open(Json::trusted("{}"), whole, kind)?,
            };
            self.settle(at, whole, sink);
        }
        if let Some(read) = response.get("usage").filter(|read| read.is_object()) {
            sink(Delta::Usage(usage::openai(read)));
        }
        let status = name(response, "status");
        let status = if kind_is_incomplete(data) {
            "incomplete"
        } else {
            &*status
        };
        sink(Delta::Stop {
            stop: response::stop(response, status, self.calls > 0),
            sequence: None,
        });
        sink(Delta::End);
        Ok(())
    }
}

fn kind_is_incomplete(data: Json<'_>) -> bool {
    name(data, "type") == "response.incomplete"
}
