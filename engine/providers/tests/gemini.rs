//! What is particular to Gemini: proofs of reasoning, thinking in each model's measure, shapes beside
//! functions, models in paths.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong")]

use serde_json::{Value, json};
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, chat_path, translate_request, translate_response,
    },
    sse::{SseEvent, SseSplitter},
};
use tidegate_types::{Dialect, config::OnUnsupported};

fn event(text: &str) -> SseEvent {
    let mut splitter = SseSplitter::new();
    splitter.push(text.to_owned().into()).unwrap();
    splitter.next().unwrap()
}

#[test]
fn proofs_of_calls_come_back_from_callers_who_have_no_place_for_them() {
    let reply = json!({"candidates": [{"content": {"role": "model", "parts": [
        {"text": "Full moon.", "thought": true},
        {"functionCall": {"name": "tide", "args": {"port": "Brest"}}, "thoughtSignature": "AY89+/8="},
        {"functionCall": {"name": "tide", "args": {"port": "Cork"}}},
    ]}, "finishReason": "STOP"}], "responseId": "r"});
    for caller in [Dialect::Anthropic, Dialect::OpenAi] {
        let body = reply.to_string();
        let there = translate_response(Dialect::Gemini, caller, body.as_bytes(), "m", 0).unwrap();
        let there: Value = serde_json::from_slice(&there).unwrap();
        let (turn, results) = if caller == Dialect::Anthropic {
            let calls = there["content"].as_array().unwrap().iter();
            let ids = calls.filter_map(|block| block.get("id"));
            let results: Vec<_> = ids
                .map(|id| json!({"type": "tool_result", "tool_use_id": id, "content": "4 m"}))
                .collect();
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            for result in &results {
                let id = result["tool_use_id"].as_str().unwrap();
                assert!(id.chars().all(allowed), "{id}");
            }
            (
                json!({"role": "assistant", "content": there["content"]}),
                vec![json!({"role": "user", "content": results})],
            )
        } else {
            let turn = there["choices"][0]["message"].clone();
            let calls = turn["tool_calls"].as_array().unwrap().iter();
            let results = calls
                .map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "4 m"}))
                .collect();
            (turn, results)
        };
        let mut messages = vec![json!({"role": "user", "content": "Tides?"}), turn];
        messages.extend(results);
        let body = json!({ "messages": messages, "max_tokens": 99 }).to_string();
        let done = translate_request(
            caller,
            Dialect::Gemini,
            body.as_bytes(),
            "gemini-3-flash-preview",
            None,
            OnUnsupported::Error,
        )
        .unwrap();
        let back: Value = serde_json::from_slice(&done.body).unwrap();
        assert_eq!(
            back["contents"][1]["parts"],
            json!([
                {"text": "Full moon.", "thought": true},
                {"functionCall": {"id": "call_r_0", "name": "tide", "args": {"port": "Brest"}}, "thoughtSignature": "AY89+/8="},
                {"functionCall": {"id": "call_r_1", "name": "tide", "args": {"port": "Cork"}}},
            ])
        );
        let results = back["contents"][2]["parts"].as_array().unwrap();
        let told: Vec<_> = results
            .iter()
            .map(|part| part["functionResponse"].clone())
            .collect();
        assert_eq!(
            told,
            [
                json!({"id": "call_r_0", "name": "tide", "response": {"result": "4 m"}}),
                json!({"id": "call_r_1", "name": "tide", "response": {"result": "4 m"}}),
            ]
        );
    }
}

#[test]
fn proofs_of_words_stand_where_they_stood() {
    let reply = json!({"candidates": [{"content": {"role": "model", "parts": [
        {"text": "Full moon.", "thought": true},
        {"text": "Spring tide.", "thoughtSignature": "Cs8B+/8="},
    ]}, "finishReason": "STOP"}]});
    let stream = format!("data: {reply}\n\n");
    let mut translator = StreamTranslator::new(Dialect::Gemini, Dialect::Anthropic, "m", true, 0);
    let mut out = Vec::new();
    translator.push(&event(&stream), &mut out).unwrap();
    translator.finish(&mut out);
    let streamed = json!([
        {"type": "thinking", "thinking": "Full moon.", "signature": ""},
        {"type": "text", "text": "Spring tide."},
        {"type": "thinking", "thinking": "", "signature": "gemini.Cs8B+/8="},
    ]);
    let body = reply.to_string();
    let whole = translate_response(Dialect::Gemini, Dialect::Anthropic, body.as_bytes(), "m", 0);
    let whole: Value = serde_json::from_slice(&whole.unwrap()).unwrap();
    for content in [streamed, whole["content"].clone()] {
        let body = json!({"messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": "And now?"},
        ]})
        .to_string();
        let to = |dialect, model| {
            let done = translate_request(
                Dialect::Anthropic,
                dialect,
                body.as_bytes(),
                model,
                None,
                OnUnsupported::Drop,
            );
            serde_json::from_slice::<Value>(&done.unwrap().body).unwrap()
        };
        let back = to(Dialect::Gemini, "gemini-3-flash-preview");
        let parts = back["contents"][1]["parts"].as_array().unwrap();
        assert_eq!(
            parts.last().unwrap(),
            &json!({"text": "Spring tide.", "thoughtSignature": "Cs8B+/8="})
        );
        // Another vendor would refuse the proof.
        assert!(!to(Dialect::OpenAi, "claude-x").to_string().contains("Cs8B"));
    }
}

