//! What Cohere's dialect asks for, beyond what the goldens show.

use serde_json::{Value, json};
use tidegate_providers::dialect::translate_request;
use tidegate_types::{Dialect, config::OnUnsupported};

#[test]
fn cohere_is_asked_for_what_it_takes() {
    let of = |model: &str, body: &str| {
        let done = translate_request(
            Dialect::OpenAi,
            Dialect::Cohere,
            body.as_bytes(),
            model,
            None,
            OnUnsupported::Drop,
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&done.body).unwrap();
        (value, done.dropped)
    };
    let with = |rest: &str| {
        of(
            "command-a-reasoning-08-2025",
            &format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{rest}}}"#),
        )
    };
    let tools = r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#;
    let schema = r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;

    // Ranges.
    let (body, dropped) = with(
        r#""top_p":1,"temperature":1.5,"frequency_penalty":-1,"seed":-3,"logit_bias":{"1":2}"#,
    );
    assert_eq!(
        (&body["p"], &body["temperature"]),
        (&json!(0.99), &json!(1))
    );
    assert_eq!(
        dropped,
        ["frequency_penalty", "logit_bias", "seed", "temperature"]
    );
    let (body, dropped) = with(r#""presence_penalty":0.2,"frequency_penalty":0.1"#);
    assert_eq!(body["frequency_penalty"], json!(0.1));
    assert_eq!(dropped, ["presence_penalty"]);
    let (body, dropped) =
        with(r#""stop":["1","2","3","4","5","6"],"logprobs":true,"top_logprobs":2"#);
    assert_eq!(body["stop_sequences"].as_array().map(Vec::len), Some(5));
    assert_eq!(dropped, ["stop[5]", "top_logprobs"]);

    // Tools: one alone stands for a tool by name, none for "none" beside a format.
    let (body, _) = with(&format!(
        r#"{tools},"tool_choice":{{"type":"function","function":{{"name":"g"}}}}"#
    ));
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["tools"][0]["function"]["name"], "g");
    assert_eq!(body["tool_choice"], "REQUIRED");
    let (body, _) = with(&format!(r#"{tools},"tool_choice":"none""#));
    assert_eq!(body["tool_choice"], "NONE");
    let (body, _) = with(&format!(r#"{tools},"tool_choice":"none",{schema}"#));
    assert!(body["tools"].is_null());
    assert_eq!(body["response_format"]["json_schema"]["type"], "object");
    let (body, _) = with(&format!("{tools},{schema}"));
    assert!(body["response_format"].is_null());
    assert_eq!(body["tools"][2]["function"]["name"], "tidegate_json_reply");
    assert_eq!(body["tool_choice"], "REQUIRED");
    let (body, dropped) = of(
        "command-r-plus",
        &format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{tools},{schema}}}"#),
    );
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(2));
    assert_eq!(dropped, ["response_format"]);

    // Reasoning.
    for (effort, want) in [
        ("none", json!({"type": "disabled"})),
        ("low", json!({"type": "enabled", "token_budget": 2048})),
        ("high", json!({"type": "enabled"})),
    ] {
        let (body, dropped) = with(&format!(r#""reasoning_effort":"{effort}""#));
        assert_eq!((&body["thinking"], dropped.len()), (&want, 0), "{effort}");
    }
    let (body, _) = with(r#""reasoning_effort":"low","max_tokens":2000"#);
    assert_eq!(body["thinking"]["token_budget"], 1000);
    let (body, dropped) = of(
        "command-a-03-2025",
        r#"{"messages":[{"role":"user","content":"x"}],"reasoning_effort":"low"}"#,
    );
    assert!(body["thinking"].is_null());
    assert_eq!(dropped, ["reasoning_effort"]);
}

#[test]
fn thoughts_go_back_to_cohere_as_the_model_knows_them() {
    let body = br#"{"messages":[{"role":"user","content":"x"},
        {"role":"assistant","reasoning_content":"I look.","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"a","content":"1"}]}"#;
    for (model, at) in [
        ("command-a-03-2025", "/messages/1/tool_plan"),
        (
            "command-a-reasoning-08-2025",
            "/messages/1/content/0/thinking",
        ),
    ] {
        let done = translate_request(
            Dialect::OpenAi,
            Dialect::Cohere,
            body,
            model,
            None,
            OnUnsupported::Error,
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&done.body).unwrap();
        assert_eq!(value.pointer(at), Some(&json!("I look.")), "{model}");
    }
}
