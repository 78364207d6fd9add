//! Content blocks.

use std::collections::BTreeMap;

use tidegate_types::chat::{
    Json, Media, Part, PartKind, Text,
    write::{Array, Object},
};

use crate::{
    bedrock::{
        family::Family,
        format::{self, AUDIO, DOCUMENT, IMAGE, VIDEO},
    },
    dialect::{codec::tool_id, words::arguments},
};

/// Longest id of a call ("ToolUseBlock").
const LONGEST_ID: usize = 64;

/// Makes blocks of parts. Documents of one request may not share a name.
#[derive(Debug)]
pub(super) struct Blocks {
    family: Family,
    names: BTreeMap<String, usize>,
}

/// A part of which it is certain that this dialect can express it.
#[derive(Debug)]
pub(super) struct Block<'r, 'a> {
    kind: Source<'r, 'a>,
    cache: Option<Lifetime<'a>>,
    /// Format of what is no text, and name of a document.
    shape: Shape,
    failed: bool,
    /// What a tool result holds.
    inner: Vec<(&'r PartKind<'a>, Shape)>,
}

/// A part of the request, or one made here.
#[derive(Debug)]
enum Source<'r, 'a> {
    Borrowed(&'r PartKind<'a>),
    Made(PartKind<'a>),
}

#[derive(Debug, Default)]
struct Shape {
    format: Option<&'static str>,
    name: String,
}

/// How long a cache entry lives, where the caller says so.
pub(super) type Lifetime<'a> = Option<Json<'a>>;

impl Blocks {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            names: BTreeMap::new(),
        }
    }

    /// The block, unless it would be empty or this dialect has none for it.
    pub(super) fn block<'r, 'a>(
        &mut self,
        part: &'r Part<'a>,
        dropped: &mut Vec<Json<'a>>,
    ) -> Option<Block<'r, 'a>> {
        let mut inner = Vec::new();
        let mut marker = part.cache;
        let mut failed = false;
        let mut shape = Shape::default();
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_blank() => {
                return None;
            }
            PartKind::ToolResult {
                parts,
                failed: mark,
                ..
            } => {
                for part in parts {
                    // A marker inside a result moves behind it.
                    marker = marker.or(part.cache);
                    match &part.kind {
                        PartKind::Text { text, .. } if text.is_blank() => {}
                        kind => match self.shape(kind).filter(|_| in_result(kind)) {
                            Some(shape) => inner.push((kind, shape)),
                            None => dropped.push(part.from),
                        },
                    }
                }
                failed = mark.is_some() && self.family.marks_failure();
                dropped.extend(mark.filter(|_| !failed));
            }
            kind => {
                let Some(found) = self.shape(kind) else {
                    dropped.push(part.from);
                    return None;
                };
                shape = found;
            }
        }
        let cache = match marker {
            Some(marker) if self.family.caches() => Some(lifetime(marker, self.family, dropped)),
            Some(marker) => {
                dropped.push(marker);
                None
            }
            None => None,
        };
        Some(Block {
            kind: Source::Borrowed(&part.kind),
            cache,
            shape,
            failed,
            inner,
        })
    }

    /// What must be known to write a part; `None` where this dialect has no block for it.
    fn shape(&mut self, kind: &PartKind<'_>) -> Option<Shape> {
        let format = match kind {
            PartKind::Image { media, .. } => format_of(IMAGE, media)?,
            PartKind::Video(media) => format_of(VIDEO, media)?,
            PartKind::Audio(media) => format_of(AUDIO, media)?,
            PartKind::Document { media, name, .. } => {
                let name = name.as_ref().map(Text::decode).unwrap_or_default();
                let format = match media {
                    Media::Text(_) => "txt",
                    media => format_of(DOCUMENT, media).or_else(|| {
                        let plain = matches!(media, Media::Base64 { media_type, .. }
                            if media_type.decode().starts_with("text/"));
                        let guess = format::of_name(DOCUMENT, &name);
                        let ours = matches!(media, Media::Base64 { .. });
                        guess.filter(|_| ours).or(plain.then_some("txt"))
                    })?,
                };
                return Some(Shape {
                    format: Some(format),
                    name: self.unused(format::document_name(&name, Some(format))),
                });
            }
            // Claude alone takes reasoning back, with the proof that it is its own.
            PartKind::Thinking { signature, .. } => {
                let signed = signature.as_ref().is_some_and(|proof| !proof.is_empty());
                return (signed && self.family.is_claude()).then(Shape::default);
            }
            PartKind::RedactedThinking(_) if !self.family.is_claude() => return None,
            _ => return Some(Shape::default()),
        };
        Some(Shape {
            format: Some(format),
            name: String::new(),
        })
    }

    /// The name, with a number behind it when another document has it.
    fn unused(&mut self, name: String) -> String {
        let mut count = self.names.get(&name).copied().unwrap_or(0);
        let mut unused = name.clone();
        while count > 0 && self.names.contains_key(&unused) {
            count += 1;
            unused = format!("{name} ({count})");
        }
        if count > 0 {
            self.names.insert(unused.clone(), 1);
        }
        self.names.insert(name, count.max(1));
        unused
    }
}

