//! Errors in the vendor's shape.

use tidegate_types::chat::write::Object;

use crate::dialect::{Failure, sse_event};

pub(super) fn body(status: u16, failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let message = failure.message.as_deref().unwrap_or_default();
    let mut object = Object::open(&mut out);
    object.object("error", |error| {
        error.str("message", message).str("type", kind(status));
        // Without a code, the vendor's own name for the kind of error stands in for it.
        let code = failure.code.as_ref().or(failure.kind.as_ref());
        for (key, value) in [("param", failure.param.as_ref()), ("code", code)] {
            match value {
                Some(value) => error.str(key, value),
                None => error.literal(key, "null"),
            };
        }
    });
    object.close();
    out
}

pub(super) fn event(body: &[u8]) -> Vec<u8> {
    sse_event(None, body)
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}
