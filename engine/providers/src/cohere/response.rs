//! Complete replies, read and written.

use tidegate_types::chat::{
    Arguments, Choice, Citation, Json, Part, PartKind, Response, Stop, Text,
    write::{Array, Object},
};

use super::{decode, usage};
use crate::{
    dialect::{
        codec::{Fault, JSON_TOOL, name, object},
        logprobs,
    },
    openai,
};

/// Reads a reply.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    object(body)?;
    let message = body
        .get("message")
        .ok_or_else(|| Fault::missing(body, "message"))?;
    let said = match (message.as_text(), failure(body)) {
        (Some(text), _) => Some(text.decode().into_owned()),
        (None, failure) => failure,
    };
    if let Some(said) = said {
        return Err(Fault::new(
            message,
            format!("the upstream reports an error: {said}"),
        ));
    }
    // What a reply holds beyond the neutral form is a vendor's extra, not the caller's wish.
    let mut parts = decode::parts_of_reply(object(message)?, &mut Vec::new())?;
    let mut stood_in = false;
    let mut calls = 0;
    for part in &mut parts {
        let text = match &part.kind {
            PartKind::ToolCall {
                name,
                arguments: Arguments::Text(text),
                ..
            } if name.is(JSON_TOOL) => text.clone(),
            PartKind::ToolCall { .. } => {
                calls += 1;
                continue;
            }
            _ => continue,
        };
        stood_in = true;
        part.kind = PartKind::Text {
            text,
            citations: Vec::new(),
        };
    }
    let mut stop = stop(&name(body, "finish_reason"));
    if stood_in && calls == 0 && stop == Some(Stop::ToolUse) {
        stop = Some(Stop::End);
    }
    Ok(Response {
        id: body.get("id").and_then(Json::as_text),
        created: None,
        first: Choice {
            parts,
            stop,
            stop_sequence: None,
            logprobs: tokens(body),
        },
        more: Vec::new(),
        usage: body
            .get("usage")
            .filter(|usage| usage.is_object())
            .map(usage::read),
    })
}

fn tokens(body: Json<'_>) -> Vec<tidegate_types::chat::Token<'_>> {
    let list = body.get("logprobs").map(Json::items);
    list.into_iter()
        .flatten()
        .filter_map(logprobs::read_cohere)
        .collect()
}

/// What went wrong, if the finish reason or an error beside it says that something did.
pub(super) fn failure(holder: Json<'_>) -> Option<String> {
    if let Some(said) = holder.get("error") {
        let text = said.as_text().map(|text| text.decode().into_owned());
        return Some(text.unwrap_or_else(|| said.as_str().to_owned()));
    }
    let reason = name(holder, "finish_reason");
    matches!(
        &*reason,
        "ERROR" | "ERROR_TOXIC" | "ERROR_LIMIT" | "TIMEOUT"
    )
    .then(|| format!("the reply ended with {reason}"))
}

/// Why a reply ended (Cohere, "Chat": `finish_reason`).
pub(super) fn stop(reason: &str) -> Option<Stop> {
    Some(match reason {
        "" => return None,
        "MAX_TOKENS" => Stop::Length,
        "STOP_SEQUENCE" => Stop::Sequence,
        "TOOL_CALL" => Stop::ToolUse,
        _ => Stop::End,
    })
}

/// The name of a finish reason; there is none for a refusal.
pub(super) fn finish_reason(stop: Option<Stop>, called: bool) -> &'static str {
    match stop {
        None | Some(Stop::End | Stop::Refusal | Stop::Malformed) if called => "TOOL_CALL",
        None | Some(Stop::End | Stop::Refusal | Stop::Malformed) => "COMPLETE",
        Some(Stop::Sequence) => "STOP_SEQUENCE",
        Some(Stop::Length | Stop::Window) => "MAX_TOKENS",
        Some(Stop::ToolUse) => "TOOL_CALL",
    }
}

pub(super) fn encode(response: &Response<'_>) -> Vec<u8> {
    let said = &response.first;
    let mut calls = Vec::new();
    let mut sources = Vec::new();
    let mut blocks = 0;
    let mut out = Vec::with_capacity(1024);
    let mut body = Object::open(&mut out);
    body.text("id", response.id.as_ref().unwrap_or(&Text::Escaped("")));
    body.object("message", |message| {
        message.str("role", "assistant");
        let shown = |part: &&Part<'_>| is_block(&part.kind);
        if said.parts.iter().any(|part| shown(&part)) {
            message.array("content", |list| {
                for part in said.parts.iter().filter(shown) {
                    if let PartKind::Text { citations, .. } = &part.kind {
                        sources.extend(citations.iter().map(|source| (blocks, source)));
                    }
                    block(&part.kind, list);
                    blocks += 1;
                }
            });
        }
        for part in &said.parts {
            if let PartKind::ToolCall { .. } = &part.kind {
                calls.push(&part.kind);
            }
        }
        if !calls.is_empty() {
            message.array("tool_calls", |list| {
                for kind in &calls {
                    if let PartKind::ToolCall {
                        id,
                        name,
                        arguments,
                        signature,
                    } = kind
                    {
                        list.object(|call| {
                            openai::tool_call(id, name, arguments, call);
                            openai::write_proof(signature.as_ref(), call);
                        });
                    }
                }
            });
        }
        if !sources.is_empty() {
            message.array("citations", |list| {
                for (block, source) in &sources {
                    list.object(|item| citation(source, *block, item));
                }
            });
        }
    });
    body.str("finish_reason", finish_reason(said.stop, !calls.is_empty()));
    if let Some(counts) = &response.usage {
        body.object("usage", |object| usage::write(counts, object));
    }
    if !said.logprobs.is_empty() {
        body.array("logprobs", |list| {
            for token in &said.logprobs {
                list.object(|item| logprobs::write_cohere(token, item));
            }
        });
    }
    body.close();
    out
}

fn is_block(kind: &PartKind<'_>) -> bool {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => !text.is_empty(),
        PartKind::Thinking { .. } | PartKind::RedactedThinking(_) => true,
        _ => false,
    }
}

fn block(kind: &PartKind<'_>, list: &mut Array<'_>) {
    list.object(|block| match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            block.str("type", "text").text("text", text);
        }
        PartKind::Thinking { text, signature } => {
            block.str("type", "thinking").text("thinking", text);
            // Other vendors want their proof back; the vendor's SDKs keep members they do not know.
            if let Some(signature) = signature {
                block.text("signature", signature);
            }
        }
        PartKind::RedactedThinking(data) => {
            block
                .str("type", "thinking")
                .str("thinking", "")
                .text("data", data);
        }
        _ => {}
    });
}

/// A source as a document that the model was given. Where in the text it is cited is not known,
/// so the places, which are optional, are left out.
pub(super) fn citation(source: &Citation<'_>, block: u64, item: &mut Object<'_>) {
    if let Some(quote) = &source.quote {
        item.text("text", quote);
    }
    item.array("sources", |list| {
        list.object(|one| {
            one.str("type", "document");
            let id = match source.place {
                // As the vendor names what it was given without a name.
                Some(place) if source.url.is_empty() => {
                    Text::plain(format!("doc:{}", place.document))
                }
                _ => source.url.clone(),
            };
            one.text("id", &id).object("document", |document| {
                document.text("id", &id);
                if !source.url.is_empty() {
                    document.text("url", &source.url);
                }
                if let Some(title) = &source.title {
                    document.text("title", title);
                }
            });
        });
    });
    item.str("type", "TEXT_CONTENT")
        .number("content_index", block);
}
