//! Recorded exchanges of real vendors, through the tap and through both translations.
//!
//! The recordings are not part of the repository: `TIDEGATE_CASSETTES` names their folder. Without
//! it the test says that it was skipped.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what went wrong and what it skipped"
)]

#[path = "support/said.rs"]
mod said;
#[path = "support/view.rs"]
mod view;

use std::{fs, path::Path};

use serde_json::Value;
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, error_message, translate_error, translate_request,
        translate_response, usage_of,
    },
    event_stream::write_frame,
};
use tidegate_types::{Dialect, Endpoint, config::OnUnsupported};
use view::Reply;

struct Record {
    name: String,
    dialect: Dialect,
    value: Value,
    /// The reply's body as it came over the wire.
    body: Vec<u8>,
}

impl Record {
    fn streams(&self) -> bool {
        let starts = [&b"data:"[..], b"event:", b":", b"\0"];
        starts.iter().any(|start| self.body.starts_with(start))
    }
}

/// The frames of a stream of which the events were written down one a line, each below its name.
fn framed(notes: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in notes.lines().filter_map(|line| line.strip_prefix("data:")) {
        let event: Value = serde_json::from_str(line).expect("an event");
        for (name, data) in event.as_object().expect("an object") {
            let exception = name.ends_with("Exception");
            write_frame(name, exception, data.to_string().as_bytes(), &mut out);
        }
    }
    out
}

