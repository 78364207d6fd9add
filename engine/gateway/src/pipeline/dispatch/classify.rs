//! What an upstream's answer, or its absence, means.

use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;
use tidegate_policy::health::Quota;
use tidegate_providers::{
    dialect::{self, Cause, retry_delay},
    transport::{BodyStream, TransportError},
};
use tidegate_types::{Code, Dialect, Endpoint, Error, Segments, UpstreamError, json::Outline};

use crate::{pipeline::guard_out, snapshot::Target};

/// Longest complete answer taken into memory.
const MOST_BYTES: usize = 256 << 20;

/// The error of an upstream that could not be reached or fell silent.
pub(super) fn transport(error: &TransportError, label: &str) -> Error {
    let code = match error {
        TransportError::ConnectTimeout => Code::ConnectTimeout,
        TransportError::FirstByteTimeout => Code::FirstByteTimeout,
        TransportError::ConnectionLost(_) => Code::ConnectionLost,
        _ => Code::ConnectFailed,
    };
    Error::new(code, format!("{label}: {error}")).with_source(error.clone())
}

/// The error of an upstream that answered with a status of failure. Its body is kept whole.
pub(super) fn status(
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
    target: &Target,
    dialect: Dialect,
    unix: i64,
) -> Error {
    let code = match status.as_u16() {
        429 => Code::UpstreamRateLimited,
        // Some vendors forbid a content as they forbid a key.
        403 if dialect::cause(&body) == Some(Cause::ContentPolicy) => Code::ContentPolicy,
        401 | 403 => Code::UpstreamAuth,
        400 | 413 | 422 => match dialect::cause(&body) {
            Some(Cause::ContextWindow) => Code::ContextWindow,
            Some(Cause::ContentPolicy) => Code::ContentPolicy,
            None => Code::UpstreamRejected,
        },
        404 => Code::UpstreamNotFound,
        408 | 409 | 425 | 500.. => Code::UpstreamFailed,
        400..=499 => Code::UpstreamRejected,
        _ => Code::UpstreamInvalid,
    };
    let text = format!(
        "{} answered {}: {}",
        target.label,
        status.as_u16(),
        words(dialect, &body)
    );
    let told = retry_after(&headers, unix).or_else(|| retry_delay(&body));
    let after = told.or_else(|| {
        let limited = code == Code::UpstreamRateLimited;
        limited
            .then(|| Quota::read(&headers, unix).reset())
            .flatten()
    });
    guard_out::withhold(&mut headers);
    let error = Error::new(code, text).with_upstream(UpstreamError {
        status,
        headers,
        body,
        dialect,
        target: target.label.to_string(),
    });
    match after {
        Some(after) => error.with_retry_after(after),
        None => error,
    }
}

/// `retry-after-ms` (OpenAI, Azure), or `retry-after` in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, unix: i64) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |name: &str| -> Option<f64> { text(name)?.parse().ok() };
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text("retry-after")?).ok()?;
    let now = UNIX_EPOCH + Duration::from_secs(u64::try_from(unix).ok()?);
    Some(date.duration_since(now).unwrap_or_default())
}

/// The whole body; `received` counts its bytes as they come.
///
/// # Errors
/// `connection_lost`, `idle_timeout`, or `upstream_invalid` when it is too long to hold.
pub(super) async fn collect(
    body: &mut BodyStream,
    idle: Duration,
    received: &mut u64,
) -> Result<Bytes, Error> {
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    loop {
        let Ok(next) = tokio::time::timeout(idle, body.next()).await else {
            return Err(Error::new(
                Code::IdleTimeout,
                format!("the upstream sent nothing for {idle:?}"),
            ));
        };
        let piece = match next {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => {
                let text = format!("the answer broke off: {error}");
                return Err(Error::new(Code::ConnectionLost, text).with_source(error));
            }
            None => break,
        };
        *received += piece.len() as u64;
        match (&mut first, &mut rest) {
            (None, None) => first = Some(piece),
            (Some(start), None) => {
                let mut whole = BytesMut::with_capacity((start.len() + piece.len()) * 2);
                whole.extend_from_slice(start);
                whole.extend_from_slice(&piece);
                rest = Some(whole);
            }
            (_, Some(whole)) => whole.extend_from_slice(&piece),
        }
        if rest.as_ref().is_some_and(|whole| whole.len() > MOST_BYTES) {
            return Err(Error::new(
                Code::UpstreamInvalid,
                "the upstream's answer is too long",
            ));
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Checks that a complete answer is what its dialect promises, so that a proxy's login page or an
/// error with status 200 is never taken for a model's words.
pub(super) fn complete(
    body: &Bytes,
    endpoint: &Endpoint,
    dialect: Dialect,
    target: &Target,
) -> Result<(), Error> {
    if body.trim_ascii_start().first() != Some(&b'{') || body.trim_ascii_end().last() != Some(&b'}')
    {
        let text = format!("{}: the answer is not a JSON object", target.label);
        return Err(Error::new(Code::UpstreamInvalid, text));
    }
    if ERROR.find(body).is_none() {
        return Ok(());
    }
    let answer = match (endpoint, dialect) {
        (Endpoint::Embeddings, _) => "data",
        (_, Dialect::Anthropic) => "content",
        (_, Dialect::Gemini) => "candidates",
        (_, Dialect::Bedrock | Dialect::Responses) => "output",
        (_, Dialect::Cohere) => "message",
        _ => "choices",
    };
    let keys = ["error", answer];
    let whole = Segments::from(body.clone());
    let outline = Outline::of(&whole, &keys).map_err(|error| {
        Error::new(
            Code::UpstreamInvalid,
            format!("{}: the answer is not JSON: {error}", target.label),
        )
    })?;
    let failed = outline
        .last("error")
        .is_some_and(|member| &*whole.slice(member.value.clone()) != b"null");
    // Responses give an output, empty or not, beside their error.
    let answered = dialect != Dialect::Responses && outline.last(answer).is_some();
    if failed && !answered {
        let text = format!(
            "{} reported an error: {}",
            target.label,
            words(dialect, body)
        );
        return Err(Error::new(Code::UpstreamFailed, text));
    }
    Ok(())
}

/// The upstream's own words, for messages.
fn words(dialect: Dialect, body: &[u8]) -> String {
    dialect::error_message(dialect, body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
        text.trim().to_owned()
    })
}
