//! What a model can do, where the catalogue is to be corrected.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a target can do, in place of what the catalogue knows of its model. What is not said comes from
/// there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    /// Calls tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Takes pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Takes sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// Takes moving pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// Takes documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<bool>,
    /// Answers in JSON of a given schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
    /// Reasons when asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
}
