//! A second reading of the dialects, independent of the engine's: over value trees, from the
//! vendors' documentation. What it sees before and after a translation must be the same.

#[path = "view_bedrock.rs"]
mod converse;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_providers::{
    event_stream::{FrameSplitter, Splitter},
    sse::{SseEvent, SseSplitter},
};
use tidegate_types::Dialect;

use converse::{bedrock, bedrock_stream};

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

impl Reply {
    /// What is left of it where a dialect has no words for the rest.
    pub(crate) fn told_by(mut self, dialect: Dialect) -> Self {
        // Cohere's caches fill themselves, and it has no finish reason for a refusal.
        if dialect == Dialect::Cohere {
            self.usage = self.usage.map(|usage| (usage.0, usage.1, usage.2, 0));
            if self.finish == "refusal" {
                self.finish = if self.calls.is_empty() {
                    "stop"
                } else {
                    "tools"
                };
            }
        }
        self.usage = usage_in(dialect, self.usage);
        // Replies of these always count.
        if matches!(dialect, Dialect::Anthropic | Dialect::Bedrock) {
            self.usage.get_or_insert_default();
        }
        self
    }
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
    let mut splitter = splitter(stream);
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
        Dialect::Responses => responses(body),
        Dialect::Bedrock => bedrock(body),
        Dialect::Gemini => gemini(std::slice::from_ref(body)),
        Dialect::Cohere => cohere(body),
        _ => openai(body),
    }
}

pub(crate) fn stream(dialect: Dialect, stream: &[u8]) -> Reply {
    let events = events(stream, usize::MAX);
    match dialect {
        Dialect::Anthropic => anthropic_stream(&events),
        Dialect::Responses => responses_stream(&events),
        Dialect::Bedrock => bedrock_stream(&events),
        Dialect::Gemini => gemini_stream(&events),
        Dialect::Cohere => cohere_stream(&events),
        _ => openai_stream(&events),
    }
}

pub(crate) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    // Cohere's SDK calls its counts floats, and so some relays write them.
    let whole = || value.to_string().strip_suffix(".0")?.parse().ok();
    value.as_u64().or_else(whole).unwrap_or_default()
}

/// The name of a call; a function may stand in for a tool that takes a free text.
fn called(value: &Value) -> String {
    let name = string(value);
    match name.strip_prefix("tidegate_text_") {
        Some(own) => own.to_owned(),
        None => name,
    }
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
        let custom = &call["custom"];
        let (name, given) = if custom.is_object() {
            let input = json!({ "input": custom["input"] });
            (&custom["name"], input)
        } else {
            let given = arguments(&string(&function["arguments"]));
            (&function["name"], given)
        };
        reply.calls.push((string(&call["id"]), string(name), given));
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
                bare(&block["id"]),
                called(&block["name"]),
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

fn responses(body: &Value) -> Reply {
    let mut reply = Reply::default();
    for item in list(&body["output"]) {
        match item["type"].as_str().unwrap_or_default() {
            "message" => {
                for part in list(&item["content"]) {
                    reply.text += &string(&part["text"]);
                    reply.text += &string(&part["refusal"]);
                    reply.refused |= part["refusal"].is_string();
                }
            }
            "reasoning" => {
                let pieces = [list(&item["summary"]), list(&item["content"])].concat();
                let texts: Vec<_> = pieces.iter().map(|piece| string(&piece["text"])).collect();
                reply.thinking += &texts.join("\n\n");
            }
            "function_call" => reply.calls.push((
                string(&item["call_id"]),
                string(&item["name"]),
                arguments(&string(&item["arguments"])),
            )),
            "custom_tool_call" => reply.calls.push((
                string(&item["call_id"]),
                string(&item["name"]),
                json!({ "input": item["input"] }),
            )),
            _ => {}
        }
    }
    reply.finish = match body["incomplete_details"]["reason"].as_str() {
        Some("content_filter") => "refusal",
        Some(_) => "length",
        None if body["status"] == "incomplete" => "length",
        None if !reply.calls.is_empty() => "tools",
        None if reply.refused => "refusal",
        None => "stop",
    };
    let usage = &body["usage"];
    reply.usage = usage.is_object().then(|| {
        let details = &usage["input_tokens_details"];
        let input = number(&usage["input_tokens"]);
        let mut output = number(&usage["output_tokens"]);
        output += number(&usage["total_tokens"]).saturating_sub(input + output);
        let read = number(&details["cached_tokens"]).min(input);
        let written = number(&details["cache_write_tokens"]).min(input - read);
        (input, output, read, written)
    });
    reply
}

/// The reply as the events tell it one by one; the items of the final response must agree, unless
/// the events before it told nothing.
fn responses_stream(events: &[SseEvent]) -> Reply {
    let mut items: BTreeMap<u64, Value> = BTreeMap::new();
    let mut whole = json!({});
    let mut error = None;
    for event in events {
        let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
            continue;
        };
        let place = number(&data["output_index"]);
        match data["type"].as_str().unwrap_or_default() {
            "response.output_item.added" | "response.output_item.done" => {
                items.insert(place, data["item"].clone());
            }
            "response.output_text.delta" => add(items.get_mut(&place), "content", "text", &data),
            "response.refusal.delta" => add(items.get_mut(&place), "content", "refusal", &data),
            "response.function_call_arguments.delta" => {
                if let Some(item) = items.get_mut(&place) {
                    let so_far = string(&item["arguments"]);
                    item["arguments"] = Value::String(so_far + &string(&data["delta"]));
                }
            }
            "response.completed" | "response.incomplete" => whole = data["response"].clone(),
            "response.failed" => error = Some(string(&data["response"]["error"]["message"])),
            "error" => {
                let own = string(&data["message"]);
                let nested = string(&data["error"]["message"]);
                error = Some(if own.is_empty() { nested } else { own });
            }
            _ => {}
        }
    }
    let told: Vec<Value> = items.into_values().collect();
    if whole["output"].as_array().is_none_or(Vec::is_empty) {
        whole["output"] = Value::Array(told);
    } else if !told.is_empty() {
        let other = responses(&json!({ "output": told }));
        let last = responses(&whole);
        assert_eq!(other.calls, last.calls, "calls told twice");
        assert_eq!(other.text, last.text, "words told twice");
        assert_eq!(other.thinking, last.thinking, "reasoning told twice");
    }
    let mut reply = responses(&whole);
    reply.error = error;
    reply
}

