//! Recorded vendor exchanges, replayed through whole routes: the same dialect must come out byte for
//! byte, another dialect complete and well formed.
//!
//! `TIDEGATE_CASSETTES` names the folder of recordings; without it the test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body::Body as _;
use serde_json::Value;
use tidegate::{
    Dialect, Gateway, Segments,
    config::{Config, Format, OnUnsupported},
    providers::{
        dialect,
        transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    },
    wire::Trust,
};
use tidegate_policy::Clock;

/// Answers every request with one recorded response, in pieces of `size` bytes.
struct Replay {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    size: usize,
    seen: Mutex<Vec<Bytes>>,
}

struct Shared(Arc<Replay>);

impl Transport for Shared {
    fn send(&self, request: HttpRequest) -> Sending {
        let replay = Arc::clone(&self.0);
        replay.seen.lock().unwrap().push(request.body.to_bytes());
        Box::pin(async move {
            let pieces: Vec<_> = replay
                .body
                .chunks(replay.size)
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
    dialect: Dialect,
    stream: bool,
    request: Bytes,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

fn records() -> Option<Vec<Record>> {
    let folder = PathBuf::from(std::env::var_os("TIDEGATE_CASSETTES")?);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(
                text.lines()
                    .filter_map(|line| record(&serde_json::from_str(line).unwrap())),
            );
        }
    }
    Some(found)
}

fn record(line: &Value) -> Option<Record> {
    let url = line["request"]["url"].as_str()?;
    let dialect = match line["api"].as_str()? {
        "chat.completions" => Dialect::OpenAi,
        "messages" if url.ends_with("/v1/messages") => Dialect::Anthropic,
        _ => return None,
    };
    let request = match &line["request"]["body"] {
        Value::String(text) => text.clone(),
        Value::Null => return None,
        other => other.to_string(),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in line["response"]["headers"].as_object()? {
        if let (Ok(name), Some(Ok(value))) = (
            HeaderName::from_bytes(name.as_bytes()),
            value.as_str().map(HeaderValue::from_str),
        ) && !["content-length", "transfer-encoding", "content-encoding"]
            .contains(&name.as_str())
        {
            headers.insert(name, value);
        }
    }
    let stream = line["stream"].as_bool()?;
    if stream {
        headers.insert(
            "content-type",
            HeaderValue::from_static("text/event-stream"),
        );
    }
    // A request that names no model was recorded without its body.
    serde_json::from_str::<Value>(&request).ok()?["model"].as_str()?;
    Some(Record {
        id: line["id"].as_str()?.to_owned(),
        dialect,
        stream,
        request: Bytes::from(request),
        status: u16::try_from(line["response"]["status"].as_u64()?).unwrap(),
        headers,
        body: Bytes::from(line["response"]["body"].as_str()?.to_owned()),
    })
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::OpenAi => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    }
}

async fn play(record: &Record, caller: Dialect, body: Bytes, size: usize) -> (u16, Bytes, Bytes) {
    let replay = Arc::new(Replay {
        status: record.status,
        headers: record.headers.clone(),
        body: record.body.clone(),
        size,
        seen: Mutex::default(),
    });
    let config = format!(
        "providers: {{ up: {{ dialect: {}, base_url: 'http://up.test', api_key: k, stream_usage: false }} }}\n\
         models: {{ route: {{ targets: [up/model], retry: {{ attempts: 1 }} }} }}",
        record.dialect.as_str()
    );
    let config = Config::parse(&config, Format::Yaml, &[], &|_| None).unwrap();
    let transport = Arc::new(Shared(Arc::clone(&replay)));
    let gateway = Gateway::with_parts(config, transport, Arc::new(Clock::new()));
    let path = match caller {
        Dialect::Anthropic => "/v1/messages",
        _ => "/v1/chat/completions",
    };
    let request = Request::post(path).body(Segments::from(body)).unwrap();
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
    let seen = replay
        .seen
        .lock()
        .unwrap()
        .first()
        .cloned()
        .unwrap_or_default();
    (status, Bytes::from(text), seen)
}

/// The recorded request with another model, by plain text search: independent of the splicer.
fn with_model(record: &Record, model: &str) -> Option<String> {
    let text = std::str::from_utf8(&record.request).unwrap();
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
async fn recordings_pass_through_routes_of_both_dialects() {
    let Some(records) = records() else {
        println!("skipped: TIDEGATE_CASSETTES is not set");
        return;
    };
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
        let caller = other(record.dialect);
        let request = dialect::translate_request(
            record.dialect,
            caller,
            asked.as_bytes(),
            "route",
            None,
            OnUnsupported::Drop,
        );
        let Ok(request) = request else {
            // What the vendor refused is refused here.
            if record.status == 400 {
                continue;
            }
            wrong.push(format!("{}: {}", record.id, request.unwrap_err()));
            continue;
        };
        let (status, body, _) = play(record, caller, Bytes::from(request.body), 7).await;
        cross += 1;
        let text = String::from_utf8_lossy(&body);
        let failed = record.stream && record.body.windows(9).any(|found| found == b"{\"error\":");
        let complete = match (record.status, record.stream, caller) {
            (200, true, _) if failed => text.contains("error"),
            (200, true, Dialect::Anthropic) => {
                text.contains("event: message_stop") && !text.contains("event: error")
            }
            (200, true, _) => text.ends_with("data: [DONE]\n\n") && !text.contains("\"error\""),
            (200, false, Dialect::Anthropic) => text.contains("\"stop_reason\""),
            (200, false, _) => text.contains("\"finish_reason\""),
            _ => text.contains("\"error\""),
        };
        if status != record.status || !complete {
            let shown: String = text.chars().take(300).collect();
            wrong.push(format!(
                "{}: to {}: {status} {shown}",
                record.id,
                caller.as_str()
            ));
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
