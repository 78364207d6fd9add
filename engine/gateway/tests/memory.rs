//! What large bodies cost in process, by an allocator that counts.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use peak_alloc::PeakAlloc;
use serde_json::json;
use tidegate::{
    Gateway, Segments,
    config::{Config, Format},
    providers::transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    wire::Trust,
};
use tidegate_policy::Clock;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Takes a body as a socket does: piece by piece, each let go once it is written.
struct Sink;

impl Transport for Sink {
    fn send(&self, request: HttpRequest) -> Sending {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(request.body.len() > 1_000_000);
            let reply = if request.uri.path().ends_with("/messages") {
                json!({ "id": "m", "type": "message", "role": "assistant", "model": "m",
                    "content": [{ "type": "text", "text": "ok" }], "stop_reason": "end_turn",
                    "usage": { "input_tokens": 10, "output_tokens": 5 } })
            } else {
                json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                    "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
                    "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } })
            };
            Ok(HttpResponse {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: BodyStream::from(Bytes::from(reply.to_string())),
            })
        })
    }
}

#[tokio::test]
async fn a_chat_of_10_mb_costs_less_than_three_times_its_size_translated_or_not() {
    let text = r#"{ "providers": {
        "same": { "dialect": "openai", "base_url": "http://t/v1", "api_key": "k", "prices": { "*": { "input": 1, "output": 2 } } },
        "claude": { "dialect": "anthropic", "base_url": "http://t", "api_key": "k", "prices": { "*": { "input": 1, "output": 2 } } }
    } }"#;
    let config = Config::parse(text, Format::Json, &[], &|_| None).unwrap();
    let gateway = Gateway::with_parts(config, Arc::new(Sink), Arc::new(Clock::new()));
    let image = "iVBORw0KGgo".to_owned() + &"QUJD".repeat(10 * 1024 * 1024 / 4);
    for model in ["same/m", "claude/m"] {
        for segments in [1, 40] {
            let body = json!({ "model": model, "messages": [{ "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{image}") } },
            ] }] });
            let body = body.to_string().into_bytes();
            let size = body.len();
            let parts = body.chunks(size / segments).map(Bytes::copy_from_slice);
            let parts: Segments = parts.collect();
            drop(body);
            let request = Request::post("/v1/chat/completions").body(parts).unwrap();
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let response = gateway.handle(request, Trust::Process).await;
            let most = MEMORY.peak_usage().saturating_sub(before);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["x-tidegate-cost"], "0.00002");
            // The caller's own body is there already.
            assert!(
                most < 2 * size,
                "{model}, {segments} pieces: {} KB",
                most / 1024
            );
        }
    }
}
