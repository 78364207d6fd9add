//! Reading messages and their content.

use tidegate_types::chat::{
    Arguments, Citation, Json, Media, Message, Part, PartKind, Request, Role, Text,
};

use crate::{
    dialect::{
        codec::{Fault, array, member, name, object, says_nothing, text},
        media,
    },
    openai,
};

pub(super) fn read<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for message in array(value)?.items() {
        object(message)?;
        let role = member(message, "role")?;
        let (unknown, mut parts) = (&mut request.unknown, Vec::new());
        match &*role.decode() {
            "system" | "developer" => {
                content(message, &mut parts, unknown)?;
                note_unknown(message, &["content"], unknown);
                request.system.append(&mut parts);
            }
            "user" => {
                content(message, &mut parts, unknown)?;
                note_unknown(message, &["content"], unknown);
                request.messages.push(Message {
                    role: Role::User,
                    parts,
                });
            }
            "assistant" => {
                let parts = parts_of_reply(message, unknown)?;
                note_unknown(message, REPLY, unknown);
                request.messages.push(Message {
                    role: Role::Assistant,
                    parts,
                });
            }
            "tool" => {
                let id = member(message, "tool_call_id")?;
                content(message, &mut parts, unknown)?;
                note_unknown(message, &["content", "tool_call_id"], unknown);
                let kind = PartKind::ToolResult {
                    id,
                    parts,
                    failed: None,
                };
                request.messages.push(Message {
                    role: Role::User,
                    parts: vec![Part::new(kind, message)],
                });
            }
            _ => {
                let role = message.get("role").unwrap_or(message);
                return Err(Fault::new(
                    role,
                    "must be `system`, `user`, `assistant` or `tool`",
                ));
            }
        }
    }
    Ok(())
}

/// Members of an assistant's message that are read.
const REPLY: &[&str] = &["content", "tool_plan", "tool_calls", "citations"];

fn note_unknown<'a>(message: Json<'a>, known: &[&str], unknown: &mut Vec<Json<'a>>) {
    for (key, value) in message.members() {
        let key = key.decode();
        if key != "role" && !known.contains(&&*key) && !says_nothing(value) {
            unknown.push(value);
        }
    }
}

/// Documents of the whole request are what the user's last message talks about: they stand in
/// front of its words.
pub(super) fn documents<'a>(value: Json<'a>, request: &mut Request<'a>) {
    let mut parts = Vec::new();
    for item in value.items() {
        match document(item) {
            Some(kind) => parts.push(Part::new(kind, item)),
            None => request.unknown.push(item),
        }
    }
    if parts.is_empty() {
        return;
    }
    let asked = request.messages.iter_mut().rev().find(|message| {
        let result = |part: &Part<'_>| matches!(part.kind, PartKind::ToolResult { .. });
        message.role == Role::User && !message.parts.iter().any(result)
    });
    match asked {
        Some(message) => {
            parts.append(&mut message.parts);
            message.parts = parts;
        }
        None => request.messages.insert(
            0,
            Message {
                role: Role::User,
                parts,
            },
        ),
    }
}

