//! From a host to an open stream: name resolution, TCP, proxies, TLS.

use std::{
    error::Error as StdError,
    future::{Ready, ready},
    io,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Authority};
use hyper_util::{
    client::{
        legacy::connect::{
            HttpConnector,
            proxy::{SocksV4, SocksV5, Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use tower_service::Service;

use super::{
    stream::{Socket, Stream},
    tls::Tls,
};
use crate::transport::TransportError;

/// Silence after which the kernel asks whether the other side still lives; keeps long quiet streams
/// alive in address translators.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Opens streams to upstreams.
pub(super) struct Dialer {
    tcp: HttpConnector,
    tls: Tls,
    proxies: Option<Matcher>,
}

/// Where a request goes, and how.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) authority: Authority,
    pub(super) secure: bool,
    pub(super) proxy: Option<Intercept>,
}

impl Route {
    /// True when requests name the whole URL, because an HTTP proxy reads them.
    pub(super) fn absolute_form(&self) -> bool {
        !self.secure
            && self
                .proxy
                .as_ref()
                .is_some_and(|proxy| !is_socks(proxy.uri()))
    }

    /// What the proxy wants to see in every request it reads.
    pub(super) fn proxy_authorization(&self) -> Option<&HeaderValue> {
        self.proxy
            .as_ref()
            .filter(|_| self.absolute_form())
            .and_then(Intercept::basic_auth)
    }

    /// With the port spelt out: some proxy protocols would otherwise assume the one of `https`.
    fn uri(&self) -> Result<Uri, TransportError> {
        let (scheme, usual) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let port = self.authority.port_u16().unwrap_or(usual);
        Uri::builder()
            .scheme(scheme)
            .authority(format!("{}:{port}", self.authority.host()))
            .path_and_query("/")
            .build()
            .map_err(|error| TransportError::InvalidUrl(error.to_string()))
    }
}

impl Dialer {
    /// Reads the proxy variables and `SSL_CERT_FILE` from `env`, once.
    pub(super) fn new(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        Self {
            tcp,
            tls: Tls::new(
                env("SSL_CERT_FILE")
                    .filter(|path| !path.is_empty())
                    .map(Into::into),
            ),
            proxies: proxies(env),
        }
    }

    /// The route to `authority`.
    pub(super) fn route(&self, uri: &Uri, authority: Authority, secure: bool) -> Route {
        let proxy = self
            .proxies
            .as_ref()
            .and_then(|matcher| matcher.intercept(uri));
        Route {
            authority,
            secure,
            proxy,
        }
    }

    /// Opens a stream along `route`, TLS included.
    pub(super) async fn dial(&self, route: &Route) -> Result<Stream, TransportError> {
        let stream = match &route.proxy {
            None => self.tcp(route.uri()?).await?,
            Some(proxy) => self.through(proxy, route).await?,
        };
        if route.secure {
            self.tls.wrap(stream, route.authority.host()).await
        } else {
            Ok(stream)
        }
    }

    async fn tcp(&self, to: Uri) -> Result<Stream, TransportError> {
        let place = place(&to);
        let socket =
            self.tcp.clone().call(to).await.map_err(|error| {
                TransportError::ConnectFailed(format!("{place}: {}", root(&error)))
            })?;
        Ok(Stream::Tcp(Socket(socket.into_inner())))
    }

    async fn through(&self, proxy: &Intercept, route: &Route) -> Result<Stream, TransportError> {
        let to = &proxy_uri(proxy);
        let place = place(to);
        let failed = |error: &(dyn StdError + 'static)| {
            TransportError::ConnectFailed(format!("through the proxy {place}: {}", root(error)))
        };
        let mut stream = self.tcp(to.clone()).await?;
        if to.scheme_str() == Some("https") {
            stream = self.tls.wrap(stream, to.host().unwrap_or_default()).await?;
        }
        if route.absolute_form() {
            return Ok(stream);
        }
        let open = Open(Some(TokioIo::new(stream)));
        let stream = match to.scheme_str() {
            Some("socks5" | "socks5h") => {
                let mut socks = SocksV5::new(to.clone(), open);
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                let local = to.scheme_str() == Some("socks5");
                socks
                    .local_dns(local)
                    .call(route.uri()?)
                    .await
                    .map_err(|error| failed(&error))?
            }
            Some("socks4" | "socks4a") => {
                let local = to.scheme_str() == Some("socks4");
                let mut socks = SocksV4::new(to.clone(), open).local_dns(local);
                socks
                    .call(route.uri()?)
                    .await
                    .map_err(|error| failed(&error))?
            }
            _ => {
                let mut tunnel = Tunnel::new(to.clone(), open);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                tunnel
                    .call(route.uri()?)
                    .await
                    .map_err(|error| failed(&error))?
            }
        };
        Ok(stream.into_inner())
    }
}

/// The proxy's URL with its port; the usual one of SOCKS is 1080.
fn proxy_uri(proxy: &Intercept) -> Uri {
    let uri = proxy.uri();
    let (Some(scheme), Some(host), None, true) =
        (uri.scheme(), uri.host(), uri.port(), is_socks(uri))
    else {
        return uri.clone();
    };
    let whole = Uri::builder()
        .scheme(scheme.clone())
        .authority(format!("{host}:1080"))
        .path_and_query("/");
    whole.build().unwrap_or_else(|_| uri.clone())
}

fn is_socks(proxy: &Uri) -> bool {
    proxy
        .scheme_str()
        .is_some_and(|scheme| scheme.starts_with("socks"))
}

/// The variables curl reads, in the order curl reads them. `HTTP_PROXY` is ignored in a CGI
/// environment, where a client can set it with a `Proxy:` header.
fn proxies(env: &dyn Fn(&str) -> Option<String>) -> Option<Matcher> {
    if env("REQUEST_METHOD").is_some() {
        return None;
    }
    let first = |names: [&str; 2]| {
        names
            .into_iter()
            .find_map(|name| env(name).filter(|value| !value.is_empty()))
    };
    let all = first(["ALL_PROXY", "all_proxy"]);
    let http = first(["HTTP_PROXY", "http_proxy"]);
    let https = first(["HTTPS_PROXY", "https_proxy"]);
    if all.is_none() && http.is_none() && https.is_none() {
        return None;
    }
    let matcher = Matcher::builder()
        .all(all.unwrap_or_default())
        .http(http.unwrap_or_default())
        .https(https.unwrap_or_default())
        .no(first(["NO_PROXY", "no_proxy"]).unwrap_or_default());
    Some(matcher.build())
}

/// Host and port, without anything secret around them.
fn place(uri: &Uri) -> String {
    let port = uri
        .port_u16()
        .unwrap_or(if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        });
    format!("{}:{port}", uri.host().unwrap_or_default())
}

/// The innermost cause: "Connection refused", not the chain of who passed it on.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A connector that hands out the stream it was given: the proxy protocols want to connect
/// themselves, but the way to the proxy is already open.
struct Open(Option<TokioIo<Stream>>);

impl Service<Uri> for Open {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(
            self.0
                .take()
                .ok_or_else(|| io::ErrorKind::NotConnected.into()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_without_a_port_have_the_usual_one() {
        for (given, expected) in [
            ("socks5://proxy.example", "proxy.example:1080"),
            ("socks5h://proxy.example:9", "proxy.example:9"),
            ("http://proxy.example", "proxy.example:80"),
            ("proxy.example:3128", "proxy.example:3128"),
        ] {
            let matcher = Matcher::builder().all(given).build();
            let uri = Uri::from_static("https://vendor.example/");
            let proxy = matcher.intercept(&uri).expect("a proxy for every host");
            assert_eq!(place(&proxy_uri(&proxy)), expected);
        }
    }
}
