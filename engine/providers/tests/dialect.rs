//! The edges of translation: bad input, errors, streams that do not go by the book.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong"
)]

#[path = "support/view.rs"]
mod view;

use bytes::Bytes;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, TranslateError, encode_error, encode_error_event,
        error_message, translate_error, translate_request, translate_response, usage_of,
    },
    sse::SseEvent,
};
use tidegate_types::{
    Code, Dialect, Endpoint, Error, UpstreamError, chat::Json, config::OnUnsupported,
};

/// Every dialect into every other.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL.iter().copied();
    all.flat_map(|from| view::others(from).map(move |to| (from, to)))
}

fn request(from: Dialect, to: Dialect, body: &str) -> Result<Value, TranslateError> {
    let done = translate_request(
        from,
        to,
        body.as_bytes(),
        "claude-sonnet-4-5",
        None,
        OnUnsupported::Drop,
    )?;
    Ok(serde_json::from_slice(&done.body)
        .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&done.body))))
}

fn event(text: &str) -> SseEvent {
    view::events(text.as_bytes(), usize::MAX).remove(0)
}

#[test]
fn a_bad_request_names_the_field_at_fault() {
    let cases = [
        (
            Dialect::OpenAi,
            r#"{"messages":[{"role":"user","content":7}]}"#,
            "messages[0].content",
        ),
        (
            Dialect::OpenAi,
            r#"{"messages":[{"content":"x"}]}"#,
            "messages[0].role",
        ),
        (
            Dialect::OpenAi,
            r#"{"messages":[{"role":"robot","content":"x"}]}"#,
            "messages[0].role",
        ),
        (Dialect::OpenAi, r#"{"model":"x"}"#, "messages"),
        (
            Dialect::OpenAi,
            r#"{"messages":[],"max_tokens":"many"}"#,
            "max_tokens",
        ),
        (
            Dialect::OpenAi,
            r#"{"messages":[],"tools":[{"type":"function"}]}"#,
            "tools[0].function",
        ),
        (Dialect::OpenAi, r#"{"messages":[],"tools":{}}"#, "tools"),
        (
            Dialect::OpenAi,
            r#"{"messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].tool_call_id",
        ),
        (
            Dialect::OpenAi,
            r#"{"messages":[],"response_format":{"type":"json_schema","json_schema":{}}}"#,
            "response_format.json_schema.schema",
        ),
        (Dialect::OpenAi, r#"{"messages":["x"]}"#, "messages[0]"),
        (Dialect::OpenAi, "[]", ""),
        (Dialect::OpenAi, "{", ""),
        (
            Dialect::Anthropic,
            r#"{"messages":[{"role":"user"}]}"#,
            "messages[0].content",
        ),
        (
            Dialect::Anthropic,
            r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#,
            "messages[0].content[0].type",
        ),
        (
            Dialect::Anthropic,
            r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
            "messages[0].content[0].source",
        ),
        (
            Dialect::Anthropic,
            r#"{"messages":[],"tool_choice":{"type":"maybe"}}"#,
            "tool_choice.type",
        ),
        (Dialect::Anthropic, r#"{"messages":"hi"}"#, "messages"),
        (
            Dialect::Anthropic,
            r#"{"messages":[],"thinking":{"type":"enabled"}}"#,
            "thinking.budget_tokens",
        ),
        (Dialect::Cohere, r#"{"message":"v1"}"#, "messages"),
        (
            Dialect::Cohere,
            r#"{"messages":[{"role":"CHATBOT","content":"x"}]}"#,
            "messages[0].role",
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].tool_call_id",
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]}]}"#,
            "messages[0].tool_calls[0].function",
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[],"tool_choice":"maybe"}"#,
            "tool_choice",
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[],"documents":"x"}"#,
            "documents",
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[],"thinking":{"type":"enabled","token_budget":-1}}"#,
            "thinking.token_budget",
        ),
        (Dialect::Gemini, r#"{"model":"x"}"#, "contents"),
        (
            Dialect::Gemini,
            r#"{"contents":[{"role":"assistant","parts":[]}]}"#,
            "contents[0].role",
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"parts":[{"functionCall":{}}]}]}"#,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}"#,
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":"many"}}"#,
            "generationConfig.maxOutputTokens",
        ),
    ];
    for (from, body, path) in cases {
        let to = if from == Dialect::OpenAi {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        };
        match request(from, to, body) {
            Err(TranslateError::Invalid { param, .. }) => assert_eq!(param, path, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn strict_callers_hear_what_cannot_be_expressed() {
    let body = r#"{"messages":[{"role":"user","content":"x","name":"ann"}],"store":false}"#;
    let strict = translate_request(
        Dialect::OpenAi,
        Dialect::Anthropic,
        body.as_bytes(),
        "claude-sonnet-4-5",
        None,
        OnUnsupported::Error,
    );
    let Err(TranslateError::Unsupported { param, .. }) = strict else {
        panic!("{strict:?}")
    };
    assert_eq!(param, "messages[0].name");
}

#[test]
fn the_same_dialect_changes_the_model_and_no_other_byte() {
    let body = br#" {"z" : 1e400, "model":"route","messages":[ ],"a":-0.0} "#;
    let done = translate_request(
        Dialect::OpenAi,
        Dialect::OpenAi,
        body,
        "gpt-x",
        None,
        OnUnsupported::Error,
    )
    .unwrap();
    let want = br#" {"z" : 1e400, "model":"gpt-x","messages":[ ],"a":-0.0} "#;
    assert_eq!(done.body, want);
    let gemini = br#" {"contents" : [], "x":1e400} "#;
    let untouched = translate_request(
        Dialect::Gemini,
        Dialect::Gemini,
        gemini,
        "gemini-x",
        Some(true),
        OnUnsupported::Error,
    );
    assert_eq!(untouched.unwrap().body, gemini);
    let reply = b"not even JSON";
    assert_eq!(
        translate_response(Dialect::OpenAi, Dialect::OpenAi, reply, "x", 0).unwrap(),
        reply
    );
}

#[test]
fn schemas_and_arguments_keep_order_and_numbers() {
    let schema = r#"{"type":"object", "properties":{"z":{"const":1.0},"a":{"maximum":1e400}} }"#;
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let done = translate_request(
        Dialect::OpenAi,
        Dialect::Anthropic,
        body.as_bytes(),
        "claude-sonnet-4-5",
        None,
        OnUnsupported::Error,
    )
    .unwrap();
    assert!(
        String::from_utf8(done.body.clone())
            .unwrap()
            .contains(schema)
    );
    let back = translate_request(
        Dialect::Anthropic,
        Dialect::OpenAi,
        &done.body,
        "gpt-4o",
        None,
        OnUnsupported::Error,
    )
    .unwrap();
    assert!(String::from_utf8(back.body).unwrap().contains(schema));
}

#[test]
fn nesting_of_any_depth_costs_no_stack() {
    let deep = format!("{}{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{deep}}}}}],"extra":{deep}}}"#
    );
    let done = translate_request(
        Dialect::OpenAi,
        Dialect::Anthropic,
        body.as_bytes(),
        "claude-sonnet-4-5",
        None,
        OnUnsupported::Drop,
    )
    .unwrap();
    assert_eq!(done.dropped, ["extra"]);
    for (from, to) in pairs() {
        assert!(
            translate_request(from, to, deep.as_bytes(), "m", None, OnUnsupported::Drop).is_err()
        );
        assert!(translate_response(from, to, deep.as_bytes(), "m", 0).is_err());
        let _ = translate_error(from, to, 500, deep.as_bytes());
        let _ = usage_of(from, &Endpoint::Chat, deep.as_bytes());
    }
}

#[test]
fn hostile_repetition_stays_cheap() {
    let parts = vec![r#"{"type":"hologram"}"#; 20_000].join(",");
    for (from, to) in pairs() {
        let (list, content) = match from {
            Dialect::Responses => ("input", "content"),
            Dialect::Gemini => ("contents", "parts"),
            _ => ("messages", "content"),
        };
        let body = format!(r#"{{"{list}":[{{"role":"user","{content}":[{parts}]}}]}}"#);
        let done =
            translate_request(from, to, body.as_bytes(), "m", None, OnUnsupported::Drop).unwrap();
        assert_eq!(done.dropped.len(), 65);
        assert_eq!(done.dropped.last().map(String::as_str), Some("..."));
        let usage = format!(r#"{{"x":{{{}"y":1}}}}"#, r#""usage":{},"#.repeat(20_000));
        assert!(usage_of(from, &Endpoint::Chat, usage.as_bytes()).is_none());
    }
    let calls: Vec<_> = (0..100_000)
        .map(|index| format!(r#"{{"index":{index}}}"#))
        .collect();
    let chunk = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{}]}}}}]}}\n\n",
        calls.join(",")
    );
    let mut translator = StreamTranslator::new(Dialect::OpenAi, Dialect::Anthropic, "m", true, 0);
    assert!(translator.push(&event(&chunk), &mut Vec::new()).is_err());
}

