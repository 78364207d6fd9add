//! The vendor keeps to its script and writes down what it saw.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use mock_upstream::{Options, Reply, Server};

fn reply(json: &str) -> Reply {
    serde_json::from_str(json).unwrap()
}

fn send(server: &Server, target: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}

fn exchange(server: &Server, target: &str, body: &str) -> String {
    let mut answer = Vec::new();
    // A reset ends the read with an error; what came before it counts.
    drop(send(server, target, body).read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

#[test]
fn replies_come_in_turn_and_the_rest_is_refused() {
    let server = Server::start(Options::default()).unwrap();
    server.script(
        "a",
        vec![
            reply(r#"{"say":"one"}"#),
            reply(r#"{"status":429,"body":{"b":1, "a":2}}"#),
        ],
    );
    assert!(exchange(&server, "/a/v1/chat/completions", "{}").contains(r#""content":"one""#));
    let second = exchange(&server, "/a/v1/messages?beta=1", r#"{ "odd" :1e400}"#);
    assert!(
        second.starts_with("HTTP/1.1 429") && second.ends_with(r#"{"b":1, "a":2}"#),
        "{second}"
    );
    assert!(exchange(&server, "/a/v1/messages", "{}").starts_with("HTTP/1.1 501"));
    let log = server.log();
    assert_eq!(log[1].path, "/v1/messages?beta=1");
    assert_eq!(log[1].body, r#"{ "odd" :1e400}"#);
    assert_eq!(log[1].header("connection"), Some("close"));
    assert!(
        log.iter()
            .all(|entry| entry.answered && entry.closed_ms.is_none())
    );
}

#[test]
fn conditions_choose_the_reply() {
    let server = Server::start(Options::default()).unwrap();
    server.script(
        "a",
        vec![
            reply(r#"{"when":{"contains":"two"},"text":"2","times":"forever"}"#),
            reply(r#"{"text":"1","times":2}"#),
        ],
    );
    for (body, end) in [("one", "1"), ("two", "2"), ("one", "1"), ("two", "2")] {
        assert!(exchange(&server, "/a/x", body).ends_with(end));
    }
    assert!(exchange(&server, "/a/x", "one").starts_with("HTTP/1.1 501"));
}

#[test]
fn a_cut_ends_the_connection_after_exactly_so_many_bytes() {
    let server = Server::start(Options::default()).unwrap();
    for reset in ["true", "false"] {
        server.script(
            "a",
            vec![reply(&format!(
                r#"{{"text":"0123456789","cut_after":4,"reset":{reset}}}"#
            ))],
        );
        assert!(exchange(&server, "/a/x", "").ends_with("\r\n\r\n0123"));
    }
    server.script("a", vec![reply(r#"{"hang_up":true}"#)]);
    assert_eq!(exchange(&server, "/a/x", ""), "");
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let server = Server::start(Options::default()).unwrap();
    server.script(
        "a",
        vec![
            reply(r#"{"stall_head":true}"#),
            reply(r#"{"sse":["data: 1\n\n","data: 2\n\n"],"stall_after":1}"#),
        ],
    );
    for count in 1..=2 {
        let stream = send(&server, "/a/x", "");
        server.wait(Duration::from_secs(2), |log| log.len() == count);
        stream.shutdown(Shutdown::Both).unwrap();
        drop(stream);
        let log = server.wait(Duration::from_secs(2), |log| {
            log[count - 1].closed_ms.is_some()
        });
        assert!(log[count - 1].closed_ms.is_some() && !log[count - 1].answered);
    }
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let server = Server::start(Options::default()).unwrap();
    server.script("a", vec![reply(r#"{"text":"abc","nocl":true,"split":1}"#)]);
    let answer = exchange(&server, "/a/x", "");
    assert!(
        answer.ends_with("\r\n\r\nabc") && !answer.contains("content-length"),
        "{answer}"
    );
}

#[test]
fn plausible_replies_speak_the_dialect_of_their_path() {
    let server = Server::start(Options::default()).unwrap();
    let said = exchange(&server, "/a/v1/responses", r#"{"model":"m","input":"x"}"#);
    assert!(said.contains(r#""object":"response""#), "{said}");
    assert!(said.contains(r#""status":"completed""#), "{said}");
    let said = exchange(&server, "/a/v1/responses", r#"{"model":"m","stream":true}"#);
    for event in ["created", "output_text.delta", "completed"] {
        assert!(
            said.contains(&format!("event: response.{event}\n")),
            "{said}"
        );
    }
}

#[test]
fn paths_of_gemini_are_answered_in_its_shape() {
    let server = Server::start(Options::default()).unwrap();
    server.script("g", vec![reply(r#"{"say":"one two"}"#); 2]);
    let whole = exchange(&server, "/g/v1beta/models/gemini-x:generateContent", "{}");
    assert!(whole.contains(r#""parts":[{"text":"one two"}]"#), "{whole}");
    assert!(whole.contains(r#""modelVersion":"gemini-x""#), "{whole}");
    let target = "/g/v1beta/models/gemini-x:streamGenerateContent?alt=sse";
    let stream = exchange(&server, target, "{}");
    assert!(stream.contains("text/event-stream"), "{stream}");
    assert_eq!(stream.matches("data: ").count(), 3, "{stream}");
    assert_eq!(stream.matches(r#""finishReason":"STOP""#).count(), 1);
}
