//! The configuration's reference page, written from its schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{forms, json_schema, reference_name};

/// The document at the top of the reference page.
pub const EXAMPLE: &str = r#"providers:
  openai:    { api_key: ${OPENAI_API_KEY} }
  anthropic:
    keys:
      - { name: a, value: ${ANTHROPIC_A}, weight: 3 }
      - { name: b, value: "file:/run/secrets/anthropic", models: [claude-*] }
  local:                                     # any server that speaks a known dialect
    dialect: openai
    base_url: http://127.0.0.1:11434/v1
    prices: { "*": { input: 0, output: 0 } }
    timeouts: { connect: 2s, first_byte: 20s, idle: 30s, total: 5m }
models:                                      # public name -> where it leads
  fast:
    strategy: weighted
    targets:
      - { model: openai/gpt-5-mini, weight: 3 }
      - { model: anthropic/claude-haiku-4-5 }
    fallbacks: [ local/llama3.2 ]
    retry: { attempts: 2, backoff: 200ms, max_backoff: 2s }
    cache: { mode: exact, ttl: 1h, scope: key }
  smart:
    targets: [ { model: anthropic/claude-opus-4-5, params: { max_tokens: 8192 } } ]
keys:
  - id: alice
    value: ${ALICE_KEY}
    models: [ fast, "openai/*" ]
    budgets: [ { limit: 5, per: 1d } ]
    limits: [ { requests: 60, per: 1m }, { in_flight: 8 } ]
    expires: 2027-01-01T00:00:00Z
cache: { memory: 256MiB }
server: { listen: "127.0.0.1:8787" }
on_unsupported: drop
unpriced: estimate
"#;

const INTRODUCTION: &str = "\
The document may be YAML, TOML or JSON, or an object of the same shape in Python or JavaScript. \
A name that is not listed here is an error, and all mistakes are reported together, each with its \
path.

- **Durations**: `250ms`, `10s`, `5m`, `1h`, `1d`, `1w`, `1mo` (30 days); a bare number is seconds.
- **Sizes**: `512KiB`, `64MiB`, `1GB`; a bare number is bytes.
- **Money**: US dollars as a number or a decimal text.
- **Variables**: `${NAME}` and `${NAME:-default}` work in every text. The default is used when the \
variable is unset or empty; without a default, an unset variable is an error. `$${` stands for a \
literal `${`.
- **Secrets**: `api_key`, the `value` of keys and the values of `headers` may also be `env:NAME` or \
`file:/path` (a line break at the file's end is dropped).
";

/// The reference page of the configuration in Markdown: an example, then every object with its
/// fields, types, defaults and meaning.
pub fn reference_markdown() -> String {
    let schema = json_schema();
    let mut page = String::from(
        "<!-- Written by `cargo xtask gen` from the configuration's types. Do not edit. -->\n\n\
         # Configuration\n\n",
    );
    page.push_str(INTRODUCTION);
    let _ = write!(page, "\n```yaml\n{EXAMPLE}```\n");
    section(&mut page, "The document", &schema, &schema);
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    collect(&schema, &schema, &mut seen, &mut order);
    for name in order {
        if let Some(definition) = schema.get("$defs").and_then(|defs| defs.get(&name)) {
            section(&mut page, &name, definition, &schema);
        }
    }
    page
}

/// The named objects and choices in the order a reader meets them.
fn collect(schema: &Value, root: &Value, seen: &mut BTreeSet<String>, order: &mut Vec<String>) {
    if let Some(name) = reference_name(schema) {
        if seen.insert(name.to_owned())
            && let Some(definition) = root.get("$defs").and_then(|defs| defs.get(name))
        {
            if is_described(definition, root) {
                order.push(name.to_owned());
            }
            collect(definition, root, seen, order);
        }
        return;
    }
    for key in ["anyOf", "oneOf"] {
        for alternative in schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            collect(alternative, root, seen, order);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            collect(inner, root, seen, order);
        }
    }
    for (_, property) in in_order(schema) {
        collect(property, root, seen, order);
    }
}

