//! Complete replies, read and written.

use tidegate_types::{
    Usage,
    chat::{
        Choice, Citation, Json, Media, Part, PartKind, Response, Stop, Text, Token,
        write::{Array, Object},
    },
};

use super::{decode, encode};
use crate::{
    dialect::{
        codec::{Fault, Stored, array, name, object},
        custom, logprobs, proof, usage,
    },
    openai::write_proof,
};

/// Reads a `response`.
pub(super) fn decode(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
    object(body)?;
    let status = name(body, "status");
    if body.get("error").is_some() || status == "failed" {
        let error = body.get("error").unwrap_or(body);
        let said = error.get("message").or(Some(error)).and_then(Json::as_text);
        let said = said.map(|text| text.decode().into_owned());
        let said = said.unwrap_or_else(|| "the reply failed".to_owned());
        return Err(Fault::new(
            error,
            format!("the upstream reports an error: {said}"),
        ));
    }
    let output = body
        .get("output")
        .ok_or_else(|| Fault::missing(body, "output"))?;
    let mut first = Choice::default();
    for item in array(output)?.items() {
        decode::parts_of_output(item, &mut first)?;
    }
    let called = first
        .parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    first.stop = Some(stop(body, &status, called));
    Ok(Response {
        id: body.get("id").and_then(Json::as_text),
        created: body.get("created_at").and_then(Json::as_u64),
        first,
        more: Vec::new(),
        usage: body
            .get("usage")
            .filter(|usage| usage.is_object())
            .map(usage::openai),
    })
}

/// Why a reply ended, which this dialect says by its status.
pub(super) fn stop(response: Json<'_>, status: &str, called: bool) -> Stop {
    if status == "incomplete" {
        let details = response.get("incomplete_details");
        return match &*details
            .map(|details| name(details, "reason"))
            .unwrap_or_default()
        {
            "content_filter" => Stop::Refusal,
            _ => Stop::Length,
        };
    }
    if called { Stop::ToolUse } else { Stop::End }
}

/// The reason in `incomplete_details`; `None` for a reply that is complete.
pub(super) fn incomplete(stop: Option<Stop>, refused: bool) -> Option<&'static str> {
    match stop {
        Some(Stop::Length | Stop::Window) => Some("max_output_tokens"),
        Some(Stop::Refusal) if !refused => Some("content_filter"),
        _ => None,
    }
}

pub(super) fn encode(response: &Response<'_>, model: &str, created: u64) -> Vec<u8> {
    let ids = Ids::of(response.id.as_ref());
    let first = &response.first;
    let refused = first
        .parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let reason = incomplete(first.stop, refused);
    let mut output = Vec::new();
    let mut list = Array::open(&mut output);
    items(first, &ids, status_of(reason), &mut list);
    list.close();
    let shell = Shell {
        id: &ids.response,
        created: response.created.unwrap_or(created),
        model,
        status: status_of(reason),
        reason,
        output: &output,
        usage: response.usage,
        stored: None,
    };
    let mut out = Vec::with_capacity(output.len() + 1024);
    shell.write(&mut out);
    out
}

pub(super) fn status_of(reason: Option<&str>) -> &'static str {
    if reason.is_some() {
        "incomplete"
    } else {
        "completed"
    }
}

/// Ids of a response and its items: the vendor tells kinds of items apart by how their ids begin.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) response: String,
    base: String,
}

impl Ids {
    pub(super) fn of(id: Option<&Text<'_>>) -> Self {
        let id = id.map(Text::decode).unwrap_or_default();
        let unmarked = ["resp_", "chatcmpl-", "msg_"]
            .into_iter()
            .find_map(|kind| id.strip_prefix(kind));
        let unmarked = unmarked.unwrap_or(&id);
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let base = if unmarked.is_empty() { "0" } else { unmarked };
        Self {
            response: format!("resp_{base}"),
            // An item's id may have 64 characters.
            base: base.chars().take(48).map(plain).collect(),
        }
    }

    pub(super) fn item(&self, kind: &str, index: u64) -> String {
        format!("{kind}_{}_{index}", self.base)
    }
}

