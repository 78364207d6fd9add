//! What is particular about Bedrock Converse: families of models, framing, what has no word there.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong")]

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, TranslateError, Translation, encode_error_event,
        is_payload, translate_request, translate_response,
    },
    event_stream::{Splitter, write_frame},
    sse::SseEvent,
};
use tidegate_types::{Code, Dialect, Error, config::OnUnsupported};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const OLDER: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";
const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1:0";

fn into_bedrock(from: Dialect, model: &str, body: &Value) -> (Value, Vec<String>) {
    let body = body.to_string();
    let done = translate_request(
        from,
        Dialect::Bedrock,
        body.as_bytes(),
        model,
        None,
        OnUnsupported::Drop,
    );
    let Translation { body, dropped } = done.unwrap();
    (serde_json::from_slice(&body).unwrap(), dropped)
}

fn openai(model: &str, body: &Value) -> (Value, Vec<String>) {
    into_bedrock(Dialect::OpenAi, model, body)
}

fn frames(events: &[(&str, Value)]) -> Vec<SseEvent> {
    let mut out = Vec::new();
    for (name, data) in events {
        let exception = name.ends_with("Exception");
        write_frame(name, exception, data.to_string().as_bytes(), &mut out);
    }
    split(out)
}

fn split(stream: Vec<u8>) -> Vec<SseEvent> {
    let mut splitter = Splitter::new(Dialect::Bedrock);
    splitter.push(Bytes::from(stream)).unwrap();
    let events = splitter.by_ref().collect();
    assert!(splitter.is_empty() && splitter.fault().is_none());
    events
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

#[test]
fn a_model_that_may_call_nothing_is_not_told_of_tools() {
    let plain = json!([{"role": "user", "content": "Hi"}]);
    let body = json!({"messages": plain, "tools": [tool("tide")], "tool_choice": "none"});
    let (done, dropped) = openai(CLAUDE, &body);
    assert!(done["toolConfig"].is_null() && dropped.is_empty());
    // A conversation with calls is refused without tools.
    let worked = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "tide", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "4 m"},
    ]);
    let body = json!({"messages": worked, "tools": [tool("tide")], "tool_choice": "none"});
    let (done, dropped) = openai(CLAUDE, &body);
    assert_eq!(done["toolConfig"]["tools"][0]["toolSpec"]["name"], "tide");
    assert!(done["toolConfig"]["toolChoice"].is_null());
    assert_eq!(dropped, ["tool_choice"]);
    let (done, dropped) = openai(LLAMA, &json!({"messages": worked}));
    assert_eq!(
        done["toolConfig"],
        json!({"tools": [{"toolSpec": {"name": "tide", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]})
    );
    assert!(dropped.is_empty());
}

#[test]
fn one_call_at_a_time_is_asked_of_those_who_know_how() {
    let body = json!({"messages": [{"role": "user", "content": "Hi"}], "tools": [tool("tide")], "parallel_tool_calls": false});
    let (done, dropped) = openai(CLAUDE, &body);
    assert_eq!(
        done["additionalModelRequestFields"]["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert!(dropped.is_empty() && done["toolConfig"]["toolChoice"].is_null());
    for model in [OLDER, NOVA, LLAMA] {
        assert_eq!(openai(model, &body).1, ["parallel_tool_calls"], "{model}");
    }
}

#[test]
fn ids_of_calls_are_made_to_fit_and_stay_different() {
    let long = "x".repeat(70);
    let ids = [
        format!("{long}a"),
        format!("{long}b"),
        "functions.f:0".to_owned(),
    ];
    let calls: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}))
        .collect();
    let results = ids
        .iter()
        .map(|id| json!({"role": "tool", "tool_call_id": id, "content": "1"}));
    let mut messages = vec![
        json!({"role": "user", "content": "Hi"}),
        json!({"role": "assistant", "tool_calls": calls}),
    ];
    messages.extend(results);
    let (done, _) = openai(CLAUDE, &json!({"messages": messages, "tools": [tool("f")]}));
    let id = |message: usize, at: usize, key: &str| {
        let block = &done["messages"][message]["content"][at][key];
        block["toolUseId"].as_str().unwrap().to_owned()
    };
    let sent: Vec<_> = (0..3).map(|at| id(1, at, "toolUse")).collect();
    assert!(sent.iter().all(|id| id.len() <= 64));
    assert_ne!(sent[0], sent[1]);
    assert_eq!(sent[2], "functions_f_0");
    let told: Vec<_> = (0..3).map(|at| id(2, at, "toolResult")).collect();
    assert_eq!(sent, told);
}

