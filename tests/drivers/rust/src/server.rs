//! The HTTP face: boots `tidegate serve` and speaks HTTP to it.

use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::{Face, endpoint, facts, headers_json, headers_of, unknown};

const CAPABILITIES: &[&str] = &[
    "call", "http", "stream", "hold", "cancel", "headers", "health", "text", "path", "env",
    "server",
];
/// How long the server may take to start.
const START: Duration = Duration::from_secs(10);

pub(crate) struct Http {
    runtime: Option<Runtime>,
    server: Option<(Child, String)>,
    held: Option<Stream>,
}

/// An answer whose body is read piece by piece.
struct Stream {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
}

/// How reading ended.
enum End {
    Complete,
    Broken,
    Enough,
}

impl Default for Http {
    fn default() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .ok();
        Self {
            runtime,
            server: None,
            held: None,
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Face for Http {
    fn perform(&mut self, op: &str, fields: &Value) -> Value {
        match op {
            "hello" => json!({ "ok": {
                "surface": "http", "version": tidegate::VERSION, "capabilities": CAPABILITIES,
            } }),
            "open" => {
                self.stop();
                self.start(fields)
            }
            "call" => self.call(fields),
            "http" => self.http(fields),
            "health" => match self.send(Method::GET, "/healthz", fields, String::new()) {
                Ok(mut stream) => {
                    self.read(&mut stream, |_| false);
                    json!({ "ok": { "status": stream.status.as_u16() } })
                }
                Err(error) => broken(&error),
            },
            "drop" => {
                self.held = None;
                json!({ "ok": {} })
            }
            "rest" => match self.held.take() {
                Some(mut stream) => {
                    let end = self.read(&mut stream, |_| false);
                    chunks(&stream, &end, usize::MAX)
                }
                None => unknown("rest without hold"),
            },
            other => unknown(other),
        }
    }
}

impl Http {
    fn stop(&mut self) {
        self.held = None;
        if let Some((mut child, _)) = self.server.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn start(&mut self, fields: &Value) -> Value {
        let file = |ending: &str, text: &str| -> std::io::Result<PathBuf> {
            let name = format!("tidegate-driver-{}.{ending}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let config = match (
            &fields["config"],
            fields["text"].as_str(),
            fields["path"].as_str(),
        ) {
            (_, _, Some(path)) => Some(PathBuf::from(path)),
            (_, Some(text), _) => file(fields["format"].as_str().unwrap_or("yaml"), text).ok(),
            (Value::Object(_), _, _) => file("json", &fields["config"].to_string()).ok(),
            _ => None,
        };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
        let Ok(addr) = port else {
            return unknown("no port is free");
        };
        let mut command =
            Command::new(std::env::var_os("TIDEGATE_BIN").unwrap_or("tidegate".into()));
        command.args(["serve", "--listen", &addr.to_string()]);
        if let Some(path) = config {
            command.arg("--config").arg(path);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            return unknown("tidegate does not start");
        };
        let started = Instant::now();
        loop {
            if TcpStream::connect(addr).is_ok() {
                self.server = Some((child, format!("http://{addr}")));
                return json!({ "ok": {} });
            }
            if !matches!(child.try_wait(), Ok(None)) || started.elapsed() > START {
                drop(child.kill());
                let mut words = String::new();
                drop(
                    child
                        .stderr
                        .take()
                        .map(|mut errors| errors.read_to_string(&mut words)),
                );
                // The command line shows errors as the library does: `message [4101 invalid_config]`.
                let slug = words
                    .rsplit_once('[')
                    .and_then(|(_, rest)| rest.split([' ', ']']).nth(1));
                return json!({ "error": { "slug": slug, "message": words } });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn send(
        &self,
        method: Method,
        target: &str,
        fields: &Value,
        body: String,
    ) -> Result<Stream, String> {
        let (Some(runtime), Some((_, base))) = (&self.runtime, &self.server) else {
            return Err("no server is open".to_owned());
        };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        let url = match target.strip_prefix("https://api.") {
            Some(rest) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                format!("{base}/{}/{path}", host.trim_end_matches(".com"))
            }
            None => format!("{base}{target}"),
        };
        *request.uri_mut() = url.parse().map_err(|_| format!("{url} is no URL"))?;
        *request.headers_mut() = headers_of(fields);
        if let Some(key) = fields["key"]
            .as_str()
            .and_then(|key| format!("Bearer {key}").parse().ok())
        {
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, key);
        }
        let response = runtime.block_on(async {
            // A client per call: dropping its stream closes the connection, as a caller who leaves does.
            let client = Client::builder(TokioExecutor::new()).build_http();
            client
                .request(request)
                .await
                .map_err(|error| format!("{error:?}"))
        })?;
        let (parts, body) = response.into_parts();
        Ok(Stream {
            status: parts.status,
            headers: parts.headers,
            body,
            buffer: Vec::new(),
        })
    }

    /// Reads until `enough` says so or the body ends; trailers join the headers.
    fn read(&self, stream: &mut Stream, enough: impl Fn(&[u8]) -> bool) -> End {
        let Some(runtime) = &self.runtime else {
            return End::Broken;
        };
        runtime.block_on(async {
            loop {
                if enough(&stream.buffer) {
                    return End::Enough;
                }
                match stream.body.frame().await {
                    None => return End::Complete,
                    Some(Err(_)) => return End::Broken,
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => stream.buffer.extend_from_slice(&data),
                        Err(frame) => drop(
                            frame
                                .into_trailers()
                                .map(|more| stream.headers.extend(more)),
                        ),
                    },
                }
            }
        })
    }

    fn call(&mut self, fields: &Value) -> Value {
        let (method, target) = endpoint(fields);
        let body = if method == Method::GET {
            String::new()
        } else {
            fields["request"].to_string()
        };
        let mut stream = match self.send(method, target, fields, body) {
            Ok(stream) => stream,
            Err(error) => return broken(&error),
        };
        let limit = |name: &str| fields[name].as_u64().map(|count| count as usize);
        let kind = stream
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        if !stream.status.is_success()
            || kind.is_none_or(|kind| !kind.starts_with("text/event-stream"))
        {
            self.read(&mut stream, |_| false);
            return complete(&stream);
        }
        let most = limit("cancel_after_chunks")
            .or(limit("hold"))
            .unwrap_or(usize::MAX);
        let end = self.read(&mut stream, |bytes| {
            most < usize::MAX && datas(bytes).count() >= most
        });
        let mut reply = chunks(&stream, &end, most);
        if limit("cancel_after_chunks").is_some() {
            reply["ok"]["cancelled"] = true.into();
        } else if limit("hold").is_some() {
            reply["ok"]["held"] = true.into();
            self.held = Some(stream);
        }
        reply
    }

    fn http(&self, fields: &Value) -> Value {
        let method = fields["method"]
            .as_str()
            .and_then(|method| method.parse().ok());
        let body = fields["body"].as_str().unwrap_or_default().to_owned();
        let target = fields["target"].as_str().unwrap_or_default();
        let mut stream = match self.send(method.unwrap_or(Method::GET), target, fields, body) {
            Ok(stream) => stream,
            Err(error) => return broken(&error),
        };
        let most = fields["cancel_after_bytes"].as_u64();
        let end = self.read(&mut stream, |bytes| {
            most.is_some_and(|most| bytes.len() as u64 >= most)
        });
        json!({ "ok": {
            "status": stream.status.as_u16(), "headers": headers_json(&stream.headers),
            "body": String::from_utf8_lossy(&stream.buffer),
            "broken": matches!(end, End::Broken), "cancelled": matches!(end, End::Enough),
        } })
    }
}

fn broken(message: &str) -> Value {
    json!({ "error": { "slug": "no_answer", "message": message } })
}

/// The JSON payloads of the complete events.
fn datas(bytes: &[u8]) -> impl Iterator<Item = Value> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]).to_owned();
    let blocks: Vec<String> = whole.split("\n\n").map(str::to_owned).collect();
    blocks.into_iter().filter_map(|block| {
        let lines = block.lines().filter_map(|line| line.strip_prefix("data:"));
        serde_json::from_str(&lines.collect::<Vec<_>>().join("\n")).ok()
    })
}

/// Chunks up to an error event, which ends a broken stream.
fn chunks(stream: &Stream, end: &End, most: usize) -> Value {
    let mut found = Vec::new();
    for data in datas(&stream.buffer).take(most) {
        if data["error"].is_object() {
            let error = &data["error"];
            let slug = error["code"].as_str().unwrap_or("stream_failed");
            let error =
                json!({ "slug": slug, "message": error["message"], "status": status_of(slug) });
            return json!({ "error": error, "chunks": found });
        }
        found.push(data);
    }
    if matches!(end, End::Broken) {
        return json!({ "error": { "slug": "broken" }, "chunks": found });
    }
    json!({ "ok": { "chunks": found, "gateway": facts(&stream.headers) } })
}

fn status_of(slug: &str) -> Option<u16> {
    tidegate::Code::from_slug(slug).map(|code| code.status().as_u16())
}

fn complete(stream: &Stream) -> Value {
    let body: Value = serde_json::from_slice(&stream.buffer).unwrap_or_default();
    if stream.status.is_success() {
        return json!({ "ok": { "body": body, "gateway": facts(&stream.headers) } });
    }
    let text = |name: &str| {
        stream
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let slug = text("x-tidegate-error").and_then(|value| value.split(' ').nth(1));
    let number = |name: &str| text(name).and_then(|value| value.parse::<f64>().ok());
    json!({ "error": {
        "slug": slug, "status": stream.status.as_u16(), "message": body["error"]["message"],
        "param": body["error"]["param"], "retry_after": number("retry-after"),
        "attempts": number("x-tidegate-attempts"),
    } })
}
