//! Writing a request.

mod tools;

use tidegate_types::chat::{
    Arguments, Effort, Format, Json, Media, Message, Part, PartKind, Reasoning, Request, Role,
    Text, Tier,
    write::{Array, Object},
};

use super::response;
use crate::dialect::{
    codec::{MALFORMED, cache_control},
    custom, models, proof,
    words::joined,
};

/// OpenAI takes no more stop texts than this.
const MOST_STOPS: usize = 4;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
struct Writer<'a, 'd> {
    markers: bool,
    reasoning_back: bool,
    /// Claude behind a compatible endpoint takes its signed thoughts back.
    signed: bool,
    /// The model knows tools that take a free text.
    custom: bool,
    dropped: &'d mut Vec<Json<'a>>,
}

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    let mut writer = Writer {
        markers: models::knows_cache_control(model),
        reasoning_back: models::wants_reasoning_back(model),
        signed: model.contains("claude"),
        custom: models::knows_custom_tools(model),
        dropped,
    };
    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    body.str("model", model);
    body.array("messages", |list| {
        writer.system(&request.system, list);
        for message in &request.messages {
            writer.message(message, list);
        }
    });
    writer.tools(request, model, &mut body);
    if let Some(bound) = &request.max_output {
        let completion = models::wants_max_completion_tokens(model);
        let key = if completion {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.number(key, bound.value);
    }
    body.json_if("temperature", request.temperature)
        .json_if("top_p", request.top_p)
        .json_if("frequency_penalty", request.frequency_penalty)
        .json_if("presence_penalty", request.presence_penalty)
        .json_if("seed", request.seed);
    if request.logprobs.is_some() {
        body.literal("logprobs", "true");
        body.json_if("top_logprobs", request.top_logprobs);
    } else {
        writer.dropped.extend(request.top_logprobs);
    }
    if let Some(choices) = &request.choices {
        body.number("n", choices.value);
    }
    writer.dropped.extend(request.top_k);
    if !request.stop.is_empty() {
        let (kept, left) = request.stop.split_at(request.stop.len().min(MOST_STOPS));
        body.array("stop", |list| {
            for text in kept {
                list.item().extend_from_slice(text.as_str().as_bytes());
            }
        });
        writer.dropped.extend(left);
    }
    if let Some(stream) = request.stream {
        body.literal("stream", if stream { "true" } else { "false" });
    }
    if request.pictures.is_some() {
        body.literal("modalities", r#"["text","image"]"#);
    }
    let own = models::of_openai(model);
    ids(request, own, &mut body, writer.dropped);
    if own {
        body.json_if("verbosity", request.verbosity);
    } else {
        writer.dropped.extend(request.verbosity);
    }
    writer.reasoning(request, model, &mut body);
    format(request, &mut body);
    tier(request, &mut body);
    body.close();
    out
}

/// Who asks, and what the caller attaches, in the names that OpenAI's dialects share. Others who speak
/// them know `user` as a rule, and refuse what they do not know.
pub(crate) fn ids<'a>(
    request: &Request<'a>,
    own: bool,
    body: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if !own {
        body.json_if("user", request.end_user(dropped));
        dropped.extend(
            [request.cache_key, request.cache_retention]
                .into_iter()
                .flatten(),
        );
        dropped.extend(request.metadata);
        return;
    }
    body.json_if("user", request.user)
        .json_if("safety_identifier", request.safety_identifier)
        .json_if("prompt_cache_key", request.cache_key)
        .json_if("prompt_cache_retention", request.cache_retention)
        .json_if("metadata", request.metadata);
}

/// The class of service, in the names that OpenAI's dialects share.
pub(crate) fn tier(request: &Request<'_>, body: &mut Object<'_>) {
    let name = match request.tier.as_ref().map(|tier| tier.value) {
        Some(Tier::Standard) => "default",
        Some(Tier::Flex) => "flex",
        Some(Tier::Priority) => "priority",
        Some(Tier::Auto) | None => return,
    };
    body.str("service_tier", name);
}

