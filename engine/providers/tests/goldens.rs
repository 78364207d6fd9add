//! Translations of our own fixtures, compared with the files under `tests/spec/goldens`.
//!
//! `UPDATE=1 cargo test -p tidegate-providers --test goldens` rewrites them; read the difference.

#![expect(clippy::expect_used, reason = "a test says what went wrong")]

#[path = "support/view.rs"]
mod view;

use std::{fs, path::PathBuf};

use serde_json::Value;
use tidegate_providers::{
    dialect::{
        Seen, StreamTap, StreamTranslator, translate_error, translate_request, translate_response,
    },
    event_stream::write_frame,
    sse::SseEvent,
};
use tidegate_types::{Dialect, config::OnUnsupported};

/// Targets whose names decide how a request must be written.
const MODELS: &[(Dialect, &str)] = &[
    (Dialect::Anthropic, "claude-sonnet-4-5"),
    (Dialect::Anthropic, "claude-opus-4-7"),
    (Dialect::Anthropic, "claude-3-5-haiku-latest"),
    (Dialect::OpenAi, "gpt-4o-mini"),
    (Dialect::OpenAi, "gpt-5-mini"),
    (Dialect::OpenAi, "anthropic/claude-sonnet-4.5"),
    (Dialect::Responses, "gpt-4o-mini"),
    (Dialect::Responses, "gpt-5.6"),
    (Dialect::Responses, "deepseek-v4"),
    (Dialect::Cohere, "command-a-03-2025"),
    (Dialect::Cohere, "command-a-reasoning-08-2025"),
    (Dialect::Cohere, "command-r-08-2024"),
    (Dialect::Gemini, "gemini-3-pro-preview"),
    (Dialect::Gemini, "gemini-2.5-flash"),
    (Dialect::Gemini, "gemini-2.0-flash"),
    (
        Dialect::Bedrock,
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    (Dialect::Bedrock, "anthropic.claude-opus-4-7"),
    (Dialect::Bedrock, "us.amazon.nova-2-lite-v1:0"),
    (Dialect::Bedrock, "openai.gpt-oss-120b-1:0"),
    (Dialect::Bedrock, "us.meta.llama3-3-70b-instruct-v1:0"),
];

fn folder(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/spec")
        .join(of)
}

/// Every dialect into every other.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL.iter().copied();
    all.flat_map(|from| view::others(from).map(move |to| (from, to)))
}

/// A binary stream made of one that is noted down as server-sent events.
fn framed(notes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in view::events(notes, usize::MAX) {
        let name = event.event.unwrap_or_default();
        let name = std::str::from_utf8(&name).expect("a name");
        write_frame(name, name.ends_with("Exception"), &event.data, &mut out);
    }
    out
}

/// A stream as text, so that it can be compared and read.
fn noted(stream: &[u8]) -> Vec<u8> {
    if stream.first() != Some(&0) {
        return stream.to_vec();
    }
    let mut out = Vec::new();
    for event in view::events(stream, usize::MAX) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(&event.event.unwrap_or_default());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(&event.data);
        out.extend_from_slice(b"\n\n");
    }
    out
}

/// Fixtures of the dialect whose names start with `kind`. Binary streams are noted down as text.
fn fixtures(dialect: Dialect, kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder("fixtures").join(dialect.as_str()))
        .expect("the fixtures can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.to_owned();
            let binary = dialect == Dialect::Bedrock && kind == "stream";
            name.starts_with(kind).then(|| {
                let body = fs::read(&path).expect("a file");
                (name, if binary { framed(&body) } else { body })
            })
        })
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

fn compare(from: Dialect, name: &str, got: &[u8]) {
    let path = folder("goldens").join(format!("{}_{name}", from.as_str()));
    #[expect(clippy::disallowed_methods, reason = "the way to accept new goldens")]
    if std::env::var("UPDATE").is_ok() {
        fs::create_dir_all(folder("goldens")).expect("a folder");
        fs::write(&path, got).expect("a file");
        return;
    }
    let want = fs::read(&path).unwrap_or_default();
    assert_eq!(
        String::from_utf8_lossy(got),
        String::from_utf8_lossy(&want),
        "{} differs; UPDATE=1 accepts",
        path.display()
    );
}

/// One member of the outermost object a line, so that differences can be read.
fn readable(body: &[u8], dropped: &[String]) -> Vec<u8> {
    let json = tidegate_types::chat::Json::parse(body).expect("valid JSON");
    let mut out = String::new();
    for (key, value) in json.members() {
        let key = key.decode();
        if matches!(
            &*key,
            "messages" | "content" | "tools" | "system" | "input" | "output"
        ) && value.is_array()
        {
            out += &key;
            out += ":\n";
            for item in value.items() {
                out += "  ";
                out += item.as_str();
                out += "\n";
            }
        } else {
            out += &key;
            out += ": ";
            out += value.as_str();
            out += "\n";
        }
    }
    for path in dropped {
        out += "dropped ";
        out += path;
        out += "\n";
    }
    out.into_bytes()
}

