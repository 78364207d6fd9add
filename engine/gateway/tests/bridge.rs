//! The bridge as a host language uses it, over scripted providers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tidegate::{
    Code, Source,
    bridge::{End, Engine, EventKind, Mode, Outcome, Queue, Request, StreamHandle},
    config::Format,
};

const CONFIG: &str = r#"
providers:
  demo: { dialect: openai, mock: { replies: [ { text: "one two three" } ] }, prices: { "*": { input: 1, output: 2 } } }
  slow: { dialect: openai, mock: { replies: [ { text: "never", delay: 60s } ] } }
  paced: { dialect: openai, mock: { replies: [ { text: "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z", pace: 100ms } ] } }
  broken: { dialect: openai, mock: { replies: [ { text: "one two three four five six seven eight nine ten", cut_after: 1200 } ] } }
"#;

fn engine() -> Engine {
    Engine::open(Source::Text {
        text: CONFIG.to_owned(),
        format: Format::Yaml,
    })
    .unwrap()
}

fn request(mode: Mode, model: &str, stream: bool) -> Request {
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    Request {
        mode,
        method: Method::POST,
        target: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from(body),
        key: None,
        trusted: true,
    }
}

fn read_all(stream: &StreamHandle) -> (Vec<String>, End) {
    let mut data = Vec::new();
    loop {
        let batch = stream.read(64, Some(Duration::from_secs(5)));
        data.extend(
            batch
                .frames
                .iter()
                .map(|frame| String::from_utf8_lossy(&frame.data).into_owned()),
        );
        if let Some(end) = batch.end {
            return (data, end);
        }
    }
}

fn next(queue: &Queue) -> (u64, EventKind) {
    assert!(queue.wait(Duration::from_secs(5)), "no event came");
    let mut events = queue.drain(1);
    let event = events.pop().unwrap();
    (event.ticket, event.kind)
}

#[test]
fn blocking_calls_answer_and_stream_decoded_events() {
    let engine = engine();
    let Outcome::Reply(head, body) = engine.call(request(Mode::Native, "demo/m", false)) else {
        panic!("no reply");
    };
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["x-tidegate-target"], "demo/m");
    assert!(body.starts_with(b"{"));
    let Outcome::Stream(_, stream) = engine.call(request(Mode::Native, "demo/m", true)) else {
        panic!("no stream");
    };
    let (frames, end) = read_all(&stream);
    assert!(
        frames.iter().all(|frame| frame.starts_with('{')),
        "{frames:?}"
    );
    let End::Complete(facts) = end else {
        panic!("{end:?}")
    };
    assert!(facts.contains_key("x-tidegate-cost"));
}

#[test]
fn http_mode_answers_errors_and_native_mode_raises_them() {
    let engine = engine();
    let Outcome::Reply(head, body) = engine.call(request(Mode::Http, "nothing", false)) else {
        panic!("no reply");
    };
    assert_eq!(head.status, 404);
    assert!(body.starts_with(b"{\"error\""), "{body:?}");
    let Outcome::Error(error) = engine.call(request(Mode::Native, "nothing", false)) else {
        panic!("no error");
    };
    assert_eq!(error.code(), Code::UnknownModel);
}

#[test]
fn submitted_calls_complete_through_the_queue_and_wake_once() {
    let engine = engine();
    let queue = Queue::new();
    assert!(queue.fd().is_some());
    let tickets: Vec<_> = (0..50)
        .map(|_| engine.submit(&queue, request(Mode::Native, "demo/m", false)))
        .collect();
    let mut seen: Vec<_> = tickets
        .iter()
        .map(|_| {
            let (ticket, kind) = next(&queue);
            assert!(
                matches!(kind, EventKind::Outcome(Outcome::Reply(..))),
                "{kind:?}"
            );
            ticket
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, tickets);
}

#[test]
fn armed_streams_announce_themselves_once() {
    let engine = engine();
    let queue = Queue::new();
    let ticket = engine.submit(&queue, request(Mode::Native, "demo/m", true));
    let (_, EventKind::Outcome(Outcome::Stream(_, stream))) = next(&queue) else {
        panic!("no stream");
    };
    let mut ended = false;
    while !ended {
        if !stream.arm() {
            let (told, kind) = next(&queue);
            assert_eq!(told, ticket);
            assert!(matches!(kind, EventKind::Readable), "{kind:?}");
        }
        ended = stream.try_read(1).end.is_some();
    }
}

#[test]
fn cancelling_ends_a_ticket_exactly_once_and_frees_the_gateway() {
    let engine = engine();
    let queue = Queue::new();
    let ticket = engine.submit(&queue, request(Mode::Native, "slow/m", false));
    engine.cancel(ticket);
    engine.cancel(ticket);
    let (told, kind) = next(&queue);
    let EventKind::Outcome(Outcome::Error(error)) = kind else {
        panic!("{kind:?}")
    };
    assert_eq!((told, error.code()), (ticket, Code::Cancelled));
    assert!(!queue.wait(Duration::from_millis(50)));
    assert_eq!(engine.close(Duration::from_secs(5)), 0);
}

#[test]
fn cancelled_and_dropped_streams_let_go_of_the_upstream() {
    let engine = engine();
    let Outcome::Stream(_, stream) = engine.call(request(Mode::Native, "paced/m", true)) else {
        panic!("no stream");
    };
    stream.cancel();
    let (_, end) = read_all(&stream);
    let End::Failed(error) = end else {
        panic!("{end:?}")
    };
    assert_eq!(error.code(), Code::Cancelled);
    drop(engine.call(request(Mode::Native, "paced/m", true)));
    assert_eq!(
        engine.close(Duration::from_secs(5)),
        0,
        "a dropped stream still runs"
    );
}

#[test]
fn broken_streams_fail_and_never_end_cleanly() {
    let engine = engine();
    let Outcome::Stream(_, stream) = engine.call(request(Mode::Native, "broken/m", true)) else {
        panic!("no stream");
    };
    let (_, end) = read_all(&stream);
    let End::Failed(error) = end else {
        panic!("{end:?}")
    };
    assert_eq!(error.code(), Code::StreamInterrupted);
}

#[test]
fn reload_keeps_the_last_good_configuration_and_close_refuses_calls() {
    let engine = engine();
    let bad =
        Source::Value(serde_json::json!({ "providers": { "demo": { "dialekt": "openai" } } }));
    let error = engine.reload(Some(bad)).unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfig);
    assert!(
        error.message().contains("providers.demo.dialekt"),
        "{error}"
    );
    assert!(matches!(
        engine.call(request(Mode::Native, "demo/m", false)),
        Outcome::Reply(..)
    ));
    engine.close(Duration::ZERO);
    let Outcome::Error(error) = engine.call(request(Mode::Native, "demo/m", false)) else {
        panic!("not closed");
    };
    assert_eq!(error.code(), Code::Closed);
}
