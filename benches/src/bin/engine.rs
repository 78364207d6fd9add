//! The engine alone, with the mock transport: `bench-engine MODE` prints microseconds of CPU.
//!
//! - `execute`: one call through the door and its eleven stages, native Rust;
//! - `complete`: the same through the bridge that the bindings use (HTTP shapes, facts as headers);
//! - `guarded`: with a key to check, a budget to reserve in and a limit to count;
//! - `decide`: what the same costs more where there are 100 routes of 20 targets each, chosen by
//!   latency, and 50 rules to look through;
//! - `stream`: one event of a stream, read in batches through the bridge;
//! - `translate`: a chat of 4 KB with tools and images into another dialect, the dearest of all pairs;
//! - `translate_reply`: its reply back, the dearest of all pairs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]

use std::process::ExitCode;

use benches::{corpus, process::own_cpu, stats::median};
use bytes::Bytes;
use serde_json::json;
use tidegate::{
    Call, CallContext, Dialect, Endpoint, Error, ReplyBody, Segments, Source,
    bridge::{End, Engine, Mode, Outcome, Request},
};
use tidegate_providers::dialect::{translate_request, translate_response};
use tidegate_types::config::OnUnsupported;

const BATCHES: usize = 25;
const CALLS: usize = 4000;
/// Words of a streamed answer.
const EVENTS: usize = 2000;

fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let measured = match mode.as_str() {
        "execute" => execute(&engine(false, None)),
        "decide" => decide(),
        "complete" => bridge(None),
        "guarded" => bridge(Some("tg-bench")),
        "stream" => stream(),
        "translate" => translate(false),
        "translate_reply" => translate(true),
        _ => Err("usage: bench-engine MODE; see its source".to_owned()),
    };
    match measured {
        Ok(value) => {
            println!("{value:.3}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("bench-engine: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A route with a fallback armed over providers that answer from memory.
fn engine(guarded: bool, text: Option<String>) -> Result<Engine, String> {
    let reply = match text {
        Some(text) => json!({ "text": text }),
        None => json!({ "body": String::from_utf8_lossy(&corpus::reply()) }),
    };
    let provider = json!({
        "dialect": "openai",
        "prices": { "*": { "input": 0.15, "output": 0.6 } },
        "mock": { "replies": [reply] },
    });
    let mut document = json!({
        "providers": { "main": provider, "spare": provider },
        "models": { "fast": { "targets": ["main/gpt-4o-mini"], "fallbacks": ["spare/gpt-4o-mini"] } },
    });
    if guarded {
        document["keys"] = json!([{
            "id": "bench",
            "value": "tg-bench",
            "budgets": [{ "limit": 1_000_000, "per": "1d" }],
            "limits": [{ "requests": 1_000_000_000, "per": "1h" }],
        }]);
    }
    Engine::open(Source::Value(document)).map_err(|error| said(&error))
}

fn said(error: &Error) -> String {
    error.to_json().to_string()
}

/// Median over batches of the CPU microseconds of one call; the first batches warm up.
fn per_call(mut call: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let mut samples = Vec::with_capacity(BATCHES);
    for batch in 0..BATCHES + 3 {
        let before = own_cpu();
        for _ in 0..CALLS {
            call()?;
        }
        if batch >= 3 {
            samples.push((own_cpu() - before) / CALLS as f64);
        }
    }
    Ok(median(&samples))
}

/// The routing decision: a call in a large configuration less a call in a small one.
fn decide() -> Result<f64, String> {
    let provider = json!({
        "dialect": "openai",
        "prices": { "*": { "input": 0.15, "output": 0.6 } },
        "mock": { "replies": [{ "body": String::from_utf8_lossy(&corpus::reply()) }] },
    });
    let targets: Vec<_> = (0..20)
        .map(|number| format!("main/model-{number}"))
        .collect();
    let route = json!({ "strategy": "least_latency", "targets": targets });
    let mut models: serde_json::Map<_, _> = (0..99)
        .map(|number| (format!("route-{number}"), route.clone()))
        .collect();
    models.insert("fast".to_owned(), route);
    let conditions = [
        "request.input_tokens > 50000 && key.id == 'research'",
        "request.model == 'other' || request.endpoint == 'embeddings'",
        "budget.used > 80.0 && request.model.startsWith('smart')",
        "request.stream && request.max_output_tokens > 4000",
        "'x-team' in request.headers && request.headers['x-team'] in ['a', 'b', 'c']",
    ];
    let rules: Vec<_> = (0..50)
        .map(|number| {
            let when = conditions[number % conditions.len()];
            json!({ "name": format!("rule-{number}"), "when": when, "use": "route-1" })
        })
        .collect();
    let large = json!({ "providers": { "main": provider }, "models": models, "rules": rules });
    let large = Engine::open(Source::Value(large)).map_err(|error| said(&error));
    Ok(execute(&large)? - execute(&engine(false, None))?)
}

fn execute(engine: &Result<Engine, String>) -> Result<f64, String> {
    let engine = engine.as_ref().map_err(Clone::clone)?;
    let gateway = engine.gateway().map_err(|error| said(&error))?;
    let body = Bytes::from(corpus::chat("fast", false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut samples = Vec::with_capacity(BATCHES);
    for batch in 0..BATCHES + 3 {
        let before = own_cpu();
        runtime.block_on(async {
            for _ in 0..CALLS {
                let call = Call {
                    endpoint: Endpoint::Chat,
                    dialect: Dialect::OpenAi,
                    provider: None,
                    named: None,
                    body: Segments::from(body.clone()),
                    rest: None,
                    headers: http::HeaderMap::new(),
                };
                let context = CallContext {
                    trusted: true,
                    native: true,
                    ..CallContext::default()
                };
                let reply = gateway
                    .execute(context, call)
                    .await
                    .map_err(|error| said(&error))?;
                if !matches!(reply.body, ReplyBody::Complete(_)) {
                    return Err("a stream nobody asked for".to_owned());
                }
            }
            Ok(())
        })?;
        if batch >= 3 {
            samples.push((own_cpu() - before) / CALLS as f64);
        }
    }
    Ok(median(&samples))
}

fn request(body: &Bytes, key: Option<&str>) -> Request {
    let mut headers = http::HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    Request {
        mode: Mode::Native,
        method: http::Method::POST,
        target: "/v1/chat/completions".to_owned(),
        headers,
        body: body.clone(),
        key: key.map(str::to_owned),
        trusted: true,
    }
}

fn bridge(key: Option<&str>) -> Result<f64, String> {
    let engine = engine(key.is_some(), None)?;
    let body = Bytes::from(corpus::chat("fast", false));
    per_call(|| match engine.call(request(&body, key)) {
        Outcome::Reply(head, _) if head.headers.contains_key("x-tidegate-cost") => Ok(()),
        Outcome::Reply(..) => Err("a reply without a cost".to_owned()),
        Outcome::Stream(..) => Err("a stream nobody asked for".to_owned()),
        Outcome::Error(error) => Err(said(&error)),
    })
}

/// The dearest way between two dialects.
fn translate(replies: bool) -> Result<f64, String> {
    let (request, reply) = (corpus::long_chat(), corpus::long_reply());
    let chat = Dialect::OpenAi;
    let into = |from, to, body: &[u8], replies: bool| -> Result<Vec<u8>, String> {
        if replies {
            translate_response(from, to, body, "m", 0)
        } else {
            translate_request(from, to, body, "m", None, OnUnsupported::Drop).map(|done| done.body)
        }
        .map_err(|error| error.to_string())
    };
    let mut dearest = 0.0_f64;
    for from in Dialect::ALL.iter().copied() {
        let whole = if replies { &reply } else { &request };
        let body = if from == chat {
            whole.clone()
        } else {
            into(chat, from, whole, replies)?
        };
        for to in Dialect::ALL.iter().copied().filter(|to| *to != from) {
            dearest = dearest.max(per_call(|| into(from, to, &body, replies).map(drop))?);
        }
    }
    Ok(dearest)
}

fn stream() -> Result<f64, String> {
    let engine = engine(false, Some("harbour ".repeat(EVENTS)))?;
    let body = Bytes::from(corpus::chat("fast", true));
    let mut samples = Vec::new();
    for batch in 0..BATCHES + 3 {
        let before = own_cpu();
        let Outcome::Stream(_, stream) = engine.call(request(&body, None)) else {
            return Err("no stream".to_owned());
        };
        let mut frames = 0;
        loop {
            let read = stream.read(256, None);
            frames += read.frames.len();
            match read.end {
                Some(End::Complete(_)) => break,
                Some(End::Failed(error)) => return Err(said(&error)),
                None => {}
            }
        }
        if frames < EVENTS {
            return Err(format!("only {frames} events"));
        }
        if batch >= 3 {
            samples.push((own_cpu() - before) / frames as f64);
        }
    }
    Ok(median(&samples))
}
