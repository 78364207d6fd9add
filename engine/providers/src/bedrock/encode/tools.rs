//! What the model may call.

use std::collections::BTreeSet;

use tidegate_types::chat::{
    Format, Json, PartKind, Request, ServerKind, ServerTool, Text, Tool, ToolChoice,
    write::{Array, Object},
};

use super::Turn;
use crate::{
    bedrock::family::{Family, Kind},
    dialect::codec::{JSON_TOOL, object_schema},
};

/// What is said about tools.
pub(super) struct Plan<'r, 'a> {
    /// Whether tools are told at all.
    told: bool,
    choice: Choice<'r, 'a>,
    /// At most one call, which Claude is told among the additional fields.
    pub(super) single: bool,
    /// The schema of a reply that comes as a call of the stand-in.
    emulated: Option<Json<'a>>,
    /// Tools of the conversation that the request no longer names.
    former: Vec<Text<'r>>,
    /// What runs at the vendor: the newer ones of Amazon's own models have some.
    served: Vec<&'r ServerTool<'a>>,
}

enum Choice<'r, 'a> {
    Unsaid,
    Auto,
    Any,
    Tool(&'r Text<'a>),
    Json,
}

impl Plan<'_, '_> {
    /// True when a call must happen.
    pub(super) fn forced(&self) -> bool {
        matches!(self.choice, Choice::Any | Choice::Tool(_) | Choice::Json)
    }
}

pub(super) fn plan<'r, 'a>(
    request: &'r Request<'a>,
    family: Family,
    emulated: Option<Json<'a>>,
    conversation: &'r [Turn<'r, 'a>],
    dropped: &mut Vec<Json<'a>>,
) -> Plan<'r, 'a> {
    let mut plan = Plan {
        told: !request.tools.is_empty() || emulated.is_some(),
        choice: Choice::Unsaid,
        single: false,
        emulated,
        former: Vec::new(),
        served: Vec::new(),
    };
    for tool in &request.server_tools {
        if family.kind == Kind::Nova2 && tool.kind != ServerKind::Fetch {
            plan.served.push(tool);
            dropped.extend(tool.settings());
        } else {
            dropped.push(tool.from);
        }
    }
    let blocks = || conversation.iter().flat_map(|(_, blocks)| blocks);
    let worked = blocks().any(|block| {
        matches!(
            block.kind(),
            PartKind::ToolCall { .. } | PartKind::ToolResult { .. }
        )
    });
    if !plan.told {
        dropped.extend(request.must_call());
        // A conversation that holds calls is refused without tools.
        if worked {
            let mut seen = BTreeSet::new();
            plan.former = blocks()
                .filter_map(|block| match block.kind() {
                    PartKind::ToolCall { name, .. } => Some(name),
                    _ => None,
                })
                .filter(|name| seen.insert(name.decode()))
                .cloned()
                .collect();
            plan.told = !plan.former.is_empty();
        }
        plan.told |= !plan.served.is_empty();
        return plan;
    }
    let given = request.tool_choice.as_ref();
    let wanted = request.plain_choice();
    let reply = emulated.is_some();
    let choice = match wanted {
        Some(ToolChoice::Tool(name)) => Choice::Tool(name),
        // The model may call the caller's tools first and must reply through the stand-in at last.
        _ if reply && request.tools.is_empty() => Choice::Json,
        Some(ToolChoice::None) if reply => Choice::Json,
        _ if reply => Choice::Any,
        Some(ToolChoice::Required) => Choice::Any,
        Some(ToolChoice::Auto | ToolChoice::Allowed { .. }) => Choice::Auto,
        Some(ToolChoice::None) => {
            // The dialect has no word for it. Tools that are not told cannot be called either, but
            // a conversation that holds calls is refused without them.
            if worked {
                dropped.extend(given.map(|given| given.from));
            } else {
                plan.told = false;
                return plan;
            }
            Choice::Unsaid
        }
        None => Choice::Unsaid,
    };
    let from = given.map(|given| given.from);
    plan.choice = match choice {
        Choice::Tool(_) if !family.forces_one() => {
            dropped.extend(from);
            if family.forces_any() {
                Choice::Any
            } else {
                Choice::Unsaid
            }
        }
        Choice::Json if !family.forces_one() && family.forces_any() => Choice::Any,
        Choice::Any if !family.forces_any() => {
            if !reply {
                dropped.extend(from);
            }
            Choice::Unsaid
        }
        Choice::Json if !family.forces_one() => Choice::Unsaid,
        choice => choice,
    };
    let wish = request.parallel_tool_calls.as_ref();
    if let Some(wish) = wish.filter(|wish| !wish.value) {
        // Claude of these versions takes its own word for it, but not beside a forced choice.
        plan.single = family.is_claude() && family.structured && !plan.forced();
        if plan.single {
            plan.choice = Choice::Unsaid;
        } else {
            dropped.push(wish.from);
        }
    }
    plan
}

