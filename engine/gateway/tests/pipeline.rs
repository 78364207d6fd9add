//! The stages together, over a transport that answers from a script and keeps what it was sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body::Body as _;
use tidegate::{
    Gateway, Segments,
    config::{Config, Format},
    providers::transport::{
        BodyStream, HttpRequest, HttpResponse, Sending, Transport, TransportError,
    },
    wire::Trust,
};
use tidegate_policy::Clock;

type Answer =
    Result<(u16, &'static str, Vec<Result<&'static str, TransportError>>), TransportError>;

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<(String, HeaderMap, Bytes)>>,
}

struct Scripted(Arc<Script>);

impl Transport for Scripted {
    fn send(&self, request: HttpRequest) -> Sending {
        let answer = self.0.answers.lock().unwrap().pop_front();
        self.0.seen.lock().unwrap().push((
            request.uri.to_string(),
            request.headers,
            request.body.to_bytes(),
        ));
        Box::pin(async move {
            let (status, content_type, pieces) = answer.unwrap_or(Err(
                TransportError::ConnectFailed("script is over".to_owned()),
            ))?;
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            let pieces: Vec<_> = pieces
                .into_iter()
                .map(|piece| piece.map(|text| Bytes::from_static(text.as_bytes())))
                .collect();
            Ok(HttpResponse {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                body: BodyStream::new(futures_util::stream::iter(pieces)),
            })
        })
    }
}

const CONFIG: &str = r#"
providers:
  a: { dialect: openai, base_url: "http://a.test/v1", api_key: ka, prices: { "*": { input: 1, output: 2 } } }
  b: { dialect: openai, base_url: "http://b.test/v1", api_key: kb, prices: { "*": { input: 1, output: 2 } } }
  c: { dialect: anthropic, base_url: "http://c.test", api_key: kc, prices: { "*": { input: 3, output: 15 } } }
models:
  fast: { targets: [a/m1], fallbacks: [b/m2], retry: { attempts: 1 } }
  cached: { targets: [a/m1], cache: { ttl: 1h } }
  cross: { targets: [c/claude] }
keys:
  - { id: alice, value: tg-alice, budgets: [ { limit: "0.001", per: 1d } ] }
"#;

const OK: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"m1","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;

fn gateway(answers: Vec<Answer>) -> (Gateway, Arc<Script>) {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into()),
        ..Script::default()
    });
    let config = Config::parse(CONFIG, Format::Yaml, &[], &|_| None).unwrap();
    let transport = Arc::new(Scripted(Arc::clone(&script)));
    (
        Gateway::with_parts(config, transport, Arc::new(Clock::new())),
        script,
    )
}

#[expect(clippy::unnecessary_wraps, reason = "one kind of answer in a script")]
fn json(body: &'static str) -> Answer {
    Ok((200, "application/json", vec![Ok(body)]))
}

async fn post(
    gateway: &Gateway,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::post(path)
        .body(Segments::from(body.as_bytes().to_vec()))
        .unwrap();
    if let Some(key) = key {
        request
            .headers_mut()
            .insert("x-tidegate-key", HeaderValue::from_str(key).unwrap());
    }
    let response = gateway.handle(request, Trust::Process).await;
    let (mut parts, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
    {
        let frame = frame.unwrap();
        match frame.into_data() {
            Ok(data) => text.extend_from_slice(&data),
            Err(frame) => parts.headers.extend(frame.into_trailers().unwrap()),
        }
    }
    (
        parts.status,
        parts.headers,
        String::from_utf8(text).unwrap(),
    )
}

#[tokio::test]
async fn same_dialect_splices_the_model_and_passes_the_answer_on() {
    let (gateway, script) = gateway(vec![json(OK)]);
    let body = r#"{"messages":[{"role":"user","content":"h\u00e9"}], "x": 1e400,"model" : "fast"}"#;
    let (status, headers, text) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, OK));
    assert_eq!(headers["x-tidegate-target"], "a/m1");
    assert_eq!(headers["x-tidegate-cost"], "0.00002");
    assert_eq!(headers["x-tidegate-attempts"], "1");
    let (uri, sent, bytes) = script.seen.lock().unwrap()[0].clone();
    assert_eq!(uri, "http://a.test/v1/chat/completions");
    assert_eq!(sent["authorization"], "Bearer ka");
    assert_eq!(bytes, body.replace("\"fast\"", "\"m1\"").as_bytes());
}

