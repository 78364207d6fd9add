//! The Rust face: the engine in this process.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::{
    bridge::{End, Engine, Mode, Outcome, Request, Source, StreamHandle},
    config::Format,
};

use crate::{
    Face, done, fail,
    frames::{chunks, given_up, read},
    functions, headers_json, headers_of, hello, request_of,
    scope::scoped,
    sessions, told,
};

const CAPABILITIES: &str = "call http stream hold cancel cancel_call headers reload advance \
     connect health explain close text path env root tried final_facts functions session session_cost scope";

#[derive(Default)]
pub(crate) struct Native {
    engine: Option<Engine>,
    held: Option<(Value, StreamHandle)>,
}

impl Face for Native {
    fn perform(&mut self, op: &str, fields: &Value) -> Value {
        let text = |name: &str| fields[name].as_str().unwrap_or_default();
        let time = |name: &str| Duration::from_millis(fields[name].as_u64().unwrap_or(1000));
        match (op, self.engine.clone()) {
            ("hello", _) => return hello("rust", CAPABILITIES),
            ("open", old) => {
                old.map(|engine| engine.close(Duration::ZERO));
                let engine = Engine::open_with(source(fields), functions::of(fields));
                return done(engine.map(|engine| self.engine = Some(engine)));
            }
            ("connect", _) => {
                let key = fields["key"].as_str().map(str::to_owned);
                let engine = Engine::connect(text("url"), key);
                return done(engine.map(|engine| self.engine = Some(engine)));
            }
            ("rest", _) => {
                let held = self
                    .held
                    .take()
                    .ok_or_else(|| fail("driver_failed", "nothing is held"));
                return held
                    .map_or_else(|e| e, |(head, stream)| chunks(&head, &stream, usize::MAX));
            }
            ("call" | "http", Some(engine)) => return self.call(&engine, fields),
            ("session", Some(engine)) => return sessions::talk(&engine, fields),
            ("explain", Some(engine)) => {
                let mut reply = self.call(&engine, &told(fields));
                if reply["ok"].is_object() {
                    reply["ok"] = reply["ok"]["body"].take();
                }
                return reply;
            }
            ("reload", Some(engine)) => return done(engine.reload(Some(source(fields)))),
            ("health", Some(engine)) => return json!({ "ok": engine.health() }),
            ("scope", Some(engine)) => {
                return done(scoped(&engine, fields).map(|view| self.engine = Some(view)));
            }
            ("drop", _) => self.held = None,
            ("advance", Some(engine)) => engine.advance(time("ms")),
            ("close", Some(engine)) => _ = engine.close(time("deadline_ms")),
            _ => return fail("unknown_op", op),
        }
        json!({ "ok": {} })
    }
}

impl Native {
    fn call(&mut self, engine: &Engine, fields: &Value) -> Value {
        let raw = fields["op"] == "http";
        let (method, target, body) = request_of(fields);
        let request = Request {
            mode: if raw { Mode::Http } else { Mode::Native },
            method,
            target: target.to_owned(),
            headers: headers_of(fields),
            body: body.into(),
            key: fields["key"].as_str().map(str::to_owned),
            trusted: true,
        };
        let count = |name: &str| fields[name].as_u64().map(|count| count as usize);
        let outcome = match count("cancel_after_ms") {
            Some(after) => given_up(engine, request, Duration::from_millis(after as u64)),
            None => engine.call(request),
        };
        let (head, stream) = match outcome {
            Outcome::Error(error) => return json!({ "error": error.to_json() }),
            Outcome::Reply(head, body) => {
                let headers = headers_json(&head.headers);
                let text = String::from_utf8_lossy(&body);
                let body: Value = if raw {
                    text.into_owned().into()
                } else {
                    serde_json::from_str(&text).unwrap_or_default()
                };
                return json!({ "ok": { "status": head.status, "headers": headers, "body": body } });
            }
            Outcome::Stream(head, stream) => (head, stream),
        };
        let mut headers = head.headers;
        if raw {
            let most = count("cancel_after_bytes").unwrap_or(usize::MAX);
            let mut body = Vec::new();
            let end = read(&stream, |frame| {
                body.extend_from_slice(&frame.data);
                body.len() < most
            });
            let (broken, cancelled) = (matches!(end, Some(End::Failed(_))), end.is_none());
            if let Some(End::Complete(last)) = end {
                headers.extend(last);
            }
            return json!({ "ok": {
                "status": head.status, "headers": headers_json(&headers),
                "body": String::from_utf8_lossy(&body), "broken": broken, "cancelled": cancelled,
            } });
        }
        let headers = headers_json(&headers);
        let most = count("cancel_after_chunks")
            .or(count("hold"))
            .unwrap_or(usize::MAX);
        let mut reply = chunks(&headers, &stream, most);
        if count("cancel_after_chunks").is_some() {
            stream.cancel();
            reply["ok"]["cancelled"] = true.into();
        } else if count("hold").is_some() {
            reply["ok"]["held"] = true.into();
            self.held = Some((headers, stream));
        }
        reply
    }
}

fn source(fields: &Value) -> Source {
    let format = match fields["format"].as_str() {
        Some("toml") => Format::Toml,
        Some("json") => Format::Json,
        _ => Format::Yaml,
    };
    let text = fields["text"].as_str().map(str::to_owned);
    match (fields["path"].as_str(), text) {
        (Some(path), _) => Source::Path(path.into()),
        (_, Some(text)) => Source::Text { text, format },
        _ if fields["env"] == true => Source::Env,
        _ => Source::Value(fields["config"].clone()),
    }
}