/// A response object around its output.
#[derive(Debug)]
pub(super) struct Shell<'s> {
    pub(super) id: &'s str,
    pub(super) created: u64,
    pub(super) model: &'s str,
    pub(super) status: &'static str,
    pub(super) reason: Option<&'static str>,
    /// The items as a JSON array.
    pub(super) output: &'s [u8],
    pub(super) usage: Option<Usage>,
    pub(super) stored: Option<&'s Stored>,
}

impl Shell<'_> {
    /// Writes every member that the vendor's SDKs expect; what the request asked for is not known
    /// here, and the vendor's defaults stand for it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut body = Object::open(out);
        body.str("id", self.id)
            .str("object", "response")
            .number("created_at", self.created)
            .str("status", self.status)
            .literal("background", "false")
            .literal("error", "null");
        match self.reason {
            Some(reason) => body.object("incomplete_details", |details| {
                details.str("reason", reason);
            }),
            None => body.literal("incomplete_details", "null"),
        };
        body.literal("instructions", "null")
            .literal("max_output_tokens", "null")
            .literal("max_tool_calls", "null")
            .str("model", self.model);
        body.key("output").extend_from_slice(self.output);
        body.literal("parallel_tool_calls", "true");
        match self.stored.and_then(|stored| stored.previous.as_deref()) {
            Some(previous) => body.str("previous_response_id", previous),
            None => body.literal("previous_response_id", "null"),
        };
        let stored = if self.stored.is_some() {
            "true"
        } else {
            "false"
        };
        body.literal("reasoning", r#"{"effort":null,"summary":null}"#)
            .literal("store", stored)
            .literal("temperature", "null")
            .literal("text", r#"{"format":{"type":"text"}}"#)
            .str("tool_choice", "auto")
            .literal("tools", "[]")
            .literal("top_p", "null")
            .str("truncation", "disabled");
        match &self.usage {
            Some(counts) => body.object("usage", |object| usage_members(counts, object)),
            None => body.literal("usage", "null"),
        };
        body.literal("user", "null").literal("metadata", "{}");
        body.close();
    }
}

fn items(choice: &Choice<'_>, ids: &Ids, status: &str, list: &mut Array<'_>) {
    let mut index = 0;
    let mut rest = choice.parts.as_slice();
    // Which words they belong to is not known elsewhere; the first message has them all.
    let mut tokens = choice.logprobs.as_slice();
    while let Some((part, behind)) = rest.split_first() {
        // Words in a row are one message.
        let words = rest.iter().take_while(|part| is_said(&part.kind)).count();
        if words > 0 {
            let (said, behind) = rest.split_at(words);
            rest = behind;
            let said: Vec<_> = said
                .iter()
                .filter(
                    |part| !matches!(&part.kind, PartKind::Text { text, .. } if text.is_empty()),
                )
                .collect();
            if !said.is_empty() {
                let tokens = std::mem::take(&mut tokens);
                message(&said, tokens, &ids.item("msg", index), status, list);
                index += 1;
            }
            continue;
        }
        rest = behind;
        match &part.kind {
            PartKind::Thinking { text, signature } => {
                let signature = signature.as_ref().filter(|proof| !proof.is_empty());
                reasoning(Some(text), signature, &ids.item("rs", index), list);
            }
            PartKind::RedactedThinking(data) => {
                reasoning(None, Some(data), &ids.item("rs", index), list);
            }
            PartKind::ToolCall {
                id,
                name,
                arguments,
                signature,
            } => {
                list.object(|item| {
                    let custom = custom::name(name).is_some();
                    item.str("id", &ids.item(if custom { "ctc" } else { "fc" }, index));
                    encode::call_of_reply(id, name, arguments, item);
                    write_proof(signature.as_ref(), item);
                    item.str("status", "completed");
                });
            }
            PartKind::Image { media, .. } => {
                list.object(|item| picture(media, &ids.item("ig", index), item));
            }
            _ => continue,
        }
        index += 1;
    }
}