#[tokio::test]
async fn fallback_follows_a_failure_and_never_a_callers_mistake() {
    let failed: Answer = Ok((
        500,
        "application/json",
        vec![Ok(r#"{"error":{"message":"no"}}"#)],
    ));
    let (gateway, _) = gateway(vec![
        failed,
        json(OK),
        Ok((400, "application/json", vec![Ok("{}")])),
    ]);
    let body = r#"{"model":"fast","messages":[]}"#;
    let (_, headers, _) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!(headers["x-tidegate-target"], "b/m2");
    assert_eq!(headers["x-tidegate-attempts"], "2");
    let (status, headers, text) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!((status.as_u16(), text.as_str()), (400, "{}"));
    assert_eq!(headers["x-tidegate-error"], "2103 upstream_rejected");
}

#[tokio::test]
async fn streams_fall_back_before_content_and_break_loudly_after() {
    let start = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    let content = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let cut = || Err(TransportError::ConnectionLost("cut".to_owned()));
    let (gateway, script) = gateway(vec![
        Ok((200, "text/event-stream", vec![Ok(start), cut()])),
        Ok((
            200,
            "text/event-stream",
            vec![Ok(start), Ok(content), cut()],
        )),
    ]);
    let body = r#"{"model":"fast","stream":true,"messages":[]}"#;
    let (status, headers, text) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-tidegate-target"], "b/m2");
    assert!(text.starts_with(&format!("{start}{content}")), "{text}");
    assert!(text.contains("stream_interrupted"), "{text}");
    assert!(!text.contains("[DONE]"));
    let sent = script.seen.lock().unwrap()[0].2.clone();
    assert!(
        sent.ends_with(br#""stream_options":{"include_usage":true}}"#),
        "{sent:?}"
    );
}

#[tokio::test]
async fn usage_asked_for_by_the_gateway_alone_is_hidden() {
    let content =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n";
    let (gateway, _) = gateway(vec![Ok((
        200,
        "text/event-stream",
        vec![Ok(content), Ok(usage)],
    ))]);
    let body = r#"{"model":"fast","stream":true,"messages":[]}"#;
    let (_, headers, text) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!(text, format!("{content}data: [DONE]\n\n"));
    assert_eq!(headers["x-tidegate-cost"], "0.00002");
}

#[tokio::test]
async fn budget_refuses_what_could_overshoot_and_cache_hits_are_free() {
    let (gateway, script) = gateway(vec![json(OK), json(OK)]);
    let body = r#"{"model":"cached","max_tokens":50,"messages":[]}"#;
    let call = || post(&gateway, "/v1/chat/completions", Some("tg-alice"), body);
    let (_, headers, _) = call().await;
    assert_eq!(
        (&headers["x-tidegate-cache"], &headers["x-tidegate-cost"]),
        (&"miss".parse().unwrap(), &"0.00002".parse().unwrap())
    );
    let (_, headers, text) = call().await;
    assert_eq!(text, OK);
    assert_eq!(headers["x-tidegate-cache"], "hit-exact; age=0");
    assert_eq!(headers["x-tidegate-cost"], "0");
    assert_eq!(headers["x-tidegate-attempts"], "0");
    assert_eq!(script.seen.lock().unwrap().len(), 1);
    let big = r#"{"model":"fast","max_tokens":5000,"messages":[]}"#;
    let (status, headers, text) =
        post(&gateway, "/v1/chat/completions", Some("tg-alice"), big).await;
    assert_eq!(status, 402, "{text}");
    assert_eq!(headers["x-tidegate-error"], "1205 budget_exhausted");
    let (status, _, _) = post(&gateway, "/v1/chat/completions", Some("tg-mallory"), big).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn another_dialect_is_translated_both_ways() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}"#;
    let (gateway, script) = gateway(vec![json(answer)]);
    let body = r#"{"model":"cross","messages":[{"role":"user","content":"hello"}]}"#;
    let (status, headers, text) = post(&gateway, "/v1/chat/completions", None, body).await;
    assert_eq!(status, 200, "{text}");
    let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "hi");
    assert_eq!(headers["x-tidegate-target"], "c/claude");
    let (uri, sent, _) = script.seen.lock().unwrap()[0].clone();
    assert_eq!(uri, "http://c.test/v1/messages");
    assert_eq!(sent["x-api-key"], "kc");
}
