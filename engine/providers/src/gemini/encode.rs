//! Writing a request.

mod config;
mod contents;

use tidegate_types::chat::{
    Format, Given, Json, PartKind, Request, ServerKind, Text, Tier, Tool, ToolChoice,
    write::{Array, Object},
};

use crate::dialect::{
    codec::{JSON_TOOL, says_nothing},
    models,
};

/// Said to the model where a caller wants JSON of no particular schema and the setting for it is
/// not to be had.
const JSON_ONLY: &str = "Reply with one valid JSON object and nothing else.";

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    let version = models::gemini_version(model);
    // Before Gemini 3, functions and a shape of the reply exclude each other ("Structured outputs").
    let apart = !request.tools.is_empty() && version < Some((3, 0));
    let format = request.format.as_ref().map(|format| &format.value);
    let emulated = match format {
        Some(Format::Schema { schema, .. }) if apart => Some(*schema),
        _ => None,
    };
    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    let told = matches!(format, Some(Format::Json)) && apart;
    system(request, told.then_some(JSON_ONLY), &mut body, dropped);
    contents::write(request, version, &mut body, dropped);
    tools(request, version, emulated, &mut body, dropped);
    tool_choice(request, emulated, version, &mut body, dropped);
    if let Some(given) = &request.parallel_tool_calls
        && !given.value
    {
        dropped.push(given.from);
    }
    let mut config = Vec::new();
    let mut object = Object::open(&mut config);
    config::write(request, model, !apart, &mut object, dropped);
    object.close();
    if config.len() > 2 {
        body.key("generationConfig").extend_from_slice(&config);
    }
    match request.tier.as_ref().map(|tier| tier.value) {
        Some(Tier::Flex) => {
            body.str("serviceTier", "flex");
        }
        Some(Tier::Priority) => {
            body.str("serviceTier", "priority");
        }
        // The first is what happens anyhow.
        Some(Tier::Standard | Tier::Auto) | None => {}
    }
    // Labels of Vertex AI are the nearest thing, and Google AI refuses them.
    dropped.extend(request.user);
    dropped.extend(request.safety_identifier);
    dropped.extend(request.metadata);
    dropped.extend(request.of_openai());
    body.close();
    out
}

fn system<'a>(
    request: &Request<'a>,
    addition: Option<&str>,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    // Without any message the instructions are the message.
    let instructions = if request.messages.is_empty() {
        &[]
    } else {
        request.system.as_slice()
    };
    let mut texts: Vec<&Text<'_>> = Vec::new();
    for part in instructions {
        dropped.extend(part.cache);
        match &part.kind {
            PartKind::Text { text, .. } if text.is_empty() => {}
            PartKind::Text { text, .. } => texts.push(text),
            _ => dropped.push(part.from),
        }
    }
    let addition = addition.map(Text::plain);
    texts.extend(&addition);
    if texts.is_empty() {
        return;
    }
    body.object("systemInstruction", |content| {
        content.array("parts", |list| {
            for text in texts {
                list.object(|part| {
                    part.text("text", text);
                });
            }
        });
    });
}

fn tools<'a>(
    request: &Request<'a>,
    version: Option<(u32, u32)>,
    emulated: Option<Json<'a>>,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if request.tools.is_empty() {
        dropped.extend(request.must_call());
    }
    // Before Gemini 3, functions and the vendor's own tools exclude each other.
    let served = request.tools.is_empty() || version >= Some((3, 0));
    for tool in &request.server_tools {
        if served {
            // Of its settings the vendor's AI platform alone knows some.
            dropped.extend(tool.settings());
        } else {
            dropped.push(tool.from);
        }
    }
    let served = served && !request.server_tools.is_empty();
    if request.tools.is_empty() && !served {
        return;
    }
    body.array("tools", |list| {
        for tool in request.server_tools.iter().filter(|_| served) {
            list.object(|item| {
                let name = match tool.kind {
                    ServerKind::Search => "googleSearch",
                    ServerKind::Fetch => "urlContext",
                    ServerKind::Code => "codeExecution",
                };
                item.literal(name, "{}");
            });
        }
        if request.tools.is_empty() {
            return;
        }
        list.object(|tool| {
            tool.array("functionDeclarations", |list| {
                for tool in &request.tools {
                    dropped.extend(tool.cache);
                    dropped.extend(tool.grammar);
                    function(tool, list);
                }
                if let Some(schema) = emulated {
                    json_tool(request, schema, list);
                }
            });
        });
    });
}

