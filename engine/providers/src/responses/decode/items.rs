//! Reading items: messages, reasoning, calls and their results.

use std::borrow::Cow;

use tidegate_types::chat::{
    Arguments, Choice, Citation, Json, Media, Message, Part, PartKind, Request, Role, Text,
};

use crate::{
    dialect::{
        codec::{Fault, array, member, name, object, says_nothing, text},
        custom, logprobs,
        proof::{self, Proof},
    },
    openai,
};

/// Members that are read, or that only describe their item.
const KNOWN: &[&str] = &[
    "type",
    "id",
    "status",
    "role",
    "content",
    "phase",
    "call_id",
    "name",
    "arguments",
    "input",
    "output",
    "extra_content",
    "summary",
    "encrypted_content",
    "created_by",
];

/// What xAI's search of X calls, and answers, by itself, as items of a custom tool.
const SEARCHES_OF_X: &[&str] = &[
    "x_user_search",
    "x_keyword_search",
    "x_semantic_search",
    "x_thread_fetch",
];

/// The type of an item; empty for a call that the vendor answered.
pub(in crate::responses) fn kind(item: Json<'_>) -> Cow<'_, str> {
    let kind = name(item, "type");
    let vendors = kind == "custom_tool_call" && SEARCHES_OF_X.contains(&&*name(item, "name"));
    if vendors { Cow::Borrowed("") } else { kind }
}

/// Reads `input`: a text, or items in order.
pub(super) fn read<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    if let Some(text) = value.as_text() {
        request.messages.push(Message {
            role: Role::User,
            parts: vec![Part::text(text, value)],
        });
        return Ok(());
    }
    for item in array(value)?.items() {
        one(object(item)?, request)?;
    }
    Ok(())
}

fn one<'a>(item: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    match &*kind(item) {
        "message" => message(item, request)?,
        "" if item.get("type").is_none() => message(item, request)?,
        "function_call" | "custom_tool_call" => {
            said(request, [call(item)?]);
        }
        "function_call_output" | "custom_tool_call_output" => {
            let mut parts = Vec::new();
            if let Some(output) = item.get("output") {
                content(output, &mut parts, &mut request.unknown)?;
            }
            let id = member(item, "call_id")?;
            let result = PartKind::ToolResult {
                id,
                parts,
                failed: None,
            };
            told(request, Part::new(result, item));
        }
        "reasoning" => {
            said(request, thoughts(item));
        }
        "additional_tools" => {
            if let Some(tools) = item.get("tools") {
                super::tools(tools, request)?;
            }
            return Ok(());
        }
        "item_reference" => {
            return Err(Fault::new(
                item,
                "refers to an item that another server stores; send the item itself",
            ));
        }
        "image_generation_call" if picture(item).is_some() => {
            let media = picture(item);
            said(
                request,
                media.map(|media| {
                    let kind = PartKind::Image {
                        media,
                        detail: None,
                    };
                    Part::new(kind, item)
                }),
            );
            return Ok(());
        }
        // What ran at the vendor means nothing elsewhere.
        _ => {
            request.unknown.push(item);
            return Ok(());
        }
    }
    for (key, value) in item.members() {
        if !KNOWN.contains(&&*key.decode()) && !says_nothing(value) {
            request.unknown.push(value);
        }
    }
    Ok(())
}

