//! Errors as HTTP answers, and back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tidegate_providers::dialect;
use tidegate_types::{Code, Dialect, Error, UpstreamError, chat::Json};

use super::ReplyBody;
use crate::facts::header as names;

/// The error in the caller's dialect. An upstream's own refusal keeps its status and, in the same
/// dialect, its body byte for byte.
pub(crate) fn respond(dialect: Dialect, error: &Error) -> Response<ReplyBody> {
    let (mut headers, body) = match error.upstream() {
        Some(upstream) if upstream.dialect == dialect && !upstream.body.is_empty() => {
            (upstream.headers.clone(), upstream.body.clone())
        }
        Some(upstream) => {
            let status = upstream.status.as_u16();
            let body = dialect::translate_error(upstream.dialect, dialect, status, &upstream.body);
            (json_headers(), Bytes::from(body))
        }
        None => (
            json_headers(),
            Bytes::from(dialect::encode_error(dialect, error)),
        ),
    };
    // AWS's SDKs look for the name of the exception here first.
    if dialect == Dialect::Bedrock
        && let Ok(body) = Json::parse(&body)
        && let Some(kind) = body.get("__type").and_then(Json::as_text)
        && let Ok(kind) = HeaderValue::from_str(&kind.decode())
    {
        headers.entry("x-amzn-errortype").or_insert(kind);
    }
    if let Some(upstream) = error.upstream()
        && let Ok(target) = HeaderValue::from_str(&upstream.target)
    {
        headers.insert(names::TARGET, target);
    }
    if let Some(id) = error
        .request_id()
        .and_then(|id| HeaderValue::from_str(id).ok())
    {
        headers.insert(names::REQUEST_ID, id);
    }
    let code = format!("{} {}", error.code().number(), error.code().slug());
    if let Ok(code) = HeaderValue::from_str(&code) {
        headers.insert(names::ERROR, code);
    }
    headers.insert(names::ATTEMPTS, HeaderValue::from(error.attempts().len()));
    if let Some(after) = error.retry_after()
        && !headers.contains_key(header::RETRY_AFTER)
    {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let mut response = Response::new(ReplyBody::full(body));
    *response.status_mut() = error.status();
    *response.headers_mut() = headers;
    response
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers
}

/// The error a remote engine answered with.
pub(crate) fn from_remote(
    dialect: Dialect,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Error {
    let text = |name: &http::HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let code = text(&names::ERROR)
        .and_then(|value| Code::from_slug(value.split(' ').nth(1)?))
        .unwrap_or(match status.as_u16() {
            401 => Code::UnknownKey,
            404 => Code::UnknownEndpoint,
            429 => Code::RateLimited,
            400..=499 => Code::InvalidRequest,
            _ => Code::UpstreamFailed,
        });
    told(code, dialect, status, headers, body)
}

/// The error of a vendor whose answers are passed on unread.
pub(crate) fn of_vendor(
    dialect: Dialect,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Error {
    let code = match status.as_u16() {
        429 => Code::UpstreamRateLimited,
        401 | 403 => Code::UpstreamAuth,
        404 => Code::UpstreamNotFound,
        400..=499 => Code::UpstreamRejected,
        _ => Code::UpstreamFailed,
    };
    told(code, dialect, status, headers, body)
}

fn told(
    code: Code,
    dialect: Dialect,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Error {
    let text = |name: &http::HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let message = dialect::error_message(dialect, &body)
        .unwrap_or_else(|| format!("the answer was {status}"));
    let mut error = Error::new(code, message);
    if let Some(seconds) = text(&header::RETRY_AFTER).and_then(|value| value.parse().ok())
        && let Ok(after) = Duration::try_from_secs_f64(seconds)
    {
        error = error.with_retry_after(after);
    }
    if let Some(id) = text(&names::REQUEST_ID) {
        error = error.with_request_id(id);
    }
    if let Some(target) = text(&names::TARGET) {
        error = error.with_upstream(UpstreamError {
            status,
            headers,
            body,
            dialect,
            target,
        });
    }
    error
}
