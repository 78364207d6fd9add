//! Reading a request.

mod messages;

use tidegate_types::chat::{
    Effort, Format, Given, Json, Reasoning, Request, ServerKind, ServerTool, Text, Tier, Tool,
    ToolChoice,
};

use crate::dialect::{
    codec::{
        Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
    },
    custom,
    server_tool::others,
};

pub(super) use messages::{join, of_anthropic, parts_of_reply, pictures};
pub(crate) use messages::{part, proof, source};

/// Reads the body of `POST /chat/completions`, with what OpenRouter, LiteLLM, Mistral and DeepSeek
/// add to it for Anthropic's features: `cache_control`, `thinking`, `reasoning`, `top_k`.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request::default();
    let mut older_bound = None;
    let mut talked = false;
    for (key, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "model" => {}
            "messages" => {
                talked = true;
                request.system.clear();
                request.messages.clear();
                messages::read(value, &mut request)?;
            }
            "tools" => tools(value, &mut request)?,
            "functions" => functions(value, &mut request)?,
            "tool_choice" | "function_call" => {
                let choice = tool_choice(value, &mut request.unknown)?;
                request.tool_choice = Some(Given {
                    value: choice,
                    from: value,
                });
            }
            "parallel_tool_calls" => {
                request.parallel_tool_calls = Some(Given {
                    value: boolean(value)?,
                    from: value,
                });
            }
            "max_tokens" => {
                older_bound = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "max_completion_tokens" => {
                request.max_output = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "temperature" => request.temperature = Some(number(value)?),
            "top_p" => request.top_p = Some(number(value)?),
            "top_k" => request.top_k = Some(number(value)?),
            "frequency_penalty" => request.frequency_penalty = Some(number(value)?),
            "presence_penalty" => request.presence_penalty = Some(number(value)?),
            "seed" => request.seed = Some(number(value)?),
            "stop" => request.stop = stop(value)?,
            "stream" => request.stream = Some(boolean(value)?),
            "stream_options" => {
                request.include_usage =
                    value.get("include_usage").and_then(Json::as_bool) == Some(true);
                // Padding of the stream is an affair of its sender.
                let known = &["include_usage", "include_obfuscation"];
                request.unknown.extend(others(value, known));
            }
            "user" => request.user = Some(string(value)?),
            "safety_identifier" => request.safety_identifier = Some(string(value)?),
            "metadata" if says_nothing(value) => {}
            "metadata" => request.metadata = Some(object(value)?),
            "prompt_cache_key" => request.cache_key = Some(string(value)?),
            "prompt_cache_retention" => request.cache_retention = Some(string(value)?),
            // Everybody's default.
            "verbosity" if value.as_str() == "\"medium\"" => {}
            "verbosity" => request.verbosity = Some(string(value)?),
            "web_search_options" => search(value, &mut request),
            "include_reasoning" => {
                request.thoughts = Some(Given {
                    value: boolean(value)?,
                    from: value,
                });
            }
            "reasoning_effort" => effort(value, value, &mut request),
            "reasoning" => reasoning(value, &mut request),
            "thinking" => thinking(value, &mut request),
            "response_format" => format(value, &mut request)?,
            "service_tier" => service_tier(value, &mut request)?,
            "logprobs" if boolean(value)? => request.logprobs = Some(value),
            "top_logprobs" => request.top_logprobs = Some(number(value)?),
            "n" if value.as_str() == "1" => {}
            "n" => {
                request.choices = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "modalities" => {
                for item in array(value)?.items() {
                    match item.as_str() {
                        "\"text\"" => {}
                        // OpenRouter's word for models that draw.
                        "\"image\"" => request.pictures = Some(item),
                        _ => request.unknown.push(item),
                    }
                }
            }
            _ if says_nothing(value) => {}
            _ => request.unknown.push(value),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "messages"));
    }
    if request.max_output.is_none() {
        request.max_output = older_bound;
    }
    Ok(request)
}