fn format(request: &Request<'_>, body: &mut Object<'_>) {
    match request.format.as_ref().map(|format| &format.value) {
        None => {}
        Some(Format::Json) => {
            body.literal("response_format", r#"{"type":"json_object"}"#);
        }
        Some(Format::Schema {
            name,
            description,
            schema,
            strict,
        }) => {
            body.object("response_format", |format| {
                format
                    .str("type", "json_schema")
                    .object("json_schema", |inner| {
                        match name {
                            Some(name) => inner.text("name", name),
                            None => inner.str("name", "reply"),
                        };
                        if let Some(description) = description {
                            inner.text("description", description);
                        }
                        inner.json("schema", *schema);
                        inner.literal("strict", if *strict { "true" } else { "false" });
                    });
            });
        }
    }
}

impl<'a> Writer<'a, '_> {
    fn system(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let texts = self.texts(parts);
        if texts.is_empty() {
            return;
        }
        list.object(|message| {
            message.str("role", "system");
            self.content(&texts, message);
        });
    }

    /// The parts that have words; the others are noted as dropped.
    fn texts<'p>(&mut self, parts: &'p [Part<'a>]) -> Vec<&'p Part<'a>> {
        let mut texts = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.kind {
                PartKind::Text { .. } => texts.push(part),
                _ => self.dropped.push(part.from),
            }
        }
        texts
    }

    /// `content` as a plain string where that says everything, which every vendor understands.
    fn content(&mut self, parts: &[&Part<'a>], message: &mut Object<'_>) {
        if let [
            Part {
                kind: PartKind::Text { text, .. },
                cache,
                ..
            },
        ] = parts
            && (cache.is_none() || !self.markers)
        {
            self.dropped.extend(*cache);
            message.text("content", text);
            return;
        }
        message.array("content", |list| {
            for part in parts {
                self.content_part(part, list);
            }
        });
    }

    fn content_part(&mut self, part: &Part<'a>, list: &mut Array<'_>) {
        let Some(shown) = Shown::of(&part.kind) else {
            self.dropped.push(part.from);
            return;
        };
        untold(&part.kind, self.dropped);
        list.object(|item| {
            match shown {
                Shown::Text(text) => {
                    item.str("type", "text").text("text", text);
                }
                Shown::Image(media, detail) => {
                    item.str("type", "image_url").object("image_url", |inner| {
                        url(inner.key("url"), media);
                        inner.json_if("detail", detail);
                    });
                }
                Shown::Audio(data, format) => {
                    item.str("type", "input_audio")
                        .object("input_audio", |audio| {
                            audio.text("data", data).str("format", format);
                        });
                }
                Shown::File(media, name) => {
                    item.str("type", "file").object("file", |file| {
                        match name {
                            Some(name) => file.text("filename", name),
                            None => file.str("filename", "document.pdf"),
                        };
                        url(file.key("file_data"), media);
                    });
                }
            }
            self.marker(part.cache, item);
        });
    }

    fn marker(&mut self, cache: Option<Json<'a>>, item: &mut Object<'_>) {
        if self.markers {
            cache_control(cache, item);
        } else {
            self.dropped.extend(cache);
        }
    }

    fn message(&mut self, message: &Message<'a>, list: &mut Array<'_>) {
        match message.role {
            Role::User => self.user(&message.parts, list),
            Role::Assistant => self.assistant(&message.parts, list),
        }
    }

    /// Tool results become messages of their own, directly behind the calls they answer. What a
    /// tool message cannot hold (images, files) follows in the user's message.
    fn user(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let mut rest: Vec<&Part<'a>> = Vec::new();
        for part in parts {
            let PartKind::ToolResult { id, parts, failed } = &part.kind else {
                continue;
            };
            self.dropped.extend(*failed);
            let mut words: Vec<&Text<'a>> = Vec::new();
            for inner in parts {
                match Shown::of(&inner.kind) {
                    Some(Shown::Text(text)) => {
                        words.push(text);
                        untold(&inner.kind, self.dropped);
                        self.dropped.extend(inner.cache);
                    }
                    Some(_) => rest.push(inner),
                    None => self.dropped.push(inner.from),
                }
            }
            list.object(|message| {
                message.str("role", "tool").text("tool_call_id", id);
                if words.is_empty() && parts.iter().any(|inner| Shown::of(&inner.kind).is_some()) {
                    message.str("content", "(the result follows in the next message)");
                } else {
                    joined(message.key("content"), &words, "\\n");
                }
                self.marker(part.cache, message);
            });
        }
        rest.extend(
            parts
                .iter()
                .filter(|part| !matches!(part.kind, PartKind::ToolResult { .. })),
        );
        let told = parts
            .iter()
            .any(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        if rest.is_empty() && told {
            return;
        }
        list.object(|message| {
            message.str("role", "user");
            if rest.is_empty() {
                message.str("content", "");
            } else {
                self.content(&rest, message);
            }
        });
    }

    fn assistant(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let mut words: Vec<&Text<'a>> = Vec::new();
        let mut thoughts: Vec<&Text<'a>> = Vec::new();
        let mut refusal = None;
        let mut calls = Vec::new();
        let mut signed = Vec::new();
        for part in parts {
            match &part.kind {
                PartKind::Text { text, .. } => words.push(text),
                PartKind::Refusal(text) => refusal = Some(text),
                PartKind::ToolCall { .. } => calls.push(part),
                PartKind::Thinking {
                    signature: Some(proof),
                    ..
                }
                | PartKind::RedactedThinking(proof)
                    if self.signed && !proof::is_foreign(proof) =>
                {
                    signed.push(&part.kind);
                }
                PartKind::Thinking { text, .. } if self.reasoning_back => thoughts.push(text),
                _ => {
                    self.dropped.push(part.from);
                    continue;
                }
            }
            if !matches!(part.kind, PartKind::ToolCall { .. }) {
                self.dropped.extend(part.cache);
            }
        }
        if words.is_empty() && refusal.is_none() && calls.is_empty() {
            return;
        }
        list.object(|message| {
            message.str("role", "assistant");
            if words.is_empty() {
                message.literal("content", "null");
            } else {
                joined(message.key("content"), &words, "");
            }
            if let Some(refusal) = refusal {
                message.text("refusal", refusal);
            }
            if !thoughts.is_empty() {
                joined(message.key("reasoning_content"), &thoughts, "\\n");
            }
            if !signed.is_empty() {
                message.array("thinking_blocks", |list| {
                    for kind in signed {
                        list.object(|item| response::thinking_block(kind, item));
                    }
                });
            }
            if !calls.is_empty() {
                message.array("tool_calls", |list| {
                    for part in calls {
                        if let PartKind::ToolCall {
                            id,
                            name,
                            arguments,
                            signature,
                        } = &part.kind
                        {
                            list.object(|call| {
                                if self.custom {
                                    call_of_reply(id, name, arguments, call);
                                } else {
                                    tool_call(id, name, arguments, call);
                                }
                                write_proof(signature.as_ref(), call);
                                self.marker(part.cache, call);
                            });
                        }
                    }
                });
            }
        });
    }

    fn reasoning(&mut self, request: &Request<'a>, model: &str, body: &mut Object<'_>) {
        // Vendors of this dialect show what they show.
        self.dropped.extend(request.unmet_thoughts());
        let Some(given) = &request.reasoning else {
            return;
        };
        let level = match given.value {
            Reasoning::Off => {
                if models::can_skip_reasoning(model) {
                    body.str("reasoning_effort", "none");
                }
                return;
            }
            Reasoning::Effort(level) => level.min(Effort::High),
            Reasoning::Budget(0..=2048) => Effort::Low,
            Reasoning::Budget(2049..=8192) | Reasoning::Adaptive => Effort::Medium,
            Reasoning::Budget(_) => Effort::High,
        };
        if models::never_reasons(model) {
            self.dropped.push(given.from);
        } else {
            body.str("reasoning_effort", level.name());
        }
    }
}

/// Notes what OpenAI's dialects have no place for in a part that they can show.
pub(crate) fn untold<'a>(kind: &PartKind<'a>, dropped: &mut Vec<Json<'a>>) {
    if let PartKind::Document { context, cite, .. } = kind {
        dropped.extend(*context);
        dropped.extend(*cite);
    }
}

