//! Errors in every dialect: a vendor's into a caller's shape, and the gateway's own.

use tidegate_types::{
    Dialect, Error,
    chat::{Delta, Json, Text},
};

use super::{codec::Codec, with_codec};

/// Marks the gateway's own codes where a dialect names the domain of a code.
pub(crate) const DOMAIN: &str = "tidegate";

/// What a vendor's error body says, whatever its shape.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Failure {
    /// Reads `{"error":{...}}`, `{"error":"..."}`, `{"message":...}`, `{"detail":...}`, lists of one
    /// of these (Gemini's compatible endpoint) and the end of a message that failed (Cohere).
    pub(crate) fn read(body: Json<'_>) -> Self {
        let body = if body.is_array() {
            body.items().next().unwrap_or(body)
        } else {
            body
        };
        let mut failure = Self::default();
        // Cohere tells in the last event of a stream what went wrong.
        if let Some(end) = body.get("delta").filter(|_| body.get("error").is_none()) {
            let word = |key| end.get(key).map(words);
            failure.kind = word("finish_reason");
            failure.code = word("code");
            failure.message = word("error").or_else(|| {
                let kind = failure.kind.as_deref()?;
                Some(format!("the reply ended with {kind}"))
            });
            return failure;
        }
        let mut details = None;
        let error = body.get("error").unwrap_or(body);
        if let Some(text) = error.as_text() {
            failure.message = Some(text.decode().into_owned());
        }
        for (key, value) in error.members() {
            if value.is_null() {
                continue;
            }
            match &*key.decode() {
                "message" | "Message" | "detail" | "msg" if failure.message.is_none() => {
                    failure.message = Some(words(value));
                }
                // The events of the Responses dialect say what they are where others say what failed.
                "type" if value.as_str() == "\"error\"" => {}
                "type" => failure.kind = Some(words(value)),
                "status" if failure.kind.is_none() => failure.kind = Some(words(value)),
                "param" => failure.param = Some(words(value)),
                // AWS: `com.amazon.coral.service#ThrottlingException:http://...`.
                "__type" => {
                    let kind = words(value);
                    let kind = kind.rsplit('#').next().unwrap_or_default();
                    failure.kind = Some(kind.split(':').next().unwrap_or_default().to_owned());
                }
                "error_code" if failure.code.is_none() => failure.code = Some(words(value)),
                "code" => failure.code = Some(words(value)),
                "request_id" => failure.request_id = Some(words(value)),
                "details" => details = Some(value),
                _ => {}
            }
        }
        for detail in details.map(Json::items).into_iter().flatten() {
            failure.google(detail);
        }
        if let Some(id) = body.get("request_id") {
            failure.request_id = Some(words(id));
        } else if body.get("error").is_none()
            && let Some(id) = body.get("id")
        {
            // Cohere's id of the call.
            failure.request_id = Some(words(id));
        }
        failure
    }

    /// What Google's errors say beyond code and status ("API Improvement Proposals", AIP-193).
    fn google(&mut self, detail: Json<'_>) {
        let word = |key| detail.get(key).map(words);
        if word("domain").as_deref() == Some(DOMAIN)
            && let Some(reason) = word("reason")
        {
            self.code = Some(reason.to_ascii_lowercase());
        }
        if let Some(id) = word("requestId") {
            self.request_id = Some(id);
        }
        let violation = detail.get("fieldViolations").map(Json::items);
        let field = violation.into_iter().flatten().find_map(|one| {
            let field = one.get("field")?;
            (!field.as_text()?.is_empty()).then(|| words(field))
        });
        if self.param.is_none() {
            self.param = field;
        }
    }

    /// The HTTP status this would have been, had it come before the stream began.
    fn status(&self) -> u16 {
        let code = self.code.as_deref().and_then(|code| code.parse().ok());
        if let Some(code @ 400..=599) = code {
            return code;
        }
        let kind = self.kind.as_ref().or(self.code.as_ref());
        match kind.map(String::as_str).unwrap_or_default() {
            // Names in capitals are Google's (google.rpc.Code), those that end in Exception AWS's.
            "invalid_request_error"
            | "BadRequestError"
            | "validationException"
            | "INVALID_ARGUMENT"
            | "FAILED_PRECONDITION"
            | "OUT_OF_RANGE" => 400,
            "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => 401,
            "billing_error" | "insufficient_quota" => 402,
            "permission_error" | "accessDeniedException" | "PERMISSION_DENIED" => 403,
            "not_found_error" | "resourceNotFoundException" | "NOT_FOUND" => 404,
            "ABORTED" | "ALREADY_EXISTS" => 409,
            "request_too_large" => 413,
            "rate_limit_error"
            | "rate_limit_exceeded"
            | "throttlingException"
            | "RESOURCE_EXHAUSTED" => 429,
            "CANCELLED" => 499,
            "UNIMPLEMENTED" => 501,
            "serviceUnavailableException" | "UNAVAILABLE" => 503,
            "timeout_error" | "modelTimeoutException" | "TIMEOUT" | "DEADLINE_EXCEEDED" => 504,
            "overloaded_error" => 529,
            _ => 500,
        }
    }
}

