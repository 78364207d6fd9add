//! Complete replies, read and written.

use tidegate_types::{
    Usage,
    chat::{
        Arguments, Choice, Citation, Json, Media, Part, PartKind, Response, Stop, Text,
        write::{self, Array, Object},
    },
};

use super::{FOREIGN, REDACTED, decode, either};
use crate::dialect::{
    codec::{Fault, JSON_TOOL, array, member, name, object},
    logprobs, proof, usage, words,
};

/// Reads a `GenerateContentResponse`.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    // A list is what a stream without `alt=sse` is; one of more than one chunk is no reply.
    let mut items = body.items();
    let body = match (items.next(), items.next()) {
        (Some(only), None) => only,
        _ => body,
    };
    object(body)?;
    if let Some(error) = body.get("error") {
        let said = name(error, "message");
        return Err(Fault::new(
            error,
            format!("the upstream reports an error: {said}"),
        ));
    }
    let id = either(body, "responseId", "response_id").and_then(Json::as_text);
    let mut response = Response {
        id,
        usage: counts(body),
        ..Response::default()
    };
    let blocked = blocked(body);
    let Some(candidates) = body.get("candidates") else {
        let told = blocked.is_some() || response.usage.is_some();
        response.first.stop = blocked;
        return if told {
            Ok(response)
        } else {
            Err(Fault::missing(body, "candidates"))
        };
    };
    for (place, item) in in_order(candidates).into_iter().enumerate() {
        let choice = read(item, response.id.as_ref())?;
        if place == 0 {
            response.first = choice;
        } else {
            response.more.push(choice);
        }
    }
    response.first.stop = response.first.stop.or(blocked);
    Ok(response)
}

/// The candidates by their `index`, which is left out where it is 0.
fn in_order(candidates: Json<'_>) -> Vec<Json<'_>> {
    let mut all: Vec<_> = candidates.items().collect();
    all.sort_by_key(|candidate| index_of(*candidate));
    all
}

/// Which of several candidates it is.
pub(super) fn index_of(candidate: Json<'_>) -> u64 {
    let index = candidate.get("index").and_then(Json::as_u64);
    index.unwrap_or_default()
}

fn read<'a>(candidate: Json<'a>, reply: Option<&Text<'a>>) -> Result<Choice<'a>, Fault<'a>> {
    let parts = object(candidate)?
        .get("content")
        .and_then(|content| content.get("parts"));
    let mut choice = Choice::default();
    let mut calls = 0;
    for item in parts
        .map(array)
        .transpose()?
        .into_iter()
        .flat_map(Json::items)
    {
        part(object(item)?, reply, &mut calls, &mut choice.parts)?;
    }
    let sources: Vec<_> = decode::citations(candidate).collect();
    cite(sources, &mut choice.parts);
    choice.stop = stop(candidate);
    choice.logprobs = logprobs::read_gemini(candidate);
    Ok(choice)
}

fn part<'a>(
    item: Json<'a>,
    reply: Option<&Text<'a>>,
    calls: &mut usize,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Fault<'a>> {
    let source = decode::source(item);
    if let Some(call) = source.call {
        let name = member(object(call)?, "name")?;
        let arguments = decode::arguments(call)?;
        if name.is(JSON_TOOL) {
            let text = Text::plain(reply_of(&arguments));
            parts.push(Part::text(text, item));
            return Ok(());
        }
        let id = decode::given_id(call);
        let id = id.unwrap_or_else(|| decode::call_id(reply, *calls));
        *calls += 1;
        parts.push(Part::new(
            PartKind::ToolCall {
                id,
                name,
                arguments,
                signature: source.signature,
            },
            item,
        ));
        return Ok(());
    }
    // Pictures on the way to the last are thoughts.
    if let Some(data) = source.media.filter(|_| !source.thought) {
        parts.push(Part::new(decode::media_part(object(data)?)?, item));
    }
    let words = source.text.and_then(Json::as_text);
    if let Some(text) = words.filter(|text| !text.is_empty()) {
        if source.thought {
            decode::think(text, None, item, parts);
        } else {
            parts.push(Part::text(text, item));
        }
    }
    if let Some(proof) = source.signature.filter(|_| source.text.is_some()) {
        sign(&proof, item, parts);
    }
    Ok(())
}

