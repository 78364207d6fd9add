//! Reading a request.

mod items;

use tidegate_types::chat::{
    Format, Given, Json, Part, Request, ServerKind, ServerTool, Tool, ToolChoice,
};

use crate::{
    dialect::{
        codec::{
            Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
        },
        custom,
        server_tool::others,
    },
    openai,
};

pub(super) use items::{
    arguments, custom_arguments, encrypted, kind, parts_of_output, picture, source_of,
    thought_texts,
};

/// Reads the body of `POST /responses`.
///
/// What only a server that remembers can do (`previous_response_id`, `conversation`, `prompt`,
/// `background`, references to stored items) is refused: leaving it out would answer another
/// question. Members without an effect on the reply (obfuscation, how reasoning is handed back) are
/// passed over.
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
            // What is kept is the default of this dialect, and has no effect on the reply.
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
                    request.logprobs = request.logprobs.or(Some(value));
                    request.top_logprobs = Some(value);
                }
            }
            "include" => {
                for wish in array(value)?.items() {
                    match &*text(wish)?.decode() {
                        "reasoning.encrypted_content" => {}
                        "message.output_text.logprobs" => {
                            request.logprobs = Some(wish);
                        }
                        _ => request.unknown.push(wish),
                    }
                }
            }
            "stream" => request.stream = Some(boolean(value)?),
            "stream_options" => {
                let known = &["include_obfuscation"];
                request.unknown.extend(others(object(value)?, known));
            }
            "user" => request.user = Some(string(value)?),
            "safety_identifier" => request.safety_identifier = Some(string(value)?),
            "metadata" if says_nothing(value) => {}
            "metadata" => request.metadata = Some(object(value)?),
            "prompt_cache_key" => request.cache_key = Some(string(value)?),
            "prompt_cache_retention" => request.cache_retention = Some(string(value)?),
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
                grammar: None,
                cache: None,
                from: {
                    let known = &["type", "name", "description", "parameters", "strict"];
                    request.unknown.extend(others(tool, known));
                    tool
                },
            }),
            "custom" => {
                let format = tool.get("format");
                let grammar = format.filter(|format| name(*format, "type") != "text");
                request
                    .tools
                    .push(openai::custom_tool(tool, tool, grammar)?);
            }
            kind if kind.starts_with("web_search") => search(tool, request),
            "code_interpreter" => {
                // Files in the vendor's container mean nothing elsewhere.
                let container = tool.get("container");
                let plain = container.is_none_or(|container| {
                    name(container, "type") == "auto"
                        && others(container, &["type"]).next().is_none()
                });
                request.unknown.extend(container.filter(|_| !plain));
                let code = ServerTool::new(ServerKind::Code, tool);
                request.server_tools.push(code);
            }
            "image_generation" => {
                request.unknown.extend(others(tool, &["type"]));
                request.pictures = Some(tool);
            }
            // Other tools that run at the vendor mean nothing elsewhere.
            _ => request.unknown.push(tool),
        }
    }
    Ok(())
}

fn search<'a>(tool: Json<'a>, request: &mut Request<'a>) {
    let mut search = ServerTool::new(ServerKind::Search, tool);
    search.location = tool.get("user_location");
    search.context_size = tool.get("search_context_size");
    if let Some(filters) = tool.get("filters") {
        search.allowed = filters.get("allowed_domains");
        search.blocked = filters.get("blocked_domains");
        let known = &["allowed_domains", "blocked_domains"];
        request.unknown.extend(others(filters, known));
    }
    let known = &["type", "user_location", "search_context_size", "filters"];
    request.unknown.extend(others(tool, known));
    request.server_tools.push(search);
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
            "custom" => ToolChoice::Tool(custom::stand_in(&member(value, "name")?)),
            "allowed_tools" => openai::allowed(value, &mut request.unknown),
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
            "verbosity" => request.verbosity = Some(string(value)?),
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
    for (key, value) in object(value)?
        .members()
        .filter(|(_, value)| !says_nothing(*value))
    {
        match &*key.decode() {
            "effort" => openai::effort(value, value, request),
            // How the summary is worded is the vendor's own affair.
            "summary" | "generate_summary" => {
                request.thoughts = Some(Given {
                    value: true,
                    from: value,
                });
            }
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}
