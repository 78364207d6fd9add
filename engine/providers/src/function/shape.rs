//! The transport before a function: its answers become those of a vendor.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tidegate_types::{Dialect, Usage, chat::Json, json::quote};

use super::{
    Answer, Failure, FunctionRequest, Functions, Piece, Pieces, Said, ask, asked::Asked, fold,
    panicked,
};
use crate::{
    dialect::{
        StreamTranslator, codec::Framing, framing, stream_type, translate_error, translate_response,
    },
    event_stream::write_frame,
    mock::translated::is_chat,
    sse::SseEvent,
    transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport, TransportError},
};

/// Bytes of text per token, where a dialect always reports usage and the function gives none.
const BYTES_PER_TOKEN: u64 = 4;

/// Asks a function instead of the network.
#[derive(Clone)]
pub struct FunctionTransport(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    dialect: Dialect,
    functions: Functions,
    now: Box<dyn Fn() -> u64 + Send + Sync>,
    serial: AtomicU64,
}

impl std::fmt::Debug for FunctionTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FunctionTransport({})", self.0.name)
    }
}

impl FunctionTransport {
    /// A provider of `dialect` that is the function `name` of the list, looked up at each call.
    /// `now` gives the time in seconds since 1970, for answers that are made from mere text.
    pub fn new(
        name: &str,
        dialect: Dialect,
        functions: Functions,
        now: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            name: Arc::from(name),
            dialect,
            functions,
            now: Box::new(now),
            serial: AtomicU64::new(0),
        }))
    }
}

impl Transport for FunctionTransport {
    fn send(&self, request: HttpRequest) -> Sending {
        let shared = &self.0;
        let Some(function) = shared.functions.get(&shared.name) else {
            let text = format!("no function is registered under the name {:?}", shared.name);
            return Box::pin(ready(Err(TransportError::ConnectFailed(text))));
        };
        let path = request.uri.path().to_owned();
        let asked = Asked::of(shared.dialect, &path, &request.body);
        let limit = request.first_byte_timeout;
        let shape = Shape {
            dialect: shared.dialect,
            chat: is_chat(shared.dialect, &path),
            embeddings: path.ends_with("/embeddings"),
            model: asked.model.clone(),
            stream: asked.stream,
            include_usage: asked.include_usage,
            id: format!(
                "chatcmpl-{}-{}",
                shared.name,
                shared.serial.fetch_add(1, Ordering::Relaxed)
            ),
            created: (shared.now)(),
            input: (request.body.len() as u64).div_ceil(BYTES_PER_TOKEN),
            limit,
        };
        let question = FunctionRequest {
            name: Arc::clone(&shared.name),
            dialect: shared.dialect,
            path,
            model: asked.model,
            stream: asked.stream,
            headers: request.headers,
            body: request.body.to_bytes(),
            timeout: limit,
        };
        Box::pin(async move {
            let answer = within(limit, ask(&*function, question)).await?;
            let outcome = match answer {
                Ok(Answer::Whole(piece)) => shape.whole(piece),
                Ok(Answer::Stream(pieces)) => shape.pieces(pieces).await?,
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(response) => Ok(response),
                Err(Failure::Lost(text)) => Err(TransportError::ConnectionLost(text)),
                Err(Failure::Refused {
                    status,
                    message,
                    retry_after,
                }) => Ok(refusal(shape.dialect, status, &message, retry_after)),
            }
        })
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, TransportError> {
    tokio::time::timeout(limit, work)
        .await
        .map_err(|_| TransportError::FirstByteTimeout)
}

/// What the answer to one request must look like.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) dialect: Dialect,
    chat: bool,
    embeddings: bool,
    pub(super) model: String,
    stream: bool,
    include_usage: bool,
    id: String,
    pub(super) created: u64,
    /// Tokens of the prompt, for dialects that always report usage.
    input: u64,
    limit: Duration,
}

impl Shape {
    /// An answer given all at once.
    fn whole(&self, piece: Piece) -> Result<HttpResponse, Failure> {
        let said = piece.read();
        let (text, usage) = match said {
            Said::Dialect(body) if !(self.chat && self.stream) => {
                return Ok(json_response(self.document(body)?));
            }
            Said::Dialect(body) => {
                let mut out = Vec::new();
                let mut writer = Writer::new(self);
                writer.document(&body, &mut out)?;
                return Ok(stream_response(self.dialect, Bytes::from(out).into()));
            }
            Said::Text(text) => (text, None),
            Said::Both(text, usage) => (text, Some(usage)),
            Said::Usage(usage) => (String::new(), Some(usage)),
        };
        self.only_chat()?;
        if self.stream {
            let mut out = Vec::new();
            let mut writer = Writer::new(self);
            writer.usage = usage;
            writer.text(&text, &mut out);
            writer.finish(&mut out);
            return Ok(stream_response(self.dialect, Bytes::from(out).into()));
        }
        Ok(json_response(self.completion(&text, usage).into()))
    }

