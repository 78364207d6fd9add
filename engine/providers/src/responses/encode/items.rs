//! Writing items: messages, reasoning, calls and their results.

use tidegate_types::chat::{
    Arguments, Json, Media, Message, Part, PartKind, Role, Text,
    write::{Array, Object},
};

use crate::{
    dialect::{custom, proof, words::joined},
    openai::{audio_format, malformed, untold, url},
};

/// `OpenAI` refuses longer ids of calls.
const LONGEST_ID: usize = 64;

/// What the target knows, and where to note what it does not.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
#[derive(Debug)]
pub(super) struct Writer<'a, 'd> {
    /// The caller may say what to cache.
    pub(super) markers: bool,
    /// The model wants its earlier reasoning back in plain words.
    pub(super) reasoning_back: bool,
    /// The model knows tools that take a free text.
    pub(super) custom: bool,
    /// The vendor runs tools itself.
    pub(super) serves: bool,
    /// The calls of tools that take a free text so far, by their ids.
    pub(super) free: Vec<String>,
    pub(super) dropped: &'d mut Vec<Json<'a>>,
}

impl<'a> Writer<'a, '_> {
    pub(super) fn system(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let (texts, others): (Vec<_>, Vec<_>) = parts
            .iter()
            .partition(|part| matches!(part.kind, PartKind::Text { .. }));
        self.dropped.extend(others.iter().map(|part| part.from));
        if !texts.is_empty() {
            self.spoken("system", &texts, list);
        }
    }

    pub(super) fn message(&mut self, message: &Message<'a>, list: &mut Array<'_>) {
        match message.role {
            Role::User => self.user(&message.parts, list),
            Role::Assistant => self.assistant(&message.parts, list),
        }
    }

    /// Results stand directly behind the calls they answer.
    fn user(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let (results, rest): (Vec<_>, Vec<_>) = parts
            .iter()
            .partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        for part in &results {
            if let PartKind::ToolResult { id, parts, failed } = &part.kind {
                self.dropped.extend(*failed);
                self.dropped.extend(part.cache);
                let free = self.custom && self.free.iter().any(|call| *call == id.decode());
                list.object(|item| {
                    let kind = if free {
                        "custom_tool_call_output"
                    } else {
                        "function_call_output"
                    };
                    item.str("type", kind).text("call_id", &call_id(id));
                    self.output(parts, item);
                });
            }
        }
        if !rest.is_empty() || results.is_empty() {
            self.spoken("user", &rest, list);
        }
    }

    /// A result as a plain string where that says everything.
    fn output(&mut self, parts: &[Part<'a>], item: &mut Object<'_>) {
        let words: Option<Vec<&Text<'a>>> = parts
            .iter()
            .map(|part| match &part.kind {
                PartKind::Text { text, .. } if part.cache.is_none() => Some(text),
                _ => None,
            })
            .collect();
        match words {
            Some(words) => joined(item.key("output"), &words, "\\n"),
            None => {
                item.array("output", |list| {
                    for part in parts {
                        self.content_part(part, list);
                    }
                });
            }
        }
    }

    /// A message of the user or of the system.
    fn spoken(&mut self, role: &str, parts: &[&Part<'a>], list: &mut Array<'_>) {
        list.object(|item| {
            item.str("type", "message").str("role", role);
            match parts {
                [] => {
                    item.str("content", "");
                }
                [
                    Part {
                        kind: PartKind::Text { text, .. },
                        cache,
                        ..
                    },
                ] if cache.is_none() || !self.markers => {
                    self.dropped.extend(*cache);
                    item.text("content", text);
                }
                _ => {
                    item.array("content", |list| {
                        for part in parts {
                            self.content_part(part, list);
                        }
                    });
                }
            }
        });
    }

    fn content_part(&mut self, part: &Part<'a>, list: &mut Array<'_>) {
        let Some(shown) = Shown::of(&part.kind) else {
            self.dropped.push(part.from);
            return;
        };
        untold(&part.kind, self.dropped);
        list.object(|item| {
            match shown {
                Shown::Text(text) => {
                    item.str("type", "input_text").text("text", text);
                }
                Shown::Image(media, detail) => {
                    item.str("type", "input_image");
                    item.json_if("detail", detail);
                    url(item.key("image_url"), media);
                }
                Shown::Audio(data, format) => {
                    item.str("type", "input_audio")
                        .object("input_audio", |audio| {
                            audio.text("data", data).str("format", format);
                        });
                }
                Shown::File(media, name) => {
                    item.str("type", "input_file");
                    if let Media::Url(address) = media {
                        item.text("file_url", address);
                    } else {
                        match name {
                            Some(name) => item.text("filename", name),
                            None => item.str("filename", "document.pdf"),
                        };
                        url(item.key("file_data"), media);
                    }
                }
            }
            match part.cache {
                Some(_) if self.markers => {
                    item.object("prompt_cache_breakpoint", |marker| {
                        marker.str("mode", "explicit");
                    });
                }
                marker => self.dropped.extend(marker),
            }
        });
    }

    /// The model's turn, item by item. Reasoning without anything behind it is refused.
    fn assistant(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let follows = parts.iter().rposition(|part| {
            matches!(
                part.kind,
                PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::ToolCall { .. }
            )
        });
        let mut said: Vec<&PartKind<'a>> = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text { .. } | PartKind::Refusal(_) => said.push(&part.kind),
                PartKind::ToolCall {
                    id,
                    name,
                    arguments,
                    ..
                } => {
                    flush(&mut said, list);
                    list.object(|item| {
                        if self.custom && custom::name(name).is_some() {
                            self.free.push(id.decode().into_owned());
                            call_of_reply(&call_id(id), name, arguments, item);
                        } else {
                            call_members(&call_id(id), name, arguments, item);
                        }
                    });
                }
                PartKind::Thinking { .. } | PartKind::RedactedThinking(_)
                    if follows.is_some_and(|last| place < last) =>
                {
                    flush(&mut said, list);
                    if !self.reasoning(&part.kind, list) {
                        self.dropped.push(part.from);
                    }
                }
                _ => {
                    self.dropped.push(part.from);
                    continue;
                }
            }
            self.dropped.extend(part.cache);
        }
        flush(&mut said, list);
    }

    /// Writes reasoning that the target may take back; another vendor's proof is not shown to it.
    fn reasoning(&self, kind: &PartKind<'a>, list: &mut Array<'_>) -> bool {
        let (text, proof) = match kind {
            PartKind::Thinking { text, signature } => (Some(text), signature.as_ref()),
            PartKind::RedactedThinking(data) => (None, Some(data)),
            _ => return false,
        };
        if let Some((id, content)) = proof.and_then(proof::own) {
            list.object(|item| {
                item.str("type", "reasoning");
                if !id.is_empty() {
                    item.text("id", &id);
                }
                reasoning_members(text, Some(&content), item);
            });
            return true;
        }
        let Some(text) = text.filter(|text| self.reasoning_back && !text.is_empty()) else {
            return false;
        };
        list.object(|item| {
            item.str("type", "reasoning")
                .literal("summary", "[]")
                .array("content", |list| {
                    list.object(|piece| {
                        piece.str("type", "reasoning_text").text("text", text);
                    });
                });
        });
        true
    }
}

