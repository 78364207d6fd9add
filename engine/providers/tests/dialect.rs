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

const BOTH: [(Dialect, Dialect); 2] = [
    (Dialect::OpenAi, Dialect::Anthropic),
    (Dialect::Anthropic, Dialect::OpenAi),
];

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
    for (from, to) in BOTH {
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
    let body = format!(r#"{{"messages":[{{"role":"user","content":[{parts}]}}]}}"#);
    for (from, to) in BOTH {
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
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let event = event(std::str::from_utf8(&encode_error_event(dialect, &error)).unwrap());
        let named = event.event.is_some_and(|name| name.as_ref() == b"error");
        assert_eq!(named, dialect == Dialect::Anthropic);
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
fn empty_streams_end_properly() {
    for (from, to) in BOTH {
        let mut out = Vec::new();
        StreamTranslator::new(from, to, "m", true, 0).finish(&mut out);
        let mut tap = StreamTap::new(to);
        let seen: Vec<_> = view::events(&out, usize::MAX)
            .iter()
            .map(|event| tap.observe(event))
            .collect();
        assert_eq!(seen.last(), Some(&Seen::Terminal));
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

#[test]
fn streams_of_the_responses_api_are_metered() {
    let mut tap = StreamTap::new(Dialect::OpenAi);
    let mut see =
        |name: &str, data: &str| tap.observe(&event(&format!("event: {name}\ndata: {data}\n\n")));
    assert_eq!(see("response.created", "{}"), Seen::Other);
    assert_eq!(
        see("response.output_text.delta", r#"{"delta":"x"}"#),
        Seen::Content
    );
    let done = r#"{"response":{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":2,"total_tokens":11}}}"#;
    assert_eq!(see("response.completed", done), Seen::Terminal);
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (9, 2, 4));
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
    #[test]
    fn any_json_is_translated_or_refused_and_never_breaks(text in value(), other in value()) {
        let body = format!(r#"{{"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","content":{other},"tool_calls":{text}}}],"tools":{other},"system":{text}}}"#);
        let reply = format!(r#"{{"choices":[{{"message":{{"content":{text},"tool_calls":{other}}}}}],"content":{text},"usage":{other}}}"#);
        for (from, to) in BOTH {
            for body in [&text, &body] {
                if let Ok(done) = translate_request(from, to, body.as_bytes(), "m", None, OnUnsupported::Drop) {
                    prop_assert!(Json::parse(&done.body).is_ok(), "{}", String::from_utf8_lossy(&done.body));
                }
            }
            for body in [&text, &reply] {
                if let Ok(done) = translate_response(from, to, body.as_bytes(), "m", 0) {
                    prop_assert!(Json::parse(&done).is_ok());
                }
                let _ = usage_of(from, &Endpoint::Chat, body.as_bytes());
                let _ = error_message(from, body.as_bytes());
            }
            for name in ["", "event: content_block_start\n", "event: content_block_delta\n", "event: message_delta\n", "event: error\n"] {
                for data in [&text, &reply] {
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
        for (from, to) in BOTH {
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
