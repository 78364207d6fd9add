//! Answers of functions, in every dialect and in both forms.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tidegate_types::{Dialect, Segments};

use super::{Answer, Failure, FunctionRequest, FunctionTransport, Functions, Piece};
use crate::{
    dialect::{StreamTranslator, chat_path, translate_response},
    event_stream::Splitter,
    transport::{HttpRequest, HttpResponse, Transport, TransportError},
};

fn transport<F, R>(dialect: Dialect, function: F) -> FunctionTransport
where
    F: Fn(FunctionRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    let functions = Functions::new().with("mine", function);
    FunctionTransport::new("mine", dialect, functions, || 1_767_225_600)
}

fn request(dialect: Dialect, stream: bool) -> HttpRequest {
    let path = chat_path(dialect, "m", stream);
    let body = json!({
        "model": "m", "stream": stream, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "hi" }],
    });
    at(&path, &body)
}

fn at(path: &str, body: &Value) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        uri: format!("http://mock.invalid{path}").parse().unwrap(),
        headers: HeaderMap::new(),
        body: Segments::from(Bytes::from(body.to_string())),
        rest: None,
        connect_timeout: Duration::from_secs(1),
        first_byte_timeout: Duration::from_millis(200),
    }
}

async fn body(response: HttpResponse) -> Result<Bytes, TransportError> {
    let mut body = response.body;
    let mut all = BytesMut::new();
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.freeze())
}

async fn whole(transport: &FunctionTransport, dialect: Dialect) -> Value {
    let response = transport.send(request(dialect, false)).await.unwrap();
    assert_eq!(response.status, 200);
    let bytes = body(response).await.unwrap();
    let openai = translate_response(dialect, Dialect::OpenAi, &bytes, "m", 0).unwrap();
    serde_json::from_slice(&openai).unwrap()
}

/// A stream read as OpenAI's chunks: the words, the last reason and the usage.
async fn streamed(transport: &FunctionTransport, dialect: Dialect) -> (String, Value, Value) {
    let response = transport.send(request(dialect, true)).await.unwrap();
    assert_eq!(response.status, 200);
    let bytes = body(response).await.unwrap();
    let mut openai = Vec::new();
    let mut translator = StreamTranslator::new(dialect, Dialect::OpenAi, "m", true, 0);
    let mut splitter = Splitter::new(dialect);
    splitter.push(bytes).unwrap();
    for event in &mut splitter {
        translator.push(&event, &mut openai).unwrap();
    }
    translator.finish(&mut openai);
    let (mut words, mut reason, mut usage) = (String::new(), Value::Null, Value::Null);
    for line in String::from_utf8(openai).unwrap().lines() {
        let Some(data) = line.strip_prefix("data: {") else {
            continue;
        };
        let chunk: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        let choice = &chunk["choices"][0];
        words += choice["delta"]["content"].as_str().unwrap_or_default();
        if !choice["finish_reason"].is_null() {
            reason = choice["finish_reason"].clone();
        }
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
    }
    (words, reason, usage)
}

