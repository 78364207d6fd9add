//! Reading messages and their content.

use tidegate_types::chat::{
    Arguments, Citation, Json, Media, Message, Part, PartKind, Request, Role, Text,
};

use crate::dialect::{
    codec::{Fault, array, member, name, object, says_nothing, text},
    custom, media,
};

pub(super) fn read<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for message in array(value)?.items() {
        object(message)?;
        let role = member(message, "role")?;
        match &*role.decode() {
            // Wherever they stand, instructions come first in dialects that keep them apart.
            "system" | "developer" => {
                let mut parts = Vec::new();
                content(message, &mut parts, &mut request.unknown)?;
                mark_last(message, &mut parts);
                request.system.append(&mut parts);
                note_unknown(message, &["content"], &mut request.unknown);
            }
            "user" => {
                let mut parts = Vec::new();
                content(message, &mut parts, &mut request.unknown)?;
                mark_last(message, &mut parts);
                request.messages.push(Message {
                    role: Role::User,
                    parts,
                });
                note_unknown(message, &["content"], &mut request.unknown);
            }
            "assistant" => {
                let mut parts = parts_of_reply(message, &mut request.unknown)?;
                mark_last(message, &mut parts);
                request.messages.push(Message {
                    role: Role::Assistant,
                    parts,
                });
                note_unknown(message, REPLY, &mut request.unknown);
            }
            "tool" => {
                let id = member(message, "tool_call_id")?;
                request
                    .messages
                    .push(tool_result(message, id, &mut request.unknown)?);
                // Some clients repeat the tool's name here; the id already says it.
                note_unknown(
                    message,
                    &["content", "tool_call_id", "name"],
                    &mut request.unknown,
                );
            }
            "function" => {
                let id = function_call_id(&member(message, "name")?);
                request
                    .messages
                    .push(tool_result(message, id, &mut request.unknown)?);
            }
            _ => {
                let role = message.get("role").unwrap_or(message);
                return Err(Fault::new(
                    role,
                    "must be `system`, `developer`, `user`, `assistant` or `tool`",
                ));
            }
        }
    }
    Ok(())
}

/// Members of an assistant's message that are read, or that only describe it.
const REPLY: &[&str] = &[
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
    "annotations",
    "images",
];

fn note_unknown<'a>(message: Json<'a>, known: &[&str], unknown: &mut Vec<Json<'a>>) {
    for (key, value) in message.members() {
        let key = key.decode();
        let known = matches!(&*key, "role" | "cache_control") || known.contains(&&*key);
        if !known && !says_nothing(value) {
            unknown.push(value);
        }
    }
}

/// A marker on the whole message stands behind its last part.
fn mark_last<'a>(message: Json<'a>, parts: &mut [Part<'a>]) {
    if let Some(marker) = message.get("cache_control")
        && let Some(last) = parts.last_mut()
    {
        last.cache = last.cache.or(Some(marker));
    }
}

fn tool_result<'a>(
    message: Json<'a>,
    id: Text<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Message<'a>, Fault<'a>> {
    let mut parts = Vec::new();
    content(message, &mut parts, unknown)?;
    let mut part = Part::new(
        PartKind::ToolResult {
            id,
            parts,
            failed: None,
        },
        message,
    );
    part.cache = message.get("cache_control");
    Ok(Message {
        role: Role::User,
        parts: vec![part],
    })
}

/// What the older function calls have instead of an id: there is one call per turn at most.
fn function_call_id<'a>(name: &Text<'a>) -> Text<'a> {
    Text::plain(format!("call_{}", name.decode()))
}

/// The parts of an assistant's message, in a request or a reply.
pub(in crate::openai) fn parts_of_reply<'a>(
    message: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Part<'a>>, Fault<'a>> {
    let mut parts = Vec::new();
    thinking(message, &mut parts);
    content(message, &mut parts, unknown)?;
    if let Some(said) = message.get("audio") {
        spoken(said, &mut parts);
    }
    sources(message, &mut parts);
    for (media, from) in message.get("images").into_iter().flat_map(pictures) {
        let image = PartKind::Image {
            media,
            detail: None,
        };
        parts.push(Part::new(image, from));
    }
    if let Some(refusal) = message.get("refusal") {
        parts.push(Part::new(PartKind::Refusal(text(refusal)?), refusal));
    }
    if let Some(calls) = message.get("tool_calls") {
        for call in array(calls)?.items() {
            parts.push(tool_call(call)?);
        }
    } else if let Some(call) = message.get("function_call") {
        let name = member(object(call)?, "name")?;
        let id = function_call_id(&name);
        let arguments = arguments(call.get("arguments"));
        parts.push(Part::new(
            PartKind::ToolCall {
                id,
                name,
                arguments,
                signature: None,
            },
            call,
        ));
    }
    Ok(parts)
}

