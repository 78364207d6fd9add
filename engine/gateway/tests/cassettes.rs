//! Recorded vendor exchanges, replayed through whole routes: the same dialect must come out byte for
//! byte, another dialect complete and well formed.
//!
//! `TIDEGATE_CASSETTES` names the folder of recordings; without it the test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/replay.rs"]
mod replay;

use bytes::Bytes;
use http::HeaderValue;
use replay::Exchange;
use serde_json::Value;
use tidegate::{
    Dialect,
    config::{Config, Format, OnUnsupported},
    providers::{
        dialect::{self, Seen, StreamTap},
        event_stream::Splitter,
    },
};

struct Record {
    dialect: Dialect,
    exchange: Exchange,
}

impl std::ops::Deref for Record {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

fn records() -> Option<Vec<Record>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(replay::folder()?).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            found.extend(replay::exchanges(&path).into_iter().filter_map(record));
        }
    }
    Some(found)
}

fn record(mut exchange: Exchange) -> Option<Record> {
    let url = &exchange.url;
    let dialect = match &*exchange.api {
        "chat.completions" => Dialect::OpenAi,
        "messages" if url.ends_with("/v1/messages") => Dialect::Anthropic,
        "responses" if url.ends_with("/responses") => Dialect::Responses,
        "generateContent" | "streamGenerateContent" => Dialect::Gemini,
        "converse" | "converse-stream" => Dialect::Bedrock,
        "chat" if url.ends_with("/v2/chat") => Dialect::Cohere,
        _ => return None,
    };
    if exchange.stream {
        let kind = HeaderValue::from_static(dialect::stream_type(dialect));
        exchange.headers.insert("content-type", kind);
    }
    // A request that names no model was recorded without its body.
    let asked = serde_json::from_str::<Value>(&exchange.request).ok()?;
    if !dialect.names_model_in_path() {
        asked["model"].as_str()?;
    }
    // What another server keeps for the caller cannot be told from here.
    if !asked["previous_response_id"].is_null() || asked["background"] == true {
        return None;
    }
    Some(Record { dialect, exchange })
}

/// Where a caller of the dialect asks for the route.
fn path(dialect: Dialect, stream: bool) -> &'static str {
    match (dialect, stream) {
        (Dialect::Anthropic, _) => "/v1/messages",
        (Dialect::Responses, _) => "/v1/responses",
        (Dialect::Gemini, false) => "/v1beta/models/route:generateContent",
        (Dialect::Gemini, true) => "/v1beta/models/route:streamGenerateContent?alt=sse",
        (Dialect::Bedrock, false) => "/model/route/converse",
        (Dialect::Bedrock, true) => "/model/route/converse-stream",
        (Dialect::Cohere, _) => "/v2/chat",
        _ => "/v1/chat/completions",
    }
}

/// Whether an answer with status 200 is whole and no failure, as callers of the dialect see it.
fn whole(caller: Dialect, stream: bool, body: &[u8]) -> bool {
    if !stream {
        return dialect::translate_response(caller, some_other(caller), body, "m", 0).is_ok();
    }
    let mut splitter = Splitter::new(caller);
    let mut tap = StreamTap::new(caller);
    splitter.push(Bytes::copy_from_slice(body)).unwrap();
    let mut failed = false;
    for event in std::iter::from_fn(|| splitter.finish()) {
        failed |= matches!(tap.observe(&event), Seen::Failed { .. });
    }
    tap.finished() && !failed
}

fn some_other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAi => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    }
}

async fn play(record: &Record, caller: Dialect, body: Bytes, size: usize) -> (u16, Bytes, Bytes) {
    let config = format!(
        "providers: {{ up: {{ dialect: {}, base_url: 'http://up.test', api_key: k, stream_usage: false }} }}\n\
         models: {{ route: {{ targets: [up/model], retry: {{ attempts: 1 }} }} }}",
        record.dialect.as_str()
    );
    let config = Config::parse(&config, Format::Yaml, &[], &|_| None).unwrap();
    let asked = (path(caller, record.stream), body);
    let (status, body, seen) = replay::play(record, config, asked, size).await;
    let seen = seen.map_or_else(Bytes::new, |(_, body, _)| body);
    (status, body, seen)
}

/// The recorded request with another model, by plain text search: independent of the splicer.
fn with_model(record: &Record, model: &str) -> Option<String> {
    let text = &*record.request;
    if record.dialect.names_model_in_path() {
        return Some(text.to_owned());
    }
    let value: Value = serde_json::from_str(text).unwrap();
    let name = serde_json::to_string(value["model"].as_str()?).unwrap();
    [format!("\"model\":{name}"), format!("\"model\": {name}")]
        .iter()
        .find_map(|found| {
            let (before, after) = text.split_once(found.as_str())?;
            let kept = &found[..found.len() - name.len()];
            (!after.contains(found.as_str())).then(|| format!("{before}{kept}\"{model}\"{after}"))
        })
}

#[tokio::test]
async fn recordings_pass_through_routes_of_every_dialect() {
    let Some(records) = records() else { return };
    let (mut same, mut cross) = (0, 0);
    let mut wrong = Vec::new();
    for record in &records {
        let Some(asked) = with_model(record, "route") else {
            continue;
        };
        let want = with_model(record, "model").unwrap();
        for size in if record.stream {
            vec![1, 7, 1 << 20]
        } else {
            vec![1 << 20]
        } {
            let (status, body, seen) =
                play(record, record.dialect, Bytes::from(asked.clone()), size).await;
            same += 1;
            if status != record.status || body != record.body {
                wrong.push(format!(
                    "{}: same dialect, pieces of {size}: {status}",
                    record.id
                ));
            }
            if seen != want.as_bytes() {
                wrong.push(format!("{}: the upstream saw other bytes", record.id));
            }
        }
        for caller in Dialect::ALL.iter().copied() {
            if caller == record.dialect {
                continue;
            }
            let request = dialect::translate_request(
                record.dialect,
                caller,
                asked.as_bytes(),
                "route",
                Some(record.stream),
                OnUnsupported::Drop,
            );
            let Ok(request) = request else {
                // What the vendor refused is refused here.
                if record.status != 400 {
                    wrong.push(format!("{}: {}", record.id, request.unwrap_err()));
                }
                continue;
            };
            let (status, body, _) = play(record, caller, Bytes::from(request.body), 7).await;
            cross += 1;
            let right = if record.status == 200 {
                let failed = record.stream && !whole(record.dialect, true, &record.body);
                whole(caller, record.stream, &body) != failed
            } else {
                dialect::error_message(caller, &body).is_some()
            };
            if status != record.status || !right {
                let text = String::from_utf8_lossy(&body);
                let shown: String = text.chars().take(300).collect();
                let caller = caller.as_str();
                wrong.push(format!("{}: to {caller}: {status} {shown}", record.id));
            }
        }
    }
    println!("{same} replays in the same dialect, {cross} across dialects");
    assert!(same > 100 && cross > 100, "too few recordings were found");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
