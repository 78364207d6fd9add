//! Reading contents and their parts, of requests and of replies.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

use tidegate_types::chat::{Arguments, Citation, Json, Media, Message, Part, PartKind, Role, Text};

use super::{either, note};
use crate::{
    dialect::{
        codec::{Fault, array, member, object, text},
        media, proof,
    },
    gemini::{FOREIGN, REDACTED},
};

/// Ids for calls that have none, as those of older models: numbered in order. A result without an
/// id answers the first unanswered call of its function.
#[derive(Debug, Default)]
struct Ids<'a> {
    calls: usize,
    open: HashMap<String, VecDeque<Text<'a>>>,
}

impl<'a> Ids<'a> {
    fn call(&mut self, given: Option<Text<'a>>, name: &Text<'a>) -> Text<'a> {
        let id = given.unwrap_or_else(|| call_id(None, self.calls));
        self.calls += 1;
        let open = self.open.entry(name.decode().into_owned()).or_default();
        open.push_back(id.clone());
        id
    }

    fn result(&mut self, given: Option<Text<'a>>, name: &Text<'a>) -> Text<'a> {
        let open = self.open.get_mut(&*name.decode());
        match (given, open) {
            (Some(id), Some(open)) => {
                // The oldest is the one, as a rule.
                if open.front().is_some_and(|first| *first == id) {
                    open.pop_front();
                }
                id
            }
            (Some(id), None) => id,
            (None, open) => open
                .and_then(VecDeque::pop_front)
                .unwrap_or_else(|| Text::plain(format!("call_{}", name.decode()))),
        }
    }
}

/// The id of the call at this place. The reply's own id keeps calls of several turns apart.
pub(in crate::gemini) fn call_id<'a>(reply: Option<&Text<'_>>, place: usize) -> Text<'a> {
    match reply.filter(|id| !id.is_empty()) {
        Some(id) => Text::plain(format!("call_{}_{place}", id.decode())),
        None => Text::plain(format!("call_{place}")),
    }
}

/// The conversation: a list of contents, or one of them, or just words.
pub(super) fn contents<'a>(
    value: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Message<'a>>, Fault<'a>> {
    let mut ids = Ids::default();
    if let Some(text) = value.as_text() {
        return Ok(vec![Message {
            role: Role::User,
            parts: vec![Part::text(text, value)],
        }]);
    }
    let mut messages: Vec<Message<'a>> = Vec::new();
    let items = value.is_array().then(|| value.items());
    let alone = value.is_object().then_some(value);
    if items.is_none() && alone.is_none() {
        return Err(Fault::new(value, "must be an array"));
    }
    for item in items.into_iter().flatten().chain(alone) {
        let role = role(object(item)?)?;
        let given = item.get("parts");
        match messages.last_mut() {
            // SDKs keep the chunks of a stream as so many contents.
            Some(last) if role == Role::Assistant && last.role == role => {
                read(given, &mut ids, &mut last.parts, unknown)?;
            }
            _ => {
                let mut parts = Vec::new();
                read(given, &mut ids, &mut parts, unknown)?;
                messages.push(Message { role, parts });
            }
        }
    }
    Ok(messages)
}

fn role(content: Json<'_>) -> Result<Role, Fault<'_>> {
    let Some(role) = content.get("role") else {
        return Ok(Role::User);
    };
    match &*text(role)?.decode() {
        // The last two are older names of who answers calls.
        "user" | "" | "function" | "tool" => Ok(Role::User),
        "model" => Ok(Role::Assistant),
        _ => Err(Fault::new(role, "must be `user` or `model`")),
    }
}

/// The parts of instructions.
pub(super) fn instructions<'a>(
    list: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Part<'a>>, Fault<'a>> {
    let mut parts = Vec::new();
    read(Some(list), &mut Ids::default(), &mut parts, unknown)?;
    Ok(parts)
}

/// Adds the parts of a content; a single one may stand without a list.
fn read<'a>(
    list: Option<Json<'a>>,
    ids: &mut Ids<'a>,
    parts: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    let Some(list) = list else { return Ok(()) };
    if list.is_object() {
        return part(list, ids, parts, unknown);
    }
    for item in array(list)?.items() {
        part(object(item)?, ids, parts, unknown)?;
    }
    Ok(())
}

