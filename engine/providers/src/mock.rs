//! Scripted providers: answers in a vendor's own shape, without a network.

mod anthropic;
mod embed;
mod openai;
mod playback;
mod session;
#[cfg(test)]
mod tests;
pub(crate) mod translated;

use std::{
    fmt,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use tidegate_types::{
    Dialect, Segments,
    config::{Mock, MockReply},
    json::{Outline, quote},
};

use crate::{
    dialect::stream_type,
    socket::SocketLimits,
    transport::{
        BodyStream, HttpRequest, HttpResponse, Opening, Sending, Transport, TransportError,
    },
};
use playback::Playback;

/// What a provider without a script says.
const FRIENDLY: &str = "Hello from the mock provider. No vendor was called and no money was spent.";

/// The moment every scripted answer was created, as a Unix time: scripts do not read the clock.
const CREATED: &str = "1767225600";

/// Answers like a vendor of one dialect, from a script.
///
/// Replies are given in turn and the last one repeats. The same requests in the same order get the
/// same bytes. Lists of models are answered without using up a reply.
#[derive(Clone)]
pub struct MockTransport(Arc<Script>);

struct Script {
    dialect: Dialect,
    replies: Vec<Reply>,
    next: AtomicUsize,
}

/// A reply with everything done that does not depend on the request.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    stream_headers: HeaderMap,
    content: Content,
    delay: Option<Duration>,
    pace: Option<Duration>,
    cut_after: Option<usize>,
    input_tokens: Option<u64>,
    output_tokens: u64,
}

enum Content {
    /// A body given in the script, sent as it is.
    Verbatim(Bytes),
    /// A refusal in the vendor's shape; the same bytes each time.
    Refusal(Bytes),
    /// An answer to whatever was asked: the text as a JSON string without its quotes, whole and
    /// word by word.
    Text { whole: Vec<u8>, words: Vec<Vec<u8>> },
}

/// What of a request an answer depends on.
#[derive(Clone)]
struct Asked {
    /// The model as it stands in the request, a JSON string with quotes.
    model: Vec<u8>,
    stream: bool,
    include_usage: bool,
    input_tokens: u64,
}

/// An answer about to be written.
struct Answer<'a> {
    serial: usize,
    asked: &'a Asked,
    input_tokens: u64,
    output_tokens: u64,
    whole: &'a [u8],
    words: &'a [Vec<u8>],
}

impl MockTransport {
    /// A provider of `dialect` that follows `script`.
    pub fn new(dialect: Dialect, script: &Mock) -> Self {
        let friendly = [MockReply::default()];
        let replies: &[_] = if script.replies.is_empty() {
            &friendly
        } else {
            &script.replies
        };
        Self(Arc::new(Script {
            dialect,
            replies: replies
                .iter()
                .map(|reply| Reply::new(dialect, reply))
                .collect(),
            next: AtomicUsize::new(0),
        }))
    }
}

impl Transport for MockTransport {
    fn send(&self, request: HttpRequest) -> Sending {
        let path = request.uri.path();
        if request.method == http::Method::GET && path.ends_with("/models") {
            let body = match self.0.dialect {
                Dialect::Anthropic => anthropic::MODELS,
                Dialect::Cohere => translated::COHERE_MODELS,
                Dialect::Gemini => translated::GEMINI_MODELS,
                _ => openai::MODELS,
            };
            let headers = typed("application/json");
            return Box::pin(ready(Ok(response(
                StatusCode::OK,
                headers,
                Bytes::from(body).into(),
            ))));
        }
        let serial = self.0.next.fetch_add(1, Ordering::Relaxed);
        let Some(reply) = self.0.replies.get(serial).or(self.0.replies.last()) else {
            let text = "the script is empty".to_owned();
            return Box::pin(ready(Err(TransportError::ConnectFailed(text))));
        };
        let answer = answer(self.0.dialect, reply, serial, path, &request.body);
        let Some(delay) = reply.delay else {
            return Box::pin(ready(Ok(answer)));
        };
        let limit = request.first_byte_timeout;
        Box::pin(async move {
            if delay > limit {
                tokio::time::sleep(limit).await;
                return Err(TransportError::FirstByteTimeout);
            }
            tokio::time::sleep(delay).await;
            Ok(answer)
        })
    }

