//! Content blocks.

use tidegate_types::chat::{Arguments, Citation, Json, Media, Part, PartKind, Place, Text, Unit};

use super::attach;
use crate::{
    bedrock::format::{self, AUDIO, DOCUMENT, IMAGE, VIDEO},
    dialect::{
        codec::{Fault, array, member, name, object, says_nothing, text},
        proof,
    },
};

/// The parts of a message, or of the instructions.
pub(super) fn content<'a>(
    value: Json<'a>,
    parts: &mut Vec<Part<'a>>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<(), Fault<'a>> {
    let from = parts.len();
    for block in array(value)?.items() {
        if let Some(point) = object(block)?.get("cachePoint") {
            let own = parts.get_mut(from..).unwrap_or_default();
            unknown.extend(attach(point, block, own));
            continue;
        }
        match block_kind(block, unknown)? {
            Some(kind) => parts.push(Part::new(kind, block)),
            None => unknown.push(block),
        }
    }
    Ok(())
}

/// The neutral part that a block is; `None` for what no other dialect has.
pub(in crate::bedrock) fn block_kind<'a>(
    block: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Option<PartKind<'a>>, Fault<'a>> {
    let (key, value) = content_of(block)?;
    Ok(Some(match &*key.decode() {
        "toolUse" => {
            // What runs at the vendor is history that no other dialect can tell.
            if name(object(value)?, "type") == "server_tool_use" {
                return Ok(None);
            }
            PartKind::ToolCall {
                id: member(value, "toolUseId")?,
                name: member(value, "name")?,
                arguments: match value.get("input") {
                    Some(input) => Arguments::Json(input),
                    None => Arguments::Text(Text::Escaped("")),
                },
                signature: None,
            }
        }
        "toolResult" => {
            if !matches!(&*name(object(value)?, "type"), "" | "tool_result") {
                return Ok(None);
            }
            let failed = value
                .get("status")
                .filter(|status| status.as_str() == r#""error""#);
            PartKind::ToolResult {
                id: member(value, "toolUseId")?,
                parts: results(value, unknown)?,
                failed,
            }
        }
        "reasoningContent" => {
            if let Some(reasoning) = object(value)?.get("reasoningText") {
                PartKind::Thinking {
                    text: member(object(reasoning)?, "text")?,
                    signature: reasoning.get("signature").map(text).transpose()?,
                }
            } else {
                let hidden = member(value, "redactedContent")?;
                PartKind::RedactedThinking(proof::unarmoured(&hidden).unwrap_or(hidden))
            }
        }
        "guardContent" => {
            let inner = object(value)?;
            if let Some(image) = inner.get("image") {
                let Some(media) = media(image, IMAGE)? else {
                    return Ok(None);
                };
                return Ok(Some(PartKind::Image {
                    media,
                    detail: None,
                }));
            }
            let Some(guarded) = inner.get("text") else {
                return Ok(None);
            };
            unknown.extend(
                guarded
                    .get("qualifiers")
                    .filter(|value| !says_nothing(*value)),
            );
            PartKind::Text {
                text: member(object(guarded)?, "text")?,
                citations: Vec::new(),
            }
        }
        "citationsContent" => {
            let texts = object(value)?.get("content").map(Json::items);
            let texts = texts.into_iter().flatten().filter_map(|item| {
                let text = item.get("text")?.as_text()?;
                Some(text)
            });
            let sources = value.get("citations").map(Json::items);
            PartKind::Text {
                text: together(texts.collect()),
                citations: sources.into_iter().flatten().filter_map(citation).collect(),
            }
        }
        _ => return source_block(block),
    }))
}

/// The one member of a block. Some clients name its type beside it, as other vendors do.
fn content_of(block: Json<'_>) -> Result<(Text<'_>, Json<'_>), Fault<'_>> {
    let said = || block.members().filter(|(_, value)| !value.is_null());
    said()
        .find(|(key, _)| !key.is("type"))
        .or_else(|| said().next())
        .ok_or_else(|| Fault::new(block, "must have one member"))
}

/// Blocks that tool results may hold as well.
fn source_block(block: Json<'_>) -> Result<Option<PartKind<'_>>, Fault<'_>> {
    let (key, value) = content_of(block)?;
    Ok(match &*key.decode() {
        "text" => Some(words(text(value)?)),
        "json" => Some(words(Text::plain(value.as_str()))),
        "image" => media(value, IMAGE)?.map(|media| PartKind::Image {
            media,
            detail: None,
        }),
        "video" => media(value, VIDEO)?.map(PartKind::Video),
        "audio" => media(value, AUDIO)?.map(PartKind::Audio),
        "document" => {
            let cite = object(value)?.get("citations");
            let cite =
                cite.filter(|cite| cite.get("enabled").and_then(Json::as_bool) == Some(true));
            let context = value.get("context").filter(|value| !says_nothing(*value));
            let name = value.get("name").map(text).transpose()?;
            media(value, DOCUMENT)?.map(|media| PartKind::Document {
                media,
                name,
                context,
                cite,
            })
        }
        "searchResult" => {
            let texts = object(value)?.get("content").map(Json::items);
            let texts = texts
                .into_iter()
                .flatten()
                .filter_map(|item| item.get("text")?.as_text());
            let heads = ["title", "source"].map(|key| value.get(key).and_then(Json::as_text));
            let all = heads.into_iter().flatten().chain(texts);
            let all: Vec<_> = all.map(|text| text.decode().into_owned()).collect();
            Some(words(Text::plain(all.join("\n"))))
        }
        _ => None,
    })
}

fn words(text: Text<'_>) -> PartKind<'_> {
    PartKind::Text {
        text,
        citations: Vec::new(),
    }
}

fn together(mut texts: Vec<Text<'_>>) -> Text<'_> {
    if texts.len() > 1 {
        let all: String = texts.iter().map(Text::decode).collect();
        return Text::plain(all);
    }
    texts.pop().unwrap_or(Text::Escaped(""))
}

/// What a tool result holds. Results do not nest, which bounds the recursion.
fn results<'a>(result: Json<'a>, unknown: &mut Vec<Json<'a>>) -> Result<Vec<Part<'a>>, Fault<'a>> {
    let mut parts = Vec::new();
    let Some(list) = result.get("content") else {
        return Ok(parts);
    };
    for block in array(list)?.items() {
        match source_block(object(block)?)? {
            Some(kind) => parts.push(Part::new(kind, block)),
            None => unknown.push(block),
        }
    }
    Ok(parts)
}

/// A source with an address, or a place in a document of the request.
pub(in crate::bedrock) fn citation(source: Json<'_>) -> Option<Citation<'_>> {
    let location = source.get("location");
    let web = location.and_then(|location| location.get("web")?.get("url")?.as_text());
    // A search result names its source freely; an address is one that others can show.
    let named = || {
        let named = source.get("source")?.as_text()?;
        named.decode().contains("://").then_some(named)
    };
    let quote = source.get("sourceContent").and_then(|list| {
        let first = list.items().find_map(|item| item.get("text"));
        first.or_else(|| list.get("text"))?.as_text()
    });
    let place = location.and_then(place);
    let url = match (web.or_else(named), &place) {
        (Some(url), _) => url,
        (None, Some(_)) => Text::Escaped(""),
        (None, None) => return None,
    };
    Some(Citation {
        url,
        title: source.get("title").and_then(Json::as_text),
        quote,
        place,
    })
}

fn place(location: Json<'_>) -> Option<Place> {
    let kinds = [
        ("documentChar", Unit::Character),
        ("documentPage", Unit::Page),
        ("documentChunk", Unit::Block),
    ];
    kinds.into_iter().find_map(|(key, unit)| {
        let inner = location.get(key)?;
        let number = |key| inner.get(key).and_then(Json::as_u64);
        Some(Place {
            document: number("documentIndex")?,
            unit,
            start: number("start")?,
            end: number("end")?,
        })
    })
}

/// What a block points to; `None` for what lies in a bucket, which no other vendor may read.
fn media(block: Json<'_>, table: format::Table) -> Result<Option<Media<'_>>, Fault<'_>> {
    let source = object(block)?
        .get("source")
        .ok_or_else(|| Fault::missing(block, "source"))?;
    if let Some(data) = object(source)?.get("bytes") {
        let Some(media_type) = format::media_type(table, &name(block, "format")) else {
            return Ok(None);
        };
        return Ok(Some(Media::Base64 {
            media_type: Text::Escaped(media_type),
            data: text(data)?,
        }));
    }
    if let Some(words) = source.get("text") {
        return Ok(Some(Media::Text(text(words)?)));
    }
    let texts = source.get("content").map(|content| {
        let texts = content
            .items()
            .filter_map(|item| item.get("text")?.as_text());
        texts
            .map(|text| text.decode().into_owned())
            .collect::<Vec<_>>()
    });
    Ok(texts.map(|texts| Media::Text(Text::plain(texts.join("\n")))))
}
