//! Probes, as a whole gateway makes them: over a transport that answers as the test says, by a clock that it
//! moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use tidegate::{
    Gateway, Segments,
    config::{Config, Format},
    providers::transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    wire::Trust,
};
use tidegate_policy::Clock;
use tokio::time::{sleep, timeout};

const OK: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;
/// Within this the prober has looked at the clock, unless the machine is very busy.
const LOOKED: Duration = Duration::from_millis(1500);

/// What each host answers, and what each was asked.
#[derive(Default)]
struct Upstream {
    status: Mutex<HashMap<String, u16>>,
    asked: Mutex<Vec<Asked>>,
}

impl Upstream {
    fn answers(&self, host: &str, status: u16) {
        self.status.lock().unwrap().insert(host.to_owned(), status);
    }

    /// How often a host was asked by probes, and by callers.
    fn asked(&self, host: &str) -> (usize, usize) {
        let asked = self.asked.lock().unwrap();
        let by_probe = |one: &&Asked| one.method == Method::GET || one.body.contains("ping");
        let (probes, calls): (Vec<_>, Vec<_>) = asked
            .iter()
            .filter(|one| one.host == host)
            .partition(by_probe);
        (probes.len(), calls.len())
    }

    fn probes(&self, host: &str) -> usize {
        self.asked(host).0
    }

    fn calls(&self, host: &str) -> usize {
        self.asked(host).1
    }
}

#[derive(Clone, Debug)]
struct Asked {
    host: String,
    method: Method,
    path: String,
    body: String,
}

struct Scripted(Arc<Upstream>);

impl Transport for Scripted {
    fn send(&self, request: HttpRequest) -> Sending {
        let host = request.uri.host().unwrap().to_owned();
        let body = String::from_utf8(request.body.to_bytes().to_vec()).unwrap();
        let path = request.uri.path().to_owned();
        let status = self.0.status.lock().unwrap().get(&host).copied();
        let method = request.method.clone();
        let asked = Asked {
            host,
            method,
            path,
            body,
        };
        self.0.asked.lock().unwrap().push(asked);
        Box::pin(async move {
            let status = status.unwrap_or(200);
            if status == 0 {
                std::future::pending::<()>().await;
            }
            let mut headers = HeaderMap::new();
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            Ok(HttpResponse {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                body: BodyStream::from(Bytes::from_static(OK.as_bytes())),
            })
        })
    }
}

fn gateway(probe: &str) -> (Gateway, Arc<Upstream>) {
    let text = format!(
        r#"
providers:
  a: {{ dialect: openai, base_url: "http://a.test/v1", api_key: ka, {probe} }}
  b: {{ dialect: openai, base_url: "http://b.test/v1", api_key: kb }}
models:
  fast: {{ targets: [a/m, b/m], retry: {{ attempts: 1 }} }}
  other: {{ targets: [a/n, b/m], retry: {{ attempts: 1 }} }}
breaker: {{ failures: 1, open: 10s }}
"#
    );
    let config = Config::parse(&text, Format::Yaml, &[], &|_| None).unwrap();
    let upstream = Arc::<Upstream>::default();
    let network = Arc::new(Scripted(Arc::clone(&upstream)));
    let gateway = Gateway::with_parts(config, network, Arc::new(Clock::new()));
    (gateway, upstream)
}

async fn call(gateway: &Gateway, model: &str) -> String {
    let text = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let request = Request::post("/v1/chat/completions")
        .body(Segments::from(text.into_bytes()))
        .unwrap();
    let answer = gateway.handle(request, Trust::Process).await;
    let target = answer.headers().get("x-tidegate-target");
    target.map_or_else(String::new, |target| target.to_str().unwrap().to_owned())
}

/// Waits until something is so.
async fn until(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(15), holding).await.unwrap();
}

fn breaker(gateway: &Gateway, target: &str) -> String {
    let health = gateway.health();
    let state = &health["targets"][target]["breaker"];
    state["state"]
        .as_str()
        .or(state.as_str())
        .unwrap()
        .to_owned()
}

