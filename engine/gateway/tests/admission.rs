//! Waiting for a place, as a whole gateway does it: over a transport that answers when the test says so.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and makes its own tasks"
)]

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::Value;
use tidegate::{
    Gateway, Segments,
    config::{Config, Format},
    providers::transport::{BodyStream, HttpRequest, HttpResponse, Sending, Transport},
    wire::{ReplyBody, Trust},
};
use tidegate_policy::Clock;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

const CONFIG: &str = r#"
providers:
  a: { dialect: openai, base_url: "http://a.test/v1", api_key: ka, max_in_flight: 2, prices: { "*": { input: 1, output: 2 } } }
models:
  fast: { targets: [a/m], retry: { attempts: 1 } }
  rush: { strategy: race, targets: [a/m, a/n], retry: { attempts: 1 } }
queue: { max_wait: 15s }
keys:
  - { id: alice, value: tg-alice }
  - { id: bob, value: tg-bob }
  - { id: carol, value: tg-carol, priority: high }
  - { id: dave, value: tg-dave, limits: [{ in_flight: 1 }] }
"#;

const OK: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;

/// Each answer waits for a permit.
struct Upstream {
    answers: Semaphore,
    under_way: AtomicUsize,
    most: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

struct Held(Arc<Upstream>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, SeqCst);
    }
}

struct Scripted(Arc<Upstream>);

impl Transport for Scripted {
    fn send(&self, request: HttpRequest) -> Sending {
        let upstream = Arc::clone(&self.0);
        let text = String::from_utf8(request.body.to_bytes().to_vec()).unwrap();
        Box::pin(async move {
            let who = text.split("hello ").nth(1).unwrap();
            let who = who.split('"').next().unwrap().to_owned();
            upstream.asked.lock().unwrap().push(who);
            let now = upstream.under_way.fetch_add(1, SeqCst) + 1;
            upstream.most.fetch_max(now, SeqCst);
            let held = Held(Arc::clone(&upstream));
            upstream.answers.acquire().await.unwrap().forget();
            drop(held);
            let mut headers = HeaderMap::new();
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            Ok(HttpResponse {
                status: StatusCode::OK,
                headers,
                body: BodyStream::from(Bytes::from_static(OK.as_bytes())),
            })
        })
    }
}

fn gateway() -> (Gateway, Arc<Upstream>) {
    let upstream = Arc::new(Upstream {
        answers: Semaphore::new(0),
        under_way: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        asked: Mutex::default(),
    });
    let config = Config::parse(CONFIG, Format::Yaml, &[], &|_| None).unwrap();
    let network = Arc::new(Scripted(Arc::clone(&upstream)));
    let gateway = Gateway::with_parts(config, network, Arc::new(Clock::new()));
    (gateway, upstream)
}

fn call(gateway: &Gateway, who: &str) -> JoinHandle<Response<ReplyBody>> {
    ask(gateway, "fast", who)
}

fn ask(gateway: &Gateway, model: &str, who: &str) -> JoinHandle<Response<ReplyBody>> {
    let text =
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello {who}"}}]}}"#);
    let request = Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer tg-{who}"))
        .body(Segments::from(text.into_bytes()))
        .unwrap();
    let gateway = gateway.clone();
    tokio::spawn(async move { gateway.handle(request, Trust::Network { peer: None }).await })
}

/// Waits until something is so.
async fn until(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(15), holding).await.unwrap();
}

fn waiting(report: &Value) -> u64 {
    let waiting = report["queue"]["waiting"].as_object().unwrap();
    waiting.values().map(|count| count.as_u64().unwrap()).sum()
}

async fn queued(gateway: &Gateway, count: u64) {
    until(|| waiting(&gateway.health()) == count).await;
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(15), future).await.unwrap()
}

#[tokio::test]
async fn a_race_that_finds_no_room_waits_and_runs_with_the_place_it_gets() {
    let (gateway, upstream) = gateway();
    let held = [call(&gateway, "alice"), call(&gateway, "alice")];
    until(|| upstream.asked.lock().unwrap().len() == 2).await;
    let race = ask(&gateway, "rush", "bob");
    queued(&gateway, 1).await;
    upstream.answers.add_permits(1);
    until(|| upstream.asked.lock().unwrap().len() == 3).await;
    upstream.answers.add_permits(2);
    for one in held {
        within(one).await.unwrap();
    }
    let answer = within(race).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("x-tidegate-queued-ms"));
    assert_eq!(upstream.most.load(SeqCst), 2);
}

