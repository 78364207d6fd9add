//! Reading a request.

mod blocks;

pub(super) use blocks::{block_kind, citation};

use tidegate_types::chat::{
    Effort, Format, Given, Json, Message, Part, Reasoning, Request, Role, ServerKind, ServerTool,
    Tier, Tool, ToolChoice,
};

use crate::dialect::codec::{
    Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
};

/// The schema of a structured reply travels as JSON in a string. With the string opened, the rest of
/// the room reads it in place like any other schema.
pub(super) fn unfold(body: Json<'_>) -> Option<Vec<u8>> {
    let schema = json_schema(body.get("outputConfig")?)?.get("schema")?;
    let inner = schema.as_text()?.decode();
    Json::parse(inner.as_bytes())
        .ok()
        .filter(|inner| inner.is_object())?;
    let whole = body.as_str();
    let start = schema.as_str().as_ptr().addr() - whole.as_ptr().addr();
    let end = start + schema.as_str().len();
    let mut out = Vec::with_capacity(whole.len());
    out.extend_from_slice(whole.get(..start)?.as_bytes());
    out.extend_from_slice(inner.trim().as_bytes());
    out.extend_from_slice(whole.get(end..)?.as_bytes());
    Some(out)
}

fn json_schema(config: Json<'_>) -> Option<Json<'_>> {
    config
        .get("textFormat")?
        .get("structure")?
        .get("jsonSchema")
}

/// Reads the body of `Converse` and `ConverseStream`.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request::default();
    let mut effort = None;
    let mut talked = false;
    // Usage is part of every stream of this dialect.
    request.include_usage = true;
    for (key, value) in said(body) {
        match &*key.decode() {
            "messages" => {
                talked = true;
                messages(value, &mut request)?;
            }
            "system" => blocks::content(value, &mut request.system, &mut request.unknown)?,
            "inferenceConfig" => inference(value, &mut request)?,
            "toolConfig" => tool_config(value, &mut request)?,
            "additionalModelRequestFields" => additional(value, &mut effort, &mut request)?,
            "serviceTier" => tier(value, &mut request)?,
            "outputConfig" => {
                for (key, value) in said(object(value)?) {
                    match &*key.decode() {
                        "effort" => effort = Some(value),
                        "textFormat" => format(value, &mut request)?,
                        _ => request.unknown.push(value),
                    }
                }
            }
            // Some clients repeat the model of the path.
            "modelId" => {}
            "requestMetadata" if says_nothing(value) => {}
            "requestMetadata" => request.metadata = Some(object(value)?),
            _ if says_nothing(value) => {}
            _ => request.unknown.push(value),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "messages"));
    }
    if let Some(value) = effort {
        let level = value
            .as_text()
            .and_then(|text| Effort::from_name(&text.decode()));
        match (level, request.reasoning.as_ref().map(|given| given.value)) {
            (Some(level), None | Some(Reasoning::Adaptive)) => {
                request.reasoning = given(Reasoning::Effort(level), value);
            }
            // Effort says how much to think only where thinking is on, or left open.
            (Some(_), Some(_)) => {}
            (None, _) => request.unknown.push(value),
        }
    }
    Ok(request)
}

/// The members that are not null.
fn said(object: Json<'_>) -> impl Iterator<Item = (tidegate_types::chat::Text<'_>, Json<'_>)> {
    object.members().filter(|(_, value)| !value.is_null())
}

#[expect(clippy::unnecessary_wraps, reason = "what the settings hold")]
fn given<T>(value: T, from: Json<'_>) -> Option<Given<'_, T>> {
    Some(Given { value, from })
}

fn messages<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for message in array(value)?.items() {
        object(message)?;
        let content = message
            .get("content")
            .ok_or_else(|| Fault::missing(message, "content"))?;
        let mut parts = Vec::new();
        blocks::content(content, &mut parts, &mut request.unknown)?;
        let role = match &*member(message, "role")?.decode() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => {
                request.system.append(&mut parts);
                continue;
            }
            _ => {
                let role = message.get("role").unwrap_or(message);
                return Err(Fault::new(role, "must be `user`, `assistant` or `system`"));
            }
        };
        request.messages.push(Message { role, parts });
    }
    Ok(())
}

