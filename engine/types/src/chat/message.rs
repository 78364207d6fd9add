//! Messages and their parts.

use super::json::{Json, Text};

/// One turn of a conversation. Results of tool calls are parts of a user's message.
#[derive(Debug)]
pub struct Message<'a> {
    /// Whose turn it is.
    pub role: Role,
    /// What it consists of, in order.
    pub parts: Vec<Part<'a>>,
}

/// Whose turn a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user, and the tools.
    User,
    /// The model.
    Assistant,
}

/// A piece of a message.
#[derive(Debug)]
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind<'a>,
    /// Prompt-cache marker: everything up to here may be cached.
    pub cache: Option<Json<'a>>,
    /// Its place in the body.
    pub from: Json<'a>,
}

/// What a part is.
#[derive(Debug)]
pub enum PartKind<'a> {
    /// Words.
    Text {
        /// The words.
        text: Text<'a>,
        /// Where they come from.
        citations: Vec<Citation<'a>>,
    },
    /// Words with which the model declines.
    Refusal(Text<'a>),
    /// A picture.
    Image {
        /// Where it is.
        media: Media<'a>,
        /// How closely to look, OpenAI's `detail`.
        detail: Option<Json<'a>>,
    },
    /// A document, such as a PDF.
    Document {
        /// Where it is.
        media: Media<'a>,
        /// Title or file name.
        name: Option<Text<'a>>,
        /// What the caller says about it.
        context: Option<Json<'a>>,
        /// The place of the wish that the reply cites it.
        cite: Option<Json<'a>>,
    },
    /// Sound.
    Audio(Media<'a>),
    /// Moving pictures.
    Video(Media<'a>),
    /// Reasoning that may be shown.
    Thinking {
        /// The reasoning.
        text: Text<'a>,
        /// The vendor's proof that it is genuine, needed to send it back.
        signature: Option<Text<'a>>,
    },
    /// Reasoning that only its vendor can read.
    RedactedThinking(Text<'a>),
    /// The model calls a tool.
    ToolCall {
        /// Id that the result refers to.
        id: Text<'a>,
        /// The tool.
        name: Text<'a>,
        /// Its arguments.
        arguments: Arguments<'a>,
        /// The vendor's proof of the reasoning that led to it (Gemini's `thoughtSignature`), needed
        /// to send it back.
        signature: Option<Text<'a>>,
    },
    /// What a tool gave back.
    ToolResult {
        /// Id of the call.
        id: Text<'a>,
        /// The result: text, images, documents.
        parts: Vec<Part<'a>>,
        /// Set, with its place, when the tool failed.
        failed: Option<Json<'a>>,
    },
}

impl<'a> Part<'a> {
    /// A document of which nothing more is said.
    pub fn document(media: Media<'a>, name: Option<Text<'a>>) -> PartKind<'a> {
        PartKind::Document {
            media,
            name,
            context: None,
            cite: None,
        }
    }

    /// A part without a cache marker.
    pub fn new(kind: PartKind<'a>, from: Json<'a>) -> Self {
        Self {
            kind,
            cache: None,
            from,
        }
    }

    /// Plain words.
    pub fn text(text: Text<'a>, from: Json<'a>) -> Self {
        Self::new(
            PartKind::Text {
                text,
                citations: Vec::new(),
            },
            from,
        )
    }
}

/// Where words come from.
#[derive(Debug, Clone)]
pub struct Citation<'a> {
    /// Address of the source; empty for a document of the request.
    pub url: Text<'a>,
    /// Title of the source.
    pub title: Option<Text<'a>>,
    /// The words cited.
    pub quote: Option<Text<'a>>,
    /// Where in a document of the request they stand.
    pub place: Option<Place>,
}

/// A place in a document of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which document: the first is 0.
    pub document: u64,
    /// What is counted.
    pub unit: Unit,
    /// The first.
    pub start: u64,
    /// The one behind the last.
    pub end: u64,
}

/// What a place in a document counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Characters from 0.
    Character,
    /// Pages from 1.
    Page,
    /// Blocks from 0.
    Block,
}

/// Where a picture or document is.
#[derive(Debug, Clone)]
pub enum Media<'a> {
    /// At an address.
    Url(Text<'a>),
    /// Here, in base64.
    Base64 {
        /// Its media type.
        media_type: Text<'a>,
        /// The base64 text.
        data: Text<'a>,
    },
    /// Here, as words.
    Text(Text<'a>),
    /// With the vendor, under an id that means nothing elsewhere.
    File(Text<'a>),
}

/// Arguments of a tool call.
#[derive(Debug, Clone)]
pub enum Arguments<'a> {
    /// An object, as it was written.
    Json(Json<'a>),
    /// A string that should hold an object, as models write it.
    Text(Text<'a>),
}
