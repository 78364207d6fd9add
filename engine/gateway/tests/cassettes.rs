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
        dialect::{self, Seen, StreamTap},
        event_stream::Splitter,
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
        "responses" if url.ends_with("/responses") => Dialect::Responses,
        "generateContent" | "streamGenerateContent" => Dialect::Gemini,
        "converse" | "converse-stream" => Dialect::Bedrock,
        "chat" if url.ends_with("/v2/chat") => Dialect::Cohere,
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
        let kind = dialect::stream_type(dialect);
        headers.insert("content-type", HeaderValue::from_static(kind));
    }
    // A request that names no model was recorded without its body.
    let asked = serde_json::from_str::<Value>(&request).ok()?;
    if !dialect.names_model_in_path() {
        asked["model"].as_str()?;
    }
    // What another server keeps for the caller cannot be told from here.
    if !asked["previous_response_id"].is_null() || asked["background"] == true {
        return None;
    }
    let response = &line["response"];
    let body = match response["body_b64"].as_str() {
        Some(text) => base64(text),
        None => response["body"].as_str()?.as_bytes().to_vec(),
    };
    Some(Record {
        id: line["id"].as_str()?.to_owned(),
        dialect,
        stream,
        request: Bytes::from(request),
        status: u16::try_from(line["response"]["status"].as_u64()?).unwrap(),
        headers,
        body: Bytes::from(body),
    })
}

/// The bytes that base64 stands for.
fn base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
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
            bytes.push(((held >> bits) & 255) as u8);
        }
    }
    bytes
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
    let request = Request::post(path(caller, record.stream))
        .body(Segments::from(body))
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
