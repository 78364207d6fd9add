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
    sse::{SseEvent, SseSplitter},
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
];

fn folder(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/spec")
        .join(of)
}

fn other(dialect: Dialect) -> Dialect {
    if dialect == Dialect::OpenAi {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    }
}

/// Fixtures of the dialect whose names start with `kind`.
fn fixtures(dialect: Dialect, kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder("fixtures").join(dialect.as_str()))
        .expect("the fixtures can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.to_owned();
            name.starts_with(kind)
                .then(|| (name, fs::read(&path).expect("a file")))
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
        if matches!(&*key, "messages" | "content" | "tools" | "system") && value.is_array() {
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
    for from in [Dialect::OpenAi, Dialect::Anthropic] {
        for (name, body) in fixtures(from, "request") {
            for (to, model) in MODELS.iter().filter(|(to, _)| *to == other(from)) {
                let done = translate_request(from, *to, &body, model, None, OnUnsupported::Drop)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let file = format!("{name}.{}.txt", model.replace('/', "_"));
                compare(from, &file, &readable(&done.body, &done.dropped));
                let strict = translate_request(from, *to, &body, model, None, OnUnsupported::Error);
                assert_eq!(strict.is_ok(), done.dropped.is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn replies_are_translated_as_written_down_and_back() {
    for from in [Dialect::OpenAi, Dialect::Anthropic] {
        let to = other(from);
        for (name, body) in fixtures(from, "response") {
            let done = translate_response(from, to, &body, "route", 0)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            compare(from, &format!("{name}.txt"), &readable(&done, &[]));
            let back = translate_response(to, from, &done, "route", 0).expect("a reply");
            let tree = |body: &[u8]| serde_json::from_slice::<Value>(body);
            // The stand-in for a JSON reply becomes text for good.
            if name.ends_with("json_tool") {
                continue;
            }
            // Numbers beyond a double are for the text alone.
            if let (Ok(one), Ok(two)) = (tree(&body), tree(&back)) {
                assert_eq!(view::reply(from, &one), view::reply(from, &two), "{name}");
            }
        }
    }
}

#[test]
fn errors_are_translated_as_written_down() {
    for from in [Dialect::OpenAi, Dialect::Anthropic] {
        for (name, body) in fixtures(from, "error") {
            let status = name
                .split('_')
                .nth(1)
                .and_then(|code| code.parse().ok())
                .expect("status");
            let done = translate_error(from, other(from), status, &body);
            compare(from, &format!("{name}.txt"), &done);
        }
    }
}

fn split(body: &[u8], cut: usize) -> Vec<SseEvent> {
    let mut splitter = SseSplitter::new();
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
fn translate(from: Dialect, body: &[u8]) -> Vec<u8> {
    let mut translator = StreamTranslator::new(from, other(from), "route", true, 0);
    let mut out = Vec::new();
    for event in view::events(body, usize::MAX) {
        translator.push(&event, &mut out).expect("a readable event");
    }
    translator.finish(&mut out);
    out
}

#[test]
fn streams_are_translated_as_written_down_in_every_split() {
    for from in [Dialect::OpenAi, Dialect::Anthropic] {
        for (name, body) in fixtures(from, "stream") {
            let whole = translate(from, &body);
            compare(from, &format!("{name}.sse"), &whole);
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
            let before = view::stream(from, &body);
            let after = view::stream(other(from), &whole);
            if name.ends_with("json_tool") {
                assert_eq!(
                    (after.text.as_str(), after.finish),
                    (r#"{"name":"Brest"}"#, "stop")
                );
                continue;
            }
            assert_eq!(before.calls, after.calls, "{name}");
            assert_eq!(before.text, after.text, "{name}");
            assert_eq!(before.thinking, after.thinking, "{name}");
            assert_eq!(before.error, after.error, "{name}");
            if before.usage.is_some() && before.error.is_none() {
                assert_eq!(before.usage, after.usage, "{name}");
            }
        }
    }
}

#[test]
fn taps_see_what_streams_mean() {
    for from in [Dialect::OpenAi, Dialect::Anthropic] {
        for (name, body) in fixtures(from, "stream") {
            let mut tap = StreamTap::new(from);
            let events = view::events(&body, usize::MAX);
            let seen: Vec<_> = events.iter().map(|event| tap.observe(event)).collect();
            let broken = name.contains("error");
            assert_eq!(tap.finished(), !broken, "{name}");
            assert_eq!(
                seen.iter().any(|one| matches!(one, Seen::Failed { .. })),
                broken,
                "{name}"
            );
            assert!(seen.contains(&Seen::Content), "{name}");
            let usage = tap.usage().map(|u| (u.input, u.output, u.cache_read));
            let want = view::stream(from, &body).usage.map(|u| (u.0, u.1, u.2));
            assert_eq!(usage, want, "{name}");
        }
    }
}
