//! Sessions over a WebSocket, between a real client and a vendor whose side the test plays.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};
use tidegate::bridge::Source;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::support::*;

type Socket = WebSocketStream<TcpStream>;

const AT_ONCE: Duration = Duration::from_millis(100);

/// A vendor that speaks WebSocket.
struct Vendor {
    listener: TcpListener,
    address: String,
}

impl Vendor {
    async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    /// Grants the next handshake, and gives it with the session.
    async fn session(&self) -> (Socket, Request<()>) {
        let (stream, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("a handshake in time")
            .unwrap();
        let mut seen = None;
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let note = |request: &Request<()>, mut answer: Response<()>| {
            if let Some(offered) = request.headers().get("sec-websocket-protocol") {
                let first = offered.to_str().unwrap().split(',').next().unwrap();
                let first = HeaderValue::from_str(first.trim()).unwrap();
                answer.headers_mut().insert("sec-websocket-protocol", first);
            }
            seen = Some(request.clone());
            Ok(answer)
        };
        let socket = accept_hdr_async(stream, note).await.unwrap();
        (socket, seen.unwrap())
    }

    fn provider(&self, dialect: &str) -> Value {
        json!({
            "dialect": dialect,
            "base_url": format!("http://{}{}", self.address, if dialect == "openai" { "/v1" } else { "" }),
            "api_key": "sk-upstream",
            "prices": { "*": { "input": 1000, "output": 2000 } },
        })
    }

    /// A gateway before it, with one key that may spend `limit`.
    fn before(&self, limit: &str) -> Value {
        json!({
            "providers": { "up": self.provider("openai") },
            "models": { "voice": { "targets": ["up/gpt-realtime"] } },
            "keys": [{ "id": "alice", "value": "tg-alice", "budgets": [{ "limit": limit, "per": "1d" }] }],
            "assume_output_tokens": 100,
        })
    }
}

impl Served {
    async fn ask(&self, request: Request<()>) -> Result<(Socket, Response<()>), (u16, String)> {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let asked = timeout(PATIENCE, client_async(request, stream)).await;
        match asked.expect("an answer in time") {
            Ok((socket, answer)) => Ok((socket, answer.map(|_| ()))),
            Err(tungstenite::Error::Http(answer)) => {
                let code = answer.headers().get("x-tidegate-error");
                let code = code.map_or("", |code| code.to_str().unwrap());
                Err((answer.status().as_u16(), code.to_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn request(&self, target: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let url = format!("ws://{}{target}", self.address());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        request
    }

    /// Alice's session at `target`.
    async fn session(&self, target: &str) -> Socket {
        let request = self.request(target, &[("authorization", "Bearer tg-alice")]);
        self.ask(request).await.expect("a session").0
    }

    /// What alice has spent, and what is held back for her.
    fn spent(&self) -> (String, String) {
        let health = self.engine.gateway().unwrap().health();
        let budget = &health["keys"]["alice"]["budgets"][0];
        let text = |name: &str| budget[name].as_str().unwrap().to_owned();
        (text("spent"), text("reserved"))
    }
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

fn done(id: &str, input: u64, output: u64) -> Value {
    json!({ "type": "response.done", "event_id": "e", "response": {
        "id": id, "object": "realtime.response", "status": "completed",
        "usage": { "total_tokens": input + output, "input_tokens": input, "output_tokens": output },
    } })
}

async fn next(socket: &mut Socket) -> Message {
    let message = timeout(PATIENCE, socket.next())
        .await
        .expect("a message in time");
    message.expect("a message").expect("a sound message")
}

async fn event(socket: &mut Socket) -> Value {
    let message = next(socket).await;
    serde_json::from_slice(&message.clone().into_data()).unwrap_or_else(|_| panic!("{message:?}"))
}

async fn closing(socket: &mut Socket) -> (u16, String) {
    match next(socket).await {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
        other => panic!("{other:?} is no close"),
    }
}

/// Waits until the connection is gone.
async fn gone(socket: &mut Socket) {
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(PATIENCE, ended).await.expect("an end in time");
}

#[tokio::test]
async fn messages_pass_byte_for_byte_and_each_response_is_paid() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let request = served.request(
        "/v1/realtime?model=voice&x=1",
        &[
            ("authorization", "Bearer tg-alice"),
            ("openai-beta", "realtime=v1"),
        ],
    );
    let (session, opened) = tokio::join!(vendor.session(), served.ask(request));
    let ((mut peer, seen), (mut client, answer)) = (session, opened.unwrap());
    assert_eq!(seen.uri(), "/v1/realtime?model=gpt-realtime&x=1");
    assert_eq!(seen.headers()["authorization"], "Bearer sk-upstream");
    assert_eq!(seen.headers()["openai-beta"], "realtime=v1");
    assert!(!seen.headers().contains_key("x-tidegate-key"));
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["x-tidegate-target"], "up/gpt-realtime");
    assert_eq!(answer.headers()["x-tidegate-attempts"], "1");
    assert!(answer.headers().contains_key("x-tidegate-request-id"));

    let odd = Message::text("{ \"type\" : \"session.update\",\"session\":{\"a\":1.00} }");
    client.send(odd.clone()).await.unwrap();
    assert_eq!(next(&mut peer).await, odd);
    let raw = Message::binary(vec![0, 255, 10]);
    for _ in 0..2 {
        client.send(raw.clone()).await.unwrap();
        assert_eq!(next(&mut peer).await, raw);
        peer.send(raw.clone()).await.unwrap();
        assert_eq!(next(&mut client).await, raw);
    }
    client
        .send(Message::text(r#"{"type":"response.create"}"#))
        .await
        .unwrap();
    next(&mut peer).await;
    assert_ne!(served.spent().1, "0");
    let created = json!({ "type": "response.created", "response": { "id": "r1" } });
    peer.send(text(&created)).await.unwrap();
    peer.send(text(&done("r1", 30, 10))).await.unwrap();
    assert_eq!(event(&mut client).await, created);
    assert_eq!(event(&mut client).await["type"], "response.done");
    // 30 x 1000 + 10 x 2000 dollars per million
    assert_eq!(served.spent(), ("0.05".to_owned(), "0".to_owned()));
    client.close(None).await.unwrap();
    gone(&mut peer).await;
    gone(&mut client).await;
    served.quiet().await;
    assert_eq!(served.spent(), ("0.05".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn fragments_are_put_together_and_pings_answered() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    let piece = |text: &'static str, code, last| {
        Message::Frame(Frame::message(text.as_bytes(), OpCode::Data(code), last))
    };
    client
        .send(piece("{\"a\":", Data::Text, false))
        .await
        .unwrap();
    client
        .send(Message::Ping("are you there".into()))
        .await
        .unwrap();
    client
        .send(piece("1}", Data::Continue, true))
        .await
        .unwrap();
    assert_eq!(
        next(&mut client).await,
        Message::Pong("are you there".into())
    );
    assert_eq!(next(&mut peer).await, Message::text("{\"a\":1}"));
    peer.send(Message::Ping("and you".into())).await.unwrap();
    assert_eq!(next(&mut peer).await, Message::Pong("and you".into()));
}

#[tokio::test]
async fn closes_pass_both_ways() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let frame = |code: u16, reason: &'static str| CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    let target = "/openai/v1/realtime?model=up/gpt-realtime";
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    client.close(Some(frame(4001, "enough"))).await.unwrap();
    assert_eq!(closing(&mut peer).await, (4001, "enough".to_owned()));
    assert_eq!(closing(&mut client).await, (4001, "enough".to_owned()));
    gone(&mut client).await;
    let ((mut peer, _), mut client) = tokio::join!(vendor.session(), served.session(target));
    peer.close(Some(frame(4002, "expired"))).await.unwrap();
    assert_eq!(closing(&mut client).await, (4002, "expired".to_owned()));
    gone(&mut peer).await;
    served.quiet().await;
}

#[tokio::test]
async fn whoever_vanishes_takes_the_other_side_along() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    let start = Instant::now();
    drop(client);
    gone(&mut peer).await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    served.quiet().await;

    let ((peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    drop(peer);
    let told = event(&mut client).await;
    assert_eq!(
        (&told["type"], &told["error"]["code"]),
        (&json!("error"), &json!("connection_lost"))
    );
    assert_eq!(closing(&mut client).await.0, 1011);
    served.quiet().await;
}

#[tokio::test]
async fn response_seen_in_part_is_charged_when_its_caller_leaves() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    client
        .send(Message::text(r#"{"type":"response.create"}"#))
        .await
        .unwrap();
    next(&mut peer).await;
    for event in [
        json!({ "type": "response.created", "response": { "id": "r" } }),
        json!({ "type": "response.output_text.delta", "response_id": "r", "delta": "x".repeat(40) }),
    ] {
        peer.send(text(&event)).await.unwrap();
        next(&mut client).await;
    }
    drop(client);
    served.quiet().await;
    let (spent, reserved) = served.spent();
    // 10 tokens of answer, and about 6 of the request.
    assert_eq!((spent.as_str(), reserved.as_str()), ("0.026", "0"));
}

#[tokio::test]
async fn refused_handshake_tries_the_next_target() {
    let (first, second) = (Upstream::bind().await, Vendor::bind().await);
    let mut config = second.before("10");
    config["providers"]["full"] = json!({
        "dialect": "openai", "base_url": format!("http://{}/v1", first.address),
        "api_key": "sk-full", "prices": { "*": { "input": 1, "output": 1 } },
    });
    config["models"]["voice"] = json!({
        "targets": ["full/busy"], "fallbacks": ["up/gpt-realtime"], "retry": { "attempts": 1 },
    });
    let served = serve(config);
    let refuse = async {
        let (mut peer, _) = first.request().await;
        let body = r#"{"error":{"message":"full","type":"rate_limit_error"}}"#;
        let length = body.len();
        peer.send(&format!(
            "HTTP/1.1 429 Too Many Requests\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        peer
    };
    let request = served.request("/v1/realtime?model=voice", &[("api-key", "tg-alice")]);
    let (_, (mut peer, seen), opened) = tokio::join!(refuse, second.session(), served.ask(request));
    let (mut client, answer) = opened.unwrap();
    assert_eq!(seen.uri().query(), Some("model=gpt-realtime"));
    assert_eq!(answer.headers()["x-tidegate-attempts"], "2");
    assert_eq!(answer.headers()["x-tidegate-target"], "up/gpt-realtime");
    peer.send(Message::text("{}")).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("{}"));
}

#[tokio::test]
async fn handshakes_are_refused_as_calls_are() {
    let upstream = Upstream::bind().await;
    let mut config = pointed_at(&upstream.address);
    config["keys"] = json!([
        { "id": "alice", "value": "tg-alice", "models": ["up/*"] },
        { "id": "bob", "value": "tg-bob", "disabled": true },
    ]);
    let served = serve(config);
    let cases = [
        ("/v1/realtime?model=up/m", "", 401, "1201 missing_key"),
        (
            "/v1/realtime?model=up/m",
            "tg-nobody",
            401,
            "1202 unknown_key",
        ),
        (
            "/v1/realtime?model=up/m",
            "tg-bob",
            401,
            "1203 inactive_key",
        ),
        (
            "/v1/realtime?model=nothing",
            "tg-alice",
            404,
            "1103 unknown_model",
        ),
        (
            "/v1/nowhere?model=up/m",
            "tg-alice",
            404,
            "1104 unknown_endpoint",
        ),
        ("/v1/responses", "tg-nobody", 401, "1202 unknown_key"),
    ];
    for (target, key, status, code) in cases {
        let mut headers = vec![];
        if !key.is_empty() {
            headers.push(("x-tidegate-key", key));
        }
        let refused = served
            .ask(served.request(target, &headers))
            .await
            .unwrap_err();
        assert_eq!(refused, (status, code.to_owned()), "{target} {key}");
    }
    let mut client = served.connect().await;
    let old = "GET /v1/realtime?model=up/m HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 8\r\n\r\n";
    let answer = client.ask(old).await;
    assert_eq!(
        (answer.status, answer.header("sec-websocket-version")),
        (426, Some("13"))
    );
    let (refusal, answer) = tokio::join!(
        async {
            let (mut peer, _) = upstream.request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}")
                .await;
            peer
        },
        served.ask(served.request("/v1/realtime?model=up/m", &[("x-tidegate-key", "tg-alice")]))
    );
    drop(refusal);
    assert_eq!(answer.unwrap_err(), (403, "2102 upstream_auth".to_owned()));
    served.quiet().await;
}

#[tokio::test]
async fn exhausted_budget_refuses_the_response_and_closes() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("0.3"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    client
        .send(Message::text(r#"{"type":"response.create"}"#))
        .await
        .unwrap();
    next(&mut peer).await;
    peer.send(text(&done("r1", 90, 30))).await.unwrap();
    event(&mut client).await;
    let again = json!({ "type": "response.create", "event_id": "mine" });
    client.send(text(&again)).await.unwrap();
    let told = event(&mut client).await;
    assert_eq!(told["type"], "error");
    assert_eq!(told["error"]["code"], "budget_exhausted");
    assert_eq!(told["error"]["event_id"], "mine");
    assert!(told["event_id"].as_str().unwrap().starts_with("event_"));
    let (code, reason) = closing(&mut client).await;
    assert_eq!(code, 1008);
    assert!(reason.starts_with("budget_exhausted"), "{reason}");
    gone(&mut peer).await;
    served.quiet().await;
    assert_eq!(served.spent(), ("0.15".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn response_the_vendor_begins_by_itself_is_reserved_too() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("0.3"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    let created = |id: &str| json!({ "type": "response.created", "response": { "id": id } });
    peer.send(text(&created("r1"))).await.unwrap();
    event(&mut client).await;
    assert_eq!(served.spent().1, "0.2");
    peer.send(text(&done("r1", 100, 50))).await.unwrap();
    event(&mut client).await;
    let heard = json!({
        "type": "conversation.item.input_audio_transcription.completed", "transcript": "hi",
        "usage": { "type": "tokens", "input_tokens": 20, "output_tokens": 5, "total_tokens": 25 },
    });
    peer.send(text(&heard)).await.unwrap();
    event(&mut client).await;
    assert_eq!(served.spent(), ("0.23".to_owned(), "0".to_owned()));
    peer.send(text(&created("r2"))).await.unwrap();
    assert_eq!(
        event(&mut client).await["error"]["code"],
        "budget_exhausted"
    );
    assert_eq!(closing(&mut client).await.0, 1008);
    gone(&mut peer).await;
}

#[tokio::test]
async fn refused_request_gives_back_what_it_reserved() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    let ask = json!({ "type": "response.create", "event_id": "mine" });
    client.send(text(&ask)).await.unwrap();
    next(&mut peer).await;
    assert_ne!(served.spent().1, "0");
    let error = json!({ "type": "error", "error": { "message": "busy", "event_id": "mine" } });
    peer.send(text(&error)).await.unwrap();
    assert_eq!(event(&mut client).await, error);
    assert_eq!(served.spent(), ("0".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn disabled_key_ends_its_sessions_at_the_next_message() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    let served = serve(config.clone());
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    client.send(Message::text("{}")).await.unwrap();
    next(&mut peer).await;
    config["keys"][0]["disabled"] = json!(true);
    served.engine.reload(Some(Source::Value(config))).unwrap();
    client.send(Message::text("{}")).await.unwrap();
    assert_eq!(event(&mut client).await["error"]["code"], "inactive_key");
    assert_eq!(closing(&mut client).await.0, 1008);
    gone(&mut peer).await;
}

#[tokio::test]
async fn sessions_that_outlive_the_drain_are_told_that_the_server_goes() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    served.handle.stop(Some(Duration::from_millis(50)));
    client.send(Message::text("{}")).await.unwrap();
    assert_eq!(next(&mut peer).await, Message::text("{}"));
    assert_eq!(closing(&mut client).await.0, 1001);
    assert_eq!(closing(&mut peer).await.0, 1001);
}

#[tokio::test]
async fn message_beyond_the_limit_is_refused() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["server"] = json!({ "max_body": 1000 });
    let served = serve(config);
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    client.send(Message::text("x".repeat(1001))).await.unwrap();
    assert_eq!(closing(&mut client).await.0, 1009);
    gone(&mut peer).await;
    served.quiet().await;
}

#[tokio::test]
async fn slow_reader_slows_the_vendor_down() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let ((mut peer, _), _client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    let piece = Message::binary(vec![7; 256 << 10]);
    let mut sent = 0;
    while timeout(Duration::from_millis(500), peer.send(piece.clone()))
        .await
        .is_ok()
    {
        sent += 256 << 10;
        assert!(sent < 64 << 20, "the gateway takes without end");
    }
}

#[tokio::test]
async fn silent_peer_is_pinged_and_given_up() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["timeouts"] = json!({ "idle": "2s" });
    let served = serve(config);
    let ((mut peer, _), mut client) =
        tokio::join!(vendor.session(), served.session("/v1/realtime?model=voice"));
    // Reading answers pings: a quiet session lives on.
    let quiet = async { tokio::join!(gone(&mut peer), gone(&mut client)) };
    assert!(timeout(Duration::from_secs(5), quiet).await.is_err());
    // The caller no longer reads; its side is given up and the upstream closed.
    gone(&mut peer).await;
    served.quiet().await;
}

#[tokio::test]
async fn browser_may_give_its_key_as_a_subprotocol() {
    let vendor = Vendor::bind().await;
    let served = serve(vendor.before("10"));
    let request = served.request(
        "/v1/realtime?model=voice",
        &[(
            "sec-websocket-protocol",
            "realtime, openai-insecure-api-key.tg-alice, openai-beta.realtime-v1",
        )],
    );
    let ((_peer, seen), opened) = tokio::join!(vendor.session(), served.ask(request));
    assert_eq!(
        opened.unwrap().1.headers()["sec-websocket-protocol"],
        "realtime"
    );
    assert_eq!(
        seen.headers()["sec-websocket-protocol"],
        "realtime, openai-beta.realtime-v1"
    );
    assert_eq!(seen.headers()["authorization"], "Bearer sk-upstream");
}

#[tokio::test]
async fn azure_names_the_model_as_a_deployment() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["providers"]["openai"] = vendor.provider("openai");
    let served = serve(config);
    let request = served.request(
        "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
        &[("api-key", "tg-alice")],
    );
    let ((_peer, seen), opened) = tokio::join!(vendor.session(), served.ask(request));
    opened.unwrap();
    assert_eq!(seen.uri(), "/v1/realtime?model=gpt-realtime");
}

#[tokio::test]
async fn session_without_a_model_is_the_vendors_affair() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["providers"]["openai"] = vendor.provider("openai");
    let served = serve(config);
    let ((mut peer, seen), mut client) = tokio::join!(
        async {
            let (peer, request) = vendor.session().await;
            (peer, request)
        },
        served.session("/v1/realtime?call_id=rtc_1")
    );
    assert_eq!(seen.uri(), "/v1/realtime?call_id=rtc_1");
    let created = json!({ "type": "session.created", "session": { "model": "gpt-realtime" } });
    peer.send(text(&created)).await.unwrap();
    peer.send(text(&done("r", 30, 10))).await.unwrap();
    event(&mut client).await;
    event(&mut client).await;
    assert_eq!(served.spent().0, "0.05");
}

#[tokio::test]
async fn gemini_names_its_model_in_the_first_message() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["providers"]["google"] = vendor.provider("gemini");
    config["models"]["live"] = json!({ "targets": ["google/gemini-live"] });
    let served = serve(config);
    let path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    let request = served.request(&format!("{path}?key=tg-alice"), &[]);
    let (mut client, answer) = served.ask(request).await.unwrap();
    assert_eq!(answer.status(), 101);
    let setup = r#"{ "setup": {"model": "models/live", "x": 1.0} }"#;
    client
        .send(Message::binary(setup.as_bytes().to_vec()))
        .await
        .unwrap();
    let (mut peer, seen) = vendor.session().await;
    assert_eq!(seen.uri(), path);
    assert_eq!(seen.headers()["x-goog-api-key"], "sk-upstream");
    let spliced = r#"{ "setup": {"model": "models/gemini-live", "x": 1.0} }"#;
    assert_eq!(
        next(&mut peer).await,
        Message::binary(spliced.as_bytes().to_vec())
    );
    client
        .send(Message::text(
            r#"{"clientContent":{"turns":[],"turnComplete":true}}"#,
        ))
        .await
        .unwrap();
    next(&mut peer).await;
    assert_ne!(served.spent().1, "0");
    for event in [
        r#"{"serverContent":{"modelTurn":{"parts":[{"text":"hi"}]}}}"#,
        r#"{"serverContent":{"turnComplete":true}}"#,
        r#"{"usageMetadata":{"promptTokenCount":20,"responseTokenCount":10,"totalTokenCount":30}}"#,
    ] {
        peer.send(Message::binary(event.as_bytes().to_vec()))
            .await
            .unwrap();
        next(&mut client).await;
    }
    assert_eq!(served.spent(), ("0.04".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn responses_over_a_socket_name_their_model_each_time() {
    let vendor = Vendor::bind().await;
    let mut config = vendor.before("10");
    config["models"]["other"] = json!({ "targets": ["up/gpt-other"] });
    config["providers"]["else"] = vendor.provider("anthropic");
    let served = serve(config);
    let mut client = served.session("/v1/responses").await;
    let create = |model: &str| json!({ "type": "response.create", "model": model, "input": "hi" });
    client.send(text(&create("voice"))).await.unwrap();
    let (mut peer, seen) = vendor.session().await;
    assert_eq!(seen.uri(), "/v1/responses");
    assert_eq!(event(&mut peer).await, create("gpt-realtime"));
    let completed = json!({ "type": "response.completed", "response": {
        "id": "r", "usage": { "input_tokens": 20, "output_tokens": 10, "total_tokens": 30 } } });
    peer.send(text(&completed)).await.unwrap();
    assert_eq!(event(&mut client).await, completed);
    assert_eq!(served.spent(), ("0.04".to_owned(), "0".to_owned()));
    client.send(text(&create("other"))).await.unwrap();
    assert_eq!(event(&mut peer).await, create("gpt-other"));
    client.send(text(&create("else/claude"))).await.unwrap();
    let told = event(&mut client).await;
    assert_eq!(
        (&told["type"], &told["status"]),
        (&json!("error"), &json!(400))
    );
    assert_eq!(told["error"]["code"], "unsupported");
    client
        .send(text(&json!({ "type": "response.create" })))
        .await
        .unwrap();
    assert_eq!(event(&mut peer).await, json!({ "type": "response.create" }));

    let mut lost = served.session("/v1/responses").await;
    lost.send(text(&create("nothing"))).await.unwrap();
    assert_eq!(event(&mut lost).await["error"]["code"], "unknown_model");
    assert_eq!(closing(&mut lost).await.0, 1008);
}

#[tokio::test]
async fn scripted_provider_plays_sessions_of_every_kind() {
    let replies = json!([{ "text": "hello there", "input_tokens": 7 }]);
    let mut config = scripted("openai", &replies);
    config["providers"]["google"] = json!({ "dialect": "gemini", "mock": { "replies": replies } });
    let served = serve(config);
    let open = |target: &str| served.ask(served.request(target, &[]));
    let (mut client, _) = open("/v1/realtime?model=mock/m").await.unwrap();
    let created = event(&mut client).await;
    assert_eq!(
        (&created["type"], &created["session"]["model"]),
        (&json!("session.created"), &json!("m"))
    );
    client
        .send(Message::text(r#"{"type":"response.create"}"#))
        .await
        .unwrap();
    let mut said = String::new();
    loop {
        let event = event(&mut client).await;
        match event["type"].as_str().unwrap() {
            "response.output_text.delta" => said.push_str(event["delta"].as_str().unwrap()),
            "response.done" => {
                assert_eq!(event["response"]["usage"]["input_tokens"], 7);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(said, "hello there");
    client
        .send(Message::text(r#"{"type":"nonsense","event_id":"n"}"#))
        .await
        .unwrap();
    assert_eq!(event(&mut client).await["error"]["event_id"], "n");

    let (mut client, _) = open("/v1/responses").await.unwrap();
    let create = json!({ "type": "response.create", "model": "mock/m", "input": "hi" });
    client.send(text(&create)).await.unwrap();
    while event(&mut client).await["type"] != "response.completed" {}

    let path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    let (mut client, _) = open(path).await.unwrap();
    let setup = json!({ "setup": { "model": "models/google/m" } });
    client.send(text(&setup)).await.unwrap();
    assert_eq!(event(&mut client).await, json!({ "setupComplete": {} }));
    client
        .send(Message::text(r#"{"clientContent":{"turnComplete":true}}"#))
        .await
        .unwrap();
    while event(&mut client).await["serverContent"]["turnComplete"] != true {}
}
