//! Driver of the suite: the Rust face, or with `--http` the server binary over HTTP.
//! Protocol: `tests/README.md`. Facts travel as headers here; the runner reads them.
#![expect(clippy::print_stdout, reason = "the protocol is on standard output")]

mod boot;
mod engine;
mod frames;
mod functions;
mod scope;
mod server;
mod sessions;

use std::io::{BufRead, Write};

use http::{HeaderMap, Method};
use serde_json::{Value, json};

/// What a face does with an operation.
trait Face {
    fn perform(&mut self, op: &str, fields: &Value) -> Value;
}

fn main() -> std::io::Result<()> {
    let mut face: Box<dyn Face> = if std::env::args().any(|argument| argument == "--http") {
        Box::new(server::Http::new()?)
    } else {
        Box::new(engine::Native::default())
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let fields: Value = serde_json::from_str(&line).unwrap_or_default();
        let reply = face.perform(fields["op"].as_str().unwrap_or_default(), &fields);
        println!("{reply}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn hello(surface: &str, capabilities: &str) -> Value {
    let capabilities: Vec<&str> = capabilities.split(' ').collect();
    json!({ "ok": {
        "surface": surface, "version": tidegate::VERSION, "capabilities": capabilities,
    } })
}

fn fail(slug: &str, message: impl std::fmt::Display) -> Value {
    json!({ "error": { "slug": slug, "message": message.to_string() } })
}

fn done(result: Result<(), tidegate::Error>) -> Value {
    match result {
        Ok(()) => json!({ "ok": {} }),
        Err(error) => json!({ "error": error.to_json() }),
    }
}

/// The call that asks for the explanation of a step.
fn told(fields: &Value) -> Value {
    let mut told = json!({ "body": fields["request"] });
    for (name, member) in [
        ("path", "target"),
        ("method", "method"),
        ("headers", "headers"),
    ] {
        if !fields[member].is_null() {
            told[name] = fields[member].clone();
        }
    }
    json!({ "op": "call", "api": "explain", "request": told, "key": fields["key"] })
}

/// Method, target and body of a `call` or an `http`.
fn request_of(fields: &Value) -> (Method, &str, String) {
    if fields["op"] == "http" {
        let method = fields["method"].as_str().and_then(|text| text.parse().ok());
        let body = fields["body"].as_str().unwrap_or_default().to_owned();
        let target = fields["target"].as_str().unwrap_or_default();
        return (method.unwrap_or(Method::GET), target, body);
    }
    let body = fields["request"].to_string();
    match fields["api"].as_str() {
        Some("messages") => (Method::POST, "/v1/messages", body),
        Some("responses") => (Method::POST, "/v1/responses", body),
        Some("embeddings") => (Method::POST, "/v1/embeddings", body),
        Some("explain") => (Method::POST, "/api/explain", body),
        Some("models") => (Method::GET, "/v1/models", String::new()),
        _ => (Method::POST, "/v1/chat/completions", body),
    }
}

fn headers_of(fields: &Value) -> HeaderMap {
    let members = fields["headers"].as_object().into_iter().flatten();
    let pairs = members
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.as_str()?.parse().ok()?)));
    pairs.collect()
}

fn headers_json(headers: &HeaderMap) -> Value {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
