//! Errors inside a stream; outside of one they have the shape of OpenAI's chat completions.

use tidegate_types::chat::{Json, write::Object};

use crate::dialect::sse_event;

/// The `error` event. OpenAI's reference ("Streaming events") has the members side by side; the
/// vendor's SDKs raise when they find an `error` object, which the API sends as well.
pub(super) fn event(body: &[u8], sequence: u64) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let error = Json::parse(text.as_bytes())
        .ok()
        .and_then(|body| body.get("error"))
        .filter(|error| error.is_object());
    let mut data = Vec::with_capacity(text.len() * 2 + 64);
    let mut object = Object::open(&mut data);
    object
        .str("type", "error")
        .number("sequence_number", sequence);
    match error {
        Some(error) => {
            for key in ["code", "message", "param"] {
                match error.get(key) {
                    Some(value) => object.json(key, value),
                    None => object.literal(key, "null"),
                };
            }
            object.json("error", error);
        }
        None => {
            object
                .literal("code", "null")
                .str("message", &text)
                .literal("param", "null")
                .object("error", |error| {
                    error.str("message", &text);
                });
        }
    }
    object.close();
    sse_event(Some("error"), &data)
}
