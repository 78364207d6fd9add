//! Errors in the vendor's shape.

use tidegate_types::{Code, chat::write::Object};

use crate::dialect::{DOMAIN, Failure, sse_event};

/// Google's error model: code, message, status and, where there is more to say, details in the
/// types of `google.rpc` ("AIP-193: Errors").
pub(super) fn body(status: u16, failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let message = failure.message.as_deref().unwrap_or_default();
    let code = failure.code.as_deref().and_then(Code::from_slug);
    let mut object = Object::open(&mut out);
    object.object("error", |error| {
        error
            .number("code", status.into())
            .str("message", message)
            .str("status", name(status));
        if code.is_none() && failure.param.is_none() && failure.request_id.is_none() {
            return;
        }
        error.array("details", |list| {
            if let Some(code) = code {
                list.object(|detail| {
                    detail
                        .str("@type", "type.googleapis.com/google.rpc.ErrorInfo")
                        .str("reason", &code.slug().to_ascii_uppercase())
                        .str("domain", DOMAIN);
                });
            }
            if let Some(param) = &failure.param {
                list.object(|detail| {
                    detail
                        .str("@type", "type.googleapis.com/google.rpc.BadRequest")
                        .array("fieldViolations", |list| {
                            list.object(|violation| {
                                violation.str("field", param).str("description", message);
                            });
                        });
                });
            }
            if let Some(id) = &failure.request_id {
                list.object(|detail| {
                    detail
                        .str("@type", "type.googleapis.com/google.rpc.RequestInfo")
                        .str("requestId", id);
                });
            }
        });
    });
    object.close();
    out
}

pub(super) fn event(body: &[u8]) -> Vec<u8> {
    sse_event(None, body)
}

/// The name of a status (google.rpc.Code, "HTTP Mapping").
fn name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        // What Gemini's troubleshooting page calls missing billing.
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        408 | 504 => "DEADLINE_EXCEEDED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}
