//! What large bodies cost: memory of the server as a process, and what reaches the upstream.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::command::{File, Running};

const PATIENCE: Duration = Duration::from_mins(1);
const MB: usize = 1 << 20;

/// What an upstream got: the path, the length that was announced, how much came and its sum, and the
/// last bytes.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    path: String,
    announced: usize,
    came: usize,
    sum: u64,
    end: String,
}

/// An upstream that counts. The first of its connections end after so many bytes of a body, with a
/// refusal.
fn upstream(broken: Vec<usize>) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut broken = broken.into_iter();
        while let Ok((mut peer, _)) = listener.accept() {
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            let most = broken.next();
            let got = take(&mut peer, most.unwrap_or(usize::MAX));
            let reply = reply(&got.path);
            let status = if most.is_some() { "503 Busy" } else { "200 OK" };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{reply}",
                reply.len()
            );
            let _ = peer.write_all(answer.as_bytes());
            if most.is_none() && tell.send(got).is_err() {
                break;
            }
        }
    });
    (address, told)
}

fn take(peer: &mut TcpStream, most: usize) -> Got {
    let mut buffer = vec![0; 64 * 1024];
    let mut head = Vec::new();
    let body_at = loop {
        let count = peer.read(&mut buffer).unwrap();
        assert!(count > 0, "closed in the head");
        head.extend_from_slice(&buffer[..count]);
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..body_at]).into_owned();
    let announced = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut got = Got {
        path: text.split(' ').nth(1).unwrap().to_owned(),
        announced,
        came: 0,
        sum: 0,
        end: String::new(),
    };
    let mut end = Vec::new();
    let mut piece = head[body_at..].to_vec();
    loop {
        got.came += piece.len();
        got.sum += sum(&piece);
        end.extend_from_slice(&piece);
        end.drain(..end.len().saturating_sub(300));
        if got.came >= announced.min(most) {
            break;
        }
        let count = peer.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        piece = buffer[..count].to_vec();
    }
    got.end = String::from_utf8_lossy(&end).into_owned();
    got
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn reply(path: &str) -> String {
    let reply = if path.ends_with("/messages") {
        json!({
            "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{ "type": "text", "text": "ok" }],
            "usage": { "input_tokens": 10, "output_tokens": 5 },
        })
    } else if path.ends_with("/completions") {
        json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 },
        })
    } else {
        json!({ "id": "file-1", "object": "file", "text": "ok", "usage": { "type": "duration", "seconds": 60 } })
    };
    reply.to_string()
}

fn server(address: &str, name: &str) -> Running {
    let config = json!({
        "providers": {
            "openai": {
                "base_url": format!("http://{address}/v1"), "api_key": "k",
                "prices": { "*": { "input": 1, "output": 2, "second": "0.0001" } },
            },
            "claude": {
                "dialect": "anthropic", "base_url": format!("http://{address}"), "api_key": "k",
                "prices": { "*": { "input": 1, "output": 2 } },
            },
        },
        "models": { "ears": { "targets": ["openai/whisper-1"], "retry": { "attempts": 3, "backoff": "1ms" } } },
    });
    Running::start(&File::new(
        &format!("memory-{name}.json"),
        &config.to_string(),
    ))
}

