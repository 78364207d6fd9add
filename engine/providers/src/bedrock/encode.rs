//! Writing a request.

mod blocks;
mod settings;
mod tools;

use tidegate_types::chat::{
    Format, Json, Message, Part, PartKind, Request, Role, Text, Tier,
    write::{self, Array, Object},
};

use super::family::Family;
use crate::dialect::codec::{JSON_ONLY, JSON_TOOL, OPENING};
use blocks::{Block, Blocks};
use settings::Settings;

/// Said to models that cannot be made to call the stand-in for a JSON reply.
const CALL_JSON_TOOL: &str = "Give your final reply by calling the tool `tidegate_json_reply`.";

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    debug_assert!(CALL_JSON_TOOL.contains(JSON_TOOL), "the tool's name");
    let family = Family::of(model);
    let schema = match request.format.as_ref().map(|format| &format.value) {
        Some(Format::Schema { schema, strict, .. }) => Some((*schema, *strict)),
        _ => None,
    };
    // Claude accepts closed schemas only, which strict ones are.
    let native = schema.filter(|(_, strict)| family.structured && (*strict || !family.is_claude()));
    let emulated = schema
        .filter(|_| native.is_none())
        .map(|(schema, _)| schema);
    let conversation = conversation(request, family, dropped);
    let plan = tools::plan(request, family, emulated, &conversation, dropped);
    let settings = Settings::of(request, family, plan.forced(), &conversation, dropped);

    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    body.array("messages", |list| {
        for (role, blocks) in &conversation {
            list.object(|message| {
                message.str("role", role).array("content", |list| {
                    for block in blocks {
                        block.write(list);
                    }
                });
            });
        }
    });
    let asked = emulated.is_some() && !family.forces_one();
    system(request, family, asked, &mut body, dropped);
    settings.write_inference(request, &mut body, dropped);
    plan.write(request, family, &mut body, dropped);
    settings.write_additional(&plan, &mut body);
    if let Some(pairs) = request.metadata {
        // The platform takes texts alone.
        if pairs.members().all(|(_, value)| value.as_text().is_some()) {
            body.json("requestMetadata", pairs);
        } else {
            dropped.push(pairs);
        }
    }
    dropped.extend(request.user);
    dropped.extend(request.safety_identifier);
    dropped.extend(request.of_openai());
    dropped.extend(request.pictures);
    dropped.extend(request.choices.as_ref().map(|choices| choices.from));
    if let Some(tier) = &request.tier {
        let name = match tier.value {
            Tier::Standard => Some("default"),
            Tier::Flex => Some("flex"),
            Tier::Priority => Some("priority"),
            Tier::Auto => None,
        };
        if let Some(name) = name {
            body.object("serviceTier", |tier| {
                tier.str("type", name);
            });
        }
    }
    if settings.effort.is_some() || native.is_some() {
        body.object("outputConfig", |config| {
            if let Some((schema, _)) = native {
                text_format(request, schema, config);
            }
            if let Some(effort) = settings.effort {
                config.str("effort", effort);
            }
        });
    }
    body.close();
    out
}

/// The schema travels as JSON in a string ("JsonSchemaDefinition").
fn text_format(request: &Request<'_>, schema: Json<'_>, config: &mut Object<'_>) {
    config.object("textFormat", |format| {
        format
            .str("type", "json_schema")
            .object("structure", |structure| {
                structure.object("jsonSchema", |inner| {
                    write::string(inner.key("schema"), schema.as_str());
                    if let Some(Format::Schema {
                        name, description, ..
                    }) = request.format.as_ref().map(|format| &format.value)
                    {
                        if let Some(name) = name {
                            inner.text("name", name);
                        }
                        if let Some(description) = description {
                            inner.text("description", description);
                        }
                    }
                });
            });
    });
}

fn system<'a>(
    request: &Request<'a>,
    family: Family,
    call_json_tool: bool,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    let mut texts = Vec::new();
    // Without any message the instructions are the message.
    let instructions = if request.messages.is_empty() {
        &[]
    } else {
        request.system.as_slice()
    };
    for part in instructions {
        match &part.kind {
            PartKind::Text { text, .. } if text.is_blank() => {}
            PartKind::Text { text, .. } => texts.push((text, part.cache)),
            _ => dropped.push(part.from),
        }
    }
    let (json_only, call) = (Text::Escaped(JSON_ONLY), Text::Escaped(CALL_JSON_TOOL));
    if let Some(Format::Json) = request.format.as_ref().map(|format| &format.value) {
        texts.push((&json_only, None));
    }
    if call_json_tool {
        texts.push((&call, None));
    }
    if texts.is_empty() {
        return;
    }
    body.array("system", |list| {
        for (text, cache) in &texts {
            list.object(|block| {
                block.text("text", text);
            });
            if let Some(marker) = cache {
                if family.caches() {
                    cache_point(*marker, family, list, dropped);
                } else {
                    dropped.push(*marker);
                }
            }
        }
    });
}

/// A marker behind what it marks. A lifetime that the model does not know is left out.
fn cache_point<'a>(
    marker: Json<'a>,
    family: Family,
    list: &mut Array<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    let ttl = blocks::lifetime(marker, family, dropped);
    blocks::write_cache_point(ttl, list);
}

type Turn<'r, 'a> = (&'static str, Vec<Block<'r, 'a>>);

/// The conversation as this dialect wants it: turns alternate, the first is the user's, results of
/// tools stand first in their turn, nothing is empty, and a document does not stand without words.
fn conversation<'r, 'a>(
    request: &'r Request<'a>,
    family: Family,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<Turn<'r, 'a>> {
    let mut turns: Vec<Turn<'r, 'a>> = Vec::new();
    let mut reader = Blocks::new(family);
    let mut add = |role: Role, parts: &'r [Part<'a>]| {
        let name = if role == Role::User {
            "user"
        } else {
            "assistant"
        };
        let blocks = parts.iter().filter_map(|part| {
            // The model's own turns hold no pictures.
            if role == Role::Assistant && matches!(part.kind, PartKind::Image { .. }) {
                dropped.push(part.from);
                return None;
            }
            reader.block(part, dropped)
        });
        let blocks: Vec<_> = blocks.collect();
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, held)) if *last == name => held.extend(blocks),
            _ => turns.push((name, blocks)),
        }
    };
    if request.messages.is_empty() {
        add(Role::User, &request.system);
    }
    for Message { role, parts } in &request.messages {
        add(*role, parts);
    }
    for (name, blocks) in &mut turns {
        if *name == "user" {
            blocks.sort_by_key(|block| !block.is_result());
            let has =
                |test: fn(&PartKind<'_>) -> bool| blocks.iter().any(|block| test(block.kind()));
            if has(|kind| matches!(kind, PartKind::Document { .. }))
                && !has(|kind| matches!(kind, PartKind::Text { .. } | PartKind::ToolResult { .. }))
            {
                blocks.push(Block::words(OPENING));
            }
        }
    }
    if turns.first().is_none_or(|(name, _)| *name != "user") {
        turns.insert(0, ("user", vec![Block::words(OPENING)]));
    }
    // A last turn of the model is a prefill, and may not end in white space.
    if let Some(("assistant", blocks)) = turns.last_mut()
        && let Some(last) = blocks.last_mut()
    {
        last.trim_end();
    }
    turns
}
