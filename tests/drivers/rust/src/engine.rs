//! The Rust face: the engine in this process.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tidegate::{
    Error,
    bridge::{End, Engine, EventKind, Head, Mode, Outcome, Queue, Request, Source, StreamHandle},
    config::Format,
};

use crate::{Face, endpoint, facts, headers_json, headers_of, unknown};

const CAPABILITIES: &[&str] = &[
    "call",
    "http",
    "stream",
    "hold",
    "cancel",
    "cancel_call",
    "headers",
    "reload",
    "advance",
    "connect",
    "health",
    "close",
    "text",
    "path",
    "env",
    "root",
    "tried",
    "final_facts",
];
/// Frames taken at a time.
const BATCH: usize = 64;

#[derive(Default)]
pub(crate) struct Native {
    engine: Option<Engine>,
    held: Option<(Head, StreamHandle)>,
}

impl Face for Native {
    fn perform(&mut self, op: &str, fields: &Value) -> Value {
        match op {
            "hello" => json!({ "ok": {
                "surface": "rust", "version": tidegate::VERSION, "capabilities": CAPABILITIES,
            } }),
            "open" => {
                self.perform("close", &Value::Null);
                self.opened(Engine::open(source(fields)))
            }
            "connect" => {
                let url = fields["url"].as_str().unwrap_or_default();
                self.opened(Engine::connect(
                    url,
                    fields["key"].as_str().map(str::to_owned),
                ))
            }
            "drop" => {
                self.held = None;
                json!({ "ok": {} })
            }
            "rest" => match self.held.take() {
                Some((head, stream)) => read(&head, &stream, usize::MAX),
                None => unknown("rest without hold"),
            },
            _ => match self.engine.clone() {
                Some(engine) => self.with(&engine, op, fields),
                None => unknown("no gateway is open"),
            },
        }
    }
}

impl Native {
    fn opened(&mut self, result: Result<Engine, Error>) -> Value {
        done(result.map(|engine| self.engine = Some(engine)))
    }

    fn with(&mut self, engine: &Engine, op: &str, fields: &Value) -> Value {
        match op {
            "call" => self.call(engine, fields),
            "http" => http(engine, fields),
            "reload" => done(engine.reload(Some(source(fields)))),
            "advance" => {
                engine.advance(Duration::from_millis(fields["ms"].as_u64().unwrap_or(0)));
                json!({ "ok": {} })
            }
            "health" => json!({ "ok": engine.health() }),
            "close" => {
                let deadline = fields["deadline_ms"].as_u64().unwrap_or(1000);
                engine.close(Duration::from_millis(deadline));
                json!({ "ok": {} })
            }
            other => unknown(other),
        }
    }

    fn call(&mut self, engine: &Engine, fields: &Value) -> Value {
        let (method, target) = endpoint(fields);
        let body = if method == Method::GET {
            String::new()
        } else {
            fields["request"].to_string()
        };
        let request = request(Mode::Native, method, target, fields, body);
        let outcome = match fields["cancel_after_ms"].as_u64() {
            Some(after) => cancelled(engine, request, Duration::from_millis(after)),
            None => engine.call(request),
        };
        match outcome {
            Outcome::Error(error) => json!({ "error": error.to_json() }),
            Outcome::Reply(head, body) => match serde_json::from_slice::<Value>(&body) {
                Ok(body) => json!({ "ok": { "body": body, "gateway": facts(&head.headers) } }),
                Err(error) => {
                    json!({ "error": { "slug": "no_json", "message": error.to_string() } })
                }
            },
            Outcome::Stream(head, stream) => {
                let limit = |name: &str| fields[name].as_u64().map(|count| count as usize);
                if let Some(count) = limit("cancel_after_chunks") {
                    let mut reply = read(&head, &stream, count);
                    stream.cancel();
                    reply["ok"]["cancelled"] = true.into();
                    return reply;
                }
                let Some(count) = limit("hold") else {
                    return read(&head, &stream, usize::MAX);
                };
                let mut reply = read(&head, &stream, count);
                reply["ok"]["held"] = true.into();
                self.held = Some((head, stream));
                reply
            }
        }
    }
}

