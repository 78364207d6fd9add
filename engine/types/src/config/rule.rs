//! Rules: what happens to calls of a kind.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Priority;
use crate::expression::{Expression, Kind, Situation, Undefined};

/// What happens to calls that meet a condition. Rules are looked through in order, those of the
/// caller's key before those of the document; the first that applies decides.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name shown in `x-tidegate-rule`, in errors and in logs.
    pub name: String,
    /// The calls it is for: a condition in CEL, such as
    /// `request.input_tokens > 50000 && key.id == 'research'`.
    pub when: Condition,
    /// Where these calls go instead: a route or `provider/model`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Members set in the request's body, in the caller's own format. Values may be any JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, serde_json::Value>,
    /// Who goes first when there is no room, in place of what the route or the caller's key says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Refuses these calls with `rule_refused` and this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
}

/// A condition in CEL, compiled when the configuration is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Expression);

impl Condition {
    /// Whether the call meets it.
    ///
    /// # Errors
    /// [`Undefined`] when it asks for an entry that is not there, divides by zero or overflows.
    pub fn holds(&self, situation: &dyn Situation) -> Result<bool, Undefined> {
        self.0.holds(situation)
    }

    /// The text it was written as.
    pub fn text(&self) -> &str {
        self.0.text()
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.text())
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Condition;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a condition in CEL")
            }

            // What YAML makes of `when: true`.
            fn visit_bool<E: de::Error>(self, holds: bool) -> Result<Condition, E> {
                self.visit_str(if holds { "true" } else { "false" })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Condition, E> {
                let compiled = Expression::compile(text, Kind::Bool);
                compiled.map(Condition).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean"], "description": "A condition in CEL." })
    }
}
