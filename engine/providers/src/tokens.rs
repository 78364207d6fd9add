//! Counting tokens here, where no vendor counts them: for requests to count, and for decisions that
//! depend on the length of a prompt.
//!
//! Words are counted by OpenAI's published vocabularies, read on first use (about 0.2 s, 20 MB):
//! exact for OpenAI's models up to what its servers add, and within a quarter for others. What is no
//! text is counted by what vendors say of the usual case:
//!
//! | what | tokens | source |
//! |---|---|---|
//! | a turn | 4, and 3 for the reply | OpenAI cookbook, "How to count tokens with tiktoken" |
//! | a tool | its text and 8 | the same |
//! | a picture | 765; 85 where `detail` is `low` | OpenAI, "Images and vision": 1024 by 1024 |
//! | a document | 2,000 per 50 kB, at least one page | Anthropic, "PDF support": 1,500 to 3,000 a page |
//! | sound | 32 per second of 16 kB | Gemini, "Audio understanding" |
//! | film | 263 per second of 250 kB | Gemini, "Video understanding" |

use std::sync::OnceLock;

use tidegate_types::{
    Dialect, Endpoint,
    chat::{Arguments, Delta, Json, Media, Part, PartKind, Request, Text},
};
use tiktoken::CoreBpe;

use crate::{
    dialect::{
        codec::{Codec, Decoder},
        with_codec,
    },
    sse::SseEvent,
};

/// A text is counted in pieces of this many bytes, so that hostile ones cost no more than others.
const PIECE: usize = 16 * 1024;

/// Of a longer text the rest is counted like its beginning.
const MOST_COUNTED: usize = 1 << 18;

const TURN: u64 = 4;
const REPLY: u64 = 3;
const TOOL: u64 = 8;
const PICTURE: u64 = 765;
const SMALL_PICTURE: u64 = 85;
const PAGE: u64 = 2_000;
const PAGE_BYTES: u64 = 50_000;

/// Tokens of a request's prompt. `None` when the body is none of its dialect.
pub fn of_request(dialect: Dialect, endpoint: &Endpoint, body: &[u8], model: &str) -> Option<u64> {
    let bpe = vocabulary(model);
    if *endpoint != Endpoint::Chat {
        return texts(Json::parse(body).ok()?, bpe);
    }
    let respelled = with_codec!(dialect, D => <D as Codec>::respell(body));
    let body = Json::parse(respelled.as_deref().unwrap_or(body)).ok()?;
    let unfolded = with_codec!(dialect, D => <D as Codec>::unfold(body));
    let body = match &unfolded {
        Some(unfolded) => Json::parse(unfolded).ok()?,
        None => body,
    };
    let request = with_codec!(dialect, D => <D as Codec>::decode_request(body)).ok()?;
    Some(conversation(&request, bpe))
}

/// Tokens of what a complete reply says. `None` when the body is none of its dialect.
pub fn of_reply(dialect: Dialect, body: &[u8], model: &str) -> Option<u64> {
    let body = Json::parse(body).ok()?;
    let response = with_codec!(dialect, D => <D as Codec>::decode_response(body)).ok()?;
    let bpe = vocabulary(model);
    Some(
        response
            .choices()
            .map(|choice| parts(&choice.parts, bpe))
            .sum(),
    )
}

/// Tokens of the texts of a complete text completion. `None` when the body is none.
pub fn of_completion(body: &[u8], model: &str) -> Option<u64> {
    let choices = Json::parse(body).ok()?.get("choices")?;
    let bpe = vocabulary(model);
    let texts = choices
        .items()
        .filter_map(|choice| choice.get("text")?.as_text());
    Some(texts.map(|text| of(&text, bpe)).sum())
}

/// Tokens of what the events of a stream say, from its first one on. `None` when they say nothing, or
/// are none of its dialect.
pub fn of_events(dialect: Dialect, events: &[SseEvent], model: &str) -> Option<u64> {
    let mut decoder: Box<dyn Decoder> =
        with_codec!(dialect, D => Box::new(<D as Codec>::Decoder::default()));
    let mut said = String::new();
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(more)
        | Delta::Refusal(more)
        | Delta::Thinking(more)
        | Delta::Arguments { fragment: more, .. }
        | Delta::Call { name: more, .. } => said.push_str(&more.decode()),
        _ => {}
    };
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        decoder.decode(event, &mut sink).ok()?;
    }
    (!said.is_empty()).then(|| of_text(&said, model))
}

