//! Messages and their content.

use tidegate_types::chat::{
    Arguments, Json, Media, Part, PartKind, Request, Role, Text,
    write::{Array, Object},
};

use crate::openai;

pub(super) struct Writer<'a, 'd> {
    /// Whether the model knows thinking; for others only the plan of its calls is told.
    pub(super) reasons: bool,
    pub(super) dropped: &'d mut Vec<Json<'a>>,
}

impl<'a> Writer<'a, '_> {
    /// The instructions, with `more` at their end, and the conversation.
    pub(super) fn conversation(
        &mut self,
        request: &Request<'a>,
        more: Option<&'static str>,
        list: &mut Array<'_>,
    ) {
        // Without any message the instructions are the message.
        let alone = request.messages.is_empty();
        self.system(
            if alone { "user" } else { "system" },
            &request.system,
            more,
            list,
        );
        // The results of a turn stand together behind its calls, even where they come in several
        // messages; what they cannot hold waits until they are all there.
        let mut rest: Vec<&Part<'a>> = Vec::new();
        for message in &request.messages {
            match message.role {
                Role::User => {
                    self.results(&message.parts, &mut rest, list);
                    let others = message.parts.iter().filter(|part| !is_result(part));
                    let before = rest.len();
                    rest.extend(others);
                    if rest.len() > before {
                        self.user(&std::mem::take(&mut rest), list);
                    }
                }
                Role::Assistant => {
                    self.user(&std::mem::take(&mut rest), list);
                    self.assistant(&message.parts, list);
                }
            }
        }
        self.user(&rest, list);
        if list.is_empty() {
            // The vendor says better than this room what is wrong with an empty conversation.
            list.object(|message| {
                message.str("role", "user").str("content", "");
            });
        }
    }

    fn system(
        &mut self,
        role: &str,
        parts: &[Part<'a>],
        more: Option<&'static str>,
        list: &mut Array<'_>,
    ) {
        let more = more.map(Text::Escaped);
        let mut words = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            match &part.kind {
                PartKind::Text { text, .. } => {
                    self.dropped.extend(part.cache);
                    // Nobody may send nothing.
                    if !text.is_blank() {
                        words.push(text);
                    }
                }
                _ => self.dropped.push(part.from),
            }
        }
        words.extend(&more);
        if words.is_empty() {
            return;
        }
        list.object(|message| {
            message.str("role", role);
            texts(&words, message);
        });
    }

    /// Tool results become messages of their own, directly behind the calls they answer. What a
    /// tool message cannot hold (images) is added to `rest`.
    fn results<'p>(
        &mut self,
        parts: &'p [Part<'a>],
        rest: &mut Vec<&'p Part<'a>>,
        list: &mut Array<'_>,
    ) {
        for part in parts {
            let PartKind::ToolResult { id, parts, failed } = &part.kind else {
                continue;
            };
            self.dropped.extend(*failed);
            self.dropped.extend(part.cache);
            list.object(|message| {
                message.str("role", "tool").text("tool_call_id", id);
                self.result(parts, rest, message);
            });
        }
    }

    /// A user's message, unless there is nothing in it: the vendor refuses empty turns.
    fn user(&mut self, parts: &[&Part<'a>], list: &mut Array<'_>) {
        let shown: Vec<_> = parts.iter().filter(|part| self.shows(part)).collect();
        if shown.is_empty() {
            return;
        }
        list.object(|message| {
            message.str("role", "user");
            match shown.as_slice() {
                [
                    Part {
                        kind: PartKind::Text { text, .. },
                        ..
                    },
                ] => message.text("content", text),
                parts => message.array("content", |list| {
                    for part in parts {
                        block(&part.kind, list);
                    }
                }),
            };
        });
    }

    /// Whether a user's message can show the part; noted as dropped if not.
    fn shows(&mut self, part: &Part<'a>) -> bool {
        let shown = match &part.kind {
            // An empty block adds nothing.
            PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_blank() => {
                self.dropped.extend(part.cache);
                return false;
            }
            PartKind::Text { .. } | PartKind::Refusal(_) => true,
            PartKind::Image { media, .. } => matches!(media, Media::Url(_) | Media::Base64 { .. }),
            PartKind::Document { media, .. } => matches!(media, Media::Text(_)),
            _ => false,
        };
        if shown {
            openai::untold(&part.kind, self.dropped);
        }
        self.dropped
            .extend(if shown { part.cache } else { Some(part.from) });
        shown
    }

    fn result<'p>(
        &mut self,
        parts: &'p [Part<'a>],
        rest: &mut Vec<&'p Part<'a>>,
        message: &mut Object<'_>,
    ) {
        let mut held: Vec<&Part<'a>> = Vec::new();
        let mut moved = false;
        for part in parts {
            match &part.kind {
                PartKind::Text { .. }
                | PartKind::Refusal(_)
                | PartKind::Document {
                    media: Media::Text(_),
                    ..
                } => {
                    self.dropped.extend(part.cache);
                    openai::untold(&part.kind, self.dropped);
                    held.push(part);
                }
                PartKind::Image { .. } => {
                    moved = true;
                    rest.push(part);
                }
                _ => self.dropped.push(part.from),
            }
        }
        match held.as_slice() {
            [] if moved => {
                message.str("content", "(the result follows in the next message)");
            }
            [] => {
                message.str("content", "");
            }
            [
                Part {
                    kind: PartKind::Text { text, .. } | PartKind::Refusal(text),
                    ..
                },
            ] => {
                message.text("content", text);
            }
            parts => {
                message.array("content", |list| {
                    for part in parts {
                        if let PartKind::Document {
                            media: Media::Text(text),
                            name,
                            ..
                        } = &part.kind
                        {
                            list.object(|item| document(text, name.as_ref(), item));
                        } else {
                            block(&part.kind, list);
                        }
                    }
                });
            }
        }
    }

    fn assistant(&mut self, parts: &[Part<'a>], list: &mut Array<'_>) {
        let calls = |part: &&Part<'a>| matches!(part.kind, PartKind::ToolCall { .. });
        let called = parts.iter().any(|part| calls(&part));
        let mut words: Vec<&Text<'a>> = Vec::new();
        let mut thoughts: Vec<&Text<'a>> = Vec::new();
        for part in parts {
            match &part.kind {
                PartKind::Text { text, .. } | PartKind::Refusal(text) => {
                    if !text.is_blank() {
                        words.push(text);
                    }
                }
                PartKind::Thinking { text, .. } if self.reasons || called => {
                    if !text.is_empty() {
                        thoughts.push(text);
                    }
                }
                PartKind::ToolCall { .. } => {}
                _ => {
                    self.dropped.push(part.from);
                    continue;
                }
            }
            self.dropped.extend(part.cache);
        }
        if words.is_empty() && !called {
            return;
        }
        list.object(|message| {
            message.str("role", "assistant");
            let blocks = self.reasons && !thoughts.is_empty();
            if blocks {
                message.array("content", |list| {
                    for text in &thoughts {
                        list.object(|item| {
                            item.str("type", "thinking").text("thinking", text);
                        });
                    }
                    for text in &words {
                        word(text, list);
                    }
                });
            } else {
                if !thoughts.is_empty() {
                    crate::dialect::words::joined(message.key("tool_plan"), &thoughts, "\\n");
                }
                if !words.is_empty() {
                    texts(&words, message);
                }
            }
            if called {
                message.array("tool_calls", |list| {
                    for part in parts.iter().filter(calls) {
                        if let PartKind::ToolCall {
                            id,
                            name,
                            arguments,
                            ..
                        } = &part.kind
                        {
                            let none = Arguments::Text(Text::Escaped("{}"));
                            let arguments = match arguments {
                                Arguments::Text(text) if text.is_blank() => &none,
                                given => given,
                            };
                            list.object(|call| openai::tool_call(id, name, arguments, call));
                        }
                    }
                });
            }
        });
    }
}

