//! From a request on the wire to the gateway and back.

use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use hyper::body::Incoming;
use tidegate::{
    Code, Error, Gateway, Segments,
    config::Size,
    wire::{ReplyBody, Trust, Upload},
};

use crate::{
    management,
    phase::{Lifecycle, Phase},
};

/// Largest request body when the configuration does not say.
const MAX_BODY: u64 = 128 << 20;

/// Of an upload that is larger, only this much is held in memory.
const IN_MEMORY: usize = 4 << 20;

/// Longest silence in the middle of a request body.
const BODY_IDLE: Duration = Duration::from_mins(1);

/// What may follow a stream: what it cost, and how it was gone on with.
const TRAILERS: &str = "x-tidegate-cost, x-tidegate-usage, x-tidegate-attempts, x-tidegate-resumed";
/// What of a body beyond the limit is read and thrown away, so that a client that sends first and
/// reads afterwards sees the refusal and not a broken connection.
const MOST_DISCARDED: u64 = 64 << 20;

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) gateway: Gateway,
    pub(crate) lifecycle: Arc<Lifecycle>,
}

/// Why a request has no usable body.
enum Unread {
    TooLarge,
    Broken(&'static str),
}

impl Unread {
    fn error(&self, limit: u64) -> Error {
        match self {
            Self::TooLarge => Error::new(
                Code::BodyTooLarge,
                format!("the request body is larger than {limit} bytes"),
            ),
            Self::Broken(text) => Error::new(Code::InvalidRequest, *text),
        }
    }
}

impl Service {
    /// Answers one request. `peer`: who sent it; nobody with an address over a Unix socket.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let (head, body) = request.into_parts();
        if let "/healthz" | "/readyz" = head.uri.path() {
            return Ok(self.probe(&head.method, &head.uri));
        }
        if management::is_for(head.uri.path()) {
            let local = peer.is_none_or(|peer| peer.is_loopback());
            return Ok(management::answer(&self.gateway, &head, local));
        }
        let (body, rest) = if body.is_end_stream() {
            (Segments::new(), None)
        } else {
            let limit = self
                .gateway
                .config()
                .server
                .max_body
                .map_or(MAX_BODY, |Size(max)| max);
            match receive(body, limit, &head.headers).await {
                Ok(body) => body,
                Err(why) => return Ok(self.refuse(&head.uri, &why, limit)),
            }
        };
        let trailers = head
            .headers
            .get(header::TE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
        let request = Request::from_parts(head, body);
        let upload = rest.clone();
        let handling = self
            .gateway
            .handle_upload(request, rest, Trust::Network { peer });
        let mut response = handling.await;
        if let Some(upload) = upload.filter(|_| !response.status().is_success()) {
            upload.discard(MOST_DISCARDED).await;
        }
        if trailers && response.body().size_hint().exact().is_none() {
            // HTTP/1.1 sends only trailers that were announced.
            let announced = HeaderValue::from_static(TRAILERS);
            response.headers_mut().insert(header::TRAILER, announced);
        }
        Ok(response)
    }

    fn refuse(&self, uri: &Uri, why: &Unread, limit: u64) -> Response<ReplyBody> {
        let mut response = self.gateway.refuse(uri, &why.error(limit));
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        response
    }

    /// Whether the server lives, and whether it should be sent requests.
    fn probe(&self, method: &Method, uri: &Uri) -> Response<ReplyBody> {
        let (status, text) = if *method != Method::GET && *method != Method::HEAD {
            (StatusCode::METHOD_NOT_ALLOWED, "use GET")
        } else if uri.path() == "/healthz" {
            (StatusCode::OK, "ok")
        } else if self.lifecycle.phase() != Phase::Serving {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else if self.gateway.ready() {
            (StatusCode::OK, "ready")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "no provider has a key")
        };
        let body = format!("{{\"status\":\"{text}\"}}\n");
        let mut response = Response::new(ReplyBody::from_bytes(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Whether a body of this kind may be sent on while it arrives: files, not what the gateway reads.
fn is_upload(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.trim_start().to_ascii_lowercase();
    [
        "multipart/",
        "audio/",
        "image/",
        "video/",
        "application/octet-stream",
    ]
    .iter()
    .any(|start| kind.starts_with(start))
}

/// Reads a body of at most `limit` bytes, each read a segment of its own. Of a large upload the rest
/// is left to whoever sends it on.
async fn receive(
    mut body: Incoming,
    limit: u64,
    headers: &HeaderMap,
) -> Result<(Segments, Option<Upload>), Unread> {
    let waits = headers.contains_key(header::EXPECT);
    let uploads = is_upload(headers);
    if body.size_hint().lower() > limit {
        // Who waits to be asked for the body need not be asked.
        if !waits {
            discard(body).await;
        }
        return Err(Unread::TooLarge);
    }
    let mut segments = Segments::new();
    while let Some(data) = piece(&mut body).await? {
        segments.push(data);
        if segments.len() as u64 > limit {
            discard(body).await;
            return Err(Unread::TooLarge);
        }
        if body.is_end_stream() {
            break;
        }
        if uploads && segments.len() > IN_MEMORY {
            let seen = segments.len() as u64;
            let left = body.size_hint().exact();
            let pieces = stream::unfold(Some((body, seen)), move |state| async move {
                let (mut body, seen) = state?;
                let why = match piece(&mut body).await {
                    Ok(None) => return None,
                    Ok(Some(piece)) if seen + piece.len() as u64 <= limit => {
                        let seen = seen + piece.len() as u64;
                        return Some((Ok(piece), Some((body, seen))));
                    }
                    Ok(Some(_)) => Unread::TooLarge,
                    Err(why) => why,
                };
                Some((Err(why.error(limit)), None))
            });
            return Ok((segments, Some(Upload::new(pieces, left))));
        }
    }
    Ok((segments, None))
}

/// The next bytes of a body. The timer is set only when they are not there yet.
async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Unread> {
    let mut timer = None;
    loop {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(Some(frame));
            }
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY_IDLE)));
            timer.as_mut().poll(cx).map(|()| None)
        });
        match frame.await {
            None => return Err(Unread::Broken("the request body stopped arriving")),
            Some(None) => return Ok(None),
            Some(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Some(Err(_))) => return Err(Unread::Broken("the request body is incomplete")),
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut seen = 0;
    while seen < MOST_DISCARDED {
        match piece(&mut body).await {
            Ok(Some(data)) => seen += data.len() as u64,
            _ => return,
        }
    }
}
