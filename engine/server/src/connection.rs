//! One client connection: which protocol it speaks, and serving that.

use std::{future::Future, io, net::IpAddr, sync::Arc, time::Duration};

use hyper::{
    Request,
    body::Incoming,
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidegate::wire::wants_socket;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;

use crate::{service::Service, timer::HeadTimer, upgrade::Slot};

/// Longest time for the head of a request, and for a connection to stay idle: longer than clients
/// keep theirs, so that it is the client who gives an idle connection up.
const HEAD: Duration = Duration::from_secs(90);

/// Longest time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How often an HTTP/2 client is asked whether it still lives.
const PING: Duration = Duration::from_secs(30);

/// Pause before looking again at a connection that has sent less than three bytes.
const SOON: Duration = Duration::from_millis(5);

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection as it was accepted.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// Serves a connection to its end.
pub(crate) async fn serve(service: Arc<Service>, socket: Socket, tls: Option<TlsAcceptor>) {
    let result = match socket {
        Socket::Tcp(stream) => tcp(service, stream, tls).await,
        #[cfg(unix)]
        Socket::Unix(stream) => match tokio::net::UnixStream::from_std(stream) {
            Ok(stream) => plain(service, stream, None).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended before a request");
    }
}

async fn tcp(
    service: Arc<Service>,
    stream: std::net::TcpStream,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let stream = TcpStream::from_std(stream)?;
    // A connection that is gone already fails at its first read.
    let _ = stream.set_nodelay(true);
    // One that is gone already has none, and is asked for nothing.
    let peer = stream.peer_addr()?.ip().to_canonical();
    let peer = Some(peer);
    match tls {
        Some(acceptor) => Box::pin(secure(service, stream, acceptor, peer)).await,
        None => plain(service, stream, peer).await,
    }
}

async fn plain<S: Peek>(service: Arc<Service>, stream: S, peer: Option<IpAddr>) -> io::Result<()> {
    if speaks_http2(&stream).await? {
        Box::pin(serve_http2(service, TokioIo::new(stream), peer)).await;
    } else {
        serve_http1(service, TokioIo::new(stream), peer).await;
    }
    Ok(())
}

async fn secure(
    service: Arc<Service>,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    peer: Option<IpAddr>,
) -> io::Result<()> {
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    if http2 {
        serve_http2(service, io, peer).await;
    } else {
        serve_http1(service, io, peer).await;
    }
    Ok(())
}

async fn serve_http1(
    service: Arc<Service>,
    io: impl Read + Write + Unpin + Send + 'static,
    peer: Option<IpAddr>,
) {
    let lifecycle = Arc::clone(&service.lifecycle);
    let upgraded = Slot::default();
    let slot = upgraded.clone();
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, slot) = (Arc::clone(&service), slot.clone());
        async move {
            if wants_socket(&request) {
                return Ok(slot.fill(&service, request, peer).await);
            }
            service.answer(request, peer).await
        }
    });
    let connection = http1::Builder::new()
        .timer(HeadTimer::default())
        .header_read_timeout(HEAD)
        .serve_connection(io, answer)
        .with_upgrades();
    lifecycle
        .accompany(connection, http1::UpgradeableConnection::graceful_shutdown)
        .await;
    // Boxed: hardly a connection is upgraded, and all of them would carry its state.
    if let Some(session) = upgraded.take() {
        Box::pin(session.serve(&lifecycle)).await;
    }
}

async fn serve_http2(
    service: Arc<Service>,
    io: impl Read + Write + Unpin + 'static,
    peer: Option<IpAddr>,
) {
    let lifecycle = Arc::clone(&service.lifecycle);
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = Arc::clone(&service);
        async move { service.answer(request, peer).await }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .serve_connection(io, answer);
    lifecycle
        .accompany(connection, http2::Connection::graceful_shutdown)
        .await;
}

/// A stream whose first bytes can be looked at without taking them.
trait Peek: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn peek(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
}

impl Peek for TcpStream {
    async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.peek(buffer).await
    }
}

#[cfg(unix)]
impl Peek for tokio::net::UnixStream {
    async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::net::{RecvFlags, recv};
        self.async_io(tokio::io::Interest::READABLE, || {
            let (taken, _) = recv(self, &mut *buffer, RecvFlags::PEEK)?;
            Ok(taken)
        })
        .await
    }
}

/// Looks at a connection's first bytes, once they are there.
async fn speaks_http2(stream: &impl Peek) -> io::Result<bool> {
    let until = Instant::now() + HEAD;
    loop {
        let mut start = [0; PREFACE.len()];
        let length = timeout_at(until, stream.peek(&mut start)).await??;
        match &start[..length] {
            [] => return Err(io::ErrorKind::UnexpectedEof.into()),
            // No method of HTTP/1 begins like this, so three bytes decide.
            start if length >= 3 => return Ok(PREFACE.starts_with(start)),
            start if !PREFACE.starts_with(start) => return Ok(false),
            // One or two bytes that could still be either. Looking again gives the same bytes at
            // once, so there is nothing to wait for but time.
            _ if Instant::now() >= until => return Err(io::ErrorKind::TimedOut.into()),
            _ => sleep(SOON).await,
        }
    }
}