    /// An answer given piece by piece.
    async fn pieces(
        &self,
        mut pieces: Pieces,
    ) -> Result<Result<HttpResponse, Failure>, TransportError> {
        if let Err(failure) = self.only_chat() {
            return Ok(Err(failure));
        }
        // A failure before the first piece is a refusal still.
        let first = match within(self.limit, next(&mut pieces)).await? {
            Some(Err(failure)) => return Ok(Err(failure)),
            first => first,
        };
        let rest = stream::iter(first).chain(pieces);
        if !self.stream {
            return self.collected(rest).await;
        }
        let events = Events {
            writer: Some(Writer::new(self)),
            pieces: Box::pin(rest),
        };
        let body = stream::unfold(events, |mut events| async {
            let item = events.next().await?;
            Some((item, events))
        });
        Ok(Ok(stream_response(self.dialect, BodyStream::new(body))))
    }

    /// A stream for a caller who wants none.
    async fn collected(
        &self,
        pieces: impl futures_util::Stream<Item = Result<Piece, Failure>> + Send,
    ) -> Result<Result<HttpResponse, Failure>, TransportError> {
        let mut pieces = Box::pin(pieces);
        let mut writer = Writer::new(self);
        let (mut text, mut events) = (String::new(), Vec::new());
        while let Some(piece) = within(self.limit, next(&mut pieces)).await? {
            let piece = match piece {
                Ok(piece) => piece,
                Err(failure) => return Ok(Err(failure)),
            };
            let said = piece.read();
            if let Said::Text(more) | Said::Both(more, _) = &said {
                text.push_str(more);
            }
            if let Err(failure) = writer.push(said, &mut events) {
                return Ok(Err(failure));
            }
        }
        if !writer.dialect_chunks {
            let body = self.completion(&text, writer.usage);
            return Ok(Ok(json_response(body.into())));
        }
        writer.finish(&mut events);
        Ok(fold::document(self, events.into()).map(|body| json_response(body.into())))
    }