/// What was said aloud: its words, and the sound where there is some. In a request there is the id
/// alone, which only the vendor knows.
fn spoken<'a>(said: Json<'a>, parts: &mut Vec<Part<'a>>) {
    let word = |key| {
        let text = said.get(key).and_then(Json::as_text);
        text.filter(|text| !text.is_empty())
    };
    if let Some(words) = word("transcript") {
        parts.push(Part::text(words, said));
    }
    if let Some(data) = word("data") {
        // The format is the one that was asked for, which the reply does not repeat.
        let media_type = Text::Escaped("audio/wav");
        let sound = PartKind::Audio(Media::Base64 { media_type, data });
        parts.push(Part::new(sound, said));
    }
}

/// Pictures of a reply, where OpenRouter and others put them.
pub(in crate::openai) fn pictures(list: Json<'_>) -> impl Iterator<Item = (Media<'_>, Json<'_>)> {
    list.items().filter_map(|item| {
        let url = address(item, "image_url").ok().flatten();
        Some((media::from_url(url?)?, item))
    })
}

/// Annotations belong to the message; here they stand with its last words.
fn sources<'a>(message: Json<'a>, parts: &mut [Part<'a>]) {
    let said = parts
        .iter_mut()
        .rev()
        .find_map(|part| match &mut part.kind {
            PartKind::Text { citations, .. } => Some(citations),
            _ => None,
        });
    if let Some(citations) = said
        && let Some(list) = message.get("annotations")
    {
        citations.extend(list.items().filter_map(source));
    }
}

/// A source cited (OpenAI, "Web search": `url_citation`).
pub(crate) fn source(annotation: Json<'_>) -> Option<Citation<'_>> {
    let inner = annotation.get("url_citation").unwrap_or(annotation);
    let word = |key| inner.get(key).and_then(Json::as_text);
    Some(Citation {
        url: word("url")?,
        title: word("title"),
        quote: word("content"),
        place: None,
    })
}

pub(in crate::openai) fn tool_call(call: Json<'_>) -> Result<Part<'_>, Fault<'_>> {
    object(call)?;
    let (name, arguments) = match (call.get("function"), call.get("custom")) {
        (Some(function), _) => (
            member(function, "name")?,
            arguments(function.get("arguments")),
        ),
        (None, Some(inner)) => {
            let input = inner.get("input").and_then(Json::as_text);
            (
                custom::stand_in(&member(inner, "name")?),
                Arguments::Text(custom::arguments(input.as_ref())),
            )
        }
        (None, None) => return Err(Fault::missing(call, "function")),
    };
    let mut part = Part::new(
        PartKind::ToolCall {
            id: member(call, "id")?,
            name,
            arguments,
            signature: proof(call),
        },
        call,
    );
    part.cache = call.get("cache_control");
    Ok(part)
}

/// The proof of a call's reasoning, as Gemini's compatible endpoint gives it.
pub(crate) fn proof(call: Json<'_>) -> Option<Text<'_>> {
    call.get("extra_content")?
        .get("google")?
        .get("thought_signature")?
        .as_text()
}

fn arguments(given: Option<Json<'_>>) -> Arguments<'_> {
    match given {
        None => Arguments::Text(Text::Escaped("")),
        Some(value) => match value.as_text() {
            Some(text) => Arguments::Text(text),
            None => Arguments::Json(value),
        },
    }
}

/// Reasoning under the names in use: `thinking_blocks` (LiteLLM) and `reasoning_details`
/// (OpenRouter) carry signatures, `reasoning_content` (DeepSeek) and `reasoning` do not.
fn thinking<'a>(message: Json<'a>, parts: &mut Vec<Part<'a>>) {
    let blocks = message
        .get("thinking_blocks")
        .or_else(|| message.get("reasoning_details"));
    let before = parts.len();
    for block in blocks.map(Json::items).into_iter().flatten() {
        let texts = ["thinking", "text", "summary"];
        let said = texts
            .iter()
            .find_map(|key| block.get(key))
            .and_then(Json::as_text);
        let signature = block.get("signature").and_then(Json::as_text);
        let kind = match (&*name(block, "type"), said) {
            ("redacted_thinking" | "reasoning.encrypted", _) => {
                match block.get("data").and_then(Json::as_text) {
                    Some(data) if of_anthropic(block) => PartKind::RedactedThinking(data),
                    _ => continue,
                }
            }
            (_, Some(text)) => PartKind::Thinking { text, signature },
            (_, None) => match signature {
                Some(_) => PartKind::Thinking {
                    text: Text::Escaped(""),
                    signature,
                },
                None => continue,
            },
        };
        parts.push(Part::new(kind, block));
    }
    let told = |part: &Part<'_>| matches!(part.kind, PartKind::Thinking { .. });
    if parts.iter().skip(before).any(told) {
        return;
    }
    let plain = message
        .get("reasoning_content")
        .or_else(|| message.get("reasoning"));
    if let Some(value) = plain
        && let Some(text) = value.as_text().filter(|text| !text.is_empty())
    {
        let kind = PartKind::Thinking {
            text,
            signature: None,
        };
        parts.insert(before, Part::new(kind, value));
    }
}

/// True unless OpenRouter says that another vendor encrypted the reasoning.
pub(in crate::openai) fn of_anthropic(block: Json<'_>) -> bool {
    let format = name(block, "format");
    format.is_empty() || format.starts_with("anthropic")
}

/// The parts of `content`: a string, a list, or nothing.
fn content<'a>(
    message: Json<'a>,
    parts: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    let Some(value) = message.get("content") else {
        return Ok(());
    };
    if let Some(text) = value.as_text() {
        parts.push(Part::text(text, value));
        return Ok(());
    }
    if !value.is_array() {
        return Err(Fault::new(value, "must be a string or a list of parts"));
    }
    for item in value.items() {
        if let Some(text) = item.as_text() {
            parts.push(Part::text(text, item));
            continue;
        }
        object(item)?;
        let Some(kind) = part(item)? else {
            unknown.push(item);
            continue;
        };
        parts.push(Part {
            kind,
            cache: item.get("cache_control"),
            from: item,
        });
    }
    Ok(())
}

/// A part of `content`, in the names of either of OpenAI's dialects; `None` for one unknown.
pub(crate) fn part(item: Json<'_>) -> Result<Option<PartKind<'_>>, Fault<'_>> {
    Ok(match &*name(item, "type") {
        "text" | "input_text" | "output_text" => Some(PartKind::Text {
            text: member(item, "text")?,
            citations: Vec::new(),
        }),
        "refusal" => Some(PartKind::Refusal(member(item, "refusal")?)),
        "image_url" | "input_image" => image(item)?,
        "input_audio" => audio(item),
        "file" | "input_file" => document(item.get("file").unwrap_or(item)),
        // Mistral's documents and thoughts.
        "document_url" => address(item, "document_url")?
            .and_then(media::from_url)
            .map(|media| Part::document(media, None)),
        "thinking" => mistral_thinking(item),
        _ => None,
    })
}

fn image(item: Json<'_>) -> Result<Option<PartKind<'_>>, Fault<'_>> {
    let holder = item
        .get("image_url")
        .ok_or_else(|| Fault::missing(item, "image_url"))?;
    let detail = holder.get("detail").or_else(|| item.get("detail"));
    let url = address(item, "image_url")?;
    Ok(url
        .and_then(media::from_url)
        .map(|media| PartKind::Image { media, detail }))
}

/// An address that is given as a string or as `{"url": ...}`.
fn address<'a>(item: Json<'a>, key: &'static str) -> Result<Option<Text<'a>>, Fault<'a>> {
    let Some(value) = item.get(key) else {
        return Err(Fault::missing(item, key));
    };
    if value.is_object() {
        member(value, "url").map(Some)
    } else {
        text(value).map(Some)
    }
}