#[tokio::test]
async fn a_text_becomes_a_reply_and_a_stream_of_every_dialect() {
    for dialect in Dialect::ALL {
        let transport = transport(*dialect, |_| async {
            Ok(Answer::text("so \"be\"\nit", Some((10, 5))))
        });
        let reply = whole(&transport, *dialect).await;
        assert_eq!(
            reply["choices"][0]["message"]["content"], "so \"be\"\nit",
            "{dialect:?}"
        );
        assert_eq!(reply["usage"]["prompt_tokens"], 10, "{dialect:?}");
        assert_eq!(reply["usage"]["completion_tokens"], 5, "{dialect:?}");
        let (words, reason, usage) = streamed(&transport, *dialect).await;
        assert_eq!(
            (&*words, reason),
            ("so \"be\"\nit", json!("stop")),
            "{dialect:?}"
        );
        assert_eq!(usage["completion_tokens"], 5, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_stream_of_texts_serves_both_wishes_in_every_dialect() {
    for dialect in Dialect::ALL {
        let transport = transport(*dialect, |_| async {
            let pieces = ["one ", "two ", "three"].map(|word| Ok(Piece::Text(word.to_owned())));
            let usage = Ok(Piece::Json(r#"{"usage":{"input":7,"output":3}}"#.into()));
            Ok(Answer::stream(stream::iter(
                pieces.into_iter().chain([usage]),
            )))
        });
        let reply = whole(&transport, *dialect).await;
        assert_eq!(
            reply["choices"][0]["message"]["content"], "one two three",
            "{dialect:?}"
        );
        assert_eq!(reply["usage"]["prompt_tokens"], 7, "{dialect:?}");
        let (words, reason, usage) = streamed(&transport, *dialect).await;
        assert_eq!(
            (&*words, reason),
            ("one two three", json!("stop")),
            "{dialect:?}"
        );
        assert_eq!(usage["prompt_tokens"], 7, "{dialect:?}");
    }
}

/// A reply with a call of a tool, as OpenAI writes it.
fn tool_reply() -> Value {
    json!({
        "id": "r1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "add", "arguments": "{\"a\":1}" } },
                { "id": "c2", "type": "function", "function": { "name": "sub", "arguments": "{\"b\":2}" } },
            ],
        } }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13 },
    })
}

