use serde_json::{Value, json};

use super::*;
use crate::transport::Transport as _;

fn mock(dialect: Dialect, script: Value) -> MockTransport {
    MockTransport::new(dialect, &serde_json::from_value(script).expect("a script"))
}

fn request(path: &str, body: &Value) -> HttpRequest {
    HttpRequest {
        method: http::Method::POST,
        uri: format!("http://mock{path}").parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes().into(),
        rest: None,
        connect_timeout: Duration::from_secs(1),
        first_byte_timeout: Duration::from_secs(1),
    }
}

async fn ask(
    mock: &MockTransport,
    path: &str,
    body: &Value,
) -> (HttpResponse, Vec<String>, Option<TransportError>) {
    let mut response = mock.send(request(path, body)).await.expect("an answer");
    let mut pieces = Vec::new();
    let mut error = None;
    while let Some(piece) = response.body.next().await {
        match piece {
            Ok(piece) => pieces.push(String::from_utf8(piece.to_vec()).expect("text")),
            Err(broken) => error = Some(broken),
        }
    }
    (response, pieces, error)
}

async fn chat(mock: &MockTransport, stream: bool) -> (HttpResponse, Vec<String>) {
    let path = match mock.0.dialect {
        Dialect::Anthropic => "/v1/messages",
        Dialect::Cohere => "/v2/chat",
        Dialect::Responses => "/v1/responses",
        Dialect::Gemini if stream => "/v1beta/models/m:streamGenerateContent",
        Dialect::Gemini => "/v1beta/models/m:generateContent",
        _ => "/v1/chat/completions",
    };
    let body = json!({ "model": "m\u{e9} \"1\"", "stream": stream, "stream_options": { "include_usage": true } });
    let (response, pieces, error) = ask(mock, path, &body).await;
    assert_eq!(error, None);
    (response, pieces)
}

/// The data of every event, as JSON.
fn events(pieces: &[String]) -> Vec<Value> {
    let lines = pieces.iter().flat_map(|piece| piece.lines());
    let data = lines.filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or(Value::Null))
        .collect()
}

#[tokio::test]
async fn completion_has_the_vendors_shape() {
    let mock = mock(
        Dialect::OpenAi,
        json!({ "replies": [{ "text": "Hi \"you\"\n\u{1f30a}", "input_tokens": 7 }] }),
    );
    let (response, pieces) = chat(&mock, false).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "application/json");
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(reply["model"], "m\u{e9} \"1\"");
    assert_eq!(
        reply["choices"][0]["message"]["content"],
        "Hi \"you\"\n\u{1f30a}"
    );
    assert_eq!(reply["usage"]["prompt_tokens"], 7);
    assert_eq!(reply["usage"]["completion_tokens"], 3);
    assert_eq!(reply["usage"]["total_tokens"], 10);
    assert!(reply["id"].as_str().unwrap().starts_with("chatcmpl-"));
}

#[tokio::test]
async fn streamed_chunks_join_to_the_text() {
    let mock = mock(
        Dialect::OpenAi,
        json!({ "replies": [{ "text": "one two  three" }] }),
    );
    let (response, pieces) = chat(&mock, true).await;
    assert!(
        response.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert_eq!(pieces.last().unwrap(), "data: [DONE]\n\n");
    assert!(pieces.iter().all(|piece| piece.ends_with("\n\n")));
    let events = events(&pieces);
    let text: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "one two  three");
    let usage: Vec<_> = events
        .iter()
        .filter(|event| event["usage"].is_object())
        .collect();
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0]["choices"], json!([]));
    assert_eq!(usage[0]["usage"]["completion_tokens"], 3);
    let stop = events
        .iter()
        .filter(|event| event["choices"][0]["finish_reason"] == "stop")
        .count();
    assert_eq!(stop, 1);
}

#[tokio::test]
async fn usage_is_streamed_only_when_asked_for() {
    let mock = mock(Dialect::OpenAi, json!({}));
    let body = json!({ "model": "m", "stream": true });
    let (_, pieces, _) = ask(&mock, "/v1/chat/completions", &body).await;
    assert!(!pieces.concat().contains("usage"));
}

#[tokio::test]
async fn messages_have_the_vendors_shape_streamed_and_not() {
    let mock = mock(
        Dialect::Anthropic,
        json!({ "replies": [{ "text": "one two", "output_tokens": 9 }] }),
    );
    let (_, pieces) = chat(&mock, false).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(
        reply["content"],
        json!([{ "type": "text", "text": "one two" }])
    );
    assert_eq!(reply["usage"]["output_tokens"], 9);
    let (_, pieces) = chat(&mock, true).await;
    let events = events(&pieces);
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(events[6]["usage"]["output_tokens"], 9);
}