/// Whether a definition has a section of its own: objects and lists of choices have.
fn is_described(definition: &Value, root: &Value) -> bool {
    forms(definition, root)
        .iter()
        .any(|form| form.get("properties").is_some() || form.get("const").is_some())
}

fn in_order(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn section(page: &mut String, title: &str, schema: &Value, root: &Value) {
    let _ = write!(page, "\n## {title}\n");
    if let Some(description) = text(schema, "description") {
        let _ = write!(page, "\n{}\n", description.replace('\n', " "));
    }
    let object = forms(schema, root)
        .into_iter()
        .find(|form| form.get("properties").is_some());
    if let Some(object) = object {
        page.push_str("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let required: Vec<&str> = object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in in_order(object).filter(|(name, _)| *name != "$schema") {
            let described = text(property, "description")
                .unwrap_or_default()
                .replace('\n', " ");
            let (meaning, told) = split_default(&described);
            let default = if required.contains(&name.as_str()) {
                "required".to_owned()
            } else {
                told.or_else(|| written_default(property))
                    .unwrap_or_default()
            };
            let _ = writeln!(
                page,
                "| `{name}` | {} | {} | {} |",
                cell(&type_of(property, root)),
                cell(&default),
                cell(&meaning),
            );
        }
        return;
    }
    page.push('\n');
    for form in forms(schema, root) {
        if let Some(value) = text(form, "const") {
            let meaning = text(form, "description")
                .unwrap_or_default()
                .replace('\n', " ");
            let _ = writeln!(page, "- `{value}`: {meaning}");
        }
    }
}

fn text<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key)?.as_str()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Takes the sentence about the default out of a description.
fn split_default(description: &str) -> (String, Option<String>) {
    let Some(start) = description.find("Default") else {
        return (description.to_owned(), None);
    };
    let sentence = &description[start + "Default".len()..];
    let Some(body) = sentence
        .strip_prefix(": ")
        .or_else(|| sentence.strip_prefix(' '))
    else {
        return (description.to_owned(), None);
    };
    let end = [". ", "; "].iter().filter_map(|mark| body.find(mark)).min();
    let (default, rest) = match end {
        Some(end) => (&body[..end], body[end + 2..].trim()),
        None => (body.trim_end_matches('.'), ""),
    };
    let mut meaning = description[..start].trim_end().to_owned();
    if !rest.is_empty() {
        if !meaning.is_empty() {
            meaning.push(' ');
        }
        let mut letters = rest.chars();
        meaning.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        meaning.push_str(letters.as_str());
    }
    (meaning, Some(default.to_owned()))
}

/// The default the schema holds, where it says something.
fn written_default(property: &Value) -> Option<String> {
    match property.get("default")? {
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::Null | Value::Object(_) | Value::Array(_) => None,
        Value::String(text) => Some(format!("`{text}`")),
        scalar => Some(format!("`{scalar}`")),
    }
}

fn type_of(schema: &Value, root: &Value) -> String {
    if let Some(name) = reference_name(schema) {
        return match name {
            "Duration" => "duration".to_owned(),
            "Size" => "size".to_owned(),
            "Money" => "dollars".to_owned(),
            // Only secrets are texts with a definition of their own.
            "string" => "secret".to_owned(),
            _ => {
                let definition = root.get("$defs").and_then(|defs| defs.get(name));
                if definition.is_some_and(|definition| is_described(definition, root)) {
                    format!("[{name}](#{})", name.to_lowercase())
                } else {
                    name.to_owned()
                }
            }
        };
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
            let named: Vec<String> = alternatives
                .iter()
                .filter(|alternative| text(alternative, "type") != Some("null"))
                .map(|alternative| type_of(alternative, root))
                .collect();
            return named.join(" or ");
        }
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or_default(),
        _ => "any JSON",
    };
    match kind {
        "array" => {
            let item = schema
                .get("items")
                .map(|items| type_of(items, root))
                .unwrap_or_default();
            format!("list of {item}")
        }
        "object" => match schema
            .get("additionalProperties")
            .filter(|inner| !inner.is_boolean())
        {
            Some(inner) => format!("name → {}", type_of(inner, root)),
            None => "object".to_owned(),
        },
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    }
}