/// Adds a delta to the last part of an item.
fn add(item: Option<&mut Value>, list: &str, key: &str, data: &Value) {
    let Some(item) = item else { return };
    if !item[list].is_array() {
        item[list] = json!([]);
    }
    let Some(parts) = item[list].as_array_mut() else {
        return;
    };
    if parts.is_empty() {
        parts.push(json!({}));
    }
    if let Some(part) = parts.last_mut() {
        part[key] = Value::String(string(&part[key]) + &string(&data["delta"]));
    }
}

fn openai_stream(events: &[SseEvent]) -> Reply {
    let mut reply = Reply::default();
    let mut calls: Vec<(u64, String, String, String)> = Vec::new();
    let mut free = Vec::new();
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
                let function = if call["custom"].is_object() {
                    &call["custom"]
                } else {
                    &call["function"]
                };
                let given = match &function["arguments"] {
                    Value::Null => string(&function["input"]),
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
                    free.push(call["custom"].is_object());
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
        .zip(free)
        .map(|(call, free)| {
            let given = if free {
                json!({ "input": call.3 })
            } else {
                arguments(&call.3)
            };
            (call.1, call.2, given)
        })
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

fn cohere(body: &Value) -> Reply {
    let message = &body["message"];
    let mut reply = Reply {
        thinking: string(&message["tool_plan"]),
        ..Reply::default()
    };
    for block in list(&message["content"]) {
        reply.text += &string(&block["text"]);
        reply.thinking += &string(&block["thinking"]);
    }
    for call in list(&message["tool_calls"]) {
        let function = &call["function"];
        let given = arguments(&string(&function["arguments"]));
        reply
            .calls
            .push((string(&call["id"]), called(&function["name"]), given));
    }
    reply.finish = cohere_finish(&string(&body["finish_reason"]), &reply);
    reply.usage = cohere_usage(&body["usage"]);
    reply
}

fn cohere_finish(reason: &str, reply: &Reply) -> &'static str {
    match reason {
        "MAX_TOKENS" => "length",
        "TOOL_CALL" => "tools",
        _ if !reply.calls.is_empty() => "tools",
        _ => "stop",
    }
}

/// Billed tokens; of the cached ones those that cannot be among the tokens that are free.
fn cohere_usage(usage: &Value) -> Option<(u64, u64, u64, u64)> {
    usage.is_object().then(|| {
        let (billed, tokens) = (&usage["billed_units"], &usage["tokens"]);
        let input = number(&billed["input_tokens"]);
        let processed = number(&tokens["input_tokens"]) + number(&tokens["image_tokens"]);
        let free = processed.saturating_sub(input);
        let cached = number(&usage["cached_tokens"]).saturating_sub(free);
        (
            input,
            number(&billed["output_tokens"]),
            cached.min(input),
            0,
        )
    })
}

fn cohere_stream(events: &[SseEvent]) -> Reply {
    let mut content: BTreeMap<u64, Value> = BTreeMap::new();
    let mut calls: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    let mut message = json!({});
    let mut end = Value::Null;
    let mut error = None;
    for event in events {
        let Ok(data) = serde_json::from_slice::<Value>(&event.data) else {
            continue;
        };
        let index = number(&data["index"]);
        let more = &data["delta"]["message"];
        match data["type"].as_str().unwrap_or_default() {
            "content-start" | "content-delta" => {
                let block = content.entry(index).or_insert_with(|| json!({}));
                for key in ["text", "thinking"] {
                    if let Some(text) = more["content"][key].as_str() {
                        block[key] = Value::String(string(&block[key]) + text);
                    }
                }
            }
            "tool-plan-delta" => {
                let plan = string(&message["tool_plan"]) + &string(&more["tool_plan"]);
                message["tool_plan"] = Value::String(plan);
            }
            "tool-call-start" | "tool-call-delta" => {
                let call = &more["tool_calls"];
                let known = calls
                    .entry(index)
                    .or_insert_with(|| (call.clone(), String::new()));
                known.1 += &string(&call["function"]["arguments"]);
            }
            "message-end" => {
                end = data["delta"].clone();
                if end["error"].is_string() {
                    error = Some(string(&end["error"]));
                }
            }
            _ if data["type"].is_null() => error = Some(string(&data["message"])),
            _ => {}
        }
    }
    message["content"] = content.into_values().collect();
    message["tool_calls"] = calls
        .into_values()
        .map(|(mut call, given)| {
            call["function"]["arguments"] = Value::String(given);
            call
        })
        .collect();
    let body = json!({
        "message": message,
        "finish_reason": end["finish_reason"],
        "usage": end["usage"],
    });
    let mut reply = cohere(&body);
    reply.error = error;
    reply
}

/// What is left of a usage in a dialect: not all count what is written to a cache.
pub(crate) fn usage_in(
    dialect: Dialect,
    usage: Option<(u64, u64, u64, u64)>,
) -> Option<(u64, u64, u64, u64)> {
    let (input, output, read, written) = usage?;
    let tells = dialect != Dialect::Gemini;
    Some((input, output, read, if tells { written } else { 0 }))
}

/// The id of a call without the proof that travels in it.
pub(crate) fn bare(id: &Value) -> String {
    let id = string(id);
    match id.rsplit_once("__proof_") {
        Some((id, _)) => id.to_owned(),
        None => id,
    }
}

/// One reply, or the chunks of one.
fn gemini(chunks: &[Value]) -> Reply {
    let mut reply = Reply::default();
    let mut finish = String::new();
    for chunk in chunks {
        if chunk["error"].is_object() {
            reply.error = Some(string(&chunk["error"]["message"]));
            continue;
        }
        if chunk["promptFeedback"]["blockReason"].is_string() {
            "SAFETY".clone_into(&mut finish);
        }
        let candidates = list(&chunk["candidates"]);
        let candidate = candidates.iter().find(|one| number(&one["index"]) == 0);
        let candidate = candidate.cloned().unwrap_or_default();
        for part in list(&candidate["content"]["parts"]) {
            let call = &part["functionCall"];
            if call.is_object() {
                let place = reply.calls.len();
                let id = match (call["id"].as_str(), chunk["responseId"].as_str()) {
                    (Some(id), _) => id.to_owned(),
                    (None, Some(reply)) => format!("call_{reply}_{place}"),
                    (None, None) => format!("call_{place}"),
                };
                let given = match &call["args"] {
                    Value::Null => json!({}),
                    given => given.clone(),
                };
                reply.calls.push((id, called(&call["name"]), given));
            } else if part["thought"] == true {
                reply.thinking += &string(&part["text"]);
            } else {
                reply.text += &string(&part["text"]);
            }
        }
        if let Some(reason) = candidate["finishReason"].as_str() {
            reason.clone_into(&mut finish);
        }
        let usage = &chunk["usageMetadata"];
        if usage["promptTokenCount"].is_number() || usage["totalTokenCount"].is_number() {
            let input =
                number(&usage["promptTokenCount"]) + number(&usage["toolUsePromptTokenCount"]);
            let output =
                number(&usage["candidatesTokenCount"]) + number(&usage["thoughtsTokenCount"]);
            let read = number(&usage["cachedContentTokenCount"]);
            reply.usage = usage_in(Dialect::Gemini, Some((input, output, read, 0)));
        }
    }
    reply.finish = match finish.as_str() {
        "MAX_TOKENS" => "length",
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => "refusal",
        _ if !reply.calls.is_empty() => "tools",
        _ => "stop",
    };
    reply
}

fn gemini_stream(events: &[SseEvent]) -> Reply {
    let chunks = events
        .iter()
        .filter_map(|event| serde_json::from_slice(&event.data).ok());
    gemini(&chunks.collect::<Vec<Value>>())
}

/// The splitter that a stream's first byte asks for: a frame begins with a length below 16 MiB.
pub(crate) fn splitter(stream: &[u8]) -> Splitter {
    if stream.first() == Some(&0) {
        Splitter::EventStream(FrameSplitter::new())
    } else {
        Splitter::Sse(SseSplitter::new())
    }
}

/// Every dialect but this one.
pub(crate) fn others(dialect: Dialect) -> impl Iterator<Item = Dialect> {
    let all = Dialect::ALL.iter().copied();
    all.filter(move |other| *other != dialect)
}
