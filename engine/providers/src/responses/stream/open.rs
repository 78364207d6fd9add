//! Items under way, and the events about them.

use tidegate_types::chat::{
    Arguments, Text,
    write::{self, Array, Object},
};

use super::super::{encode, response::list_of};
use crate::{dialect::custom, openai::write_proof};

/// A message or reasoning under way.
#[derive(Debug)]
pub(super) struct Prose {
    pub(super) index: u64,
    pub(super) id: String,
    pub(super) thinking: bool,
    /// The message's parts that are complete, as JSON.
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) part: Option<Piece>,
    pub(super) signature: Option<Text<'static>>,
}

/// A part under way.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) refusal: bool,
    /// The words so far, as they stand between quotes.
    pub(super) text: Vec<u8>,
    /// Their number of characters.
    pub(super) length: u64,
    /// The sources so far, as JSON.
    pub(super) sources: Vec<Vec<u8>>,
    /// How likely the tokens so far are, as items of a list.
    pub(super) tokens: Vec<u8>,
}

impl Piece {
    /// A part of which nothing was said yet.
    pub(super) fn empty(refusal: bool) -> Self {
        Self {
            refusal,
            ..Self::default()
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    /// Which call of the reply it is.
    pub(super) number: u32,
    pub(super) index: u64,
    pub(super) item: String,
    pub(super) id: Text<'static>,
    pub(super) name: Text<'static>,
    pub(super) signature: Option<Text<'static>>,
    /// The arguments so far, as they stand between quotes.
    pub(super) arguments: Vec<u8>,
}

impl Prose {
    /// Which part of which item an event is about.
    pub(super) fn place(&self, data: &mut Object<'_>) {
        let key = if self.thinking {
            "summary_index"
        } else {
            "content_index"
        };
        data.str("item_id", &self.id)
            .number("output_index", self.index)
            .number(key, self.parts.len() as u64);
    }

    /// Tells that the part under way is complete, and keeps it for the end of the item.
    pub(super) fn close_part(&mut self, sequence: &mut u64, out: &mut Vec<u8>) {
        let Some(part) = self.part.take() else { return };
        let (kind, key) = match (self.thinking, part.refusal) {
            (true, _) => ("response.reasoning_summary_text.done", "text"),
            (false, true) => ("response.refusal.done", "refusal"),
            (false, false) => ("response.output_text.done", "text"),
        };
        event(sequence, kind, out, |data| {
            self.place(data);
            quoted(data.key(key), &part.text);
            if !self.thinking && !part.refusal {
                list_of(&part.tokens, data.key("logprobs"));
            }
        });
        let mut whole = Vec::with_capacity(part.text.len() + 96);
        let mut object = Object::open(&mut whole);
        piece(self.thinking, &part, &mut object);
        object.close();
        let kind = if self.thinking {
            "response.reasoning_summary_part.done"
        } else {
            "response.content_part.done"
        };
        event(sequence, kind, out, |data| {
            self.place(data);
            data.key("part").extend_from_slice(&whole);
        });
        self.parts.push(whole);
    }
}

impl Call {
    /// An event about the arguments: more of them, or all at the end.
    pub(super) fn say(&self, sequence: &mut u64, key: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        let custom = custom::name(&self.name).is_some();
        let kind = match (custom, key) {
            (false, "delta") => "response.function_call_arguments.delta",
            (false, _) => "response.function_call_arguments.done",
            (true, "delta") => "response.custom_tool_call_input.delta",
            (true, _) => "response.custom_tool_call_input.done",
        };
        event(sequence, kind, out, |data| {
            data.str("item_id", &self.item)
                .number("output_index", self.index);
            if !custom && key != "delta" {
                data.text("name", &self.name);
            }
            data.text(key, text);
        });
    }

    /// Tells that the arguments are complete.
    pub(super) fn close(&self, sequence: &mut u64, out: &mut Vec<u8>) {
        let arguments = String::from_utf8_lossy(&self.arguments);
        let arguments = Text::Escaped(&arguments);
        if custom::name(&self.name).is_none() {
            return self.say(sequence, "arguments", &arguments, out);
        }
        let input = custom::input(&Arguments::Text(arguments));
        self.say(sequence, "delta", &input, out);
        self.say(sequence, "input", &input, out);
    }

    pub(super) fn members(&self, status: &str, item: &mut Object<'_>) {
        item.str("id", &self.item);
        if self.arguments.is_empty() {
            // Clients add the deltas to what stands here.
            let (kind, key, name) = match custom::name(&self.name) {
                Some(name) => ("custom_tool_call", "input", Text::plain(name)),
                None => ("function_call", "arguments", self.name.clone()),
            };
            item.str("type", kind)
                .text("call_id", &self.id)
                .text("name", &name)
                .str(key, "");
        } else {
            let arguments = String::from_utf8_lossy(&self.arguments);
            let arguments = Arguments::Text(Text::Escaped(&arguments));
            encode::call_of_reply(&self.id, &self.name, &arguments, item);
        }
        write_proof(self.signature.as_ref(), item);
        item.str("status", status);
    }
}

/// A part of a message or of reasoning.
pub(super) fn piece(thinking: bool, said: &Piece, part: &mut Object<'_>) {
    if thinking {
        part.str("type", "summary_text");
        quoted(part.key("text"), &said.text);
    } else if said.refusal {
        part.str("type", "refusal");
        quoted(part.key("refusal"), &said.text);
    } else {
        part.str("type", "output_text");
        quoted(part.key("text"), &said.text);
        list(part.key("annotations"), &said.sources);
        list_of(&said.tokens, part.key("logprobs"));
    }
}

/// A string of which the inside is written already.
pub(super) fn quoted(out: &mut Vec<u8>, inside: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(inside);
    out.push(b'"');
}

/// An array of values that are written already.
pub(super) fn list(out: &mut Vec<u8>, values: &[Vec<u8>]) {
    let mut array = Array::open(out);
    for value in values.iter().filter(|value| !value.is_empty()) {
        array.item().extend_from_slice(value);
    }
    array.close();
}

pub(super) fn event(
    sequence: &mut u64,
    kind: &str,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Object<'_>),
) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut data = Object::open(out);
    write::string(data.key("type"), kind);
    data.number("sequence_number", *sequence);
    fill(&mut data);
    data.close();
    out.extend_from_slice(b"\n\n");
    *sequence += 1;
}
