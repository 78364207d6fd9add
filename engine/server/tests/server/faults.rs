//! What fails, in every way it can, beside one target that is well: calls survive, nothing is said twice,
//! nothing leaks, and a total outage is not made worse.

mod upstream;

use std::{collections::BTreeMap, future::poll_fn, pin::Pin, time::Duration};

use http_body::Body as _;
use serde_json::{Value, json};
use tidegate::{Gateway, Segments, wire::Trust};
use tokio::time::{Instant, timeout};

use self::upstream::{Fault, Peer, WORDS};
use crate::support::*;

/// Calls of each cell of the matrix.
const CALLS: usize = 12;
/// Callers at a time.
const CALLERS: usize = 4;
/// No call of the matrix takes longer: two silent targets, each asked twice, and the pauses between.
const LONGEST: Duration = Duration::from_secs(5);
/// In nano-dollars, at the prices below: ten tokens in and six words out.
const PRICE: i64 = 22_000;

/// Over HTTP, or inside the process.
#[derive(Clone, Copy, Debug)]
enum Face {
    Http,
    Process,
}

/// What came of a call.
struct Came {
    status: u16,
    text: String,
    whole: bool,
    cost: Option<i64>,
    took: Duration,
    body: String,
}

fn config(addresses: &[String], more: Value) -> Value {
    let provider = |address: &String| {
        json!({
            "dialect": "openai", "base_url": format!("{address}/v1"),
            "keys": [{ "name": "bad", "value": "bad-key" }, { "name": "good", "value": "good-key" }],
            "prices": { "*": { "input": 1, "output": 2 } },
        })
    };
    let names = ["a", "b", "c"];
    let providers: BTreeMap<_, _> = names.iter().zip(addresses.iter().map(provider)).collect();
    let mut route = json!({
        "strategy": "round_robin", "targets": ["a/m", "b/m", "c/m"],
        "retry": { "attempts": 2, "backoff": "20ms" },
    });
    if let (Some(route), Value::Object(more)) = (route.as_object_mut(), more) {
        route.extend(more);
    }
    json!({
        "providers": providers,
        "models": { "fast": route },
        "timeouts": { "connect": "500ms", "first_byte": "250ms", "first_token": "400ms", "idle": "250ms" },
        "keys": [{ "id": "alice", "value": "tg-alice", "budgets": [{ "limit": 100, "per": "1d" }] }],
    })
}

async fn call(served: &Served, face: Face, stream: bool) -> Came {
    let start = Instant::now();
    let body = json!({
        "model": "fast", "stream": stream, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "hi" }],
    })
    .to_string();
    let asked = async {
        match face {
            Face::Process => in_process(&served.engine.gateway().unwrap(), body).await,
            Face::Http => {
                let mut client = served.connect().await;
                let headers = [("x-tidegate-key", "tg-alice"), ("te", "trailers")];
                let answer = client
                    .ask(&post_with("/v1/chat/completions", &headers, &body))
                    .await;
                let cost = answer.header("x-tidegate-cost").map(str::to_owned);
                let trailer = answer.trailers.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    (name == "x-tidegate-cost").then(|| value.trim().to_owned())
                });
                (answer.status, answer.body, cost.or(trailer))
            }
        }
    };
    let (status, body, cost) = timeout(LONGEST, asked).await.expect("an answer in time");
    let (text, whole) = read(&body, stream);
    Came {
        status,
        text,
        whole,
        cost: cost.map(|cost| nanos(&cost)),
        took: start.elapsed(),
        body,
    }
}

async fn in_process(gateway: &Gateway, body: String) -> (u16, String, Option<String>) {
    let request = http::Request::post("/v1/chat/completions")
        .header("x-tidegate-key", "tg-alice")
        .body(Segments::from(body.into_bytes()))
        .unwrap();
    let (mut parts, mut body) = gateway.handle(request, Trust::Process).await.into_parts();
    let mut text = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.unwrap().into_data() {
            Ok(data) => text.extend_from_slice(&data),
            Err(frame) => parts.headers.extend(frame.into_trailers().unwrap()),
        }
    }
    let cost = parts.headers.get("x-tidegate-cost");
    let cost = cost.map(|value| value.to_str().unwrap().to_owned());
    (
        parts.status.as_u16(),
        String::from_utf8(text).unwrap(),
        cost,
    )
}

/// The words of an answer, and whether it came to its end.
fn read(body: &str, stream: bool) -> (String, bool) {
    if !stream {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = body["choices"][0]["message"]["content"].as_str();
        return (text.unwrap_or_default().to_owned(), text.is_some());
    }
    let mut text = String::new();
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        text += event["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap_or_default();
    }
    (
        text,
        body.contains("data: [DONE]") && !body.contains("\"error\""),
    )
}

fn nanos(dollars: &str) -> i64 {
    let (whole, rest) = dollars.split_once('.').unwrap_or((dollars, ""));
    whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{rest:0<9}").parse::<i64>().unwrap()
}

/// Calls `CALLS` times and gives what came; afterwards nothing may be left.
async fn cell(served: &Served, face: Face, stream: bool, calls: usize) -> Vec<Came> {
    let mut came = Vec::new();
    for _ in 0..calls.div_ceil(CALLERS) {
        let batch = (0..CALLERS).map(|_| call(served, face, stream));
        came.extend(futures_util::future::join_all(batch).await);
    }
    served.quiet().await;
    came
}

