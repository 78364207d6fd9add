//! Driver of the suite: the Rust face, or with `--http` the server binary over HTTP.
//! Protocol: `tests/README.md`.
#![expect(clippy::print_stdout, reason = "the protocol is on standard output")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test tool reads its environment and the clock"
)]

mod engine;
mod server;

use std::io::{BufRead, Write};

use http::HeaderMap;
use serde_json::{Value, json};

/// What a face does with an operation.
trait Face {
    fn perform(&mut self, op: &str, fields: &Value) -> Value;
}

fn main() {
    let mut face: Box<dyn Face> = if std::env::args().any(|argument| argument == "--http") {
        Box::new(server::Http::default())
    } else {
        Box::new(engine::Native::default())
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let fields: Value = serde_json::from_str(&line).unwrap_or_default();
        let reply = face.perform(fields["op"].as_str().unwrap_or_default(), &fields);
        println!("{reply}");
        if std::io::stdout().flush().is_err() {
            return;
        }
    }
}

fn unknown(op: &str) -> Value {
    json!({ "error": { "slug": "unknown_op", "message": op } })
}

/// Method and path of a native call.
fn endpoint(fields: &Value) -> (http::Method, &'static str) {
    match fields["api"].as_str() {
        Some("messages") => (http::Method::POST, "/v1/messages"),
        Some("embeddings") => (http::Method::POST, "/v1/embeddings"),
        Some("models") => (http::Method::GET, "/v1/models"),
        _ => (http::Method::POST, "/v1/chat/completions"),
    }
}

fn headers_of(fields: &Value) -> HeaderMap {
    let members = fields["headers"].as_object();
    let pairs = members.into_iter().flatten().filter_map(|(name, value)| {
        Some((
            name.parse::<http::HeaderName>().ok()?,
            value.as_str()?.parse().ok()?,
        ))
    });
    pairs.collect()
}

/// The gateway's facts as the `x-tidegate-*` headers tell them.
fn facts(headers: &HeaderMap) -> Value {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    json!({
        "request_id": text("x-tidegate-request-id"), "target": text("x-tidegate-target"),
        "key": text("x-tidegate-key"), "attempts": text("x-tidegate-attempts"),
        "cost": text("x-tidegate-cost"), "cache": text("x-tidegate-cache"),
        "dropped": text("x-tidegate-dropped"),
    })
}

fn headers_json(headers: &HeaderMap) -> Value {
    let pairs = headers.iter().map(|(name, value)| {
        (
            name.to_string(),
            Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        )
    });
    Value::Object(pairs.collect())
}
