//! Complete replies, read and written.

use tidegate_types::{
    Usage,
    chat::{Choice, Citation, Json, Media, PartKind, Response, Stop, Text, write::Object},
};

use super::{decode, encode, tap::chunk_usage};
use crate::dialect::{
    codec::{Fault, array, name, object},
    logprobs, words,
};

/// Reads a `chat.completion`.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    object(body)?;
    // Some vendors report a failure with status 200.
    if let Some(error) = body.get("error") {
        let said = error.get("message").or(Some(error)).and_then(Json::as_text);
        let said = said.map(|text| text.decode().into_owned());
        let said = said.unwrap_or_else(|| error.as_str().to_owned());
        return Err(Fault::new(
            error,
            format!("the upstream reports an error: {said}"),
        ));
    }
    let choices = body
        .get("choices")
        .ok_or_else(|| Fault::missing(body, "choices"))?;
    let mut read = array(choices)?.items().map(read);
    let first = read
        .next()
        .ok_or_else(|| Fault::new(choices, "has no choice"))??;
    Ok(Response {
        id: body.get("id").and_then(Json::as_text),
        created: body.get("created").and_then(Json::as_u64),
        first,
        more: read.collect::<Result<_, _>>()?,
        usage: chunk_usage(body),
    })
}

fn read(choice: Json<'_>) -> Result<Choice<'_>, Fault<'_>> {
    let message = choice
        .get("message")
        .ok_or_else(|| Fault::missing(choice, "message"))?;
    Ok(Choice {
        // What a reply holds beyond the neutral form is a vendor's extra, not the caller's wish.
        parts: decode::parts_of_reply(object(message)?, &mut Vec::new())?,
        stop: stop(&name(choice, "finish_reason")),
        stop_sequence: None,
        logprobs: tokens(choice),
    })
}

/// How likely the tokens of a choice, or of a chunk of it, were. Mistral and others tell it in OpenAI's
/// older form, which has no place elsewhere.
pub(super) fn tokens(choice: Json<'_>) -> Vec<tidegate_types::chat::Token<'_>> {
    let told = choice.get("logprobs");
    let lists = ["content", "refusal"].map(|key| told.and_then(|told| told.get(key)));
    lists
        .into_iter()
        .flatten()
        .flat_map(logprobs::read)
        .collect()
}

/// Why a reply ended. Names beyond OpenAI's own are those of its imitators.
pub(super) fn stop(reason: &str) -> Option<Stop> {
    Some(match reason {
        "" => return None,
        "length" | "max_tokens" | "model_length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolUse,
        "content_filter" | "refusal" => Stop::Refusal,
        _ => Stop::End,
    })
}

/// The name of a finish reason; calls decide where the two disagree.
pub(super) fn finish_reason(stop: Option<Stop>, called: bool) -> &'static str {
    match stop {
        None | Some(Stop::End | Stop::Sequence | Stop::Malformed) if called => "tool_calls",
        // There is no name for a malformed call, and a call it is not.
        None | Some(Stop::End | Stop::Sequence | Stop::Malformed) => "stop",
        Some(Stop::Length | Stop::Window) => "length",
        Some(Stop::ToolUse) => "tool_calls",
        Some(Stop::Refusal) => "content_filter",
    }
}

pub(super) fn encode(response: &Response<'_>, model: &str, created: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut body = Object::open(&mut out);
    body.text("id", response.id.as_ref().unwrap_or(&Text::Escaped("")))
        .str("object", "chat.completion")
        .number("created", response.created.unwrap_or(created))
        .str("model", model)
        .array("choices", |choices| {
            for (index, said) in response.choices().enumerate() {
                choices.object(|choice| self::choice(index as u64, said, choice));
            }
        });
    if let Some(counts) = &response.usage {
        body.object("usage", |object| usage(counts, object));
    }
    body.close();
    out
}

