//! Scripted sessions: each response is the next reply of the script, word by word.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use futures_util::{Sink, Stream};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use serde_json::{Value, json};
use tidegate_types::{Dialect, Segments, SessionKind};
use tokio::time::Sleep;

use super::{Answer, Asked, Content, FRIENDLY, Reply, Script, finish, translated};
use crate::{
    session::TEXT_PER_TOKEN,
    socket::{Closing, Message, Socket, SocketError},
    sse::SseSplitter,
    transport::{HttpRequest, Opened},
};

/// Opens a session, or refuses it when the next reply is a refusal.
pub(super) fn open(script: &Arc<Script>, request: &HttpRequest) -> Opened {
    let next = script.next.load(Ordering::Relaxed);
    if let Some(reply) = script.reply(next)
        && let Content::Refusal(body) = &reply.content
    {
        script.next.fetch_add(1, Ordering::Relaxed);
        return Opened::Refused(finish(reply, &reply.headers, body.clone(), Vec::new()));
    }
    let path = request.uri.path();
    let kind = if path.ends_with("/responses") {
        SessionKind::Responses
    } else if path.contains("BidiGenerateContent") {
        SessionKind::Live
    } else {
        SessionKind::Realtime
    };
    let mut headers = HeaderMap::new();
    let offered = request.headers.get(SEC_WEBSOCKET_PROTOCOL);
    let first = offered.and_then(|value| value.to_str().ok()?.split(',').next());
    if let Some(first) = first.and_then(|first| HeaderValue::from_str(first.trim()).ok()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, first);
    }
    let query = request.uri.query().unwrap_or_default();
    let model = query
        .split('&')
        .find_map(|part| part.strip_prefix("model="))
        .unwrap_or("mock");
    let mut played = Played {
        script: Arc::clone(script),
        kind,
        model: model.to_owned(),
        serial: 0,
        heard: 0,
        waiting: VecDeque::new(),
        pause: None,
        waker: None,
        over: false,
    };
    if kind == SessionKind::Realtime {
        let session = played.session();
        played.event(
            &json!({ "type": "session.created", "session": session }),
            None,
        );
    }
    Opened::Socket(headers, Socket::new(played))
}

impl Script {
    fn reply(&self, serial: usize) -> Option<&Reply> {
        self.replies.get(serial).or(self.replies.last())
    }
}

/// The vendor's side of a session.
struct Played {
    script: Arc<Script>,
    kind: SessionKind,
    model: String,
    serial: usize,
    /// Bytes of the conversation so far.
    heard: usize,
    waiting: VecDeque<(Message, Option<Duration>)>,
    pause: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
    over: bool,
}

/// The next reply of the script.
struct Spoken {
    serial: usize,
    words: Vec<String>,
    input: u64,
    output: u64,
    pace: Option<Duration>,
}

impl Played {
    fn event(&mut self, event: &Value, pace: Option<Duration>) {
        let mut event = event.clone();
        if self.kind == SessionKind::Realtime
            && let Some(members) = event.as_object_mut()
        {
            self.serial += 1;
            members.insert(
                "event_id".to_owned(),
                json!(format!("event_{}", self.serial)),
            );
        }
        let text = Message::text(event.to_string());
        self.waiting.push_back((text, pace));
    }

    fn session(&self) -> Value {
        json!({
            "id": "sess_mock", "object": "realtime.session", "type": "realtime",
            "model": self.model, "output_modalities": ["text"], "instructions": "",
        })
    }

    fn take(&mut self, message: &Message) {
        let payload = message.payload();
        let Ok(said) = serde_json::from_slice::<Value>(payload) else {
            return self.complain("the message is not JSON", None);
        };
        self.heard += payload.len();
        match self.kind {
            SessionKind::Realtime => self.realtime(&said),
            SessionKind::Responses => self.responses(&said),
            _ => self.live(&said),
        }
    }

