//! Reading a request.

use tidegate_types::chat::{
    Arguments, Citation, Effort, Format, Given, Json, Media, Message, Part, PartKind, Place,
    Reasoning, Request, Role, ServerKind, ServerTool, Text, Tier, Tool, ToolChoice, Unit,
};

use crate::dialect::{
    codec::{
        Fault, array, boolean, member, name, number, object, says_nothing, string, text, whole,
    },
    proof,
    server_tool::others,
};

/// Reads the body of `POST /v1/messages`.
pub(super) fn request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
    object(body)?;
    let mut request = Request::default();
    let mut effort = None;
    let mut talked = false;
    // Usage is part of every stream of this dialect.
    request.include_usage = true;
    for (key, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*key.decode() {
            "model" => {}
            "messages" => {
                talked = true;
                request.messages = messages(value, &mut request.unknown)?;
            }
            "system" => request.system = content(value, &mut request.unknown)?,
            "max_tokens" => {
                request.max_output = Some(Given {
                    value: whole(value)?,
                    from: value,
                });
            }
            "temperature" => request.temperature = Some(number(value)?),
            "top_p" => request.top_p = Some(number(value)?),
            "top_k" => request.top_k = Some(number(value)?),
            "stop_sequences" => {
                request.stop = array(value)?
                    .items()
                    .map(string)
                    .collect::<Result<_, _>>()?;
            }
            "stream" => request.stream = Some(boolean(value)?),
            "metadata" => {
                for (key, value) in object(value)?
                    .members()
                    .filter(|(_, value)| !value.is_null())
                {
                    if key.is("user_id") {
                        request.user = Some(string(value)?);
                    } else {
                        request.unknown.push(value);
                    }
                }
            }
            "tools" => {
                for tool in array(value)?.items() {
                    tools(tool, &mut request)?;
                }
            }
            "tool_choice" => tool_choice(value, &mut request)?,
            "thinking" => thinking(value, &mut request)?,
            "output_config" => {
                for (key, value) in object(value)?
                    .members()
                    .filter(|(_, value)| !value.is_null())
                {
                    match &*key.decode() {
                        "effort" => effort = Some(value),
                        "format" => format(value, &mut request)?,
                        _ => request.unknown.push(value),
                    }
                }
            }
            // The name during the beta.
            "output_format" => format(value, &mut request)?,
            "service_tier" => match &*text(value)?.decode() {
                "auto" => {
                    request.tier = Some(Given {
                        value: Tier::Auto,
                        from: value,
                    });
                }
                "standard_only" => {
                    request.tier = Some(Given {
                        value: Tier::Standard,
                        from: value,
                    });
                }
                _ => request.unknown.push(value),
            },
            _ if says_nothing(value) => {}
            _ => request.unknown.push(value),
        }
    }
    if !talked {
        return Err(Fault::missing(body, "messages"));
    }
    if let Some(value) = effort {
        match Effort::from_name(&text(value)?.decode()) {
            // Effort says how much to think only where thinking is on, or left open.
            Some(level) => match request.reasoning.as_ref().map(|given| given.value) {
                None | Some(Reasoning::Adaptive) => {
                    request.reasoning = Some(Given {
                        value: Reasoning::Effort(level),
                        from: value,
                    });
                }
                Some(_) => {}
            },
            None => request.unknown.push(value),
        }
    }
    Ok(request)
}

fn messages<'a>(
    value: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Message<'a>>, Fault<'a>> {
    let mut messages = Vec::new();
    for message in array(value)?.items() {
        object(message)?;
        let role = match &*member(message, "role")?.decode() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => {
                let role = message.get("role").unwrap_or(message);
                return Err(Fault::new(role, "must be `user` or `assistant`"));
            }
        };
        let parts = message
            .get("content")
            .ok_or_else(|| Fault::missing(message, "content"))?;
        messages.push(Message {
            role,
            parts: content(parts, unknown)?,
        });
    }
    Ok(messages)
}

/// A string or a list of blocks.
fn content<'a>(value: Json<'a>, unknown: &mut Vec<Json<'a>>) -> Result<Vec<Part<'a>>, Fault<'a>> {
    if let Some(text) = value.as_text() {
        return Ok(vec![Part::text(text, value)]);
    }
    if !value.is_array() {
        return Err(Fault::new(value, "must be a string or a list of blocks"));
    }
    let mut parts = Vec::new();
    for block in value.items() {
        object(block)?;
        match block_kind(block, unknown, true)? {
            Some(kind) => {
                parts.push(Part {
                    kind,
                    cache: block.get("cache_control"),
                    from: block,
                });
            }
            None => unknown.push(block),
        }
    }
    Ok(parts)
}

