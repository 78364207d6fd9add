//! What strategies want to know of the prompt, in any dialect. Read only where a strategy asks.

use smallvec::SmallVec;
use tidegate_policy::route::{self, Demands, Seen};
use tidegate_types::{Segments, chat::Json, config::Level};

use crate::{
    facts::header as names,
    pipeline::{Job, authenticate::levels},
};

/// Bytes of a request per prompt token, roughly.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;
/// Longer words are pictures, sound or documents in base 64, not language.
const LONGEST_WORD: usize = 1024;
/// Tokens that a picture counts for.
const PICTURE: u64 = 1000;

/// Hashes of how a prompt begins, the longest first.
pub(crate) type Beginnings = SmallVec<[u64; 3]>;

/// Members that hold what stands before the messages.
const BEFORE: &[&str] = &[
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
    "tools",
];
/// Where a body names the end user, and where the session.
const USER: &[&[&str]] = &[&["user"], &["safety_identifier"], &["metadata", "user_id"]];
pub(super) const SESSION: &[&[&str]] = &[
    &["prompt_cache_key"],
    &["session_id"],
    &["conversation"],
    &["metadata", "session_id"],
];
/// Members that hold the messages.
const MESSAGES: &[&str] = &["messages", "contents", "input"];

/// Tokens of a request, estimated from its bytes; data in base 64 does not count by its length.
pub(crate) fn tokens(body: &Segments) -> u64 {
    if body.len() < LONGEST_WORD {
        return body.len() as u64 / BYTES_PER_TOKEN;
    }
    let mut language = 0u64;
    let mut pictures = 0u64;
    let mut word = 0usize;
    let mut end = |word: &mut usize| {
        if *word > LONGEST_WORD {
            pictures += 1;
        } else {
            language += *word as u64;
        }
        *word = 0;
    };
    for part in body.parts() {
        for byte in part {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_') {
                word += 1;
            } else {
                // The byte itself belongs to the language around the word.
                end(&mut word);
                word = 1;
            }
        }
    }
    end(&mut word);
    language / BYTES_PER_TOKEN + pictures * PICTURE
}

/// Hashes of: what stands before the messages and two messages; the same and one; the first alone,
/// when there is some.
pub(super) fn beginnings(job: &Job) -> Beginnings {
    let mut hashes = Beginnings::new();
    let bytes = job.body.to_bytes();
    if let Some(body) = read(&bytes) {
        begin(body, &mut hashes);
    }
    hashes
}

fn begin(body: Json<'_>, hashes: &mut Beginnings) {
    let before: SmallVec<[&[u8]; 4]> = BEFORE
        .iter()
        .filter_map(|key| Some(body.get(key)?.as_str().as_bytes()))
        .collect();
    let first: SmallVec<[Json<'_>; 2]> = messages(body).take(2).collect();
    for count in [2, 1] {
        if first.len() >= count {
            let mut words = before.clone();
            words.extend(
                first
                    .iter()
                    .take(count)
                    .map(|json| json.as_str().as_bytes()),
            );
            hashes.push(route::hash(&words));
        }
    }
    if !before.is_empty() {
        hashes.push(route::hash(&before));
    }
}

/// What a body names, for the log.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) user: Option<String>,
    pub(crate) session: Option<String>,
    /// Messages of the conversation.
    pub(crate) messages: u64,
    /// Hash of the first message and what stands before it.
    pub(crate) prefix: Option<u64>,
}

impl Named {
    /// What this body names; nothing where it is no JSON.
    pub(crate) fn in_body(body: &[u8]) -> Self {
        let Ok(body) = Json::parse(body) else {
            return Self::default();
        };
        let mut hashes = Beginnings::new();
        begin(body, &mut hashes);
        let messages = messages(body).count();
        Self {
            user: find(body, USER),
            session: find(body, SESSION),
            messages: messages as u64,
            prefix: hashes.get(usize::from(messages > 1)).copied(),
        }
    }
}

/// How demanding the request is.
pub(super) fn level(job: &Job, demands: &Demands, tokens: u64) -> Level {
    let bytes = job.body.to_bytes();
    let body = read(&bytes);
    let has =
        |keys: &[&str]| body.is_some_and(|body| keys.iter().any(|key| body.get(key).is_some()));
    let last = body.and_then(|body| messages(body).last());
    let mut words = String::new();
    if let Some(last) = last {
        gather(last, &mut words, 0);
    }
    demands.level(&Seen {
        tokens,
        messages: body.map_or(0, |body| messages(body).count() as u64),
        tools: has(&["tools", "toolConfig", "functions"]),
        reasoning: has(&["reasoning", "reasoning_effort", "thinking"]),
        last: &words,
    })
}