#[test]
fn a_long_quote_with_many_sources_does_not_multiply() {
    let sources = vec![r#"{"id":"a"}"#; 5_000].join(",");
    let body = format!(
        r#"{{"message":{{"content":[{{"type":"text","text":"x"}}],"citations":[{{"text":"{}","sources":[{sources}]}}]}}}}"#,
        "q".repeat(50_000)
    );
    for (from, to) in pairs().filter(|(from, _)| *from == Dialect::Cohere) {
        let done = translate_response(from, to, body.as_bytes(), "m", 0).unwrap();
        assert!(done.len() < body.len() * 8, "{} in {to:?}", done.len());
    }
}

#[test]
fn a_conversation_without_a_user_becomes_one() {
    let done = request(
        Dialect::OpenAi,
        Dialect::Anthropic,
        r#"{"messages":[{"role":"system","content":"Say hi."}]}"#,
    )
    .unwrap();
    assert_eq!(
        done["messages"],
        json!([{"role":"user","content":[{"type":"text","text":"Say hi."}]}])
    );
    assert!(done.get("system").is_none());
}

#[test]
fn thinking_is_left_out_where_it_would_be_refused() {
    let of = |model: &str, rest: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}}],"reasoning_effort":"low"{rest}}}"#
        );
        let done = translate_request(
            Dialect::OpenAi,
            Dialect::Anthropic,
            body.as_bytes(),
            model,
            None,
            OnUnsupported::Drop,
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&done.body).unwrap();
        (
            value["thinking"].clone(),
            value["max_tokens"].clone(),
            done.dropped,
        )
    };
    let (thinking, bound, _) = of("claude-sonnet-4-5", "");
    assert_eq!(
        (thinking["budget_tokens"].clone(), bound),
        (json!(2048), json!(6144))
    );
    let (thinking, bound, _) = of("claude-sonnet-4-5", r#","max_tokens":3000"#);
    assert_eq!(
        (thinking["budget_tokens"].clone(), bound),
        (json!(1500), json!(3000))
    );
    for (model, rest) in [
        ("claude-3-5-haiku-latest", ""),
        ("claude-sonnet-4-5", r#","max_tokens":500"#),
        (
            "claude-sonnet-4-5",
            r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#,
        ),
    ] {
        let (thinking, _, dropped) = of(model, rest);
        assert!(thinking.is_null(), "{model} {rest}");
        assert_eq!(dropped, ["reasoning_effort"], "{model} {rest}");
    }
}

#[test]
fn an_error_in_a_good_reply_is_an_error() {
    let body = br#"{"error":{"message":"Provider returned error","code":502},"choices":[]}"#;
    let result = translate_response(Dialect::OpenAi, Dialect::Anthropic, body, "m", 0);
    let Err(TranslateError::Invalid { message, .. }) = result else {
        panic!("{result:?}")
    };
    assert!(message.contains("Provider returned error"));
}

#[test]
fn older_function_calls_and_missing_counts_are_understood() {
    let body = r#"{"choices":[{"message":{"content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},"finish_reason":"function_call"}]}"#;
    let there = translate_response(Dialect::OpenAi, Dialect::Anthropic, body.as_bytes(), "m", 0);
    let there: Value = serde_json::from_slice(&there.unwrap()).unwrap();
    let reply = view::reply(Dialect::Anthropic, &there);
    assert_eq!(
        reply.calls,
        [("call_f".into(), "f".into(), json!({"a": 1}))]
    );
    assert_eq!((reply.finish, reply.usage), ("tools", Some((0, 0, 0, 0))));
}

#[test]
fn own_errors_have_the_shape_of_the_caller() {
    let error = Error::new(Code::RateLimited, "too \"fast\"")
        .with_param("model")
        .with_request_id("r1");
    let openai: Value = serde_json::from_slice(&encode_error(Dialect::OpenAi, &error)).unwrap();
    assert_eq!(
        openai,
        json!({"error": {"message": "too \"fast\"", "type": "rate_limit_error", "param": "model", "code": "rate_limited"}})
    );
    let anthropic: Value =
        serde_json::from_slice(&encode_error(Dialect::Anthropic, &error)).unwrap();
    assert_eq!(
        anthropic,
        json!({"type": "error", "error": {"type": "rate_limit_error", "message": "too \"fast\"", "code": "rate_limited"}, "request_id": "r1"})
    );
    let cohere: Value = serde_json::from_slice(&encode_error(Dialect::Cohere, &error)).unwrap();
    assert_eq!(
        cohere,
        json!({"id": "r1", "message": "too \"fast\"", "code": "rate_limited"})
    );
    let gemini: Value = serde_json::from_slice(&encode_error(Dialect::Gemini, &error)).unwrap();
    assert_eq!(
        gemini,
        json!({"error": {"code": 429, "message": "too \"fast\"", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMITED", "domain": "tidegate"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "model", "description": "too \"fast\""}]},
            {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "r1"},
        ]}})
    );
    let there = translate_error(
        Dialect::Gemini,
        Dialect::OpenAi,
        429,
        gemini.to_string().as_bytes(),
    );
    assert_eq!(serde_json::from_slice::<Value>(&there).unwrap(), openai);
    for dialect in Dialect::ALL.iter().copied() {
        let event = view::events(&encode_error_event(dialect, &error), usize::MAX).remove(0);
        let seen = StreamTap::new(dialect).observe(&event);
        assert!(
            matches!(seen, Seen::Failed { kind, .. } if kind == "rate_limited"),
            "{dialect:?}"
        );
        let name = event.event.as_deref().unwrap_or_default();
        let want: &[u8] = match dialect {
            Dialect::Anthropic | Dialect::Responses => b"error",
            Dialect::Cohere => b"message-end",
            Dialect::Bedrock => b"throttlingException",
            _ => b"",
        };
        assert_eq!(name, want);
        assert_eq!(
            error_message(dialect, &event.data).as_deref(),
            Some("too \"fast\"")
        );
    }
}

