//! A vendor that fails in one way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a healthy answer says, token by token.
pub(super) const WORDS: [&str; 6] = ["one", " two", " three", " four", " five", " six"];

/// How a vendor fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not.
    None,
    /// Nothing listens.
    Refused,
    /// What should be TLS is not.
    Tls,
    /// The connection closes without an answer.
    HangUp,
    /// No answer begins.
    SlowHead,
    /// The head comes and nothing else.
    Silent,
    /// After half of the answer nothing more comes.
    Stall,
    /// After half of the answer the connection is reset.
    Reset,
    /// The connection ends within a chunk.
    Truncated,
    /// An error where an answer is due; in a stream after half of it.
    ErrorInside,
    /// A status.
    Status(u16),
    /// No HTTP.
    Garbage,
    /// 429, with or without the seconds to wait.
    Limited(Option<u32>),
    /// One of the keys is refused.
    PoisonedKey,
    /// Every other answer is an error.
    Flapping,
}

impl Fault {
    /// Whether a stream fails after its first content.
    pub(super) fn after_content(self) -> bool {
        matches!(
            self,
            Self::Stall | Self::Reset | Self::Truncated | Self::ErrorInside
        )
    }
}

/// A vendor on a port of its own.
pub(super) struct Peer {
    pub(super) address: String,
    requests: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a request that is being answered.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Peer {
    pub(super) async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if fault == Fault::Tls { "https" } else { "http" };
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let busy = Arc::new(AtomicUsize::new(0));
        let (counted, held) = (Arc::clone(&requests), Arc::clone(&busy));
        let task = if fault == Fault::Refused {
            drop(listener);
            tokio::spawn(std::future::ready(()))
        } else {
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (counted, held) = (Arc::clone(&counted), Arc::clone(&held));
                    tokio::spawn(async move { converse(stream, fault, &counted, &held).await });
                }
            })
        };
        Self {
            address,
            requests,
            busy,
            task,
        }
    }

    /// Requests received so far.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until nobody is being answered any more: callers that gave up have closed.
    pub(super) async fn idle(&self, name: &str) {
        for _ in 0..200 {
            if self.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{name}: a connection is still open");
    }
}

/// Answers the requests of one connection. `None` ends it.
async fn converse(
    mut stream: TcpStream,
    fault: Fault,
    requests: &Arc<AtomicUsize>,
    busy: &Arc<AtomicUsize>,
) -> Option<()> {
    if fault == Fault::Tls {
        let _ = stream.write_all(b"this is no TLS\r\n\r\n").await;
        return None;
    }
    loop {
        let (head, body) = request(&mut stream).await?;
        let number = requests.fetch_add(1, Ordering::SeqCst);
        busy.fetch_add(1, Ordering::SeqCst);
        let _busy = Busy(Arc::clone(busy));
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let asked = Asked {
            streams: body["stream"] == true,
            from: said(&body),
        };
        let fault = match fault {
            Fault::Flapping if number.is_multiple_of(2) => Fault::Status(500),
            Fault::PoisonedKey if head.contains("bad-key") => Fault::Status(401),
            Fault::Flapping | Fault::PoisonedKey => Fault::None,
            other => other,
        };
        answer(&mut stream, fault, &asked).await?;
    }
}

/// What a request wants.
struct Asked {
    streams: bool,
    /// How many words were said before.
    from: usize,
}

/// How many words a request that goes on with a broken answer already has.
fn said(body: &Value) -> usize {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let begun = messages
        .iter()
        .rfind(|message| message["role"] == "assistant");
    let begun = begun
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default();
    (0..=WORDS.len())
        .find(|count| WORDS[..*count].concat() == begun)
        .unwrap_or(0)
}

