//! Sessions over a WebSocket, act by act.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tidegate::bridge::{End, Engine, Mode, Outcome, Request, StreamHandle};

use crate::{fail, headers_json, headers_of};

const LIVE: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

/// A session being talked in.
struct Talk {
    stream: StreamHandle,
    heard: Vec<Value>,
    end: Option<End>,
}

pub(crate) fn talk(engine: &Engine, fields: &Value) -> Value {
    let wanted = &fields["request"];
    let target = match fields["api"].as_str() {
        Some("live") => LIVE.to_owned(),
        Some("responses") => "/v1/responses".to_owned(),
        _ => format!(
            "/v1/realtime?model={}",
            wanted["model"].as_str().unwrap_or_default()
        ),
    };
    let request = Request {
        mode: Mode::Session,
        method: http::Method::GET,
        target,
        headers: headers_of(fields),
        body: bytes::Bytes::new(),
        key: fields["key"].as_str().map(str::to_owned),
        trusted: true,
    };
    let (head, stream) = match engine.call(request) {
        Outcome::Stream(head, stream) => (head, stream),
        Outcome::Error(error) => return json!({ "error": error.to_json() }),
        Outcome::Reply(..) => return fail("driver_failed", "no session came of it"),
    };
    let mut talk = Talk {
        stream,
        heard: Vec::new(),
        end: None,
    };
    if fields["api"] == "live" {
        let mut setup = wanted["setup"].clone();
        if setup.is_null() {
            setup = json!({});
        }
        setup["model"] = wanted["model"].clone();
        talk.say(&json!({ "setup": setup }));
    }
    for act in fields["talk"].as_array().into_iter().flatten() {
        if let Some(hex) = act["binary"].as_str() {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
                .collect();
            talk.stream.send_wait(false, bytes.into(), None);
        } else if let Some(close) = act["close"].as_array() {
            let code = close[0].as_u64().and_then(|code| u16::try_from(code).ok());
            let words = close[1].as_str().unwrap_or_default();
            talk.stream.close(code.unwrap_or(1000), words);
            talk.hear(usize::MAX);
        } else if let Some(count) = act["hear"].as_u64() {
            talk.hear(usize::try_from(count).unwrap_or(usize::MAX));
        } else if act["drop"] == true {
            return json!({ "ok": { "messages": talk.heard } });
        } else {
            talk.say(&act["say"]);
        }
    }
    talk.hear(usize::MAX);
    talk.ended(&head.headers)
}

impl Talk {
    fn say(&self, message: &Value) {
        let text = message
            .as_str()
            .map_or_else(|| message.to_string(), str::to_owned);
        self.stream.send_wait(true, text.into(), None);
    }

    fn hear(&mut self, count: usize) {
        let mut left = count;
        while left > 0 && self.end.is_none() {
            let batch = self.stream.read(left.min(64), None);
            left -= batch.frames.len();
            self.end = batch.end;
            for frame in batch.frames {
                self.heard.push(if frame.event.is_some() {
                    json!({ "binary": hex(&frame.data) })
                } else {
                    serde_json::from_slice(&frame.data).unwrap_or_default()
                });
            }
        }
    }

    fn ended(self, head: &http::HeaderMap) -> Value {
        let last = match self.end {
            Some(End::Complete(last)) => last,
            Some(End::Failed(error)) => return json!({ "error": error.to_json() }),
            None => http::HeaderMap::new(),
        };
        let text = |name: &str| {
            let value = last.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let refused = text("x-tidegate-session-error")
            .and_then(|error| serde_json::from_str::<Value>(&error).ok())
            .map(|error| error["slug"].clone());
        json!({ "ok": {
            "messages": self.heard,
            "code": text("x-tidegate-close-code").and_then(|code| code.parse::<u16>().ok()),
            "reason": text("x-tidegate-close-reason").unwrap_or_default(),
            "refused": refused,
            "headers": headers_json(head),
            "trailers": headers_json(&last),
        } })
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
