//! The least a proxy can do: a hyper server, a pooled hyper client, both bodies streamed, nothing
//! looked at, one runtime with two threads. Every server figure is a ratio to this program.
//!
//! `bench-bare-pass LISTEN UPSTREAM [THREADS]`, for instance `127.0.0.1:9100 127.0.0.1:9000 2`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a bare program has no engine to spawn through"
)]

use std::{convert::Infallible, io, process::ExitCode};

use http::{Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{Either, Empty};
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

/// As in the server: otherwise the allocator would be measured, not the proxy.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Pool = Client<HttpConnector, Incoming>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(listen), Some(upstream)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: bench-bare-pass LISTEN UPSTREAM [THREADS]");
        return ExitCode::from(2);
    };
    let threads = arguments
        .get(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2);
    match run(listen, upstream, threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-bare-pass: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(listen: &str, upstream: &str, threads: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
        let listener = TcpListener::bind(listen).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let (pool, upstream) = (pool.clone(), upstream.to_owned());
            tokio::spawn(async move {
                let service = service_fn(|request| pass(&pool, &upstream, request));
                // A connection that ends badly is the client's business.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    })
}

async fn pass(
    pool: &Pool,
    upstream: &str,
    mut request: Request<Incoming>,
) -> Result<Response<Either<Incoming, Empty<Bytes>>>, Infallible> {
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme("http")
        .authority(upstream)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build();
    let answer = match uri {
        Ok(uri) => {
            *request.uri_mut() = uri;
            request.headers_mut().remove(header::HOST);
            request.headers_mut().remove(header::CONNECTION);
            pool.request(request).await.ok()
        }
        Err(_) => None,
    };
    Ok(answer.map_or_else(
        || {
            let mut refusal = Response::new(Either::Right(Empty::new()));
            *refusal.status_mut() = StatusCode::BAD_GATEWAY;
            refusal
        },
        |answer| answer.map(Either::Left),
    ))
}