async fn answer(stream: &mut TcpStream, fault: Fault, asked: &Asked) -> Option<()> {
    match fault {
        Fault::HangUp => None,
        Fault::SlowHead => silence(stream).await,
        Fault::Garbage => {
            let _ = stream.write_all(b"\x16\x03\x01 what?\r\n\r\n").await;
            None
        }
        Fault::Status(status) => refuse(stream, status, "").await,
        Fault::Limited(None) => refuse(stream, 429, "").await,
        Fault::Limited(Some(seconds)) => {
            refuse(stream, 429, &format!("retry-after: {seconds}\r\n")).await
        }
        Fault::ErrorInside if !asked.streams => {
            let body = json!({ "error": { "message": "overloaded" } });
            complete(stream, &body.to_string()).await
        }
        _ if asked.streams => events(stream, fault, asked).await,
        _ => whole(stream, fault, asked).await,
    }
}

async fn events(stream: &mut TcpStream, fault: Fault, asked: &Asked) -> Option<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    if fault == Fault::Silent {
        return silence(stream).await;
    }
    let words = &WORDS[asked.from..];
    for (index, word) in words.iter().enumerate() {
        if fault.after_content() && index == 2 {
            return break_off(stream, fault).await;
        }
        event(stream, &delta(&json!({ "content": word }), None)).await?;
    }
    event(stream, &delta(&json!({}), Some("stop"))).await?;
    let usage = json!({
        "prompt_tokens": 10, "completion_tokens": words.len(), "total_tokens": 10 + words.len(),
    });
    event(
        stream,
        &json!({ "choices": [], "usage": usage }).to_string(),
    )
    .await?;
    event(stream, "[DONE]").await?;
    stream.write_all(b"0\r\n\r\n").await.ok()
}

/// The middle of an answer, where it fails.
async fn break_off(stream: &mut TcpStream, fault: Fault) -> Option<()> {
    match fault {
        Fault::Stall => silence(stream).await,
        Fault::Truncated => {
            let _ = stream.write_all(b"40\r\ndata: {\"choi").await;
            None
        }
        Fault::ErrorInside => {
            event(
                stream,
                &json!({ "error": { "message": "overloaded" } }).to_string(),
            )
            .await?;
            None
        }
        _ => {
            // Bytes must have arrived before the reset discards what is under way.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.set_zero_linger();
            None
        }
    }
}

async fn whole(stream: &mut TcpStream, fault: Fault, asked: &Asked) -> Option<()> {
    let words = &WORDS[asked.from..];
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": words.concat() }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": words.len(), "total_tokens": 10 + words.len() },
    })
    .to_string();
    if fault == Fault::None {
        return complete(stream, &body).await;
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    if fault == Fault::Silent {
        return silence(stream).await;
    }
    let half = &body[..body.len() / 2];
    let chunk = format!("{:x}\r\n{half}\r\n", half.len());
    stream.write_all(chunk.as_bytes()).await.ok()?;
    break_off(stream, fault).await
}

async fn complete(stream: &mut TcpStream, body: &str) -> Option<()> {
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.ok()
}

async fn refuse(stream: &mut TcpStream, status: u16, header: &str) -> Option<()> {
    let body = json!({ "error": { "message": "no" } }).to_string();
    let text = format!(
        "HTTP/1.1 {status} No\r\n{header}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.ok()
}

fn delta(delta: &Value, finish: Option<&str>) -> String {
    json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
    .to_string()
}

async fn event(stream: &mut TcpStream, data: &str) -> Option<()> {
    let event = format!("data: {data}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    stream.write_all(chunk.as_bytes()).await.ok()
}

/// Says nothing until the client leaves.
async fn silence(stream: &mut TcpStream) -> Option<()> {
    let mut rest = Vec::new();
    while stream.read_buf(&mut rest).await.ok()? > 0 {}
    None
}

/// The next request, whole.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    loop {
        if let Some(at) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..at]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            let end = at + 4 + length.unwrap_or(0);
            while seen.len() < end {
                (stream.read_buf(&mut seen).await.ok()? > 0).then_some(())?;
            }
            return Some((head, seen[at + 4..end].to_vec()));
        }
        (stream.read_buf(&mut seen).await.ok()? > 0).then_some(())?;
    }
}
