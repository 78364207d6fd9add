//! Requests written as one vendor wants them.

use tidegate_types::chat::{
    Json, Text,
    write::{Array, Object},
};

use super::codec::name;
use crate::{catalogue::Quirk, shape::member};

const OLDER: &str = "max_tokens";
const NEWER: &str = "max_completion_tokens";

/// Fields that concern OpenAI's own platform.
const PLATFORM: &[&str] = &[
    "store",
    "metadata",
    "user",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
];

/// Quirks that change messages.
const IN_MESSAGES: &[Quirk] = &[
    Quirk::TextContent,
    Quirk::NoDeveloperRole,
    Quirk::NoSystemRole,
    Quirk::NoMessageNames,
    Quirk::ReasoningField,
    Quirk::NoReasoningHistory,
];

/// A request as a vendor wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// The body to send.
    pub body: Vec<u8>,
    /// What the caller asked for and the vendor cannot do, as paths into the body.
    pub dropped: Vec<String>,
}

/// The body of an OpenAI chat request with what the vendor's quirks ask for; `None` when it is fine
/// as it is. Values stay as they are written, and so does their order.
pub fn adapt_request(body: &[u8], quirks: &[Quirk]) -> Option<Adapted> {
    if quirks.is_empty() {
        return None;
    }
    let body = Json::parse(body).ok().filter(|body| body.is_object())?;
    let rules = Rules { quirks, body };
    let bound = match (
        rules.has(Quirk::MaxTokens),
        rules.has(Quirk::MaxCompletionTokens),
    ) {
        (true, _) => Some((NEWER, OLDER)),
        (_, true) => Some((OLDER, NEWER)),
        _ => None,
    };
    // Of two bounds the newer name's is the one that counts.
    let both = bound.is_some() && body.get(OLDER).is_some() && body.get(NEWER).is_some();
    let mut changed = false;
    let mut dropped = Vec::new();
    let mut out = Vec::with_capacity(body.as_str().len());
    let mut object = Object::open(&mut out);
    for (key, value) in body.members() {
        let said = key.decode();
        if both && said == OLDER {
            changed = true;
            continue;
        }
        if let Some((_, known)) = bound
            .filter(|(other, known)| said == *other || both && said == NEWER && *known == NEWER)
        {
            changed |= said != known;
            object.json(known, value);
            continue;
        }
        let change = rules.of(&said, value);
        changed |= !matches!(change, Change::Keep);
        match change {
            Change::Keep => member(key, value, &mut object),
            Change::Rename(name) => {
                object.json(name, value);
            }
            Change::Value(text) => {
                object.literal(&said, text);
            }
            Change::Weaken(text) => {
                object.literal(&said, text);
                dropped.push(said.clone().into_owned());
            }
            Change::Leave(asked) => {
                if asked {
                    dropped.push(said.clone().into_owned());
                }
            }
            Change::Messages => object_of_messages(&rules, value, &mut object, &mut dropped),
        }
    }
    object.close();
    changed.then_some(Adapted { body: out, dropped })
}

/// What becomes of a member.
enum Change {
    Keep,
    Rename(&'static str),
    /// Another value that means the same.
    Value(&'static str),
    /// Another value that means less.
    Weaken(&'static str),
    /// Left out; true when the caller loses something.
    Leave(bool),
    Messages,
}

struct Rules<'a> {
    quirks: &'a [Quirk],
    body: Json<'a>,
}

impl Rules<'_> {
    fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    fn of(&self, key: &str, value: Json<'_>) -> Change {
        let number = value.as_f64();
        match key {
            "stream_options" if self.has(Quirk::NoStreamOptions) => Change::Leave(false),
            "frequency_penalty" | "presence_penalty" if self.has(Quirk::NoPenalties) => {
                Change::Leave(number.is_some_and(|number| number != 0.0))
            }
            "parallel_tool_calls" if self.has(Quirk::NoParallelToolCalls) => {
                Change::Leave(value.as_bool() == Some(false))
            }
            "n" if self.has(Quirk::SingleChoice) => {
                Change::Leave(number.is_some_and(|number| number > 1.0))
            }
            "logprobs" | "top_logprobs" if self.has(Quirk::NoLogprobs) => Change::Leave(
                value.as_bool() == Some(true) || number.is_some_and(|number| number > 0.0),
            ),
            "logit_bias" if self.has(Quirk::NoLogitBias) => {
                Change::Leave(value.members().next().is_some())
            }
            "seed" if self.has(Quirk::RandomSeed) && self.body.get("random_seed").is_none() => {
                Change::Rename("random_seed")
            }
            _ if PLATFORM.contains(&key) && self.has(Quirk::NoPlatformFields) => {
                Change::Leave(false)
            }
            "tool_choice" if value.as_text().is_some_and(|text| text.is("required")) => {
                if self.has(Quirk::ToolChoiceAny) {
                    Change::Value("\"any\"")
                } else if self.has(Quirk::NoToolChoiceRequired) {
                    Change::Weaken("\"auto\"")
                } else {
                    Change::Keep
                }
            }
            "response_format"
                if self.has(Quirk::NoJsonSchema) && name(value, "type") == "json_schema" =>
            {
                Change::Weaken(r#"{"type":"json_object"}"#)
            }
            "messages" if value.items().any(|message| self.touches(message)) => Change::Messages,
            _ => Change::Keep,
        }
    }

    /// Whether a message must be written anew.
    fn touches(&self, message: Json<'_>) -> bool {
        IN_MESSAGES.iter().any(|quirk| self.has(*quirk))
            && message
                .members()
                .any(|(key, value)| !matches!(self.inside(&key.decode(), value), Inside::Keep))
    }

    fn inside<'v>(&self, key: &str, value: Json<'v>) -> Inside<'v> {
        let is = |wanted: &str| value.as_text().is_some_and(|text| text.is(wanted));
        match key {
            "role" if self.has(Quirk::NoSystemRole) && (is("system") || is("developer")) => {
                Inside::Role("user")
            }
            "role" if self.has(Quirk::NoDeveloperRole) && is("developer") => Inside::Role("system"),
            "name" if self.has(Quirk::NoMessageNames) => Inside::Leave(true),
            "reasoning_content" | "reasoning" if self.has(Quirk::NoReasoningHistory) => {
                Inside::Leave(false)
            }
            "reasoning_content" if self.has(Quirk::ReasoningField) => Inside::Rename("reasoning"),
            "content" if self.has(Quirk::TextContent) => {
                words(value).map_or(Inside::Keep, Inside::Words)
            }
            _ => Inside::Keep,
        }
    }
}