    fn open(&self, request: HttpRequest, _: SocketLimits) -> Opening {
        Box::pin(ready(Ok(session::open(&self.0, &request))))
    }
}

impl Reply {
    fn new(dialect: Dialect, reply: &MockReply) -> Self {
        let status = reply
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::OK);
        let content = match (&reply.body, &reply.text) {
            (Some(serde_json::Value::String(text)), _) => Content::Verbatim(text.clone().into()),
            (Some(json), _) => Content::Verbatim(json.to_string().into()),
            (None, text) if status.as_u16() >= 400 => Content::Refusal(
                refusal(
                    dialect,
                    status,
                    text.as_deref().unwrap_or_else(|| said(status)),
                )
                .into(),
            ),
            (None, text) => {
                let text = text.as_deref().unwrap_or(FRIENDLY);
                let words = text.split_inclusive(' ').map(escape).collect();
                Content::Text {
                    whole: escape(text),
                    words,
                }
            }
        };
        let text = reply.text.as_deref().unwrap_or(FRIENDLY);
        let words = text.split_whitespace().count() as u64;
        let mut headers = match &content {
            Content::Verbatim(body) if is_event_stream(body) => typed("text/event-stream"),
            Content::Verbatim(_) | Content::Refusal(_) | Content::Text { .. } => {
                typed("application/json")
            }
        };
        let mut stream_headers = match &content {
            Content::Text { .. } if dialect == Dialect::Bedrock => typed(stream_type(dialect)),
            Content::Text { .. } => typed("text/event-stream; charset=utf-8"),
            Content::Verbatim(_) | Content::Refusal(_) => headers.clone(),
        };
        for (name, value) in &reply.headers {
            let name = HeaderName::try_from(name.as_str());
            let value = HeaderValue::try_from(value.as_str());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name.clone(), value.clone());
                stream_headers.insert(name, value);
            }
        }
        Self {
            status,
            headers,
            stream_headers,
            content,
            delay: reply.delay.map(tidegate_types::config::Duration::get),
            pace: reply.pace.map(tidegate_types::config::Duration::get),
            cut_after: reply.cut_after,
            input_tokens: reply.input_tokens,
            output_tokens: reply.output_tokens.unwrap_or(words),
        }
    }
}

/// The answer to one request.
fn answer(
    dialect: Dialect,
    reply: &Reply,
    serial: usize,
    path: &str,
    body: &Segments,
) -> HttpResponse {
    let (whole, words) = match &reply.content {
        Content::Verbatim(bytes) | Content::Refusal(bytes) => {
            let pieces = match reply.pace {
                Some(_) => playback::events(bytes),
                None => Vec::new(),
            };
            return finish(reply, &reply.headers, bytes.clone(), pieces);
        }
        Content::Text { whole, words } => (whole, words),
    };
    // A provider that speaks several formats tells them apart by the path.
    let spoken = |other: &&Dialect| translated::is_chat(**other, path);
    let dialect = if spoken(&&dialect) {
        dialect
    } else {
        *Dialect::ALL.iter().find(spoken).unwrap_or(&dialect)
    };
    let mut asked = Asked::of(body);
    // Only OpenAI's chat completions leave usage to the caller.
    asked.include_usage |= dialect != Dialect::OpenAi;
    translated::read_path(dialect, path, &mut asked);
    let answer = Answer {
        serial,
        input_tokens: reply.input_tokens.unwrap_or(asked.input_tokens),
        output_tokens: reply.output_tokens,
        asked: &asked,
        whole,
        words,
    };
    if path.ends_with("/embeddings") && dialect == Dialect::OpenAi {
        return finish(
            reply,
            &reply.headers,
            embed::reply(&answer, body).into(),
            Vec::new(),
        );
    }
    if !translated::is_chat(dialect, path) {
        let text = format!("the mock provider does not serve {path}");
        let body = refusal(dialect, StatusCode::NOT_FOUND, &text);
        return response(
            StatusCode::NOT_FOUND,
            typed("application/json"),
            Bytes::from(body).into(),
        );
    }
    let mut out = Vec::with_capacity(512 + whole.len());
    if asked.stream {
        let mut ends = Vec::with_capacity(words.len() + 8);
        match dialect {
            Dialect::Anthropic => anthropic::stream(&answer, &mut out, &mut ends),
            Dialect::OpenAi => openai::stream(&answer, &mut out, &mut ends),
            _ => translated::stream(dialect, &answer, &mut out, &mut ends),
        }
        return finish(reply, &reply.stream_headers, out.into(), ends);
    }
    match dialect {
        Dialect::Anthropic => anthropic::message(&answer, &mut out),
        Dialect::OpenAi => openai::completion(&answer, &mut out),
        _ => translated::reply(dialect, &answer, &mut out),
    }
    finish(reply, &reply.headers, out.into(), Vec::new())
}

