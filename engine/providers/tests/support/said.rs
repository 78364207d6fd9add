//! What a request says, read over a value tree.

use serde_json::{Value, json};
use tidegate_types::Dialect;

use crate::view::{arguments, list, string};

/// What a request says: every text, picture, call and result in order of role and place.
pub(crate) fn request(dialect: Dialect, body: &Value) -> Vec<(String, Value)> {
    let mut said = Vec::new();
    for tool in list(&body["tools"]) {
        let function = if dialect == Dialect::Anthropic {
            &tool
        } else {
            &tool["function"]
        };
        let key = if dialect == Dialect::Anthropic {
            "input_schema"
        } else {
            "parameters"
        };
        if function["name"].is_string()
            && (tool["type"].is_null()
                || ["function", "custom"].contains(&tool["type"].as_str().unwrap_or_default()))
        {
            said.push(("tool".to_owned(), json!([function["name"], function[key]])));
        }
    }
    if dialect == Dialect::Anthropic {
        for text in texts(&body["system"]) {
            said.push(("system".to_owned(), text));
        }
    }
    for message in list(&body["messages"]) {
        let role = string(&message["role"]);
        if role == "tool" {
            said.push(("result".to_owned(), message["tool_call_id"].clone()));
        }
        let role = match role.as_str() {
            "developer" => "system".to_owned(),
            "tool" => "user".to_owned(),
            _ => role,
        };
        for block in list(&message["content"]) {
            match block["type"].as_str().unwrap_or_default() {
                "tool_use" => said.push((
                    "call".to_owned(),
                    json!([block["id"], block["name"], block["input"]]),
                )),
                "tool_result" => {
                    said.push(("result".to_owned(), block["tool_use_id"].clone()));
                    for text in texts(&block["content"]) {
                        said.push(("user".to_owned(), text));
                    }
                    for inner in list(&block["content"]) {
                        if inner["source"]["type"] == "base64" {
                            said.push(("image".to_owned(), inner["source"]["data"].clone()));
                        }
                    }
                }
                "image" if block["source"]["type"] == "base64" => {
                    said.push(("image".to_owned(), block["source"]["data"].clone()));
                }
                "image" if block["source"]["type"] == "url" => {
                    said.push(("image".to_owned(), block["source"]["url"].clone()));
                }
                "image_url" => {
                    let url = &block["image_url"];
                    let url = string(if url.is_string() { url } else { &url["url"] });
                    let data = match url.split_once(";base64,") {
                        Some((_, data)) => data.to_owned(),
                        None => url,
                    };
                    said.push(("image".to_owned(), Value::String(data)));
                }
                _ => {}
            }
        }
        for text in texts(&message["content"]) {
            said.push((role.clone(), text));
        }
        for call in list(&message["tool_calls"]) {
            let function = &call["function"];
            let given = arguments(&string(&function["arguments"]));
            said.push((
                "call".to_owned(),
                json!([call["id"], function["name"], given]),
            ));
        }
    }
    said
}

fn texts(content: &Value) -> Vec<Value> {
    let all = match content {
        Value::String(_) => vec![content.clone()],
        Value::Array(parts) => parts
            .iter()
            .filter(|part| part["type"] == "text")
            .map(|part| part["text"].clone())
            .collect(),
        _ => Vec::new(),
    };
    all.into_iter()
        .filter(|text| !string(text).trim().is_empty())
        .collect()
}