fn done(result: Result<(), Error>) -> Value {
    match result {
        Ok(()) => json!({ "ok": {} }),
        Err(error) => json!({ "error": error.to_json() }),
    }
}

fn source(fields: &Value) -> Source {
    if let Some(path) = fields["path"].as_str() {
        return Source::Path(PathBuf::from(path));
    }
    if let Some(text) = fields["text"].as_str() {
        let format = match fields["format"].as_str() {
            Some("toml") => Format::Toml,
            Some("json") => Format::Json,
            _ => Format::Yaml,
        };
        return Source::Text {
            text: text.to_owned(),
            format,
        };
    }
    if fields["env"] == true {
        Source::Env
    } else {
        Source::Value(fields["config"].clone())
    }
}

fn request(mode: Mode, method: Method, target: &str, fields: &Value, body: String) -> Request {
    Request {
        mode,
        method,
        target: target.to_owned(),
        headers: headers_of(fields),
        body: Bytes::from(body),
        key: fields["key"].as_str().map(str::to_owned),
        trusted: true,
    }
}

/// Submits, waits, cancels: what a caller who gives up does.
fn cancelled(engine: &Engine, request: Request, after: Duration) -> Outcome {
    let queue = Queue::new();
    let ticket = engine.submit(&queue, request);
    queue.wait(after);
    engine.cancel(ticket);
    loop {
        queue.wait(Duration::from_secs(5));
        for event in queue.drain(BATCH) {
            if let EventKind::Outcome(outcome) = event.kind {
                return outcome;
            }
        }
    }
}

/// Reads at most `most` chunks.
fn read(head: &Head, stream: &StreamHandle, most: usize) -> Value {
    let mut chunks: Vec<Value> = Vec::new();
    let mut headers = head.headers.clone();
    while chunks.len() < most {
        let batch = stream.read(BATCH.min(most - chunks.len()), None);
        chunks.extend(
            batch
                .frames
                .iter()
                .filter_map(|f| serde_json::from_slice(&f.data).ok()),
        );
        match batch.end {
            Some(End::Failed(error)) => {
                return json!({ "error": error.to_json(), "chunks": chunks });
            }
            Some(End::Complete(last)) => {
                headers.extend(last);
                break;
            }
            None => {}
        }
    }
    json!({ "ok": { "chunks": chunks, "gateway": facts(&headers) } })
}

fn http(engine: &Engine, fields: &Value) -> Value {
    let method = fields["method"]
        .as_str()
        .and_then(|method| method.parse().ok());
    let target = fields["target"].as_str().unwrap_or_default();
    let body = fields["body"].as_str().unwrap_or_default().to_owned();
    let request = request(
        Mode::Http,
        method.unwrap_or(Method::GET),
        target,
        fields,
        body,
    );
    let answer = |head: &Head, body: &[u8], headers: &HeaderMap| {
        let mut all = head.headers.clone();
        all.extend(headers.clone());
        json!({ "ok": {
            "status": head.status, "headers": headers_json(&all), "body": String::from_utf8_lossy(body),
        } })
    };
    match engine.call(request) {
        Outcome::Error(error) => json!({ "error": error.to_json() }),
        Outcome::Reply(head, body) => answer(&head, &body, &HeaderMap::new()),
        Outcome::Stream(head, stream) => {
            let mut body = Vec::new();
            let most = fields["cancel_after_bytes"].as_u64();
            loop {
                let batch = stream.read(BATCH, None);
                batch
                    .frames
                    .iter()
                    .for_each(|frame| body.extend_from_slice(&frame.data));
                if most.is_some_and(|most| body.len() as u64 >= most) {
                    stream.cancel();
                    let mut reply = answer(&head, &body, &HeaderMap::new());
                    reply["ok"]["cancelled"] = true.into();
                    return reply;
                }
                match batch.end {
                    Some(End::Complete(last)) => return answer(&head, &body, &last),
                    Some(End::Failed(_)) => {
                        let mut reply = answer(&head, &body, &HeaderMap::new());
                        reply["ok"]["broken"] = true.into();
                        return reply;
                    }
                    None => {}
                }
            }
        }
    }
}