/// The neutral part that a block is; `None` for what runs at the vendor.
pub(super) fn block_kind<'a>(
    block: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
    with_results: bool,
) -> Result<Option<PartKind<'a>>, Fault<'a>> {
    Ok(Some(match &*name(block, "type") {
        "text" => PartKind::Text {
            text: member(block, "text")?,
            citations: citations(block),
        },
        "image" => match media(block)? {
            Some(media) => PartKind::Image {
                media,
                detail: None,
            },
            None => return Ok(None),
        },
        "document" => match media(block)? {
            Some(media) => {
                let cite = block.get("citations");
                PartKind::Document {
                    media,
                    name: block.get("title").map(text).transpose()?,
                    context: block.get("context"),
                    cite: cite
                        .filter(|cite| cite.get("enabled").and_then(Json::as_bool) == Some(true)),
                }
            }
            None => return Ok(None),
        },
        "thinking" => PartKind::Thinking {
            text: member(block, "thinking")?,
            signature: block.get("signature").map(text).transpose()?,
        },
        "redacted_thinking" => PartKind::RedactedThinking(member(block, "data")?),
        "tool_use" => {
            let (id, signature) = proof::take(member(block, "id")?);
            PartKind::ToolCall {
                id,
                name: member(block, "name")?,
                arguments: match block.get("input") {
                    Some(input) => Arguments::Json(object(input)?),
                    None => Arguments::Text(Text::Escaped("")),
                },
                signature,
            }
        }
        "tool_result" if with_results => {
            let mut parts = Vec::new();
            if let Some(inner) = block.get("content") {
                parts = result_content(inner, unknown)?;
            }
            let failed = block
                .get("is_error")
                .filter(|value| value.as_bool() == Some(true));
            PartKind::ToolResult {
                id: proof::take(member(block, "tool_use_id")?).0,
                parts,
                failed,
            }
        }
        "" => return Err(Fault::missing(block, "type")),
        _ => return Ok(None),
    }))
}

/// What a tool result holds. Results do not nest, which bounds the recursion.
fn result_content<'a>(
    value: Json<'a>,
    unknown: &mut Vec<Json<'a>>,
) -> Result<Vec<Part<'a>>, Fault<'a>> {
    if let Some(text) = value.as_text() {
        return Ok(vec![Part::text(text, value)]);
    }
    let mut parts = Vec::new();
    for block in array(value)?.items() {
        match block_kind(object(block)?, unknown, false)? {
            Some(kind) => {
                parts.push(Part {
                    kind,
                    cache: block.get("cache_control"),
                    from: block,
                });
            }
            None => unknown.push(block),
        }
    }
    Ok(parts)
}

