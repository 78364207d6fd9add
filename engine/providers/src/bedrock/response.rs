//! Complete replies, read and written.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Choice, Citation, Json, Media, Part, PartKind, Response, Stop, Text, Unit,
        write::{Array, Object},
    },
};

use super::decode;
use crate::dialect::{
    codec::{Fault, JSON_TOOL, array, name, object},
    proof,
};

/// Reads the answer of `Converse`.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    object(body)?;
    let Some(output) = body.get("output") else {
        if let Some(said) = body.get("message").and_then(Json::as_text) {
            let text = format!("the upstream reports an error: {}", said.decode());
            return Err(Fault::new(body, text));
        }
        return Err(Fault::missing(body, "output"));
    };
    let content = output
        .get("message")
        .and_then(|message| message.get("content"))
        .ok_or_else(|| Fault::missing(output, "message"))?;
    let mut parts = Vec::new();
    let mut unknown = Vec::new();
    let mut calls = 0;
    let mut stood_in = false;
    for block in array(content)?.items() {
        // Blocks of tools that ran at the vendor are history that no other dialect can tell.
        let Some(kind) = decode::block_kind(object(block)?, &mut unknown)? else {
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
    let mut stop = stop(&name(body, "stopReason"));
    if stood_in && calls == 0 && stop == Some(Stop::ToolUse) {
        stop = Some(Stop::End);
    }
    Ok(Response {
        // It travels in a header.
        id: None,
        created: None,
        first: Choice {
            parts,
            stop,
            stop_sequence: stop_sequence(body),
            logprobs: Vec::new(),
        },
        more: Vec::new(),
        usage: body
            .get("usage")
            .filter(|usage| usage.is_object())
            .map(usage),
    })
}

/// The stop text, which Claude tells those who ask for the field `/stop_sequence`.
pub(super) fn stop_sequence(holder: Json<'_>) -> Option<Text<'_>> {
    let fields = holder.get("additionalModelResponseFields")?;
    fields.get("stop_sequence")?.as_text()
}

pub(super) fn stop(reason: &str) -> Option<Stop> {
    Some(match reason {
        "" => return None,
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::Window,
        "malformed_tool_use" | "malformed_model_output" => Stop::Malformed,
        "stop_sequence" => Stop::Sequence,
        "tool_use" => Stop::ToolUse,
        "guardrail_intervened" | "content_filtered" => Stop::Refusal,
        _ => Stop::End,
    })
}

/// The name of a stop reason. Agents wait for `tool_use`, whatever an imitator of OpenAI says.
pub(super) fn stop_reason(stop: Option<Stop>, called: bool, refused: bool) -> &'static str {
    match stop {
        None | Some(Stop::End | Stop::Malformed) if called => "tool_use",
        None | Some(Stop::End) if refused => "content_filtered",
        None | Some(Stop::End) => "end_turn",
        Some(Stop::Length) => "max_tokens",
        Some(Stop::Window) => "model_context_window_exceeded",
        Some(Stop::Malformed) => "malformed_tool_use",
        Some(Stop::Sequence) => "stop_sequence",
        Some(Stop::ToolUse) => "tool_use",
        Some(Stop::Refusal) => "content_filtered",
    }
}

/// Members stand in the order of the alphabet, as the service writes them.
pub(super) fn encode(response: &Response<'_>) -> Vec<u8> {
    let said = &response.first;
    let has = |test: fn(&PartKind<'_>) -> bool| said.parts.iter().any(|part| test(&part.kind));
    let called = has(|kind| matches!(kind, PartKind::ToolCall { .. }));
    let refused = has(|kind| matches!(kind, PartKind::Refusal(_)));
    let mut out = Vec::with_capacity(1024);
    let mut body = Object::open(&mut out);
    write_stop_sequence(said.stop_sequence.as_ref(), &mut body);
    body.object("metrics", |metrics| {
        metrics.number("latencyMs", 0);
    });
    body.object("output", |output| {
        output.object("message", |message| {
            message.array("content", |list| {
                for part in &said.parts {
                    block(&part.kind, list);
                }
            });
            message.str("role", "assistant");
        });
    });
    body.str("stopReason", stop_reason(said.stop, called, refused));
    write_usage(&response.usage.unwrap_or_default(), &mut body);
    body.close();
    out
}

pub(super) fn write_stop_sequence(text: Option<&Text<'_>>, body: &mut Object<'_>) {
    if let Some(text) = text {
        body.object("additionalModelResponseFields", |fields| {
            fields.text("stop_sequence", text);
        });
    }
}

fn block(kind: &PartKind<'_>, list: &mut Array<'_>) {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_empty() => {}
        PartKind::Text { text, citations } if !citations.is_empty() => {
            list.object(|block| {
                block.object("citationsContent", |cited| {
                    cited
                        .array("citations", |list| {
                            for source in citations {
                                list.object(|item| write_citation(source, item));
                            }
                        })
                        .array("content", |list| {
                            list.object(|item| {
                                item.text("text", text);
                            });
                        });
                });
            });
        }
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            list.object(|block| {
                block.text("text", text);
            });
        }
        PartKind::Thinking { text, signature } => {
            list.object(|block| {
                block.object("reasoningContent", |reasoning| {
                    reasoning.object("reasoningText", |inner| {
                        if let Some(signature) = signature {
                            inner.text("signature", signature);
                        }
                        inner.text("text", text);
                    });
                });
            });
        }
        PartKind::RedactedThinking(data) => {
            list.object(|block| {
                block.object("reasoningContent", |reasoning| {
                    reasoning.text("redactedContent", &hidden(data));
                });
            });
        }
        PartKind::ToolCall {
            id,
            name,
            arguments,
            ..
        } => {
            list.object(|block| {
                block.object("toolUse", |call| {
                    crate::dialect::words::arguments(arguments, call.key("input"));
                    call.text("name", name).text("toolUseId", id);
                });
            });
        }
        PartKind::Image { media, .. } => {
            if let Some((format, data)) = picture(media) {
                list.object(|block| {
                    block.object("image", |image| picture_members(format, data, image));
                });
            }
        }
        PartKind::Document { .. }
        | PartKind::Audio(_)
        | PartKind::Video(_)
        | PartKind::ToolResult { .. } => {}
    }
}