/// The bytes that base64 stands for.
fn decoded(base64: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for sign in base64.bytes().filter(|sign| *sign != b'=') {
        let six = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
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
    let mut records = Vec::new();
    let mut files: Vec<_> = fs::read_dir(Path::new(&folder))
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    for file in files {
        for line in fs::read_to_string(&file).expect("text").lines() {
            let value: Value = serde_json::from_str(line).expect("one record a line");
            let body = value["response"]["body"].as_str().unwrap_or_default();
            let head: String = body.chars().take(4000).collect();
            let dialect = match value["api"].as_str().unwrap_or_default() {
                "messages" if value["provider"] == "anthropic" => Dialect::Anthropic,
                "chat.completions" => Dialect::OpenAi,
                "responses" => Dialect::Responses,
                // Version 1 has no messages; it is another API.
                "chat" | "unknown" if value["provider"] == "cohere" => {
                    let url = value["request"]["url"].as_str().unwrap_or("/v2/chat");
                    if !url.ends_with("/v2/chat") || head.contains("\"relevance_score\"") {
                        continue;
                    }
                    Dialect::Cohere
                }
                "generateContent" | "streamGenerateContent" => Dialect::Gemini,
                "converse" | "converse-stream" => Dialect::Bedrock,
                "unknown" if body.contains("\"stopReason\"") => Dialect::Bedrock,
                _ if head.contains("\"chat.completion") => Dialect::OpenAi,
                _ if head.contains("\"type\":\"message_start\"") => Dialect::Anthropic,
                _ if head.contains("\"candidates\"") => Dialect::Gemini,
                _ => continue,
            };
            let name = format!("{} {}", value["provider"], value["id"]);
            let body = match value["response"]["body_b64"].as_str() {
                Some(base64) => decoded(base64),
                None if dialect == Dialect::Bedrock && body.starts_with("data:") => framed(body),
                None => body.as_bytes().to_vec(),
            };
            records.push(Record {
                name,
                dialect,
                value,
                body,
            });
        }
    }
    Some(records)
}

#[test]
fn recorded_replies_survive_translation() {
    let Some(records) = records() else { return };
    let mut seen = 0;
    for record in &records {
        let Record {
            name,
            dialect,
            value,
            body,
        } = record;
        let response = &value["response"];
        let status = response["status"].as_u64().unwrap_or(200);
        if value["stream"] == true || record.streams() {
            continue;
        }
        let Ok(tree) = serde_json::from_slice::<Value>(body) else {
            continue;
        };
        let chat = ["choices", "content", "output", "candidates"]
            .iter()
            .any(|key| tree[key].is_array())
            || tree["message"].is_object()
            || tree["output"]["message"].is_object();
        if status < 400 && !chat {
            continue;
        }
        seen += 1;
        if status >= 400 {
            let message = error_message(*dialect, body);
            assert!(message.is_some(), "{name}: {tree}");
            for to in view::others(*dialect) {
                let there = translate_error(*dialect, to, status as u16, body);
                assert_eq!(error_message(to, &there), message, "{name}");
            }
            continue;
        }
        let before = view::reply(*dialect, &tree);
        let usage = usage_of(*dialect, &Endpoint::Chat, body);
        let counted = usage.map(|u| {
            (
                u.input,
                u.output,
                u.cache_read,
                u.cache_write + u.cache_write_1h,
            )
        });
        assert_eq!(counted, before.usage, "{name}: usage");
        for to in view::others(*dialect) {
            let there = translate_response(*dialect, to, body, "asked", 0)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let tree: Value = serde_json::from_slice(&there).expect("valid JSON");
            let named = [&tree["model"], &tree["modelVersion"]];
            let named = named.iter().any(|name| **name == "asked");
            // Some replies name no model.
            assert!(
                named || matches!(to, Dialect::Bedrock | Dialect::Cohere),
                "{name}"
            );
            same(name, to, &before, view::reply(to, &tree));
            let back = translate_response(to, *dialect, &there, "asked", 0)
                .unwrap_or_else(|error| panic!("{name}: back: {error}"));
            let tree: Value = serde_json::from_slice(&back).expect("valid JSON");
            same(name, to, &before, view::reply(*dialect, &tree));
        }
    }
    println!("{seen} recorded replies");
    assert!(seen > 100);
}

/// `after` is `before`, as far as the dialect it went through has words for it.
fn same(name: &str, through: Dialect, before: &Reply, after: Reply) {
    let mut before = before.clone();
    if before.usage.is_none() {
        before.usage = after.usage;
    }
    // An id that is empty may be made up.
    for (before, after) in before.calls.iter_mut().zip(&after.calls) {
        if before.0.is_empty() {
            before.0.clone_from(&after.0);
        }
    }
    let after = after.told_by(through);
    assert_eq!(
        before.told_by(through),
        after,
        "{name} in {}",
        through.as_str()
    );
}

#[test]
fn recorded_streams_survive_translation() {
    let Some(records) = records() else { return };
    let mut seen = 0;
    for record in &records {
        let Record {
            name,
            dialect,
            body,
            ..
        } = record;
        if !record.streams() {
            continue;
        }
        let text = String::from_utf8_lossy(body);
        if text.matches("\"message_start\"").count() > 1 {
            // Two replies glued together by whoever published the recording.
            continue;
        }
        seen += 1;
        let events = view::events(body, usize::MAX);
        let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(&raw, body, "{name}: bytes");

        let before = view::stream(*dialect, body);
        let mut tap = StreamTap::new(*dialect);
        let kinds: Vec<Seen> = events.iter().map(|event| tap.observe(event)).collect();
        let counted = tap.usage().map(|u| {
            (
                u.input,
                u.output,
                u.cache_read,
                u.cache_write + u.cache_write_1h,
            )
        });
        assert_eq!(counted, before.usage, "{name}: usage");
        let failed = kinds.iter().any(|kind| matches!(kind, Seen::Failed { .. }));
        assert_eq!(failed, before.error.is_some(), "{name}: failure");
        let said =
            !before.text.is_empty() || !before.calls.is_empty() || !before.thinking.is_empty();
        assert_eq!(kinds.contains(&Seen::Content), said, "{name}: content");
        assert_eq!(tap.finished(), !failed, "{name}: end");

        for to in view::others(*dialect) {
            let there = translate(*dialect, to, body, usize::MAX);
            same(name, to, &before, view::stream(to, &there));
            for piece in [1, 7, 64] {
                assert_eq!(translate(*dialect, to, body, piece), there, "{name}: split");
            }
            let back = translate(to, *dialect, &there, usize::MAX);
            same(name, to, &before, view::stream(*dialect, &back));
        }
    }
    println!("{seen} recorded streams");
    assert!(seen > 30);
}

fn translate(from: Dialect, to: Dialect, body: &[u8], piece: usize) -> Vec<u8> {
    let mut translator = StreamTranslator::new(from, to, "asked", true, 0);
    let mut out = Vec::new();
    for event in view::events(body, piece) {
        translator.push(&event, &mut out).expect("a readable event");
    }
    translator.finish(&mut out);
    out
}

#[test]
fn recorded_requests_survive_translation() {
    let Some(records) = records() else { return };
    let mut seen = 0;
    for Record {
        name,
        dialect,
        value,
        ..
    } in &records
    {
        let Some(body) = value["request"]["body"].as_str() else {
            continue;
        };
        let Ok(tree) = serde_json::from_str::<Value>(body) else {
            continue;
        };
        let asks = ["messages", "contents"]
            .iter()
            .any(|key| tree[key].is_array());
        let asks = asks || !tree["input"].is_null();
        // What another server stores cannot be told by this one.
        let stored = !tree["previous_response_id"].is_null();
        if !asks || stored || value["response"]["status"].as_u64() >= Some(400) {
            continue;
        }
        seen += 1;
        for to in view::others(*dialect) {
            let there = translate_request(
                *dialect,
                to,
                body.as_bytes(),
                model_of(to),
                None,
                OnUnsupported::Drop,
            )
            .unwrap_or_else(|error| panic!("{name}: {error}"));
            println!("{name} in {} drops {:?}", to.as_str(), there.dropped);
            let translated: Value = serde_json::from_slice(&there.body).expect("valid JSON");
            let before = said::request(*dialect, &tree);
            let mut after = said::request(to, &translated);
            for said in before.iter().filter(|said| !spared(to, &tree, said)) {
                let at = after.iter().position(|other| {
                    other == said
                        || contains(other, said)
                        || schema(other, said)
                        || object(other, said)
                });
                let Some(at) = at else {
                    let image = unreachable_image(to, said) && !there.dropped.is_empty();
                    assert!(
                        image || untold_tool(to, said, &tree),
                        "{name} in {} lost {said:?} in\n{after:#?}",
                        to.as_str()
                    );
                    continue;
                };
                if &after[at] == said {
                    after.remove(at);
                }
            }
        }
    }
    println!("{seen} recorded requests");
    assert!(seen > 100);
}

/// Cohere gets no other tools beside one that must be called by its name.
fn spared(to: Dialect, request: &Value, said: &(String, Value)) -> bool {
    let choice = &request["tool_choice"];
    let named = choice["function"]["name"]
        .as_str()
        .or(choice["name"].as_str())
        .or(request["toolConfig"]["toolChoice"]["tool"]["name"].as_str());
    to == Dialect::Cohere && said.0 == "tool" && named.is_some_and(|name| said.1[0] != name)
}

/// A model that takes everything its dialect has.
fn model_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Cohere => "command-a-plus-05-2026",
        Dialect::Gemini => "gemini-3-pro-preview",
        _ => "claude-sonnet-4-5",
    }
}