/// A document: a text, or an object whose members the model reads. One that is only words with a
/// title becomes just that, any other stays the JSON that the model would have seen.
fn document(item: Json<'_>) -> Option<PartKind<'_>> {
    let of_words = |text, name| Part::document(Media::Text(text), name);
    if let Some(words) = item.as_text() {
        return Some(of_words(words, None));
    }
    let id = item.get("id").and_then(Json::as_text);
    let data = item.get("data")?;
    if let Some(words) = data.as_text() {
        return Some(of_words(words, id));
    }
    let (mut words, mut title, mut more) = (None, None, false);
    for (key, value) in data.members() {
        match (&*key.decode(), value.as_text()) {
            ("text" | "snippet" | "content", Some(text)) if words.is_none() => words = Some(text),
            ("title", Some(text)) => title = Some(text),
            _ => more = true,
        }
    }
    let words = words.filter(|_| !more);
    let words = words.unwrap_or_else(|| Text::plain(data.as_str()));
    Some(of_words(words, title.or(id)))
}

/// The parts of an assistant's message, in a request or a reply. The plan comes before the calls it
/// leads to: it is the model's reasoning when it uses tools (Cohere, "Chat": `tool_plan`).
pub(in crate::cohere) fn parts_of_reply<'a>(
    message: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Part<'a>>, Fault<'a>> {
    let mut parts = Vec::new();
    if let Some(value) = message.get("tool_plan") {
        let plan = text(value)?;
        if !plan.is_empty() {
            let kind = PartKind::Thinking {
                text: plan,
                signature: None,
            };
            parts.push(Part::new(kind, value));
        }
    }
    let before = parts.len();
    content(message, &mut parts, unknown)?;
    if let Some(list) = message.get("citations") {
        cite(list, parts.get_mut(before..).unwrap_or_default());
    }
    if let Some(calls) = message.get("tool_calls") {
        for call in array(calls)?.items() {
            parts.push(tool_call(call)?);
        }
    }
    Ok(parts)
}

/// Citations belong to the message; each names the content block it stands in, or means the first
/// one with words.
fn cite<'a>(list: Json<'a>, parts: &mut [Part<'a>]) {
    let first = parts
        .iter()
        .position(|part| matches!(part.kind, PartKind::Text { .. }));
    for citation in list.items() {
        let named = citation.get("content_index").and_then(Json::as_u64);
        let named = named.and_then(|index| usize::try_from(index).ok());
        let of_words = |at: &usize| {
            let part = parts.get(*at);
            part.is_some_and(|part| matches!(part.kind, PartKind::Text { .. }))
        };
        let Some(at) = named.filter(of_words).or(first) else {
            return;
        };
        if let Some(PartKind::Text { citations, .. }) = parts.get_mut(at).map(|part| &mut part.kind)
        {
            citations.extend(sources(citation));
        }
    }
}

/// The sources of a citation. One without an address is named by its id, as in `doc:0` or
/// `call_1:0`.
pub(in crate::cohere) fn sources(citation: Json<'_>) -> impl Iterator<Item = Citation<'_>> {
    let cited = citation.get("text");
    let quote = cited.and_then(Json::as_text);
    let length = cited.map_or(0, |cited| cited.as_str().len());
    let list = citation.get("sources").map(Json::items);
    let sources = list.into_iter().flatten().enumerate();
    sources.filter_map(move |(index, source)| {
        // The words are repeated with each source; a long text with many small ones must not grow
        // beyond measure.
        let short = index == 0 || length <= source.as_str().len().saturating_mul(4);
        let data = source
            .get("document")
            .or_else(|| source.get("tool_output"))
            .filter(|data| data.is_object());
        let word = |key| {
            let text = data.and_then(|data| data.get(key)?.as_text());
            text.filter(|text| !text.is_empty())
        };
        let id = source.get("id").and_then(Json::as_text);
        Some(Citation {
            url: word("url").or(id).or_else(|| word("id"))?,
            title: word("title"),
            quote: quote.clone().filter(|_| short),
            place: None,
        })
    })
}

fn tool_call(call: Json<'_>) -> Result<Part<'_>, Fault<'_>> {
    let function = object(call)?
        .get("function")
        .ok_or_else(|| Fault::missing(call, "function"))?;
    let arguments = match function.get("arguments") {
        None => Arguments::Text(Text::Escaped("")),
        Some(value) => match value.as_text() {
            Some(text) => Arguments::Text(text),
            None => Arguments::Json(value),
        },
    };
    let kind = PartKind::ToolCall {
        id: member(call, "id")?,
        name: member(function, "name")?,
        arguments,
        signature: openai::proof(call),
    };
    Ok(Part::new(kind, call))
}

/// The parts of `content`: a string, a list, or nothing.
fn content<'a>(
    message: Json<'a>,
    parts: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    let Some(value) = message.get("content") else {
        return Ok(());
    };
    if let Some(text) = value.as_text() {
        parts.push(Part::text(text, value));
        return Ok(());
    }
    if !value.is_array() {
        return Err(Fault::new(value, "must be a string or a list of blocks"));
    }
    for item in value.items() {
        match part(object(item)?)? {
            Some(kind) => parts.push(Part::new(kind, item)),
            None => unknown.push(item),
        }
    }
    Ok(())
}

fn part(item: Json<'_>) -> Result<Option<PartKind<'_>>, Fault<'_>> {
    Ok(match &*name(item, "type") {
        "text" => Some(PartKind::Text {
            text: member(item, "text")?,
            citations: Vec::new(),
        }),
        "thinking" => Some(match item.get("data").and_then(Json::as_text) {
            Some(data) => PartKind::RedactedThinking(data),
            None => PartKind::Thinking {
                text: member(item, "thinking")?,
                signature: item.get("signature").map(text).transpose()?,
            },
        }),
        "image_url" => {
            let holder = item
                .get("image_url")
                .ok_or_else(|| Fault::missing(item, "image_url"))?;
            let url = match holder.as_text() {
                Some(url) => url,
                None => member(holder, "url")?,
            };
            let detail = holder.get("detail");
            media::from_url(url).map(|media| PartKind::Image { media, detail })
        }
        "document" => {
            let holder = item
                .get("document")
                .ok_or_else(|| Fault::missing(item, "document"))?;
            document(holder)
        }
        "" => return Err(Fault::missing(item, "type")),
        _ => None,
    })
}