/// Tokens of a text.
pub fn of_text(text: &str, model: &str) -> u64 {
    words(text, vocabulary(model))
}

/// The tokens of a text, each with its bytes as text.
pub fn split(text: &str, model: &str) -> Vec<(u32, String)> {
    let bpe = vocabulary(model);
    let spelled = |token: u32| String::from_utf8_lossy(&bpe.decode(&[token])).into_owned();
    let ids = bpe.encode(text);
    ids.into_iter().map(|id| (id, spelled(id))).collect()
}

/// Whether the vocabulary of a model was read already, so that counting by it takes no time to speak of.
pub fn is_ready(model: &str) -> bool {
    let place = if is_older(model) { &OLD } else { &NEW };
    place.get().is_some()
}

/// Reads the vocabulary of a model, unless that was done.
pub fn read(model: &str) {
    vocabulary(model);
}

static OLD: OnceLock<CoreBpe> = OnceLock::new();
static NEW: OnceLock<CoreBpe> = OnceLock::new();

/// The vocabulary of a model: that of GPT-4 and the embeddings, or else the newer one.
fn vocabulary(model: &str) -> &'static CoreBpe {
    if is_older(model) {
        OLD.get_or_init(tiktoken::encoding::cl100k_base)
    } else {
        NEW.get_or_init(tiktoken::encoding::o200k_base)
    }
}

fn is_older(model: &str) -> bool {
    let newer = ["gpt-4o", "gpt-4.1", "gpt-4.5"];
    let older = ["gpt-4", "gpt-3.5", "text-embedding"];
    let begins = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
    begins(&older) && !begins(&newer)
}

fn words(text: &str, bpe: &CoreBpe) -> u64 {
    let mut rest = text;
    let (mut counted, mut bytes) = (0, 0);
    while !rest.is_empty() && bytes < MOST_COUNTED {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
        counted += bpe.count(piece) as u64;
        bytes += piece.len();
        rest = behind;
    }
    if rest.is_empty() {
        return counted;
    }
    counted.saturating_mul(text.len() as u64) / bytes.max(1) as u64
}

fn of(text: &Text<'_>, bpe: &CoreBpe) -> u64 {
    words(&text.decode(), bpe)
}

fn json(value: Option<Json<'_>>, bpe: &CoreBpe) -> u64 {
    value.map_or(0, |value| words(value.as_str(), bpe))
}

fn conversation(request: &Request<'_>, bpe: &CoreBpe) -> u64 {
    let mut sum = REPLY;
    if !request.system.is_empty() {
        sum += TURN + parts(&request.system, bpe);
    }
    for message in &request.messages {
        sum += TURN + parts(&message.parts, bpe);
    }
    for tool in &request.tools {
        let said = tool.description.as_ref().map_or(0, |text| of(text, bpe));
        sum += TOOL + of(&tool.name, bpe) + said + json(tool.schema, bpe);
    }
    if let Some(format) = &request.format
        && let tidegate_types::chat::Format::Schema { schema, .. } = &format.value
    {
        sum += json(Some(*schema), bpe);
    }
    sum
}

