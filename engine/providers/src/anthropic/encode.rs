//! Writing a request.

mod blocks;

use tidegate_types::chat::{
    Format, Json, Message, Part, PartKind, Request, Role, ServerKind, ServerTool, Text, Tier,
    ToolChoice,
    write::{Array, Object},
};

use crate::dialect::{
    codec::{JSON_ONLY, JSON_TOOL, OPENING, cache_control, object_schema},
    models, server_tool,
    thinking::{self, Plan},
};
use blocks::Block;

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    let version = models::claude_version(model);
    let schema = match request.format.as_ref().map(|format| &format.value) {
        Some(Format::Schema { schema, strict, .. }) => Some((*schema, *strict)),
        _ => None,
    };
    // Structured outputs came with the 4.5 models and accept closed schemas only.
    let native = schema.filter(|(_, strict)| *strict && version >= Some((4, 5)));
    let emulated = schema
        .filter(|_| native.is_none())
        .map(|(schema, _)| schema);
    let conversation = conversation(request, dropped);
    let must_call = !request.tools.is_empty() && request.must_call().is_some();
    let forced = emulated.is_some() || must_call;
    let thinking = thinking::plan(
        request,
        version,
        forced,
        || calls_without_thought(&conversation),
        dropped,
    );

    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    body.str("model", model);
    body.number("max_tokens", thinking.max_tokens);
    system(request, &mut body, dropped);
    body.array("messages", |list| {
        for (role, parts) in &conversation {
            list.object(|message| {
                message.str("role", role).array("content", |list| {
                    for part in parts {
                        part.write(list);
                    }
                });
            });
        }
    });
    tools(request, emulated, &mut body, dropped);
    sampling(request, &thinking, &mut body, dropped);
    if !request.stop.is_empty() {
        body.array("stop_sequences", |list| {
            for text in &request.stop {
                // White space alone is refused as a stop text.
                if text.as_text().is_some_and(|text| text.is_blank()) {
                    dropped.push(*text);
                } else {
                    list.item().extend_from_slice(text.as_str().as_bytes());
                }
            }
        });
    }
    if let Some(stream) = request.stream {
        body.literal("stream", if stream { "true" } else { "false" });
    }
    thinking.write("thinking", &mut body);
    if thinking.effort.is_some() || native.is_some() {
        body.object("output_config", |config| {
            if let Some(effort) = thinking.effort {
                config.str("effort", effort);
            }
            if let Some((schema, _)) = native {
                config.object("format", |format| {
                    format.str("type", "json_schema").json("schema", schema);
                });
            }
        });
    }
    dropped.extend(request.metadata);
    dropped.extend(request.of_openai());
    dropped.extend(request.pictures);
    dropped.extend(request.choices.as_ref().map(|choices| choices.from));
    if let Some(user) = request.end_user(dropped) {
        body.object("metadata", |metadata| {
            metadata.json("user_id", user);
        });
    }
    match request.tier.as_ref().map(|tier| (tier.value, tier.from)) {
        Some((Tier::Standard, _)) => {
            body.str("service_tier", "standard_only");
        }
        // Capacity that was bought serves these; whoever has none gets the usual.
        Some((Tier::Priority, _)) => {
            body.str("service_tier", "auto");
        }
        Some((Tier::Flex, from)) => dropped.push(from),
        Some((Tier::Auto, _)) | None => {}
    }
    body.close();
    out
}

fn system<'a>(request: &Request<'a>, body: &mut Object<'_>, dropped: &mut Vec<Json<'a>>) {
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
    let json_only = Text::Escaped(JSON_ONLY);
    if let Some(Format::Json) = request.format.as_ref().map(|format| &format.value) {
        texts.push((&json_only, None));
    }
    match texts.as_slice() {
        [] => {}
        [(text, None)] => {
            body.text("system", text);
        }
        _ => {
            body.array("system", |list| {
                for (text, cache) in texts {
                    list.object(|block| {
                        block.str("type", "text").text("text", text);
                        cache_control(cache, block);
                    });
                }
            });
        }
    }
}