fn message<'a>(item: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let role = item
        .get("role")
        .ok_or_else(|| Fault::missing(item, "role"))?;
    let mut parts = Vec::new();
    if let Some(value) = item.get("content") {
        content(value, &mut parts, &mut request.unknown)?;
    }
    match &*text(role)?.decode() {
        // Wherever they stand, instructions come first in dialects that keep them apart.
        "system" | "developer" => request.system.append(&mut parts),
        "user" => request.messages.push(Message {
            role: Role::User,
            parts,
        }),
        "assistant" => {
            // Two messages in a row stay two, unless a call stands between them: calls and results
            // must follow each other.
            let apart = request.messages.last().is_some_and(|last| {
                let has = |wanted: fn(&PartKind<'_>) -> bool| {
                    last.parts.iter().any(|part| wanted(&part.kind))
                };
                last.role == Role::Assistant
                    && has(|kind| matches!(kind, PartKind::Text { .. } | PartKind::Refusal(_)))
                    && !has(|kind| matches!(kind, PartKind::ToolCall { .. }))
                    && last.parts.last().is_some_and(|last| {
                        matches!(last.kind, PartKind::Text { .. } | PartKind::Refusal(_))
                    })
            });
            if apart {
                request.messages.push(Message {
                    role: Role::Assistant,
                    parts,
                });
            } else {
                said(request, parts);
            }
        }
        _ => {
            return Err(Fault::new(
                role,
                "must be `system`, `developer`, `user` or `assistant`",
            ));
        }
    }
    Ok(())
}

/// Adds to the model's turn.
fn said<'a>(request: &mut Request<'a>, parts: impl IntoIterator<Item = Part<'a>>) {
    let under_way = |last: &Message<'_>| last.role == Role::Assistant;
    turn(request, Role::Assistant, under_way, parts);
}

/// Adds to the results; what the user says behind them is a message of its own.
fn told<'a>(request: &mut Request<'a>, result: Part<'a>) {
    let under_way = |last: &Message<'_>| {
        let last = last.parts.last().map(|part| &part.kind);
        matches!(last, Some(PartKind::ToolResult { .. }))
    };
    turn(request, Role::User, under_way, [result]);
}

fn turn<'a>(
    request: &mut Request<'a>,
    role: Role,
    under_way: impl Fn(&Message<'_>) -> bool,
    parts: impl IntoIterator<Item = Part<'a>>,
) {
    match request.messages.last_mut() {
        Some(last) if under_way(last) => last.parts.extend(parts),
        _ => {
            let parts: Vec<_> = parts.into_iter().collect();
            if !parts.is_empty() {
                request.messages.push(Message { role, parts });
            }
        }
    }
}

/// The parts of `content` or of a result: a text or a list.
fn content<'a>(
    value: Json<'a>,
    parts: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    if let Some(text) = value.as_text() {
        parts.push(Part::text(text, value));
        return Ok(());
    }
    if !value.is_array() {
        return Err(Fault::new(value, "must be a string or a list of parts"));
    }
    for item in value.items() {
        let Some(kind) = part(object(item)?)? else {
            unknown.push(item);
            continue;
        };
        parts.push(Part {
            kind,
            cache: item.get("prompt_cache_breakpoint"),
            from: item,
        });
    }
    Ok(())
}

fn part(item: Json<'_>) -> Result<Option<PartKind<'_>>, Fault<'_>> {
    let stored = || item.get("file_id").and_then(Json::as_text);
    Ok(match &*name(item, "type") {
        "input_image" if item.get("image_url").is_none() => stored().map(|id| PartKind::Image {
            media: Media::File(id),
            detail: item.get("detail"),
        }),
        "output_text" | "text" | "input_text" => Some(PartKind::Text {
            text: member(item, "text")?,
            citations: sources(item),
        }),
        _ => openai::part(item)?,
    })
}