fn inference<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for (key, value) in said(object(value)?) {
        match &*key.decode() {
            "maxTokens" => request.max_output = given(whole(value)?, value),
            "temperature" => request.temperature = Some(number(value)?),
            "topP" => request.top_p = Some(number(value)?),
            "stopSequences" => {
                let texts = array(value)?.items().map(string);
                request.stop = texts.collect::<Result<_, _>>()?;
            }
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}

fn tool_config<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for (key, value) in said(object(value)?) {
        match &*key.decode() {
            "tools" => {
                for tool in array(value)?.items() {
                    self::tool(object(tool)?, request)?;
                }
            }
            "toolChoice" => {
                let choice = match object(value)?.members().next() {
                    Some((key, _)) if key.is("auto") => ToolChoice::Auto,
                    Some((key, _)) if key.is("any") => ToolChoice::Required,
                    Some((key, named)) if key.is("tool") => {
                        ToolChoice::Tool(member(object(named)?, "name")?)
                    }
                    _ => return Err(Fault::new(value, "must be `auto`, `any` or `tool`")),
                };
                request.tool_choice = given(choice, value);
            }
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}

fn tool<'a>(tool: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    if let Some(point) = tool.get("cachePoint") {
        match request.tools.last_mut() {
            Some(last) if last.cache.is_none() => last.cache = Some(point),
            _ => request.unknown.push(tool),
        }
        return Ok(());
    }
    let Some(spec) = tool.get("toolSpec") else {
        let system = tool.get("systemTool").map(|system| name(system, "name"));
        let kind = match system.as_deref() {
            Some("nova_grounding") => ServerKind::Search,
            Some("nova_code_interpreter") => ServerKind::Code,
            // Other tools that run at the vendor mean nothing elsewhere.
            _ => {
                request.unknown.push(tool);
                return Ok(());
            }
        };
        request.server_tools.push(ServerTool::new(kind, tool));
        return Ok(());
    };
    let schema = spec
        .get("inputSchema")
        .and_then(|schema| schema.get("json"));
    request.tools.push(Tool {
        name: member(object(spec)?, "name")?,
        description: spec.get("description").map(text).transpose()?,
        schema: schema.map(object).transpose()?,
        strict: spec.get("strict").map(boolean).transpose()?,
        grammar: None,
        cache: None,
        from: tool,
    });
    Ok(())
}

/// Fields that belong to one family of models: what has a neutral name, by its own.
fn additional<'a>(
    value: Json<'a>,
    effort: &mut Option<Json<'a>>,
    request: &mut Request<'a>,
) -> Result<(), Fault<'a>> {
    for (key, value) in said(object(value)?) {
        match &*key.decode() {
            "top_k" | "k" => request.top_k = Some(number(value)?),
            // Claude; the second name is the one of the first Claude that thought.
            "thinking" | "reasoning_config" => thinking(value, request)?,
            "output_config" => {
                for (key, value) in said(object(value)?) {
                    if key.is("effort") {
                        *effort = Some(value);
                    } else {
                        request.unknown.push(value);
                    }
                }
            }
            "tool_choice" => {
                if request.tool_choice.is_none() && !matches!(&*name(value, "type"), "" | "auto") {
                    request.unknown.push(value);
                }
                if let Some(single) = value.get("disable_parallel_tool_use") {
                    request.parallel_tool_calls = given(!boolean(single)?, single);
                }
            }
            // Open weights.
            "reasoning_effort" => *effort = Some(value),
            // Nova.
            "reasoningConfig" => match &*name(object(value)?, "type") {
                "enabled" => match value.get("maxReasoningEffort") {
                    Some(level) => *effort = Some(level),
                    None => request.reasoning = given(Reasoning::Adaptive, value),
                },
                "disabled" => request.reasoning = given(Reasoning::Off, value),
                _ => request.unknown.push(value),
            },
            "inferenceConfig" => {
                for (key, value) in said(object(value)?) {
                    if key.is("topK") {
                        request.top_k = Some(number(value)?);
                    } else {
                        request.unknown.push(value);
                    }
                }
            }
            _ if says_nothing(value) => {}
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}

fn thinking<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let level = match &*name(object(value)?, "type") {
        "enabled" => match value.get("budget_tokens") {
            Some(budget) => Reasoning::Budget(whole(budget)?),
            None => return Err(Fault::missing(value, "budget_tokens")),
        },
        "disabled" => Reasoning::Off,
        "adaptive" => Reasoning::Adaptive,
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.reasoning = given(level, value);
    if let Some(display) = value.get("display") {
        match &*text(display)?.decode() {
            "summarized" => request.thoughts = given(true, display),
            "omitted" => request.thoughts = given(false, display),
            _ => request.unknown.push(display),
        }
    }
    Ok(())
}

fn tier<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let tier = match &*member(object(value)?, "type")?.decode() {
        "default" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" => Tier::Priority,
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.tier = given(tier, value);
    Ok(())
}

fn format<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let definition = object(value)?
        .get("structure")
        .and_then(|structure| structure.get("jsonSchema"));
    let Some(definition) = definition else {
        request.unknown.push(value);
        return Ok(());
    };
    let schema = definition
        .get("schema")
        .ok_or_else(|| Fault::missing(definition, "schema"))?;
    if !schema.is_object() {
        return Err(Fault::new(
            schema,
            "must be a string that holds a JSON object",
        ));
    }
    let format = Format::Schema {
        name: definition.get("name").map(text).transpose()?,
        description: definition.get("description").map(text).transpose()?,
        schema,
        // This dialect knows no other way.
        strict: true,
    };
    request.format = given(format, value);
    Ok(())
}

/// Appends parts, marked for the cache where a `cachePoint` stands behind them.
pub(super) fn attach<'a>(
    point: Json<'a>,
    block: Json<'a>,
    parts: &mut [Part<'a>],
) -> Option<Json<'a>> {
    match parts.last_mut() {
        Some(last) if last.cache.is_none() => {
            last.cache = Some(point);
            None
        }
        _ => Some(block),
    }
}