/// The characters of a string; the text of anything else.
fn words(value: Json<'_>) -> String {
    let text = value.as_text().as_ref().map(Text::decode);
    text.map_or_else(|| value.as_str().to_owned(), std::borrow::Cow::into_owned)
}

fn read(body: &[u8]) -> Option<Failure> {
    Some(Failure::read(Json::parse(body).ok()?))
}

pub(super) fn message(body: &[u8]) -> Option<String> {
    read(body)?.message
}

/// An upstream's error body in the caller's dialect. A body that is no JSON becomes the message.
pub(super) fn translate(to: Dialect, status: u16, body: &[u8]) -> Vec<u8> {
    let mut failure = read(body).unwrap_or_default();
    if failure.message.as_deref().is_none_or(str::is_empty) {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let shown: String = text.chars().take(2000).collect();
        failure.message = Some(if shown.is_empty() {
            format!("the upstream answered with status {status} and no explanation")
        } else {
            shown
        });
    }
    // Each vendor has its own names for kinds of errors; the status says which one the caller knows.
    write(to, status, &failure)
}

/// The gateway's own error, or the upstream's that it stands for.
pub(super) fn own(to: Dialect, error: &Error) -> Vec<u8> {
    if let Some(upstream) = error
        .upstream()
        .filter(|upstream| !upstream.body.is_empty())
    {
        return if upstream.dialect == to {
            upstream.body.to_vec()
        } else {
            translate(to, upstream.status.as_u16(), &upstream.body)
        };
    }
    let failure = Failure {
        message: Some(error.message().to_owned()),
        kind: None,
        param: error.param().map(str::to_owned),
        code: Some(error.code().slug().to_owned()),
        request_id: error.request_id().map(str::to_owned),
    };
    write(to, error.status().as_u16(), &failure)
}

/// An event of a stream in SSE.
pub(crate) fn sse_event(name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 32);
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    // A line end inside the data would end the event early.
    for (index, line) in data.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
        out.extend_from_slice(if index == 0 { b"data: " } else { b"\ndata: " });
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\n\n");
    out
}

/// The error an event inside a stream reports.
pub(crate) fn failure_delta(data: Json<'_>) -> Delta<'static> {
    delta_of(Failure::read(data), data)
}

/// The error that an event called `name` reports.
pub(crate) fn failure_named(name: &str, data: Json<'_>) -> Delta<'static> {
    let mut failure = Failure::read(data);
    failure.kind = Some(name.to_owned());
    delta_of(failure, data)
}

fn delta_of(failure: Failure, data: Json<'_>) -> Delta<'static> {
    let status = failure.status();
    let kind = failure.kind.or(failure.code).unwrap_or_default();
    let message = failure.message.unwrap_or_else(|| data.as_str().to_owned());
    Delta::Failed {
        message,
        kind,
        status,
    }
}

/// Appends the event of dialect `C` for a stream that failed upstream.
pub(crate) fn failure_event<C: Codec>(status: u16, message: &str, kind: &str, out: &mut Vec<u8>) {
    let failure = Failure {
        message: Some(message.to_owned()),
        kind: Some(kind.to_owned()),
        ..Failure::default()
    };
    out.extend_from_slice(&C::error_event(&C::encode_error(status, &failure)));
}

fn write(to: Dialect, status: u16, failure: &Failure) -> Vec<u8> {
    with_codec!(to, D => <D as Codec>::encode_error(status, failure))
}
