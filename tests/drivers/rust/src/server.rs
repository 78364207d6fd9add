//! The HTTP face: boots `tidegate serve` and speaks HTTP to it. What the answers mean to a native
//! client is the runner's to read.

use std::time::Duration;

use http::{Request, response::Parts};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tidegate::bridge::Engine;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Face, boot::Server, fail, headers_json, headers_of, hello, request_of, scope, sessions, told,
};

const CAPABILITIES: &str = "call http stream hold cancel cancel_call headers reload health explain text path env server final_facts \
     session scope";

pub(crate) struct Http {
    runtime: Runtime,
    server: Option<Server>,
    held: Option<Answer>,
    /// For whom calls are made.
    scope: Value,
}

/// An answer, and what of its body has been read.
struct Answer(Parts, Incoming, Vec<u8>);

impl Face for Http {
    fn perform(&mut self, op: &str, fields: &Value) -> Value {
        match (op, &self.server) {
            ("hello", _) => return hello("http", CAPABILITIES),
            ("call" | "http", _) => return self.exchange(fields),
            ("health", _) => {
                let reply = self.exchange(&json!({ "op": "http", "target": "/api/health" }));
                let report = reply["http"]["body"]
                    .as_str()
                    .map(serde_json::from_str::<Value>);
                let Some(Ok(report)) = report else {
                    return reply;
                };
                return json!({ "ok": report });
            }
            ("explain", _) => {
                let reply = self.exchange(&told(fields));
                if reply["http"]["status"] == 200 {
                    let body = reply["http"]["body"].as_str().unwrap_or_default();
                    return json!({ "ok": serde_json::from_str::<Value>(body).unwrap_or_default() });
                }
                return reply;
            }
            ("reload", Some(server)) => return server.reload(&fields["config"]),
            ("session", Some(server)) => {
                // Over a socket: nothing of the engine but its client is in this process.
                return match Engine::connect(&server.url, None) {
                    Ok(client) => sessions::talk(&client, fields),
                    Err(error) => json!({ "error": error.to_json() }),
                };
            }
            ("rest", _) => {
                let held = self
                    .held
                    .take()
                    .ok_or_else(|| fail("driver_failed", "nothing is held"));
                return held.map_or_else(|e| e, |mut answer| self.read(&mut answer, |_| false));
            }
            ("drop", _) => self.held = None,
            ("scope", _) => self.scope = fields["scope"].clone(),
            ("open", _) => {
                (self.held, self.server, self.scope) = (None, None, Value::Null);
                match Server::start(fields) {
                    Ok(server) => self.server = Some(server),
                    Err(problem) => return problem,
                }
            }
            _ => return fail("unknown_op", op),
        }
        json!({ "ok": {} })
    }
}

impl Http {
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            server: None,
            held: None,
            scope: Value::Null,
        })
    }

    fn exchange(&mut self, fields: &Value) -> Value {
        let count = |name: &str| fields[name].as_u64().map(|count| count as usize);
        let mut answer = match self.send(fields, count("cancel_after_ms")) {
            Ok(answer) => answer,
            Err(problem) => return problem,
        };
        let events = count("cancel_after_chunks").or(count("hold"));
        let mut reply = self.read(&mut answer, |read| {
            let blocks = || read.windows(2).filter(|pair| pair == b"\n\n").count();
            count("cancel_after_bytes").is_some_and(|most| read.len() >= most)
                || events.is_some_and(|most| blocks() >= most)
        });
        if count("hold").is_some() {
            reply["http"]["held"] = true.into();
            self.held = Some(answer);
        }
        reply
    }

    fn send(&mut self, fields: &Value, leave_after: Option<usize>) -> Result<Answer, Value> {
        let broken = |error: &dyn std::fmt::Debug| fail("driver_failed", format!("{error:?}"));
        let (method, target, body) = request_of(fields);
        let url = self.server.as_ref().map_or("", |server| &server.url);
        // An SDK over HTTP has the drop-in prefix where it would have the vendor's host.
        let path = target
            .replacen("https://api.", "/", 1)
            .replacen(".com/", "/", 1);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{url}{path}"));
        request = request.header("te", "trailers");
        if let Some(key) = fields["key"].as_str() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| broken(&e))?;
        request.headers_mut().extend(headers_of(fields));
        scope::write(&self.scope, request.headers_mut());
        let patience = leave_after.map_or(Duration::MAX, |ms| Duration::from_millis(ms as u64));
        let response = self.runtime.block_on(async {
            // A client per call: dropping the answer closes its connection, as a caller who leaves does.
            let client = Client::builder(TokioExecutor::new()).build_http();
            tokio::time::timeout(patience, client.request(request)).await
        });
        let response = response.map_err(|_| fail("cancelled", "the caller left"))?;
        let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
        Ok(Answer(head, body, Vec::new()))
    }

    /// Reads until `enough` says so or the body ends; trailers join the headers.
    fn read(&self, answer: &mut Answer, enough: impl Fn(&[u8]) -> bool) -> Value {
        let Answer(head, body, read) = answer;
        let (broken, cancelled) = self.runtime.block_on(async {
            loop {
                if enough(read) {
                    return (false, true);
                }
                match body.frame().await.map(|frame| frame.map(Frame::into_data)) {
                    None => return (false, false),
                    Some(Err(_)) => return (true, false),
                    Some(Ok(Ok(data))) => read.extend_from_slice(&data),
                    Some(Ok(Err(frame))) => {
                        head.headers
                            .extend(frame.into_trailers().unwrap_or_default());
                    }
                }
            }
        });
        json!({ "http": {
            "status": head.status.as_u16(), "headers": headers_json(&head.headers),
            "body": String::from_utf8_lossy(read), "broken": broken, "cancelled": cancelled,
        } })
    }
}