/// The class of service, in a name that OpenAI's dialects share.
pub(crate) fn service_tier<'a>(
    value: Json<'a>,
    request: &mut Request<'a>,
) -> Result<(), Fault<'a>> {
    let tier = match &*text(value)?.decode() {
        "auto" => Tier::Auto,
        "default" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" => Tier::Priority,
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.tier = Some(Given {
        value: tier,
        from: value,
    });
    Ok(())
}

fn stop(value: Json<'_>) -> Result<Vec<Json<'_>>, Fault<'_>> {
    if value.is_array() {
        value.items().map(string).collect()
    } else {
        Ok(vec![string(value)?])
    }
}

fn tools<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for tool in array(value)?.items() {
        object(tool)?;
        match &*name(tool, "type") {
            "function" | "" => {
                let function = tool
                    .get("function")
                    .ok_or_else(|| Fault::missing(tool, "function"))?;
                let mut read = function_tool(function, tool)?;
                read.cache = tool
                    .get("cache_control")
                    .or_else(|| function.get("cache_control"));
                let known = &[
                    "name",
                    "description",
                    "parameters",
                    "strict",
                    "cache_control",
                ];
                request.unknown.extend(others(function, known));
                request.tools.push(read);
            }
            "custom" => {
                let inner = tool.get("custom").unwrap_or(tool);
                let format = inner.get("format");
                let grammar = format.filter(|format| name(*format, "type") != "text");
                request.tools.push(custom_tool(inner, tool, grammar)?);
            }
            // Tools that run at the vendor mean nothing elsewhere.
            _ => request.unknown.push(tool),
        }
    }
    Ok(())
}

fn functions<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for function in array(value)?.items() {
        request.tools.push(function_tool(function, function)?);
    }
    Ok(())
}

fn function_tool<'a>(function: Json<'a>, from: Json<'a>) -> Result<Tool<'a>, Fault<'a>> {
    object(function)?;
    Ok(Tool {
        name: member(function, "name")?,
        description: function.get("description").map(text).transpose()?,
        schema: function.get("parameters").map(object).transpose()?,
        strict: function.get("strict").map(boolean).transpose()?,
        grammar: None,
        cache: None,
        from,
    })
}

/// A tool that takes a free text becomes a function with that text as its only argument.
pub(crate) fn custom_tool<'a>(
    inner: Json<'a>,
    from: Json<'a>,
    grammar: Option<Json<'a>>,
) -> Result<Tool<'a>, Fault<'a>> {
    Ok(Tool {
        name: custom::stand_in(&member(inner, "name")?),
        description: inner.get("description").map(text).transpose()?,
        schema: Some(Json::trusted(custom::SCHEMA)),
        strict: None,
        grammar,
        cache: None,
        from,
    })
}

/// The models that search take their settings here ("Web search").
fn search<'a>(value: Json<'a>, request: &mut Request<'a>) {
    let mut tool = ServerTool::new(ServerKind::Search, value);
    let place = value.get("user_location");
    tool.location = place.and_then(|place| place.get("approximate"));
    tool.context_size = value.get("search_context_size");
    let known = &["user_location", "search_context_size"];
    request.unknown.extend(others(value, known));
    request.server_tools.push(tool);
}

/// The tools of an `allowed_tools` choice; what is none of the caller's own is added to `unknown`.
pub(crate) fn allowed<'a>(holder: Json<'a>, unknown: &mut Vec<Json<'a>>) -> ToolChoice<'a> {
    let mut names = Vec::new();
    let tools = holder.get("tools").map(Json::items);
    for tool in tools.into_iter().flatten() {
        let kind = name(tool, "type");
        let inner = tool.get(&kind).unwrap_or(tool);
        match (&*kind, inner.get("name").and_then(Json::as_text)) {
            ("function" | "", Some(name)) => names.push(name),
            ("custom", Some(name)) => names.push(custom::stand_in(&name)),
            _ => unknown.push(tool),
        }
    }
    ToolChoice::Allowed {
        names,
        required: name(holder, "mode") == "required",
    }
}