fn choice(index: u64, said: &Choice<'_>, choice: &mut Object<'_>) {
    let mut words = Vec::new();
    let mut sources = Vec::new();
    let mut thoughts = Vec::new();
    let mut blocks = Vec::new();
    let mut calls = Vec::new();
    let mut refusal = None;
    let mut images = Vec::new();
    let mut sound = None;
    for part in &said.parts {
        match &part.kind {
            PartKind::Text { text, citations } => {
                words.push(text);
                sources.extend(citations.iter().filter(|source| !source.url.is_empty()));
            }
            PartKind::Refusal(text) => refusal = Some(text),
            PartKind::Thinking { text, signature } => {
                thoughts.push(text);
                if signature
                    .as_ref()
                    .is_some_and(|signature| !signature.is_empty())
                {
                    blocks.push(&part.kind);
                }
            }
            PartKind::RedactedThinking(_) => blocks.push(&part.kind),
            PartKind::ToolCall { .. } => calls.push(&part.kind),
            PartKind::Image { media, .. } => images.push(media),
            PartKind::Audio(Media::Base64 { data, .. }) => sound = sound.or(Some(data)),
            _ => {}
        }
    }
    choice.number("index", index).object("message", |message| {
        message.str("role", "assistant");
        if words.is_empty() {
            message.literal("content", "null");
        } else {
            words::joined(message.key("content"), &words, "");
        }
        match refusal {
            Some(refusal) => message.text("refusal", refusal),
            None => message.literal("refusal", "null"),
        };
        if !sources.is_empty() {
            message.array("annotations", |list| {
                for source in sources {
                    list.object(|item| annotation(source, item));
                }
            });
        }
        if thoughts.iter().any(|text| !text.is_empty()) {
            words::joined(message.key("reasoning_content"), &thoughts, "");
        }
        if !blocks.is_empty() {
            message.array("thinking_blocks", |list| {
                for kind in blocks {
                    list.object(|item| thinking_block(kind, item));
                }
            });
        }
        if !images.is_empty() {
            message.array("images", |list| {
                for (index, media) in images.iter().enumerate() {
                    list.object(|item| image(index as u64, media, item));
                }
            });
        }
        if let Some(data) = sound {
            message.object("audio", |audio| {
                audio.str("id", "audio_0").text("data", data);
                audio.number("expires_at", 0).str("transcript", "");
            });
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
                            encode::call_of_reply(id, name, arguments, call);
                            encode::write_proof(signature.as_ref(), call);
                        });
                    }
                }
            });
        }
    });
    if said.logprobs.is_empty() {
        choice.literal("logprobs", "null");
    } else {
        let mut tokens = Vec::new();
        logprobs::write(&said.logprobs, &mut tokens);
        write_tokens(&tokens, choice.key("logprobs"));
    }
    choice.str("finish_reason", finish_reason(said.stop, !calls.is_empty()));
}

/// `logprobs` around tokens that are written already.
pub(super) fn write_tokens(tokens: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"content\":[");
    out.extend_from_slice(tokens);
    out.extend_from_slice(b"],\"refusal\":null}");
}

/// A picture, where OpenRouter and others put it.
pub(super) fn image(index: u64, media: &Media<'_>, item: &mut Object<'_>) {
    item.str("type", "image_url").number("index", index);
    item.object("image_url", |inner| encode::url(inner.key("url"), media));
}

pub(super) fn thinking_block(kind: &PartKind<'_>, item: &mut Object<'_>) {
    match kind {
        PartKind::Thinking { text, signature } => {
            item.str("type", "thinking").text("thinking", text);
            if let Some(signature) = signature {
                item.text("signature", signature);
            }
        }
        PartKind::RedactedThinking(data) => {
            item.str("type", "redacted_thinking").text("data", data);
        }
        _ => {}
    }
}

pub(super) fn annotation(source: &Citation<'_>, item: &mut Object<'_>) {
    item.str("type", "url_citation")
        .object("url_citation", |inner| {
            inner.text("url", &source.url);
            if let Some(title) = &source.title {
                inner.text("title", title);
            }
            if let Some(quote) = &source.quote {
                inner.text("content", quote);
            }
        });
}

/// Usage in OpenAI's words, with OpenRouter's name for what was written to the cache.
pub(super) fn usage(usage: &Usage, object: &mut Object<'_>) {
    object
        .number("prompt_tokens", usage.input)
        .number("completion_tokens", usage.output)
        .number("total_tokens", usage.input.saturating_add(usage.output))
        .object("prompt_tokens_details", |details| {
            details.number("cached_tokens", usage.cache_read);
            let written = usage.cache_write.saturating_add(usage.cache_write_1h);
            if written > 0 {
                details.number("cache_write_tokens", written);
            }
        })
        .object("completion_tokens_details", |details| {
            details.number("reasoning_tokens", usage.reasoning);
        });
}