fn parts(parts: &[Part<'_>], bpe: &CoreBpe) -> u64 {
    parts.iter().map(|part| one(part, bpe)).sum()
}

fn one(part: &Part<'_>, bpe: &CoreBpe) -> u64 {
    match &part.kind {
        // The proof of a thought is no text of the model.
        PartKind::Text { text, .. } | PartKind::Refusal(text) | PartKind::Thinking { text, .. } => {
            of(text, bpe)
        }
        PartKind::RedactedThinking(data) => bytes_of(data) / 4,
        PartKind::Image { detail, .. } => {
            let low = detail.is_some_and(|detail| detail.as_str() == "\"low\"");
            if low { SMALL_PICTURE } else { PICTURE }
        }
        PartKind::Document { media, .. } => match media {
            Media::Text(text) => of(text, bpe),
            _ => PAGE * held(media).div_ceil(PAGE_BYTES).max(1),
        },
        PartKind::Audio(media) => (held(media) / 500).max(32),
        PartKind::Video(media) => (held(media) / 950).max(263),
        PartKind::ToolCall {
            name, arguments, ..
        } => {
            let arguments = match arguments {
                Arguments::Json(value) => json(Some(*value), bpe),
                Arguments::Text(text) => of(text, bpe),
            };
            of(name, bpe) + arguments + TOOL
        }
        PartKind::ToolResult { parts: inner, .. } => TURN + parts(inner, bpe),
    }
}

fn bytes_of(text: &Text<'_>) -> u64 {
    match text {
        Text::Escaped(text) => text.len() as u64,
        Text::Plain(text) => text.len() as u64,
    }
}

/// Bytes of a medium that travels with the request.
fn held(media: &Media<'_>) -> u64 {
    match media {
        Media::Base64 { data, .. } => bytes_of(data) / 4 * 3,
        _ => 0,
    }
}

/// Tokens of the texts that embeddings and their like are made of: under `input`, `texts`,
/// `content`, `prompt`, `query`, `documents`, `inputText`.
fn texts(body: Json<'_>, bpe: &CoreBpe) -> Option<u64> {
    const NAMES: &[&str] = &[
        "input",
        "texts",
        "inputs",
        "content",
        "requests",
        "prompt",
        "query",
        "documents",
        "text",
        "parts",
        "inputText",
        "instances",
    ];
    let mut found = None;
    for (_, value) in body
        .members()
        .filter(|(key, _)| NAMES.iter().any(|name| key.is(name)))
    {
        *found.get_or_insert(0) += inside(value, bpe, 0);
    }
    found
}

/// Every string in a value; a list of numbers is a text in tokens already.
fn inside(value: Json<'_>, bpe: &CoreBpe, depth: usize) -> u64 {
    if let Some(text) = value.as_text() {
        return of(&text, bpe);
    }
    if depth > 8 {
        return 0;
    }
    if value.is_object() {
        return texts(value, bpe).unwrap_or(0);
    }
    let items = value.items();
    items
        .map(|item| {
            if item.is_number() {
                1
            } else {
                inside(item, bpe, depth + 1)
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> u64 {
        of_request(Dialect::OpenAi, &Endpoint::Chat, body.as_bytes(), "gpt-5").unwrap()
    }

    #[test]
    fn words_are_counted_by_the_vocabulary_of_the_model() {
        assert_eq!(of_text("hello world", "gpt-4o"), 2);
        assert_eq!(of_text("hello world", "gpt-4"), 2);
        let long = "antidisestablishmentarianism ".repeat(40_000);
        let whole = of_text(&long, "gpt-5");
        let part = of_text(&long[..29_000], "gpt-5");
        assert!(whole.abs_diff(part * 40) < whole / 100, "{whole} {part}");
        let ids = split("Grüße, Welt", "gpt-5");
        let text: String = ids.iter().map(|(_, text)| text.as_str()).collect();
        assert!(text.contains("Welt"), "{ids:?}");
    }

    #[test]
    fn a_picture_counts_as_one_whatever_its_size() {
        let with = |data: &str| {
            chat(&format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#
            ))
        };
        let small = with("AAAA");
        assert_eq!(small, with(&"A".repeat(400_000)));
        assert_eq!(small, 1 + TURN + REPLY + PICTURE);
    }

    #[test]
    fn tools_and_turns_count() {
        let one = chat(r#"{"messages":[{"role":"user","content":"hi"}]}"#);
        let two = chat(
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hi"}]}"#,
        );
        let tool = chat(
            r#"{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}"#,
        );
        assert_eq!(one, 1 + TURN + REPLY);
        assert_eq!(two, one + 1 + TURN);
        assert!(tool > one + TOOL);
    }

    #[test]
    fn completions_are_counted_by_their_texts() {
        let body = br#"{"choices":[{"text":"hello world"},{"text":"hello","index":1}]}"#;
        assert_eq!(of_completion(body, "gpt-5"), Some(3));
        assert_eq!(of_completion(br#"{"text":"hello"}"#, "gpt-5"), None);
    }

    #[test]
    fn embeddings_are_counted_by_their_texts() {
        let count = |body: &str| {
            of_request(
                Dialect::OpenAi,
                &Endpoint::Embeddings,
                body.as_bytes(),
                "text-embedding-3-small",
            )
        };
        assert_eq!(count(r#"{"model":"m","input":"hello world"}"#), Some(2));
        assert_eq!(count(r#"{"input":["hello","hello world"]}"#), Some(3));
        assert_eq!(count(r#"{"input":[1,2,3,4]}"#), Some(4));
        assert_eq!(count("{}"), None);
    }
}
