//! Complete replies, read and written.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Choice, Citation, Json, Part, PartKind, Response, Stop, Text, Unit,
        write::{Array, Object},
    },
};

use super::decode;
use crate::dialect::{
    codec::{Fault, JSON_TOOL, array, name, object},
    proof, usage, words,
};

/// Reads a `message`.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    object(body)?;
    if name(body, "type") == "error" || body.get("error").is_some() {
        let error = body.get("error").unwrap_or(body);
        let said = name(error, "message");
        return Err(Fault::new(
            error,
            format!("the upstream reports an error: {said}"),
        ));
    }
    let content = body
        .get("content")
        .ok_or_else(|| Fault::missing(body, "content"))?;
    let mut parts = Vec::new();
    let mut unknown = Vec::new();
    let mut calls = 0;
    let mut stood_in = false;
    for block in array(content)?.items() {
        // Blocks of tools that ran at the vendor are history that no other dialect can tell.
        let Some(kind) = decode::block_kind(object(block)?, &mut unknown, true)? else {
            continue;
        };
        let kind = match kind {
            PartKind::ToolCall {
                name,
                arguments: Arguments::Json(reply),
                ..
            } if name.is(JSON_TOOL) => {
                stood_in = true;
                PartKind::Text {
                    text: Text::plain(reply.as_str()),
                    citations: Vec::new(),
                }
            }
            PartKind::ToolCall { .. } => {
                calls += 1;
                kind
            }
            kind => kind,
        };
        parts.push(Part::new(kind, block));
    }
    let mut stop = stop(&name(body, "stop_reason"));
    if stood_in && calls == 0 && stop == Some(Stop::ToolUse) {
        stop = Some(Stop::End);
    }
    Ok(Response {
        id: body.get("id").and_then(Json::as_text),
        created: None,
        first: Choice {
            parts,
            stop,
            stop_sequence: body.get("stop_sequence").and_then(Json::as_text),
            logprobs: Vec::new(),
        },
        more: Vec::new(),
        usage: body
            .get("usage")
            .filter(|usage| usage.is_object())
            .map(usage::anthropic),
    })
}

pub(super) fn stop(reason: &str) -> Option<Stop> {
    Some(match reason {
        "" => return None,
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::Window,
        "stop_sequence" => Stop::Sequence,
        "tool_use" => Stop::ToolUse,
        "refusal" => Stop::Refusal,
        _ => Stop::End,
    })
}

/// The name of a stop reason. Agents wait for `tool_use`, whatever an imitator of OpenAI says.
pub(super) fn stop_reason(stop: Option<Stop>, called: bool, refused: bool) -> &'static str {
    match stop {
        None | Some(Stop::End | Stop::Malformed) if called => "tool_use",
        None | Some(Stop::End) if refused => "refusal",
        None | Some(Stop::End | Stop::Malformed) => "end_turn",
        Some(Stop::Length) => "max_tokens",
        Some(Stop::Window) => "model_context_window_exceeded",
        Some(Stop::Sequence) => "stop_sequence",
        Some(Stop::ToolUse) => "tool_use",
        Some(Stop::Refusal) => "refusal",
    }
}

pub(super) fn encode(response: &Response<'_>, model: &str) -> Vec<u8> {
    let said = &response.first;
    let called = said
        .parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let refused = said
        .parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let mut out = Vec::with_capacity(1024);
    let mut body = Object::open(&mut out);
    body.text("id", response.id.as_ref().unwrap_or(&Text::Escaped("")))
        .str("type", "message")
        .str("role", "assistant")
        .str("model", model)
        .array("content", |list| {
            for part in &said.parts {
                block(&part.kind, list);
            }
        })
        .str("stop_reason", stop_reason(said.stop, called, refused));
    match &said.stop_sequence {
        Some(text) => body.text("stop_sequence", text),
        None => body.literal("stop_sequence", "null"),
    };
    let counts = response.usage.unwrap_or_default();
    body.object("usage", |object| usage_members(&counts, object));
    body.close();
    out
}

fn block(kind: &PartKind<'_>, list: &mut Array<'_>) {
    match kind {
        PartKind::Text { text, citations } => {
            if !text.is_empty() {
                list.object(|block| {
                    block.str("type", "text").text("text", text);
                    if !citations.is_empty() {
                        block.array("citations", |list| {
                            for source in citations {
                                list.object(|item| citation(source, item));
                            }
                        });
                    }
                });
            }
        }
        PartKind::Refusal(text) => {
            if !text.is_empty() {
                list.object(|block| {
                    block.str("type", "text").text("text", text);
                });
            }
        }
        PartKind::Thinking { text, signature } => {
            list.object(|block| {
                block.str("type", "thinking").text("thinking", text);
                block.text(
                    "signature",
                    signature.as_ref().unwrap_or(&Text::Escaped("")),
                );
            });
        }
        PartKind::RedactedThinking(data) => {
            list.object(|block| {
                block.str("type", "redacted_thinking").text("data", data);
            });
        }
        PartKind::ToolCall {
            id,
            name,
            arguments,
            signature,
        } => {
            list.object(|block| {
                block
                    .str("type", "tool_use")
                    .text("id", &proof::carry(id, signature.as_ref()))
                    .text("name", name);
                words::arguments(arguments, block.key("input"));
            });
        }
        PartKind::Image { .. }
        | PartKind::Document { .. }
        | PartKind::Audio(_)
        | PartKind::Video(_)
        | PartKind::ToolResult { .. } => {}
    }
}

/// A source as the vendor's web search cites it, or a place in a document of the request.
pub(super) fn citation(source: &Citation<'_>, item: &mut Object<'_>) {
    let title = |key: &str, item: &mut Object<'_>| {
        match &source.title {
            Some(title) => item.text(key, title),
            None => item.literal(key, "null"),
        };
    };
    let quote = source.quote.as_ref().unwrap_or(&Text::Escaped(""));
    if let Some(place) = source.place {
        let (kind, start, end) = match place.unit {
            Unit::Character => ("char_location", "start_char_index", "end_char_index"),
            Unit::Page => ("page_location", "start_page_number", "end_page_number"),
            Unit::Block => (
                "content_block_location",
                "start_block_index",
                "end_block_index",
            ),
        };
        item.str("type", kind)
            .text("cited_text", quote)
            .number("document_index", place.document);
        title("document_title", item);
        item.number(start, place.start)
            .number(end, place.end)
            .literal("file_id", "null");
        return;
    }
    item.str("type", "web_search_result_location")
        .text("url", &source.url);
    title("title", item);
    item.text("cited_text", quote).str("encrypted_index", "");
}

/// Usage in Anthropic's words: `input_tokens` leaves the cached ones out.
pub(super) fn usage_members(usage: &Usage, object: &mut Object<'_>) {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let cached = usage.cache_read.saturating_add(written);
    object
        .number("input_tokens", usage.input.saturating_sub(cached))
        .number("cache_creation_input_tokens", written)
        .number("cache_read_input_tokens", usage.cache_read);
    if usage.cache_write_1h > 0 {
        object.object("cache_creation", |detail| {
            detail
                .number("ephemeral_5m_input_tokens", usage.cache_write)
                .number("ephemeral_1h_input_tokens", usage.cache_write_1h);
        });
    }
    object.number("output_tokens", usage.output);
    if usage.reasoning > 0 {
        object.object("output_tokens_details", |detail| {
            detail.number("thinking_tokens", usage.reasoning);
        });
    }
}
