//! Reading a request.

mod messages;

use tidegate_types::chat::{
    Effort, Format, Given, Json, Reasoning, Request, Text, Tool, ToolChoice,
};

use crate::dialect::codec::{
    Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
};

pub(super) use messages::{parts_of_reply, sources};

/// Reads the body of `POST /v2/chat`.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request {
        // Usage is part of every stream of this dialect.
        include_usage: true,
        ..Request::default()
    };
    let mut talked = false;
    let (mut strict, mut documents) = (None, None);
    for (key, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "model" => {}
            "messages" => {
                talked = true;
                request.system.clear();
                request.messages.clear();
                messages::read(value, &mut request)?;
            }
            "documents" => documents = Some(array(value)?),
            "tools" => tools(value, &mut request)?,
            "strict_tools" => strict = boolean(value)?.then_some(value),
            "tool_choice" => {
                let choice = match &*text(value)?.decode() {
                    "REQUIRED" => ToolChoice::Required,
                    "NONE" => ToolChoice::None,
                    "AUTO" => ToolChoice::Auto,
                    _ => return Err(Fault::new(value, "must be `REQUIRED` or `NONE`")),
                };
                request.tool_choice = Some(Given {
                    value: choice,
                    from: value,
                });
            }
            "max_tokens" => {
                request.max_output = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "temperature" => request.temperature = Some(number(value)?),
            "p" => request.top_p = Some(number(value)?),
            "k" if !is_default(&key, value) => request.top_k = Some(number(value)?),
            "frequency_penalty" => request.frequency_penalty = Some(number(value)?),
            "presence_penalty" => request.presence_penalty = Some(number(value)?),
            "seed" => request.seed = Some(number(value)?),
            "stop_sequences" => {
                request.stop = array(value)?
                    .items()
                    .map(string)
                    .collect::<Result<_, _>>()?;
            }
            "stream" => request.stream = Some(boolean(value)?),
            "logprobs" if boolean(value)? => request.logprobs = Some(value),
            "response_format" => format(value, &mut request)?,
            "thinking" => thinking(value, &mut request)?,
            "reasoning_effort" => effort(value, &mut request)?,
            _ if says_nothing(value) || is_default(&key, value) => {}
            _ => request.unknown.push(value),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "messages"));
    }
    if let Some(documents) = documents {
        messages::documents(documents, &mut request);
    }
    if let Some(wish) = strict {
        for tool in &mut request.tools {
            tool.strict = tool.schema.is_some_and(is_closed).then_some(true);
        }
        if request.tools.iter().any(|tool| tool.strict.is_none()) {
            request.unknown.push(wish);
        }
    }
    Ok(request)
}

/// True for what the vendor does unasked.
fn is_default(key: &Text<'_>, value: Json<'_>) -> bool {
    match &*key.decode() {
        "k" | "priority" => value.as_u64() == Some(0),
        "safety_mode" => value.as_str() == "\"CONTEXTUAL\"",
        _ => false,
    }
}

/// This vendor binds the model to any schema, others to one that allows no more than it names.
fn is_closed(schema: Json<'_>) -> bool {
    let more = schema.get("additionalProperties");
    more.and_then(Json::as_bool) == Some(false)
}

fn tools<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for tool in array(value)?.items() {
        object(tool)?;
        if !matches!(&*name(tool, "type"), "function" | "") {
            request.unknown.push(tool);
            continue;
        }
        let function = tool
            .get("function")
            .ok_or_else(|| Fault::missing(tool, "function"))?;
        request.tools.push(Tool {
            name: member(object(function)?, "name")?,
            description: function.get("description").map(text).transpose()?,
            schema: function.get("parameters").map(object).transpose()?,
            strict: None,
            grammar: None,
            cache: None,
            from: tool,
        });
    }
    Ok(())
}

fn format<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let format = match &*name(object(value)?, "type") {
        "text" => return Ok(()),
        "json_object" => match value.get("json_schema").or_else(|| value.get("schema")) {
            Some(schema) => Format::Schema {
                name: None,
                description: None,
                schema: object(schema)?,
                strict: is_closed(schema),
            },
            None => Format::Json,
        },
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.format = Some(Given {
        value: format,
        from: value,
    });
    Ok(())
}

fn thinking<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let level = match &*name(object(value)?, "type") {
        "disabled" => Reasoning::Off,
        "enabled" | "" => match value.get("token_budget") {
            Some(budget) => Reasoning::Budget(whole(budget)?),
            None => Reasoning::Adaptive,
        },
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.reasoning = Some(Given {
        value: level,
        from: value,
    });
    Ok(())
}

fn effort<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let level = match &*text(value)?.decode() {
        "none" => Some(Reasoning::Off),
        word => Effort::from_name(word).map(Reasoning::Effort),
    };
    match level {
        Some(level) if request.reasoning.is_none() => {
            request.reasoning = Some(Given {
                value: level,
                from: value,
            });
        }
        Some(_) => {}
        None => request.unknown.push(value),
    }
    Ok(())
}