/// What a content part of this dialect can show.
enum Shown<'p, 'a> {
    Text(&'p Text<'a>),
    Image(&'p Media<'a>, Option<Json<'a>>),
    File(&'p Media<'a>, Option<&'p Text<'a>>),
    /// Sound, and OpenAI's name for its format.
    Audio(&'p Text<'a>, &'static str),
}

impl<'p, 'a> Shown<'p, 'a> {
    fn of(kind: &'p PartKind<'a>) -> Option<Self> {
        match kind {
            PartKind::Image {
                media: media @ (Media::Url(_) | Media::Base64 { .. }),
                detail,
            } => Some(Self::Image(media, *detail)),
            PartKind::Document {
                media: media @ Media::Base64 { .. },
                name,
                ..
            } => Some(Self::File(media, name.as_ref())),
            PartKind::Audio(Media::Base64 { media_type, data }) => {
                Some(Self::Audio(data, audio_format(&media_type.decode())?))
            }
            PartKind::Text { text, .. }
            | PartKind::Refusal(text)
            | PartKind::Document {
                media: Media::Text(text),
                ..
            } => Some(Self::Text(text)),
            _ => None,
        }
    }
}

/// The two formats OpenAI's reference names for `input_audio`.
pub(crate) fn audio_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => Some("wav"),
        "audio/mp3" | "audio/mpeg" => Some("mp3"),
        _ => None,
    }
}

