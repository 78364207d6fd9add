//! Requests written as one vendor wants them.

use tidegate_types::chat::{
    Json, Text,
    write::{Array, Object},
};

use super::codec::name;
use crate::catalogue::Quirk;

const OLDER: &str = "max_tokens";
const NEWER: &str = "max_completion_tokens";

/// The body of an OpenAI chat request with what the vendor's quirks ask for; `None` when it is fine
/// as it is. Values stay as they are written, and so does their order.
///
/// A bound on the reply gets the name the vendor knows, `stream_options` are left out where they are
/// refused, and content that consists of texts alone becomes one string.
pub fn adapt_request(body: &[u8], quirks: &[Quirk]) -> Option<Vec<u8>> {
    if quirks.is_empty() {
        return None;
    }
    let body = Json::parse(body).ok().filter(|body| body.is_object())?;
    let has = |quirk| quirks.contains(&quirk);
    let bound = match (has(Quirk::MaxTokens), has(Quirk::MaxCompletionTokens)) {
        (true, _) => Some((NEWER, OLDER)),
        (_, true) => Some((OLDER, NEWER)),
        _ => None,
    };
    // Of two bounds the newer name's is the one that counts.
    let both = bound.is_some() && body.get(OLDER).is_some() && body.get(NEWER).is_some();
    let mut changed = false;
    let mut out = Vec::with_capacity(body.as_str().len());
    let mut object = Object::open(&mut out);
    for (key, value) in body.members() {
        let said = key.decode();
        if has(Quirk::NoStreamOptions) && said == "stream_options" || both && said == OLDER {
            changed = true;
        } else if let Some((_, known)) = bound
            .filter(|(other, known)| said == *other || both && said == NEWER && *known == NEWER)
        {
            changed |= said != known;
            object.json(known, value);
        } else if has(Quirk::TextContent) && said == "messages" && has_lists(value) {
            changed = true;
            object.array("messages", |list| {
                for message in value.items() {
                    self::message(message, list);
                }
            });
        } else {
            member(key, value, &mut object);
        }
    }
    object.close();
    changed.then_some(out)
}

/// The member as it stands, its key included.
fn member(key: Text<'_>, value: Json<'_>, object: &mut Object<'_>) {
    match key {
        Text::Escaped(key) => object.json(key, value),
        Text::Plain(key) => object.json(&key, value),
    };
}

fn has_lists(messages: Json<'_>) -> bool {
    messages
        .items()
        .filter_map(|message| message.get("content"))
        .any(|content| words(content).is_some())
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

fn message(message: Json<'_>, list: &mut Array<'_>) {
    if !message.is_object() {
        list.item().extend_from_slice(message.as_str().as_bytes());
        return;
    }
    list.object(|object| {
        for (key, value) in message.members() {
            let texts = if key.is("content") {
                words(value)
            } else {
                None
            };
            match texts {
                Some(texts) => {
                    let texts: Vec<_> = texts.iter().collect();
                    crate::dialect::words::joined(object.key("content"), &texts, "");
                }
                None => member(key, value, object),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(body: &str, quirks: &[Quirk]) -> Option<String> {
        adapt_request(body.as_bytes(), quirks).map(|body| String::from_utf8(body).unwrap())
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
}
