//! A vendor that answers at once: an OpenAI-shaped reply of about 1.2 KB, or a stream whose events
//! leave one by one at a fixed pace when the request says `"stream":true`.
//!
//! `bench-upstream LISTEN [EVENTS] [GAP_MICROSECONDS]`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a vendor has no engine to spawn through"
)]

use std::{convert::Infallible, io, process::ExitCode, time::Duration};

use futures_util::{Stream, stream};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[derive(Clone, Copy)]
struct Pace {
    events: usize,
    gap: Duration,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(listen) = arguments.first() else {
        eprintln!("usage: bench-upstream LISTEN [EVENTS] [GAP_MICROSECONDS]");
        return ExitCode::from(2);
    };
    let number = |index: usize| {
        arguments
            .get(index)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let pace = Pace {
        events: number(1).unwrap_or(100) as usize,
        gap: Duration::from_micros(number(2).unwrap_or(10_000)),
    };
    match run(listen, pace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-upstream: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(listen: &str, pace: Pace) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("listening on {}", listener.local_addr()?);
        let reply = Bytes::from(benches::corpus::reply());
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let reply = reply.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| answer(request, reply.clone(), pace));
                // A connection that ends badly is the client's business.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    reply: Bytes,
    pace: Pace,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let mut body = request.into_body();
    let mut streamed = false;
    let mut first = true;
    while let Some(frame) = body.frame().await {
        if let (Ok(data), true) = (frame?.into_data(), first) {
            let head = &data[..data.len().min(4096)];
            streamed = memchr::memmem::find(head, b"\"stream\":true").is_some();
            first = false;
        }
    }
    let kind = if streamed {
        "text/event-stream"
    } else {
        "application/json"
    };
    let body = if streamed {
        StreamBody::new(events(pace)).boxed_unsync()
    } else {
        Full::new(reply).boxed_unsync()
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(response)
}

/// Role and first content together, as they come from vendors; then content events, the end, usage
/// and `[DONE]`, each on its own tick.
fn events(pace: Pace) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let start = tokio::time::Instant::now();
    stream::unfold(0, move |number| async move {
        let mut event = benches::corpus::event(number, pace.events)?;
        let mut next = number + 1;
        if number == 0 {
            event.push_str(&benches::corpus::event(next, pace.events)?);
            next += 1;
        } else if !pace.gap.is_zero() {
            let tick = u32::try_from(number).unwrap_or(u32::MAX).saturating_sub(1);
            tokio::time::sleep_until(start + pace.gap * tick).await;
        }
        Some((Ok(Frame::data(Bytes::from(event))), next))
    })
}