#[tokio::test]
async fn contents_have_the_vendors_shape_streamed_and_not() {
    let script =
        json!({ "replies": [{ "text": "one two", "output_tokens": 9 }, { "status": 429 }] });
    let gemini = mock(Dialect::Gemini, script.clone());
    let (_, pieces) = chat(&gemini, false).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    let parts = &reply["candidates"][0]["content"]["parts"];
    assert_eq!(*parts, json!([{ "text": "one two" }]));
    assert_eq!(reply["usageMetadata"]["candidatesTokenCount"], 9);
    assert_eq!(reply["modelVersion"], "m");
    let (response, pieces) = chat(&gemini, true).await;
    let error: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(
        (response.status.as_u16(), &error["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    let gemini = mock(Dialect::Gemini, script);
    let (response, pieces) = chat(&gemini, true).await;
    assert_eq!(
        response.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let events = events(&pieces);
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[1]["candidates"][0]["content"]["parts"][0]["text"],
        "two"
    );
    assert_eq!(events[2]["candidates"][0]["finishReason"], "STOP");
    assert_eq!(events[2]["usageMetadata"]["candidatesTokenCount"], 9);
    let vertex = "/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent";
    let (response, pieces, _) = ask(&gemini, vertex, &json!({})).await;
    assert_eq!(response.status, 429, "{pieces:?}");
    let gemini = mock(Dialect::Gemini, json!({}));
    let (response, ..) = ask(&gemini, vertex, &json!({})).await;
    assert_eq!(response.status, 200);
    let (response, ..) = ask(&gemini, "/v1beta/models/m:countTokens", &json!({})).await;
    assert_eq!(response.status, 404);
}

#[tokio::test]
async fn replies_come_in_turn_and_the_last_repeats() {
    let mock = mock(
        Dialect::OpenAi,
        json!({ "replies": [{ "status": 429, "headers": { "retry-after": "3" } }, { "text": "ok" }] }),
    );
    let (response, pieces) = chat(&mock, false).await;
    assert_eq!(response.status, 429);
    assert_eq!(response.headers["retry-after"], "3");
    let error: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (response, pieces) = chat(&mock, false).await;
        assert_eq!(response.status, 200);
        let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
        ids.push(reply["id"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn same_requests_get_the_same_bytes() {
    for dialect in Dialect::ALL.iter().copied() {
        let (one, two) = (mock(dialect, json!({})), mock(dialect, json!({})));
        for stream in [false, true] {
            assert_eq!(chat(&one, stream).await.1, chat(&two, stream).await.1);
        }
    }
}

#[tokio::test]
async fn responses_have_the_vendors_shape() {
    let mock = mock(
        Dialect::Responses,
        json!({ "replies": [{ "text": "one two three", "input_tokens": 9 }] }),
    );
    let (response, pieces) = chat(&mock, false).await;
    assert_eq!(response.status, 200);
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(reply["object"], "response");
    assert_eq!(reply["model"], "m\u{e9} \"1\"");
    assert_eq!(reply["output"][0]["content"][0]["text"], "one two three");
    assert_eq!(reply["usage"]["input_tokens"], 9);
    let (response, pieces) = chat(&mock, true).await;
    assert!(
        response.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let events = events(&pieces);
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta");
    assert_eq!(deltas.count(), 3);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"]["output_tokens"], 3);
    let refused = mock_of(json!({ "replies": [{ "status": 429 }] }));
    let (response, pieces) = chat(&refused, false).await;
    assert_eq!(response.status, 429);
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert!(reply["error"]["message"].is_string());
}

fn mock_of(script: Value) -> MockTransport {
    mock(Dialect::Responses, script)
}

#[tokio::test]
async fn given_body_is_sent_as_it_is() {
    let text = "data: {\"a\": 1.0}\n\n: ping\n\n";
    let mock = mock(
        Dialect::OpenAi,
        json!({ "replies": [{ "body": text, "pace": "1ms" }, { "body": { "b": 1 } }] }),
    );
    let (response, pieces) = chat(&mock, true).await;
    assert_eq!(response.headers["content-type"], "text/event-stream");
    assert_eq!(pieces, ["data: {\"a\": 1.0}\n\n", ": ping\n\n"]);
    let (_, pieces) = chat(&mock, false).await;
    assert_eq!(pieces.concat(), "{\"b\":1}");
}

#[tokio::test]
async fn cut_breaks_the_body_after_so_many_bytes() {
    for stream in [false, true] {
        let mock = mock(
            Dialect::OpenAi,
            json!({ "replies": [{ "text": "a b c d", "cut_after": 400 }] }),
        );
        let body = json!({ "model": "m", "stream": stream });
        let (_, pieces, error) = ask(&mock, "/v1/chat/completions", &body).await;
        assert_eq!(pieces.concat().len(), 400);
        assert!(matches!(error, Some(TransportError::ConnectionLost(_))));
    }
}

#[tokio::test]
async fn delay_beyond_the_first_byte_limit_is_a_timeout() {
    let mock = mock(
        Dialect::OpenAi,
        json!({ "replies": [{ "delay": "1h" }, { "delay": "10ms" }] }),
    );
    let ask = |limit| {
        let mut request = request("/v1/chat/completions", &json!({ "model": "m" }));
        request.first_byte_timeout = Duration::from_millis(limit);
        mock.send(request)
    };
    assert_eq!(ask(5).await.unwrap_err(), TransportError::FirstByteTimeout);
    assert_eq!(ask(500).await.unwrap().status, 200);
}

#[tokio::test]
async fn embeddings_answer_every_input_in_the_format_asked_for() {
    let mock = mock(Dialect::OpenAi, json!({}));
    let body = json!({ "model": "e", "input": ["a", "b", "a"], "dimensions": 4 });
    let (_, pieces, _) = ask(&mock, "/v1/embeddings", &body).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    let data = reply["data"].as_array().unwrap();
    assert_eq!(data.len(), 3);
    assert_eq!(data[0]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(data[0]["embedding"], data[2]["embedding"]);
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    let body =
        json!({ "model": "e", "input": [1, 2], "dimensions": 3, "encoding_format": "base64" });
    let (_, pieces, _) = ask(&mock, "/v1/embeddings", &body).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(reply["data"].as_array().unwrap().len(), 1);
    assert_eq!(reply["data"][0]["embedding"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn unknown_path_is_refused_in_the_vendors_shape() {
    let mock = mock(Dialect::Anthropic, json!({}));
    let (response, pieces, _) = ask(&mock, "/v1/files", &json!({})).await;
    assert_eq!(response.status, 404);
    let error: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(error["error"]["type"], "not_found_error");
}

#[tokio::test]
async fn cohere_is_answered_in_its_own_shape() {
    let script = json!({ "replies": [{ "text": "High tide \u{1f30a}", "input_tokens": 7 }] });
    let mock = mock(Dialect::Cohere, script);
    let (_, pieces) = chat(&mock, false).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(
        reply["message"]["content"][0]["text"],
        "High tide \u{1f30a}"
    );
    assert_eq!(reply["finish_reason"], "COMPLETE");
    assert_eq!(
        reply["usage"]["billed_units"],
        json!({"input_tokens": 7, "output_tokens": 3})
    );

    let (response, pieces) = chat(&mock, true).await;
    assert_eq!(
        response.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let events = events(&pieces);
    let text: String = events
        .iter()
        .filter_map(|event| event["delta"]["message"]["content"]["text"].as_str())
        .collect();
    assert_eq!(text, "High tide \u{1f30a}");
    assert_eq!(events.first().unwrap()["type"], "message-start");
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["usage"]["billed_units"]["input_tokens"], 7);
    assert!(pieces.concat().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn cohere_refuses_in_its_own_shape() {
    let mock = mock(Dialect::Cohere, json!({ "replies": [{ "status": 429 }] }));
    let (response, pieces) = chat(&mock, false).await;
    assert_eq!(response.status, 429);
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(reply, json!({ "message": "Rate limit reached." }));
}

#[tokio::test]
async fn bedrock_answers_in_its_own_shape_and_framing() {
    use crate::{
        dialect::{Seen, StreamTap, chat_path, error_message, usage_of},
        event_stream::Splitter,
    };
    let mock = mock(
        Dialect::Bedrock,
        json!({ "replies": [{ "text": "Hi there you", "input_tokens": 7 }, { "text": "Hi there you" }, { "status": 429 }] }),
    );
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "x" }] }] });
    let path = chat_path(Dialect::Bedrock, "m:0", false);
    let (_, pieces, _) = ask(&mock, &path, &body).await;
    let reply: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(
        reply["output"]["message"]["content"][0]["text"],
        "Hi there you"
    );
    let usage = usage_of(
        Dialect::Bedrock,
        &tidegate_types::Endpoint::Chat,
        pieces.concat().as_bytes(),
    );
    assert_eq!(usage.map(|usage| (usage.input, usage.output)), Some((7, 3)));

    let path = chat_path(Dialect::Bedrock, "m:0", true);
    let mut response = mock.send(request(&path, &body)).await.expect("an answer");
    assert_eq!(
        response.headers["content-type"],
        "application/vnd.amazon.eventstream"
    );
    let mut splitter = Splitter::new(Dialect::Bedrock);
    let mut tap = StreamTap::new(Dialect::Bedrock);
    let mut seen = Vec::new();
    while let Some(piece) = response.body.next().await {
        splitter.push(piece.unwrap()).unwrap();
        seen.extend(splitter.by_ref().map(|event| tap.observe(&event)));
        assert!(splitter.is_empty(), "a piece is whole events");
    }
    assert_eq!(seen.last(), Some(&Seen::Terminal));
    assert_eq!(
        seen.iter().filter(|seen| **seen == Seen::Content).count(),
        3
    );
    assert_eq!(tap.usage().map(|usage| usage.output), Some(3));

    let (response, pieces, _) = ask(&mock, &path, &body).await;
    assert_eq!(response.status, 429);
    let said = error_message(Dialect::Bedrock, pieces.concat().as_bytes());
    assert_eq!(said.as_deref(), Some("Rate limit reached."));
}