/// A picture as the item that drew it. One at an address is told by it.
pub(super) fn picture(media: &Media<'_>, id: &str, item: &mut Object<'_>) {
    item.str("id", id)
        .str("type", "image_generation_call")
        .str("status", "completed");
    match media {
        Media::Base64 { media_type, data } => {
            let kind = media_type.decode();
            let format = kind.strip_prefix("image/").unwrap_or("png");
            item.str("output_format", format).text("result", data)
        }
        Media::Url(text) | Media::Text(text) | Media::File(text) => item.text("result", text),
    };
}

fn is_said(kind: &PartKind<'_>) -> bool {
    matches!(kind, PartKind::Text { .. } | PartKind::Refusal(_))
}

fn message(
    said: &[&Part<'_>],
    mut tokens: &[Token<'_>],
    id: &str,
    status: &str,
    list: &mut Array<'_>,
) {
    list.object(|item| {
        item.str("id", id)
            .str("type", "message")
            .str("status", status)
            .str("role", "assistant")
            .array("content", |list| {
                for part in said {
                    match &part.kind {
                        PartKind::Text { text, citations } => {
                            let length = text.decode().chars().count() as u64;
                            list.object(|piece| {
                                piece.str("type", "output_text").text("text", text);
                                piece.array("annotations", |list| {
                                    for source in citations {
                                        list.object(|item| annotation(source, length, item));
                                    }
                                });
                                let mut told = Vec::new();
                                logprobs::write(std::mem::take(&mut tokens), &mut told);
                                list_of(&told, piece.key("logprobs"));
                            });
                        }
                        PartKind::Refusal(text) => {
                            list.object(|piece| {
                                piece.str("type", "refusal").text("refusal", text);
                            });
                        }
                        _ => {}
                    }
                }
            });
    });
}

/// An array around items that are written already.
pub(super) fn list_of(items: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(items);
    out.push(b']');
}

fn reasoning(text: Option<&Text<'_>>, proof: Option<&Text<'_>>, id: &str, list: &mut Array<'_>) {
    let own = proof.and_then(proof::own);
    let content = match (&own, proof) {
        (Some((_, content)), _) => Some(content.clone()),
        (None, Some(proof)) if text.is_some() => Some(proof::signature(proof)),
        (None, Some(proof)) => Some(proof::redacted(proof)),
        (None, None) => None,
    };
    list.object(|item| {
        match own.filter(|(id, _)| !id.is_empty()) {
            Some((id, _)) => item.text("id", &id),
            None => item.str("id", id),
        };
        item.str("type", "reasoning");
        encode::reasoning_members(text, content.as_ref(), item);
    });
}

/// A source. The vendor says which characters it stands behind; elsewhere it is the words before.
pub(super) fn annotation(source: &Citation<'_>, length: u64, item: &mut Object<'_>) {
    if source.url.is_empty() {
        // A document of the request, which this dialect tells by its name and a number.
        let number = source.place.map_or(0, |place| place.document);
        let name = source.title.as_ref().unwrap_or(&Text::Escaped(""));
        item.str("type", "file_citation")
            .str("file_id", &format!("document_{number}"))
            .text("filename", name)
            .number("index", length);
        return;
    }
    item.str("type", "url_citation")
        .text("url", &source.url)
        .text("title", source.title.as_ref().unwrap_or(&Text::Escaped("")))
        .number("start_index", 0)
        .number("end_index", length);
    if let Some(quote) = &source.quote {
        item.text("content", quote);
    }
}

/// Usage in this dialect's words.
pub(super) fn usage_members(usage: &Usage, object: &mut Object<'_>) {
    object
        .number("input_tokens", usage.input)
        .object("input_tokens_details", |details| {
            let written = usage.cache_write.saturating_add(usage.cache_write_1h);
            details
                .number("cached_tokens", usage.cache_read)
                .number("cache_write_tokens", written);
        })
        .number("output_tokens", usage.output)
        .object("output_tokens_details", |details| {
            details.number("reasoning_tokens", usage.reasoning);
        })
        .number("total_tokens", usage.input.saturating_add(usage.output));
}
