//! What the runner adds to a driver's reply, so that cases stay short.

mod others;
mod remote;

use serde_json::{Map, Value, json};
use tidegate_types::Code;

/// The reply with `text`, `finish`, `count`, `tools` and tidy facts added.
pub(crate) fn digest(reply: Value, op: &str) -> Value {
    let mut reply = match reply.get("http") {
        Some(answer) if matches!(op, "call" | "rest" | "explain") => remote::native(answer),
        Some(answer) => json!({ "ok": answer }),
        None => reply,
    };
    if let Some(error) = reply.get_mut("error").and_then(Value::as_object_mut)
        && let Some(Value::Array(tries)) = error.get("attempts")
    {
        let (count, tried) = (tries.len(), Value::Array(tries.clone()));
        error.insert("attempts".to_owned(), count.into());
        error.insert("tried".to_owned(), tried);
    }
    if op == "http" {
        if let Some(ok) = reply.get_mut("ok").and_then(Value::as_object_mut) {
            http(ok);
        }
        return reply;
    }
    if let Some(members) = reply.as_object_mut()
        && let Some(chunks) = members.get("chunks").and_then(Value::as_array).cloned()
    {
        match members.get_mut("ok").and_then(Value::as_object_mut) {
            // A driver that writes as it reads cannot know how the stream will end.
            Some(ok) => drop(ok.insert("chunks".to_owned(), chunks.into())),
            // A broken stream: what came before stands beside the error.
            None => stream(&chunks, members),
        }
    }
    let Some(ok) = reply.get_mut("ok").and_then(Value::as_object_mut) else {
        return reply;
    };
    if let Some(chunks) = ok.get("chunks").and_then(Value::as_array).cloned() {
        stream(&chunks, ok);
    } else if let Some(body) = ok.get("body").cloned() {
        complete(&body, ok);
    }
    if op == "session" {
        refused(ok);
    }
    if let Some(headers) = ok.get("headers") {
        let gateway = remote::facts(headers, ok.get("trailers"));
        ok.insert("gateway".to_owned(), gateway);
    }
    if let Some(gateway) = ok.get_mut("gateway").and_then(Value::as_object_mut) {
        facts(gateway);
    }
    reply
}

/// Over a socket the words of a close begin with the slug of what the gateway ended the session with.
fn refused(ok: &mut Map<String, Value>) {
    let reason = ok.get("reason").and_then(Value::as_str);
    let slug = reason
        .and_then(|reason| reason.split_once(": "))
        .map(|(slug, _)| slug);
    let known = slug.filter(|slug| Code::ALL.iter().any(|code| code.slug() == *slug));
    if ok.get("refused").is_none_or(Value::is_null)
        && let Some(known) = known
    {
        ok.insert("refused".to_owned(), known.into());
    }
}

/// Faces may give numbers as texts and money as numbers; here they become one.
fn facts(gateway: &mut Map<String, Value>) {
    gateway.retain(|_, value| !value.is_null());
    if let Some(Value::String(text)) = gateway.get("attempts")
        && let Ok(count) = text.parse::<u64>()
    {
        gateway.insert("attempts".to_owned(), count.into());
    }
    let cost = match gateway.get("cost") {
        Some(Value::Number(number)) => number.as_f64(),
        // Facts as headers may say `0.01; estimated`.
        Some(Value::String(text)) => text.split(';').next().and_then(|text| text.parse().ok()),
        _ => None,
    };
    if let Some(cost) = cost {
        let text = format!("{cost:.9}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        gateway.insert("cost".to_owned(), text.into());
    }
}

fn http(ok: &mut Map<String, Value>) {
    let Some(body) = ok.get("body").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    if let Ok(json) = serde_json::from_str::<Value>(&body) {
        complete(&json, ok);
        ok.insert("json".to_owned(), json);
        return;
    }
    if !body.contains("data:") {
        return;
    }
    let events = events(&body);
    let chunks: Vec<Value> = events
        .iter()
        .filter_map(|event| event.get("data").filter(|data| data.is_object()).cloned())
        .collect();
    stream(&chunks, ok);
    ok.insert("events".to_owned(), Value::Array(events));
}

/// The blocks of an event stream.
fn events(body: &str) -> Vec<Value> {
    body.replace("\r\n", "\n")
        .split_terminator("\n\n")
        .map(event)
        .collect()
}

/// One block of an event stream: `{event?, data}`, the data as JSON where it is.
fn event(block: &str) -> Value {
    let mut event = Map::new();
    let mut data: Option<String> = None;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => drop(event.insert("event".to_owned(), value.into())),
            "data" => match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => data = Some(value.to_owned()),
            },
            "" => drop(event.insert("comment".to_owned(), value.into())),
            _ => {}
        }
    }
    if let Some(data) = data {
        let value = serde_json::from_str(&data).unwrap_or(Value::String(data));
        event.insert("data".to_owned(), value);
    }
    Value::Object(event)
}