#[test]
fn an_upstreams_error_stays_as_it_is_for_its_own_dialect() {
    let body = "{\n \"error\": {\"message\": \"no\", \"type\": \"x\", \"code\": 7}}";
    let error =
        Error::new(Code::UpstreamRejected, "openai/x refused").with_upstream(UpstreamError {
            status: StatusCode::BAD_REQUEST,
            headers: http::HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            dialect: Dialect::OpenAi,
            target: "openai/x".into(),
        });
    assert_eq!(encode_error(Dialect::OpenAi, &error), body.as_bytes());
    let there: Value = serde_json::from_slice(&encode_error(Dialect::Anthropic, &error)).unwrap();
    assert_eq!(
        there["error"],
        json!({"type": "invalid_request_error", "message": "no"})
    );
    // As an event, a line end must not cut it short.
    let event = event(std::str::from_utf8(&encode_error_event(Dialect::OpenAi, &error)).unwrap());
    assert_eq!(
        error_message(Dialect::OpenAi, &event.data).as_deref(),
        Some("no")
    );
}

#[test]
fn error_bodies_of_every_shape_are_understood() {
    for (body, message) in [
        (r#"{"detail":"Unauthorized"}"#, "Unauthorized"),
        (r#"{"error":"model not found"}"#, "model not found"),
        (r#"{"message":"nope","request_id":"x"}"#, "nope"),
        (
            r#"{"detail":[{"msg":"field required"}]}"#,
            r#"[{"msg":"field required"}]"#,
        ),
        ("<html>502</html>", "<html>502</html>"),
        (
            "",
            "the upstream answered with status 502 and no explanation",
        ),
    ] {
        let there = translate_error(Dialect::OpenAi, Dialect::Anthropic, 502, body.as_bytes());
        assert_eq!(
            error_message(Dialect::Anthropic, &there).as_deref(),
            Some(message),
            "{body}"
        );
    }
}

#[test]
fn a_call_that_is_interrupted_by_another_still_gets_its_arguments() {
    let mut translator = StreamTranslator::new(Dialect::OpenAi, Dialect::Anthropic, "m", false, 0);
    let mut out = Vec::new();
    let chunk = |calls: &str| {
        event(&format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{calls}]}}}}]}}\n\n"
        ))
    };
    for calls in [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
        r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
        r#"{"index":0,"function":{"arguments":"1}"}}"#,
    ] {
        translator.push(&chunk(calls), &mut out).unwrap();
    }
    translator.finish(&mut out);
    let reply = view::stream(Dialect::Anthropic, &out);
    assert_eq!(
        reply.calls,
        [
            ("a".into(), "f".into(), json!({"x": 1})),
            ("b".into(), "g".into(), json!({})),
        ]
    );
    assert_eq!(reply.finish, "tools");
    let before = out.len();
    translator.finish(&mut out);
    assert_eq!(out.len(), before, "the end is written once");
}