#[test]
fn requests_are_translated_as_written_down() {
    for (from, to) in pairs() {
        for (name, body) in fixtures(from, "request") {
            for (_, model) in MODELS.iter().filter(|(of, _)| *of == to) {
                let done = translate_request(from, to, &body, model, None, OnUnsupported::Drop)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let model_file = model.replace(['/', ':'], "_");
                let file = format!("{name}.{}.{model_file}.txt", to.as_str());
                compare(from, &file, &readable(&done.body, &done.dropped));
                let strict = translate_request(from, to, &body, model, None, OnUnsupported::Error);
                assert_eq!(strict.is_ok(), done.dropped.is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn replies_are_translated_as_written_down_and_back() {
    for (from, to) in pairs() {
        for (name, body) in fixtures(from, "response") {
            let done = translate_response(from, to, &body, "route", 0)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let file = format!("{name}.{}.txt", to.as_str());
            compare(from, &file, &readable(&done, &[]));
            let back = translate_response(to, from, &done, "route", 0).expect("a reply");
            let tree = |body: &[u8]| serde_json::from_slice::<Value>(body);
            // The stand-in for a JSON reply becomes text for good.
            if name.ends_with("json_tool") {
                continue;
            }
            // Numbers beyond a double are for the text alone.
            if let (Ok(one), Ok(there), Ok(two)) = (tree(&body), tree(&done), tree(&back)) {
                let before = view::reply(from, &one).told_by(to);
                let name = format!("{name} in {}", to.as_str());
                assert_eq!(view::reply(to, &there).told_by(to), before, "{name}");
                assert_eq!(view::reply(from, &two).told_by(to), before, "{name}");
            }
        }
    }
}

#[test]
fn errors_are_translated_as_written_down() {
    for (from, to) in pairs() {
        for (name, body) in fixtures(from, "error") {
            let status = name
                .split('_')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .expect("status");
            let done = translate_error(from, to, status, &body);
            compare(from, &format!("{name}.{}.txt", to.as_str()), &done);
        }
    }
}

fn split(body: &[u8], cut: usize) -> Vec<SseEvent> {
    let mut splitter = view::splitter(body);
    let mut events = Vec::new();
    let (head, tail) = body.split_at(cut);
    for piece in [head, tail] {
        splitter
            .push(bytes::Bytes::copy_from_slice(piece))
            .expect("short events");
        events.extend(&mut splitter);
    }
    events.extend(std::iter::from_fn(|| splitter.finish()));
    events
}

/// Translation sees events only, so that it cannot depend on how they arrived.
fn translate(from: Dialect, to: Dialect, body: &[u8]) -> Vec<u8> {
    let mut translator = StreamTranslator::new(from, to, "route", true, 0);
    let mut out = Vec::new();
    for event in view::events(body, usize::MAX) {
        translator.push(&event, &mut out).expect("a readable event");
    }
    translator.finish(&mut out);
    out
}

#[test]
fn streams_are_read_the_same_in_every_split() {
    for from in Dialect::ALL {
        for (name, body) in fixtures(*from, "stream") {
            let all = view::events(&body, usize::MAX);
            for cut in 0..body.len() {
                assert_eq!(split(&body, cut), all, "{name} cut at {cut}");
            }
            for piece in [1, 2, 3, 5, 16] {
                let events = view::events(&body, piece);
                assert_eq!(events, all, "{name} in {piece}s");
                let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
                assert_eq!(raw, body, "{name}");
            }
        }
    }
}

#[test]
fn streams_are_translated_as_written_down() {
    for (from, to) in pairs() {
        for (name, body) in fixtures(from, "stream") {
            let whole = translate(from, to, &body);
            let file = format!("{name}.{}.sse", to.as_str());
            compare(from, &file, &noted(&whole));
            let before = view::stream(from, &body).told_by(to);
            let after = view::stream(to, &whole).told_by(to);
            let name = format!("{name} in {}", to.as_str());
            if name.contains("json_tool") {
                assert_eq!(
                    (after.text.as_str(), after.finish),
                    (r#"{"name":"Brest"}"#, "stop"),
                    "{name}"
                );
                continue;
            }
            assert_eq!(before.calls, after.calls, "{name}");
            assert_eq!(before.text, after.text, "{name}");
            assert_eq!(before.thinking, after.thinking, "{name}");
            assert_eq!(before.error, after.error, "{name}");
            if before.usage.is_some() && before.error.is_none() {
                let usage = view::usage_in(to, before.usage);
                assert_eq!(usage, after.usage, "{name}");
            }
        }
    }
}

#[test]
fn taps_see_what_streams_mean() {
    for from in Dialect::ALL {
        for (name, body) in fixtures(*from, "stream") {
            let mut tap = StreamTap::new(*from);
            let events = view::events(&body, usize::MAX);
            let seen: Vec<_> = events.iter().map(|event| tap.observe(event)).collect();
            let broken = name.contains("error");
            assert_eq!(tap.finished(), !broken && !name.contains("cut"), "{name}");
            assert_eq!(
                seen.iter().any(|one| matches!(one, Seen::Failed { .. })),
                broken,
                "{name}"
            );
            assert!(seen.contains(&Seen::Content), "{name}");
            let usage = tap.usage().map(|u| (u.input, u.output, u.cache_read));
            let want = view::stream(*from, &body).usage.map(|u| (u.0, u.1, u.2));
            assert_eq!(usage, want, "{name}");
        }
    }
}