#[tokio::test]
async fn a_document_and_its_stream_turn_into_each_other_with_their_tool_calls() {
    for dialect in Dialect::ALL.iter().copied() {
        let there = translate_response(
            Dialect::OpenAi,
            dialect,
            tool_reply().to_string().as_bytes(),
            "m",
            1,
        );
        let there = Bytes::from(there.unwrap());
        let given = there.clone();
        let first = transport(dialect, move |_| {
            let given = given.clone();
            async { Ok(Answer::json(given)) }
        });
        let response = first.send(request(dialect, false)).await.unwrap();
        assert_eq!(
            body(response).await.unwrap(),
            there,
            "not a byte changes: {dialect:?}"
        );
        let response = first.send(request(dialect, true)).await.unwrap();
        let events = body(response).await.unwrap();
        let mut chunks = Vec::new();
        let mut splitter = Splitter::new(dialect);
        splitter.push(events).unwrap();
        for event in &mut splitter {
            if event.data.starts_with(b"[") {
                continue;
            }
            let data = event.data.clone();
            let name = event
                .event
                .map(|name| String::from_utf8(name.to_vec()).unwrap());
            chunks.push(match dialect {
                Dialect::Bedrock => {
                    let data: Value = serde_json::from_slice(&data).unwrap();
                    Bytes::from(json!({ name.unwrap(): data }).to_string())
                }
                _ => data,
            });
        }
        let chunks = Arc::new(chunks);
        let second = transport(dialect, move |_| {
            let chunks: Vec<_> = chunks
                .iter()
                .cloned()
                .map(|chunk| Ok(Piece::Json(chunk)))
                .collect();
            async { Ok(Answer::stream(stream::iter(chunks))) }
        });
        let reply = whole(&second, dialect).await;
        let calls = &reply["choices"][0]["message"]["tool_calls"];
        let named: BTreeMap<_, _> = calls
            .as_array()
            .unwrap()
            .iter()
            .map(|call| {
                let arguments = call["function"]["arguments"].as_str().unwrap();
                let arguments: Value = serde_json::from_str(arguments).unwrap();
                (call["function"]["name"].as_str().unwrap(), arguments)
            })
            .collect();
        assert_eq!(named["add"], json!({ "a": 1 }), "{dialect:?}");
        assert_eq!(named["sub"], json!({ "b": 2 }), "{dialect:?}");
        assert_eq!(
            reply["choices"][0]["finish_reason"], "tool_calls",
            "{dialect:?}"
        );
        assert_eq!(reply["usage"]["completion_tokens"], 4, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_refusal_has_the_status_and_the_shape_of_the_vendor_before_the_first_piece() {
    let at_once = transport(Dialect::Anthropic, |_| async {
        Err(Failure::refused(429, "slow down").retry_after(Duration::from_millis(1500)))
    });
    let later = transport(Dialect::Anthropic, |_| async {
        Ok(Answer::stream(stream::iter([Err(Failure::refused(
            429,
            "slow down",
        )
        .retry_after(Duration::from_millis(1500)))])))
    });
    for transport in [at_once, later] {
        for stream in [true, false] {
            let response = transport
                .send(request(Dialect::Anthropic, stream))
                .await
                .unwrap();
            assert_eq!(response.status, 429);
            assert_eq!(response.headers["retry-after-ms"], "1500");
            let body: Value = serde_json::from_slice(&body(response).await.unwrap()).unwrap();
            assert_eq!(body["type"], "error");
            assert_eq!(body["error"]["message"], "slow down");
        }
    }
}

#[tokio::test]
async fn what_breaks_after_the_first_piece_breaks_the_stream() {
    let broken = transport(Dialect::OpenAi, |_| async {
        let pieces = [
            Ok(Piece::Text("a".to_owned())),
            Err(Failure::refused(500, "x")),
        ];
        Ok(Answer::stream(stream::iter(pieces)))
    });
    let response = broken.send(request(Dialect::OpenAi, true)).await.unwrap();
    assert!(matches!(
        body(response).await,
        Err(TransportError::ConnectionLost(_))
    ));
    // A caller without a stream still gets the status.
    let response = broken.send(request(Dialect::OpenAi, false)).await.unwrap();
    assert_eq!(response.status, 500);
}

#[tokio::test]
async fn silence_is_a_timeout_and_a_panic_a_failure() {
    let silent = transport(Dialect::OpenAi, |_| async { std::future::pending().await });
    let error = silent
        .send(request(Dialect::OpenAi, false))
        .await
        .unwrap_err();
    assert_eq!(error, TransportError::FirstByteTimeout);
    let stuck = transport(Dialect::OpenAi, |_| async {
        Ok(Answer::stream(stream::pending()))
    });
    for wish in [true, false] {
        let error = stuck
            .send(request(Dialect::OpenAi, wish))
            .await
            .unwrap_err();
        assert_eq!(error, TransportError::FirstByteTimeout);
    }
    let panics = transport(Dialect::OpenAi, |request| async move {
        assert!(request.body.is_empty(), "never");
        Ok(Answer::from(""))
    });
    let response = panics.send(request(Dialect::OpenAi, false)).await.unwrap();
    assert_eq!(response.status, 500);
}

#[tokio::test]
async fn vectors_answer_embeddings_and_words_do_not() {
    let body_of = json!({ "model": "m", "input": ["a", "b"] });
    let vectors = transport(Dialect::OpenAi, |_| async {
        Ok(Answer::json("[[0.5,1],[2,3]]"))
    });
    let response = vectors.send(at("/embeddings", &body_of)).await.unwrap();
    let reply: Value = serde_json::from_slice(&body(response).await.unwrap()).unwrap();
    assert_eq!(reply["data"][1]["embedding"], json!([2.0, 3.0]));
    assert_eq!(reply["data"][1]["index"], 1);
    let words = transport(Dialect::OpenAi, |_| async { Ok(Answer::from("hello")) });
    assert_eq!(
        words
            .send(at("/embeddings", &body_of))
            .await
            .unwrap()
            .status,
        502
    );
}

#[tokio::test]
async fn the_function_is_told_what_was_asked() {
    for dialect in Dialect::ALL.iter().copied() {
        let curious = transport(dialect, |request| async move {
            Ok(Answer::from(format!(
                "{} {} {}",
                request.model,
                request.stream,
                request.dialect.as_str()
            )))
        });
        let (words, ..) = streamed(&curious, dialect).await;
        assert_eq!(words, format!("m true {}", dialect.as_str()));
    }
    let nobody = FunctionTransport::new("other", Dialect::OpenAi, Functions::new(), || 0);
    let error = nobody
        .send(request(Dialect::OpenAi, false))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::ConnectFailed(text) if text.contains("\"other\"")));
}
