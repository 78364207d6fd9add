//! What must hold for any bytes whatsoever: no panic, no hang, no memory beyond a multiple of the input,
//! and valid JSON wherever a translation says that it succeeded. The first byte chooses dialects, the rest
//! is the input. Tests mutate fixtures with it, `engine/providers/fuzz` lets a fuzzer choose.

use std::time::{Duration, Instant};

use bytes::Bytes;
use peak_alloc::PeakAlloc;
use serde::de::IgnoredAny;
use tidegate_providers::{
    catalogue::Quirk,
    dialect::{
        StreamTap, StreamTranslator, Vectors, adapt_request, adapt_rerank, embed_request,
        embedded_otherwise, error_message, retry_delay, translate_embedded, translate_error,
        translate_request, translate_response, usage_of, without_foreign_proofs,
    },
    event_stream::{FrameSplitter, Splitter},
    shape::Shape,
    sse::{SseEvent, SseSplitter},
};
use tidegate_types::{
    Dialect, Endpoint, Relay, Segments,
    config::{Config, Format, OnUnsupported},
    json::{Outline, Splicer},
};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What may be used beside the multiple: buffers have a size before the first byte, and a part of a message
/// takes as much in the neutral form whether it says little or much.
const ROOM: usize = 1 << 20;

/// The multiple of the input.
const MOST_TIMES: usize = 8;

/// What is slower than this hangs; a machine may be busy with other things.
const LONGEST: Duration = Duration::from_mins(1);

/// Takes bytes of a kind and panics when they are not borne.
pub(crate) type Check = fn(&[u8]);

/// What is checked, by name.
pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("request", request),
    ("response", response),
    ("stream", stream),
    ("sse", sse),
    ("event_stream", event_stream),
    ("outline", outline),
    ("config", config),
    ("error", error),
];

/// Runs the check of this name.
pub(crate) fn run(name: &str, data: &[u8]) {
    for (_, check) in CHECKS.iter().filter(|(known, _)| *known == name) {
        check(data);
    }
}

/// Runs `what` and measures it. Threads beside this one count too, so tests that use it run alone.
pub(crate) fn bounded(input: &[u8], what: impl FnOnce()) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    #[expect(
        clippy::disallowed_methods,
        reason = "what hangs is found by the clock"
    )]
    let start = Instant::now();
    what();
    let took = start.elapsed();
    let used = HEAP.peak_usage().saturating_sub(before);
    let most = input.len() * MOST_TIMES + ROOM;
    assert!(
        used <= most,
        "{used} bytes of memory for an input of {} bytes",
        input.len()
    );
    assert!(took < LONGEST, "{took:?} for {} bytes", input.len());
}

fn model_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "claude-sonnet-4-5",
        Dialect::Gemini => "gemini-3-pro-preview",
        Dialect::Bedrock => "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        Dialect::Cohere => "command-a-reasoning-08-2025",
        _ => "gpt-5-mini",
    }
}

/// The dialect that the first byte names, and the others.
fn chosen(data: &[u8]) -> Option<(Dialect, impl Iterator<Item = Dialect>, &[u8])> {
    let (first, rest) = data.split_first()?;
    let all = Dialect::ALL;
    let from = *all.get(*first as usize % all.len())?;
    let others = all.iter().copied().filter(move |to| *to != from);
    Some((from, others, rest))
}

fn is_json(body: &[u8]) {
    let read = serde_json::from_slice::<IgnoredAny>(body);
    assert!(read.is_ok(), "no JSON: {}", String::from_utf8_lossy(body));
}

fn request(data: &[u8]) {
    let Some((from, others, body)) = chosen(data) else {
        return;
    };
    for to in others {
        let mut there = None;
        bounded(body, || {
            let done = translate_request(from, to, body, model_of(to), None, OnUnsupported::Drop);
            there = done.ok();
        });
        let Some(there) = there else { continue };
        is_json(&there.body);
        // What one dialect takes, its own decoder reads.
        let back = translate_request(
            to,
            from,
            &there.body,
            model_of(from),
            None,
            OnUnsupported::Drop,
        );
        if let Err(error) = back {
            panic!(
                "{} to {} and not back: {error}\n{}",
                from.as_str(),
                to.as_str(),
                String::from_utf8_lossy(&there.body)
            );
        }
    }
    for to in Dialect::ALL.iter().copied() {
        let vertex = Shape::VertexGemini {
            root: "/v1".to_owned(),
        };
        for shape in [Shape::Plain, vertex] {
            let made = embed_request(from, to, &shape, body, model_of(to))
                .ok()
                .flatten();
            if let Some(body) = made.and_then(|made| made.body) {
                is_json(&body);
            }
        }
        if let Ok(Some(body)) = adapt_rerank(to, body, &[Quirk::RerankTopK]) {
            is_json(&body);
        }
    }
    let _ = without_foreign_proofs(from, body);
    let _ = adapt_request(body, &[Quirk::TextContent]);
}

