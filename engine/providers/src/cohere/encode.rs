//! Writing a request.

mod messages;

use tidegate_types::chat::{
    Effort, Format, Json, Reasoning, Request, Tier, Tool, ToolChoice,
    write::{Array, Object},
};

use crate::dialect::{
    codec::{JSON_TOOL, says_nothing},
    models,
};
use messages::Writer;

/// Cohere takes no more stop texts than this (API reference, "Chat": `stop_sequences`).
const MOST_STOPS: usize = 5;

/// Room that a budget for thinking must leave for the reply (Cohere, "Reasoning").
const ROOM_FOR_REPLY: u64 = 1024;

/// Said to the model where a caller wants JSON of no particular schema and gives tools as well.
const JSON_ONLY: &str = "Reply with one valid JSON object and nothing else.";

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    let tools = Tools::plan(request, model, dropped);
    let reasons = !models::command_without_reasoning(model);
    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    body.str("model", model);
    if let Some(stream) = request.stream {
        body.literal("stream", if stream { "true" } else { "false" });
    }
    body.array("messages", |list| {
        let mut writer = Writer {
            reasons,
            dropped: &mut *dropped,
        };
        writer.conversation(request, tools.json_only.then_some(JSON_ONLY), list);
    });
    tools.write(request, &mut body, dropped);
    if let Some(bound) = &request.max_output {
        body.number("max_tokens", bound.value);
    }
    sampling(request, &mut body, dropped);
    if !request.stop.is_empty() {
        let (kept, left) = request.stop.split_at(request.stop.len().min(MOST_STOPS));
        body.array("stop_sequences", |list| {
            for text in kept {
                list.item().extend_from_slice(text.as_str().as_bytes());
            }
        });
        dropped.extend(left);
    }
    if request.logprobs.is_some() {
        body.literal("logprobs", "true");
    }
    dropped.extend(request.top_logprobs);
    reasoning(request, reasons, &mut body, dropped);
    if tools.native_format {
        format(request, &mut body);
    }
    dropped.extend(request.user);
    dropped.extend(request.safety_identifier);
    dropped.extend(request.metadata);
    dropped.extend(request.of_openai());
    dropped.extend(request.pictures);
    dropped.extend(request.choices.as_ref().map(|choices| choices.from));
    dropped.extend(request.server_tools.iter().map(|tool| tool.from));
    // Whether thoughts are shown is the model's own affair.
    dropped.extend(request.unmet_thoughts());
    if let Some(tier) = &request.tier
        && matches!(tier.value, Tier::Flex | Tier::Priority)
    {
        dropped.push(tier.from);
    }
    body.close();
    out
}

/// Which tools the model gets, and how a reply of a given form is asked for: `response_format`
/// cannot stand beside tools (API reference, "Chat").
struct Tools<'r, 'a> {
    given: Vec<&'r Tool<'a>>,
    choice: Option<&'static str>,
    /// The schema of the stand-in tool through which the model replies.
    emulated: Option<Json<'a>>,
    native_format: bool,
    json_only: bool,
}

impl<'r, 'a> Tools<'r, 'a> {
    fn plan(request: &'r Request<'a>, model: &str, dropped: &mut Vec<Json<'a>>) -> Self {
        let choosable = !models::ignores_tool_choice(model);
        let mut plan = Self {
            given: request.callable().collect(),
            choice: None,
            emulated: None,
            native_format: request.format.is_some(),
            json_only: false,
        };
        if plan.given.is_empty() {
            dropped.extend(request.must_call());
            return plan;
        }
        let mut named = false;
        if let Some((given, value)) = request.tool_choice.as_ref().zip(request.plain_choice()) {
            match value {
                ToolChoice::Auto | ToolChoice::Allowed { .. } => {}
                // Without tools none can be called; together with a format it is the only way.
                ToolChoice::None if plan.native_format || !choosable => {
                    plan.given.clear();
                    return plan;
                }
                ToolChoice::None => plan.choice = Some("NONE"),
                ToolChoice::Required | ToolChoice::Tool(_) if !choosable => {
                    dropped.push(given.from);
                }
                ToolChoice::Required => plan.choice = Some("REQUIRED"),
                ToolChoice::Tool(wanted) => {
                    // The only tool there is must be the one that is called.
                    let wanted = wanted.decode();
                    if plan.given.iter().any(|tool| tool.name.is(&wanted)) {
                        plan.given.retain(|tool| tool.name.is(&wanted));
                    }
                    plan.choice = Some("REQUIRED");
                    named = true;
                }
            }
        }
        if let Some(given) = &request.parallel_tool_calls
            && !given.value
        {
            dropped.push(given.from);
        }
        if let Some(given) = &request.format {
            plan.native_format = false;
            match &given.value {
                // The call that must happen is no reply yet.
                _ if named => {}
                Format::Json => plan.json_only = true,
                Format::Schema { schema, .. } if choosable => {
                    plan.emulated = Some(*schema);
                    plan.choice = Some("REQUIRED");
                }
                Format::Schema { .. } => dropped.push(given.from),
            }
        }
        plan
    }

    fn write(&self, request: &Request<'a>, body: &mut Object<'_>, dropped: &mut Vec<Json<'a>>) {
        if self.given.is_empty() {
            return;
        }
        body.array("tools", |list| {
            for tool in &self.given {
                dropped.extend(tool.cache);
                dropped.extend(tool.grammar);
                function(list, |function| {
                    function.text("name", &tool.name);
                    if let Some(description) = &tool.description {
                        function.text("description", description);
                    }
                    parameters(tool.schema, function);
                });
            }
            if let Some(schema) = self.emulated {
                Self::stand_in(request, schema, list);
            }
        });
        let strict = |tool: &&Tool<'a>| tool.strict == Some(true);
        if self.given.iter().all(|tool| strict(tool) && bindable(tool)) {
            body.literal("strict_tools", "true");
        } else {
            // One switch for all tools, so it stays off unless all of them want it.
            for tool in self.given.iter().filter(|tool| strict(tool)) {
                let holder = tool.from.get("function").unwrap_or(tool.from);
                dropped.push(holder.get("strict").unwrap_or(tool.from));
            }
        }
        if let Some(choice) = self.choice {
            body.str("tool_choice", choice);
        }
    }

