//! The way to real upstreams: HTTP/1.1 over TCP or TLS, with kept-alive connections.

mod connection;
mod dial;
mod gate;
mod payload;
mod pool;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::{fmt, sync::Arc};

use http::{
    HeaderValue, Method, Request,
    header::{CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING},
    uri::Authority,
};

pub(crate) use connection::Connection;
use connection::Failure;
use dial::Dialer;
use payload::Payload;
use pool::{Host, Pool};

use crate::transport::{HttpRequest, HttpResponse, Sending, Transport, TransportError};

/// Sends requests to real upstreams.
///
/// Creating one starts nothing and opens nothing; connections are made by the requests themselves,
/// on the runtime that polls them, and kept for 60 to 75 seconds of idleness. Clones share them.
/// A new one must be created after a fork.
///
/// Requests ask for no compression. Of the environment it reads, once, the proxy variables
/// (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case) and `SSL_CERT_FILE`,
/// whose certificates are trusted beside the machine's and Mozilla's.
#[derive(Clone)]
pub struct HyperTransport(Arc<Inner>);

struct Inner {
    dialer: Dialer,
    pool: Pool,
}

impl HyperTransport {
    /// A transport that takes its proxies and certificates from `env`.
    pub fn new(env: &dyn Fn(&str) -> Option<String>) -> Self {
        Self(Arc::new(Inner {
            dialer: Dialer::new(env),
            pool: Pool::default(),
        }))
    }
}

impl Transport for HyperTransport {
    fn send(&self, request: HttpRequest) -> Sending {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(request).await })
    }
}

impl Inner {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let host = self.host(&request.uri)?;
        let (connect_timeout, limit) = (request.connect_timeout, request.first_byte_timeout);
        let mut request = prepare(request, &host);
        loop {
            let kept = host.take();
            let reused = kept.is_some();
            let connection = match kept {
                Some(connection) => connection,
                None => self.connect(&host, connect_timeout).await?,
            };
            match connection.exchange(request, limit).await {
                Ok((head, body)) => {
                    return Ok(HttpResponse {
                        status: head.status,
                        headers: head.headers,
                        body,
                    });
                }
                Err(Failure::Unsent(unsent)) if reused => request = *unsent,
                Err(Failure::Unsent(_)) => {
                    let text = "closed before it took the request".to_owned();
                    return Err(TransportError::ConnectionLost(text));
                }
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
    }

    async fn connect(
        &self,
        host: &Arc<Host>,
        limit: std::time::Duration,
    ) -> Result<Box<Connection>, TransportError> {
        // Boxed: connecting is rare, and its state would make every request's future large.
        let dialing = Box::pin(async {
            let stream = self.dialer.dial(&host.route).await?;
            Connection::open(stream, Arc::clone(host)).await
        });
        tokio::time::timeout(limit, dialing)
            .await
            .map_err(|_| TransportError::ConnectTimeout)?
    }

    fn host(&self, uri: &http::Uri) -> Result<Arc<Host>, TransportError> {
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                return Err(TransportError::InvalidUrl(
                    "it begins with neither http:// nor https://".to_owned(),
                ));
            }
        };
        let Some(authority) = uri
            .authority()
            .filter(|authority| !authority.host().is_empty())
        else {
            return Err(TransportError::InvalidUrl("it names no host".to_owned()));
        };
        if authority.as_str().contains('@') {
            let text = "it contains a user name; put secrets into headers or keys";
            return Err(TransportError::InvalidUrl(text.to_owned()));
        }
        Ok(self.pool.host(authority, secure, || {
            self.dialer.route(uri, Authority::clone(authority), secure)
        }))
    }
}

/// The request as the wire wants it.
fn prepare(request: HttpRequest, host: &Host) -> Request<Payload> {
    let HttpRequest {
        method,
        uri,
        mut headers,
        body,
        ..
    } = request;
    if !headers.contains_key(HOST) {
        headers.insert(HOST, host.header.clone());
    }
    // The framing is the transport's business: a length the caller's body had may be wrong by now.
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    if body.is_empty()
        && !matches!(
            method,
            Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
        )
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if let Some(authorization) = host.route.proxy_authorization() {
        headers.insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    let mut out = Request::new(Payload::from(body));
    *out.method_mut() = method;
    *out.uri_mut() = pool::request_uri(uri, host.route.absolute_form());
    *out.headers_mut() = headers;
    out
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperTransport")
    }
}
