//! Errors in the vendor's shape.

use tidegate_types::{
    Code,
    chat::{Json, write::Object},
};

use crate::dialect::{Failure, sse_event};

/// The body of an error: the status alone tells what kind it is (Cohere, "Errors").
pub(super) fn body(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut object = Object::open(&mut out);
    if let Some(id) = &failure.request_id {
        object.str("id", id);
    }
    object.str("message", failure.message.as_deref().unwrap_or_default());
    // The vendor has no codes; the gateway's own are worth a member more.
    if let Some(code) = failure.code.as_deref().and_then(Code::from_slug) {
        object.str("code", code.slug());
    }
    object.close();
    out
}

/// The end of a message that failed: streams of this dialect have no other event for it.
pub(super) fn event(body: &[u8]) -> Vec<u8> {
    let read = Json::parse(body).map(Failure::read).unwrap_or_default();
    let message = read
        .message
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let mut out = Vec::with_capacity(body.len() + 128);
    let mut object = Object::open(&mut out);
    object.str("type", "message-end").object("delta", |delta| {
        delta.str("error", &message).str("finish_reason", "ERROR");
        if let Some(code) = &read.code {
            delta.str("code", code);
        }
    });
    object.close();
    sse_event(Some("message-end"), &out)
}
