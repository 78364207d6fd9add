//! A try that opens a session: the upstream's handshake decides whether this target is the one.

use std::borrow::Cow;

use http::{StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tidegate_providers::{
    socket::SocketLimits,
    transport::{HttpRequest, HttpResponse, Opened},
};
use tidegate_types::{Code, Dialect, Error, SessionKind};

use super::{super::AnswerBody, classify};
use crate::{
    pipeline::{Answer, Job},
    session,
    snapshot::Target,
};

/// Everything but what RFC 3986 section 2.3 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) async fn run(job: &Job, target: &Target, request: HttpRequest) -> Result<Answer, Error> {
    let dialect = target.provider.wire(job.dialect, &target.model).dialect;
    let limits = SocketLimits {
        message: session::longest_message(&job.snapshot),
        idle: target.timeouts.idle,
    };
    match target.provider.transport.open(request, limits).await {
        Ok(Opened::Socket(headers, socket)) => Ok(Answer {
            status: StatusCode::SWITCHING_PROTOCOLS,
            headers,
            dialect,
            body: AnswerBody::Socket(socket),
        }),
        Ok(Opened::Refused(answer)) => {
            let HttpResponse {
                status,
                headers,
                mut body,
            } = answer;
            let bytes = classify::collect(&mut body, target.timeouts.idle, &mut 0).await;
            let bytes = bytes.unwrap_or_default();
            let unix = job.gateway.clock.unix_seconds();
            Err(classify::status(
                status, headers, bytes, target, dialect, unix,
            ))
        }
        Err(error) => Err(classify::transport(&error, &target.label)),
    }
}

/// Where a session with `target` is opened; `path` is what the caller asked for.
///
/// # Errors
/// `unsupported` when the provider does not speak the protocol's dialect.
pub(super) fn address(target: &Target, kind: SessionKind, path: &str) -> Result<Uri, Error> {
    let provider = &target.provider;
    let wire = provider.wire(kind.dialect(), &target.model);
    // Responses live beside chat completions where only these are known to be there.
    let speaks = wire.dialect == kind.dialect()
        || (kind == SessionKind::Responses && wire.dialect == Dialect::OpenAi);
    if !speaks {
        let text = format!(
            "{} offers no sessions in the {} dialect",
            provider.name,
            kind.dialect().as_str()
        );
        return Err(Error::new(Code::Unsupported, text).with_param("model"));
    }
    let base = match kind {
        SessionKind::Live => ["/v1beta", "/v1alpha", "/v1"]
            .iter()
            .find_map(|version| wire.base.strip_suffix(version))
            .unwrap_or(&wire.base),
        _ => &wire.base,
    };
    let path = with_model(path, &target.model);
    [base, &*path].concat().parse().map_err(|_| {
        let text = format!("{path:?} is no path of {:?}", provider.name);
        Error::new(Code::UnknownEndpoint, text)
    })
}

/// The path with the target's model in its query, where the caller named one.
fn with_model<'a>(path: &'a str, model: &str) -> Cow<'a, str> {
    let Some((path_alone, query)) = path.split_once('?').filter(|_| !model.is_empty()) else {
        return Cow::Borrowed(path);
    };
    let mut parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name @ ("model" | "deployment"), _)) => {
            Cow::Owned(format!("{name}={}", utf8_percent_encode(model, ENCODED)))
        }
        _ => Cow::Borrowed(part),
    });
    let mut whole = format!("{path_alone}?");
    if let Some(first) = parts.next() {
        whole.push_str(&first);
    }
    for part in parts {
        whole.push('&');
        whole.push_str(&part);
    }
    Cow::Owned(whole)
}
