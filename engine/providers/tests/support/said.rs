//! What a request says, read over a value tree.

use serde_json::{Value, json};
use tidegate_types::Dialect;

use crate::view::{arguments, bare, list, string};

/// What a request says: every text, picture, call and result in order of role and place.
pub(crate) fn request(dialect: Dialect, body: &Value) -> Vec<(String, Value)> {
    if dialect == Dialect::Responses {
        return responses(body);
    }
    if dialect == Dialect::Bedrock {
        return bedrock(body);
    }
    if dialect == Dialect::Gemini {
        return gemini(body);
    }
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
    for document in list(&body["documents"]) {
        if dialect == Dialect::Cohere && document["data"]["text"].is_string() {
            said.push(("user".to_owned(), document["data"]["text"].clone()));
        }
    }
    for message in list(&body["messages"]) {
        let role = string(&message["role"]);
        if role == "tool" {
            said.push(("result".to_owned(), id(&message["tool_call_id"])));
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
                    json!([id(&block["id"]), block["name"], block["input"]]),
                )),
                "tool_result" => {
                    said.push(("result".to_owned(), id(&block["tool_use_id"])));
                    for text in texts(&block["content"]) {
                        said.push(("user".to_owned(), text));
                    }
                    for inner in list(&block["content"]) {
                        if inner["source"]["type"] == "base64" {
                            said.push(("image".to_owned(), inner["source"]["data"].clone()));
                        }
                    }
                }
                "document" if block["source"]["type"] == "text" => {
                    said.push(("user".to_owned(), block["source"]["data"].clone()));
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
                json!([id(&call["id"]), function["name"], given]),
            ));
        }
    }
    said
}

/// An id as every dialect allows it: some know letters, digits, `_` and `-` only.
fn id(value: &Value) -> Value {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mapped = bare(value).replace(|c| !allowed(c), "_");
    Value::String(mapped)
}

fn responses(body: &Value) -> Vec<(String, Value)> {
    let mut said = Vec::new();
    for tool in list(&body["tools"]) {
        if tool["type"] == "function" {
            said.push(("tool".to_owned(), json!([tool["name"], tool["parameters"]])));
        }
    }
    for text in texts(&body["instructions"]) {
        said.push(("system".to_owned(), text));
    }
    if body["input"].is_string() {
        said.push(("user".to_owned(), body["input"].clone()));
    }
    for item in list(&body["input"]) {
        let role = match item["role"].as_str().unwrap_or("user") {
            "developer" => "system".to_owned(),
            role => role.to_owned(),
        };
        match item["type"].as_str().unwrap_or("message") {
            "message" => {}
            "function_call" => {
                let given = arguments(&string(&item["arguments"]));
                let call = json!([id(&item["call_id"]), item["name"], given]);
                said.push(("call".to_owned(), call));
            }
            "function_call_output" => {
                said.push(("result".to_owned(), id(&item["call_id"])));
            }
            _ => continue,
        }
        for content in [&item["content"], &item["output"]] {
            for text in texts(content) {
                said.push((role.clone(), text));
            }
            for part in list(content) {
                if part["type"] == "input_image" && part["image_url"].is_string() {
                    let url = string(&part["image_url"]);
                    let data = match url.split_once(";base64,") {
                        Some((_, data)) => data.to_owned(),
                        None => url,
                    };
                    said.push(("image".to_owned(), Value::String(data)));
                }
            }
        }
    }
    said
}

fn texts(content: &Value) -> Vec<Value> {
    let all = match content {
        Value::String(_) => vec![content.clone()],
        Value::Array(parts) => parts
            .iter()
            .filter(|part| {
                ["text", "input_text", "output_text"]
                    .contains(&part["type"].as_str().unwrap_or_default())
            })
            .map(|part| part["text"].clone())
            .collect(),
        _ => Vec::new(),
    };
    all.into_iter()
        .filter(|text| !string(text).trim().is_empty())
        .collect()
}

/// The member in camel case, or in snake case.
fn either<'v>(of: &'v Value, camel: &str, snake: &str) -> &'v Value {
    if of[camel].is_null() {
        &of[snake]
    } else {
        &of[camel]
    }
}