fn is_result(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::ToolResult { .. })
}

/// Words as a plain string where one says it all.
fn texts(words: &[&Text<'_>], message: &mut Object<'_>) {
    match words {
        [text] => message.text("content", text),
        words => message.array("content", |list| {
            for text in words {
                word(text, list);
            }
        }),
    };
}

fn word(text: &Text<'_>, list: &mut Array<'_>) {
    list.object(|item| {
        item.str("type", "text").text("text", text);
    });
}

fn block(kind: &PartKind<'_>, list: &mut Array<'_>) {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => word(text, list),
        PartKind::Image { media, detail } => {
            list.object(|item| {
                item.str("type", "image_url").object("image_url", |inner| {
                    openai::url(inner.key("url"), media);
                    inner.json_if("detail", *detail);
                });
            });
        }
        // The user's messages have no documents: its name and its words stand in its place.
        PartKind::Document {
            media: Media::Text(text),
            name,
            ..
        } => {
            if let Some(name) = name {
                word(name, list);
            }
            word(text, list);
        }
        _ => {}
    }
}

/// A document in a tool's result, which the model can cite.
fn document(text: &Text<'_>, name: Option<&Text<'_>>, item: &mut Object<'_>) {
    item.str("type", "document").object("document", |document| {
        document.object("data", |data| {
            if let Some(name) = name {
                data.text("title", name);
            }
            data.text("text", text);
        });
    });
}
