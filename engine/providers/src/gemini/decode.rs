//! Reading a request.

mod parts;

use tidegate_types::chat::{
    Effort, Format, Given, Json, Part, Reasoning, Request, ServerKind, ServerTool, Text, Tier,
    Tool, ToolChoice,
};

use super::either;
use crate::dialect::{
    codec::{
        Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
    },
    server_tool::others,
};

pub(super) use parts::{arguments, call_id, citations, given_id, media_part, source, think};

/// Said to the model where the reply is to be JSON but no object, which other vendors' settings do
/// not allow. It is reported all the same: words bind less than a setting.
const JSON_IN_WORDS: &str =
    "Reply with nothing but JSON, without a code fence. It must follow this JSON Schema: ";

/// Reads the body of `generateContent` and `streamGenerateContent`.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request::default();
    let mut talked = false;
    let mut in_words = None;
    // Usage is part of every stream of this dialect.
    request.include_usage = true;
    for (key, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            // The path names the model; some clients repeat it.
            "model" => {}
            "contents" => {
                talked = true;
                request.messages = parts::contents(value, &mut request.unknown)?;
            }
            "systemInstruction" | "system_instruction" => {
                request.system = system(value, &mut request.unknown)?;
            }
            "tools" => {
                for tool in array(value)?.items() {
                    tools(object(tool)?, &mut request)?;
                }
            }
            "toolConfig" | "tool_config" => {
                for (key, value) in members(value)? {
                    match &*key.decode() {
                        "functionCallingConfig" | "function_calling_config" => {
                            tool_choice(value, &mut request)?;
                        }
                        _ => note(value, &mut request.unknown),
                    }
                }
            }
            "generationConfig" | "generation_config" => {
                in_words = config(value, &mut request)?;
            }
            "serviceTier" | "service_tier" => tier(value, &mut request)?,
            _ => note(value, &mut request.unknown),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "contents"));
    }
    if let Some(schema) = in_words {
        let wish = format!("{JSON_IN_WORDS}{}", schema.as_str());
        request.system.push(Part::text(Text::plain(wish), schema));
        request.unknown.push(schema);
    }
    Ok(request)
}

/// The members of an object that are not null.
fn members(value: Json<'_>) -> Result<impl Iterator<Item = (Text<'_>, Json<'_>)>, Fault<'_>> {
    let members = object(value)?.members();
    Ok(members.filter(|(_, value)| !value.is_null()))
}

fn note<'a>(value: Json<'a>, unknown: &mut Vec<Json<'a>>) {
    if !says_nothing(value) {
        unknown.push(value);
    }
}

/// A content whose role does not matter, or a string.
fn system<'a>(value: Json<'a>, unknown: &mut Vec<Json<'a>>) -> Result<Vec<Part<'a>>, Fault<'a>> {
    if let Some(text) = value.as_text() {
        return Ok(vec![Part::text(text, value)]);
    }
    let list = object(value)?
        .get("parts")
        .ok_or_else(|| Fault::missing(value, "parts"))?;
    parts::instructions(list, unknown)
}

/// Gives back the schema of a reply that other vendors must be told in words.
fn config<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<Option<Json<'a>>, Fault<'a>> {
    let (mut media_type, mut schema) = (None, None);
    for (key, value) in members(value)? {
        match &*key.decode() {
            "temperature" => request.temperature = Some(number(value)?),
            "topP" | "top_p" => request.top_p = Some(number(value)?),
            "topK" | "top_k" => request.top_k = Some(integral(number(value)?)),
            "seed" => request.seed = Some(integral(number(value)?)),
            "presencePenalty" | "presence_penalty" => {
                request.presence_penalty = Some(number(value)?);
            }
            "frequencyPenalty" | "frequency_penalty" => {
                request.frequency_penalty = Some(number(value)?);
            }
            "maxOutputTokens" | "max_output_tokens" => {
                request.max_output = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "stopSequences" | "stop_sequences" => {
                let texts = array(value)?.items().map(string);
                request.stop = texts.collect::<Result<_, _>>()?;
            }
            "candidateCount" | "candidate_count" if value.as_u64() == Some(1) => {}
            "candidateCount" | "candidate_count" => {
                request.choices = Some(Given {
                    value: whole(integral(value))?,
                    from: value,
                });
            }
            "responseLogprobs" | "response_logprobs" => {
                request.logprobs = boolean(value)?.then_some(value);
            }
            "logprobs" => request.top_logprobs = Some(number(value)?),
            "responseModalities" | "response_modalities" => {
                for item in array(value)?.items() {
                    match &*text(item)?.decode().to_ascii_lowercase() {
                        "text" | "modality_unspecified" => {}
                        "image" => request.pictures = Some(item),
                        _ => request.unknown.push(item),
                    }
                }
            }
            "responseMimeType" | "response_mime_type" => media_type = Some(value),
            "responseSchema"
            | "response_schema"
            | "responseJsonSchema"
            | "response_json_schema" => schema = Some(value),
            "thinkingConfig" | "thinking_config" => thinking(value, request)?,
            _ => note(value, &mut request.unknown),
        }
    }
    format(media_type, schema, request)
}

/// A whole number without the decimals that Google's own clients add (`40.0`), which others refuse.
fn integral(value: Json<'_>) -> Json<'_> {
    match value.as_str().split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|sign| sign == b'0') => {
            Json::trusted(whole)
        }
        _ => value,
    }
}