#[tokio::test]
async fn a_waiting_call_goes_in_when_another_ends() {
    let (gateway, upstream) = gateway();
    let first = [call(&gateway, "alice"), call(&gateway, "alice")];
    until(|| upstream.asked.lock().unwrap().len() == 2).await;
    let second = call(&gateway, "alice");
    queued(&gateway, 1).await;
    assert_eq!(gateway.health()["providers"]["a"]["waiting"], 1);
    upstream.answers.add_permits(3);
    for one in first {
        let answer = within(one).await.unwrap();
        assert!(!answer.headers().contains_key("x-tidegate-queued-ms"));
    }
    let answer = within(second).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("x-tidegate-queued-ms"));
    assert_eq!(answer.headers()["x-tidegate-attempts"], "1");
    assert_eq!(upstream.most.load(SeqCst), 2);
    assert_eq!(gateway.running(), 0);
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_waits_leaves_at_once() {
    let (gateway, upstream) = gateway();
    let running = [call(&gateway, "alice"), call(&gateway, "alice")];
    until(|| upstream.asked.lock().unwrap().len() == 2).await;
    let (given_up, patient) = (call(&gateway, "bob"), call(&gateway, "alice"));
    queued(&gateway, 2).await;
    given_up.abort();
    queued(&gateway, 1).await;
    upstream.answers.add_permits(3);
    assert_eq!(within(patient).await.unwrap().status(), StatusCode::OK);
    for one in running {
        within(one).await.unwrap();
    }
    until(|| gateway.running() == 0).await;
    assert_eq!(gateway.health()["targets"]["a/m"]["in_flight"], 0);
    assert_eq!(*upstream.asked.lock().unwrap(), ["alice", "alice", "alice"]);
}

#[tokio::test]
async fn a_noisy_key_holds_nobody_else_up_and_a_high_priority_goes_first() {
    let (gateway, upstream) = gateway();
    let mut calls = vec![call(&gateway, "alice"), call(&gateway, "alice")];
    until(|| upstream.asked.lock().unwrap().len() == 2).await;
    for noisy in 1..=30 {
        calls.push(call(&gateway, "alice"));
        queued(&gateway, noisy).await;
    }
    for (position, who) in ["bob", "bob", "carol"].into_iter().enumerate() {
        calls.push(call(&gateway, who));
        queued(&gateway, 31 + position as u64).await;
    }
    for answered in 3..=8 {
        upstream.answers.add_permits(1);
        until(|| upstream.asked.lock().unwrap().len() == answered).await;
    }
    let asked = upstream.asked.lock().unwrap().clone();
    assert_eq!(
        asked[2..],
        ["carol", "alice", "bob", "alice", "bob", "alice"]
    );
    upstream.answers.add_permits(100);
    for one in calls {
        assert_eq!(within(one).await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(upstream.most.load(SeqCst), 2);
}

#[tokio::test]
async fn calls_beyond_a_keys_own_limit_wait_for_its_own_calls() {
    let (gateway, upstream) = gateway();
    let first = call(&gateway, "dave");
    until(|| upstream.asked.lock().unwrap().len() == 1).await;
    let second = call(&gateway, "dave");
    queued(&gateway, 1).await;
    assert_eq!(gateway.health()["keys"]["dave"]["waiting"], 1);
    upstream.answers.add_permits(2);
    for one in [first, second] {
        assert_eq!(within(one).await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(upstream.most.load(SeqCst), 1);
    assert_eq!(gateway.health()["keys"]["dave"]["in_flight"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_all_get_their_turn_within_the_cap() {
    let (gateway, upstream) = gateway();
    upstream.answers.add_permits(10_000);
    let who = ["alice", "bob", "carol", "dave"];
    let calls: Vec<_> = (0..400)
        .map(|call| self::call(&gateway, who[call % 4]))
        .collect();
    for one in calls {
        assert_eq!(within(one).await.unwrap().status(), StatusCode::OK);
    }
    assert!(upstream.most.load(SeqCst) <= 2);
    let report = gateway.health();
    assert_eq!((waiting(&report), gateway.running()), (0, 0));
    assert_eq!(report["targets"]["a/m"]["in_flight"], 0);
    let page = gateway.metrics();
    let line = r#"tidegate_requests_total{route="fast",target="a/m",code="2xx"} 400"#;
    assert!(page.contains(line), "{page}");
}