fn advance(gateway: &Gateway, seconds: u64) {
    gateway.clock().advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn nobody_probes_unless_the_configuration_says_so() {
    let (gateway, upstream) = gateway("");
    call(&gateway, "fast").await;
    advance(&gateway, 1000);
    sleep(LOOKED).await;
    assert_eq!(upstream.probes("a.test") + upstream.probes("b.test"), 0);
}

#[tokio::test]
async fn a_target_that_was_cut_off_is_tried_by_probes_and_not_by_callers() {
    let (gateway, upstream) = gateway("probe: { every: 30s }");
    upstream.answers("a.test", 500);
    assert_eq!(call(&gateway, "fast").await, "b/m");
    // Its breaker lets calls through again, but none comes.
    advance(&gateway, 20);
    assert_eq!(breaker(&gateway, "a/m"), "half_open");
    assert_eq!(call(&gateway, "fast").await, "b/m");
    assert_eq!(upstream.calls("a.test"), 1);
    advance(&gateway, 20);
    until(|| upstream.probes("a.test") > 0).await;
    until(|| breaker(&gateway, "a/m") == "open").await;
    upstream.answers("a.test", 200);
    let before = upstream.probes("a.test");
    advance(&gateway, 40);
    until(|| upstream.probes("a.test") > before && breaker(&gateway, "a/m") == "closed").await;
    assert_eq!(call(&gateway, "fast").await, "a/m");
    assert_eq!(upstream.calls("a.test"), 2);
    let page = gateway.metrics();
    assert!(
        page.contains(r#"tidegate_probes_total{target="a/m",outcome="ok"} "#),
        "{page}"
    );
    assert!(page.contains(r#"tidegate_probes_total{target="a/m",outcome="upstream_failed"} "#));
    assert!(page.contains(r#"route="a/m",target="a/m""#), "{page}");
}

#[tokio::test]
async fn a_target_that_answers_callers_is_left_alone() {
    let (gateway, upstream) = gateway("probe: { every: 300s }");
    call(&gateway, "fast").await;
    // The other target has never answered anybody.
    advance(&gateway, 280);
    call(&gateway, "fast").await;
    advance(&gateway, 25);
    until(|| upstream.probes("a.test") == 1).await;
    let asked = upstream.asked.lock().unwrap().clone();
    let probe = asked.iter().find(|one| one.body.contains("ping")).unwrap();
    assert!(probe.body.contains(r#""model":"n""#), "{probe:?}");
    advance(&gateway, 305);
    until(|| upstream.probes("a.test") == 3).await;
    assert_eq!(upstream.probes("b.test"), 0);
}

#[tokio::test]
async fn silence_is_a_failure_too() {
    let (gateway, upstream) = gateway("probe: { every: 30s, timeout: 50ms }");
    call(&gateway, "fast").await;
    upstream.answers("a.test", 0);
    advance(&gateway, 31);
    until(|| breaker(&gateway, "a/m") == "open").await;
    assert_eq!(call(&gateway, "fast").await, "b/m");
}

#[tokio::test]
async fn a_path_tells_of_all_targets_of_its_provider() {
    let (gateway, upstream) = gateway("probe: { every: 30s, path: /health }");
    call(&gateway, "fast").await;
    upstream.answers("a.test", 503);
    advance(&gateway, 31);
    until(|| breaker(&gateway, "a/m") == "open" && breaker(&gateway, "a/n") == "open").await;
    assert_eq!(upstream.probes("a.test"), 1);
    assert_eq!(
        upstream.asked.lock().unwrap().last().unwrap().path,
        "/v1/health"
    );
    assert_eq!(call(&gateway, "other").await, "b/m");
    upstream.answers("a.test", 200);
    advance(&gateway, 31);
    until(|| breaker(&gateway, "a/m") == "closed" && breaker(&gateway, "a/n") == "closed").await;
}

#[tokio::test]
async fn probes_end_with_the_gateway_and_hold_none_alive() {
    let (gateway, upstream) = gateway("probe: { every: 30s, timeout: 1h }");
    call(&gateway, "fast").await;
    upstream.answers("a.test", 0);
    advance(&gateway, 31);
    until(|| upstream.probes("a.test") > 0).await;
    // One is under way that nobody answers: it is let go.
    let left = timeout(
        Duration::from_secs(10),
        gateway.close(Duration::from_secs(9)),
    );
    assert_eq!(left.await.unwrap(), 0);
    let asked = upstream.probes("a.test");
    advance(&gateway, 1000);
    sleep(LOOKED).await;
    assert_eq!(upstream.probes("a.test"), asked);

    let (gateway, upstream) = self::gateway("probe: { every: 30s }");
    call(&gateway, "fast").await;
    drop(gateway);
    until(|| Arc::strong_count(&upstream) == 1).await;
}
