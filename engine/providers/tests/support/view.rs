//! A second reading of both dialects, independent of the engine's: over value trees, from the
//! vendors' documentation. What it sees before and after a translation must be the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_providers::sse::{SseEvent, SseSplitter};
use tidegate_types::Dialect;

/// What a reply says, whatever its dialect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) calls: Vec<(String, String, Value)>,
    pub(crate) finish: &'static str,
    /// Input, output, read from the cache, written to it.
    pub(crate) usage: Option<(u64, u64, u64, u64)>,
    pub(crate) error: Option<String>,
    /// Whether some of the text is a refusal.
    refused: bool,
}

impl PartialEq for Reply {
    /// How a refusal is marked differs; that it is one shows in `finish`.
    fn eq(&self, other: &Self) -> bool {
        let told = |reply: &Self| {
            (
                reply.text.clone(),
                reply.thinking.clone(),
                reply.calls.clone(),
                reply.finish,
            )
        };
        told(self) == told(other) && self.usage == other.usage && self.error == other.error
    }
}

pub(crate) fn events(stream: &[u8], piece: usize) -> Vec<SseEvent> {
    let mut splitter = SseSplitter::new();
    let mut events = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        splitter
            .push(Bytes::copy_from_slice(piece))
            .expect("short events");
        events.extend(&mut splitter);
    }
    events.extend(std::iter::from_fn(|| splitter.finish()));
    events
}

pub(crate) fn reply(dialect: Dialect, body: &Value) -> Reply {
    match dialect {
        Dialect::Anthropic => anthropic(body),
        _ => openai(body),
    }
}

pub(crate) fn stream(dialect: Dialect, stream: &[u8]) -> Reply {
    let events = events(stream, usize::MAX);
    match dialect {
        Dialect::Anthropic => anthropic_stream(&events),
        _ => openai_stream(&events),
    }
}

pub(crate) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Arguments as a value; what is no object is told as the engine tells it.
pub(crate) fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(text) {
        Ok(Value::Null) => json!({}),
        Ok(Value::Object(object)) => Value::Object(object),
        _ => json!({ "malformed_arguments": text }),
    }
}

fn openai(body: &Value) -> Reply {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    let mut reply = Reply::default();
    match &message["content"] {
        Value::Array(parts) => {
            for part in parts {
                reply.text += &string(&part["text"]);
                for piece in part["thinking"].as_array().into_iter().flatten() {
                    reply.thinking += &string(&piece["text"]);
                }
            }
        }
        content => reply.text += &string(content),
    }
    reply.text += &string(&message["refusal"]);
    reply.refused = message["refusal"].is_string();
    let details: String = list(&message["reasoning_details"])
        .iter()
        .map(|block| string(&block["text"]) + &string(&block["summary"]))
        .collect();
    reply.thinking += &[&message["reasoning_content"], &message["reasoning"]]
        .iter()
        .map(|value| string(value))
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    if !details.is_empty() {
        reply.thinking = details;
    }
    for call in list(&message["tool_calls"]) {
        let function = &call["function"];
        let given = arguments(&string(&function["arguments"]));
        reply
            .calls
            .push((string(&call["id"]), string(&function["name"]), given));
    }
    if let Value::Object(call) = &message["function_call"] {
        let name = string(&call["name"]);
        reply.calls.push((
            format!("call_{name}"),
            name,
            arguments(&string(&call["arguments"])),
        ));
    }
    reply.finish = openai_finish(&string(&choice["finish_reason"]), &reply);
    reply.usage = openai_usage(body);
    reply
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn openai_finish(reason: &str, reply: &Reply) -> &'static str {
    match reason {
        "length" | "max_tokens" | "model_length" => "length",
        "content_filter" => "refusal",
        "tool_calls" | "function_call" => "tools",
        _ if !reply.calls.is_empty() => "tools",
        _ if reply.refused => "refusal",
        _ => "stop",
    }
}

fn openai_usage(body: &Value) -> Option<(u64, u64, u64, u64)> {
    let own = &body["usage"];
    let usage = if own.is_object() {
        own
    } else {
        &body["x_groq"]["usage"]
    };
    if !usage.is_object() {
        return None;
    }
    let details = &usage["prompt_tokens_details"];
    let (mut input, mut output) = (
        number(&usage["prompt_tokens"]),
        number(&usage["completion_tokens"]),
    );
    let missing = number(&usage["total_tokens"]).saturating_sub(input + output);
    if missing > 0 && missing == number(&details["audio_tokens"]) {
        input += missing;
    } else {
        output += missing;
    }
    let read = [
        &details["cached_tokens"],
        &usage["prompt_cache_hit_tokens"],
        &usage["num_cached_tokens"],
        &usage["cached_tokens"],
    ];
    let read = read
        .iter()
        .find_map(|value| value.as_u64().filter(|count| *count > 0));
    // Azure's Grok reports more cached tokens than tokens.
    let read = read.unwrap_or(0).min(input);
    // OpenRouter reports tokens as both read and written.
    let written = number(&details["cache_write_tokens"]).min(input - read);
    Some((input, output, read, written))
}

