//! Between a complete reply and a stream of it, both as OpenAI writes them. The slow way for
//! functions that give one where the other was asked for.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tidegate_types::Dialect;

use super::{Failure, shape::Shape};
use crate::{
    dialect::{StreamTranslator, translate_response},
    event_stream::Splitter,
    sse::SseSplitter,
};

/// The `choices` of the chunks that a complete reply makes.
pub(super) fn chunks(reply: &Value) -> Vec<String> {
    let mut chunks = Vec::new();
    for choice in reply["choices"].as_array().into_iter().flatten() {
        let mut delta = choice["message"].clone();
        for (index, call) in delta["tool_calls"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .enumerate()
        {
            call["index"] = index.into();
        }
        let (index, reason) = (&choice["index"], &choice["finish_reason"]);
        chunks.push(json!([{ "index": index, "delta": delta, "finish_reason": null }]).to_string());
        chunks.push(json!([{ "index": index, "delta": {}, "finish_reason": reason }]).to_string());
    }
    chunks
}

/// The complete reply, in the shape's dialect, that a whole stream in that dialect makes.
pub(super) fn document(shape: &Shape, events: Bytes) -> Result<Vec<u8>, Failure> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::refused(
            502,
            format!("the function's stream cannot be read: {problem}"),
        )
    };
    let mut translator = StreamTranslator::new(
        shape.dialect,
        Dialect::OpenAi,
        &shape.model,
        true,
        shape.created,
    );
    let mut there = Vec::new();
    let mut splitter = Splitter::new(shape.dialect);
    splitter.push(events).map_err(|problem| bad(&problem))?;
    for event in &mut splitter {
        translator
            .push(&event, &mut there)
            .map_err(|problem| bad(&problem))?;
    }
    translator.finish(&mut there);
    let mut reply = Reply::default();
    let mut splitter = SseSplitter::new();
    splitter
        .push(there.into())
        .map_err(|problem| bad(&problem))?;
    for event in splitter.filter(|event| event.data.starts_with(b"{")) {
        let chunk: Value = serde_json::from_slice(&event.data).map_err(|problem| bad(&problem))?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let text = error["message"]
                .as_str()
                .unwrap_or("the function's stream reports an error");
            return Err(Failure::refused(502, text));
        }
        reply.add(&chunk);
    }
    let body = reply.finish(shape).to_string();
    translate_response(
        Dialect::OpenAi,
        shape.dialect,
        body.as_bytes(),
        &shape.model,
        shape.created,
    )
    .map_err(|problem| bad(&problem))
}

/// A reply while it is put together.
#[derive(Default)]
struct Reply {
    /// Members of the chunks besides their choices; the last of each counts.
    members: Map<String, Value>,
    choices: Vec<(u64, Map<String, Value>, Value)>,
}

impl Reply {
    fn add(&mut self, chunk: &Value) {
        for (name, value) in chunk.as_object().into_iter().flatten() {
            if name != "choices" && !value.is_null() {
                self.members.insert(name.clone(), value.clone());
            }
        }
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            let place =
                if let Some(place) = self.choices.iter().position(|(known, ..)| *known == index) {
                    place
                } else {
                    self.choices.push((index, Map::new(), Value::Null));
                    self.choices.len() - 1
                };
            let (_, message, reason) = &mut self.choices[place];
            for (name, value) in choice["delta"].as_object().into_iter().flatten() {
                merge(message, name, value);
            }
            if !choice["finish_reason"].is_null() {
                *reason = choice["finish_reason"].clone();
            }
        }
    }

    fn finish(mut self, shape: &Shape) -> Value {
        self.choices.sort_by_key(|(index, ..)| *index);
        let choices = self
            .choices
            .into_iter()
            .map(|(index, mut message, reason)| {
                message.entry("role").or_insert_with(|| "assistant".into());
                message.entry("content").or_insert(Value::Null);
                for call in message
                    .get_mut("tool_calls")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    call.as_object_mut().map(|call| call.remove("index"));
                }
                let reason = if reason.is_null() {
                    "stop".into()
                } else {
                    reason
                };
                json!({ "index": index, "message": message, "finish_reason": reason })
            });
        let choices: Vec<_> = choices.collect();
        self.members
            .insert("object".to_owned(), "chat.completion".into());
        self.members
            .entry("model")
            .or_insert_with(|| shape.model.clone().into());
        self.members
            .entry("created")
            .or_insert_with(|| shape.created.into());
        self.members.insert("choices".to_owned(), choices.into());
        Value::Object(self.members)
    }
}

/// Adds a delta to what was there: texts are joined, calls found by their index.
fn merge(message: &mut Map<String, Value>, name: &str, delta: &Value) {
    match (message.get_mut(name), delta) {
        (_, Value::Null) => {}
        (Some(Value::String(text)), Value::String(more)) if name != "role" && name != "id" => {
            text.push_str(more);
        }
        (Some(Value::Object(there)), Value::Object(more)) => {
            for (name, value) in more {
                merge(there, name, value);
            }
        }
        (Some(Value::Array(there)), Value::Array(more)) => {
            for item in more {
                let same = |known: &&mut Value| {
                    item.get("index").is_some() && known["index"] == item["index"]
                };
                match (there.iter_mut().find(same), item) {
                    (Some(Value::Object(known)), Value::Object(item)) => {
                        for (name, value) in item {
                            if name != "index" && !(name == "type" && known.contains_key("type")) {
                                merge(known, name, value);
                            }
                        }
                    }
                    _ => there.push(item.clone()),
                }
            }
        }
        (_, delta) => {
            message.insert(name.to_owned(), delta.clone());
        }
    }
}
