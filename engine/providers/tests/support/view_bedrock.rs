//! The second reading of Converse.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_providers::sse::SseEvent;

use super::{Reply, arguments, called, list, number, string};

pub(super) fn bedrock(body: &Value) -> Reply {
    let mut reply = Reply::default();
    for block in list(&body["output"]["message"]["content"]) {
        reply.text += &string(&block["text"]);
        for piece in list(&block["citationsContent"]["content"]) {
            reply.text += &string(&piece["text"]);
        }
        reply.thinking += &string(&block["reasoningContent"]["reasoningText"]["text"]);
        let call = &block["toolUse"];
        if call.is_object() && call["type"] != "server_tool_use" {
            reply.calls.push((
                string(&call["toolUseId"]),
                called(&call["name"]),
                call["input"].clone(),
            ));
        }
    }
    reply.finish = match string(&body["stopReason"]).as_str() {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "guardrail_intervened" | "content_filtered" => "refusal",
        "tool_use" => "tools",
        _ => "stop",
    };
    let usage = &body["usage"];
    reply.usage = usage.is_object().then(|| {
        let read = number(&usage["cacheReadInputTokens"]);
        let written = number(&usage["cacheWriteInputTokens"]);
        let input = number(&usage["inputTokens"]) + read + written;
        (input, number(&usage["outputTokens"]), read, written)
    });
    reply
}

pub(super) fn bedrock_stream(events: &[SseEvent]) -> Reply {
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    let mut whole = json!({});
    let mut error = None;
    for event in events {
        let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
            continue;
        };
        let block = blocks.entry(number(&data["contentBlockIndex"]));
        match event.event.as_deref().unwrap_or_default() {
            b"contentBlockStart" => {
                block.or_insert_with(|| data["start"].clone());
            }
            b"contentBlockDelta" => {
                let block = block.or_insert_with(|| json!({}));
                let delta = &data["delta"];
                let more = |place: &mut Value, piece: &Value| {
                    if piece.is_string() {
                        *place = Value::String(string(place) + &string(piece));
                    }
                };
                more(&mut block["text"], &delta["text"]);
                let thought = &delta["reasoningContent"]["text"];
                if thought.is_string() {
                    more(
                        &mut block["reasoningContent"]["reasoningText"]["text"],
                        thought,
                    );
                }
                if delta["toolUse"].is_object() {
                    more(&mut block["toolUse"]["input"], &delta["toolUse"]["input"]);
                }
            }
            b"messageStop" => whole["stopReason"] = data["stopReason"].clone(),
            b"metadata" => whole["usage"] = data["usage"].clone(),
            name if name.ends_with(b"Exception") => error = Some(string(&data["message"])),
            _ => {}
        }
    }
    let content = blocks.into_values().map(|mut block| {
        if block["toolUse"].is_object() {
            block["toolUse"]["input"] = arguments(&string(&block["toolUse"]["input"]));
        }
        block
    });
    whole["output"]["message"]["content"] = content.collect();
    let mut reply = bedrock(&whole);
    reply.error = error;
    reply
}
