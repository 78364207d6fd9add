//! How the engine does, for whoever runs it.

use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use tidegate::{Gateway, wire::ReplyBody};

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a path is for whoever runs the server.
pub(crate) fn is_for(path: &str) -> bool {
    matches!(path, "/metrics" | "/api/health")
}

/// Answers a request for such a path. `local`: it came from this machine.
pub(crate) fn answer(gateway: &Gateway, head: &Parts, local: bool) -> Response<ReplyBody> {
    if let Err(error) = gateway.admit_admin(&head.uri, &head.headers, local) {
        return gateway.refuse(&head.uri, &error);
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        let mut response = Response::new(ReplyBody::from_bytes("use GET\n"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    let (kind, body) = match head.uri.path() {
        "/metrics" => (TEXT, gateway.metrics()),
        _ => ("application/json", gateway.health().to_string()),
    };
    let mut response = Response::new(ReplyBody::from_bytes(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