fn part<'a>(
    item: Json<'a>,
    ids: &mut Ids<'a>,
    read: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    let source = source(item);
    let kind = if let Some(words) = source.text {
        let words = text(words)?;
        if source.thought {
            thought(words, source.signature.as_ref(), item, read);
            return Ok(());
        }
        // What the last chunk of a stream leaves behind.
        if words.is_empty() {
            return Ok(());
        }
        PartKind::Text {
            text: words,
            citations: Vec::new(),
        }
    } else if let Some(call) = source.call {
        let name = member(object(call)?, "name")?;
        let id = ids.call(given_id(call), &name);
        PartKind::ToolCall {
            id,
            name,
            arguments: arguments(call)?,
            signature: source.signature,
        }
    } else if let Some(result) = source.result {
        tool_result(object(result)?, ids, unknown)?
    } else if let Some(data) = source.media {
        media_part(object(data)?)?
    } else {
        // What ran at the vendor, and parts that hold nothing.
        note(item, unknown);
        return Ok(());
    };
    for value in source.unknown {
        note(value, unknown);
    }
    read.push(Part::new(kind, item));
    Ok(())
}

/// Reasoning that came back: of another vendor where the proof says so. Gemini's own proofs mean
/// nothing elsewhere.
fn thought<'a>(text: Text<'a>, proof: Option<&Text<'a>>, item: Json<'a>, read: &mut Vec<Part<'a>>) {
    let armoured = proof.and_then(proof::unarmoured);
    let proof = armoured
        .as_ref()
        .or(proof)
        .map(Text::decode)
        .unwrap_or_default();
    if let Some(data) = unmarked(&proof, REDACTED) {
        read.push(Part::new(PartKind::RedactedThinking(data), item));
        return;
    }
    think(text, unmarked(&proof, FOREIGN), item, read);
}

/// What stands behind the mark, in the standard alphabet of base64 again.
fn unmarked<'a>(proof: &str, mark: &str) -> Option<Text<'a>> {
    if let Some(rest) = proof.strip_prefix(mark) {
        return Some(Text::plain(rest.to_owned()));
    }
    let rest = proof.strip_prefix(&*mark.replace('/', "_"))?;
    Some(Text::plain(rest.replace('-', "+").replace('_', "/")))
}

/// Adds to the reasoning under way, which streams bring in pieces, the proof in the last.
pub(in crate::gemini) fn think<'a>(
    more: Text<'a>,
    proof: Option<Text<'a>>,
    item: Json<'a>,
    parts: &mut Vec<Part<'a>>,
) {
    if let Some(PartKind::Thinking {
        text,
        signature: signature @ None,
    }) = parts.last_mut().map(|part| &mut part.kind)
    {
        if let Text::Plain(Cow::Owned(said)) = text {
            said.push_str(&more.decode());
        } else if !more.is_empty() {
            let mut said = text.decode().into_owned();
            said.push_str(&more.decode());
            *text = Text::plain(said);
        }
        *signature = proof;
        return;
    }
    let kind = PartKind::Thinking {
        text: more,
        signature: proof,
    };
    parts.push(Part::new(kind, item));
}

/// What a part holds, found in one pass.
#[derive(Debug, Default)]
pub(in crate::gemini) struct Source<'a> {
    pub(in crate::gemini) text: Option<Json<'a>>,
    pub(in crate::gemini) thought: bool,
    pub(in crate::gemini) signature: Option<Text<'a>>,
    pub(in crate::gemini) call: Option<Json<'a>>,
    result: Option<Json<'a>>,
    pub(in crate::gemini) media: Option<Json<'a>>,
    /// What only Gemini has.
    pub(in crate::gemini) unknown: Vec<Json<'a>>,
}

/// Looks through a part.
pub(in crate::gemini) fn source(item: Json<'_>) -> Source<'_> {
    let mut source = Source::default();
    for (key, value) in item.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "text" => source.text = Some(value),
            "thought" => source.thought = value.as_bool() == Some(true),
            "thoughtSignature" | "thought_signature" => {
                source.signature = value.as_text().filter(|proof| !proof.is_empty());
            }
            "functionCall" | "function_call" => source.call = Some(value),
            "functionResponse" | "function_response" => source.result = Some(value),
            "inlineData" | "inline_data" | "fileData" | "file_data" => source.media = Some(value),
            _ => source.unknown.push(value),
        }
    }
    source
}