#[test]
fn calls_survive_every_pair_of_dialects() {
    let body = r#"{"choices":[{"message":{"content":"a","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}]}"#;
    for (from, to) in pairs() {
        let first = translate_response(Dialect::OpenAi, from, body.as_bytes(), "m", 0).unwrap();
        let there = translate_response(from, to, &first, "m", 0).unwrap();
        let tree = serde_json::from_slice(&there).unwrap();
        let reply = view::reply(to, &tree).told_by(to);
        assert_eq!(reply.calls, [("x".into(), "f".into(), json!({"a": 1}))]);
        assert_eq!((reply.text.as_str(), reply.finish), ("a", "tools"));
    }
}

#[test]
fn empty_streams_end_properly() {
    for (from, to) in pairs() {
        let mut out = Vec::new();
        StreamTranslator::new(from, to, "m", true, 0).finish(&mut out);
        let mut tap = StreamTap::new(to);
        let seen: Vec<_> = view::events(&out, usize::MAX)
            .iter()
            .map(|event| tap.observe(event))
            .collect();
        assert!(tap.finished(), "{}", to.as_str());
        let terminal = seen.last() == Some(&Seen::Terminal);
        assert_eq!(terminal, to != Dialect::Gemini);
    }
}

#[test]
fn usage_chunks_come_only_when_asked_for() {
    let stop = event("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    for asked in [true, false] {
        let mut out = Vec::new();
        let mut translator =
            StreamTranslator::new(Dialect::Anthropic, Dialect::OpenAi, "m", asked, 0);
        translator.push(&stop, &mut out).unwrap();
        let mut tap = StreamTap::new(Dialect::OpenAi);
        let usage = view::events(&out, usize::MAX)
            .iter()
            .any(|event| tap.observe(event) == Seen::UsageOnly);
        assert_eq!(usage, asked);
    }
}

