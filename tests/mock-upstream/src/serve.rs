//! The HTTP side: control paths, scripts and records.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::{
    Chunk, Defaults, Recorded, Reply, Times,
    io::Connection,
    play::{Play, Step},
    record::{Guard, Log},
    say::{Said, bedrock, say, stream_type},
    session,
};

/// Longest wait a client may ask for with `wait_ms`.
const LONGEST_WAIT: u64 = 60_000;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Arc<Log>,
    scripts: Mutex<HashMap<String, VecDeque<Reply>>>,
    defaults: Mutex<Arc<Defaults>>,
    fixtures: PathBuf,
    requests: AtomicU64,
    connections: AtomicU64,
}

impl Shared {
    pub(crate) fn new(fixtures: PathBuf) -> Self {
        Self {
            log: Arc::new(Log::new()),
            scripts: Mutex::default(),
            defaults: Mutex::default(),
            fixtures,
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    pub(crate) fn script(&self, name: &str, replies: Vec<Reply>) {
        lock(&self.scripts).insert(name.to_owned(), replies.into());
    }

    pub(crate) fn set_defaults(&self, defaults: Defaults) {
        *lock(&self.defaults) = Arc::new(defaults);
    }

    pub(crate) fn reset(&self) {
        lock(&self.scripts).clear();
        self.set_defaults(Defaults::default());
        self.log.clear();
    }

    /// The reply for a request: `Ok(None)` when its name has no script, `Err` when it is used up.
    fn next(
        &self,
        name: &str,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Option<Reply>, ()> {
        let mut scripts = lock(&self.scripts);
        let Some(script) = scripts.get_mut(name) else {
            return Ok(None);
        };
        let place = script
            .iter()
            .position(|reply| {
                reply
                    .when
                    .as_ref()
                    .is_none_or(|when| when.holds(path, headers, body))
            })
            .ok_or(())?;
        let Some(reply) = script.get_mut(place) else {
            return Err(());
        };
        match &mut reply.times {
            Times::Count(left) if *left > 1 => {
                *left -= 1;
                Ok(Some(reply.clone()))
            }
            Times::Count(_) => Ok(script.remove(place)),
            Times::Forever(_) => Ok(Some(reply.clone())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        drop(stream.set_nodelay(true));
        let reset = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Connection::new(stream, Arc::clone(&reset)));
        let shared = Arc::clone(&shared);
        let connection = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                answer(Arc::clone(&shared), connection, Arc::clone(&reset), request)
            });
            // A broken connection is what many scripts are about; there is nobody to tell.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, service)
                    .with_upgrades()
                    .await,
            );
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    connection: u64,
    reset: Arc<AtomicBool>,
    mut request: Request<Incoming>,
) -> Result<Response<Play>, &'static str> {
    let at_ms = shared.log.now_ms();
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err("the request broke off");
    };
    let body = body.to_bytes();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    if let Some(control) = target.strip_prefix("/__") {
        let Ok(response) = control_answer(&shared, &parts.method, control, &body).await;
        return Ok(response);
    }
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let below = target.trim_start_matches('/');
    let (name, path) = below.split_at(below.find(['/', '?']).unwrap_or(below.len()));
    let defaults = Arc::clone(&lock(&shared.defaults));
    let mut guard = if defaults.record {
        shared.log.add(Recorded {
            name: name.to_owned(),
            method: parts.method.to_string(),
            path: path.to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            body: body.clone(),
            at_ms,
            connection,
            closed_ms: None,
            answered: false,
            messages: Vec::new(),
        })
    } else {
        shared.log.ignore()
    };
    match shared.next(name, path, &parts.headers, &body) {
        Ok(Some(reply)) => {
            if reply.hang_up {
                guard.answered();
                reset.store(reply.reset, Ordering::Relaxed);
                return Err("the script hangs up here");
            }
            if reply.stall_head {
                std::future::pending::<()>().await;
            }
            if reply.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
            }
            if let Some(acts) = reply.session {
                let nothing = Play::whole(Bytes::new(), shared.log.ignore());
                return Ok(session::open(
                    acts,
                    &parts.headers,
                    upgrade,
                    guard,
                    reset,
                    nothing,
                ));
            }
            Ok(perform(&shared, &reply, path, &body, guard, reset))
        }
        Ok(None) => {
            if defaults.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(defaults.delay_ms)).await;
            }
            let said = say(path, &body, &defaults.text, None, defaults.chunks);
            Ok(match said {
                Said::Whole(bytes) => respond(200, "application/json", Play::whole(bytes, guard)),
                Said::Events(events) => {
                    let steps = pace(events, defaults.pace_ms);
                    respond(200, stream_type(path), Play::new(steps, None, guard, None))
                }
            })
        }
        Err(()) => {
            let text = format!("mock-upstream: the script of {name:?} has no reply for {path}");
            let body = json!({ "error": { "message": text, "type": "script_exhausted" } });
            let bytes = Bytes::from(body.to_string());
            Ok(respond(501, "application/json", Play::whole(bytes, guard)))
        }
    }
}