pub(in crate::gemini) fn given_id(of: Json<'_>) -> Option<Text<'_>> {
    of.get("id")
        .and_then(Json::as_text)
        .filter(|id| !id.is_empty())
}

pub(in crate::gemini) fn arguments(call: Json<'_>) -> Result<Arguments<'_>, Fault<'_>> {
    Ok(match call.get("args") {
        Some(given) => Arguments::Json(object(given)?),
        None => Arguments::Text(Text::Escaped("")),
    })
}

fn tool_result<'a>(
    result: Json<'a>,
    ids: &mut Ids<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<PartKind<'a>, Fault<'a>> {
    let name = member(result, "name")?;
    let id = ids.result(given_id(result), &name);
    let mut parts = Vec::new();
    let mut failed = None;
    let alone = result.get("parts").is_none();
    for (key, value) in result.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "id" | "name" => {}
            "response" if value.as_str() == "{}" && !alone => {}
            "response" => {
                let (words, error) = told(value);
                parts.extend(words.map(|words| Part::text(words, value)));
                failed = error;
            }
            "parts" => {
                for item in array(value)?.items() {
                    let source = source(object(item)?);
                    match source.media {
                        Some(data) => parts.push(Part::new(media_part(object(data)?)?, item)),
                        None => note(item, unknown),
                    }
                }
            }
            _ => note(value, unknown),
        }
    }
    Ok(PartKind::ToolResult { id, parts, failed })
}

/// The words of a result, and its error if it tells one. An object of one text under the name that
/// stands for the whole result is that text; anything else is told as the JSON it is.
fn told(response: Json<'_>) -> (Option<Text<'_>>, Option<Json<'_>>) {
    let mut members = response.members();
    let alone = members.next().filter(|_| members.next().is_none());
    match alone {
        Some((key, value)) if key.is("error") => {
            let words = value.as_text();
            (
                Some(words.unwrap_or_else(|| Text::plain(value.as_str()))),
                Some(value),
            )
        }
        Some((key, value)) if key.is("result") || key.is("output") => {
            let words = value.as_text();
            (
                Some(words.unwrap_or_else(|| Text::plain(response.as_str()))),
                None,
            )
        }
        _ => (Some(Text::plain(response.as_str())), None),
    }
}

/// A picture, sound, film or document, by its media type.
pub(in crate::gemini) fn media_part(data: Json<'_>) -> Result<PartKind<'_>, Fault<'_>> {
    let media_type = either(data, "mimeType", "mime_type");
    let media_type = media_type.map(text).transpose()?;
    let name = either(data, "displayName", "display_name").and_then(Json::as_text);
    let uri = either(data, "fileUri", "file_uri");
    let mut kind = media_type
        .as_ref()
        .map(|kind| kind.decode().to_ascii_lowercase())
        .unwrap_or_default();
    let media = if let Some(uri) = uri {
        let uri = text(uri)?;
        let address = uri.decode();
        if kind.is_empty() {
            media::guess_type(&address).clone_into(&mut kind);
        }
        let web = address.starts_with("http://") || address.starts_with("https://");
        // Google's own storage cannot be read by others.
        if web && !address.starts_with("https://generativelanguage.googleapis.com/") {
            Media::Url(uri)
        } else {
            Media::File(uri)
        }
    } else {
        let encoded = member(data, "data")?;
        let plain = kind.starts_with("text/");
        let plain = plain.then(|| media::decode_text(&encoded.decode()));
        match plain.flatten() {
            Some(words) => Media::Text(Text::plain(words)),
            None => Media::Base64 {
                media_type: media_type.unwrap_or(Text::Escaped("")),
                data: encoded,
            },
        }
    };
    Ok(match kind.split('/').next().unwrap_or_default() {
        "image" => PartKind::Image {
            media,
            detail: None,
        },
        "audio" => PartKind::Audio(media),
        "video" => PartKind::Video(media),
        _ => Part::document(media, name),
    })
}

/// Where the words of a candidate come from: the sources that server tools found, and those it
/// recites.
pub(in crate::gemini) fn citations(candidate: Json<'_>) -> impl Iterator<Item = Citation<'_>> {
    let chunks = either(candidate, "groundingMetadata", "grounding_metadata")
        .and_then(|found| either(found, "groundingChunks", "grounding_chunks"));
    let recited = either(candidate, "citationMetadata", "citation_metadata")
        .and_then(|found| either(found, "citations", "citationSources"));
    let chunks = chunks.map(Json::items).into_iter().flatten();
    let chunks = chunks.flat_map(|chunk| chunk.members().map(|(_, source)| source));
    let recited = recited.map(Json::items).into_iter().flatten();
    chunks.chain(recited).filter_map(|source| {
        let word = |key| source.get(key).and_then(Json::as_text);
        Some(Citation {
            url: word("uri").filter(|uri| !uri.is_empty())?,
            title: word("title"),
            quote: None,
            place: None,
        })
    })
}
