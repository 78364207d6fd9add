//! The JSON Schema of the configuration, and the reference page made from it.

mod reference;

use serde_json::{Value, json};

use super::Config;

pub use reference::{EXAMPLE, reference_markdown};

/// The JSON Schema of the whole document (draft 2020-12), for editors and other tools.
pub fn json_schema() -> Value {
    let mut schema = derived();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("Tidegate configuration"));
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            // JSON documents name their schema so that editors find it; it is not part of them.
            properties.insert(
                "$schema".to_owned(),
                json!({ "type": "string", "description": "This schema's location, for editors." }),
            );
        }
    }
    schema
}

/// The schema as derived from the types.
pub(super) fn derived() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// A schema's alternatives with references followed.
pub(super) fn forms<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    let mut forms = Vec::new();
    let mut waiting = vec![schema];
    // A schema that refers to itself without structure in between would never end.
    for _ in 0..64 {
        let Some(schema) = waiting.pop() else { break };
        if let Some(name) = reference_name(schema) {
            waiting.extend(root.get("$defs").and_then(|defs| defs.get(name)));
            continue;
        }
        let mut leaf = true;
        for key in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
                waiting.extend(alternatives.iter().rev());
                leaf = false;
            }
        }
        if leaf {
            forms.push(schema);
        }
    }
    forms
}

/// The name of the definition a schema refers to.
pub(super) fn reference_name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Adds the short form of a target, a bare `provider/model`, to its schema.
pub(super) fn allow_bare_target(schema: &mut schemars::Schema) {
    let description = schema.remove("description");
    schema.remove("default");
    let mut long = schema.clone().to_value();
    if let Some(long) = long.as_object_mut() {
        long.insert("required".to_owned(), json!(["model"]));
        if let Some(properties) = long.get_mut("properties").and_then(Value::as_object_mut) {
            if let Some(model) = properties.get_mut("model").and_then(Value::as_object_mut) {
                model.remove("default");
            }
            if let Some(weight) = properties.get_mut("weight").and_then(Value::as_object_mut) {
                weight.insert("default".to_owned(), json!(1));
            }
        }
    }
    *schema = schemars::json_schema!({
        "anyOf": [{ "type": "string", "description": "`provider/model`" }, long]
    });
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
}

#[cfg(test)]
mod tests;