/// The first of these members that is a text; a path leads through objects.
pub(super) fn word(job: &Job, paths: &[&[&str]]) -> Option<String> {
    let bytes = job.body.to_bytes();
    find(read(&bytes)?, paths)
}

fn find(body: Json<'_>, paths: &[&[&str]]) -> Option<String> {
    paths.iter().find_map(|path| {
        let found = path.iter().try_fold(body, |json, key| json.get(key))?;
        let text = found.as_text()?.decode().into_owned();
        (!text.is_empty()).then_some(text)
    })
}

/// The end user, as a header or the body names them.
pub(in crate::pipeline) fn user(job: &Job) -> Option<String> {
    let told = levels::text(&job.headers, &names::USER);
    told.map(str::to_owned).or_else(|| word(job, USER))
}

/// Looks something up in the request's `metadata`.
pub(in crate::pipeline) fn metadata<T>(
    job: &Job,
    find: impl FnOnce(Json<'_>) -> Option<T>,
) -> Option<T> {
    let bytes = job.body.to_bytes();
    read(&bytes)?.get("metadata").and_then(find)
}

fn read(bytes: &[u8]) -> Option<Json<'_>> {
    std::str::from_utf8(bytes).ok().map(Json::trusted)
}

fn messages(body: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    let found = MESSAGES.iter().find_map(|key| body.get(key));
    let whole = found.filter(|json| json.as_text().is_some());
    found.into_iter().flat_map(Json::items).chain(whole)
}

/// What the user said last, in words; `None` where the prompt holds none. Results of tools, which some
/// dialects put into the user's mouth, are not the user's.
pub(in crate::pipeline) fn last_turn(body: &Segments) -> Option<String> {
    let bytes = body.to_bytes();
    let body = read(&bytes)?;
    // Gemini's users need not say who they are.
    let nameless = body.get("contents").is_some();
    let all: Vec<Json<'_>> = messages(body).collect();
    let words = |message: &Json<'_>| {
        if let Some(text) = message.as_text() {
            return Some(text.decode().into_owned());
        }
        let role = message.get("role").and_then(Json::as_text);
        let user = role.map_or(nameless, |role| role.is("user"));
        let content = message.get("content").or_else(|| message.get("parts"));
        let content = content.filter(|_| user)?;
        if let Some(text) = content.as_text() {
            return Some(text.decode().into_owned());
        }
        let parts = content.items();
        let texts = parts.filter_map(|part| {
            let text = part.as_text().or_else(|| part.get("text")?.as_text())?;
            Some(text.decode().into_owned())
        });
        Some(texts.collect::<Vec<_>>().join("\n"))
    };
    let mut said = all.iter().rev().filter_map(words);
    said.find(|text| !text.trim().is_empty())
}

/// The texts of a message, wherever its dialect puts them.
fn gather(json: Json<'_>, words: &mut String, depth: usize) {
    const DEEPEST: usize = 6;
    if let Some(text) = json.as_text() {
        words.push_str(&text.decode());
        words.push(' ');
    } else if depth < DEEPEST {
        for item in json.items() {
            gather(item, words, depth + 1);
        }
        for (key, value) in json.members() {
            if key.is("content") || key.is("text") || key.is("parts") {
                gather(value, words, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_last_words_are_found_in_every_dialect() {
        for (body, said) in [
            (
                r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
                Some("a"),
            ),
            (
                r#"{"messages":[{"role":"user","content":"a"},{"role":"tool","content":"b"}]}"#,
                Some("a"),
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]}]}"#,
                Some("a\nb"),
            ),
            (
                r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"tool_result","content":"b"}]}]}"#,
                Some("a"),
            ),
            (
                r#"{"contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},{"role":"user","parts":[{"functionResponse":{}}]}]}"#,
                Some("a"),
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"user","content":[{"toolResult":{"content":[{"text":"b"}]}}]}]}"#,
                Some("a"),
            ),
            (r#"{"input":"a"}"#, Some("a")),
            (
                r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"function_call_output","output":"b"}]}"#,
                Some("a"),
            ),
            (
                r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"  "}]}"#,
                None,
            ),
            (r"{}", None),
        ] {
            let found = last_turn(&Segments::from(body.as_bytes().to_vec()));
            assert_eq!(found.as_deref(), said, "{body}");
        }
    }

    #[test]
    fn pictures_do_not_count_by_their_bytes() {
        let text = Segments::from("word ".repeat(4000).into_bytes());
        assert_eq!(tokens(&text), 5000);
        let picture = format!("{{\"data\":\"{}\"}}", "QUJD".repeat(100_000));
        assert!(tokens(&Segments::from(picture.into_bytes())) < 1100);
        assert_eq!(tokens(&Segments::from(b"{}".to_vec())), 0);
    }
}