fn complete(body: &Value, into: &mut Map<String, Value>) {
    let message = &body["choices"][0]["message"];
    let mut tools = Vec::new();
    if message.is_object() {
        into.insert(
            "text".to_owned(),
            message["content"].as_str().unwrap_or_default().into(),
        );
        into.insert(
            "finish".to_owned(),
            body["choices"][0]["finish_reason"].clone(),
        );
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            tools.push(tool(
                &function["name"],
                function["arguments"].as_str().unwrap_or_default(),
            ));
        }
    } else if let Some(parts) = body["content"].as_array() {
        let texts = parts.iter().filter_map(|part| part["text"].as_str());
        into.insert("text".to_owned(), texts.collect::<String>().into());
        into.insert("finish".to_owned(), body["stop_reason"].clone());
        for part in parts.iter().filter(|part| part["type"] == "tool_use") {
            tools.push(json!({ "name": part["name"], "arguments": part["input"] }));
        }
    } else if let Some((text, finish, calls)) = others::complete(body) {
        into.insert("text".to_owned(), text.into());
        into.insert("finish".to_owned(), finish);
        tools = calls;
    }
    if !tools.is_empty() {
        into.insert("tools".to_owned(), Value::Array(tools));
    }
}

/// A tool call with its arguments as JSON where they are.
fn tool(name: &Value, arguments: &str) -> Value {
    let arguments =
        serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()));
    json!({ "name": name, "arguments": arguments })
}

fn stream(chunks: &[Value], into: &mut Map<String, Value>) {
    let mut text = String::new();
    let mut finish = Value::Null;
    let mut tools: Vec<(Value, String)> = Vec::new();
    for chunk in chunks {
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            if function["name"].is_string() {
                tools.push((function["name"].clone(), String::new()));
            }
            if let Some((_, arguments)) = tools.last_mut() {
                arguments.push_str(function["arguments"].as_str().unwrap_or_default());
            }
        }
        if !choice["finish_reason"].is_null() {
            finish = choice["finish_reason"].clone();
        }
        match chunk["type"].as_str() {
            Some("content_block_start") if chunk["content_block"]["type"] == "tool_use" => {
                tools.push((chunk["content_block"]["name"].clone(), String::new()));
            }
            Some("content_block_delta") => {
                let delta = &chunk["delta"];
                text.push_str(delta["text"].as_str().unwrap_or_default());
                if let Some((_, arguments)) = tools.last_mut() {
                    arguments.push_str(delta["partial_json"].as_str().unwrap_or_default());
                }
            }
            Some("message_delta") => finish = chunk["delta"]["stop_reason"].clone(),
            _ => others::chunk(chunk, &mut text, &mut finish, &mut tools),
        }
    }
    into.insert("count".to_owned(), chunks.len().into());
    into.insert("text".to_owned(), text.into());
    into.insert("finish".to_owned(), finish);
    if !tools.is_empty() {
        let tools = tools
            .iter()
            .map(|(name, arguments)| tool(name, arguments))
            .collect();
        into.insert("tools".to_owned(), Value::Array(tools));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_read_the_same_in_a_digest() {
        let openai = digest(
            json!({"ok": {"chunks": [
                {"choices": [{"delta": {"content": "a"}}]},
                {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{\"x\""}}]}}]},
                {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": ":1}"}}]}, "finish_reason": "tool_calls"}]},
            ]}}),
            "call",
        );
        assert_eq!(openai["ok"]["text"], "a");
        assert_eq!(
            openai["ok"]["tools"],
            json!([{"name": "f", "arguments": {"x": 1}}])
        );
        let anthropic = digest(
            json!({"error": {"attempts": [{"target": "a/m"}]}, "chunks": [
                {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "b"}},
            ]}),
            "call",
        );
        assert_eq!(
            (&anthropic["text"], &anthropic["error"]["attempts"]),
            (&json!("b"), &json!(1))
        );
    }

    #[test]
    fn an_http_stream_is_taken_apart() {
        let reply = digest(
            json!({"ok": {"body": "event: x\ndata: {\"a\":1}\n\n: hi\n\ndata: [DONE]\n\n"}}),
            "http",
        );
        assert_eq!(
            reply["ok"]["events"],
            json!([{"event": "x", "data": {"a": 1}}, {"comment": "hi"}, {"data": "[DONE]"}])
        );
    }

    #[test]
    fn costs_read_the_same_whatever_their_type() {
        for cost in [json!("0.000020"), json!(0.00002), json!("2e-5")] {
            let reply = digest(
                json!({"ok": {"gateway": {"cost": cost, "key": null}}}),
                "call",
            );
            assert_eq!(reply["ok"]["gateway"], json!({"cost": "0.00002"}));
        }
    }
}
