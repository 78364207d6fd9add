//! Errors in the vendor's shape.

use tidegate_types::{Code, chat::write::Object};

use crate::dialect::{Failure, sse_event};

pub(super) fn body(status: u16, failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let message = failure.message.as_deref().unwrap_or_default();
    let mut object = Object::open(&mut out);
    object.str("type", "error").object("error", |error| {
        error.str("type", kind(status)).str("message", message);
        // The vendor has no codes; the gateway's own are worth a member more.
        let code = failure.code.as_deref().and_then(Code::from_slug);
        if let Some(code) = code {
            error.str("code", code.slug());
        }
    });
    match &failure.request_id {
        Some(id) => object.str("request_id", id),
        None => object.literal("request_id", "null"),
    };
    object.close();
    out
}

pub(super) fn event(body: &[u8]) -> Vec<u8> {
    sse_event(Some("error"), body)
}

/// The error types of Anthropic's documentation ("Errors").
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}
