//! Recorded exchanges of clouds, replayed through the providers of those clouds.
//!
//! `TIDEGATE_CASSETTES` names the folder of recordings; without it the test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/replay.rs"]
mod replay;

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use replay::{Asked, Exchange, folder};
use serde_json::Value;
use tidegate::{
    config::{Config, Format},
    providers::{catalogue, dialect, event_stream::FrameSplitter},
};
use tidegate_types::Dialect;

const CONFIG: &str = "
providers:
  vertex: { base_url: 'http://up.test', google: { project: p, location: l, token: t } }
  azure: { api_key: k, azure: { endpoint: 'http://up.test', api_version: 2024-10-21 } }
  azure-ai: { api_key: k, azure: { endpoint: 'http://up.test' } }
  bedrock: { base_url: 'http://up.test', aws: { region: r, access_key_id: a, secret_access_key: s } }
";

struct Record {
    exchange: Exchange,
    asked: Value,
}

impl std::ops::Deref for Record {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

fn records(folder: &Path, file: &str) -> impl Iterator<Item = Record> {
    let all = replay::exchanges(&folder.join(file)).into_iter();
    all.filter_map(|exchange| {
        let asked = serde_json::from_str(&exchange.request).ok()?;
        Some(Record { exchange, asked })
    })
}

/// Status and body of the answer, and what the upstream was asked.
async fn play(record: &Record, path: &str, body: String) -> (u16, Bytes, Asked) {
    let vendors: Vec<_> = catalogue::vendors().map(|vendor| vendor.name).collect();
    let config = Config::parse(CONFIG, Format::Yaml, &vendors, &|_| None).unwrap();
    let (status, body, seen) = replay::play(record, config, (path, body.into()), 7).await;
    (status, body, seen.unwrap())
}

/// The recorded body for a model named in it.
fn named(record: &Record, model: &str) -> String {
    let rest = record.request.trim_start().strip_prefix('{').unwrap();
    format!("{{\"model\":\"{model}\",{rest}")
}

#[tokio::test]
async fn vertex_is_asked_and_answers_byte_for_byte() {
    let Some(folder) = folder() else { return };
    let mut count = 0;
    for record in records(&folder, "vertex.jsonl") {
        if !record.api.ends_with("enerateContent") {
            continue;
        }
        count += 1;
        let verb = if record.stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let path = format!("/v1beta/models/vertex%2Fgemini-x:{verb}");
        let (status, body, (asked, sent, headers)) =
            play(&record, &path, record.request.clone()).await;
        assert_eq!(status, record.status, "{}", record.id);
        assert_eq!(body, record.body, "{}", record.id);
        assert_eq!(sent, record.request.as_bytes(), "{}", record.id);
        let wanted = format!("/v1/projects/p/locations/l/publishers/google/models/gemini-x:{verb}");
        assert_eq!(asked, wanted);
        assert_eq!(headers["authorization"], "Bearer t");
        let other = dialect::translate_request(
            Dialect::Gemini,
            Dialect::OpenAi,
            record.request.as_bytes(),
            "vertex/gemini-x",
            Some(record.stream),
            tidegate::config::OnUnsupported::Drop,
        );
        if let Ok(other) = other {
            let text = String::from_utf8(other.body).unwrap();
            let (status, body, (asked, ..)) = play(&record, "/v1/chat/completions", text).await;
            assert_eq!(
                (status, &*asked),
                (record.status, &*wanted),
                "{}",
                record.id
            );
            if status == 200 {
                assert!(
                    String::from_utf8_lossy(&body).contains("\"choices\""),
                    "{}",
                    record.id
                );
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[tokio::test]
async fn azure_is_asked_at_deployments_and_at_models() {
    let Some(folder) = folder() else { return };
    let mut count = 0;
    for record in records(&folder, "azure.jsonl") {
        if record.api != "chat.completions" {
            continue;
        }
        count += 1;
        let foundry = record.url.contains("services.ai.azure.com");
        let (vendor, wanted) = if foundry {
            (
                "azure-ai",
                "/models/chat/completions?api-version=2024-05-01-preview",
            )
        } else {
            (
                "azure",
                "/openai/deployments/dep/chat/completions?api-version=2024-10-21",
            )
        };
        let mut request = record.asked.clone();
        request["model"] = format!("{vendor}/dep").into();
        let (status, body, (asked, _, headers)) =
            play(&record, "/v1/chat/completions", request.to_string()).await;
        assert_eq!(status, record.status, "{}", record.id);
        assert_eq!(asked, wanted);
        assert_eq!(headers["api-key"], "k");
        if !record.stream {
            assert_eq!(body, record.body, "{}", record.id);
        }
    }
    assert!(count > 10, "{count}");
}

#[tokio::test]
async fn claude_on_bedrock_is_invoked_and_its_frames_are_opened() {
    let Some(folder) = folder() else { return };
    let (mut complete, mut streamed) = (0, 0);
    for record in records(&folder, "bedrock.jsonl") {
        if !record.api.starts_with("invoke") || !record.asked["messages"].is_array() {
            continue;
        }
        let stream = if record.stream {
            "\"stream\":true,"
        } else {
            ""
        };
        let text = named(&record, "bedrock/anthropic.claude-v2:1");
        let text = text.replacen(',', &format!(",{stream}"), 1);
        let (status, body, (asked, sent, headers)) = play(&record, "/v1/messages", text).await;
        assert_eq!(status, record.status, "{}", record.id);
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent, record.asked, "{}", record.id);
        assert!(
            headers["authorization"]
                .to_str()
                .unwrap()
                .starts_with("AWS4-HMAC-SHA256")
        );
        if !record.stream {
            complete += 1;
            assert_eq!(asked, "/model/anthropic.claude-v2%3A1/invoke");
            assert_eq!(body, record.body, "{}", record.id);
            continue;
        }
        streamed += 1;
        assert_eq!(
            asked,
            "/model/anthropic.claude-v2%3A1/invoke-with-response-stream"
        );
        let mut splitter = FrameSplitter::new();
        splitter.push(record.body.clone()).unwrap();
        let mut wanted = Vec::new();
        for frame in splitter {
            let held: Value = serde_json::from_slice(&frame.data).unwrap();
            let event = STANDARD.decode(held["bytes"].as_str().unwrap()).unwrap();
            let kind: Value = serde_json::from_slice(&event).unwrap();
            let kind = kind["type"].as_str().unwrap();
            wanted.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
            wanted.extend_from_slice(&event);
            wanted.extend_from_slice(b"\n\n");
        }
        assert_eq!(body, wanted, "{}", record.id);
    }
    assert!(complete >= 3 && streamed >= 1, "{complete} {streamed}");
}
