//! The edges of the Responses dialect.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what went wrong"
)]

#[path = "support/view.rs"]
#[expect(dead_code, reason = "it reads for several tests, each a part")]
mod view;

use std::fs;

use serde_json::{Value, json};
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, TranslateError, encode_error_event, translate_request,
        translate_response,
    },
    sse::SseEvent,
};
use tidegate_types::{Code, Dialect, Error, config::OnUnsupported};

const HERE: Dialect = Dialect::Responses;

fn request(from: Dialect, to: Dialect, body: &Value, model: &str) -> (Value, Vec<String>) {
    let body = body.to_string();
    let done = translate_request(from, to, body.as_bytes(), model, None, OnUnsupported::Drop)
        .unwrap_or_else(|error| panic!("{body}: {error}"));
    (serde_json::from_slice(&done.body).unwrap(), done.dropped)
}

fn event(data: &Value) -> SseEvent {
    let name = data["type"].as_str().unwrap();
    let text = format!("event: {name}\ndata: {data}\n\n");
    view::events(text.as_bytes(), usize::MAX).remove(0)
}

/// The data of the events of a stream.
fn data(stream: &[u8]) -> Vec<Value> {
    view::events(stream, usize::MAX)
        .iter()
        .filter_map(|event| serde_json::from_slice(&event.data).ok())
        .collect()
}

