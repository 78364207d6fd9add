//! What the model may call, and what runs at the vendor.

use super::json::{Json, Text};

/// A function the model may call.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// JSON Schema of its arguments, as the caller wrote it.
    pub schema: Option<Json<'a>>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// Grammar of a free text that stands for its arguments, OpenAI's `custom` tools.
    pub grammar: Option<Json<'a>>,
    /// Prompt-cache marker.
    pub cache: Option<Json<'a>>,
    /// Its place in the body.
    pub from: Json<'a>,
}

/// Whether and what the model must call.
#[derive(Debug, Clone)]
pub enum ToolChoice<'a> {
    /// It decides.
    Auto,
    /// Nothing.
    None,
    /// Something.
    Required,
    /// This tool.
    Tool(Text<'a>),
    /// Some of the tools that it was told of.
    Allowed {
        /// Their names.
        names: Vec<Text<'a>>,
        /// Whether one of them must be called.
        required: bool,
    },
}

/// A tool that runs at the vendor.
#[derive(Debug, Clone)]
pub struct ServerTool<'a> {
    /// What it does.
    pub kind: ServerKind,
    /// The only domains to look at: an array of strings.
    pub allowed: Option<Json<'a>>,
    /// Domains to leave out: an array of strings.
    pub blocked: Option<Json<'a>>,
    /// Where the user is: an object with `city`, `region`, `country`, `timezone`.
    pub location: Option<Json<'a>>,
    /// How much of the context it may fill: `low`, `medium` or `high`.
    pub context_size: Option<Json<'a>>,
    /// How often it may be used.
    pub most_uses: Option<Json<'a>>,
    /// Its place in the body.
    pub from: Json<'a>,
}

/// What a tool of the vendor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Searches the web.
    Search,
    /// Fetches pages.
    Fetch,
    /// Runs programs that the model writes.
    Code,
}

impl<'a> ServerTool<'a> {
    /// A tool without settings.
    pub fn new(kind: ServerKind, from: Json<'a>) -> Self {
        Self {
            kind,
            allowed: None,
            blocked: None,
            location: None,
            context_size: None,
            most_uses: None,
            from,
        }
    }

    /// Its settings, for a dialect that has the tool and none of them.
    pub fn settings(&self) -> impl Iterator<Item = Json<'a>> {
        let all = [
            self.allowed,
            self.blocked,
            self.location,
            self.context_size,
            self.most_uses,
        ];
        all.into_iter().flatten()
    }
}