fn function(tool: &Tool<'_>, list: &mut Array<'_>) {
    list.object(|item| {
        item.text("name", &tool.name);
        if let Some(description) = &tool.description {
            item.text("description", description);
        }
        // No schema stands for no parameters; JSON Schema is taken as it is written.
        let schema = tool.schema.filter(|schema| !says_nothing(*schema));
        if let Some(schema) = schema {
            self::schema(schema, item);
        }
    });
}

/// The schema as the caller wrote it; the one thing the vendor insists on is added in front.
fn schema(schema: Json<'_>, item: &mut Object<'_>) {
    let out = item.key("parametersJsonSchema");
    if schema.get("type").is_some() {
        out.extend_from_slice(schema.as_str().as_bytes());
    } else {
        out.extend_from_slice(br#"{"type":"object","#);
        let rest = schema.as_str().trim_start_matches('{');
        out.extend_from_slice(rest.trim_start().as_bytes());
    }
}

fn json_tool(request: &Request<'_>, schema: Json<'_>, list: &mut Array<'_>) {
    list.object(|item| {
        item.str("name", JSON_TOOL);
        match request.format.as_ref().map(|format| &format.value) {
            Some(Format::Schema {
                description: Some(description),
                ..
            }) => item.text("description", description),
            _ => item.str(
                "description",
                "Gives the final reply in the form that was asked for.",
            ),
        };
        if !says_nothing(schema) {
            self::schema(schema, item);
        }
    });
}

fn tool_choice<'a>(
    request: &Request<'a>,
    emulated: Option<Json<'a>>,
    version: Option<(u32, u32)>,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if request.tools.is_empty() {
        return;
    }
    // Calls that follow their schemas exactly ("Function calling", VALIDATED) came with 2.5.
    let strict = request.tools.iter().any(|tool| tool.strict == Some(true));
    let strict = strict && version >= Some((2, 5));
    let stand_in = Text::Escaped(JSON_TOOL);
    let choice = request.tool_choice.as_ref();
    let mut names: Vec<&Text<'_>> = Vec::new();
    let mode = match (choice.map(|Given { value, .. }| value), emulated) {
        (Some(ToolChoice::Tool(name)), _) => {
            names.push(name);
            "ANY"
        }
        (Some(ToolChoice::None), Some(_)) => {
            names.push(&stand_in);
            "ANY"
        }
        (
            Some(ToolChoice::Allowed {
                required: false, ..
            }),
            None,
        ) if version < Some((2, 5)) => {
            dropped.extend(choice.map(|given| given.from));
            "AUTO"
        }
        (
            Some(ToolChoice::Allowed {
                names: some,
                required,
            }),
            emulated,
        ) => {
            names.extend(some);
            names.extend(emulated.map(|_| &stand_in));
            // Only these two take names.
            if *required || emulated.is_some() {
                "ANY"
            } else {
                "VALIDATED"
            }
        }
        // The model may call the caller's tools first and must reply through the stand-in at last.
        (_, Some(_)) | (Some(ToolChoice::Required), None) => "ANY",
        (Some(ToolChoice::None), None) => "NONE",
        (Some(ToolChoice::Auto) | None, None) if strict => "VALIDATED",
        (Some(ToolChoice::Auto), None) => "AUTO",
        (None, None) => return,
    };
    body.object("toolConfig", |config| {
        config.object("functionCallingConfig", |calling| {
            calling.str("mode", mode);
            if !names.is_empty() {
                calling.array("allowedFunctionNames", |list| {
                    for name in &names {
                        name.write(list.item());
                    }
                });
            }
        });
    });
}