#[test]
fn taps_tell_the_kinds_of_chunks_apart() {
    let mut tap = StreamTap::new(Dialect::OpenAi);
    let mut see = |text: &str| tap.observe(&event(&format!("data: {text}\n\n")));
    assert_eq!(
        see(r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":""}]}"#),
        Seen::Other
    );
    assert_eq!(
        see(r#"{"choices":[],"prompt_filter_results":[]}"#),
        Seen::Other
    );
    assert_eq!(
        see(r#"{"choices":[{"delta":{"content":"\"usage\":{ \"error\" [DONE]"}}]}"#),
        Seen::Content
    );
    assert_eq!(
        see(
            r#"{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#
        ),
        Seen::Content
    );
    assert_eq!(
        see(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#),
        Seen::UsageOnly
    );
    assert!(
        matches!(see(r#"{"error":{"message":"m","code":502}}"#), Seen::Failed { message, kind } if message == "m" && kind == "502")
    );
    assert_eq!(see("[DONE]"), Seen::Terminal);
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input, usage.output), (3, 4));
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1.5e3".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"text\"".to_owned()),
        Just("\"user\"".to_owned()),
        Just("\"assistant\"".to_owned()),
        Just("\"tool_use\"".to_owned()),
        Just("\"function\"".to_owned()),
        Just("\"data:image/png;base64,é\\ud83d\"".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let key = prop_oneof![
            Just("messages"),
            Just("role"),
            Just("content"),
            Just("type"),
            Just("text"),
            Just("tool_calls"),
            Just("function"),
            Just("id"),
            Just("name"),
            Just("input"),
            Just("arguments"),
            Just("choices"),
            Just("message"),
            Just("delta"),
            Just("usage"),
            Just("tools"),
            Just("system"),
            Just("source"),
            Just("image_url"),
            Just("error"),
            Just("content_block"),
            Just("index"),
            Just("thinking"),
            Just("finish_reason"),
            Just("tool_plan"),
            Just("citations"),
            Just("sources"),
            Just("document"),
            Just("documents"),
            Just("data"),
            Just("output"),
            Just("item"),
            Just("summary"),
            Just("response"),
            Just("annotations"),
            Just("call_id"),
            Just("toolUse"),
            Just("toolResult"),
            Just("reasoningContent"),
            Just("json"),
            Just("bytes"),
            Just("format"),
            Just("cachePoint"),
            Just("start"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\": {value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    // Each case goes through every pair of dialects.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_json_is_translated_or_refused_and_never_breaks(text in value(), other in value()) {
        let bodies = [
            format!(r#"{{"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","content":{other},"tool_calls":{text}}}],"tools":{other},"system":{text},"documents":{other},"response_format":{text},"thinking":{other}}}"#),
            format!(r#"{{"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","content":{other},"tool_calls":{text}}}],"tools":{other},"system":{text},"input":[{{"role":"user","content":{text}}},{{"type":"reasoning","summary":{other}}},{{"type":"function_call","call_id":"a","name":"f","arguments":{text}}},{{"type":"function_call_output","call_id":"a","output":{other}}}]}}"#),
            format!(r#"{{"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","content":{other},"tool_calls":{text}}}],"tools":{other},"toolConfig":{{"tools":{other}}},"outputConfig":{text},"system":{text}}}"#),
            format!(r#"{{"contents":[{{"role":"user","parts":{text}}},{{"role":"model","parts":[{{"functionCall":{other}}},{other}]}}],"systemInstruction":{text},"tools":{other},"generationConfig":{other}}}"#),
        ];
        let replies = [
            format!(r#"{{"choices":[{{"message":{{"content":{text},"tool_calls":{other}}}}}],"content":{text},"message":{{"content":{text},"tool_calls":{other},"citations":{text}}},"delta":{{"message":{{"content":{other},"tool_calls":{text},"citations":{other}}}}},"usage":{other}}}"#),
            format!(r#"{{"choices":[{{"message":{{"content":{text},"tool_calls":{other}}}}}],"content":{text},"usage":{other},"item":{text},"delta":{text},"output":[{{"type":"message","content":{text}}},{{"type":"function_call","call_id":"a","name":"f","arguments":{other}}}],"response":{{"output":[{text},{{"type":"reasoning","summary":{other}}}]}}}}"#),
            format!(r#"{{"choices":[{{"message":{{"content":{text},"tool_calls":{other}}}}}],"content":{text},"output":{{"message":{{"content":{text}}}}},"usage":{other}}}"#),
            format!(r#"{{"candidates":[{{"content":{{"parts":{text}}},"groundingMetadata":{other}}}],"promptFeedback":{other},"usageMetadata":{text}}}"#),
        ];
        for (from, to) in pairs() {
            for body in bodies.iter().chain([&text]) {
                if let Ok(done) = translate_request(from, to, body.as_bytes(), "m", None, OnUnsupported::Drop) {
                    prop_assert!(Json::parse(&done.body).is_ok(), "{}", String::from_utf8_lossy(&done.body));
                }
            }
            for body in replies.iter().chain([&text]) {
                if let Ok(done) = translate_response(from, to, body.as_bytes(), "m", 0) {
                    prop_assert!(Json::parse(&done).is_ok());
                }
                let _ = usage_of(from, &Endpoint::Chat, body.as_bytes());
                let _ = error_message(from, body.as_bytes());
            }
            for name in [
                "", "event: content_block_start\n", "event: content_block_delta\n", "event: message_delta\n", "event: error\n", "event: content-delta\n", "event: tool-plan-delta\n", "event: tool-call-start\n", "event: tool-call-delta\n", "event: tool-call-end\n", "event: citation-start\n", "event: message-end\n", "event: response.output_item.added\n", "event: response.output_item.done\n", "event: response.output_text.delta\n", "event: response.completed\n", "event: contentBlockStart\n", "event: contentBlockDelta\n", "event: messageStop\n", "event: metadata\n", "event: throttlingException\n",
            ] {
                for data in replies.iter().chain([&text]) {
                    let event = event(&format!("{name}data: {}\n\n", data.replace(['\n', '\r'], " ")));
                    let mut out = Vec::new();
                    let mut translator = StreamTranslator::new(from, to, "m", true, 0);
                    let _ = translator.push(&event, &mut out);
                    translator.finish(&mut out);
                    StreamTap::new(from).observe(&event);
                    for event in view::events(&out, usize::MAX) {
                        let fine = event.data.is_empty() || event.data.starts_with(b"[DONE]") || Json::parse(&event.data).is_ok();
                        prop_assert!(fine, "{:?}", event.data);
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (from, to) in pairs() {
            let _ = translate_request(from, to, &bytes, "m", None, OnUnsupported::Drop);
            let _ = translate_response(from, to, &bytes, "m", 0);
            let _ = translate_error(from, to, 500, &bytes);
            let _ = usage_of(from, &Endpoint::Chat, &bytes);
            for event in view::events(&bytes, 7) {
                let _ = StreamTranslator::new(from, to, "m", true, 0).push(&event, &mut Vec::new());
                StreamTap::new(from).observe(&event);
            }
        }
    }
}
