//! A client that goes away takes its upstream along.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use hyper::{body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, time::Instant};

use crate::support::*;

const AT_ONCE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn waiting_client_that_vanishes_closes_the_upstream() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", false)))
        .await;
    let (mut peer, _) = upstream.request().await;
    let start = Instant::now();
    drop(client);
    peer.closed().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    served.quiet().await;
}

#[tokio::test]
async fn streaming_client_that_vanishes_closes_the_upstream() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", true)))
        .await;
    let (mut peer, _) = upstream.request().await;
    peer.send(STREAM_HEAD).await;
    peer.send(&event("tick")).await;
    client.head().await;
    assert!(client.chunk().await.unwrap().contains("tick"));
    let start = Instant::now();
    drop(client);
    peer.closed().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    served.quiet().await;
}

#[tokio::test]
async fn http2_stream_that_is_reset_closes_the_upstream() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let stream = TcpStream::connect(served.address()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::post("http://test/v1/chat/completions")
        .body(Full::new(Bytes::from(chat("up/m", false))))
        .unwrap();
    let asking = tokio::spawn(sender.send_request(request));
    let (mut peer, _) = upstream.request().await;
    let start = Instant::now();
    asking.abort();
    peer.closed().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(!driver.is_finished());
    driver.abort();
}

#[tokio::test]
async fn each_event_passes_at_once() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", true)))
        .await;
    let (mut peer, _) = upstream.request().await;
    peer.send(STREAM_HEAD).await;
    for count in 0..3 {
        peer.send(&event(&format!("tick {count}"))).await;
        if count == 0 {
            client.head().await;
        }
        assert!(
            client
                .chunk()
                .await
                .unwrap()
                .contains(&format!("tick {count}"))
        );
    }
    peer.send(STREAM_END).await;
    assert!(client.chunk().await.unwrap().contains("[DONE]"));
    assert!(client.chunk().await.is_none());
}

#[tokio::test]
async fn upstream_connection_is_used_again() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", true)))
        .await;
    let (mut peer, _) = upstream.request().await;
    peer.send(STREAM_HEAD).await;
    peer.send(&event("tick")).await;
    peer.send(STREAM_END).await;
    assert!(client.answer().await.body.contains("tick"));
    client
        .send(&post("/v1/chat/completions", &chat("up/m", false)))
        .await;
    peer.head().await;
    peer.send(&completion("again")).await;
    assert!(client.answer().await.body.contains("again"));
}
