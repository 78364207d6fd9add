use std::time::Duration;

use serde_json::json;
use tidegate::{
    Code,
    bridge::{Engine, Source},
};
use tidegate_server::{ServeOptions, Server};
use tokio::{net::TcpStream, time::Instant};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_a_stream_finish_and_takes_no_more() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut idle = served.connect().await;
    assert_eq!(
        idle.ask("GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .status,
        200
    );
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", true)))
        .await;
    let (mut peer, _) = upstream.request().await;
    peer.send(STREAM_HEAD).await;
    peer.send(&event("before")).await;
    client.head().await;
    assert!(client.chunk().await.unwrap().contains("before"));
    served.handle.stop(Some(Duration::from_secs(5)));
    idle.closed().await;
    assert_eq!(served.handle.wait_for(Duration::from_millis(20)), None);
    assert!(TcpStream::connect(served.address()).await.is_err());
    peer.send(&event("after")).await;
    peer.send(STREAM_END).await;
    assert!(client.chunk().await.unwrap().contains("after"));
    assert!(client.chunk().await.unwrap().contains("[DONE]"));
    assert!(client.chunk().await.is_none());
    client.closed().await;
    assert_eq!(served.handle.wait_for(PATIENCE), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_that_takes_too_long_is_cut() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", false)))
        .await;
    let (mut peer, _) = upstream.request().await;
    let start = Instant::now();
    served.handle.stop(Some(Duration::from_millis(50)));
    client.closed().await;
    peer.closed().await;
    assert_eq!(served.handle.wait_for(PATIENCE), Some(1));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn second_stop_ends_a_drain() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    client
        .send(&post("/v1/chat/completions", &chat("up/m", false)))
        .await;
    let (mut peer, _) = upstream.request().await;
    served.handle.stop(None);
    assert_eq!(served.handle.wait_for(Duration::from_millis(20)), None);
    served.handle.stop(Some(Duration::ZERO));
    peer.closed().await;
    assert_eq!(served.handle.wait_for(PATIENCE), Some(1));
}

#[tokio::test]
async fn draining_server_is_not_ready() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    // A request whose head is not complete keeps its connection open.
    client.send("GET /readyz HTTP/1.1\r\nhost: t\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    served.handle.stop(Some(Duration::from_secs(5)));
    client.send("\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({ "status": "draining" }));
}

#[test]
fn taken_port_is_a_clear_error() {
    let served = serve(scripted("openai", &json!([])));
    let options = ServeOptions {
        listen: Some(served.address().to_owned()),
        ..ServeOptions::default()
    };
    let error = Server::start(&served.engine, options).unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfig);
    assert!(error.message().contains(served.address()), "{error}");
}

#[test]
fn server_starts_again_where_it_stopped() {
    let served = serve(scripted("openai", &json!([])));
    let address = served.address().to_owned();
    assert_eq!(served.handle.shutdown(None), 0);
    let again = serve_at(scripted("openai", &json!([])), &address);
    assert_eq!(again.address(), address);
}

#[test]
fn client_of_another_gateway_cannot_be_served() {
    let engine = Engine::connect("http://127.0.0.1:1", None).unwrap();
    let error = Server::start(&engine, ServeOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest);
}

#[tokio::test]
async fn reloaded_configuration_serves_the_next_call() {
    let served = serve(scripted("openai", &json!([{ "text": "old" }])));
    let mut client = served.connect().await;
    let ask = post("/v1/chat/completions", &chat("mock/m", false));
    assert!(client.ask(&ask).await.body.contains("old"));
    let next = scripted("openai", &json!([{ "text": "new" }]));
    served.engine.reload(Some(Source::Value(next))).unwrap();
    assert!(client.ask(&ask).await.body.contains("new"));
}

#[tokio::test]
async fn many_clients_are_served_by_several_threads() {
    let served = serve(scripted("openai", &json!([{ "text": "hello" }])));
    let ask = post("/v1/chat/completions", &chat("mock/m", true));
    let clients = (0..40).map(|_| async {
        let mut client = served.connect().await;
        for _ in 0..10 {
            assert!(client.ask(&ask).await.body.ends_with("data: [DONE]\n\n"));
        }
    });
    futures_util::future::join_all(clients).await;
    served.quiet().await;
}

#[tokio::test]
async fn version_6_addresses_are_served() {
    // Machines without the protocol have nothing to test.
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let served = serve_at(scripted("openai", &json!([])), "[::1]:0");
    assert!(served.handle.addr().starts_with("http://[::1]:"));
    let ask = "GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n";
    assert_eq!(served.connect().await.ask(ask).await.status, 200);
}