impl<'a> Plan<'_, 'a> {
    pub(super) fn write(
        &self,
        request: &Request<'a>,
        family: Family,
        body: &mut Object<'_>,
        dropped: &mut Vec<Json<'a>>,
    ) {
        if !self.told {
            return;
        }
        body.object("toolConfig", |config| {
            config.array("tools", |list| {
                for tool in request.callable() {
                    spec(tool, family, list, dropped);
                }
                for tool in &self.served {
                    let name = if tool.kind == ServerKind::Search {
                        "nova_grounding"
                    } else {
                        "nova_code_interpreter"
                    };
                    list.object(|item| {
                        item.object("systemTool", |system| {
                            system.str("name", name);
                        });
                    });
                }
                for name in &self.former {
                    list.object(|item| {
                        item.object("toolSpec", |spec| {
                            spec.text("name", name);
                            schema(None, spec);
                        });
                    });
                }
                if let Some(schema) = self.emulated {
                    json_tool(request, schema, list);
                }
            });
            let empty = |choice: &mut Object<'_>, key: &str| {
                choice.literal(key, "{}");
            };
            match self.choice {
                Choice::Unsaid => {}
                Choice::Auto => {
                    config.object("toolChoice", |choice| empty(choice, "auto"));
                }
                Choice::Any => {
                    config.object("toolChoice", |choice| empty(choice, "any"));
                }
                Choice::Tool(name) => {
                    config.object("toolChoice", |choice| {
                        choice.object("tool", |tool| {
                            tool.text("name", name);
                        });
                    });
                }
                Choice::Json => {
                    config.object("toolChoice", |choice| {
                        choice.object("tool", |tool| {
                            tool.str("name", JSON_TOOL);
                        });
                    });
                }
            }
        });
    }
}

fn spec<'a>(tool: &Tool<'a>, family: Family, list: &mut Array<'_>, dropped: &mut Vec<Json<'a>>) {
    dropped.extend(tool.grammar);
    list.object(|item| {
        item.object("toolSpec", |spec| {
            spec.text("name", &tool.name);
            if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
                spec.text("description", description);
            }
            schema(tool.schema, spec);
            if tool.strict == Some(true) {
                if family.structured {
                    spec.literal("strict", "true");
                } else {
                    dropped.push(strictness(tool.from));
                }
            }
        });
    });
    if let Some(marker) = tool.cache {
        if family.caches_tools() {
            super::cache_point(marker, family, list, dropped);
        } else {
            dropped.push(marker);
        }
    }
}

/// Where the caller asked for strictness.
fn strictness(tool: Json<'_>) -> Json<'_> {
    let inner = || tool.get("function").and_then(|inner| inner.get("strict"));
    tool.get("strict").or_else(inner).unwrap_or(tool)
}

fn json_tool(request: &Request<'_>, reply: Json<'_>, list: &mut Array<'_>) {
    list.object(|item| {
        item.object("toolSpec", |spec| {
            spec.str("name", JSON_TOOL);
            match request.format.as_ref().map(|format| &format.value) {
                Some(Format::Schema {
                    description: Some(description),
                    ..
                }) if !description.is_empty() => spec.text("description", description),
                _ => spec.str(
                    "description",
                    "Gives the final reply in the form that was asked for.",
                ),
            };
            schema(Some(reply), spec);
        });
    });
}

fn schema(schema: Option<Json<'_>>, spec: &mut Object<'_>) {
    spec.object("inputSchema", |inner| {
        object_schema(schema, inner.key("json"));
    });
}
