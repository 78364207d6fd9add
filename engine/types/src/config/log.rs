//! What is written down of calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Size;

/// A file to which a line of JSON is added for every call that ends, for people, their tools and
/// `tidegate replay`. Secrets never stand in it, what callers say only when asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The file. It is made when it does not exist, for its owner alone, and only ever added to;
    /// several processes may share one.
    pub path: String,
    /// Whether lines hold the bodies of requests. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bodies: bool,
    /// Longer bodies are left out. Default 64KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body: Option<Size>,
    /// Size beyond which the file gives way to a new one: `calls.jsonl` becomes `calls.jsonl.1`,
    /// that one `calls.jsonl.2`, and so on. Default 100MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// How many of the older files are kept. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}