#[test]
fn a_bad_request_names_the_field_at_fault() {
    for (body, path) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"input":7}"#, "input"),
        (r#"{"input":["x"]}"#, "input[0]"),
        (r#"{"input":[{"content":"x"}]}"#, "input[0].role"),
        (r#"{"input":[{"role":"robot"}]}"#, "input[0].role"),
        (
            r#"{"input":[{"role":"user","content":7}]}"#,
            "input[0].content",
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_text"}]}]}"#,
            "input[0].content[0].text",
        ),
        (
            r#"{"input":[{"type":"function_call","call_id":"a"}]}"#,
            "input[0].name",
        ),
        (
            r#"{"input":[{"type":"function_call_output","output":"x"}]}"#,
            "input[0].call_id",
        ),
        (
            r#"{"input":[{"type":"item_reference","id":"rs_1"}]}"#,
            "input[0]",
        ),
        (
            r#"{"input":"x","previous_response_id":"resp_1"}"#,
            "previous_response_id",
        ),
        (r#"{"input":"x","conversation":"conv_1"}"#, "conversation"),
        (r#"{"input":"x","prompt":{"id":"pmpt_1"}}"#, "prompt"),
        (r#"{"input":"x","background":true}"#, "background"),
        (
            r#"{"input":"x","max_output_tokens":"many"}"#,
            "max_output_tokens",
        ),
        (r#"{"input":"x","tool_choice":"maybe"}"#, "tool_choice"),
        (
            r#"{"input":"x","tools":[{"type":"function"}]}"#,
            "tools[0].name",
        ),
        (
            r#"{"input":"x","text":{"format":{"type":"json_schema","name":"a"}}}"#,
            "text.format.schema",
        ),
    ] {
        for to in [Dialect::OpenAi, Dialect::Anthropic] {
            let done = translate_request(HERE, to, body.as_bytes(), "m", None, OnUnsupported::Drop);
            match done {
                Err(TranslateError::Invalid { param, .. }) => assert_eq!(param, path, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_has_no_effect_elsewhere_is_not_reported() {
    let body = json!({"model":"m","input":"x","store":true,"include":["reasoning.encrypted_content"],
        "background":false,"truncation":"disabled","metadata":{},"stream_options":{"include_obfuscation":true},
        "text":{"format":{"type":"text"},"verbosity":"medium"},"previous_response_id":null,
        "reasoning":{"effort":null,"summary":null},"tools":[],"top_logprobs":0});
    let (_, dropped) = request(HERE, Dialect::OpenAi, &body, "gpt-4o");
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn encrypted_reasoning_comes_back_to_its_vendor_only() {
    let reply = json!({"id":"resp_1","status":"completed","output":[
        {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAA+/="},
        {"id":"rs_2","type":"reasoning","summary":[],"encrypted_content":"gBBB"},
        {"id":"fc_1","type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}]});
    for caller in [Dialect::Anthropic, Dialect::OpenAi] {
        let there = translate_response(HERE, caller, reply.to_string().as_bytes(), "m", 0).unwrap();
        let there: Value = serde_json::from_slice(&there).unwrap();
        let (turn, result) = if caller == Dialect::Anthropic {
            let turn = json!({"role":"assistant","content":there["content"]});
            let result = json!({"type":"tool_result","tool_use_id":"call_1","content":"4"});
            (turn, json!({"role":"user","content":[result]}))
        } else {
            let result = json!({"role":"tool","tool_call_id":"call_1","content":"4"});
            (there["choices"][0]["message"].clone(), result)
        };
        let body = json!({"max_tokens":99,"messages":[{"role":"user","content":"x"},turn,result]});
        let (back, dropped) = request(caller, HERE, &body, "gpt-5.6");
        assert!(dropped.is_empty(), "{dropped:?}");
        assert_eq!(
            back["input"][1],
            json!({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAA+/="})
        );
        assert_eq!(
            back["input"][2],
            json!({"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gBBB"})
        );
        assert_eq!(back["store"], false);
        assert_eq!(back["include"], json!(["reasoning.encrypted_content"]));
        let other = if caller == Dialect::Anthropic {
            Dialect::OpenAi
        } else {
            Dialect::Anthropic
        };
        let (elsewhere, dropped) = request(caller, other, &body, "anthropic/claude-sonnet-4-5");
        assert_eq!(dropped.len(), 2, "{dropped:?}");
        assert!(!elsewhere.to_string().contains("gAAA"));
    }
}

#[test]
fn reasoning_of_other_vendors_survives_a_caller_of_this_dialect() {
    let reply = json!({"id":"msg_1","type":"message","role":"assistant","stop_reason":"end_turn","content":[
        {"type":"thinking","thinking":"Hm.","signature":"ErUB+/="},
        {"type":"redacted_thinking","data":"EmwK"},
        {"type":"text","text":"So."}]});
    let there = translate_response(
        Dialect::Anthropic,
        HERE,
        reply.to_string().as_bytes(),
        "m",
        0,
    );
    let there: Value = serde_json::from_slice(&there.unwrap()).unwrap();
    let mut input = vec![json!({"role":"user","content":"x"})];
    input.extend(there["output"].as_array().unwrap().iter().cloned());
    let body = json!({ "input": input });
    let (back, _) = request(HERE, Dialect::Anthropic, &body, "claude-sonnet-4-5");
    assert_eq!(back["messages"][1]["content"], reply["content"]);
}

#[test]
fn reasoning_without_anything_behind_it_is_not_sent() {
    let body = json!({"messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":[{"type":"redacted_thinking","data":"responses:rs_1:gAAA"}]},
        {"role":"user","content":"y"}],"max_tokens":99});
    let (done, dropped) = request(Dialect::Anthropic, HERE, &body, "gpt-5.6");
    assert_eq!(done["input"].as_array().unwrap().len(), 2);
    assert_eq!(dropped, ["messages[1].content[0]"]);
}

#[test]
fn custom_tools_are_functions_elsewhere_and_custom_tools_again_for_the_caller() {
    let body = json!({"input":[{"role":"user","content":"x"},
        {"type":"custom_tool_call","call_id":"c_0","name":"sql","input":"select \"0\""},
        {"type":"custom_tool_call_output","call_id":"c_0","output":"0"}],
        "tools":[{"type":"custom","name":"sql","description":"Runs SQL","format":{"type":"grammar","syntax":"lark","definition":"s: x"}}],
        "tool_choice":{"type":"custom","name":"sql"}});
    let (there, dropped) = request(HERE, Dialect::OpenAi, &body, "m");
    assert_eq!(dropped, ["tools[0].format"]);
    let name = &there["tools"][0]["function"]["name"];
    assert_eq!(&there["tool_choice"]["function"]["name"], name);
    let earlier = &there["messages"][1]["tool_calls"][0]["function"];
    assert_eq!(&earlier["name"], name);
    assert_eq!(earlier["arguments"], r#"{"input":"select \"0\""}"#);

    let call = json!({"index":0,"id":"c_1","type":"function","function":{"name":name,"arguments":r#"{"input":"select \"1\"\n"}"#}});
    let reply = json!({"choices":[{"message":{"content":null,"tool_calls":[call]},"finish_reason":"tool_calls"}]});
    let back = translate_response(Dialect::OpenAi, HERE, reply.to_string().as_bytes(), "m", 0);
    let back: Value = serde_json::from_slice(&back.unwrap()).unwrap();
    let item = &back["output"][0];
    assert_eq!(item["type"], "custom_tool_call");
    assert_eq!(
        (&item["name"], &item["call_id"]),
        (&json!("sql"), &json!("c_1"))
    );
    assert_eq!(item["input"], "select \"1\"\n");

    let chunk =
        json!({"choices":[{"index":0,"delta":{"tool_calls":[call]},"finish_reason":"tool_calls"}]});
    let mut translator = StreamTranslator::new(Dialect::OpenAi, HERE, "m", true, 0);
    let mut out = Vec::new();
    for event in view::events(format!("data: {chunk}\n\n").as_bytes(), usize::MAX) {
        translator.push(&event, &mut out).unwrap();
    }
    translator.finish(&mut out);
    let kinds: Vec<_> = data(&out)
        .iter()
        .filter(|event| event["type"].as_str().unwrap().contains("custom"))
        .map(|event| {
            event["delta"]
                .as_str()
                .or(event["input"].as_str())
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, ["select \"1\"\n", "select \"1\"\n"]);
    let last = data(&out).pop().unwrap();
    assert_eq!(last["response"]["output"][0]["input"], "select \"1\"\n");
    assert_eq!(last["response"]["output"][0]["name"], "sql");
}

#[test]
fn calls_that_the_vendor_answered_are_not_the_callers() {
    let search = json!({"type":"custom_tool_call","id":"ctc_1","call_id":"xs_1","name":"x_keyword_search","input":"{}","status":"completed"});
    let words = json!({"type":"message","role":"assistant","content":[{"type":"output_text","text":"So."}]});
    let reply = json!({"status":"completed","output":[search, words]});
    let there = translate_response(HERE, Dialect::OpenAi, reply.to_string().as_bytes(), "m", 0);
    let there: Value = serde_json::from_slice(&there.unwrap()).unwrap();
    let reply = view::reply(Dialect::OpenAi, &there);
    assert_eq!((reply.calls.len(), reply.finish), (0, "stop"));
    let body = json!({"input":[{"role":"user","content":"x"},search,words]});
    let (there, dropped) = request(HERE, Dialect::OpenAi, &body, "m");
    assert_eq!(there["messages"].as_array().unwrap().len(), 2);
    assert_eq!(dropped, ["input[1]"]);
}

#[test]
fn long_ids_of_calls_stay_different() {
    let id = |end: &str| format!("{}{end}", "call_".repeat(20));
    let call =
        |end| json!({"id":id(end),"type":"function","function":{"name":"f","arguments":"{}"}});
    let result = |end| json!({"role":"tool","tool_call_id":id(end),"content":"x"});
    let body = json!({"messages":[{"role":"assistant","content":null,"tool_calls":[call("a"),call("b")]},result("a"),result("b")]});
    let (done, _) = request(Dialect::OpenAi, HERE, &body, "gpt-4o");
    let ids: Vec<_> = (0..4)
        .map(|at| done["input"][at]["call_id"].as_str().unwrap())
        .collect();
    assert!(ids.iter().all(|id| id.len() <= 64));
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn taps_tell_the_kinds_of_events_apart() {
    let mut tap = StreamTap::new(HERE);
    let mut see = |data: Value| tap.observe(&event(&data));
    assert_eq!(see(json!({"type":"response.created"})), Seen::Other);
    let item = json!({"type":"reasoning","summary":[],"encrypted_content":"gAAA"});
    let added = json!({"type":"response.output_item.added","item":item});
    assert_eq!(see(added), Seen::Other);
    let delta = |text: &str| json!({"type":"response.output_text.delta","delta":text});
    assert_eq!(see(delta("")), Seen::Other);
    assert_eq!(see(delta("x")), Seen::Content);
    let done = json!({"type":"response.completed","response":{"usage":{"input_tokens":9,
        "input_tokens_details":{"cached_tokens":4},"output_tokens":2,"total_tokens":11}}});
    assert_eq!(see(done), Seen::Terminal);
    let usage = tap.usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (9, 2, 4));

    for (data, kind) in [
        (
            json!({"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}),
            "server_error",
        ),
        (
            json!({"type":"error","code":"rate_limit_exceeded","message":"m"}),
            "rate_limit_exceeded",
        ),
        (
            json!({"type":"error","error":{"type":"server_error","message":"m"}}),
            "server_error",
        ),
    ] {
        let mut tap = StreamTap::new(HERE);
        let seen = tap.observe(&event(&data));
        let want = Seen::Failed {
            message: "m".to_owned(),
            kind: kind.to_owned(),
        };
        assert_eq!(seen, want, "{data}");
        assert!(!tap.finished());
    }
    for data in [
        json!({"type":"response.output_text.done","text":"x"}),
        json!({"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}),
        json!({"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"x"}]}}),
    ] {
        assert_eq!(StreamTap::new(HERE).observe(&event(&data)), Seen::Content);
    }
}

#[test]
fn events_without_a_place_belong_to_the_item_they_name() {
    let mut translator = StreamTranslator::new(HERE, Dialect::OpenAi, "m", true, 0);
    let mut out = Vec::new();
    let call = |id: &str, name: &str, arguments: &str| json!({"type":"function_call","id":id,"call_id":id,"name":name,"arguments":arguments});
    for data in [
        json!({"type":"response.output_item.added","item":call("a","f","")}),
        json!({"type":"response.output_item.added","item":call("b","g","")}),
        json!({"type":"response.function_call_arguments.delta","item_id":"a","delta":"{\"x\""}),
        json!({"type":"response.function_call_arguments.delta","item_id":"b","delta":"{}"}),
        json!({"type":"response.function_call_arguments.delta","item_id":"a","delta":":1}"}),
        json!({"type":"response.output_item.done","item":call("a","f","{\"x\":1}")}),
        json!({"type":"response.completed","response":{"status":"completed","output":[call("a","f","{\"x\":1}"),call("b","g","{}")]}}),
    ] {
        translator.push(&event(&data), &mut out).unwrap();
    }
    let reply = view::stream(Dialect::OpenAi, &out);
    let calls = [
        ("a".into(), "f".into(), json!({"x": 1})),
        ("b".into(), "g".into(), json!({})),
    ];
    assert_eq!(reply.calls, calls);
    assert_eq!(reply.finish, "tools");
}

/// Whatever dialect a stream comes from: events are numbered without a gap, every item opened is
/// closed under the same id, and the final response repeats the items as they were closed.
#[test]
fn written_streams_are_sound() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/spec/fixtures");
    let mut seen = 0;
    for from in Dialect::ALL.iter().copied().filter(|from| *from != HERE) {
        for entry in fs::read_dir(format!("{root}/{}", from.as_str())).expect("fixtures") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|end| end != "sse") {
                continue;
            }
            seen += 1;
            let name = path.display();
            let body = fs::read(&path).expect("a file");
            let mut translator = StreamTranslator::new(from, HERE, "m", true, 0);
            let mut out = Vec::new();
            for event in view::events(&body, usize::MAX) {
                translator.push(&event, &mut out).unwrap();
            }
            translator.finish(&mut out);
            let events = data(&out);
            let mut closed = serde_json::Map::new();
            let mut open = serde_json::Map::new();
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], number, "{name}");
                let place = event["output_index"].to_string();
                match event["type"].as_str().unwrap() {
                    "response.output_item.added" => {
                        assert_eq!(event["output_index"], open.len(), "{name}");
                        open.insert(place, event["item"]["id"].clone());
                    }
                    "response.output_item.done" => {
                        assert_eq!(open[&place], event["item"]["id"], "{name}");
                        assert!(closed.insert(place, event["item"].clone()).is_none());
                    }
                    _ if event["item_id"].is_string() => {
                        assert_eq!(open[&place], event["item_id"], "{name}");
                    }
                    _ => {}
                }
            }
            let last = events.last().unwrap();
            if last["type"] == "error" {
                continue;
            }
            let (before, after) = (
                view::stream(from, &body),
                view::reply(HERE, &last["response"]),
            );
            // The stand-in for a JSON reply is no call any more.
            if !path.ends_with("stream_json_tool.sse") {
                assert_eq!(before.calls, after.calls, "{name}");
            }
            let output = last["response"]["output"].as_array().unwrap();
            assert_eq!(output.len(), open.len(), "{name}");
            for (place, item) in output.iter().enumerate() {
                assert_eq!(&closed[&place.to_string()], item, "{name}");
            }
        }
    }
    assert!(seen > 10);
}

#[test]
fn a_reply_without_end_is_given_up() {
    let mut translator = StreamTranslator::new(Dialect::OpenAi, HERE, "m", true, 0);
    let words = "x".repeat(1 << 20);
    let chunk = json!({"choices":[{"index":0,"delta":{"content":words}}]});
    let chunk = view::events(format!("data: {chunk}\n\n").as_bytes(), usize::MAX).remove(0);
    let mut failed = false;
    for _ in 0..20 {
        let mut out = Vec::new();
        translator.push(&chunk, &mut out).unwrap();
        failed |= data(&out).iter().any(|data| data["type"] == "error");
    }
    assert!(failed);
}

#[test]
fn hostile_streams_are_refused() {
    let mut translator = StreamTranslator::new(HERE, Dialect::OpenAi, "m", true, 0);
    let item = json!({"type":"message","content":[{"type":"output_text","text":"x"}]});
    let output = vec![item; 100_000];
    let done = json!({"type":"response.completed","response":{"output":output}});
    assert!(translator.push(&event(&done), &mut Vec::new()).is_err());
    let parts = vec![json!({"type":"hologram"}); 20_000];
    let body = json!({"input":[{"role":"user","content":parts}]});
    let (_, dropped) = request(HERE, Dialect::OpenAi, &body, "m");
    assert_eq!(dropped.len(), 65);
}

#[test]
fn the_gateways_own_errors_make_an_event_that_sdks_raise_on() {
    let error = Error::new(Code::TotalTimeout, "no answer in time");
    let event = &data(&encode_error_event(HERE, &error))[0];
    assert_eq!(event["type"], "error");
    assert_eq!(event["message"], "no answer in time");
    assert_eq!(event["error"]["message"], "no answer in time");
    assert_eq!(event["code"], error.code().slug());
    assert!(event["sequence_number"].is_u64());
}
