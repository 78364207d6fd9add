//! Recorded exchanges of clouds, replayed through the providers of those clouds.
//!
//! `TIDEGATE_CASSETTES` names the folder of recordings; without it the test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test says what it skipped")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body::Body as _;
use serde_json::Value;
use tidegate::{
    Gateway, Segments,
    config::{Config, Format},
    providers::{
        catalogue, dialect,
        event_stream::FrameSplitter,
        transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    },
    wire::Trust,
};
use tidegate_policy::Clock;
use tidegate_types::Dialect;

const CONFIG: &str = "
providers:
  vertex: { base_url: 'http://up.test', google: { project: p, location: l, token: t } }
  azure: { api_key: k, azure: { endpoint: 'http://up.test', api_version: 2024-10-21 } }
  azure-ai: { api_key: k, azure: { endpoint: 'http://up.test' } }
  bedrock: { base_url: 'http://up.test', aws: { region: r, access_key_id: a, secret_access_key: s } }
";

/// What an upstream was asked: path, body, headers.
type Asked = (String, Bytes, HeaderMap);

struct Replay {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    seen: Mutex<Vec<Asked>>,
}

struct Shared(Arc<Replay>);

impl Transport for Shared {
    fn send(&self, request: HttpRequest) -> Sending {
        let replay = Arc::clone(&self.0);
        let path = request.uri.path_and_query().unwrap().to_string();
        let asked = (path, request.body.to_bytes(), request.headers);
        replay.seen.lock().unwrap().push(asked);
        Box::pin(async move {
            let pieces: Vec<_> = replay
                .body
                .chunks(7)
                .map(|piece| Ok(replay.body.slice_ref(piece)))
                .collect();
            Ok(HttpResponse {
                status: StatusCode::from_u16(replay.status).unwrap(),
                headers: replay.headers.clone(),
                body: BodyStream::new(futures_util::stream::iter(pieces)),
            })
        })
    }
}

struct Record {
    id: String,
    api: String,
    url: String,
    stream: bool,
    request: Value,
    text: String,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

fn records(folder: &Path, file: &str) -> Vec<Record> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines()
        .filter_map(|line| record(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn record(line: &Value) -> Option<Record> {
    let text = match &line["request"]["body"] {
        Value::String(text) => text.clone(),
        Value::Object(_) => line["request"]["body"].to_string(),
        _ => return None,
    };
    let response = &line["response"];
    let mut headers = HeaderMap::new();
    for (name, value) in response["headers"].as_object()? {
        if let (Ok(name), Some(Ok(value))) = (
            HeaderName::from_bytes(name.as_bytes()),
            value.as_str().map(HeaderValue::from_str),
        ) && !["content-length", "transfer-encoding", "content-encoding"]
            .contains(&name.as_str())
        {
            headers.insert(name, value);
        }
    }
    let body = match response["body_b64"].as_str() {
        Some(text) => STANDARD.decode(text).unwrap(),
        None => response["body"].as_str()?.as_bytes().to_vec(),
    };
    Some(Record {
        id: line["id"].as_str()?.to_owned(),
        api: line["api"].as_str()?.to_owned(),
        url: line["request"]["url"].as_str()?.to_owned(),
        stream: line["stream"].as_bool()?,
        request: serde_json::from_str(&text).ok()?,
        text,
        status: u16::try_from(response["status"].as_u64()?).unwrap(),
        headers,
        body: Bytes::from(body),
    })
}

/// Status and body of the answer, and what the upstream was asked.
async fn play(record: &Record, path: &str, body: String) -> (u16, Bytes, Asked) {
    let replay = Arc::new(Replay {
        status: record.status,
        headers: record.headers.clone(),
        body: record.body.clone(),
        seen: Mutex::default(),
    });
    let vendors: Vec<_> = catalogue::vendors().map(|vendor| vendor.name).collect();
    let config = Config::parse(CONFIG, Format::Yaml, &vendors, &|_| None).unwrap();
    let transport = Arc::new(Shared(Arc::clone(&replay)));
    let gateway = Gateway::with_parts(config, transport, Arc::new(Clock::new()));
    let request = Request::post(path)
        .body(Segments::from(body.into_bytes()))
        .unwrap();
    let response = gateway.handle(request, Trust::Process).await;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
    {
        if let Ok(data) = frame.unwrap().into_data() {
            text.extend_from_slice(&data);
        }
    }
    let seen = replay.seen.lock().unwrap().first().cloned().unwrap();
    (status, Bytes::from(text), seen)
}

/// The recorded body for a model named in it.
fn named(record: &Record, model: &str) -> String {
    let rest = record.text.trim_start().strip_prefix('{').unwrap();
    format!("{{\"model\":\"{model}\",{rest}")
}

fn recorded() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("TIDEGATE_CASSETTES").map(Into::into);
    if folder.is_none() {
        println!("skipped: TIDEGATE_CASSETTES is not set");
    }
    folder
}

#[tokio::test]
async fn vertex_is_asked_and_answers_byte_for_byte() {
    let Some(folder) = recorded() else { return };
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
            play(&record, &path, record.text.clone()).await;
        assert_eq!(status, record.status, "{}", record.id);
        assert_eq!(body, record.body, "{}", record.id);
        assert_eq!(sent, record.text.as_bytes(), "{}", record.id);
        let wanted = format!("/v1/projects/p/locations/l/publishers/google/models/gemini-x:{verb}");
        assert_eq!(asked, wanted);
        assert_eq!(headers["authorization"], "Bearer t");
        let other = dialect::translate_request(
            Dialect::Gemini,
            Dialect::OpenAi,
            record.text.as_bytes(),
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
    let Some(folder) = recorded() else { return };
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
        let mut request = record.request.clone();
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
    let Some(folder) = recorded() else { return };
    let (mut complete, mut streamed) = (0, 0);
    for record in records(&folder, "bedrock.jsonl") {
        if !record.api.starts_with("invoke") || !record.request["messages"].is_array() {
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
        assert_eq!(sent, record.request, "{}", record.id);
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