/// The format and the bytes of a picture that can be shown.
pub(super) fn picture<'m, 'a>(media: &'m Media<'a>) -> Option<(&'static str, &'m Text<'a>)> {
    let Media::Base64 { media_type, data } = media else {
        return None;
    };
    Some((
        super::format::of_media_type(super::format::IMAGE, media_type)?,
        data,
    ))
}

pub(super) fn picture_members(format: &str, data: &Text<'_>, image: &mut Object<'_>) {
    image.str("format", format).object("source", |source| {
        source.text("bytes", data);
    });
}

/// A source on the web, or a place in a document of the request.
pub(super) fn write_citation(source: &Citation<'_>, item: &mut Object<'_>) {
    item.object("location", |location| {
        let Some(place) = source.place else {
            location.object("web", |web| {
                web.text("url", &source.url);
            });
            return;
        };
        let key = match place.unit {
            Unit::Character => "documentChar",
            Unit::Page => "documentPage",
            Unit::Block => "documentChunk",
        };
        location.object(key, |inner| {
            inner
                .number("documentIndex", place.document)
                .number("end", place.end)
                .number("start", place.start);
        });
    });
    if let Some(quote) = &source.quote {
        item.array("sourceContent", |list| {
            list.object(|inner| {
                inner.text("text", quote);
            });
        });
    }
    if let Some(title) = &source.title {
        item.text("title", title);
    }
}

/// Usage as Converse writes it ("TokenUsage"): `inputTokens` leaves out what was read from the cache
/// and written to it ("Prompt caching for faster model inference").
pub(super) fn usage(usage: Json<'_>) -> Usage {
    let count = |value: Json<'_>| value.as_u64().unwrap_or_default();
    let (mut uncached, mut output, mut read, mut written, mut hour) = (0_u64, 0, 0_u64, 0_u64, 0);
    for (key, value) in usage.members() {
        match &*key.decode() {
            "inputTokens" => uncached = count(value),
            "outputTokens" => output = count(value),
            "cacheReadInputTokens" => read = count(value),
            "cacheWriteInputTokens" => written = count(value),
            // The same counts under older names.
            "cacheReadInputTokenCount" if read == 0 => read = count(value),
            "cacheWriteInputTokenCount" if written == 0 => written = count(value),
            "cacheDetails" => {
                let long = value.items().filter(|detail| name(*detail, "ttl") == "1h");
                hour = long
                    .filter_map(|detail| detail.get("inputTokens"))
                    .fold(0_u64, |sum, tokens| sum.saturating_add(count(tokens)));
            }
            _ => {}
        }
    }
    Usage {
        input: uncached
            .saturating_add(read)
            .saturating_add(written.max(hour)),
        output,
        cache_read: read,
        cache_write: written.saturating_sub(hour),
        cache_write_1h: hour,
        ..Usage::default()
    }
}

pub(super) fn write_usage(usage: &Usage, body: &mut Object<'_>) {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let cached = usage.cache_read.saturating_add(written);
    body.object("usage", |object| {
        if usage.cache_write_1h > 0 {
            object.array("cacheDetails", |list| {
                for (ttl, tokens) in [("1h", usage.cache_write_1h), ("5m", usage.cache_write)] {
                    if tokens > 0 {
                        list.object(|detail| {
                            detail.number("inputTokens", tokens).str("ttl", ttl);
                        });
                    }
                }
            });
        }
        object
            .number("cacheReadInputTokens", usage.cache_read)
            .number("cacheWriteInputTokens", written)
            .number("inputTokens", usage.input.saturating_sub(cached))
            .number("outputTokens", usage.output)
            .number("totalTokens", usage.input.saturating_add(usage.output));
    });
}

/// Hidden reasoning of Anthropic's as it is, any other as base64.
pub(super) fn hidden<'a>(data: &Text<'a>) -> Text<'a> {
    if proof::is_foreign(data) {
        proof::armoured(&data.decode())
    } else {
        data.clone()
    }
}