/// Results that are JSON objects may have become objects.
fn object(one: &(String, Value), other: &(String, Value)) -> bool {
    let object = |value: &Value| {
        let text = value.as_str()?;
        serde_json::from_str(text).ok().filter(Value::is_object)
    };
    one.0 == other.0 && object(&one.1).is_some() && object(&one.1) == object(&other.1)
}

/// Texts next to each other may have become one.
fn contains(whole: &(String, Value), part: &(String, Value)) -> bool {
    let text = |value: &Value| value.as_str().map(|text| text.trim_end().to_owned());
    match (text(&whole.1), text(&part.1)) {
        // Instructions without a conversation become the conversation.
        (Some(all), Some(one)) => (whole.0 == part.0 || part.0 == "system") && all.contains(&one),
        _ => false,
    }
}

/// A schema without a type, or none at all, is made one of an object.
fn schema(whole: &(String, Value), part: &(String, Value)) -> bool {
    whole.0 == "tool" && part.0 == "tool" && whole.1[0] == part.1[0] && part.1[1]["type"].is_null()
}

/// Some vendors take pictures along, and fetch none.
fn unreachable_image(target: Dialect, part: &(String, Value)) -> bool {
    let address = part.1.as_str().is_some_and(|text| text.contains("://"));
    target == Dialect::Bedrock && part.0 == "image" && address
}

/// A dialect without a word for "call nothing" leaves the tools out.
fn untold_tool(target: Dialect, part: &(String, Value), request: &Value) -> bool {
    let none = ["none", "NONE"]
        .iter()
        .any(|none| request["tool_choice"] == *none)
        || request["tool_choice"]["type"] == "none";
    target == Dialect::Bedrock && part.0 == "tool" && none
}