    fn complain(&mut self, text: &str, about: Option<&Value>) {
        let error = json!({
            "type": "invalid_request_error", "code": "invalid_value", "message": text,
            "param": null, "event_id": about,
        });
        match self.kind {
            SessionKind::Live => {
                let closing = Closing {
                    code: 1007,
                    reason: text.to_owned(),
                };
                self.waiting
                    .push_back((Message::Close(Some(closing)), None));
            }
            SessionKind::Responses => {
                self.event(
                    &json!({ "type": "error", "status": 400, "error": error }),
                    None,
                );
            }
            _ => self.event(&json!({ "type": "error", "error": error }), None),
        }
    }

    fn realtime(&mut self, said: &Value) {
        match said["type"].as_str().unwrap_or_default() {
            "session.update" => {
                let mut session = self.session();
                if let (Some(all), Some(new)) =
                    (session.as_object_mut(), said["session"].as_object())
                {
                    all.extend(new.clone());
                }
                self.event(
                    &json!({ "type": "session.updated", "session": session }),
                    None,
                );
            }
            "conversation.item.create" => {
                for kind in ["conversation.item.added", "conversation.item.done"] {
                    let event = json!({
                        "type": kind, "previous_item_id": null, "item": said["item"],
                    });
                    self.event(&event, None);
                }
            }
            "input_audio_buffer.commit" => {
                let event = json!({
                    "type": "input_audio_buffer.committed",
                    "previous_item_id": null, "item_id": "item_heard",
                });
                self.event(&event, None);
            }
            "input_audio_buffer.clear" => {
                self.event(&json!({ "type": "input_audio_buffer.cleared" }), None);
            }
            "input_audio_buffer.append" | "response.cancel" => {}
            "response.create" => self.speak(),
            other => {
                let text = format!("Invalid value: {other:?}. It is no event of a client.");
                self.complain(&text, said.get("event_id"));
            }
        }
    }

