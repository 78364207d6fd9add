//! Errors in the vendor's shape.

use tidegate_types::{
    Code,
    chat::{Json, write::Object},
};

use crate::{dialect::Failure, event_stream::write_frame};

/// The class stands in `__type`, where SDKs look when the header `x-amzn-ErrorType` is missing.
pub(super) fn body(status: u16, failure: &Failure) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut object = Object::open(&mut out);
    object
        .str("message", failure.message.as_deref().unwrap_or_default())
        .str("__type", class(status));
    // SDKs take `code` for the class, so that the gateway's own has another name.
    if let Some(code) = failure.code.as_deref().and_then(Code::from_slug) {
        object.str("error_code", code.slug());
    }
    object.close();
    out
}

/// An exception frame. Streams know five classes; SDKs raise those, and a general one for others.
pub(super) fn event(body: &[u8]) -> Vec<u8> {
    let class = std::str::from_utf8(body).ok().map(Json::trusted);
    let class = class
        .and_then(|body| body.get("__type"))
        .and_then(Json::as_text);
    let class = class.map(|class| class.decode().into_owned());
    let name = match class.as_deref().unwrap_or_default() {
        "ThrottlingException" => "throttlingException",
        "ServiceUnavailableException" => "serviceUnavailableException",
        "ModelErrorException" => "modelStreamErrorException",
        "InternalServerException" | "ModelTimeoutException" | "" => "internalServerException",
        _ => "validationException",
    };
    let mut out = Vec::with_capacity(body.len() + 160);
    write_frame(name, true, body, &mut out);
    out
}

/// The exceptions of `Converse` by their status ("Converse", section "Errors").
fn class(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        402 => "ServiceQuotaExceededException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 | 529 => "ServiceUnavailableException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    }
}
