//! For whom calls are made.

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use tidegate::{Error, Scope, bridge::Engine};

/// A view of the engine.
pub(crate) fn scoped(engine: &Engine, fields: &Value) -> Result<Engine, Error> {
    let told = &fields["scope"];
    let mut scope = Scope::new();
    if let Some(customer) = told["customer"].as_str() {
        scope = scope.customer(customer)?;
    }
    if let Some(team) = told["team"].as_str() {
        scope = scope.team(team)?;
    }
    if let Some(user) = told["user"].as_str() {
        scope = scope.user(user)?;
    }
    let tags = told["tags"].as_array().into_iter().flatten();
    scope = scope.tags(tags.filter_map(Value::as_str))?;
    Ok(engine.scoped(&scope))
}

/// The same over HTTP: headers of every request, tags beside its own.
pub(crate) fn write(told: &Value, headers: &mut HeaderMap) {
    for (name, value) in told.as_object().into_iter().flatten() {
        let list = value.as_array().into_iter().flatten();
        let list = list.chain(value.is_string().then_some(value));
        let mut words: Vec<&str> = list.filter_map(Value::as_str).collect();
        let name = format!("x-tidegate-{name}");
        let own = headers.get(&name).cloned();
        words.extend(own.as_ref().and_then(|own| own.to_str().ok()));
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), words.join(",").parse()) {
            headers.insert(name, value);
        }
    }
}