/// Everything that was held for calls is free again, and what was paid is what callers were told.
fn books(served: &Served, came: &[Came], name: &str) {
    let health = served.engine.health();
    let budget = &health["keys"]["alice"]["budgets"][0];
    let amount = |key: &str| match &budget[key] {
        Value::String(text) => nanos(text),
        number => nanos(&number.to_string()),
    };
    assert_eq!(amount("reserved"), 0, "{name}: {budget}");
    let told: i64 = came.iter().filter_map(|came| came.cost).sum();
    assert_eq!(amount("spent"), told, "{name}");
    for (target, known) in health["targets"].as_object().unwrap() {
        assert_eq!(known["in_flight"], 0, "{name}: {target}");
    }
}

async fn matrix(fault: Fault, face: Face) {
    for stream in [false, true] {
        let peers = [
            Peer::start(fault).await,
            Peer::start(fault).await,
            Peer::start(Fault::None).await,
        ];
        let addresses: Vec<String> = peers.iter().map(|peer| peer.address.clone()).collect();
        let served = serve(config(&addresses, json!({ "resume": true })));
        let name = format!("{fault:?}, {face:?}, stream: {stream}");
        let came = cell(&served, face, stream, CALLS).await;
        for came in &came {
            assert_eq!(came.status, 200, "{name}: {}", came.body);
            assert!(came.whole, "{name}: {}", came.body);
            assert_eq!(came.text, WORDS.concat(), "{name}: {}", came.body);
            assert!(came.took < LONGEST, "{name}: {:?}", came.took);
            let cost = came.cost.unwrap_or_default();
            assert!(cost >= PRICE, "{name}: {cost} for {}", came.body);
            if !(stream && fault.after_content()) {
                assert_eq!(cost, PRICE, "{name}");
            }
        }
        books(&served, &came, &name);
        for peer in &peers[..2] {
            peer.idle(&name).await;
        }
    }
}

macro_rules! matrix {
    ($($http:ident, $process:ident: $fault:expr;)*) => {
        $(
            #[tokio::test]
            async fn $http() {
                matrix($fault, Face::Http).await;
            }
            #[tokio::test]
            async fn $process() {
                matrix($fault, Face::Process).await;
            }
        )*
    };
}

matrix! {
    calls_survive_refused_connections, calls_in_process_survive_refused_connections: Fault::Refused;
    calls_survive_broken_tls, calls_in_process_survive_broken_tls: Fault::Tls;
    calls_survive_hang_ups, calls_in_process_survive_hang_ups: Fault::HangUp;
    calls_survive_slow_heads, calls_in_process_survive_slow_heads: Fault::SlowHead;
    calls_survive_silent_bodies, calls_in_process_survive_silent_bodies: Fault::Silent;
    calls_survive_stalls, calls_in_process_survive_stalls: Fault::Stall;
    calls_survive_resets, calls_in_process_survive_resets: Fault::Reset;
    calls_survive_truncated_chunks, calls_in_process_survive_truncated_chunks: Fault::Truncated;
    calls_survive_errors_in_answers, calls_in_process_survive_errors_in_answers: Fault::ErrorInside;
    calls_survive_server_errors, calls_in_process_survive_server_errors: Fault::Status(500);
    calls_survive_garbage, calls_in_process_survive_garbage: Fault::Garbage;
    calls_survive_limits_without_a_time, calls_in_process_survive_limits_without_a_time: Fault::Limited(None);
    calls_survive_limits_with_a_time, calls_in_process_survive_limits_with_a_time: Fault::Limited(Some(1));
    calls_survive_long_limits, calls_in_process_survive_long_limits: Fault::Limited(Some(60));
    calls_survive_a_poisoned_key, calls_in_process_survive_a_poisoned_key: Fault::PoisonedKey;
    calls_survive_flapping, calls_in_process_survive_flapping: Fault::Flapping;
}

#[tokio::test]
async fn in_a_total_outage_few_requests_are_sent_twice() {
    let fault = Fault::Status(503);
    let peers = [
        Peer::start(fault).await,
        Peer::start(fault).await,
        Peer::start(fault).await,
    ];
    let addresses: Vec<String> = peers.iter().map(|peer| peer.address.clone()).collect();
    let served = serve(config(&addresses, json!({})));
    let came = cell(&served, Face::Process, false, 120).await;
    assert!(came.iter().all(|came| came.status >= 500));
    let sent: usize = peers.iter().map(Peer::requests).sum();
    assert!(
        sent as f64 / came.len() as f64 <= 1.2,
        "{sent} requests for {} calls",
        came.len()
    );
    books(&served, &came, "outage");
}

#[tokio::test]
async fn in_an_outage_without_breakers_retries_stay_within_their_budget() {
    let fault = Fault::Status(503);
    let peers = [
        Peer::start(fault).await,
        Peer::start(fault).await,
        Peer::start(fault).await,
    ];
    let addresses: Vec<String> = peers.iter().map(|peer| peer.address.clone()).collect();
    let mut config = config(&addresses, json!({}));
    config["breaker"] = json!({ "enabled": false });
    let served = serve(config);
    let came = cell(&served, Face::Process, false, 600).await;
    let firsts = 3 * came.len();
    let sent: usize = peers.iter().map(Peer::requests).sum();
    // A fifth of them, and the ten that each target has to begin with.
    assert!(
        sent <= firsts + firsts / 5 + 30,
        "{sent} requests for {firsts} first tries"
    );
    books(&served, &came, "outage");
}