#[test]
fn a_shape_beside_functions_is_emulated_before_gemini_3() {
    let body = r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}],
        "response_format":{"type":"json_schema","json_schema":{"name":"p","schema":{"type":"object"}}}}"#;
    let of = |model| {
        let done = translate_request(
            Dialect::OpenAi,
            Dialect::Gemini,
            body.as_bytes(),
            model,
            None,
            OnUnsupported::Error,
        );
        serde_json::from_slice::<Value>(&done.unwrap().body).unwrap()
    };
    let third = of("gemini-3-pro-preview");
    assert_eq!(
        third["generationConfig"]["responseJsonSchema"],
        json!({"type": "object"})
    );
    assert!(third.get("toolConfig").is_none());
    let second = of("gemini-2.5-flash");
    assert!(second.get("generationConfig").is_none());
    assert_eq!(
        second["tools"][0]["functionDeclarations"][1]["name"],
        "tidegate_json_reply"
    );
    assert_eq!(second["toolConfig"]["functionCallingConfig"]["mode"], "ANY");
}

#[test]
fn a_models_thinking_is_told_in_its_own_measure() {
    let of = |model: &str, effort: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}}],"reasoning_effort":"{effort}"}}"#
        );
        let done = translate_request(
            Dialect::OpenAi,
            Dialect::Gemini,
            body.as_bytes(),
            model,
            None,
            OnUnsupported::Drop,
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&done.body).unwrap();
        let told = &value["generationConfig"]["thinkingConfig"];
        (told.clone(), done.dropped.is_empty())
    };
    for (model, effort, told, exact) in [
        (
            "gemini-3-pro-preview",
            "none",
            json!({"thinkingLevel": "low"}),
            false,
        ),
        (
            "gemini-3-flash-preview",
            "minimal",
            json!({"thinkingLevel": "minimal", "includeThoughts": true}),
            true,
        ),
        (
            "gemini-3.1-pro-preview",
            "medium",
            json!({"thinkingLevel": "medium", "includeThoughts": true}),
            true,
        ),
        (
            "gemini-2.5-pro",
            "none",
            json!({"thinkingBudget": 128}),
            false,
        ),
        (
            "gemini-2.5-flash",
            "none",
            json!({"thinkingBudget": 0}),
            true,
        ),
        (
            "gemini-2.5-flash-lite",
            "low",
            json!({"thinkingBudget": 1024, "includeThoughts": true}),
            true,
        ),
        ("gemini-2.0-flash", "high", Value::Null, false),
        ("gemini-2.0-flash", "none", Value::Null, true),
        (
            "my-tuned-model",
            "medium",
            json!({"thinkingBudget": 8192, "includeThoughts": true}),
            true,
        ),
    ] {
        assert_eq!(of(model, effort), (told, exact), "{model} {effort}");
    }
}

#[test]
fn models_stand_in_the_path_where_the_dialect_wants_them() {
    for (model, stream, path) in [
        (
            "gemini-2.5-flash",
            false,
            "/v1beta/models/gemini-2.5-flash:generateContent",
        ),
        (
            "models/gemini-x",
            true,
            "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        ),
        (
            "a/b c:d?é",
            false,
            "/v1beta/models/a%2Fb%20c%3Ad%3F%C3%A9:generateContent",
        ),
    ] {
        assert_eq!(chat_path(Dialect::Gemini, model, stream), path);
    }
}

#[test]
fn a_stream_is_complete_with_its_reason_and_not_before() {
    let mut tap = StreamTap::new(Dialect::Gemini);
    let mut see = |data: &str| tap.observe(&event(&format!("data: {data}\r\n\r\n")));
    let chunk = |part: &str, more: &str| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}{more}}}]}}"#)
    };
    assert_eq!(see(&chunk(r#"{"text":""}"#, "")), Seen::Other);
    assert_eq!(
        see(&chunk(r#"{"text":"","thoughtSignature":"QUJD"}"#, "")),
        Seen::Other
    );
    let call = r#"{"functionCall":{"name":"f","args":{"finishReason":"STOP"}}}"#;
    assert_eq!(see(&chunk(call, "")), Seen::Content);
    assert!(!tap.finished());
    let mut see = |data: &str| tap.observe(&event(&format!("data: {data}\n\n")));
    see(&chunk("", r#","finishReason":"FINISH_REASON_UNSPECIFIED""#));
    see(r#"{"usageMetadata":{"trafficType":"ON_DEMAND"}}"#);
    assert!(!tap.finished() && tap.usage().is_none());
    tap.observe(&event(&format!(
        "data: {}\n\n",
        chunk("", r#","finishReason":"MAX_TOKENS""#)
    )));
    assert!(tap.finished());
    let mut tap = StreamTap::new(Dialect::Gemini);
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    tap.observe(&event(&format!("data: {blocked}\n\n")));
    assert!(tap.finished());
    assert_eq!(tap.usage().map(|usage| usage.input), Some(4));
}

#[test]
fn a_stream_in_a_list_is_refused_and_a_list_of_one_is_a_reply() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#;
    let of = |body: String| {
        translate_response(Dialect::Gemini, Dialect::OpenAi, body.as_bytes(), "m", 0)
    };
    let one: Value = serde_json::from_slice(&of(format!("[{chunk}]")).unwrap()).unwrap();
    assert_eq!(one["choices"][0]["message"]["content"], "Hi");
    assert!(of(format!("[{chunk},{chunk}]")).is_err());
}
