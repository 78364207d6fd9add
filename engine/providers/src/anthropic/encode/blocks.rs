//! Content blocks.

use tidegate_types::chat::{
    Json, Media, Part, PartKind, Text,
    write::{Array, Object},
};

use crate::dialect::{
    codec::{cache_control, tool_id},
    proof,
    words::arguments,
};

/// A part of which it is certain that this dialect can express it.
#[derive(Debug)]
pub(super) struct Block<'r, 'a> {
    kind: Source<'r, 'a>,
    cache: Option<Json<'a>>,
    /// What a tool result may hold.
    inner: Vec<&'r Part<'a>>,
}

/// A part of the request, or one made here.
#[derive(Debug)]
enum Source<'r, 'a> {
    Borrowed(&'r PartKind<'a>),
    Made(PartKind<'a>),
}

impl<'r, 'a> Block<'r, 'a> {
    /// The block, unless it would be empty or this dialect has none for it.
    pub(super) fn of(part: &'r Part<'a>, dropped: &mut Vec<Json<'a>>) -> Option<Self> {
        let mut inner = Vec::new();
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_blank() => {
                return None;
            }
            PartKind::ToolResult { parts, .. } => {
                for part in parts {
                    match &part.kind {
                        PartKind::Text { text, .. } if text.is_blank() => {}
                        kind if in_result(kind) => inner.push(part),
                        _ => dropped.push(part.from),
                    }
                }
            }
            kind if expressible(kind) => {}
            _ => {
                dropped.push(part.from);
                return None;
            }
        }
        Some(Self {
            kind: Source::Borrowed(&part.kind),
            cache: part.cache,
            inner,
        })
    }

    pub(super) fn words(words: &'static str) -> Self {
        let text = PartKind::Text {
            text: Text::Escaped(words),
            citations: Vec::new(),
        };
        Self {
            kind: Source::Made(text),
            cache: None,
            inner: Vec::new(),
        }
    }

    pub(super) fn kind(&self) -> &PartKind<'a> {
        match &self.kind {
            Source::Borrowed(kind) => kind,
            Source::Made(kind) => kind,
        }
    }

    pub(super) fn is_result(&self) -> bool {
        matches!(self.kind(), PartKind::ToolResult { .. })
    }

    pub(super) fn trim_end(&mut self) {
        if let PartKind::Text { text, .. } = self.kind() {
            let text = text.decode();
            let trimmed = text.trim_end();
            if trimmed.len() < text.len() {
                let text = Text::plain(trimmed.to_owned());
                self.kind = Source::Made(PartKind::Text {
                    text,
                    citations: Vec::new(),
                });
            }
        }
    }

    pub(super) fn write(&self, list: &mut Array<'_>) {
        list.object(|block| {
            match self.kind() {
                PartKind::ToolResult { id, failed, .. } => {
                    block
                        .str("type", "tool_result")
                        .text("tool_use_id", &tool_id(id, usize::MAX));
                    self.result(block);
                    if failed.is_some() {
                        block.literal("is_error", "true");
                    }
                }
                kind => plain(kind, block),
            }
            cache_control(self.cache, block);
        });
    }

    fn result(&self, block: &mut Object<'_>) {
        match self.inner.as_slice() {
            [] => {}
            [
                Part {
                    kind: PartKind::Text { text, .. },
                    cache: None,
                    ..
                },
            ] => {
                block.text("content", text);
            }
            parts => {
                block.array("content", |list| {
                    for part in parts {
                        list.object(|inner| {
                            plain(&part.kind, inner);
                            cache_control(part.cache, inner);
                        });
                    }
                });
            }
        }
    }
}

fn expressible(kind: &PartKind<'_>) -> bool {
    match kind {
        // A proof of the reasoning is asked for, and other vendors give none, or one of their own.
        PartKind::Thinking { signature, .. } => signature
            .as_ref()
            .is_some_and(|signature| !signature.is_empty() && !proof::is_foreign(signature)),
        PartKind::RedactedThinking(data) => !proof::is_foreign(data),
        PartKind::Image { media, .. } => matches!(media, Media::Url(_) | Media::Base64 { .. }),
        PartKind::Document { media, .. } => !matches!(media, Media::File(_)),
        PartKind::Audio(_) | PartKind::Video(_) => false,
        _ => true,
    }
}

fn in_result(kind: &PartKind<'_>) -> bool {
    matches!(
        kind,
        PartKind::Text { .. } | PartKind::Image { .. } | PartKind::Document { .. }
    ) && expressible(kind)
}

fn plain(kind: &PartKind<'_>, block: &mut Object<'_>) {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            block.str("type", "text").text("text", text);
        }
        PartKind::Image { media, .. } => {
            block.str("type", "image");
            source(media, block);
        }
        PartKind::Document {
            media,
            name,
            context,
            cite,
        } => {
            block.str("type", "document");
            source(media, block);
            if let Some(name) = name {
                block.text("title", name);
            }
            block.json_if("context", *context);
            if cite.is_some() {
                block.literal("citations", r#"{"enabled":true}"#);
            }
        }
        PartKind::Thinking { text, signature } => {
            block.str("type", "thinking").text("thinking", text);
            if let Some(signature) = signature {
                block.text("signature", signature);
            }
        }
        PartKind::RedactedThinking(data) => {
            block.str("type", "redacted_thinking").text("data", data);
        }
        PartKind::ToolCall {
            id,
            name,
            arguments: given,
            ..
        } => {
            block
                .str("type", "tool_use")
                .text("id", &tool_id(id, usize::MAX))
                .text("name", name);
            arguments(given, block.key("input"));
        }
        PartKind::Audio(_) | PartKind::Video(_) | PartKind::ToolResult { .. } => {}
    }
}

fn source(media: &Media<'_>, block: &mut Object<'_>) {
    block.object("source", |source| {
        match media {
            Media::Url(url) => source.str("type", "url").text("url", url),
            Media::Base64 { media_type, data } => source
                .str("type", "base64")
                .text("media_type", media_type)
                .text("data", data),
            Media::Text(text) => source
                .str("type", "text")
                .str("media_type", "text/plain")
                .text("data", text),
            Media::File(id) => source.str("type", "file").text("file_id", id),
        };
    });
}
