//! Writing events.

use tidegate_types::{
    Usage,
    chat::{Citation, Delta, Media, Stop, Text, write::Object},
};

use super::{
    super::{
        Responses, encode, error,
        response::{self, Ids, Shell},
    },
    open::{Call, Piece, Prose, event, list, piece},
};
use crate::{
    dialect::words::escaped,
    dialect::{
        Failure,
        codec::{Codec, Encoder, StreamOptions},
        custom, logprobs, proof,
    },
};

/// The reply is held until its end, because its end repeats it. A longer one is given up.
const MOST_HELD: usize = 16 << 20;

/// Writes events in the vendor's order: each item opened, filled and closed, and all of them once
/// more in the final response. Calls stay open side by side, other items one after the other.
#[derive(Debug)]
pub(crate) struct ItemEncoder {
    options: StreamOptions,
    ids: Option<Ids>,
    created: u64,
    sequence: u64,
    /// Items by `output_index`, as JSON; empty while they are open.
    items: Vec<Vec<u8>>,
    prose: Option<Prose>,
    calls: Vec<Call>,
    held: usize,
    refused: bool,
    ended: bool,
    stop: Option<Stop>,
    usage: Option<Usage>,
    /// How likely the tokens of the next words are, as JSON.
    tokens: Vec<u8>,
}