/// The proof of words has no place elsewhere; it stands with the reasoning that led to them, or
/// behind them as reasoning without words.
fn sign<'a>(proof: &Text<'a>, item: Json<'a>, parts: &mut Vec<Part<'a>>) {
    let marked = Some(proof::gemini(proof));
    let thought = parts
        .iter_mut()
        .rev()
        .find_map(|part| match &mut part.kind {
            PartKind::Thinking { signature, .. } => Some(signature),
            _ => None,
        });
    match thought {
        Some(signature @ None) => *signature = marked,
        _ => parts.push(Part::new(
            PartKind::Thinking {
                text: Text::Escaped(""),
                signature: marked,
            },
            item,
        )),
    }
}

/// What the stand-in for a JSON reply was called with.
pub(super) fn reply_of<'a>(arguments: &Arguments<'a>) -> &'a str {
    match arguments {
        Arguments::Json(given) => given.as_str(),
        Arguments::Text(_) => "{}",
    }
}

/// Sources belong to the candidate; here they stand with its last words, each once.
fn cite<'a>(sources: Vec<Citation<'a>>, parts: &mut [Part<'a>]) {
    let said = parts
        .iter_mut()
        .rev()
        .find_map(|part| match &mut part.kind {
            PartKind::Text { citations, .. } => Some(citations),
            _ => None,
        });
    let Some(citations) = said else { return };
    let mut seen = std::collections::HashSet::new();
    citations.extend(
        sources
            .into_iter()
            .filter(|source| seen.insert(source.url.decode().into_owned())),
    );
}

/// A prompt that was blocked has no candidates.
pub(super) fn blocked(body: Json<'_>) -> Option<Stop> {
    let feedback = either(body, "promptFeedback", "prompt_feedback")?;
    let reason = either(feedback, "blockReason", "block_reason")?.as_text()?;
    (!reason.is("BLOCKED_REASON_UNSPECIFIED")).then_some(Stop::Refusal)
}

/// Usage, if there are counts: the first chunks of Vertex AI name the kind of traffic alone.
pub(super) fn counts(body: Json<'_>) -> Option<Usage> {
    let found = either(body, "usageMetadata", "usage_metadata")?;
    let counted = |key| found.get(key).is_some_and(Json::is_number);
    (counted("promptTokenCount") || counted("totalTokenCount")).then(|| usage::gemini(found))
}

/// The first of the candidates, which is often the only one.
pub(super) fn candidate(body: Json<'_>) -> Option<Json<'_>> {
    let mut list = body.get("candidates")?.items();
    list.find(|candidate| index_of(*candidate) == 0)
}

/// Why a candidate ended (`FinishReason`). What went wrong with a call ends it without one.
pub(super) fn stop(candidate: Json<'_>) -> Option<Stop> {
    let reason = either(candidate, "finishReason", "finish_reason")?;
    // Numbers are what `$alt=json;enum-encoding=int` asks for.
    if let Some(number) = reason.as_u64() {
        return Some(match number {
            0 => return None,
            2 => Stop::Length,
            3 | 4 | 6 | 7 | 8 | 9 | 11 => Stop::Refusal,
            10 => Stop::Malformed,
            _ => Stop::End,
        });
    }
    Some(match &*reason.as_text()?.decode() {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "MAX_TOKENS" => Stop::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Stop::Refusal,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => Stop::Malformed,
        _ => Stop::End,
    })
}

pub(super) fn finish_reason(stop: Option<Stop>, refused: bool) -> &'static str {
    match stop {
        Some(Stop::Length | Stop::Window) => "MAX_TOKENS",
        Some(Stop::Malformed) => "MALFORMED_FUNCTION_CALL",
        Some(Stop::Refusal) => "SAFETY",
        None | Some(Stop::End) if refused => "SAFETY",
        None | Some(Stop::End | Stop::Sequence | Stop::ToolUse) => "STOP",
    }
}

