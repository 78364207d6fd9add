use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn large_body_reaches_the_upstream_whole() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    let text = "0123456789abcdef".repeat(1 << 16);
    let body =
        format!(r#"{{"model":"up/m","messages":[{{"role":"user","content":"{text}"}}],"x":1.0}}"#);
    let ask = post("/v1/chat/completions", &body);
    let ((mut peer, received), ()) = tokio::join!(upstream.request(), client.send(&ask));
    assert!(received == body.replace("\"up/m\"", "\"m\""));
    peer.send(&completion("got it")).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn chunked_body_is_joined() {
    let served = serve(scripted("openai", &json!([{ "text": "ok" }])));
    let mut client = served.connect().await;
    client
        .send("POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let body = chat("mock/m", false);
    let (first, second) = body.split_at(10);
    for part in [first, second] {
        client
            .send(&format!("{:x}\r\n{part}\r\n", part.len()))
            .await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn body_beyond_the_limit_is_refused_in_the_callers_dialect() {
    let mut config = scripted("openai", &json!([]));
    config["server"] = json!({ "max_body": "1KiB" });
    let served = serve(config);
    let body = " ".repeat(300_000);
    let chunked = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for ask in [post("/v1/messages", &body), chunked] {
        let answer = served.connect().await.ask(&ask).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        assert_eq!(answer.json()["error"]["type"], "request_too_large");
        assert_eq!(
            answer.header("x-tidegate-error"),
            Some("1106 body_too_large")
        );
    }
    let answer = served
        .connect()
        .await
        .ask(&post("/v1/chat/completions", &body))
        .await;
    assert_eq!(answer.json()["error"]["code"], "body_too_large");
    // Who waits to be asked for the body is told at once.
    let mut client = served.connect().await;
    client
        .send("POST /v1/messages HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 99999\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn body_is_asked_for_when_the_client_waits_for_that() {
    let served = serve(scripted("openai", &json!([{ "text": "ok" }])));
    let mut client = served.connect().await;
    let ask = post_with(
        "/v1/chat/completions",
        &[("expect", "100-continue")],
        &chat("mock/m", false),
    );
    let (head, body) = ask.split_once("\r\n\r\n").unwrap();
    client.send(&format!("{head}\r\n\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.send(body).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn reply_in_chunks_is_given_a_length() {
    let upstream = Upstream::bind().await;
    let served = serve(pointed_at(&upstream.address));
    let mut client = served.connect().await;
    let ask = post("/v1/chat/completions", &chat("up/m", false));
    client.send(&ask).await;
    let (mut peer, _) = upstream.request().await;
    let whole = completion("in chunks");
    let body = whole.split_once("\r\n\r\n").unwrap().1;
    peer.send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: keep-alive\r\n\
         transfer-encoding: chunked\r\n\r\n",
    )
    .await;
    let (first, second) = body.split_at(7);
    for part in [first, second] {
        peer.send(&format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    peer.send("0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.body, body);
    assert_eq!(
        answer.header("content-length"),
        Some(body.len().to_string().as_str())
    );
    assert_eq!(answer.header("transfer-encoding"), None);
}
