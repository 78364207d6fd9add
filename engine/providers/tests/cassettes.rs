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
use tidegate_providers::dialect::{
    Seen, StreamTap, StreamTranslator, error_message, translate_error, translate_request,
    translate_response, usage_of,
};
use tidegate_types::{Dialect, Endpoint, config::OnUnsupported};
use view::Reply;

struct Record {
    name: String,
    dialect: Dialect,
    value: Value,
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAi => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    }
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
                _ if head.contains("\"chat.completion") => Dialect::OpenAi,
                _ if head.contains("\"type\":\"message_start\"") => Dialect::Anthropic,
                _ => continue,
            };
            let name = format!("{} {}", value["provider"], value["id"]);
            records.push(Record {
                name,
                dialect,
                value,
            });
        }
    }
    Some(records)
}

#[test]
fn recorded_replies_survive_translation() {
    let Some(records) = records() else { return };
    let mut seen = 0;
    for Record {
        name,
        dialect,
        value,
    } in &records
    {
        let response = &value["response"];
        let status = response["status"].as_u64().unwrap_or(200);
        let Some(body) = response["body"].as_str() else {
            continue;
        };
        if value["stream"] == true || body.starts_with("data:") || body.starts_with("event:") {
            continue;
        }
        let Ok(tree) = serde_json::from_str::<Value>(body) else {
            continue;
        };
        let chat = tree["choices"].is_array() || tree["content"].is_array();
        if status < 400 && !chat {
            continue;
        }
        seen += 1;
        if status >= 400 {
            let message = error_message(*dialect, body.as_bytes());
            assert!(message.is_some(), "{name}: {body}");
            let there = translate_error(*dialect, other(*dialect), status as u16, body.as_bytes());
            assert_eq!(error_message(other(*dialect), &there), message, "{name}");
            continue;
        }
        let before = view::reply(*dialect, &tree);
        let usage = usage_of(*dialect, &Endpoint::Chat, body.as_bytes());
        let counted = usage.map(|u| {
            (
                u.input,
                u.output,
                u.cache_read,
                u.cache_write + u.cache_write_1h,
            )
        });
        assert_eq!(counted, before.usage, "{name}: usage");
        let there = translate_response(*dialect, other(*dialect), body.as_bytes(), "asked", 0)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let tree: Value = serde_json::from_slice(&there).expect("valid JSON");
        assert_eq!(tree["model"], "asked", "{name}");
        let after = view::reply(other(*dialect), &tree);
        same(name, &before, &after);
        let back = translate_response(other(*dialect), *dialect, &there, "asked", 0)
            .unwrap_or_else(|error| panic!("{name}: back: {error}"));
        let tree: Value = serde_json::from_slice(&back).expect("valid JSON");
        same(name, &before, &view::reply(*dialect, &tree));
    }
    println!("{seen} recorded replies");
    assert!(seen > 100);
}

fn same(name: &str, before: &Reply, after: &Reply) {
    let mut before = before.clone();
    if before.usage.is_none() {
        before.usage = after.usage;
    }
    assert_eq!(&before, after, "{name}");
}

#[test]
fn recorded_streams_survive_translation() {
    let Some(records) = records() else { return };
    let mut seen = 0;
    for Record {
        name,
        dialect,
        value,
    } in &records
    {
        let Some(body) = value["response"]["body"].as_str() else {
            continue;
        };
        if !(body.starts_with("data:") || body.starts_with("event:") || body.starts_with(':')) {
            continue;
        }
        if body.matches("\"message_start\"").count() > 1 {
            // Two replies glued together by whoever published the recording.
            continue;
        }
        seen += 1;
        let body = body.as_bytes();
        let events = view::events(body, usize::MAX);
        let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(raw, body, "{name}: bytes");

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

        let there = translate(*dialect, other(*dialect), body, usize::MAX);
        let after = view::stream(other(*dialect), &there);
        same(name, &before, &after);
        for piece in [1, 7, 64] {
            assert_eq!(
                translate(*dialect, other(*dialect), body, piece),
                there,
                "{name}: split"
            );
        }
        let back = translate(other(*dialect), *dialect, &there, usize::MAX);
        same(name, &before, &view::stream(*dialect, &back));
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
    } in &records
    {
        let Some(body) = value["request"]["body"].as_str() else {
            continue;
        };
        let Ok(tree) = serde_json::from_str::<Value>(body) else {
            continue;
        };
        if !tree["messages"].is_array() || value["response"]["status"].as_u64() >= Some(400) {
            continue;
        }
        seen += 1;
        let there = translate_request(
            *dialect,
            other(*dialect),
            body.as_bytes(),
            "claude-sonnet-4-5",
            None,
            OnUnsupported::Drop,
        )
        .unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name} drops {:?}", there.dropped);
        let translated: Value = serde_json::from_slice(&there.body).expect("valid JSON");
        let before = said::request(*dialect, &tree);
        let mut after = said::request(other(*dialect), &translated);
        for said in &before {
            let at = after
                .iter()
                .position(|other| other == said || contains(other, said) || schema(other, said));
            let Some(at) = at else {
                panic!("{name} lost {said:?} in\n{after:#?}")
            };
            if &after[at] == said {
                after.remove(at);
            }
        }
    }
    println!("{seen} recorded requests");
    assert!(seen > 100);
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
