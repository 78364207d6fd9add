//! Recorded exchanges, and an upstream that answers with one of them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body::Body as _;
use serde_json::Value;
use tidegate::{
    Gateway, Segments,
    config::Config,
    providers::transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    wire::Trust,
};
use tidegate_policy::Clock;

/// One line of a recording.
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) api: String,
    pub(crate) url: String,
    pub(crate) stream: bool,
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The folder that `TIDEGATE_CASSETTES` names; without it the test says that it was skipped.
#[expect(clippy::print_stdout, reason = "a test says what it skipped")]
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TIDEGATE_CASSETTES").map(Into::into);
    if folder.is_none() {
        println!("skipped: TIDEGATE_CASSETTES is not set");
    }
    folder
}

/// The exchanges of a file whose request was recorded.
pub(crate) fn exchanges(file: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .filter_map(|line| exchange(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn exchange(line: &Value) -> Option<Exchange> {
    let request = match &line["request"]["body"] {
        Value::String(text) => text.clone(),
        Value::Null => return None,
        other => other.to_string(),
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
    Some(Exchange {
        id: line["id"].as_str()?.to_owned(),
        api: line["api"].as_str()?.to_owned(),
        url: line["request"]["url"].as_str()?.to_owned(),
        stream: line["stream"].as_bool()?,
        request,
        status: u16::try_from(response["status"].as_u64()?).unwrap(),
        headers,
        body: Bytes::from(body),
    })
}

/// What an upstream was asked: path, body, headers.
pub(crate) type Asked = (String, Bytes, HeaderMap);

/// Answers every request with one recorded response, in pieces of `size` bytes.
struct Replay {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    size: usize,
    seen: Mutex<Option<Asked>>,
}

struct Shared(Arc<Replay>);

impl Transport for Shared {
    fn send(&self, request: HttpRequest) -> Sending {
        let replay = Arc::clone(&self.0);
        let path = request.uri.path_and_query().unwrap().to_string();
        let asked = (path, request.body.to_bytes(), request.headers);
        replay.seen.lock().unwrap().get_or_insert(asked);
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

/// Asks a gateway whose upstream answers as recorded, in pieces of `size` bytes. Status and body of its
/// answer, and what the upstream was asked, if it was.
pub(crate) async fn play(
    recorded: &Exchange,
    config: Config,
    (path, body): (&str, Bytes),
    size: usize,
) -> (u16, Bytes, Option<Asked>) {
    let replay = Arc::new(Replay {
        status: recorded.status,
        headers: recorded.headers.clone(),
        body: recorded.body.clone(),
        size,
        seen: Mutex::default(),
    });
    let transport = Arc::new(Shared(Arc::clone(&replay)));
    let gateway = Gateway::with_parts(config, transport, Arc::new(Clock::new()));
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
    let seen = replay.seen.lock().unwrap().take();
    (status, Bytes::from(text), seen)
}