/// A request in pieces, sent as they are made; the head and the body of its answer.
fn ask(
    server: &Running,
    path: &str,
    kind: &str,
    length: Option<usize>,
    body: &mut dyn Iterator<Item = Vec<u8>>,
) -> (String, Value) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let framing = length.map_or("transfer-encoding: chunked".to_owned(), |length| {
        format!("content-length: {length}")
    });
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for piece in body {
        if length.is_none() {
            stream
                .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                .unwrap();
        }
        stream.write_all(&piece).unwrap();
        if length.is_none() {
            stream.write_all(b"\r\n").unwrap();
        }
    }
    if length.is_none() {
        stream.write_all(b"0\r\n\r\n").unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (
        head.to_owned(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

const KIND: &str = "multipart/form-data; boundary=edge";

/// A form with a file of so many bytes between its other fields, and its length.
fn form(before: &str, file: usize, after: &str) -> (usize, impl Iterator<Item = Vec<u8>> + use<>) {
    let field = |text: &str| match text.split_once('=') {
        Some((name, value)) => {
            format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        }
        None => String::new(),
    };
    let start = field(before)
        + "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let end = "\r\n".to_owned() + &field(after) + "--edge--\r\n";
    let length = start.len() + file + end.len();
    let pieces = (0..file.div_ceil(MB)).map(move |index| {
        let count = MB.min(file - index * MB);
        vec![u8::try_from(index % 200).unwrap(); count]
    });
    let all = std::iter::once(start.into_bytes())
        .chain(pieces)
        .chain(std::iter::once(end.into_bytes()));
    (length, all)
}

/// KiB the process has at this moment, and has had at most since the last `reset`.
fn memory(server: &Running, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Most memory above idle, in bytes, while `run` runs.
fn peak<T>(server: &Running, run: impl FnOnce() -> T) -> (usize, T) {
    // Takes the highest mark back to what is used now (proc_pid_clear_refs(5)).
    fs::write(format!("/proc/{}/clear_refs", server.child.id()), "5").unwrap();
    let idle = memory(server, "VmRSS");
    let result = run();
    let most = memory(server, "VmHWM");
    (most.saturating_sub(idle) * 1024, result)
}

#[test]
fn an_upload_of_100_mb_passes_in_flat_memory_wherever_its_model_stands() {
    let (address, told) = upstream(Vec::new());
    let server = server(&address, "upload");
    for (before, after, counted) in [
        ("model=ears", "language=en", true),
        ("language=en", "model=ears", true),
        ("language=en", "model=ears", false),
    ] {
        let (length, body) = form(before, 100 * MB, after);
        let (expected, _) = form("model=ears", 0, "language=en");
        let renamed = expected - "ears".len() + "whisper-1".len();
        let mut body = body;
        let (most, (head, json)) = peak(&server, || {
            let length = counted.then_some(length);
            ask(&server, "/v1/audio/transcriptions", KIND, length, &mut body)
        });
        assert!(head.starts_with("HTTP/1.1 200"), "{head} {json}");
        assert_eq!(json["text"], "ok");
        assert!(head.contains("x-tidegate-cost: 0.006\r\n"), "{head}");
        let got = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(got.announced, renamed + 100 * MB, "{}", got.end);
        assert_eq!(got.came, got.announced);
        let (_, same) = form(
            &before.replace("ears", "whisper-1"),
            100 * MB,
            &after.replace("ears", "whisper-1"),
        );
        assert_eq!(got.sum, same.map(|piece| sum(&piece)).sum::<u64>());
        assert!(most < 30 * MB, "{before}: {} MB", most / MB);
    }
    let (length, mut body) = form("purpose=batch", 100 * MB, "");
    let (most, (head, json)) = peak(&server, || {
        ask(&server, "/v1/files", KIND, Some(length), &mut body)
    });
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {json}");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().came, length);
    assert!(most < 30 * MB, "{} MB", most / MB);
}

#[test]
fn an_upload_that_an_upstream_breaks_off_goes_out_again_whole() {
    let (address, told) = upstream(vec![20 * MB, 1_000]);
    let server = server(&address, "again");
    let (length, mut body) = form("model=ears", 40 * MB, "");
    let (head, json) = ask(
        &server,
        "/v1/audio/transcriptions",
        KIND,
        Some(length),
        &mut body,
    );
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {json}");
    assert!(head.contains("x-tidegate-attempts: 3\r\n"), "{head}");
    let got = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(got.came, length - "ears".len() + "whisper-1".len());
    let (_, same) = form("model=whisper-1", 40 * MB, "");
    assert_eq!(got.sum, same.map(|piece| sum(&piece)).sum::<u64>());
}

#[test]
fn an_upload_its_caller_breaks_off_reaches_nobody_as_a_whole() {
    let (address, _told) = upstream(vec![usize::MAX]);
    let server = server(&address, "cut");
    let (length, body) = form("model=ears", 20 * MB, "");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: t\r\ncontent-type: {KIND}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for piece in body.take(10) {
        stream.write_all(&piece).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A client that went away is told nothing, or that its body is incomplete; never a success.
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (length, mut body) = form("model=ears", 5 * MB, "");
    let (head, _) = ask(
        &server,
        "/v1/audio/transcriptions",
        KIND,
        Some(length),
        &mut body,
    );
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[test]
fn a_chat_of_10_mb_costs_less_than_three_times_its_size_translated_or_not() {
    let (address, told) = upstream(Vec::new());
    let server = server(&address, "chat");
    let image = "iVBORw0KGgo".to_owned() + &"QUJD".repeat(10 * MB / 4);
    for (model, path) in [
        ("openai/m", "/v1/chat/completions"),
        ("claude/m", "/v1/messages"),
    ] {
        let body = json!({
            "model": model,
            "messages": [{ "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{image}") } },
            ] }],
        })
        .to_string();
        let size = body.len();
        // Once for what is made once; the second time counts.
        for round in 0..2 {
            let mut pieces = body.as_bytes().chunks(MB).map(<[u8]>::to_vec);
            let (most, (head, json)) = peak(&server, || {
                ask(
                    &server,
                    "/v1/chat/completions",
                    "application/json",
                    Some(size),
                    &mut pieces,
                )
            });
            assert!(head.starts_with("HTTP/1.1 200"), "{head} {json}");
            assert!(head.contains("x-tidegate-cost: 0.00002\r\n"), "{head}");
            let got = told.recv_timeout(PATIENCE).unwrap();
            assert_eq!(got.path, path);
            assert!(got.came > image.len());
            assert!(most < 3 * size, "{model}, {round}: {} MB", most / MB);
        }
    }
}