fn tool_choice<'a>(
    value: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<ToolChoice<'a>, Fault<'a>> {
    if let Some(word) = value.as_text() {
        return match &*word.decode() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            // `any` is Mistral's word.
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(Fault::new(
                value,
                "must be `auto`, `none`, `required` or a tool",
            )),
        };
    }
    object(value)?;
    if name(value, "type") == "allowed_tools" {
        return Ok(allowed(
            value.get("allowed_tools").unwrap_or(value),
            unknown,
        ));
    }
    if let Some(inner) = value.get("custom") {
        return Ok(ToolChoice::Tool(custom::stand_in(&member(inner, "name")?)));
    }
    // The older `function_call` has the name one level up.
    let holder = value.get("function").unwrap_or(value);
    Ok(ToolChoice::Tool(member(holder, "name")?))
}

/// The level of effort called `value`; `from` is where it was asked for.
pub(crate) fn effort<'a>(value: Json<'a>, from: Json<'a>, request: &mut Request<'a>) {
    let word = value.as_text();
    let word = word.as_ref().map(Text::decode).unwrap_or_default();
    let level = match &*word {
        "none" => Some(Reasoning::Off),
        // Groq's word for its own level.
        "default" => Some(Reasoning::Effort(Effort::Medium)),
        word => Effort::from_name(word).map(Reasoning::Effort),
    };
    match level {
        Some(value) => request.reasoning = Some(Given { value, from }),
        None => request.unknown.push(from),
    }
}

/// OpenRouter's `reasoning: {effort | max_tokens | enabled}`.
fn reasoning<'a>(value: Json<'a>, request: &mut Request<'a>) {
    if let Some(hidden) = value.get("exclude").and_then(Json::as_bool) {
        request.thoughts = Some(Given {
            value: !hidden,
            from: value,
        });
    }
    let known = &["max_tokens", "effort", "enabled", "exclude"];
    request.unknown.extend(others(value, known));
    if let Some(budget) = value.get("max_tokens").and_then(Json::as_u64) {
        request.reasoning = Some(Given {
            value: Reasoning::Budget(budget),
            from: value,
        });
    } else if let Some(level) = value.get("effort") {
        effort(level, value, request);
    } else if let Some(on) = value.get("enabled").and_then(Json::as_bool) {
        let level = if on {
            Reasoning::Effort(Effort::Medium)
        } else {
            Reasoning::Off
        };
        request.reasoning = Some(Given {
            value: level,
            from: value,
        });
    }
}

/// Anthropic's `thinking`, which LiteLLM, DeepSeek and Z.ai take in this dialect too.
fn thinking<'a>(value: Json<'a>, request: &mut Request<'a>) {
    if request.reasoning.is_some() {
        return;
    }
    let level = match &*name(value, "type") {
        "enabled" => match value.get("budget_tokens").and_then(Json::as_u64) {
            Some(budget) => Reasoning::Budget(budget),
            None => Reasoning::Effort(Effort::Medium),
        },
        "adaptive" => Reasoning::Adaptive,
        "disabled" => Reasoning::Off,
        _ => return request.unknown.push(value),
    };
    request.reasoning = Some(Given {
        value: level,
        from: value,
    });
}

fn format<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let format = match &*name(object(value)?, "type") {
        "text" => return Ok(()),
        "json_object" => Format::Json,
        "json_schema" => {
            let inner = value
                .get("json_schema")
                .ok_or_else(|| Fault::missing(value, "json_schema"))?;
            // Some vendors take the schema without the envelope.
            match object(inner)?.get("schema") {
                Some(schema) => Format::Schema {
                    name: inner.get("name").map(text).transpose()?,
                    description: inner.get("description").map(text).transpose()?,
                    schema: object(schema)?,
                    strict: inner.get("strict").and_then(Json::as_bool) == Some(true),
                },
                None => return Err(Fault::missing(inner, "schema")),
            }
        }
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
