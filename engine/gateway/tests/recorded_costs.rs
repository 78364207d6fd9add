//! What recorded exchanges of real vendors cost, reckoned twice: by the engine, and by a second
//! reading of the usage and of the prices that shares no code with it.
//!
//! The recordings are not part of the repository: `TIDEGATE_CASSETTES` names their folder. Without it
//! the test says that it was skipped. What the engine found is left in `recorded_costs.jsonl` in the
//! folder of temporary files, for comparisons with other reckonings.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what went wrong and what it skipped"
)]

#[path = "support/second.rs"]
mod second;

use std::{fmt::Write as _, fs, path::Path};

use bytes::Bytes;
use serde_json::Value;
use tidegate_policy::price::Sheet;
use tidegate_providers::{
    catalogue,
    dialect::{StreamTap, usage_of},
    sse::SseSplitter,
};
use tidegate_types::{Dialect, Endpoint, Relay, Usage};

/// The evening of 28 November 2026: outside every hour with a price of its own.
const EVENING: i64 = 1_795_896_000;

struct Record {
    name: String,
    vendor: String,
    dialect: Dialect,
    endpoint: Endpoint,
    model: String,
    body: String,
}

fn records() -> Option<Vec<Record>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder is the test's own input"
    )]
    let Ok(folder) = std::env::var("TIDEGATE_CASSETTES") else {
        println!("skipped: TIDEGATE_CASSETTES names no folder");
        return None;
    };
    let mut files: Vec<_> = fs::read_dir(Path::new(&folder))
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("text"))
        .collect();
    let records = text.lines().filter_map(|line| {
        let value: Value = serde_json::from_str(line).expect("one record a line");
        record(&value)
    });
    Some(records.collect())
}

fn record(value: &Value) -> Option<Record> {
    let response = &value["response"];
    if response["status"].as_u64().unwrap_or(200) >= 300 {
        return None;
    }
    let body = match &response["body"] {
        Value::String(text) => text.clone(),
        Value::Null => return None,
        other => other.to_string(),
    };
    let vendor = match value["provider"].as_str()? {
        "alibaba" => "dashscope",
        "moonshotai" => "moonshot",
        "togetherai" => "together",
        other => other,
    };
    let (dialect, endpoint) = match value["api"].as_str()? {
        "messages" => (Dialect::Anthropic, Endpoint::Chat),
        "responses" => (Dialect::Responses, Endpoint::Chat),
        "generateContent" | "streamGenerateContent" => (Dialect::Gemini, Endpoint::Chat),
        "converse" => (Dialect::Bedrock, Endpoint::Chat),
        "chat" if vendor == "cohere" => (Dialect::Cohere, Endpoint::Chat),
        "chat.completions" | "chat" => (Dialect::OpenAi, Endpoint::Chat),
        "embeddings" => (Dialect::OpenAi, Endpoint::Embeddings),
        "rerank" => (Dialect::OpenAi, Endpoint::Relay(Relay::Rerank)),
        "completions" => (Dialect::OpenAi, Endpoint::Relay(Relay::Completions)),
        "images" => (Dialect::OpenAi, Endpoint::Relay(Relay::Images)),
        "audio" => (Dialect::OpenAi, Endpoint::Relay(Relay::Transcriptions)),
        _ => return None,
    };
    Some(Record {
        name: format!("{vendor} {}", value["id"].as_str()?),
        vendor: vendor.to_owned(),
        dialect,
        endpoint,
        model: model(value, &body)?,
        body,
    })
}

/// The model that was asked for: in the request, in its path, or as the reply names it.
fn model(value: &Value, body: &str) -> Option<String> {
    let request = &value["request"];
    let asked = match &request["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    if let Some(model) = asked["model"].as_str() {
        return Some(model.to_owned());
    }
    let url = request["url"].as_str().unwrap_or_default();
    for mark in ["/models/", "/model/", "/deployments/"] {
        if let Some((_, rest)) = url.split_once(mark) {
            let end = rest.find(['/', ':', '?']).unwrap_or(rest.len());
            return Some(rest[..end].replace("%3A", ":"));
        }
    }
    ["\"model\":\"", "\"model\": \"", "\"modelVersion\":\""]
        .iter()
        .find_map(|mark| {
            let (_, rest) = body.split_once(mark)?;
            Some(rest.split_once('"')?.0.to_owned())
        })
}

/// The events of a recorded stream.
fn events(body: &str) -> Option<Vec<tidegate_providers::sse::SseEvent>> {
    let streams = ["data:", "event:", ":", "\u{feff}data:"];
    if !streams.iter().any(|start| body.starts_with(start)) {
        return None;
    }
    let mut splitter = SseSplitter::new();
    splitter.push(Bytes::from(body.to_owned())).ok()?;
    splitter.push(Bytes::from_static(b"\n\n")).ok()?;
    Some(std::iter::from_fn(|| splitter.next()).collect())
}

fn usage(record: &Record) -> Option<Usage> {
    let Some(events) = events(&record.body) else {
        return usage_of(record.dialect, &record.endpoint, record.body.as_bytes());
    };
    let mut tap = StreamTap::new(record.dialect);
    for event in &events {
        tap.observe(event);
    }
    tap.usage()
}

#[test]
fn recorded_calls_cost_what_a_second_reckoning_says() {
    let Some(records) = records() else { return };
    let (mut seen, mut priced) = (0, 0);
    let mut notes = String::new();
    let mut wrong = Vec::new();
    for record in &records {
        let Some(usage) = usage(record) else { continue };
        seen += 1;
        let Some(model) = catalogue::model(&record.vendor, &record.model) else {
            continue;
        };
        if model.rates().is_empty() {
            continue;
        }
        // What these vendors say they charge is what is booked; no list is asked.
        if usage.charge.is_some() && record.vendor == "openrouter" {
            continue;
        }
        priced += 1;
        let cost = Sheet::new(&model.terms, model.regional).cost(&usage, EVENING);
        let payload: Vec<Value> = match events(&record.body) {
            Some(events) => events
                .iter()
                .filter_map(|event| serde_json::from_slice(&event.data).ok())
                .collect(),
            None => serde_json::from_str(&record.body).into_iter().collect(),
        };
        let second = second::cost(record.dialect, &record.vendor, &record.model, &payload);
        if second.is_none_or(|second| (second - i128::from(cost.nanos())).abs() > 1) {
            wrong.push(format!(
                "{} {}: {} here, {second:?} there, {usage:?}",
                record.name,
                record.model,
                cost.nanos()
            ));
        }
        let note = serde_json::json!({
            "record": record.name, "vendor": record.vendor, "model": record.model,
            "dialect": record.dialect.as_str(), "endpoint": record.endpoint.as_str(),
            "nanos": cost.nanos(), "usage": usage, "payload": payload,
        });
        let _ = writeln!(notes, "{note}");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recorded_costs.jsonl");
    fs::write(&file, notes).expect("the folder of temporary files can be written");
    println!("{seen} recordings with usage, {priced} with a price");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(priced * 10 >= seen * 7, "{priced} of {seen}");
}