/// What becomes of a member of a message.
enum Inside<'v> {
    Keep,
    Role(&'static str),
    Rename(&'static str),
    Leave(bool),
    Words(Vec<Text<'v>>),
}

fn object_of_messages(
    rules: &Rules<'_>,
    messages: Json<'_>,
    object: &mut Object<'_>,
    dropped: &mut Vec<String>,
) {
    object.array("messages", |list| {
        for (index, message) in messages.items().enumerate() {
            self::message(rules, message, list, index, dropped);
        }
    });
}

fn message(
    rules: &Rules<'_>,
    message: Json<'_>,
    list: &mut Array<'_>,
    index: usize,
    dropped: &mut Vec<String>,
) {
    if !message.is_object() {
        list.item().extend_from_slice(message.as_str().as_bytes());
        return;
    }
    list.object(|object| {
        for (key, value) in message.members() {
            match rules.inside(&key.decode(), value) {
                Inside::Keep => member(key, value, object),
                Inside::Role(role) => {
                    object.str("role", role);
                }
                Inside::Rename(name) => {
                    object.json(name, value);
                }
                Inside::Leave(asked) => {
                    if asked {
                        dropped.push(format!("messages[{index}].{}", key.decode()));
                    }
                }
                Inside::Words(texts) => {
                    let texts: Vec<_> = texts.iter().collect();
                    crate::dialect::words::joined(object.key("content"), &texts, "");
                }
            }
        }
    });
}

/// The texts of a list that holds nothing else.
fn words(content: Json<'_>) -> Option<Vec<Text<'_>>> {
    if !content.is_array() {
        return None;
    }
    content.items().map(word).collect()
}

fn word(part: Json<'_>) -> Option<Text<'_>> {
    let text = part.get("text")?.as_text();
    text.filter(|_| name(part, "type") == "text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(body: &str, quirks: &[Quirk]) -> Option<String> {
        adapt_request(body.as_bytes(), quirks).map(|made| String::from_utf8(made.body).unwrap())
    }

    #[test]
    fn the_bound_gets_the_name_the_vendor_knows() {
        for (quirk, body, want) in [
            (
                Quirk::MaxTokens,
                r#"{"a":1e400, "max_completion_tokens": 5,"z":"\u00e9"}"#,
                Some(r#"{"a":1e400,"max_tokens":5,"z":"\u00e9"}"#),
            ),
            (
                Quirk::MaxTokens,
                r#"{"max_tokens":9,"max_completion_tokens":5}"#,
                Some(r#"{"max_tokens":5}"#),
            ),
            (Quirk::MaxTokens, r#"{"max_tokens":9}"#, None),
            (
                Quirk::MaxCompletionTokens,
                r#"{"max_tokens":9}"#,
                Some(r#"{"max_completion_tokens":9}"#),
            ),
            (
                Quirk::MaxCompletionTokens,
                r#"{"max_completion_tokens":5,"max_tokens":9}"#,
                Some(r#"{"max_completion_tokens":5}"#),
            ),
            (
                Quirk::MaxCompletionTokens,
                r#"{"max_completion_tokens":5}"#,
                None,
            ),
        ] {
            assert_eq!(adapted(body, &[quirk]).as_deref(), want, "{quirk:?} {body}");
        }
    }

    #[test]
    fn stream_options_are_left_out_where_they_are_refused() {
        let body = r#"{"stream":true,"stream_options":{"include_usage":true},"x":1.0}"#;
        assert_eq!(
            adapted(body, &[Quirk::NoStreamOptions]).as_deref(),
            Some(r#"{"stream":true,"x":1.0}"#)
        );
        assert_eq!(adapted(body, &[]), None);
        assert_eq!(
            adapted(r#"{"stream":true}"#, &[Quirk::NoStreamOptions]),
            None
        );
    }

    #[test]
    fn lists_of_texts_become_a_string_and_others_stay() {
        let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\n"},{"type":"text","text":"\u00e9"}],"name":"x"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]},{"content":"s"},7]}"#;
        let want = r#"{"messages":[{"role":"user","content":"a\n\u00e9","name":"x"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]},{"content":"s"},7]}"#;
        assert_eq!(adapted(body, &[Quirk::TextContent]).as_deref(), Some(want));
        assert_eq!(adapted(want, &[Quirk::TextContent]), None);
        for broken in ["", "[]", "{", "{\"messages\":7}"] {
            assert_eq!(adapted(broken, &[Quirk::TextContent]), None, "{broken}");
        }
    }

    /// Every quirk, by what it does to a request; those that say nothing here are about answers, or
    /// have tests of their own above.
    #[test]
    fn every_quirk_changes_a_request_or_says_why_not() {
        for quirk in Quirk::ALL {
            let (body, want, dropped) = match quirk {
                Quirk::NoDeveloperRole => (
                    r#"{"messages":[{"role":"developer","content":"a"},{"role":"system","content":"b"}]}"#,
                    r#"{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"}]}"#,
                    "",
                ),
                Quirk::NoSystemRole => (
                    r#"{"messages":[{"role":"developer","content":"a"},{"role":"system","content":"b"}]}"#,
                    r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#,
                    "",
                ),
                Quirk::NoPenalties => (
                    r#"{"frequency_penalty":0.5,"presence_penalty":0,"x":1}"#,
                    r#"{"x":1}"#,
                    "frequency_penalty",
                ),
                Quirk::NoParallelToolCalls => (
                    r#"{"parallel_tool_calls":false}"#,
                    "{}",
                    "parallel_tool_calls",
                ),
                Quirk::NoToolChoiceRequired => (
                    r#"{"tool_choice":"required"}"#,
                    r#"{"tool_choice":"auto"}"#,
                    "tool_choice",
                ),
                Quirk::ToolChoiceAny => (
                    r#"{"tool_choice":"required"}"#,
                    r#"{"tool_choice":"any"}"#,
                    "",
                ),
                Quirk::SingleChoice => (r#"{"n":2}"#, "{}", "n"),
                Quirk::NoLogprobs => (
                    r#"{"logprobs":true,"top_logprobs":2}"#,
                    "{}",
                    "logprobs,top_logprobs",
                ),
                Quirk::NoLogitBias => (r#"{"logit_bias":{"1":2}}"#, "{}", "logit_bias"),
                Quirk::NoMessageNames => (
                    r#"{"messages":[7,{"role":"user","name":"n","content":"a"}]}"#,
                    r#"{"messages":[7,{"role":"user","content":"a"}]}"#,
                    "messages[1].name",
                ),
                Quirk::RandomSeed => (r#"{"seed":1e3}"#, r#"{"random_seed":1e3}"#, ""),
                Quirk::NoPlatformFields => (
                    r#"{"user":"u","store":true,"metadata":{},"service_tier":"auto","x":null}"#,
                    r#"{"x":null}"#,
                    "",
                ),
                Quirk::NoJsonSchema => (
                    r#"{"response_format":{"type":"json_schema","json_schema":{}}}"#,
                    r#"{"response_format":{"type":"json_object"}}"#,
                    "response_format",
                ),
                Quirk::ReasoningField => (
                    r#"{"messages":[{"role":"assistant","reasoning_content":"r"}]}"#,
                    r#"{"messages":[{"role":"assistant","reasoning":"r"}]}"#,
                    "",
                ),
                Quirk::NoReasoningHistory => (
                    r#"{"messages":[{"role":"assistant","reasoning_content":"r","content":"a"}]}"#,
                    r#"{"messages":[{"role":"assistant","content":"a"}]}"#,
                    "",
                ),
                // Of rerankers: see `super::rerank`. The answer's end: see `crate::shape`.
                Quirk::RerankTopK
                | Quirk::SendsNoDone
                | Quirk::NoStreamOptions
                | Quirk::MaxTokens
                | Quirk::MaxCompletionTokens
                | Quirk::TextContent => continue,
                other => panic!("{other:?} has no test"),
            };
            let made = adapt_request(body.as_bytes(), &[*quirk]).unwrap();
            assert_eq!(std::str::from_utf8(&made.body).unwrap(), want, "{quirk:?}");
            assert_eq!(made.dropped.join(","), dropped, "{quirk:?}");
            assert_eq!(adapt_request(want.as_bytes(), &[*quirk]), None, "{quirk:?}");
            assert_eq!(adapt_request(body.as_bytes(), &[]), None);
        }
    }
}