fn response(data: &[u8]) {
    let Some((from, others, body)) = chosen(data) else {
        return;
    };
    let _ = usage_of(from, &Endpoint::Chat, body);
    let _ = usage_of(from, &Endpoint::Relay(Relay::Images), body);
    for wanted in [
        Vectors::List,
        Vectors::Base64,
        Vectors::Many,
        Vectors::ByType,
    ] {
        let _ = embedded_otherwise(wanted, body);
        if let Ok(made) = translate_embedded(from, wanted, body, "m") {
            is_json(&made);
        }
    }
    for to in others {
        let mut there = None;
        bounded(body, || {
            there = translate_response(from, to, body, "m", 0).ok();
        });
        let Some(there) = there else { continue };
        is_json(&there);
        if let Err(error) = translate_response(to, from, &there, "m", 0) {
            panic!(
                "{} to {} and not back: {error}\n{}",
                from.as_str(),
                to.as_str(),
                String::from_utf8_lossy(&there)
            );
        }
    }
}

fn stream(data: &[u8]) {
    let Some((from, others, body)) = chosen(data) else {
        return;
    };
    let mut splitter = Splitter::new(from);
    if splitter.push(Bytes::copy_from_slice(body)).is_err() {
        return;
    }
    let mut events: Vec<SseEvent> = (&mut splitter).collect();
    events.extend(std::iter::from_fn(|| splitter.finish()));
    let mut tap = StreamTap::new(from);
    for event in &events {
        let _ = tap.observe(event);
    }
    let _ = (tap.usage(), tap.finished());
    for to in others {
        bounded(body, || {
            let mut translator = StreamTranslator::new(from, to, "m", true, 0);
            let mut out = Vec::new();
            for event in &events {
                if translator.push(event, &mut out).is_err() {
                    return;
                }
                out.clear();
            }
            translator.finish(&mut out);
        });
    }
}

/// Events do not depend on how the bytes arrive, and are the bytes.
fn sse(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else {
        return;
    };
    let read = |pieces: &[&[u8]]| -> Vec<SseEvent> {
        let mut splitter = SseSplitter::new();
        let mut events = Vec::new();
        for piece in pieces {
            if splitter.push(Bytes::copy_from_slice(piece)).is_err() {
                return events;
            }
            events.extend(&mut splitter);
        }
        events.extend(std::iter::from_fn(|| splitter.finish()));
        events
    };
    let mut whole = Vec::new();
    bounded(body, || whole = read(&[body]));
    let (head, tail) = body.split_at(usize::from(*cut).min(body.len()));
    assert_eq!(read(&[head, tail]), whole);
    let raw: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
    assert_eq!(raw, body);
}

fn event_stream(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else {
        return;
    };
    let read = |pieces: &[&[u8]]| -> Vec<SseEvent> {
        let mut splitter = FrameSplitter::new();
        let mut events = Vec::new();
        for piece in pieces {
            if splitter.push(Bytes::copy_from_slice(piece)).is_err() {
                return events;
            }
            events.extend(&mut splitter);
        }
        events
    };
    let mut whole = Vec::new();
    bounded(body, || whole = read(&[body]));
    let (head, tail) = body.split_at(usize::from(*cut).min(body.len()));
    assert_eq!(read(&[head, tail]), whole);
}

fn outline(data: &[u8]) {
    let keys = &["model", "stream", "stream_options", "metadata"];
    let body = Segments::from(data.to_vec());
    bounded(data, || {
        let Ok(outline) = Outline::of(&body, keys) else {
            return;
        };
        let mut splicer = Splicer::new(&outline);
        splicer.set("model", &b"\"m\""[..]);
        splicer.set("stream", &b"true"[..]);
        let done = splicer.apply(&body).to_bytes();
        if serde_json::from_slice::<IgnoredAny>(data).is_ok() {
            is_json(&done);
        }
    });
}

fn config(data: &[u8]) {
    let Some((format, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let format = match format % 3 {
        0 => Format::Json,
        1 => Format::Yaml,
        _ => Format::Toml,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "what hangs is found by the clock"
    )]
    let start = Instant::now();
    let _ = Config::parse(text, format, &["openai"], &|_| None);
    assert!(start.elapsed() < LONGEST, "a configuration takes too long");
}

fn error(data: &[u8]) {
    let Some((from, others, body)) = chosen(data) else {
        return;
    };
    let _ = (error_message(from, body), retry_delay(body));
    for to in others {
        is_json(&translate_error(from, to, 500, body));
    }
}