    /// The complete reply that says this.
    fn completion(&self, text: &str, usage: Option<Usage>) -> Vec<u8> {
        let usage = usage.or_else(|| self.counted(text.len()));
        let usage = usage.map_or_else(String::new, |usage| {
            format!(r#","usage":{}"#, tokens(usage))
        });
        let text = String::from_utf8(quote(text)).unwrap_or_default();
        let body = format!(
            r#"{{"id":{id},"object":"chat.completion","created":{created},"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant","content":{text},"refusal":null}},"logprobs":null,"finish_reason":"stop"}}]{usage}}}"#,
            id = serde_json::json!(self.id),
            created = self.created,
            model = serde_json::json!(self.model),
        );
        // Our own reply is sound: it translates.
        translate_response(
            Dialect::OpenAi,
            self.dialect,
            body.as_bytes(),
            &self.model,
            self.created,
        )
        .unwrap_or_default()
    }

    /// What the function gave as the whole body.
    fn document(&self, body: Bytes) -> Result<Bytes, Failure> {
        let parsed = Json::parse(&body).map_err(|problem| {
            Failure::refused(502, format!("the function's answer is not JSON: {problem}"))
        })?;
        if parsed.is_object() {
            return Ok(body);
        }
        let vectors: Option<Vec<Vec<f64>>> = serde_json::from_slice(&body).ok();
        let Some(vectors) = vectors.filter(|_| self.embeddings) else {
            let text = "the function's answer is neither a text nor an object";
            return Err(Failure::refused(502, text));
        };
        let data = vectors.iter().enumerate().map(|(index, vector)| {
            serde_json::json!({ "object": "embedding", "index": index, "embedding": vector })
        });
        let data: Vec<_> = data.collect();
        let usage = serde_json::json!({ "prompt_tokens": self.input, "total_tokens": self.input });
        let reply = serde_json::json!({
            "object": "list", "data": data, "model": self.model, "usage": usage,
        });
        Ok(reply.to_string().into())
    }

    /// Mere words, and streams, answer a conversation and nothing else.
    fn only_chat(&self) -> Result<(), Failure> {
        if self.chat {
            return Ok(());
        }
        let wanted = if self.embeddings {
            "a list of vectors or the reply as an object"
        } else {
            "the reply as an object"
        };
        Err(Failure::refused(
            502,
            format!("this endpoint wants {wanted} from the function"),
        ))
    }

    /// Usage for dialects that always report it; in OpenAI's a missing one is counted, and marked as
    /// an estimate, by whoever books it.
    fn counted(&self, output: usize) -> Option<Usage> {
        (self.dialect != Dialect::OpenAi).then(|| Usage {
            input: self.input,
            output: (output as u64).div_ceil(BYTES_PER_TOKEN),
            ..Usage::default()
        })
    }
}

/// The next piece; a panic is a failure.
async fn next<S>(pieces: &mut S) -> Option<Result<Piece, Failure>>
where
    S: futures_util::Stream<Item = Result<Piece, Failure>> + Unpin,
{
    let next = std::panic::AssertUnwindSafe(pieces.next()).catch_unwind();
    next.await.unwrap_or_else(|_| Some(Err(panicked())))
}

/// The events of a stream as bytes.
struct Events {
    /// Gone once the stream is over.
    writer: Option<Writer>,
    pieces: Pieces,
}

impl Events {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        let mut out = Vec::new();
        loop {
            let writer = self.writer.as_mut()?;
            let broken = match next(&mut self.pieces).await {
                Some(Ok(piece)) => writer.push(piece.read(), &mut out).err(),
                Some(Err(failure)) => Some(failure),
                None => {
                    writer.finish(&mut out);
                    self.writer = None;
                    return (!out.is_empty()).then(|| Ok(out.into()));
                }
            };
            if let Some(failure) = broken {
                self.writer = None;
                return Some(Err(TransportError::ConnectionLost(failure.to_string())));
            }
            if !out.is_empty() {
                return Some(Ok(out.into()));
            }
        }
    }
}

/// Writes a stream in the provider's dialect.
struct Writer {
    dialect: Dialect,
    /// The members every chunk of OpenAI's begins with.
    head: String,
    include_usage: bool,
    /// What turns chunks of OpenAI's into those of the dialect.
    translator: StreamTranslator,
    shape: Shape,
    usage: Option<Usage>,
    begun: bool,
    bytes: usize,
    /// Whether the function gave chunks of the dialect itself.
    dialect_chunks: bool,
}

impl Writer {
    fn new(shape: &Shape) -> Self {
        let head = format!(
            r#"{{"id":{},"object":"chat.completion.chunk","created":{},"model":{}"#,
            serde_json::json!(shape.id),
            shape.created,
            serde_json::json!(shape.model),
        );
        Self {
            dialect: shape.dialect,
            head,
            include_usage: shape.include_usage,
            translator: StreamTranslator::new(
                Dialect::OpenAi,
                shape.dialect,
                &shape.model,
                true,
                shape.created,
            ),
            shape: shape.clone(),
            usage: None,
            begun: false,
            bytes: 0,
            dialect_chunks: false,
        }
    }