pub(super) fn encode(response: &Response<'_>, model: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut body = Object::open(&mut out);
    body.array("candidates", |list| {
        for (index, choice) in response.choices().enumerate() {
            list.object(|item| candidate_members(index as u64, choice, item));
        }
    });
    if let Some(counts) = &response.usage {
        body.object("usageMetadata", |object| usage_members(counts, object));
    }
    body.str("modelVersion", model);
    if let Some(id) = &response.id {
        body.text("responseId", id);
    }
    body.close();
    out
}

fn candidate_members(place: u64, choice: &Choice<'_>, candidate: &mut Object<'_>) {
    let mut sources = Sources::default();
    let mut refused = false;
    candidate.object("content", |content| {
        content.array("parts", |list| {
            let mut index = 0;
            for part in &choice.parts {
                refused |= matches!(part.kind, PartKind::Refusal(_));
                if let PartKind::Text { text, citations } = &part.kind {
                    sources.add(index, text, citations);
                }
                index += u64::from(write_part(&part.kind, list));
            }
        });
        content.str("role", "model");
    });
    candidate.str("finishReason", finish_reason(choice.stop, refused));
    candidate.number("index", place);
    sources.write(candidate);
    logprobs::write_gemini(&choice.logprobs, candidate);
}

/// Appends the part, unless this dialect has none for it or it would be empty.
fn write_part(kind: &PartKind<'_>, list: &mut Array<'_>) -> bool {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) if !text.is_empty() => {
            list.object(|part| {
                part.text("text", text);
            });
        }
        PartKind::Thinking { text, signature } => {
            list.object(|part| thought(text, signature.as_ref(), part));
        }
        PartKind::RedactedThinking(data) => {
            list.object(|part| redacted(data, part));
        }
        PartKind::Image { media, .. } | PartKind::Audio(media) => {
            list.object(|part| blob(media, part));
        }
        PartKind::ToolCall {
            id,
            name,
            arguments,
            signature,
        } => {
            list.object(|part| {
                function_call(id, name, arguments, part);
                if let Some(signature) = signature {
                    part.text("thoughtSignature", signature);
                }
            });
        }
        _ => return false,
    }
    true
}

/// A picture or sound of a reply.
pub(super) fn blob(media: &Media<'_>, part: &mut Object<'_>) {
    match media {
        Media::Base64 { media_type, data } => part.object("inlineData", |blob| {
            blob.text("mimeType", media_type).text("data", data);
        }),
        Media::Url(uri) | Media::File(uri) | Media::Text(uri) => part.object("fileData", |file| {
            let guessed = crate::dialect::media::guess_type(&uri.decode());
            let told = if guessed.is_empty() {
                "image/png"
            } else {
                guessed
            };
            file.str("mimeType", told).text("fileUri", uri);
        }),
    };
}

/// A call; an id that says nothing is left out.
pub(super) fn function_call(
    id: &Text<'_>,
    name: &Text<'_>,
    arguments: &Arguments<'_>,
    part: &mut Object<'_>,
) {
    part.object("functionCall", |call| {
        if !id.is_empty() {
            call.text("id", id);
        }
        call.text("name", name);
        words::arguments(arguments, call.key("args"));
    });
}

/// Reasoning in a part of its own. Gemini's own proof stands with the words it belongs to.
pub(super) fn thought(text: &Text<'_>, signature: Option<&Text<'_>>, part: &mut Object<'_>) {
    part.text("text", text);
    let signature = signature.filter(|signature| !signature.is_empty());
    match signature.map(|signature| (proof::from_gemini(signature), signature)) {
        Some((Some(own), _)) => {
            if !text.is_empty() {
                part.literal("thought", "true");
            }
            part.text("thoughtSignature", &own);
        }
        Some((None, other)) => {
            part.literal("thought", "true");
            marked(FOREIGN, other, part);
        }
        None => {
            part.literal("thought", "true");
        }
    }
}