fn anthropic(body: &Value) -> Reply {
    let mut reply = Reply::default();
    for block in list(&body["content"]) {
        match block["type"].as_str().unwrap_or_default() {
            "text" => reply.text += &string(&block["text"]),
            "thinking" => reply.thinking += &string(&block["thinking"]),
            "tool_use" => reply.calls.push((
                string(&block["id"]),
                string(&block["name"]),
                block["input"].clone(),
            )),
            _ => {}
        }
    }
    reply.finish = anthropic_finish(&string(&body["stop_reason"]));
    reply.usage = anthropic_usage(&body["usage"]);
    reply
}

fn anthropic_finish(reason: &str) -> &'static str {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "refusal" => "refusal",
        "tool_use" => "tools",
        _ => "stop",
    }
}

fn anthropic_usage(usage: &Value) -> Option<(u64, u64, u64, u64)> {
    usage.is_object().then(|| {
        let read = number(&usage["cache_read_input_tokens"]);
        let written = number(&usage["cache_creation_input_tokens"]);
        let input = number(&usage["input_tokens"]) + read + written;
        (input, number(&usage["output_tokens"]), read, written)
    })
}

fn openai_stream(events: &[SseEvent]) -> Reply {
    let mut reply = Reply::default();
    let mut calls: Vec<(u64, String, String, String)> = Vec::new();
    let mut finish = String::new();
    for event in events {
        let Ok(chunk) = serde_json::from_slice::<Value>(&event.data) else {
            continue;
        };
        if chunk["error"].is_object() {
            reply.error = Some(string(&chunk["error"]["message"]));
            continue;
        }
        if let Some(usage) = openai_usage(&chunk) {
            reply.usage = Some(usage);
        }
        for choice in list(&chunk["choices"])
            .iter()
            .filter(|choice| number(&choice["index"]) == 0)
        {
            let delta = &choice["delta"];
            let reasoning = [&delta["reasoning_content"], &delta["reasoning"]];
            let reasoning = reasoning.iter().find_map(|value| value.as_str());
            reply.thinking += reasoning.unwrap_or_default();
            match &delta["content"] {
                Value::Array(parts) => {
                    for part in parts {
                        reply.text += &string(&part["text"]);
                        for piece in list(&part["thinking"]) {
                            reply.thinking += &string(&piece["text"]);
                        }
                    }
                }
                content => reply.text += &string(content),
            }
            reply.text += &string(&delta["refusal"]);
            reply.refused |= delta["refusal"].is_string();
            for call in list(&delta["tool_calls"]) {
                let index = number(&call["index"]);
                let function = &call["function"];
                let given = match &function["arguments"] {
                    Value::Object(object) => Value::Object(object.clone()).to_string(),
                    text => string(text),
                };
                let known = calls.iter_mut().rfind(|known| {
                    known.0 == index && (string(&call["id"]).is_empty() || call["id"] == known.1)
                });
                if let Some(known) = known {
                    known.3 += &given;
                } else {
                    let (id, name) = (string(&call["id"]), string(&function["name"]));
                    calls.push((index, id, name, given));
                }
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                reason.clone_into(&mut finish);
            }
        }
    }
    reply.calls = calls
        .into_iter()
        .map(|call| (call.1, call.2, arguments(&call.3)))
        .collect();
    reply.finish = openai_finish(&finish, &reply);
    reply
}

fn anthropic_stream(events: &[SseEvent]) -> Reply {
    let mut blocks: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    let mut usage = json!({});
    let mut finish = String::new();
    let mut error = None;
    for event in events {
        let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
            continue;
        };
        let index = number(&data["index"]);
        match data["type"].as_str().unwrap_or_default() {
            "message_start" => merge(&mut usage, &data["message"]["usage"]),
            "content_block_start" => {
                blocks.insert(index, (data["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                let Some((block, json)) = blocks.get_mut(&index) else {
                    continue;
                };
                let delta = &data["delta"];
                for key in ["text", "thinking"] {
                    if let Some(more) = delta[key].as_str() {
                        block[key] = Value::String(string(&block[key]) + more);
                    }
                }
                *json += &string(&delta["partial_json"]);
            }
            "message_delta" => {
                merge(&mut usage, &data["usage"]);
                if let Some(reason) = data["delta"]["stop_reason"].as_str() {
                    reason.clone_into(&mut finish);
                }
            }
            "error" => error = Some(string(&data["error"]["message"])),
            _ => {}
        }
    }
    let content: Vec<Value> = blocks
        .into_values()
        .map(|(mut block, json)| {
            if !json.is_empty() {
                block["input"] = arguments(&json);
            }
            block
        })
        .collect();
    let mut reply =
        anthropic(&json!({ "content": content, "usage": usage, "stop_reason": finish }));
    reply.error = error;
    reply
}

fn merge(all: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        if !value.is_null() {
            all[key] = value.clone();
        }
    }
}
