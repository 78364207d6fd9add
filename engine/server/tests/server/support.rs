//! A server per test, clients that speak raw bytes, and an upstream that does.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};
use tidegate::bridge::{Engine, Source};
use tidegate_server::{ServeOptions, Server, ServerHandle};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Served {
    pub(crate) engine: Engine,
    pub(crate) handle: ServerHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.stop(Some(Duration::ZERO));
    }
}

impl Served {
    pub(crate) fn address(&self) -> &str {
        self.handle.addr().split_once("://").expect("a URL").1
    }

    /// Waits until no call runs any more.
    pub(crate) async fn quiet(&self) {
        let gateway = self.engine.gateway().expect("an engine of its own");
        let quiet = async {
            while gateway.running() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, quiet).await.expect("every call ends");
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(self.address())
            .await
            .expect("the server listens");
        Client::new(stream)
    }
}

/// A server of `config` on a free port.
pub(crate) fn serve(config: Value) -> Served {
    serve_at(config, "127.0.0.1:0")
}

pub(crate) fn serve_at(config: Value, listen: &str) -> Served {
    let engine = Engine::open(Source::Value(config)).expect("a good configuration");
    let options = ServeOptions {
        listen: Some(listen.to_owned()),
        threads: Some(2),
    };
    let handle = Server::start(&engine, options).expect("a free port");
    Served { engine, handle }
}

/// A configuration with one scripted provider, called `mock`.
pub(crate) fn scripted(dialect: &str, replies: &Value) -> Value {
    json!({ "providers": { "mock": {
        "dialect": dialect,
        "prices": { "*": { "input": 1, "output": 2 } },
        "mock": { "replies": replies },
    } } })
}

/// A configuration with one provider at `address`, called `up`.
pub(crate) fn pointed_at(address: &str) -> Value {
    json!({ "providers": { "up": {
        "dialect": "openai",
        "base_url": format!("http://{address}/v1"),
        "prices": { "*": { "input": 1, "output": 2 } },
    } } })
}

/// A chat request of this model.
pub(crate) fn chat(model: &str, stream: bool) -> String {
    let message = json!({ "role": "user", "content": "hi" });
    json!({ "model": model, "messages": [message], "stream": stream }).to_string()
}

pub(crate) fn post(path: &str, body: &str) -> String {
    post_with(path, &[], body)
}

pub(crate) fn post_with(path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").expect("memory");
    }
    text + "\r\n" + body
}

/// The sending end of raw HTTP/1.1.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    seen: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The trailer section of a chunked body.
    pub(crate) trailers: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            seen: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream
            .write_all(text.as_bytes())
            .await
            .expect("the server reads");
    }

    pub(crate) async fn ask(&mut self, text: &str) -> Answer {
        self.send(text).await;
        self.answer().await
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await;
        read.expect("bytes in time").unwrap_or(0) > 0
    }

    /// Takes everything up to and including `mark`.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        loop {
            let found = self
                .seen
                .windows(mark.len())
                .position(|window| window == mark.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.seen.drain(..at + mark.len()).collect();
                return String::from_utf8(taken).expect("text");
            }
            assert!(
                self.more().await,
                "closed before {mark:?}, after {:?}",
                self.seen.escape_ascii().to_string()
            );
        }
    }

    async fn exactly(&mut self, count: usize) -> String {
        while self.seen.len() < count {
            assert!(self.more().await, "closed too early");
        }
        String::from_utf8(self.seen.drain(..count).collect()).expect("text")
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status = head
            .get(9..12)
            .and_then(|code| code.parse().ok())
            .expect("a status");
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
            trailers: String::new(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                answer.body.push_str(&chunk);
            }
            loop {
                match self.until("\r\n").await.as_str() {
                    "\r\n" => break,
                    line => answer.trailers.push_str(line),
                }
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().expect("a number");
            answer.body = self.exactly(length).await;
        }
        answer
    }

    /// The next chunk of a chunked body; `None` for the last.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        if size == 0 {
            return None;
        }
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, "\r\n");
        Some(chunk)
    }

    /// Waits until the server closes.
    pub(crate) async fn closed(&mut self) {
        while self.more().await {}
    }
}

/// An upstream whose side of the wire the test plays.
pub(crate) struct Upstream {
    listener: TcpListener,
    pub(crate) address: String,
}

impl Upstream {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        Self { listener, address }
    }

    /// The next request, read whole, and the connection it came on.
    pub(crate) async fn request(&self) -> (Client<TcpStream>, String) {
        let accepted = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("a call in time");
        let mut peer = Client::new(accepted.expect("a connection").0);
        let head = peer.head().await;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        let body = peer.exactly(length).await;
        (peer, body)
    }
}

pub(crate) fn completion(text: &str) -> String {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    })
    .to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One event of a streamed completion, as a chunk of the body.
pub(crate) fn event(text: &str) -> String {
    let data = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }],
    });
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// The end of a streamed completion.
pub(crate) const STREAM_END: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