fn citations(block: Json<'_>) -> Vec<Citation<'_>> {
    let list = block
        .get("citations")
        .map(Json::items)
        .into_iter()
        .flatten();
    list.filter_map(citation).collect()
}

/// A source with an address, or a place in a document of the request.
pub(super) fn citation(source: Json<'_>) -> Option<Citation<'_>> {
    let word = |key| source.get(key).and_then(Json::as_text);
    let number = |key| source.get(key).and_then(Json::as_u64);
    let place = |unit, start, end| {
        Some(Place {
            document: number("document_index")?,
            unit,
            start: number(start)?,
            end: number(end)?,
        })
    };
    let place = match &*name(source, "type") {
        "char_location" => place(Unit::Character, "start_char_index", "end_char_index"),
        "page_location" => place(Unit::Page, "start_page_number", "end_page_number"),
        "content_block_location" => place(Unit::Block, "start_block_index", "end_block_index"),
        _ => None,
    };
    let title = word("title").or_else(|| word("document_title"));
    let url = word("url").or_else(|| {
        // A search result names its source freely; an address is one that others can show.
        word("source").filter(|source| source.decode().contains("://"))
    });
    Some(Citation {
        url: match (url, &place) {
            (Some(url), _) => url,
            (None, Some(_)) => Text::Escaped(""),
            (None, None) => return None,
        },
        title,
        quote: word("cited_text"),
        place,
    })
}

fn media(block: Json<'_>) -> Result<Option<Media<'_>>, Fault<'_>> {
    let source = block
        .get("source")
        .ok_or_else(|| Fault::missing(block, "source"))?;
    Ok(match &*name(object(source)?, "type") {
        "base64" => Some(Media::Base64 {
            media_type: member(source, "media_type")?,
            data: member(source, "data")?,
        }),
        "url" => Some(Media::Url(member(source, "url")?)),
        "text" => Some(Media::Text(member(source, "data")?)),
        "file" => Some(Media::File(member(source, "file_id")?)),
        // A document made of blocks: its words, if that is all it is.
        "content" => source.get("content").and_then(|content| {
            let texts = content.items().map(|block| block.get("text")?.as_text());
            let texts: Option<Vec<_>> = texts.collect();
            let words: Vec<_> = texts?
                .iter()
                .map(|text| text.decode().into_owned())
                .collect();
            content
                .as_text()
                .or_else(|| Some(Text::plain(words.join("\n"))))
                .map(Media::Text)
        }),
        _ => None,
    })
}

/// Members of a tool that are read. How its arguments are streamed is the vendor's own affair.
const TOOL: &[&str] = &[
    "type",
    "name",
    "description",
    "input_schema",
    "strict",
    "cache_control",
    "eager_input_streaming",
];

fn server_tool<'a>(kind: ServerKind, tool: Json<'a>, request: &mut Request<'a>) {
    let mut read = ServerTool::new(kind, tool);
    read.allowed = tool.get("allowed_domains");
    read.blocked = tool.get("blocked_domains");
    read.location = tool.get("user_location");
    read.most_uses = tool.get("max_uses");
    let known = &[
        "type",
        "name",
        "allowed_domains",
        "blocked_domains",
        "user_location",
        "max_uses",
    ];
    request.unknown.extend(others(tool, known));
    request.server_tools.push(read);
}

fn tools<'a>(tool: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    match &*name(object(tool)?, "type") {
        "custom" | "" => request.tools.push(Tool {
            name: member(tool, "name")?,
            description: tool.get("description").map(text).transpose()?,
            schema: tool.get("input_schema").map(object).transpose()?,
            strict: tool.get("strict").map(boolean).transpose()?,
            grammar: None,
            cache: tool.get("cache_control"),
            from: {
                request.unknown.extend(others(tool, TOOL));
                tool
            },
        }),
        kind if kind.starts_with("web_search_") => server_tool(ServerKind::Search, tool, request),
        kind if kind.starts_with("web_fetch_") => server_tool(ServerKind::Fetch, tool, request),
        kind if kind.starts_with("code_execution_") => server_tool(ServerKind::Code, tool, request),
        // Other tools that run at the vendor mean nothing elsewhere.
        _ => request.unknown.push(tool),
    }
    Ok(())
}

fn tool_choice<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let kind = object(value)?
        .get("type")
        .ok_or_else(|| Fault::missing(value, "type"))?;
    let choice = match &*text(kind)?.decode() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(member(value, "name")?),
        _ => return Err(Fault::new(kind, "must be `auto`, `any`, `tool` or `none`")),
    };
    request.tool_choice = Some(Given {
        value: choice,
        from: value,
    });
    if let Some(single) = value.get("disable_parallel_tool_use") {
        request.parallel_tool_calls = Some(Given {
            value: !boolean(single)?,
            from: single,
        });
    }
    Ok(())
}

fn thinking<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    let level = match &*name(object(value)?, "type") {
        "enabled" => Reasoning::Budget(match value.get("budget_tokens") {
            Some(budget) => whole(budget)?,
            None => return Err(Fault::missing(value, "budget_tokens")),
        }),
        "disabled" => Reasoning::Off,
        "adaptive" => Reasoning::Adaptive,
        _ => {
            request.unknown.push(value);
            return Ok(());
        }
    };
    request.reasoning = Some(Given {
        value: level,
        from: value,
    });
    match &*name(value, "display") {
        "" => {}
        word @ ("summarized" | "omitted") => {
            request.thoughts = Some(Given {
                value: word == "summarized",
                from: value.get("display").unwrap_or(value),
            });
        }
        _ => request.unknown.extend(value.get("display")),
    }
    Ok(())
}

fn format<'a>(value: Json<'a>, request: &mut Request<'a>) -> Result<(), Fault<'a>> {
    if name(object(value)?, "type") != "json_schema" {
        request.unknown.push(value);
        return Ok(());
    }
    let schema = value
        .get("schema")
        .ok_or_else(|| Fault::missing(value, "schema"))?;
    let format = Format::Schema {
        name: None,
        description: None,
        schema: object(schema)?,
        // This dialect knows no other way.
        strict: true,
    };
    request.format = Some(Given {
        value: format,
        from: value,
    });
    Ok(())
}
