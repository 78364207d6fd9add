//! Replies in the dialects of Responses, Gemini, Bedrock and Cohere.

use serde_json::{Value, json};

use super::tool;

fn said<'a>(parts: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let key = key.to_owned();
    let parts = parts.as_array().into_iter().flatten();
    parts.filter_map(move |part| part[&key].as_str())
}

/// Text, reason of the end and calls of a complete reply; `None` when it is none of theirs.
pub(super) fn complete(body: &Value) -> Option<(String, Value, Vec<Value>)> {
    if body["object"] == "response" {
        let items = body["output"].as_array()?;
        let text = items
            .iter()
            .filter(|item| item["type"] == "message")
            .flat_map(|item| said(&item["content"], "text"))
            .collect();
        let calls = items
            .iter()
            .filter(|item| item["type"] == "function_call")
            .map(|item| {
                tool(
                    &item["name"],
                    item["arguments"].as_str().unwrap_or_default(),
                )
            })
            .collect();
        return Some((text, body["status"].clone(), calls));
    }
    if body["candidates"].is_array() {
        let (mut text, mut finish, mut calls) = (String::new(), Value::Null, Vec::new());
        candidate(body, &mut text, &mut finish, |name, arguments| {
            calls.push(json!({ "name": name, "arguments": arguments }));
        });
        return Some((text, finish, calls));
    }
    if body["output"]["message"].is_object() {
        let content = &body["output"]["message"]["content"];
        let calls = content
            .as_array()
            .into_iter()
            .flatten()
            .filter(|part| part["toolUse"].is_object())
            .map(|part| {
                let call = &part["toolUse"];
                json!({ "name": call["name"], "arguments": call["input"] })
            })
            .collect();
        return Some((
            said(content, "text").collect(),
            body["stopReason"].clone(),
            calls,
        ));
    }
    if body["message"]["role"] == "assistant" {
        let calls = body["message"]["tool_calls"].as_array();
        let calls = calls.into_iter().flatten().map(|call| {
            let function = &call["function"];
            let arguments = function["arguments"].as_str().unwrap_or_default();
            tool(&function["name"], arguments)
        });
        return Some((
            said(&body["message"]["content"], "text").collect(),
            body["finish_reason"].clone(),
            calls.collect(),
        ));
    }
    None
}

fn candidate(
    body: &Value,
    text: &mut String,
    finish: &mut Value,
    mut call: impl FnMut(&Value, &Value),
) {
    let first = &body["candidates"][0];
    let parts = first["content"]["parts"].as_array();
    for part in parts.into_iter().flatten() {
        if part["thought"] != true {
            text.push_str(part["text"].as_str().unwrap_or_default());
        }
        if part["functionCall"].is_object() {
            call(&part["functionCall"]["name"], &part["functionCall"]["args"]);
        }
    }
    if first["finishReason"].is_string() {
        *finish = first["finishReason"].clone();
    }
}

/// What one event of a stream adds.
pub(super) fn chunk(
    chunk: &Value,
    text: &mut String,
    finish: &mut Value,
    tools: &mut Vec<(Value, String)>,
) {
    if chunk["candidates"].is_array() {
        candidate(chunk, text, finish, |name, arguments| {
            tools.push((name.clone(), arguments.to_string()));
        });
    }
    let mut arguments = |more: &Value| {
        if let Some((_, arguments)) = tools.last_mut() {
            arguments.push_str(more.as_str().unwrap_or_default());
        }
    };
    match chunk["type"].as_str().unwrap_or_default() {
        "response.output_text.delta" => text.push_str(chunk["delta"].as_str().unwrap_or_default()),
        "response.function_call_arguments.delta" => arguments(&chunk["delta"]),
        "response.output_item.added" if chunk["item"]["type"] == "function_call" => {
            tools.push((chunk["item"]["name"].clone(), String::new()));
        }
        "response.completed" | "response.incomplete" => {
            *finish = chunk["response"]["status"].clone();
        }
        "content-delta" => {
            let content = &chunk["delta"]["message"]["content"];
            text.push_str(content["text"].as_str().unwrap_or_default());
        }
        "tool-call-start" => {
            let function = &chunk["delta"]["message"]["tool_calls"]["function"];
            let begun = function["arguments"].as_str().unwrap_or_default();
            tools.push((function["name"].clone(), begun.to_owned()));
        }
        "tool-call-delta" => {
            arguments(&chunk["delta"]["message"]["tool_calls"]["function"]["arguments"]);
        }
        "message-end" => *finish = chunk["delta"]["finish_reason"].clone(),
        _ => {}
    }
}
