//! The HTTP face: boots `tidegate serve` and speaks HTTP to it. What the answers mean to a native
//! client is the runner's to read.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::{Face, boot::Server, fail, headers_json, headers_of, hello, request_of};

const CAPABILITIES: &str =
    "call http stream hold cancel headers reload health text path env server";

#[derive(Default)]
pub(crate) struct Http {
    runtime: Option<Runtime>,
    server: Option<Server>,
    held: Option<Answer>,
}

/// An answer whose body is read piece by piece.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    read: Vec<u8>,
}

impl Face for Http {
    fn perform(&mut self, op: &str, fields: &Value) -> Value {
        match op {
            "hello" => hello("http", CAPABILITIES),
            "open" => {
                (self.held, self.server) = (None, None);
                match Server::start(fields) {
                    Ok(server) => self.server = Some(server),
                    Err(problem) => return problem,
                }
                json!({ "ok": {} })
            }
            "reload" => self.server.as_ref().map_or_else(
                || fail("closed", op),
                |server| server.reload(&fields["config"]),
            ),
            "health" => self.exchange(&json!({ "op": "http", "target": "/healthz" })),
            "call" | "http" => self.exchange(fields),
            "drop" => {
                self.held = None;
                json!({ "ok": {} })
            }
            "rest" => match self.held.take() {
                Some(mut answer) => self.read(&mut answer, |_| false),
                None => fail("driver_failed", "no answer is held"),
            },
            other => fail("unknown_op", other),
        }
    }
}

impl Http {
    fn exchange(&mut self, fields: &Value) -> Value {
        let mut answer = match self.send(fields) {
            Ok(answer) => answer,
            Err(problem) => return fail("driver_failed", problem),
        };
        let count = |name: &str| fields[name].as_u64().map(|count| count as usize);
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

    fn send(&mut self, fields: &Value) -> Result<Answer, String> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(
                Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .map_err(|error| error.to_string())?,
            ),
        };
        let (method, target, body) = request_of(fields);
        let url = &self.server.as_ref().ok_or("no server is open")?.url;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        // An SDK over HTTP has the drop-in prefix where it would have the vendor's host.
        let path = target
            .replacen("https://api.", "/", 1)
            .replacen(".com/", "/", 1);
        *request.uri_mut() = format!("{url}{path}").parse().map_err(|_| path)?;
        *request.headers_mut() = headers_of(fields);
        if let Some(key) = fields["key"].as_str() {
            let value = format!("Bearer {key}").parse().map_err(|_| key)?;
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, value);
        }
        // A client per call: dropping the answer closes its connection, as a caller who leaves does.
        let response = runtime.block_on(async {
            Client::builder(TokioExecutor::new())
                .build_http()
                .request(request)
                .await
        });
        let (head, body) = response.map_err(|error| format!("{error:?}"))?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            read: Vec::new(),
        })
    }

    /// Reads until `enough` says so or the body ends; trailers join the headers.
    fn read(&self, answer: &mut Answer, enough: impl Fn(&[u8]) -> bool) -> Value {
        let Some(runtime) = &self.runtime else {
            return fail("driver_failed", "nothing is open");
        };
        let (broken, cancelled) = runtime.block_on(async {
            loop {
                if enough(&answer.read) {
                    return (false, true);
                }
                match answer.body.frame().await {
                    None => return (false, false),
                    Some(Err(_)) => return (true, false),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => answer.read.extend_from_slice(&data),
                        Err(frame) => answer
                            .headers
                            .extend(frame.into_trailers().unwrap_or_default()),
                    },
                }
            }
        });
        json!({ "http": {
            "status": answer.status.as_u16(), "headers": headers_json(&answer.headers),
            "body": String::from_utf8_lossy(&answer.read), "broken": broken, "cancelled": cancelled,
        } })
    }
}