/// Wraps the bytes up; `ends` says where the pieces of a stream end.
fn finish(reply: &Reply, headers: &HeaderMap, body: Bytes, ends: Vec<usize>) -> HttpResponse {
    let mut headers = headers.clone();
    let plain = ends.is_empty() && reply.cut_after.is_none();
    if ends.is_empty() && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let body = if plain {
        BodyStream::from(body)
    } else {
        BodyStream::new(Playback::new(body, ends, reply.pace, reply.cut_after))
    };
    response(reply.status, headers, body)
}

fn response(status: StatusCode, headers: HeaderMap, body: BodyStream) -> HttpResponse {
    HttpResponse {
        status,
        headers,
        body,
    }
}

fn typed(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers
}

fn refusal(dialect: Dialect, status: StatusCode, text: &str) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::refusal(status, text),
        Dialect::OpenAi | Dialect::Responses => openai::refusal(status, text),
        _ => translated::refusal(dialect, status, text),
    }
}

/// A vendor-like sentence for a status without a text.
fn said(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Incorrect API key provided.",
        403 => "You are not allowed to do this.",
        404 => "The model does not exist or you do not have access to it.",
        413 => "The request is too large.",
        429 => "Rate limit reached.",
        503 | 529 => "Overloaded.",
        400..=499 => "The request is invalid.",
        _ => "The server had an error while processing your request.",
    }
}

fn is_event_stream(body: &[u8]) -> bool {
    [&b"data:"[..], b"event:", b":", b"id:", b"retry:"]
        .iter()
        .any(|start| body.starts_with(start))
}

/// The inside of a JSON string.
fn escape(text: &str) -> Vec<u8> {
    let mut quoted = quote(text);
    quoted.pop();
    quoted.drain(..1.min(quoted.len()));
    quoted
}

impl Asked {
    fn of(body: &Segments) -> Self {
        let keys = ["model", "stream", "stream_options"];
        let mut asked = Self {
            model: b"\"mock\"".to_vec(),
            stream: false,
            include_usage: false,
            input_tokens: (body.len() as u64 / 4).max(1),
        };
        let Ok(outline) = Outline::of(body, &keys) else {
            return asked;
        };
        let value = |key| {
            outline
                .last(key)
                .map(|member| body.slice(member.value.clone()))
        };
        if let Some(model) = value("model").filter(|model| model.starts_with(b"\"")) {
            asked.model.clear();
            asked.model.extend_from_slice(&model);
        }
        asked.stream = value("stream").is_some_and(|stream| *stream == *b"true");
        asked.include_usage = value("stream_options").is_some_and(|options| {
            let options: Option<serde_json::Value> = serde_json::from_slice(&options).ok();
            options.is_some_and(|options| options["include_usage"] == true)
        });
        asked
    }
}

impl Answer<'_> {
    /// An id in the vendors' manner: `prefix` and 24 letters and digits, different for each answer.
    fn id(&self, prefix: &str, out: &mut Vec<u8>) {
        const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        out.extend_from_slice(prefix.as_bytes());
        let mut state = self.serial as u64;
        for _ in 0..3 {
            // SplitMix64: neighbouring serials give ids that look nothing alike.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^= bits >> 31;
            for _ in 0..8 {
                out.push(SIGNS[(bits % 62) as usize]);
                bits /= 62;
            }
        }
    }
}

/// Appends pieces of JSON: text as it stands, numbers in decimal.
macro_rules! write_json {
    ($out:expr, $($piece:expr),+ $(,)?) => {
        $($crate::mock::Piece::write($piece, $out);)+
    };
}
use write_json;

/// Something [`write_json!`] can append.
trait Piece {
    fn write(self, out: &mut Vec<u8>);
}

impl Piece for &str {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Piece for &[u8] {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl Piece for u64 {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl fmt::Debug for MockTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MockTransport({})", self.0.dialect.as_str())
    }
}
