//! Reading a request.

mod items;

use tidegate_types::chat::{Format, Given, Json, Part, Request, Tool, ToolChoice};

use crate::{
    dialect::codec::{
        self, Fault, array, boolean, member, name, number, object, says_nothing, string, text,
        whole,
    },
    openai,
};

pub(super) use items::{
    arguments, custom_arguments, encrypted, kind, parts_of_output, source_of, thought_texts,
};

/// What the stand-in for a custom tool takes.
const CUSTOM_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Reads the body of `POST /responses`.
///
/// What only a server that remembers can do (`previous_response_id`, `conversation`, `prompt`,
/// `background`, references to stored items) is refused: leaving it out would answer another
/// question. Members without an effect on the reply (`store`, `include`, obfuscation) are passed
/// over.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request {
        // Usage is part of every stream of this dialect.
        include_usage: true,
        ..Request::default()
    };
    let mut instructions = None;
    let mut talked = false;
    for (key, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "model" | "store" => {}
            "input" => {
                talked = true;
                items::read(value, &mut request)?;
            }
            "instructions" => instructions = Some((text(value)?, value)),
            "previous_response_id" | "conversation" | "prompt" if !says_nothing(value) => {
                return Err(Fault::new(
                    value,
                    "refers to what another server stores; send the conversation as `input`",
                ));
            }
            "background" if boolean(value)? => {
                return Err(Fault::new(
                    value,
                    "cannot be served: replies are not stored",
                ));
            }
            "max_output_tokens" => {
                request.max_output = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "tools" => tools(value, &mut request)?,
            "tool_choice" => tool_choice(value, &mut request)?,
            "parallel_tool_calls" => {
                request.parallel_tool_calls = Some(Given {
                    value: boolean(value)?,
                    from: value,
                });
            }
            "text" => words(value, &mut request)?,
            "reasoning" => reasoning(value, &mut request)?,
            "temperature" => request.temperature = Some(number(value)?),
            "top_p" => request.top_p = Some(number(value)?),
            // Not OpenAI's, but of several who imitate it.
            "top_k" => request.top_k = Some(number(value)?),
            "frequency_penalty" => request.frequency_penalty = Some(number(value)?),
            "presence_penalty" => request.presence_penalty = Some(number(value)?),
            "seed" => request.seed = Some(number(value)?),
            "stop" if value.is_array() => {
                request.stop = value.items().map(string).collect::<Result<_, _>>()?;
            }
            "stop" => request.stop = vec![string(value)?],
            "top_logprobs" => {
                if whole(value)? > 0 {
                    request.logprobs = Some(Json::trusted("true"));
                    request.top_logprobs = Some(value);
                }
            }
            "include" => {
                for wish in array(value)?.items() {
                    match &*text(wish)?.decode() {
                        "reasoning.encrypted_content" => {}
                        "message.output_text.logprobs" => {
                            request.logprobs = Some(Json::trusted("true"));
                        }
                        _ => request.unknown.push(wish),
                    }
                }
            }
            "stream" => request.stream = Some(boolean(value)?),
            "stream_options" => {
                let others = object(value)?
                    .members()
                    .filter(|(key, value)| !key.is("include_obfuscation") && !says_nothing(*value));
                request.unknown.extend(others.map(|(_, value)| value));
            }
            "user" => request.user = Some(string(value)?),
            "safety_identifier" if request.user.is_none() => request.user = Some(string(value)?),
            "service_tier" => openai::service_tier(value, &mut request)?,
            "truncation" if value.as_str() == "\"disabled\"" => {}
            _ if says_nothing(value) => {}
            _ => request.unknown.push(value),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "input"));
    }
    if let Some((text, from)) = instructions.filter(|(text, _)| !text.is_empty()) {
        request.system.insert(0, Part::text(text, from));
    }
    Ok(request)
}

fn tools<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for tool in array(value)?.items() {
        match &*name(object(tool)?, "type") {
            "function" | "" => request.tools.push(Tool {
                name: member(tool, "name")?,
                description: tool.get("description").map(text).transpose()?,
                schema: tool.get("parameters").map(object).transpose()?,
                strict: tool.get("strict").map(boolean).transpose()?,
                cache: None,
                from: tool,
            }),
            "custom" => custom_tool(tool, request)?,
            // Tools that run at the vendor mean nothing elsewhere.
            _ => request.unknown.push(tool),
        }
    }
    Ok(())
}

/// A tool that takes a free text becomes a function with that text as its only argument.
fn custom_tool<'a>(tool: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let name = items::custom_name(&member(tool, "name")?);
    // Grammars of the text cannot be told.
    let format = tool.get("format");
    let format = format.filter(|format| codec::name(*format, "type") != "text");
    request.unknown.extend(format);
    request.tools.push(Tool {
        name,
        description: tool.get("description").map(text).transpose()?,
        schema: Some(Json::trusted(CUSTOM_SCHEMA)),
        strict: None,
        cache: None,
        from: tool,
    });
    Ok(())
}

fn tool_choice<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let choice = if let Some(word) = value.as_text() {
        match &*word.decode() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => {
                return Err(Fault::new(
                    value,
                    "must be `auto`, `none`, `required` or a tool",
                ));
            }
        }
    } else {
        match &*name(object(value)?, "type") {
            "function" => ToolChoice::Tool(member(value, "name")?),
            "custom" => ToolChoice::Tool(items::custom_name(&member(value, "name")?)),
            "allowed_tools" => {
                // The list cannot be told; whether one of them must be called can.
                request.unknown.push(value);
                if name(value, "mode") == "required" {
                    ToolChoice::Required
                } else {
                    ToolChoice::Auto
                }
            }
            // A tool that runs at the vendor.
            _ => {
                request.unknown.push(value);
                return Ok(());
            }
        }
    };
    request.tool_choice = Some(Given {
        value: choice,
        from: value,
    });
    Ok(())
}

/// `text`: the shape of the reply and how many words it makes.
fn words<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for (key, value) in object(value)?
        .members()
        .filter(|(_, value)| !says_nothing(*value))
    {
        match &*key.decode() {
            "format" => format(value, request)?,
            // Everybody's default.
            "verbosity" if value.as_str() == "\"medium\"" => {}
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}

fn format<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let format = match &*name(object(value)?, "type") {
        "text" => return Ok(()),
        "json_object" => Format::Json,
        "json_schema" => Format::Schema {
            name: value.get("name").map(text).transpose()?,
            description: value.get("description").map(text).transpose()?,
            schema: object(
                value
                    .get("schema")
                    .ok_or_else(|| Fault::missing(value, "schema"))?,
            )?,
            strict: value.get("strict").and_then(Json::as_bool) == Some(true),
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

fn reasoning<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let mut summary = None;
    for (key, value) in object(value)?
        .members()
        .filter(|(_, value)| !says_nothing(*value))
    {
        match &*key.decode() {
            "effort" => openai::effort(value, value, request),
            "summary" | "generate_summary" => summary = Some(value),
            _ => request.unknown.push(value),
        }
    }
    // Other dialects show what the model thinks wherever it does; alone the wish means nothing.
    if request.reasoning.is_none() {
        request.unknown.extend(summary);
    }
    Ok(())
}