impl ItemEncoder {
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            created: options.created,
            options,
            ids: None,
            sequence: 0,
            items: Vec::new(),
            prose: None,
            calls: Vec::new(),
            held: 0,
            refused: false,
            ended: false,
            stop: None,
            usage: None,
            tokens: Vec::new(),
        }
    }

    fn start(&mut self, id: &Text<'_>, created: Option<u64>, out: &mut Vec<u8>) {
        if self.ids.is_some() {
            return;
        }
        self.ids = Some(match &self.options.stored {
            Some(stored) => Ids::of(Some(&Text::Escaped(&stored.id))),
            None => Ids::of(Some(id)),
        });
        self.created = created.unwrap_or(self.created);
        self.shell("response.created", "in_progress", None, b"[]", None, out);
        self.shell(
            "response.in_progress",
            "in_progress",
            None,
            b"[]",
            None,
            out,
        );
    }

    /// An event with the whole response.
    fn shell(
        &mut self,
        kind: &str,
        status: &'static str,
        reason: Option<&'static str>,
        output: &[u8],
        usage: Option<Usage>,
        out: &mut Vec<u8>,
    ) {
        let Some(ids) = &self.ids else { return };
        let shell = Shell {
            id: &ids.response,
            created: self.created,
            model: &self.options.model,
            status,
            reason,
            output,
            usage,
            stored: self.options.stored.as_ref(),
        };
        event(&mut self.sequence, kind, out, |data| {
            shell.write(data.key("response"));
        });
    }

    /// The id and the place of the next item.
    fn next(&mut self, kind: &str) -> (String, u64) {
        let index = self.items.len() as u64;
        self.items.push(Vec::new());
        let id = self.ids.as_ref().map(|ids| ids.item(kind, index));
        (id.unwrap_or_default(), index)
    }

    /// Keeps a complete item for the final response and tells that it is complete.
    fn keep(&mut self, index: u64, item: Vec<u8>, out: &mut Vec<u8>) {
        event(
            &mut self.sequence,
            "response.output_item.done",
            out,
            |data| {
                data.number("output_index", index);
                data.key("item").extend_from_slice(&item);
            },
        );
        if let Some(place) = self.items.get_mut(index as usize) {
            *place = item;
        }
    }

    /// Opens a message or reasoning unless one is open.
    fn open(&mut self, thinking: bool, out: &mut Vec<u8>) {
        if self
            .prose
            .as_ref()
            .is_some_and(|prose| prose.thinking == thinking)
        {
            return;
        }
        self.close(out);
        let (id, index) = self.next(if thinking { "rs" } else { "msg" });
        event(
            &mut self.sequence,
            "response.output_item.added",
            out,
            |data| {
                data.number("output_index", index).object("item", |item| {
                    item.str("id", &id);
                    if thinking {
                        item.str("type", "reasoning").literal("summary", "[]");
                    } else {
                        item.str("type", "message")
                            .str("status", "in_progress")
                            .str("role", "assistant")
                            .literal("content", "[]");
                    }
                });
            },
        );
        self.prose = Some(Prose {
            index,
            id,
            thinking,
            parts: Vec::new(),
            part: None,
            signature: None,
        });
    }

    /// Adds words, or nothing, to the part under way; opens one where there is none of its kind.
    fn say(&mut self, thinking: bool, refusal: bool, text: Option<&Text<'_>>, out: &mut Vec<u8>) {
        self.open(thinking, out);
        let sequence = &mut self.sequence;
        let Some(prose) = &mut self.prose else { return };
        if prose
            .part
            .as_ref()
            .is_some_and(|part| part.refusal != refusal)
        {
            prose.close_part(sequence, out);
        }
        if prose.part.is_none() {
            prose.part = Some(Piece {
                refusal,
                ..Piece::default()
            });
            let kind = if thinking {
                "response.reasoning_summary_part.added"
            } else {
                "response.content_part.added"
            };
            event(sequence, kind, out, |data| {
                prose.place(data);
                data.object("part", |part| {
                    piece(thinking, &Piece::empty(refusal), part);
                });
            });
        }
        let Some(text) = text else { return };
        let kind = match (thinking, refusal) {
            (true, _) => "response.reasoning_summary_text.delta",
            (false, true) => "response.refusal.delta",
            (false, false) => "response.output_text.delta",
        };
        let tokens = &self.tokens;
        event(sequence, kind, out, |data| {
            prose.place(data);
            data.text("delta", text);
            if !thinking && !refusal {
                response::list_of(tokens, data.key("logprobs"));
            }
        });
        if let Some(part) = &mut prose.part {
            if !tokens.is_empty() && !thinking {
                if !part.tokens.is_empty() {
                    part.tokens.push(b',');
                }
                self.held += tokens.len();
                part.tokens.extend_from_slice(tokens);
                self.tokens.clear();
            }
            let before = part.text.len();
            escaped(&mut part.text, text);
            part.length += text.decode().chars().count() as u64;
            self.held += part.text.len() - before;
        }
    }

    /// A picture, as the item that drew it.
    fn draw(&mut self, media: &Media<'_>, out: &mut Vec<u8>) {
        self.close(out);
        let (id, index) = self.next("ig");
        event(
            &mut self.sequence,
            "response.output_item.added",
            out,
            |data| {
                data.number("output_index", index).object("item", |item| {
                    item.str("id", &id)
                        .str("type", "image_generation_call")
                        .str("status", "in_progress")
                        .literal("result", "null");
                });
            },
        );
        let mut item = Vec::new();
        let mut object = Object::open(&mut item);
        response::picture(media, &id, &mut object);
        object.close();
        self.held += item.len();
        self.keep(index, item, out);
    }

    fn cite(&mut self, source: &Citation<'_>, out: &mut Vec<u8>) {
        self.say(false, false, None, out);
        let Some(prose) = &mut self.prose else { return };
        let Some(part) = &mut prose.part else { return };
        let mut annotation = Vec::new();
        let mut object = Object::open(&mut annotation);
        response::annotation(source, part.length, &mut object);
        object.close();
        let index = part.sources.len() as u64;
        self.held += annotation.len();
        part.sources.push(annotation.clone());
        event(
            &mut self.sequence,
            "response.output_text.annotation.added",
            out,
            |data| {
                prose.place(data);
                data.number("annotation_index", index);
                data.key("annotation").extend_from_slice(&annotation);
            },
        );
    }

    /// Closes the message or the reasoning under way.
    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(mut prose) = self.prose.take() else {
            return;
        };
        prose.close_part(&mut self.sequence, out);
        let status = self.status();
        let mut item = Vec::new();
        let mut object = Object::open(&mut item);
        object.str("id", &prose.id);
        if prose.thinking {
            object.str("type", "reasoning");
            list(object.key("summary"), &prose.parts);
            if let Some(signature) = &prose.signature {
                object.text("encrypted_content", signature);
            }
        } else {
            object
                .str("type", "message")
                .str("status", status)
                .str("role", "assistant");
            list(object.key("content"), &prose.parts);
        }
        object.close();
        self.keep(prose.index, item, out);
    }

    /// The status of what ends now.
    fn status(&self) -> &'static str {
        response::status_of(response::incomplete(self.stop, self.refused))
    }

    /// Reasoning that cannot be shown, as an item of its own.
    fn redacted(&mut self, data: &Text<'_>, out: &mut Vec<u8>) {
        self.close(out);
        let (mut id, index) = self.next("rs");
        let content = match proof::own(data) {
            Some((own, content)) if !own.is_empty() => {
                id = own.decode().into_owned();
                content.into_owned()
            }
            Some((_, content)) => content.into_owned(),
            None => proof::redacted(data),
        };
        event(
            &mut self.sequence,
            "response.output_item.added",
            out,
            |data| {
                data.number("output_index", index).object("item", |item| {
                    item.str("id", &id).str("type", "reasoning");
                    encode::reasoning_members(None, None, item);
                });
            },
        );
        let mut item = Vec::new();
        let mut object = Object::open(&mut item);
        object.str("id", &id).str("type", "reasoning");
        encode::reasoning_members(None, Some(&content), &mut object);
        object.close();
        self.held += item.len();
        self.keep(index, item, out);
    }

    fn call(&mut self, mut call: Call, out: &mut Vec<u8>) {
        self.close(out);
        let custom = custom::name(&call.name).is_some();
        (call.item, call.index) = self.next(if custom { "ctc" } else { "fc" });
        event(
            &mut self.sequence,
            "response.output_item.added",
            out,
            |data| {
                data.number("output_index", call.index)
                    .object("item", |item| call.members("in_progress", item));
            },
        );
        self.calls.push(call);
    }

    fn arguments(&mut self, index: u32, fragment: &Text<'_>, out: &mut Vec<u8>) {
        let Some(call) = self.calls.iter_mut().rfind(|call| call.number == index) else {
            return;
        };
        // The free text inside is known when all of it is there.
        if custom::name(&call.name).is_none() {
            call.say(&mut self.sequence, "delta", fragment, out);
        }
        let before = call.arguments.len();
        escaped(&mut call.arguments, fragment);
        self.held += call.arguments.len() - before;
    }

    fn close_call(&mut self, mut call: Call, out: &mut Vec<u8>) {
        if call.arguments.is_empty() {
            // A call without arguments has an empty object of them, and clients parse what they get.
            call.arguments.extend_from_slice(b"{}");
            if custom::name(&call.name).is_none() {
                call.say(&mut self.sequence, "delta", &Text::Escaped("{}"), out);
            }
        }
        let mut item = Vec::new();
        let mut object = Object::open(&mut item);
        call.members("completed", &mut object);
        object.close();
        call.close(&mut self.sequence, out);
        self.keep(call.index, item, out);
    }

    /// The block under way is complete. Parts of one message may follow each other.
    fn end_block(&mut self, out: &mut Vec<u8>) {
        match &mut self.prose {
            Some(prose) if prose.thinking => self.close(out),
            Some(prose) => prose.close_part(&mut self.sequence, out),
            None => {
                if let Some(call) = self.calls.pop() {
                    self.close_call(call, out);
                }
            }
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        for call in std::mem::take(&mut self.calls) {
            self.close_call(call, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        self.ended = true;
        let reason = response::incomplete(self.stop, self.refused);
        let kind = if reason.is_some() {
            "response.incomplete"
        } else {
            "response.completed"
        };
        let mut output = Vec::with_capacity(self.held + 256);
        list(&mut output, &std::mem::take(&mut self.items));
        let status = response::status_of(reason);
        self.shell(kind, status, reason, &output, self.usage, out);
    }

    fn fail(&mut self, status: u16, message: &str, kind: &str, out: &mut Vec<u8>) {
        self.ended = true;
        let failure = Failure {
            message: Some(message.to_owned()),
            kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
            ..Failure::default()
        };
        let body = Responses::encode_error(status, &failure);
        out.extend_from_slice(&error::event(&body, self.sequence));
        self.sequence += 1;
    }
}

impl Encoder for ItemEncoder {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match &delta {
            Delta::Start { id, created } => return self.start(id, *created, out),
            Delta::Usage(usage) => {
                self.usage = Some(*usage);
                return;
            }
            Delta::Ping => return out.extend_from_slice(b": ping\n\n"),
            Delta::Failed {
                message,
                kind,
                status,
            } => return self.fail(*status, message, kind, out),
            _ => self.start(&Text::Escaped(""), None, out),
        }
        match delta {
            Delta::Text(text) => self.say(false, false, Some(&text), out),
            Delta::Refusal(text) => {
                self.refused = true;
                self.say(false, true, Some(&text), out);
            }
            Delta::Citation(source) => self.cite(&source, out),
            Delta::Logprobs(tokens) => logprobs::write(&tokens, &mut self.tokens),
            Delta::Image(media) => self.draw(&media, out),
            Delta::Thinking(text) => self.say(true, false, Some(&text), out),
            Delta::Signature(signature) => {
                self.open(true, out);
                if let Some(prose) = &mut self.prose {
                    // The item's id went out already, so even this dialect's own proof, which is
                    // bound to another id, keeps its mark.
                    let signature = proof::signature(&signature);
                    self.held += signature.decode().len();
                    prose.signature = Some(signature);
                }
            }
            Delta::RedactedThinking(data) => self.redacted(&data, out),
            Delta::Call {
                index,
                id,
                name,
                signature,
            } => {
                let call = Call {
                    number: index,
                    index: 0,
                    item: String::new(),
                    id: id.into_owned(),
                    name: name.into_owned(),
                    signature: signature.map(Text::into_owned),
                    arguments: Vec::new(),
                };
                self.call(call, out);
            }
            Delta::Arguments { index, fragment } => self.arguments(index, &fragment, out),
            Delta::BlockEnd => self.end_block(out),
            Delta::Stop { stop, .. } => {
                self.stop = Some(stop);
                self.close_all(out);
            }
            Delta::End => self.end(out),
            Delta::Choice(_)
            | Delta::Start { .. }
            | Delta::Usage(_)
            | Delta::Ping
            | Delta::Failed { .. } => {}
        }
        if self.held > MOST_HELD && !self.ended {
            self.fail(502, "the upstream's reply is too long", "server_error", out);
        }
    }
}