fn sources(part: Json<'_>) -> Vec<Citation<'_>> {
    let list = part
        .get("annotations")
        .map(Json::items)
        .into_iter()
        .flatten();
    list.filter_map(source_of).collect()
}

/// A source with an address; others name files of the vendor's.
pub(in crate::responses) fn source_of(annotation: Json<'_>) -> Option<Citation<'_>> {
    openai::source(annotation)
}

fn call(item: Json<'_>) -> Result<Part<'_>, Fault<'_>> {
    let called = member(item, "name")?;
    let free = name(item, "type") == "custom_tool_call";
    let kind = PartKind::ToolCall {
        id: member(item, "call_id")?,
        name: if free {
            custom::stand_in(&called)
        } else {
            called
        },
        arguments: if free {
            Arguments::Text(custom_arguments(item))
        } else {
            arguments(item)
        },
        signature: openai::proof(item),
    };
    Ok(Part::new(kind, item))
}

pub(in crate::responses) fn arguments(item: Json<'_>) -> Arguments<'_> {
    match item.get("arguments") {
        None => Arguments::Text(Text::Escaped("")),
        Some(value) => match value.as_text() {
            Some(text) => Arguments::Text(text),
            None => Arguments::Json(value),
        },
    }
}

/// The free text that a custom tool takes, as the only argument of a function.
pub(in crate::responses) fn custom_arguments(item: Json<'_>) -> Text<'static> {
    custom::arguments(item.get("input").and_then(Json::as_text).as_ref())
}

/// The picture that an item drew. What stands in a request besides it only describes it.
pub(in crate::responses) fn picture(item: Json<'_>) -> Option<Media<'_>> {
    let data = item.get("result")?.as_text();
    let media_type = match &*name(item, "output_format") {
        "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        _ => "image/png",
    };
    Some(Media::Base64 {
        media_type: Text::Escaped(media_type),
        data: data.filter(|data| !data.is_empty())?,
    })
}

/// The reasoning of an item: its summary and its words as one text, signed with what is encrypted.
fn thoughts(item: Json<'_>) -> Option<Part<'_>> {
    let pieces: Vec<Text<'_>> = thought_texts(item).collect();
    let joined = match pieces.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => {
            let texts: Vec<_> = several.iter().map(Text::decode).collect();
            Some(Text::plain(texts.join("\n\n")))
        }
    };
    let encrypted = encrypted(item);
    let kind = match (joined, encrypted) {
        (Some(text), Some(Proof::Own(proof) | Proof::Signature(proof))) => PartKind::Thinking {
            text,
            signature: Some(proof),
        },
        // Words beside hidden reasoning of another vendor cannot be; the proof is worth more.
        (_, Some(Proof::Redacted(data))) | (None, Some(Proof::Own(data))) => {
            PartKind::RedactedThinking(data)
        }
        (None, Some(Proof::Signature(signature))) => PartKind::Thinking {
            text: Text::Escaped(""),
            signature: Some(signature),
        },
        (Some(text), None) => PartKind::Thinking {
            text,
            signature: None,
        },
        (None, None) => return None,
    };
    Some(Part::new(kind, item))
}

/// What a reasoning item says, piece by piece, without the empty ones.
pub(in crate::responses) fn thought_texts(item: Json<'_>) -> impl Iterator<Item = Text<'_>> {
    ["summary", "content"]
        .into_iter()
        .filter_map(move |key| item.get(key))
        .flat_map(Json::items)
        .filter_map(|piece| piece.get("text")?.as_text())
        .filter(|text| !text.is_empty())
}

/// What a reasoning item hides.
pub(in crate::responses) fn encrypted(item: Json<'_>) -> Option<Proof<'_>> {
    let content = item.get("encrypted_content")?.as_text();
    let id = item.get("id").and_then(Json::as_text);
    content
        .filter(|content| !content.is_empty())
        .map(|content| proof::read(&content, id.as_ref()))
}

/// Adds what an item of a reply says; nothing for what ran at the vendor.
pub(in crate::responses) fn parts_of_output<'a>(
    item: Json<'a>,
    choice: &mut Choice<'a>,
) -> Result<(), Fault<'a>> {
    let parts = &mut choice.parts;
    match &*kind(object(item)?) {
        "message" => {
            if let Some(value) = item.get("content") {
                // What a reply holds beyond the neutral form is a vendor's extra.
                content(value, parts, &mut Vec::new())?;
                let tokens = value.items().filter_map(|piece| piece.get("logprobs"));
                choice.logprobs.extend(tokens.flat_map(logprobs::read));
            }
        }
        "function_call" | "custom_tool_call" => parts.push(call(item)?),
        "reasoning" => parts.extend(thoughts(item)),
        "image_generation_call" => parts.extend(picture(item).map(|media| {
            let kind = PartKind::Image {
                media,
                detail: None,
            };
            Part::new(kind, item)
        })),
        _ => {}
    }
    Ok(())
}
