//! What an operator sees, and who may.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::*;

fn get(path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text + "\r\n"
}

const LOCAL: (&str, &str) = ("host", "localhost:8787");

#[tokio::test]
async fn health_and_metrics_are_shown_to_this_machine() {
    let mut config = scripted("openai", &json!([{ "text": "ok" }]));
    config["models"] = json!({ "say \"hi\"": { "targets": ["mock/m"] } });
    let served = serve(config);
    let mut client = served.connect().await;
    for model in ["mock/m", "mock/m", "say \\\"hi\\\"", "mock/"] {
        let body = chat("MODEL", false).replace("MODEL", model);
        client.ask(&post("/v1/chat/completions", &body)).await;
    }
    let report = client.ask(&get("/api/health", &[LOCAL])).await;
    assert_eq!(report.status, 200, "{report:?}");
    assert_eq!(report.header("content-type"), Some("application/json"));
    let report: Value = report.json();
    assert_eq!(report["targets"]["mock/m"]["breaker"], "closed");
    assert_eq!(report, served.engine.health());
    let page = client.ask(&get("/metrics", &[LOCAL])).await;
    assert_eq!(page.status, 200);
    let kind = page.header("content-type").expect("a type");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    for line in [
        r#"tidegate_requests_total{route="mock/m",target="mock/m",code="2xx"} 2"#,
        r#"tidegate_requests_total{route="say \"hi\"",target="mock/m",code="2xx"} 1"#,
        r#"tidegate_requests_total{route="",target="",code="4xx"} 1"#,
        r#"tidegate_attempts_total{route="mock/m",target="mock/m"} 2"#,
        r#"tidegate_target_breaker{target="mock/m"} 0"#,
        "tidegate_in_flight 0",
        r#"tidegate_queue_length{priority="high"} 0"#,
        r#"gen_ai_server_request_duration_seconds_count{gen_ai_provider_name="mock",gen_ai_request_model="mock/m",gen_ai_response_model="m"} 2"#,
    ] {
        assert!(
            page.body.lines().any(|own| own == line),
            "{line}\n{}",
            page.body
        );
    }
    // Every line is a comment, or a name, labels and a number; histograms only grow.
    let mut last = (String::new(), 0.0);
    for line in page.body.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        let value: f64 = value.parse().expect("a number");
        let family = name.split("le=\"").next().unwrap_or_default().to_owned();
        assert!(
            family != last.0 || !name.contains("_bucket") || value >= last.1,
            "{line}"
        );
        last = (family, value);
    }
}

#[tokio::test]
async fn a_stranger_sees_nothing() {
    let served = serve(scripted("openai", &json!([])));
    let mut client = served.connect().await;
    for headers in [
        [("host", "rebound.example"), ("accept", "*/*")],
        [LOCAL, ("x-forwarded-for", "203.0.113.9")],
    ] {
        for path in ["/metrics", "/api/health"] {
            let answer = client.ask(&get(path, &headers)).await;
            assert_eq!(answer.status, 401, "{headers:?} {answer:?}");
            assert_eq!(answer.header("x-tidegate-error"), Some("1201 missing_key"));
        }
    }
}

#[tokio::test]
async fn an_administrators_key_opens_both_and_nothing_else() {
    let mut config = scripted("openai", &json!([{ "text": "ok" }]));
    config["server"] = json!({ "admin_key": "tg-admin" });
    config["keys"] = json!([{ "id": "a", "value": "tg-a" }]);
    let served = serve(config);
    let mut client = served.connect().await;
    for path in ["/metrics", "/api/health"] {
        let asked = [
            (None, 401),
            (Some(("authorization", "Bearer tg-a")), 401),
            (Some(("authorization", "Bearer tg-admin")), 200),
            (Some(("x-tidegate-key", "tg-admin")), 200),
        ];
        for (key, status) in asked {
            let headers: Vec<_> = [LOCAL].into_iter().chain(key).collect();
            let answer = client.ask(&get(path, &headers)).await;
            assert_eq!(answer.status, status, "{path} {key:?}");
            assert!(!answer.body.contains("tg-a"), "{}", answer.body);
        }
        let ask = post_with(path, &[("authorization", "Bearer tg-admin")], "");
        assert_eq!(client.ask(&ask).await.status, 405);
    }
    let ask = post_with(
        "/v1/chat/completions",
        &[("authorization", "Bearer tg-admin")],
        &chat("mock/m", false),
    );
    assert_eq!(client.ask(&ask).await.status, 401);
}