/// Reasoning that only its vendor can read.
pub(super) fn redacted(data: &Text<'_>, part: &mut Object<'_>) {
    part.str("text", "").literal("thought", "true");
    marked(REDACTED, data, part);
}

/// A foreign proof, as base64: the SDKs read it as bytes.
fn marked(mark: &'static str, proof: &Text<'_>, part: &mut Object<'_>) {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let characters = proof.decode();
    if characters.len().is_multiple_of(4) && characters.chars().all(base64) {
        let mark = Text::Escaped(mark);
        words::joined(part.key("thoughtSignature"), &[&mark, proof], "");
    } else {
        let whole = [mark, &*characters].concat();
        part.text("thoughtSignature", &proof::armoured(&whole));
    }
}

/// The sources of a reply, as grounding tells them: once each, and which words they support.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Addresses, titles.
    chunks: Vec<(Text<'static>, Option<Text<'static>>)>,
    places: std::collections::HashMap<String, u64>,
    /// Index of a part, its length in bytes, the sources' places.
    supports: Vec<(u64, u64, Vec<u64>)>,
}

impl Sources {
    fn add(&mut self, index: u64, text: &Text<'_>, citations: &[Citation<'_>]) {
        if !citations.is_empty() {
            let places = citations.iter().map(|source| self.place(source)).collect();
            let length = text.decode().len() as u64;
            self.supports.push((index, length, places));
        }
    }

    /// The place of a source in the list.
    pub(super) fn place(&mut self, source: &Citation<'_>) -> u64 {
        let url = source.url.decode().into_owned();
        let title = source.title.clone().map(Text::into_owned);
        // Documents of the request have a title and no address.
        let key = if url.is_empty() {
            let title = title.as_ref().map(Text::decode);
            format!(" {}", title.unwrap_or_default())
        } else {
            url.clone()
        };
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.chunks.len() as u64;
        self.chunks.push((Text::plain(url), title));
        self.places.insert(key, place);
        place
    }

    pub(super) fn write(&self, candidate: &mut Object<'_>) {
        if self.chunks.is_empty() {
            return;
        }
        candidate.object("groundingMetadata", |grounding| {
            grounding.array("groundingChunks", |list| {
                for (url, title) in &self.chunks {
                    list.object(|chunk| {
                        let kind = if url.is_empty() {
                            "retrievedContext"
                        } else {
                            "web"
                        };
                        chunk.object(kind, |web| {
                            if !url.is_empty() {
                                web.text("uri", url);
                            }
                            if let Some(title) = title {
                                web.text("title", title);
                            }
                        });
                    });
                }
            });
            if self.supports.is_empty() {
                return;
            }
            grounding.array("groundingSupports", |list| {
                for (index, length, places) in &self.supports {
                    list.object(|support| {
                        support.object("segment", |segment| {
                            segment.number("partIndex", *index).number("startIndex", 0);
                            segment.number("endIndex", *length);
                        });
                        support.array("groundingChunkIndices", |list| {
                            for place in places {
                                write::number(list.item(), *place);
                            }
                        });
                    });
                }
            });
        });
    }
}

/// Usage in Gemini's words: thoughts are counted apart from what was said.
pub(super) fn usage_members(usage: &Usage, object: &mut Object<'_>) {
    object.number("promptTokenCount", usage.input);
    if usage.cache_read > 0 {
        object.number("cachedContentTokenCount", usage.cache_read);
    }
    object.number(
        "candidatesTokenCount",
        usage.output.saturating_sub(usage.reasoning),
    );
    if usage.reasoning > 0 {
        object.number("thoughtsTokenCount", usage.reasoning.min(usage.output));
    }
    object.number("totalTokenCount", usage.input.saturating_add(usage.output));
}
