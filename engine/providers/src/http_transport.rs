//! The way to real upstreams: HTTP/1.1 over TCP or TLS, with kept-alive connections.

mod connection;
mod dial;
mod h1;
mod pool;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod upgrade;

use std::{fmt, sync::Arc};

use http::uri::Authority;
use tokio::runtime::{Handle, Id};

pub(crate) use connection::Connection;
use dial::Dialer;
use pool::{Host, Pool};

use crate::{
    socket::SocketLimits,
    transport::{HttpRequest, HttpResponse, Opening, Sending, Transport, TransportError},
};

/// Sends requests to real upstreams.
///
/// Creating one starts nothing and opens nothing; connections are made by the requests themselves,
/// on the runtime that polls them and for requests of that runtime, and kept for 60 to 75 seconds of
/// idleness. Clones share them. A new one must be created after a fork.
///
/// Requests ask for no compression. Of the environment it reads, once, the proxy variables
/// (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case) and `SSL_CERT_FILE`,
/// whose certificates are trusted beside the machine's and Mozilla's.
#[derive(Clone)]
pub struct HttpTransport(Arc<Inner>);

struct Inner {
    dialer: Dialer,
    pool: Pool,
}

impl HttpTransport {
    /// A transport that takes its proxies and certificates from `env`.
    pub fn new(env: &dyn Fn(&str) -> Option<String>) -> Self {
        Self(Arc::new(Inner {
            dialer: Dialer::new(env),
            pool: Pool::default(),
        }))
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> Sending {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(request).await })
    }

    fn takes_uploads(&self) -> bool {
        true
    }

    fn open(&self, request: HttpRequest, limits: SocketLimits) -> Opening {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { upgrade::open(&inner, request, limits).await })
    }
}

impl Inner {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let host = self.host(&request.uri)?;
        // A connection that the upstream closed meanwhile takes nothing, so nothing is sent twice.
        let home = Handle::try_current().ok().map(|runtime| runtime.id());
        let kept = std::iter::from_fn(|| host.take(home)).find_map(|mut connection| {
            let fresh = !connection.is_stale();
            fresh.then_some(connection)
        });
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect(&host, home, request.connect_timeout).await?,
        };
        connection.exchange(&request).await
    }

    async fn connect(
        &self,
        host: &Arc<Host>,
        home: Option<Id>,
        limit: std::time::Duration,
    ) -> Result<Box<Connection>, TransportError> {
        // Boxed: connecting is rare, and its state would make every request's future large.
        let dialing = Box::pin(async {
            let stream = self.dialer.dial(&host.route).await?;
            Ok(Connection::new(stream, Arc::clone(host), home))
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

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}