fn in_result(kind: &PartKind<'_>) -> bool {
    matches!(
        kind,
        PartKind::Text { .. }
            | PartKind::Image { .. }
            | PartKind::Document { .. }
            | PartKind::Video(_)
    )
}

/// The format of what is here or in a bucket; nothing else can be fetched.
fn format_of(table: format::Table, media: &Media<'_>) -> Option<&'static str> {
    match media {
        Media::Base64 { media_type, .. } => format::of_media_type(table, media_type),
        Media::Url(url) => {
            let url = url.decode();
            format::of_name(table, &url).filter(|_| url.starts_with("s3://"))
        }
        Media::Text(_) | Media::File(_) => None,
    }
}

/// The lifetime that `marker` asks for, as far as the model knows it.
pub(super) fn lifetime<'a>(
    marker: Json<'a>,
    family: Family,
    dropped: &mut Vec<Json<'a>>,
) -> Lifetime<'a> {
    let ttl = marker.get("ttl")?;
    if family.caches_long() {
        return Some(ttl);
    }
    if ttl.as_str() != r#""5m""# {
        dropped.push(ttl);
    }
    None
}

pub(super) fn write_cache_point(ttl: Lifetime<'_>, list: &mut Array<'_>) {
    list.object(|block| {
        block.object("cachePoint", |point| {
            point.str("type", "default").json_if("ttl", ttl);
        });
    });
}

impl<'a> Block<'_, 'a> {
    pub(super) fn words(words: &'static str) -> Self {
        let text = PartKind::Text {
            text: Text::Escaped(words),
            citations: Vec::new(),
        };
        Self {
            kind: Source::Made(text),
            cache: None,
            shape: Shape::default(),
            failed: false,
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
        list.object(|block| match self.kind() {
            PartKind::ToolResult { id, .. } => {
                block.object("toolResult", |result| {
                    result
                        .text("toolUseId", &tool_id(id, LONGEST_ID))
                        .array("content", |list| {
                            for (kind, shape) in &self.inner {
                                list.object(|inner| plain(kind, shape, inner));
                            }
                        });
                    if self.failed {
                        result.str("status", "error");
                    }
                });
            }
            kind => plain(kind, &self.shape, block),
        });
        if let Some(ttl) = self.cache {
            write_cache_point(ttl, list);
        }
    }
}

fn plain(kind: &PartKind<'_>, shape: &Shape, block: &mut Object<'_>) {
    match kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            block.text("text", text);
        }
        PartKind::Image { media, .. } => {
            block.object("image", |inner| source(media, shape, inner));
        }
        PartKind::Video(media) => {
            block.object("video", |inner| source(media, shape, inner));
        }
        PartKind::Audio(media) => {
            block.object("audio", |inner| source(media, shape, inner));
        }
        PartKind::Document { media, .. } => {
            block.object("document", |inner| {
                inner.str("name", &shape.name);
                if let PartKind::Document { context, cite, .. } = kind {
                    inner.json_if("context", *context);
                    if cite.is_some() {
                        inner.literal("citations", r#"{"enabled":true}"#);
                    }
                }
                source(media, shape, inner);
            });
        }
        PartKind::Thinking { text, signature } => {
            block.object("reasoningContent", |reasoning| {
                reasoning.object("reasoningText", |inner| {
                    inner.text("text", text);
                    if let Some(signature) = signature {
                        inner.text("signature", signature);
                    }
                });
            });
        }
        PartKind::RedactedThinking(data) => {
            block.object("reasoningContent", |reasoning| {
                reasoning.text("redactedContent", data);
            });
        }
        PartKind::ToolCall {
            id,
            name,
            arguments: given,
            ..
        } => {
            block.object("toolUse", |call| {
                call.text("toolUseId", &tool_id(id, LONGEST_ID))
                    .text("name", name);
                arguments(given, call.key("input"));
            });
        }
        PartKind::ToolResult { .. } => {}
    }
}

fn source(media: &Media<'_>, shape: &Shape, block: &mut Object<'_>) {
    if let Some(format) = shape.format {
        block.str("format", format);
    }
    block.object("source", |source| match media {
        Media::Base64 { data, .. } => {
            source.text("bytes", data);
        }
        Media::Text(text) => {
            source.text("text", text);
        }
        Media::Url(uri) | Media::File(uri) => {
            source.object("s3Location", |place| {
                place.text("uri", uri);
            });
        }
    });
}