    fn push(&mut self, said: Said, out: &mut Vec<u8>) -> Result<(), Failure> {
        match said {
            Said::Text(text) => self.text(&text, out),
            Said::Usage(usage) => self.usage = Some(usage),
            Said::Both(text, usage) => {
                self.usage = Some(usage);
                self.text(&text, out);
            }
            Said::Dialect(chunk) => return self.chunk(&chunk, out),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let role = if self.begun {
            ""
        } else {
            r#""role":"assistant","#
        };
        self.begun = true;
        self.bytes += text.len();
        let text = String::from_utf8(quote(text)).unwrap_or_default();
        let choices = format!(
            r#"[{{"index":0,"delta":{{{role}"content":{text}}},"logprobs":null,"finish_reason":null}}]"#
        );
        self.emit(&choices, None, out);
    }

    /// Writes a chunk of OpenAI's in the dialect.
    fn emit(&mut self, choices: &str, usage: Option<&str>, out: &mut Vec<u8>) {
        let usage = usage.map_or_else(String::new, |usage| format!(r#","usage":{usage}"#));
        let data = format!("{}{}{choices}{usage}}}", self.head, r#","choices":"#);
        self.event(data.into(), out);
    }

    fn event(&mut self, data: Bytes, out: &mut Vec<u8>) {
        let raw = Bytes::from([b"data: ", &*data, b"\n\n"].concat());
        let event = SseEvent {
            raw,
            event: None,
            data,
        };
        // Our own chunks are sound: they translate.
        let _ = self.translator.push(&event, out);
    }

    /// Frames a chunk that the function made itself.
    fn chunk(&mut self, chunk: &Bytes, out: &mut Vec<u8>) -> Result<(), Failure> {
        let bad =
            |text: &str| Failure::refused(502, format!("a chunk of the function's stream {text}"));
        let json = Json::parse(chunk).map_err(|problem| bad(&format!("is not JSON: {problem}")))?;
        if !json.is_object() {
            return Err(bad("is neither a text nor an object"));
        }
        self.dialect_chunks = true;
        if framing(self.dialect) == Framing::EventStream {
            let mut members = json.members();
            let (Some((name, payload)), None) = (members.next(), members.next()) else {
                return Err(bad("must have one member, named as its event"));
            };
            write_frame(&name.decode(), false, payload.as_str().as_bytes(), out);
            return Ok(());
        }
        let kind = json.get("type").and_then(Json::as_text);
        if let Some(kind) = kind.filter(|_| self.dialect != Dialect::OpenAi) {
            let kind = kind.decode();
            if !kind.contains(['\n', '\r']) {
                out.extend_from_slice(format!("event: {kind}\n").as_bytes());
            }
        }
        out.extend_from_slice(b"data: ");
        // Line ends stand between the members only: inside strings JSON has none.
        out.extend(chunk.iter().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => *byte,
        }));
        out.extend_from_slice(b"\n\n");
        Ok(())
    }

    /// A complete reply as a stream.
    fn document(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let shape = &self.shape;
        let unreadable = |problem: &dyn std::fmt::Display| {
            Failure::refused(502, format!("the function's answer: {problem}"))
        };
        let there = translate_response(
            shape.dialect,
            Dialect::OpenAi,
            body,
            &shape.model,
            shape.created,
        )
        .map_err(|problem| unreadable(&problem))?;
        let reply: serde_json::Value =
            serde_json::from_slice(&there).map_err(|problem| unreadable(&problem))?;
        if reply["choices"].as_array().is_none_or(Vec::is_empty) {
            return Err(unreadable(&"it holds no choices"));
        }
        for choices in fold::chunks(&reply) {
            self.emit(&choices, None, out);
        }
        self.close(reply.get("usage").map(ToString::to_string), out);
        Ok(())
    }

    /// The end of the stream.
    fn finish(&mut self, out: &mut Vec<u8>) {
        let usage = if self.dialect_chunks {
            self.usage
        } else {
            let stop = r#"[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]"#;
            self.emit(stop, None, out);
            self.usage.or_else(|| self.shape.counted(self.bytes))
        };
        if self.dialect_chunks && self.dialect != Dialect::OpenAi {
            return;
        }
        self.close(usage.map(tokens), out);
    }

    fn close(&mut self, usage: Option<String>, out: &mut Vec<u8>) {
        if let Some(usage) = usage.filter(|_| self.include_usage) {
            self.emit("[]", Some(&usage), out);
        }
        if self.dialect == Dialect::OpenAi {
            out.extend_from_slice(b"data: [DONE]\n\n");
        } else {
            self.translator.finish(out);
        }
    }
}

/// Usage as OpenAI writes it.
fn tokens(usage: Usage) -> String {
    let total = usage.input.saturating_add(usage.output);
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{total}}}"#,
        usage.input, usage.output
    )
}

fn json_response(body: Bytes) -> HttpResponse {
    response(StatusCode::OK, "application/json", body.into())
}

fn stream_response(dialect: Dialect, body: BodyStream) -> HttpResponse {
    response(StatusCode::OK, stream_type(dialect), body)
}

fn response(status: StatusCode, content_type: &'static str, body: BodyStream) -> HttpResponse {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    HttpResponse {
        status,
        headers,
        body,
    }
}

fn refusal(
    dialect: Dialect,
    status: u16,
    message: &str,
    retry_after: Option<Duration>,
) -> HttpResponse {
    let body = serde_json::json!({
        "error": { "message": message, "type": "function_error", "param": null, "code": null },
    });
    let body = translate_error(
        Dialect::OpenAi,
        dialect,
        status,
        body.to_string().as_bytes(),
    );
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, "application/json", Bytes::from(body).into());
    let millis = retry_after.map(|after| after.as_millis().to_string());
    if let Some(value) = millis.and_then(|millis| HeaderValue::from_str(&millis).ok()) {
        response.headers.insert("retry-after-ms", value);
    }
    response
}