    /// One response of the Realtime API.
    fn speak(&mut self) {
        let Some(Spoken {
            serial,
            words,
            input,
            output,
            pace,
        }) = self.next()
        else {
            return;
        };
        let (id, item) = (format!("resp_{serial}"), format!("item_{serial}"));
        let text = words.concat();
        let at = json!({
            "response_id": id, "item_id": item, "output_index": 0, "content_index": 0,
        });
        let with = |kind: &str, more: Value| {
            let mut event = at.clone();
            if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
                event.insert("type".to_owned(), json!(kind));
                event.extend(more.clone());
            }
            event
        };
        let said = |status: &str, content: Value| {
            json!({
                "id": item, "object": "realtime.item", "type": "message",
                "status": status, "role": "assistant", "content": content,
            })
        };
        let response = |status: &str, output: Value, usage: Value| {
            json!({
                "id": id, "object": "realtime.response", "status": status,
                "status_details": null, "output": output, "usage": usage,
                "output_modalities": ["text"],
            })
        };
        let whole = json!([{ "type": "output_text", "text": text }]);
        let begun = response("in_progress", json!([]), Value::Null);
        self.event(
            &json!({ "type": "response.created", "response": begun }),
            None,
        );
        let added = with(
            "response.output_item.added",
            json!({ "item": said("in_progress", json!([])) }),
        );
        self.event(&added, None);
        let part = json!({ "part": { "type": "output_text", "text": "" } });
        self.event(&with("response.content_part.added", part), None);
        for word in &words {
            let delta = with("response.output_text.delta", json!({ "delta": word }));
            self.event(&delta, pace);
        }
        self.event(
            &with("response.output_text.done", json!({ "text": text })),
            None,
        );
        let part = json!({ "part": { "type": "output_text", "text": text } });
        self.event(&with("response.content_part.done", part), None);
        let done = said("completed", whole);
        self.event(
            &with("response.output_item.done", json!({ "item": done })),
            None,
        );
        let usage = json!({
            "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
            "input_token_details": { "text_tokens": input, "audio_tokens": 0, "cached_tokens": 0 },
            "output_token_details": { "text_tokens": output, "audio_tokens": 0 },
        });
        let over = response("completed", json!([done]), usage);
        self.event(&json!({ "type": "response.done", "response": over }), None);
    }

    fn responses(&mut self, said: &Value) {
        if said["type"] != "response.create" {
            return self.complain("`type` must be `response.create`", None);
        }
        let script = Arc::clone(&self.script);
        let serial = script.next.fetch_add(1, Ordering::Relaxed);
        let Some(reply) = script.reply(serial) else {
            return;
        };
        let Content::Text { whole, words } = &reply.content else {
            return self.complain("the script has no text here", None);
        };
        let asked = Asked::of(&Segments::from(said.to_string().into_bytes()));
        let answer = Answer {
            serial,
            input_tokens: reply.input_tokens.unwrap_or(asked.input_tokens),
            output_tokens: reply.output_tokens,
            asked: &asked,
            whole,
            words,
        };
        let mut events = Vec::new();
        translated::stream(Dialect::Responses, &answer, &mut events, &mut Vec::new());
        let mut splitter = SseSplitter::new();
        // A single piece is never too long while nothing is held.
        let _ = splitter.push(events.into());
        for event in splitter.filter(|event| event.data.starts_with(b"{")) {
            self.waiting
                .push_back((Message::Text(event.data), reply.pace));
        }
    }

    fn live(&mut self, said: &Value) {
        if said.get("setup").is_some() {
            return self.event(&json!({ "setupComplete": {} }), None);
        }
        let input = &said["realtimeInput"];
        let over = said["clientContent"]["turnComplete"] == true
            || input.get("text").is_some()
            || input.get("audioStreamEnd").is_some()
            || said.get("toolResponse").is_some();
        if !over {
            return;
        }
        let Some(Spoken {
            words,
            input,
            output,
            pace,
            ..
        }) = self.next()
        else {
            return;
        };
        for word in &words {
            let turn = json!({ "role": "model", "parts": [{ "text": word }] });
            self.event(&json!({ "serverContent": { "modelTurn": turn } }), pace);
        }
        self.event(
            &json!({ "serverContent": { "generationComplete": true } }),
            None,
        );
        let over = json!({
            "serverContent": { "turnComplete": true },
            "usageMetadata": {
                "promptTokenCount": input, "responseTokenCount": output,
                "totalTokenCount": input + output,
            },
        });
        self.event(&over, None);
    }

    fn next(&mut self) -> Option<Spoken> {
        let serial = self.script.next.fetch_add(1, Ordering::Relaxed);
        let reply = self.script.reply(serial)?;
        let words = match &reply.content {
            Content::Text { words, .. } => words
                .iter()
                .filter_map(|word| serde_json::from_slice(&[b"\"", &word[..], b"\""].concat()).ok())
                .collect(),
            _ => vec![FRIENDLY.to_owned()],
        };
        let counted = (self.heard as u64 / TEXT_PER_TOKEN).max(1);
        Some(Spoken {
            serial,
            words,
            input: reply.input_tokens.unwrap_or(counted),
            output: reply.output_tokens,
            pace: reply.pace,
        })
    }
}

impl Stream for Played {
    type Item = Result<Message, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let Some((message, pace)) = self.waiting.pop_front() else {
            if self.over {
                return Poll::Ready(None);
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.pause = pace.map(|pace| Box::pin(tokio::time::sleep(pace)));
        self.over |= matches!(message, Message::Close(_));
        Poll::Ready(Some(Ok(message)))
    }
}

impl Sink<Message> for Played {
    type Error = SocketError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SocketError> {
        if let Message::Close(_) = message {
            self.waiting.clear();
            self.waiting.push_back((message, None));
        } else {
            self.take(&message);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }
}
