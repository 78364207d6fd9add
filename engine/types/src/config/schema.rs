//! The JSON Schema of the configuration.

use super::Config;

/// The JSON Schema of the whole document (draft 2020-12).
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}
