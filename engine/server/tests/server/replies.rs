use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn chat_is_answered_with_the_gateways_facts_in_headers() {
    let served = serve(scripted("openai", &json!([{ "text": "hello there" }])));
    let mut client = served.connect().await;
    for _ in 0..2 {
        let answer = client
            .ask(&post("/v1/chat/completions", &chat("mock/m", false)))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.json()["choices"][0]["message"]["content"],
            "hello there"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-tidegate-target"), Some("mock/m"));
        assert_eq!(answer.header("x-tidegate-attempts"), Some("1"));
        assert!(answer.header("x-tidegate-cost").is_some());
        assert!(
            answer
                .header("x-tidegate-request-id")
                .unwrap()
                .starts_with("req_")
        );
    }
}

#[tokio::test]
async fn stream_ends_with_its_cost_as_a_trailer_for_those_who_take_trailers() {
    let served = serve(scripted("openai", &json!([{ "text": "one two three" }])));
    let mut client = served.connect().await;
    let ask = post_with(
        "/v1/chat/completions",
        &[("te", "trailers")],
        &chat("mock/m", true),
    );
    let answer = client.ask(&ask).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    assert!(
        answer.trailers.starts_with("x-tidegate-cost: 0.0"),
        "{:?}",
        answer.trailers
    );
    let plain = client
        .ask(&post("/v1/chat/completions", &chat("mock/m", true)))
        .await;
    assert_eq!(plain.trailers, "");
    assert_eq!(
        plain.body.matches("\"delta\"").count(),
        answer.body.matches("\"delta\"").count()
    );
}

#[tokio::test]
async fn anthropic_callers_are_answered_in_their_own_words() {
    let served = serve(scripted("openai", &json!([{ "text": "hello" }])));
    let mut client = served.connect().await;
    let body = json!({ "model": "mock/m", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] });
    let answer = client.ask(&post("/v1/messages", &body.to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["content"][0]["text"], "hello");
}

#[tokio::test]
async fn upstreams_refusal_keeps_its_status_and_body() {
    let refusal = json!({ "error": { "message": "no", "type": "t", "code": "c", "extra": 1.0 } });
    let served = serve(scripted(
        "openai",
        &json!([{ "status": 418, "body": refusal }]),
    ));
    let mut client = served.connect().await;
    let answer = client
        .ask(&post("/v1/chat/completions", &chat("mock/m", false)))
        .await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.json(), refusal);
    assert_eq!(
        answer.header("x-tidegate-error"),
        Some("2103 upstream_rejected")
    );
}

#[tokio::test]
async fn gateways_own_errors_have_the_callers_shape() {
    let mut config = scripted("openai", &json!([]));
    config["keys"] = json!([{ "id": "a", "value": "tg-a" }]);
    let served = serve(config);
    let mut client = served.connect().await;
    let answer = client
        .ask(&post("/v1/chat/completions", &chat("mock/m", false)))
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"]["code"], "missing_key");
    let answer = client
        .ask(&post("/v1/messages", &chat("mock/m", false)))
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"]["type"], "authentication_error");
    let key = [("authorization", "Bearer tg-a")];
    let answer = client
        .ask(&post_with(
            "/v1/chat/completions",
            &key,
            &chat("mock/m", false),
        ))
        .await;
    assert_eq!(answer.status, 200);
    let answer = client.ask(&post("/v1/nothing", "{}")).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn probes_tell_alive_and_ready_apart() {
    let served = serve(scripted("openai", &json!([])));
    let mut client = served.connect().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(client.ask(&get("/healthz")).await.status, 200);
    assert_eq!(
        client.ask(&get("/readyz")).await.json(),
        json!({ "status": "ready" })
    );
    let keyless = serve(json!({ "providers": { "nokey": {
        "dialect": "openai", "base_url": "http://127.0.0.1:9",
    } } }));
    // A provider of one's own may need no key at all.
    assert_eq!(
        keyless.connect().await.ask(&get("/readyz")).await.status,
        200
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let served = serve(scripted(
        "openai",
        &json!([{ "text": "one" }, { "text": "two" }]),
    ));
    let mut client = served.connect().await;
    let ask = post("/v1/chat/completions", &chat("mock/m", false));
    client.send(&[ask.as_str(), &ask].concat()).await;
    for text in ["one", "two"] {
        let answer = client.answer().await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], text);
    }
}