/// The summary of reasoning and what of it is encrypted.
pub(in crate::responses) fn reasoning_members(
    text: Option<&Text<'_>>,
    encrypted: Option<&Text<'_>>,
    item: &mut Object<'_>,
) {
    item.array("summary", |list| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            list.object(|piece| {
                piece.str("type", "summary_text").text("text", text);
            });
        }
    });
    if let Some(content) = encrypted {
        item.text("encrypted_content", content);
    }
}

/// What the model said, as a message of its own.
fn flush(said: &mut Vec<&PartKind<'_>>, list: &mut Array<'_>) {
    if said.is_empty() {
        return;
    }
    list.object(|item| {
        item.str("type", "message").str("role", "assistant");
        let words: Option<Vec<&Text<'_>>> = said
            .iter()
            .map(|kind| match kind {
                PartKind::Text { text, .. } => Some(text),
                _ => None,
            })
            .collect();
        match words {
            Some(words) => joined(item.key("content"), &words, ""),
            None => {
                item.array("content", |list| {
                    for kind in said.iter() {
                        list.object(|piece| match kind {
                            PartKind::Refusal(text) => {
                                piece.str("type", "refusal").text("refusal", text);
                            }
                            PartKind::Text { text, .. } => {
                                piece.str("type", "output_text").text("text", text);
                            }
                            _ => {}
                        });
                    }
                });
            }
        }
    });
    said.clear();
}

/// The members of a call.
fn call_members(id: &Text<'_>, name: &Text<'_>, arguments: &Arguments<'_>, item: &mut Object<'_>) {
    item.str("type", "function_call")
        .text("call_id", id)
        .text("name", name);
    match arguments {
        Arguments::Text(text) if text.is_blank() => item.str("arguments", "{}"),
        Arguments::Text(text) => item.text("arguments", text),
        Arguments::Json(value) => match malformed(*value) {
            Some(text) => item.text("arguments", &text),
            None => item.str("arguments", value.as_str()),
        },
    };
}

/// The members of a call as a caller of this dialect knows it: a stand-in is its custom tool again.
pub(in crate::responses) fn call_of_reply(
    id: &Text<'_>,
    name: &Text<'_>,
    arguments: &Arguments<'_>,
    item: &mut Object<'_>,
) {
    let Some(own) = custom::name(name) else {
        return call_members(id, name, arguments, item);
    };
    item.str("type", "custom_tool_call")
        .text("call_id", id)
        .str("name", &own)
        .text("input", &custom::input(arguments));
}

/// An id of a length that is taken; what a longer one ends in is told apart by a hash (FNV-1a).
fn call_id<'a>(id: &Text<'a>) -> Text<'a> {
    let characters = id.decode();
    if characters.len() <= LONGEST_ID {
        return id.clone();
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in characters.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let head: String = characters
        .chars()
        .take_while(char::is_ascii)
        .take(LONGEST_ID - 17)
        .collect();
    Text::plain(format!("{head}_{hash:016x}"))
}

/// What a content part of this dialect can show.
enum Shown<'p, 'a> {
    Text(&'p Text<'a>),
    Image(&'p Media<'a>, Option<Json<'a>>),
    File(&'p Media<'a>, Option<&'p Text<'a>>),
    /// Sound, and OpenAI's name for its format.
    Audio(&'p Text<'a>, &'static str),
}

impl<'p, 'a> Shown<'p, 'a> {
    fn of(kind: &'p PartKind<'a>) -> Option<Self> {
        match kind {
            PartKind::Image {
                media: media @ (Media::Url(_) | Media::Base64 { .. }),
                detail,
            } => Some(Self::Image(media, *detail)),
            PartKind::Document {
                media: media @ (Media::Url(_) | Media::Base64 { .. }),
                name,
                ..
            } => Some(Self::File(media, name.as_ref())),
            PartKind::Audio(Media::Base64 { media_type, data }) => {
                Some(Self::Audio(data, audio_format(&media_type.decode())?))
            }
            PartKind::Text { text, .. }
            | PartKind::Refusal(text)
            | PartKind::Document {
                media: Media::Text(text),
                ..
            } => Some(Self::Text(text)),
            _ => None,
        }
    }
}