#[test]
fn documents_have_names_of_their_own_and_words_beside_them() {
    let pdf = |name: &str| json!({"type": "document", "title": name, "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}});
    let content = json!([pdf("a.pdf"), pdf("a"), pdf("a (2)"), pdf("a")]);
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": content}]});
    let (done, dropped) = into_bedrock(Dialect::Anthropic, CLAUDE, &body);
    let blocks = done["messages"][0]["content"].as_array().unwrap();
    let names: Vec<_> = blocks
        .iter()
        .filter_map(|block| block["document"]["name"].as_str())
        .collect();
    assert_eq!(names, ["a", "a (2)", "a (2) (2)", "a (3)"]);
    assert_eq!(blocks[4]["text"], ".");
    assert!(dropped.is_empty());
}

#[test]
fn cache_markers_go_where_they_are_understood() {
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]});
    let point = |model: &str| {
        let (done, dropped) = into_bedrock(Dialect::Anthropic, model, &body);
        (
            done["messages"][0]["content"][1]["cachePoint"].clone(),
            dropped,
        )
    };
    let long = json!({"type": "default", "ttl": "1h"});
    assert_eq!(point(CLAUDE), (long, vec![]));
    let short = json!({"type": "default"});
    let ttl = "messages[0].content[0].cache_control.ttl".to_owned();
    assert_eq!(point(OLDER), (short.clone(), vec![ttl.clone()]));
    assert_eq!(point(NOVA), (short, vec![ttl]));
    let marker = "messages[0].content[0].cache_control".to_owned();
    assert_eq!(point(LLAMA), (Value::Null, vec![marker]));
}

#[test]
fn reasoning_is_asked_for_in_the_words_of_the_family() {
    let body = |effort: &str| json!({"messages": [{"role": "user", "content": "Hi"}], "reasoning_effort": effort, "max_tokens": 900, "temperature": 0.2, "top_p": 0.5});
    let (done, dropped) = openai(NOVA, &body("high"));
    assert_eq!(
        done["additionalModelRequestFields"],
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})
    );
    assert!(done["inferenceConfig"].is_null());
    assert_eq!(dropped, ["max_tokens", "temperature", "top_p"]);
    let (done, dropped) = openai(NOVA, &body("medium"));
    assert_eq!(done["inferenceConfig"]["maxTokens"], 900);
    assert!(dropped.is_empty());
    let (done, _) = openai("openai.gpt-oss-20b-1:0", &body("xhigh"));
    assert_eq!(
        done["additionalModelRequestFields"]["reasoning_effort"],
        "high"
    );
    assert_eq!(openai(LLAMA, &body("low")).1, ["reasoning_effort"]);
}

#[test]
fn pictures_in_a_bucket_are_pointed_to() {
    let picture = |url: &str| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": url}}]}]});
    let (done, dropped) = openai(NOVA, &picture("s3://harbour/pier.JPG"));
    assert_eq!(
        done["messages"][0]["content"][1]["image"],
        json!({"format": "jpeg", "source": {"s3Location": {"uri": "s3://harbour/pier.JPG"}}})
    );
    assert!(dropped.is_empty());
    let (_, dropped) = openai(NOVA, &picture("https://example.com/pier.jpg"));
    assert_eq!(dropped, ["messages[0].content[1]"]);
}

#[test]
fn a_bad_request_names_the_field_at_fault() {
    for (body, path) in [
        (json!({}), "messages"),
        (json!({"messages": "x"}), "messages"),
        (
            json!({"messages": [{"role": "user", "content": "x"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "robot", "content": []}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{}]}]}),
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"toolResult": {"content": []}}]}]}),
            "messages[0].content[0].toolResult.toolUseId",
        ),
        (
            json!({"messages": [], "inferenceConfig": {"maxTokens": -1}}),
            "inferenceConfig.maxTokens",
        ),
        (
            json!({"messages": [], "toolConfig": {"toolChoice": {"none": {}}}}),
            "toolConfig.toolChoice",
        ),
        (
            json!({"messages": [], "outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": "no JSON"}}}}}),
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
    ] {
        let text = body.to_string();
        let done = translate_request(
            Dialect::Bedrock,
            Dialect::OpenAi,
            text.as_bytes(),
            "m",
            None,
            OnUnsupported::Drop,
        );
        let Err(TranslateError::Invalid { param, .. }) = done else {
            panic!("{text} was taken")
        };
        assert_eq!(param, path, "{text}");
    }
}

#[test]
fn the_model_stays_in_the_path_and_the_stream_too() {
    let body = br#"{ "messages" : [] ,"x":1}"#;
    let same = translate_request(
        Dialect::Bedrock,
        Dialect::Bedrock,
        body,
        CLAUDE,
        Some(true),
        OnUnsupported::Error,
    );
    assert_eq!(same.unwrap().body, body);
    let body =
        json!({"model": "a", "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
    let (done, dropped) = openai(CLAUDE, &body);
    assert_eq!(
        done,
        json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]})
    );
    assert!(dropped.is_empty());
    let body = br#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#;
    let there = translate_request(
        Dialect::Bedrock,
        Dialect::OpenAi,
        body,
        "m",
        Some(true),
        OnUnsupported::Error,
    );
    let there: Value = serde_json::from_slice(&there.unwrap().body).unwrap();
    assert_eq!(there["stream"], true);
}