fn format<'a>(
    media_type: Option<Json<'a>>,
    schema: Option<Json<'a>>,
    request: &mut Request<'a>,
) -> Result<Option<Json<'a>>, Fault<'a>> {
    let named = media_type.map(text).transpose()?;
    let named = named.as_ref().map(Text::decode).unwrap_or_default();
    let (format, from) = match (&*named, schema, media_type) {
        ("application/json" | "", Some(schema), _) => {
            let kind = name(object(schema)?, "type");
            if !matches!(&*kind, "object" | "") {
                return Ok(Some(schema));
            }
            let format = Format::Schema {
                name: None,
                description: None,
                schema,
                // Closed schemas, on which strict modes elsewhere insist, are not asked for here.
                strict: false,
            };
            (format, schema)
        }
        ("application/json", None, Some(media_type)) => (Format::Json, media_type),
        ("" | "text/plain", ..) => return Ok(None),
        _ => {
            request.unknown.extend(media_type);
            request.unknown.extend(schema);
            return Ok(None);
        }
    };
    request.format = Some(Given {
        value: format,
        from,
    });
    Ok(None)
}

fn thinking<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let mut level = None;
    for (key, value) in members(value)? {
        match &*key.decode() {
            "thinkingBudget" | "thinking_budget" => {
                level = Some(match number(value)?.as_str() {
                    "0" => Reasoning::Off,
                    budget if budget.starts_with('-') => Reasoning::Adaptive,
                    _ => Reasoning::Budget(whole(value)?),
                });
            }
            "thinkingLevel" | "thinking_level" => {
                let word = text(value)?.decode().to_ascii_lowercase();
                match Effort::from_name(&word) {
                    Some(effort) => level = Some(Reasoning::Effort(effort)),
                    None if word == "thinking_level_unspecified" => {}
                    None => request.unknown.push(value),
                }
            }
            "includeThoughts" | "include_thoughts" => {
                request.thoughts = Some(Given {
                    value: boolean(value)?,
                    from: value,
                });
            }
            _ => note(value, &mut request.unknown),
        }
    }
    // Who wants to see thoughts wants there to be some.
    let shown = request.thoughts.as_ref().is_some_and(|wish| wish.value);
    let level = level.or(shown.then_some(Reasoning::Adaptive));
    if let Some(level) = level {
        request.reasoning = Some(Given {
            value: level,
            from: value,
        });
    }
    Ok(())
}

fn tier<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let tier = match &*text(value)?.decode().to_ascii_lowercase() {
        "standard" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" => Tier::Priority,
        "unspecified" => return Ok(()),
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

fn tools<'a>(tool: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    for (key, value) in members(tool)? {
        match &*key.decode() {
            "functionDeclarations" | "function_declarations" => {
                for declared in array(value)?.items() {
                    let read = function(declared, &mut request.unknown)?;
                    request.tools.push(read);
                }
            }
            "googleSearch" | "google_search" => {
                server_tool(ServerKind::Search, value, request);
            }
            "codeExecution" | "code_execution" => {
                server_tool(ServerKind::Code, value, request);
            }
            "urlContext" | "url_context" => server_tool(ServerKind::Fetch, value, request),
            // Other tools that run at the vendor mean nothing elsewhere, even those without settings.
            _ => request.unknown.push(value),
        }
    }
    Ok(())
}

fn server_tool<'a>(kind: ServerKind, value: Json<'a>, request: &mut Request<'a>) {
    let mut tool = ServerTool::new(kind, value);
    tool.blocked = either(value, "excludeDomains", "exclude_domains");
    let known = &["excludeDomains", "exclude_domains"];
    request.unknown.extend(others(value, known));
    request.server_tools.push(tool);
}

fn function<'a>(from: Json<'a>, unknown: &mut Vec<Json<'a>>) -> Result<Tool<'a>, Fault<'a>> {
    let mut tool = Tool {
        name: member(object(from)?, "name")?,
        description: None,
        schema: None,
        strict: None,
        grammar: None,
        cache: None,
        from,
    };
    for (key, value) in members(from)? {
        match &*key.decode() {
            "name" => {}
            "description" => tool.description = Some(text(value)?),
            "parameters" | "parametersJsonSchema" | "parameters_json_schema" => {
                tool.schema = Some(object(value)?);
            }
            _ => note(value, unknown),
        }
    }
    Ok(tool)
}

fn among(list: Json<'_>, required: bool) -> ToolChoice<'_> {
    ToolChoice::Allowed {
        names: list.items().filter_map(Json::as_text).collect(),
        required,
    }
}

fn tool_choice<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let (mut mode, mut allowed) = (None, None);
    for (key, value) in members(value)? {
        match &*key.decode() {
            "mode" => mode = Some(value),
            "allowedFunctionNames" | "allowed_function_names" => allowed = Some(array(value)?),
            _ => note(value, &mut request.unknown),
        }
    }
    let allowed = allowed.filter(|list| !says_nothing(*list));
    let one = |list: Json<'a>| {
        let mut names = list.items();
        names.next().filter(|_| names.next().is_none())?.as_text()
    };
    let word = name(value, "mode").to_ascii_uppercase();
    let choice = match (word.as_str(), mode) {
        ("" | "MODE_UNSPECIFIED", _) => None,
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", _) => {
            let alone = allowed.and_then(one).map(ToolChoice::Tool);
            let some = allowed.map(|list| among(list, true));
            Some(alone.or(some).unwrap_or(ToolChoice::Required))
        }
        // The second differs in how closely arguments follow their schemas.
        ("AUTO" | "VALIDATED", _) => {
            Some(allowed.map_or(ToolChoice::Auto, |list| among(list, false)))
        }
        (_, mode) => {
            let at = mode.unwrap_or(value);
            return Err(Fault::new(
                at,
                "must be `AUTO`, `ANY`, `NONE` or `VALIDATED`",
            ));
        }
    };
    if let Some(choice) = choice {
        request.tool_choice = Some(Given {
            value: choice,
            from: value,
        });
    }
    Ok(())
}
