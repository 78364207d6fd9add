//! What the model may call.

use tidegate_types::chat::{
    Json, Request, ServerKind, Text, Tool, ToolChoice,
    write::{Array, Object},
};

use super::Writer;
use crate::dialect::{codec::name, custom, models, server_tool};

impl<'a> Writer<'a, '_> {
    pub(super) fn tools(&mut self, request: &Request<'a>, model: &str, body: &mut Object<'_>) {
        self.server_tools(request, model, body);
        if request.tools.is_empty() {
            self.dropped.extend(request.must_call());
            return;
        }
        body.array("tools", |list| {
            for tool in &request.tools {
                self.tool(tool, list);
            }
        });
        if let Some(given) = &request.tool_choice {
            choice(&given.value, self.custom, body);
        }
        // The other value is everybody's default, and some models refuse to hear it.
        if request
            .parallel_tool_calls
            .as_ref()
            .is_some_and(|given| !given.value)
        {
            body.literal("parallel_tool_calls", "false");
        }
    }

    fn tool(&mut self, tool: &Tool<'a>, list: &mut Array<'_>) {
        list.object(|item| {
            let own = custom::name(&tool.name).filter(|_| self.custom);
            if let Some(own) = own {
                item.str("type", "custom").object("custom", |inner| {
                    inner.str("name", &own);
                    if let Some(description) = &tool.description {
                        inner.text("description", description);
                    }
                    if let Some(grammar) = tool.grammar {
                        format(grammar, inner);
                    }
                });
                return;
            }
            self.dropped.extend(tool.grammar);
            item.str("type", "function").object("function", |function| {
                function.text("name", &tool.name);
                if let Some(description) = &tool.description {
                    function.text("description", description);
                }
                function.json_if("parameters", tool.schema);
                if let Some(strict) = tool.strict {
                    function.literal("strict", if strict { "true" } else { "false" });
                }
            });
            self.marker(tool.cache, item);
        });
    }

    /// Searching is a talent of a few models in this dialect ("Web search").
    fn server_tools(&mut self, request: &Request<'a>, model: &str, body: &mut Object<'_>) {
        for (index, tool) in request.server_tools.iter().enumerate() {
            if index > 0 || tool.kind != ServerKind::Search || !models::searches(model) {
                self.dropped.push(tool.from);
                continue;
            }
            body.object("web_search_options", |options| {
                options.json_if("search_context_size", tool.context_size);
                if let Some(place) = tool.location {
                    options.object("user_location", |location| {
                        location
                            .str("type", "approximate")
                            .object("approximate", |inner| {
                                server_tool::place_members(place, inner);
                            });
                    });
                }
            });
            let untold = [tool.allowed, tool.blocked, tool.most_uses];
            self.dropped.extend(untold.into_iter().flatten());
        }
    }
}

/// A grammar; the Responses dialect has it without the envelope.
fn format(grammar: Json<'_>, inner: &mut Object<'_>) {
    if grammar.get("grammar").is_some() || name(grammar, "type") != "grammar" {
        inner.json("format", grammar);
        return;
    }
    inner.object("format", |format| {
        format.str("type", "grammar").object("grammar", |own| {
            own.json_if("syntax", grammar.get("syntax"))
                .json_if("definition", grammar.get("definition"));
        });
    });
}

fn choice(choice: &ToolChoice<'_>, knows_custom: bool, body: &mut Object<'_>) {
    match choice {
        ToolChoice::Auto => body.str("tool_choice", "auto"),
        ToolChoice::None => body.str("tool_choice", "none"),
        ToolChoice::Required => body.str("tool_choice", "required"),
        ToolChoice::Tool(name) => {
            body.object("tool_choice", |choice| named(name, knows_custom, choice))
        }
        ToolChoice::Allowed { names, required } => body.object("tool_choice", |choice| {
            choice
                .str("type", "allowed_tools")
                .object("allowed_tools", |allowed| {
                    allowed
                        .str("mode", if *required { "required" } else { "auto" })
                        .array("tools", |list| {
                            for name in names {
                                list.object(|tool| named(name, knows_custom, tool));
                            }
                        });
                });
        }),
    };
}

fn named(name: &Text<'_>, knows_custom: bool, object: &mut Object<'_>) {
    match custom::name(name).filter(|_| knows_custom) {
        Some(own) => object.str("type", "custom").object("custom", |inner| {
            inner.str("name", &own);
        }),
        None => object
            .str("type", "function")
            .object("function", |function| {
                function.text("name", name);
            }),
    };
}