#[test]
fn a_stream_is_over_with_its_counts_and_complete_with_its_stop() {
    let events = frames(&[
        ("messageStart", json!({"role": "assistant"})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": ""}}),
        ),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "x"}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 2, "cacheReadInputTokens": 3, "outputTokens": 4}}),
        ),
    ]);
    let mut tap = StreamTap::new(Dialect::Bedrock);
    let mut finished = Vec::new();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            assert!(is_payload(event));
            let seen = tap.observe(event);
            finished.push(tap.finished());
            seen
        })
        .collect();
    assert_eq!(
        seen,
        [
            Seen::Other,
            Seen::Other,
            Seen::Content,
            Seen::Other,
            Seen::Other,
            Seen::Terminal
        ]
    );
    assert_eq!(finished, [false, false, false, false, true, true]);
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (5, 4, 3));
}

#[test]
fn exceptions_inside_a_stream_keep_their_class() {
    for (name, kind, status) in [
        ("throttlingException", "rate_limit_error", 429),
        ("validationException", "invalid_request_error", 400),
        ("serviceUnavailableException", "overloaded_error", 503),
        ("internalServerException", "api_error", 500),
        ("modelStreamErrorException", "api_error", 500),
    ] {
        let event = frames(&[(name, json!({"message": "no"}))]).remove(0);
        assert_eq!(
            StreamTap::new(Dialect::Bedrock).observe(&event),
            Seen::Failed {
                message: "no".to_owned(),
                kind: name.to_owned()
            }
        );
        let mut out = Vec::new();
        let mut translator =
            StreamTranslator::new(Dialect::Bedrock, Dialect::Anthropic, "m", false, 0);
        translator.push(&event, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(&format!(r#""type":"{kind}""#)),
            "{status}: {text}"
        );
    }
}

#[test]
fn the_gateways_own_error_is_an_exception_frame() {
    let error = Error::new(Code::IdleTimeout, "silence\nfor long");
    let events = split(encode_error_event(Dialect::Bedrock, &error));
    assert_eq!(events.len(), 1);
    let name = events[0].event.as_deref().unwrap();
    assert!(name.ends_with(b"Exception"));
    let seen = StreamTap::new(Dialect::Bedrock).observe(&events[0]);
    // A gateway upstream is understood by its own code.
    let want = Seen::Failed {
        message: "silence\nfor long".to_owned(),
        kind: Code::IdleTimeout.slug().to_owned(),
    };
    assert_eq!(seen, want);
}

#[test]
fn comments_do_not_get_between_frames() {
    let comment = SseEvent {
        raw: Bytes::from_static(b": still here\n\n"),
        event: None,
        data: Bytes::new(),
    };
    let mut translator = StreamTranslator::new(Dialect::OpenAi, Dialect::Bedrock, "m", true, 0);
    let mut out = Vec::new();
    translator.push(&comment, &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn hostile_bodies_stay_cheap() {
    let document = r#"{"document":{"format":"pdf","name":"a","source":{"bytes":"AAAA"}}}"#;
    let many = vec![document; 20_000].join(",");
    let body = format!(r#"{{"messages":[{{"role":"user","content":[{many}]}}]}}"#);
    let there = translate_request(
        Dialect::Bedrock,
        Dialect::Anthropic,
        body.as_bytes(),
        "claude-sonnet-4-5",
        None,
        OnUnsupported::Drop,
    );
    let there = there.unwrap().body;
    let back = translate_request(
        Dialect::Anthropic,
        Dialect::Bedrock,
        &there,
        CLAUDE,
        None,
        OnUnsupported::Drop,
    );
    assert!(back.unwrap().body.len() < body.len() * 2);
    let deep = format!("{}{}", r#"{"a":["#.repeat(50_000), "]}".repeat(50_000));
    let reply = format!(
        r#"{{"output":{{"message":{{"content":[{{"toolUse":{{"toolUseId":"a","name":"f","input":{deep}}}}}]}}}},"stopReason":"tool_use"}}"#
    );
    let there = translate_response(
        Dialect::Bedrock,
        Dialect::Anthropic,
        reply.as_bytes(),
        "m",
        0,
    );
    assert!(String::from_utf8(there.unwrap()).unwrap().contains(&deep));
    let mut translator = StreamTranslator::new(Dialect::Bedrock, Dialect::OpenAi, "m", true, 0);
    let refused = (0..10_000).any(|index| {
        let start = json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": "a", "name": "f"}}});
        let event = frames(&[("contentBlockStart", start)]).remove(0);
        translator.push(&event, &mut Vec::new()).is_err()
    });
    assert!(refused);
}

#[test]
fn a_block_may_name_its_type_beside_its_content() {
    let reply = br#"{"output":{"message":{"role":"assistant","content":[{"type":"text","text":"Hi"},{"image":null,"text":" you"}]}},"stopReason":"end_turn"}"#;
    let there = translate_response(Dialect::Bedrock, Dialect::Anthropic, reply, "m", 0).unwrap();
    let there: Value = serde_json::from_slice(&there).unwrap();
    assert_eq!(
        there["content"],
        json!([{"type": "text", "text": "Hi"}, {"type": "text", "text": " you"}])
    );
}
