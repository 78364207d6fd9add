//! From a request on the wire to the gateway and back.

use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use hyper::body::Incoming;
use tidegate::{
    Code, Error, Gateway, Segments,
    config::Size,
    header as names,
    wire::{ReplyBody, Trust},
};

use crate::phase::{Lifecycle, Phase};

/// Largest request body when the configuration does not say.
const MAX_BODY: u64 = 128 << 20;

/// Longest silence in the middle of a request body.
const BODY_IDLE: Duration = Duration::from_mins(1);

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

impl Service {
    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let (head, body) = request.into_parts();
        if let "/healthz" | "/readyz" = head.uri.path() {
            return Ok(self.probe(&head.method, &head.uri));
        }
        let body = if body.is_end_stream() {
            Segments::new()
        } else {
            let limit = self
                .gateway
                .config()
                .server
                .max_body
                .map_or(MAX_BODY, |Size(max)| max);
            match collect(body, limit, head.headers.contains_key(header::EXPECT)).await {
                Ok(body) => body,
                Err(why) => return Ok(self.refuse(&head.uri, &why, limit)),
            }
        };
        let trailers = head
            .headers
            .get(header::TE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
        let request = Request::from_parts(head, body);
        let mut response = self.gateway.handle(request, Trust::Network).await;
        if trailers && response.body().size_hint().exact().is_none() {
            // HTTP/1.1 sends only trailers that were announced.
            let cost = HeaderValue::from_name(names::COST);
            response.headers_mut().insert(header::TRAILER, cost);
        }
        Ok(response)
    }

    fn refuse(&self, uri: &Uri, why: &Unread, limit: u64) -> Response<ReplyBody> {
        let error = match why {
            Unread::TooLarge => Error::new(
                Code::BodyTooLarge,
                format!("the request body is larger than {limit} bytes"),
            ),
            Unread::Broken(text) => Error::new(Code::InvalidRequest, *text),
        };
        let mut response = self.gateway.refuse(uri, &error);
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

/// Reads a body of at most `limit` bytes, each read a segment of its own.
async fn collect(mut body: Incoming, limit: u64, waits: bool) -> Result<Segments, Unread> {
    if body.size_hint().lower() > limit {
        // Who waits to be asked for the body need not be asked.
        if !waits {
            discard(body).await;
        }
        return Err(Unread::TooLarge);
    }
    let mut segments = Segments::new();
    while let Some(piece) = piece(&mut body).await? {
        segments.push(piece);
        if segments.len() as u64 > limit {
            discard(body).await;
            return Err(Unread::TooLarge);
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(segments)
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