    fn stand_in(request: &Request<'a>, schema: Json<'a>, list: &mut Array<'_>) {
        function(list, |function| {
            function.str("name", JSON_TOOL);
            match request.format.as_ref().map(|format| &format.value) {
                Some(Format::Schema {
                    description: Some(description),
                    ..
                }) => function.text("description", description),
                _ => function.str(
                    "description",
                    "Gives the final reply in the form that was asked for.",
                ),
            };
            parameters(Some(schema), function);
        });
    }
}

fn function(list: &mut Array<'_>, fill: impl FnOnce(&mut Object<'_>)) {
    list.object(|item| {
        item.str("type", "function").object("function", fill);
    });
}

/// Strict tools need a parameter that must be given (Cohere, "Structured Outputs").
fn bindable(tool: &Tool<'_>) -> bool {
    let required = tool.schema.and_then(|schema| schema.get("required"));
    required.is_some_and(|list| list.items().next().is_some())
}

/// The schema as the caller wrote it; the vendor insists that there is one.
fn parameters(schema: Option<Json<'_>>, function: &mut Object<'_>) {
    match schema.filter(|schema| !says_nothing(*schema)) {
        Some(schema) => function.json("parameters", schema),
        None => function.literal("parameters", r#"{"type":"object","properties":{}}"#),
    };
}

/// Ranges are those of the API reference and of the messages under "Errors".
fn sampling<'a>(request: &Request<'a>, body: &mut Object<'_>, dropped: &mut Vec<Json<'a>>) {
    if let Some(temperature) = request.temperature {
        at_most_one("temperature", temperature, body, dropped);
    }
    if let Some(top_p) = request.top_p {
        // Other scales include their ends; what lies between here and there is next to nothing.
        match top_p.as_f64() {
            Some(value) if value > 0.99 => body.literal("p", "0.99"),
            Some(value) if value < 0.01 => body.literal("p", "0.01"),
            _ => body.json("p", top_p),
        };
    }
    if let Some(top_k) = request.top_k {
        if top_k.as_f64().is_some_and(|value| value > 500.0) {
            dropped.push(top_k);
            body.literal("k", "500");
        } else {
            body.json("k", top_k);
        }
    }
    if let Some(seed) = request.seed {
        if seed.as_u64().is_some() {
            body.json("seed", seed);
        } else {
            dropped.push(seed);
        }
    }
    let given = |penalty: Option<Json<'a>>| {
        penalty.filter(|penalty| penalty.as_f64().is_none_or(|value| value != 0.0))
    };
    let penalties = (
        given(request.frequency_penalty),
        given(request.presence_penalty),
    );
    // Models refuse to hear both.
    let (key, penalty) = match penalties {
        (Some(penalty), second) => {
            dropped.extend(second);
            ("frequency_penalty", penalty)
        }
        (None, Some(penalty)) => ("presence_penalty", penalty),
        (None, None) => return,
    };
    if penalty.as_f64().is_some_and(|value| value < 0.0) {
        dropped.push(penalty);
    } else {
        at_most_one(key, penalty, body, dropped);
    }
}

/// Other scales go to 2; the end of this one is 1.
fn at_most_one<'a>(key: &str, value: Json<'a>, body: &mut Object<'_>, dropped: &mut Vec<Json<'a>>) {
    if value.as_f64().is_some_and(|value| value > 1.0) {
        dropped.push(value);
        body.literal(key, "1");
    } else {
        body.json(key, value);
    }
}

/// Reasoning is on unless it is turned off, and without a budget it is unbounded, which the vendor
/// recommends; so only the levels below the highest get one.
fn reasoning<'a>(
    request: &Request<'a>,
    reasons: bool,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    let Some(given) = &request.reasoning else {
        return;
    };
    if !reasons {
        if given.value != Reasoning::Off {
            dropped.push(given.from);
        }
        return;
    }
    let bound = request.max_output.as_ref().map(|bound| bound.value);
    let budget = match given.value {
        Reasoning::Off => {
            body.literal("thinking", r#"{"type":"disabled"}"#);
            return;
        }
        Reasoning::Budget(tokens) => Some(tokens),
        Reasoning::Effort(Effort::Minimal) => Some(1024),
        Reasoning::Effort(Effort::Low) => Some(2048),
        Reasoning::Effort(Effort::Medium) => Some(8192),
        Reasoning::Effort(Effort::High | Effort::ExtraHigh | Effort::Max) | Reasoning::Adaptive => {
            None
        }
    };
    let fits = |tokens: u64| match bound {
        Some(bound) if tokens.saturating_add(ROOM_FOR_REPLY) > bound => (bound / 2).max(1),
        _ => tokens.max(1),
    };
    body.object("thinking", |thinking| {
        thinking.str("type", "enabled");
        if let Some(tokens) = budget.map(fits) {
            thinking.number("token_budget", tokens);
        }
    });
}

fn format(request: &Request<'_>, body: &mut Object<'_>) {
    let Some(given) = &request.format else { return };
    body.object("response_format", |format| {
        format.str("type", "json_object");
        if let Format::Schema { schema, .. } = &given.value {
            format.json("json_schema", *schema);
        }
    });
}