/// The address of a picture or document, or a `data:` URL that holds it.
pub(crate) fn url(out: &mut Vec<u8>, media: &Media<'_>) {
    match media {
        Media::Base64 { media_type, data } => {
            let (comma, scheme) = (Text::Escaped(";base64,"), Text::Escaped("data:"));
            joined(out, &[&scheme, media_type, &comma, data], "");
        }
        Media::Url(text) | Media::Text(text) | Media::File(text) => text.write(out),
    }
}

pub(crate) fn tool_call(
    id: &Text<'_>,
    name: &Text<'_>,
    arguments: &Arguments<'_>,
    call: &mut Object<'_>,
) {
    call.text("id", id)
        .str("type", "function")
        .object("function", |function| {
            function.text("name", name);
            match arguments {
                Arguments::Text(text) => function.text("arguments", text),
                Arguments::Json(value) => match malformed(*value) {
                    Some(text) => function.text("arguments", &text),
                    None => function.str("arguments", value.as_str()),
                },
            };
        });
}

/// A call as a caller of this dialect knows it: a stand-in is its custom tool again.
pub(crate) fn call_of_reply(
    id: &Text<'_>,
    name: &Text<'_>,
    arguments: &Arguments<'_>,
    call: &mut Object<'_>,
) {
    let Some(own) = custom::name(name) else {
        return tool_call(id, name, arguments, call);
    };
    call.text("id", id)
        .str("type", "custom")
        .object("custom", |inner| {
            inner
                .str("name", &own)
                .text("input", &custom::input(arguments));
        });
}

/// The proof of a call's reasoning where Gemini's compatible endpoint has it ("Thought signatures").
pub(crate) fn write_proof(signature: Option<&Text<'_>>, call: &mut Object<'_>) {
    if let Some(signature) = signature {
        call.object("extra_content", |extra| {
            extra.object("google", |google| {
                google.text("thought_signature", signature);
            });
        });
    }
}

/// The arguments that a stand-in object hides.
pub(crate) fn malformed(value: Json<'_>) -> Option<Text<'_>> {
    let mut members = value.members();
    let (key, value) = members.next()?;
    if key.is(MALFORMED) && members.next().is_none() {
        value.as_text()
    } else {
        None
    }
}