fn audio(item: Json<'_>) -> Option<PartKind<'_>> {
    let holder = item.get("input_audio").unwrap_or(item);
    let data = holder.get("data")?.as_text()?;
    let media_type = match &*name(holder, "format") {
        "mp3" => Text::Escaped("audio/mpeg"),
        format => Text::plain(format!("audio/{format}")),
    };
    Some(PartKind::Audio(Media::Base64 { media_type, data }))
}

fn document(file: Json<'_>) -> Option<PartKind<'_>> {
    let name = file.get("filename").and_then(Json::as_text);
    let word = |key| file.get(key).and_then(Json::as_text);
    let media = if let Some(data) = word("file_data") {
        match media::from_url(data)? {
            Media::Base64 { media_type, data } if media_type.decode().starts_with("text/") => {
                Media::Text(Text::plain(media::decode_text(&data.decode())?))
            }
            Media::Base64 { media_type, data } => Media::Base64 { media_type, data },
            _ => return None,
        }
    } else if let Some(id) = word("file_id") {
        Media::File(id)
    } else {
        Media::Url(word("file_url")?)
    };
    Some(Part::document(media, name))
}

fn mistral_thinking(item: Json<'_>) -> Option<PartKind<'_>> {
    let value = item.get("thinking")?;
    let text = match value.as_text() {
        Some(text) => text,
        None => join(
            value
                .items()
                .filter_map(|piece| piece.get("text")?.as_text()),
        ),
    };
    Some(PartKind::Thinking {
        text,
        signature: None,
    })
}

/// One text from several; a single one stays as it is written.
pub(in crate::openai) fn join<'a>(mut texts: impl Iterator<Item = Text<'a>>) -> Text<'a> {
    let Some(first) = texts.next() else {
        return Text::Escaped("");
    };
    let Some(second) = texts.next() else {
        return first;
    };
    let mut all = first.decode().into_owned();
    all.push_str(&second.decode());
    texts.for_each(|text| all.push_str(&text.decode()));
    Text::plain(all)
}
