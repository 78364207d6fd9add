//! What the model may call.

use tidegate_types::chat::{
    Json, Request, ServerKind, ServerTool, Text, Tool, ToolChoice,
    write::{Array, Object},
};

use super::items::Writer;
use crate::dialect::{codec::says_nothing, custom, server_tool};

pub(super) fn write<'a>(request: &Request<'a>, body: &mut Object<'_>, writer: &mut Writer<'a, '_>) {
    if request.tools.is_empty() {
        writer.dropped.extend(request.must_call());
    }
    let (here, untold): (Vec<_>, Vec<_>) = request
        .server_tools
        .iter()
        .partition(|tool| writer.serves && tool.kind != ServerKind::Fetch);
    writer.dropped.extend(untold.iter().map(|tool| tool.from));
    let pictures = request.pictures.filter(|_| writer.serves);
    if pictures.is_none() {
        writer.dropped.extend(request.pictures);
    }
    if request.tools.is_empty() && here.is_empty() && pictures.is_none() {
        return;
    }
    body.array("tools", |list| {
        for tool in &request.tools {
            writer.tool(tool, list);
        }
        for tool in here {
            writer.server_tool(tool, list);
        }
        if pictures.is_some() {
            list.object(|item| {
                item.str("type", "image_generation");
            });
        }
    });
    if request.tools.is_empty() {
        return;
    }
    match request.tool_choice.as_ref().map(|choice| &choice.value) {
        None => {}
        Some(ToolChoice::Auto) => {
            body.str("tool_choice", "auto");
        }
        Some(ToolChoice::None) => {
            body.str("tool_choice", "none");
        }
        Some(ToolChoice::Required) => {
            body.str("tool_choice", "required");
        }
        Some(ToolChoice::Tool(name)) => {
            body.object("tool_choice", |choice| {
                named(name, writer.custom, choice);
            });
        }
        Some(ToolChoice::Allowed { names, required }) => {
            body.object("tool_choice", |choice| {
                choice
                    .str("type", "allowed_tools")
                    .str("mode", if *required { "required" } else { "auto" })
                    .array("tools", |list| {
                        for name in names {
                            list.object(|tool| named(name, writer.custom, tool));
                        }
                    });
            });
        }
    }
    // The other value is everybody's default.
    if request
        .parallel_tool_calls
        .as_ref()
        .is_some_and(|given| !given.value)
    {
        body.literal("parallel_tool_calls", "false");
    }
}

fn named(name: &Text<'_>, knows_custom: bool, object: &mut Object<'_>) {
    match custom::name(name).filter(|_| knows_custom) {
        Some(own) => object.str("type", "custom").str("name", &own),
        None => object.str("type", "function").text("name", name),
    };
}

impl<'a> Writer<'a, '_> {
    fn tool(&mut self, tool: &Tool<'a>, list: &mut Array<'_>) {
        self.dropped.extend(tool.cache);
        list.object(|item| {
            let own = custom::name(&tool.name).filter(|_| self.custom);
            match &own {
                Some(own) => item.str("type", "custom").str("name", own),
                None => item.str("type", "function").text("name", &tool.name),
            };
            if let Some(description) = &tool.description {
                item.text("description", description);
            }
            if own.is_some() {
                if let Some(grammar) = tool.grammar {
                    format(grammar, item);
                }
                return;
            }
            self.dropped.extend(tool.grammar);
            match tool.schema.filter(|schema| !says_nothing(*schema)) {
                Some(schema) => item.json("parameters", schema),
                None => item.literal("parameters", r#"{"type":"object","properties":{}}"#),
            };
            // This dialect is strict unless told otherwise, the others the other way round.
            let strict = tool.strict == Some(true);
            item.literal("strict", if strict { "true" } else { "false" });
        });
    }

    fn server_tool(&mut self, tool: &ServerTool<'a>, list: &mut Array<'_>) {
        list.object(|item| {
            if tool.kind == ServerKind::Code {
                item.str("type", "code_interpreter")
                    .literal("container", r#"{"type":"auto"}"#);
                self.dropped.extend(tool.settings());
                return;
            }
            item.str("type", "web_search");
            if let Some(allowed) = tool.allowed {
                item.object("filters", |filters| {
                    filters.json("allowed_domains", allowed);
                });
            }
            server_tool::location(tool, item);
            item.json_if("search_context_size", tool.context_size);
            self.dropped.extend(tool.blocked);
            self.dropped.extend(tool.most_uses);
        });
    }
}

/// A grammar; the chat dialect has it in an envelope.
fn format(grammar: Json<'_>, item: &mut Object<'_>) {
    let Some(inner) = grammar.get("grammar") else {
        item.json("format", grammar);
        return;
    };
    item.object("format", |format| {
        format
            .str("type", "grammar")
            .json_if("syntax", inner.get("syntax"))
            .json_if("definition", inner.get("definition"));
    });
}