type Turn<'r, 'a> = (&'static str, Vec<Block<'r, 'a>>);

/// The conversation as this dialect wants it: turns alternate, the first is the user's, results of
/// tools stand first in their turn, and nothing is empty.
fn conversation<'r, 'a>(
    request: &'r Request<'a>,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<Turn<'r, 'a>> {
    let mut turns: Vec<Turn<'r, 'a>> = Vec::new();
    let mut add = |role: Role, parts: &'r [Part<'a>], dropped: &mut Vec<Json<'a>>| {
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
            Block::of(part, dropped)
        });
        let blocks: Vec<_> = blocks.collect();
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, held)) if *last == name => held.extend(blocks),
            _ => turns.push((name, blocks)),
        }
    };
    if request.messages.is_empty() {
        add(Role::User, &request.system, dropped);
    }
    for Message { role, parts } in &request.messages {
        add(*role, parts, dropped);
    }
    for (name, blocks) in &mut turns {
        if *name == "user" {
            blocks.sort_by_key(|block| !block.is_result());
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

fn tools<'a>(
    request: &Request<'a>,
    emulated: Option<Json<'a>>,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if request.tools.is_empty() && emulated.is_none() {
        dropped.extend(request.must_call());
    }
    // Other tools of the vendor's ask for a header of their own.
    let (searches, others): (Vec<_>, Vec<_>) = request
        .server_tools
        .iter()
        .partition(|tool| tool.kind == ServerKind::Search);
    dropped.extend(others.iter().map(|tool| tool.from));
    if request.tools.is_empty() && emulated.is_none() && searches.is_empty() {
        return;
    }
    body.array("tools", |list| {
        for tool in request.callable() {
            dropped.extend(tool.grammar);
            list.object(|item| {
                item.text("name", &tool.name);
                if let Some(description) = &tool.description {
                    item.text("description", description);
                }
                object_schema(tool.schema, item.key("input_schema"));
                if tool.strict == Some(true) {
                    item.literal("strict", "true");
                }
                cache_control(tool.cache, item);
            });
        }
        for tool in searches {
            search(tool, list, dropped);
        }
        if let Some(schema) = emulated {
            json_tool(request, schema, list);
        }
    });
    if request.tools.is_empty() && emulated.is_none() {
        return;
    }
    let single = request
        .parallel_tool_calls
        .as_ref()
        .is_some_and(|given| !given.value);
    let choice = request.plain_choice();
    let kind = match (choice, emulated) {
        (Some(ToolChoice::Tool(_)), _) => "tool",
        // The model may call the caller's tools first and must reply through the stand-in at last.
        (_, Some(_)) if request.tools.is_empty() => "json",
        (Some(ToolChoice::None), Some(_)) => "json",
        (_, Some(_)) | (Some(ToolChoice::Required), None) => "any",
        (Some(ToolChoice::None), None) => "none",
        (Some(ToolChoice::Auto | ToolChoice::Allowed { .. }), None) => "auto",
        (None, None) if single => "auto",
        (None, None) => return,
    };
    body.object("tool_choice", |object| {
        match (kind, choice) {
            ("json", _) => {
                object.str("type", "tool").str("name", JSON_TOOL);
            }
            ("tool", Some(ToolChoice::Tool(name))) => {
                object.str("type", "tool").text("name", name);
            }
            _ => {
                object.str("type", kind);
            }
        }
        if single && kind != "none" {
            object.literal("disable_parallel_tool_use", "true");
        }
    });
}

fn search<'a>(tool: &ServerTool<'a>, list: &mut Array<'_>, dropped: &mut Vec<Json<'a>>) {
    list.object(|item| {
        item.str("type", "web_search_20250305")
            .str("name", "web_search")
            .json_if("max_uses", tool.most_uses)
            .json_if("allowed_domains", tool.allowed);
        // The vendor takes one of the two lists.
        match (tool.allowed, tool.blocked) {
            (None, blocked) => {
                item.json_if("blocked_domains", blocked);
            }
            (Some(_), blocked) => dropped.extend(blocked),
        }
        server_tool::location(tool, item);
        dropped.extend(tool.context_size);
    });
}

fn json_tool(request: &Request<'_>, schema: Json<'_>, list: &mut Array<'_>) {
    list.object(|item| {
        item.str("name", JSON_TOOL);
        match request.format.as_ref().map(|format| &format.value) {
            Some(Format::Schema {
                description: Some(description),
                ..
            }) => {
                item.text("description", description);
            }
            _ => {
                item.str(
                    "description",
                    "Gives the final reply in the form that was asked for.",
                );
            }
        }
        object_schema(Some(schema), item.key("input_schema"));
    });
}

fn sampling<'a>(
    request: &Request<'a>,
    thinking: &Plan,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if let Some(temperature) = request.temperature {
        let value = temperature.as_f64().unwrap_or(1.0);
        if thinking.on {
            // Thinking allows the default only.
            if (value - 1.0).abs() > f64::EPSILON {
                dropped.push(temperature);
            }
        } else if value > 1.0 {
            // OpenAI's scale goes to 2; the hottest this dialect knows is 1.
            dropped.push(temperature);
            body.literal("temperature", "1");
        } else {
            body.json("temperature", temperature);
        }
    }
    if let Some(top_p) = request.top_p {
        if thinking.on && top_p.as_f64().is_some_and(|value| value < 0.95) {
            dropped.push(top_p);
        } else {
            body.json("top_p", top_p);
        }
    }
    if let Some(top_k) = request.top_k {
        if thinking.on {
            dropped.push(top_k);
        } else {
            body.json("top_k", top_k);
        }
    }
    for penalty in [request.frequency_penalty, request.presence_penalty]
        .into_iter()
        .flatten()
    {
        if penalty.as_f64().is_none_or(|value| value != 0.0) {
            dropped.push(penalty);
        }
    }
    dropped.extend(request.seed);
    dropped.extend(request.logprobs);
    dropped.extend(request.top_logprobs);
}

/// True when the model's last turn called tools and its thinking was not sent along: such a
/// conversation is refused when thinking is on.
fn calls_without_thought(conversation: &[Turn<'_, '_>]) -> bool {
    let last = conversation
        .iter()
        .rev()
        .find(|(role, _)| *role == "assistant");
    last.is_some_and(|(_, blocks)| {
        let calls = blocks
            .iter()
            .any(|block| matches!(block.kind(), PartKind::ToolCall { .. }));
        let thought = blocks.first().is_some_and(|block| {
            matches!(
                block.kind(),
                PartKind::Thinking { .. } | PartKind::RedactedThinking(_)
            )
        });
        calls && !thought
    })
}