fn gemini(body: &Value) -> Vec<(String, Value)> {
    let mut said = Vec::new();
    for tool in list(&body["tools"]) {
        for function in list(either(
            &tool,
            "functionDeclarations",
            "function_declarations",
        )) {
            let json = either(&function, "parametersJsonSchema", "parameters_json_schema");
            let schema = if json.is_null() {
                lower(function["parameters"].clone())
            } else {
                json.clone()
            };
            said.push(("tool".to_owned(), json!([function["name"], schema])));
        }
    }
    let system = either(body, "systemInstruction", "system_instruction");
    for part in list(&system["parts"]) {
        said.push(("system".to_owned(), part["text"].clone()));
    }
    let mut calls = 0;
    let mut open: Vec<(String, String)> = Vec::new();
    for content in list(&body["contents"]) {
        let role = match content["role"].as_str() {
            Some("model") => "assistant",
            _ => "user",
        };
        for part in list(&content["parts"]) {
            let blob = either(&part, "inlineData", "inline_data");
            let call = &part["functionCall"];
            let result = &part["functionResponse"];
            if call.is_object() {
                let id = match call["id"].as_str() {
                    Some(id) => id.to_owned(),
                    None => format!("call_{calls}"),
                };
                calls += 1;
                open.push((string(&call["name"]), id.clone()));
                let given = match &call["args"] {
                    Value::Null => json!({}),
                    given => given.clone(),
                };
                said.push((
                    "call".to_owned(),
                    json!([self::id(&json!(id)), call["name"], given]),
                ));
            } else if result.is_object() {
                let at = open.iter().position(|(name, _)| result["name"] == **name);
                let first = at.map(|at| open.remove(at).1);
                let id = result["id"].as_str().map(str::to_owned).or(first);
                said.push(("result".to_owned(), self::id(&json!(id))));
                let words = told(&result["response"])
                    .filter(|words| *words != "{}" || result["parts"].is_null());
                said.extend(words.map(|text| ("user".to_owned(), text)));
                for inner in list(&result["parts"]) {
                    said.push(("image".to_owned(), inner["inlineData"]["data"].clone()));
                }
            } else if let Some(kind) = either(blob, "mimeType", "mime_type").as_str() {
                if kind.starts_with("image/") {
                    said.push(("image".to_owned(), blob["data"].clone()));
                }
            } else if let file @ Value::Object(_) = either(&part, "fileData", "file_data") {
                let kind = string(either(file, "mimeType", "mime_type"));
                let uri = either(file, "fileUri", "file_uri");
                let stored = ["gs://", "https://generativelanguage."]
                    .iter()
                    .any(|start| string(uri).starts_with(start));
                if kind.starts_with("image/") && !stored {
                    said.push(("image".to_owned(), uri.clone()));
                }
            } else if part["thought"] != true && !string(&part["text"]).trim().is_empty() {
                said.push((role.to_owned(), part["text"].clone()));
            }
        }
    }
    said
}

/// The words of a result: a text that is wrapped, or the object as JSON.
fn told(response: &Value) -> Option<Value> {
    let members = response.as_object()?;
    let one = members.iter().next().filter(|_| members.len() == 1);
    match one {
        Some((key, Value::String(text))) if ["result", "output", "error"].contains(&&**key) => {
            (!text.trim().is_empty()).then(|| json!(text))
        }
        _ => Some(json!(response.to_string())),
    }
}

/// A schema with its types in small letters, as JSON Schema has them.
fn lower(schema: Value) -> Value {
    match schema {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(word) if key == "type" => (key, json!(word.to_lowercase())),
                value => (key, lower(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(lower).collect(),
        other => other,
    }
}

fn bedrock(body: &Value) -> Vec<(String, Value)> {
    let mut said = Vec::new();
    for tool in list(&body["toolConfig"]["tools"]) {
        let spec = &tool["toolSpec"];
        if spec.is_object() {
            let tool = json!([spec["name"], spec["inputSchema"]["json"]]);
            said.push(("tool".to_owned(), tool));
        }
    }
    let mut tell = |role: &str, block: &Value| {
        let guarded = &block["guardContent"]["text"]["text"];
        for text in [
            &block["text"],
            guarded,
            &block["document"]["source"]["text"],
        ] {
            if !string(text).trim().is_empty() {
                said.push((role.to_owned(), text.clone()));
            }
        }
        let image = &block["image"]["source"]["bytes"];
        if image.is_string() {
            said.push(("image".to_owned(), image.clone()));
        }
        let call = &block["toolUse"];
        if call.is_object() && call["type"] != "server_tool_use" {
            said.push((
                "call".to_owned(),
                json!([call["toolUseId"], call["name"], call["input"]]),
            ));
        }
        let result = &block["toolResult"];
        if result.is_object() && result["type"].is_null() {
            said.push(("result".to_owned(), result["toolUseId"].clone()));
        }
    };
    for block in list(&body["system"]) {
        tell("system", &block);
    }
    for message in list(&body["messages"]) {
        for block in list(&message["content"]) {
            tell(&string(&message["role"]), &block);
            if block["toolResult"]["type"].is_null() {
                for inner in list(&block["toolResult"]["content"]) {
                    tell("user", &inner);
                }
            }
        }
    }
    said
}
