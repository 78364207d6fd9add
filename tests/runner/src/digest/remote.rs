//! What an HTTP answer of the gateway means to a native client.

use serde_json::{Value, json};
use tidegate_types::Code;

use super::events;

/// The facts that `x-tidegate-*` headers and trailers tell.
pub(super) fn facts(headers: &Value, trailers: Option<&Value>) -> Value {
    let names = [
        "request_id",
        "target",
        "key",
        "attempts",
        "cost",
        "cache",
        "rule",
        "dropped",
    ];
    let pairs = names.iter().filter_map(|name| {
        let header = format!("x-tidegate-{}", name.replace('_', "-"));
        let last = trailers.and_then(|trailers| trailers.get(&header));
        Some((
            (*name).to_owned(),
            last.or_else(|| headers.get(&header))?.clone(),
        ))
    });
    let mut facts: serde_json::Map<_, _> = pairs.collect();
    let usage = "x-tidegate-usage";
    let last = trailers.and_then(|trailers| trailers.get(usage));
    let counted = last.or_else(|| headers.get(usage));
    facts.insert(
        "estimated".to_owned(),
        (counted == Some(&json!("estimated"))).into(),
    );
    Value::Object(facts)
}

/// The reply a native client would have given.
pub(super) fn native(answer: &Value) -> Value {
    let headers = &answer["headers"];
    let body = answer["body"].as_str().unwrap_or_default();
    let mut reply = if answer["status"].as_u64().is_none_or(|status| status >= 400) {
        error(answer, body)
    } else if headers["content-type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
    {
        stream(answer, body)
    } else {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        json!({ "ok": { "body": body, "headers": headers } })
    };
    for mark in ["held", "cancelled"] {
        if answer[mark] == true && reply["ok"].is_object() {
            reply["ok"][mark] = true.into();
        }
    }
    reply
}

fn error(answer: &Value, body: &str) -> Value {
    let text = |name: &str| answer["headers"][name].as_str();
    let number = |name: &str| text(name).and_then(|value| value.parse::<f64>().ok());
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    json!({ "error": {
        "slug": text("x-tidegate-error").and_then(|value| value.split(' ').nth(1)),
        "status": answer["status"], "message": body["error"]["message"],
        "param": body["error"]["param"], "retry_after": number("retry-after"),
        "attempts": number("x-tidegate-attempts"),
    } })
}

/// An error event ends a stream, as it does for the vendors' SDKs.
fn stream(answer: &Value, body: &str) -> Value {
    let mut chunks = Vec::new();
    for event in events(body) {
        let data = &event["data"];
        let failure = match data["type"].as_str() {
            Some("error") if !data["error"].is_object() => data,
            _ => &data["error"],
        };
        if failure.is_object() {
            let slug = failure["code"].as_str().unwrap_or("stream_failed");
            let status = Code::from_slug(slug).map(|code| code.status().as_u16());
            let message = &failure["message"];
            let error = json!({ "slug": slug, "status": status, "message": message });
            return json!({ "error": error, "chunks": chunks });
        }
        // The vendors' SDKs keep pings to themselves.
        if data.is_object() && data["type"] != "ping" {
            chunks.push(data.clone());
        }
    }
    if answer["broken"] == true {
        return json!({ "error": { "slug": "broken" }, "chunks": chunks });
    }
    json!({ "ok": { "chunks": chunks, "headers": answer["headers"] } })
}