fn respond(status: u16, content_type: &'static str, body: Play) -> Response<Play> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The pieces, with a flush or a pause in front of each but the first.
fn pace(pieces: Vec<Bytes>, pace_ms: u64) -> VecDeque<Step> {
    let mut steps = VecDeque::with_capacity(pieces.len() * 2);
    for piece in pieces {
        if pace_ms > 0 && !steps.is_empty() {
            steps.push_back(Step::Pause(Duration::from_millis(pace_ms)));
        }
        steps.push_back(Step::Data(piece));
    }
    steps
}

/// A scripted response.
fn perform(
    shared: &Shared,
    reply: &Reply,
    path: &str,
    request: &[u8],
    guard: Guard,
    reset: Arc<AtomicBool>,
) -> Response<Play> {
    let (content_type, said) = match body_of(shared, reply, path, request) {
        Ok(found) => found,
        Err(message) => {
            let bytes = Bytes::from(format!("mock-upstream: {message}"));
            return respond(501, "text/plain", Play::whole(bytes, guard));
        }
    };
    let (pieces, whole) = match said {
        Said::Whole(bytes) => (vec![bytes], true),
        Said::Events(events) => (events, false),
    };
    let total: usize = pieces.iter().map(Bytes::len).sum();
    let mut steps = VecDeque::new();
    let mut sent = 0;
    'pieces: for (index, piece) in pieces.iter().enumerate() {
        if reply.stall_after == Some(index) {
            break;
        }
        if !steps.is_empty() {
            steps.push_back(match reply.pace_ms {
                0 => Step::Flush,
                ms => Step::Pause(Duration::from_millis(ms)),
            });
        }
        let size = reply.split.unwrap_or(piece.len()).max(1);
        for start in (0..piece.len()).step_by(size) {
            let mut part = piece.slice(start..piece.len().min(start + size));
            let room = reply.cut_after.map_or(usize::MAX, |cut| cut - sent);
            let cut = part.len() >= room;
            part.truncate(room);
            sent += part.len();
            if start > 0 {
                steps.push_back(Step::Flush);
            }
            steps.push_back(Step::Data(part));
            if cut {
                break 'pieces;
            }
        }
    }
    if reply.cut_after.is_some() {
        steps.push_back(Step::Flush);
        steps.push_back(Step::Break);
    } else if reply.stall_after.is_some() {
        steps.push_back(Step::Stall);
    }
    let length = (whole && !reply.nocl).then_some(total as u64);
    let play = Play::new(steps, length, guard, reply.reset.then_some(reset));
    let mut response = respond(reply.status.unwrap_or(200), content_type, play);
    if reply.nocl {
        *response.version_mut() = http::Version::HTTP_10;
    }
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (
            header::HeaderName::try_from(name),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn body_of(
    shared: &Shared,
    reply: &Reply,
    path: &str,
    request: &[u8],
) -> Result<(&'static str, Said), String> {
    const JSON: &str = "application/json";
    let sse = stream_type(path);
    if let Some(text) = &reply.say {
        let said = say(path, request, text, reply.usage, None);
        return Ok((
            if matches!(said, Said::Events(_)) {
                sse
            } else {
                JSON
            },
            said,
        ));
    }
    if let Some(chunks) = &reply.sse {
        return Ok((
            sse,
            Said::Events(events(path, chunks.iter().map(chunk_bytes))),
        ));
    }
    if let Some(value) = &reply.body {
        return Ok((JSON, Said::Whole(Bytes::from(value.get().to_owned()))));
    }
    if let Some(text) = &reply.text {
        return Ok((JSON, Said::Whole(Bytes::from(text.clone()))));
    }
    if let Some(hex) = &reply.hex {
        let bytes: Option<Vec<u8>> = (0..hex.len())
            .step_by(2)
            .map(|at| {
                hex.get(at..at + 2)
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            })
            .collect();
        let bytes = bytes.ok_or_else(|| format!("{hex:?} is not hexadecimal"))?;
        return Ok(("application/octet-stream", Said::Whole(Bytes::from(bytes))));
    }
    let Some(name) = &reply.fixture else {
        return Ok((JSON, Said::Whole(Bytes::new())));
    };
    let bytes = std::fs::read(shared.fixtures.join(name))
        .map_err(|error| format!("fixture {name}: {error}"))?;
    if std::path::Path::new(name)
        .extension()
        .is_some_and(|kind| kind == "sse")
    {
        let all = events_of(&Bytes::from(bytes)).into_iter();
        return Ok((sse, Said::Events(events(path, all))));
    }
    Ok((JSON, Said::Whole(Bytes::from(bytes))))
}

/// The events as the path's framing has them; scripts and fixtures note them down as text.
fn events(path: &str, notes: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    if bedrock::streams(path) {
        notes.map(|event| bedrock::frame_of(&event)).collect()
    } else {
        notes.collect()
    }
}

fn chunk_bytes(chunk: &Chunk) -> Bytes {
    match chunk {
        Chunk::Raw(text) => Bytes::from(text.clone()),
        Chunk::Event { event, data } => {
            let data = match data {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let name = event
                .as_ref()
                .map_or_else(String::new, |name| format!("event: {name}\n"));
            Bytes::from(format!("{name}data: {data}\n\n"))
        }
    }
}

/// A recorded stream cut after every blank line.
fn events_of(bytes: &Bytes) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        let blank = bytes[..=at].ends_with(b"\n\n") || bytes[..=at].ends_with(b"\n\r\n");
        if blank && at + 1 > start {
            events.push(bytes.slice(start..=at));
            start = at + 1;
        }
    }
    if start < bytes.len() {
        events.push(bytes.slice(start..));
    }
    events
}

async fn control_answer(
    shared: &Arc<Shared>,
    method: &http::Method,
    control: &str,
    body: &[u8],
) -> Result<Response<Play>, Infallible> {
    let (path, query) = control.split_once('?').unwrap_or((control, ""));
    let field = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
    let answer: Result<Value, String> = match (method.as_str(), path) {
        ("PUT" | "POST", "script") => serde_json::from_slice::<HashMap<String, Vec<Reply>>>(body)
            .map(|scripts| {
                for (name, replies) in scripts {
                    shared.script(&name, replies);
                }
                json!({ "ok": true })
            })
            .map_err(|error| error.to_string()),
        ("PUT" | "POST", "default") => serde_json::from_slice::<Defaults>(body)
            .map(|defaults| {
                shared.set_defaults(defaults);
                json!({ "ok": true })
            })
            .map_err(|error| error.to_string()),
        ("GET", "log") => {
            let name = field("name");
            let wanted = |entry: &&Recorded| name.is_none_or(|name| entry.name == name);
            let (requests, closed) = (number("requests"), number("closed"));
            let limit = number("wait_ms").unwrap_or(0).min(LONGEST_WAIT);
            let done = |log: &[Recorded]| {
                let of_name = log.iter().filter(wanted);
                let left = of_name
                    .clone()
                    .filter(|entry| entry.closed_ms.is_some())
                    .count();
                requests.is_none_or(|count| of_name.count() as u64 >= count)
                    && closed.is_none_or(|count| left as u64 >= count)
            };
            let log = shared.log.wait(Duration::from_millis(limit), &done).await;
            let entries: Vec<&Recorded> = log.iter().filter(wanted).collect();
            Ok(json!({ "requests": entries, "now_ms": shared.log.now_ms() }))
        }
        ("DELETE", "log") => {
            shared.log.clear();
            Ok(json!({ "ok": true }))
        }
        ("POST", "reset") => {
            shared.reset();
            Ok(json!({ "ok": true }))
        }
        ("GET", "stats") => Ok(json!({
            "requests": shared.requests.load(Ordering::Relaxed),
            "connections": shared.connections.load(Ordering::Relaxed),
        })),
        _ => Err(format!("no control path {method} /__{path}")),
    };
    let (status, value) = match answer {
        Ok(value) => (200, value),
        Err(message) => (400, json!({ "error": message })),
    };
    let bytes = Bytes::from(value.to_string());
    Ok(respond(
        status,
        "application/json",
        Play::whole(bytes, shared.log.ignore()),
    ))
}
