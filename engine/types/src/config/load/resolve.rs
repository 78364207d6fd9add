//! Variables and secret references.
//!
//! `${NAME}` and `${NAME:-default}` may stand in any text; the default is used when the variable is
//! unset or empty, as in a shell, and may hold references itself. `$${` stands for a literal `${`.
//! In the places that hold secrets, a text that begins with `env:` or `file:` names where the
//! secret is.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Findings,
    place::{Place, Step},
};

/// The places where `env:` and `file:` are read.
const SECRETS: &[&[&str]] = &[
    &["providers", "*", "api_key"],
    &["providers", "*", "keys", "#", "value"],
    &["providers", "*", "headers", "*"],
    &["keys", "#", "value"],
    &["keys", "#", "hash"],
    &["keys", "#", "previous", "value"],
    &["keys", "#", "previous", "hash"],
];

/// Stands in for a text that could not be resolved; it is a duration, too.
pub(super) const STAND_IN: &str = "1s";

/// A secret is a line, not a library.
const LARGEST_SECRET: u64 = 64 * 1024;

/// How deep defaults may nest.
const DEEPEST: usize = 8;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Drops what only says that nothing is set, and a JSON document's reference to its schema.
pub(super) fn normalise(root: &mut Value) {
    if root.is_null() {
        *root = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = root else { return };
    if members.get("$schema").is_some_and(Value::is_string) {
        members.remove("$schema");
    }
    members.retain(|_, member| !member.is_null());
    for (section, member) in members {
        let Value::Object(entries) = member else {
            continue;
        };
        match section.as_str() {
            // `ollama:` alone is a provider with nothing to say.
            "providers" | "models" => {
                for entry in entries.values_mut() {
                    match entry {
                        Value::Null => *entry = Value::Object(serde_json::Map::new()),
                        Value::Object(fields) => fields.retain(|_, field| !field.is_null()),
                        _ => {}
                    }
                }
            }
            _ => entries.retain(|_, entry| !entry.is_null()),
        }
    }
}

/// Replaces every reference in the document.
pub(super) fn resolve(root: &mut Value, env: Env<'_>, findings: &mut Findings) {
    walk(root, &Place::default(), env, findings);
}

fn walk(value: &mut Value, place: &Place, env: Env<'_>, findings: &mut Findings) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &place.at(index), env, findings);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                walk(member, &place.then(key), env, findings);
            }
        }
        Value::String(text) => {
            if let Err(message) = replace(text, place, env, findings) {
                STAND_IN.clone_into(text);
                findings.report_and_patch(place, message);
            }
        }
        _ => {}
    }
}

fn replace(
    text: &mut String,
    place: &Place,
    env: Env<'_>,
    findings: &mut Findings,
) -> Result<(), String> {
    let secret = SECRETS.iter().any(|pattern| place.matches(pattern));
    // Decided on what is written: a value from the environment is never a reference.
    let source = if !secret {
        None
    } else if text.starts_with("env:") {
        Some("env:")
    } else if text.starts_with("file:") {
        Some("file:")
    } else {
        None
    };
    if text.contains("${") {
        *text = expand(text, env, 0)?;
        findings.foreign.push(place.clone());
    }
    let Some(source) = source else { return Ok(()) };
    let name = text.strip_prefix(source).unwrap_or_default().trim();
    let found = if source == "env:" {
        env(name).ok_or_else(|| {
            format!(
                "the environment variable {} is not set",
                super::super::suggest::quote(name)
            )
        })?
    } else {
        read_file(name)?
    };
    *text = found;
    findings.foreign.push(place.clone());
    Ok(())
}

fn read_file(path: &str) -> Result<String, String> {
    let shown = super::super::suggest::quote(path);
    let fail = |error: std::io::Error| format!("cannot read the file {shown}: {}", error.kind());
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > LARGEST_SECRET {
        return Err(format!("the file {shown} is too large for a secret"));
    }
    let mut text = std::fs::read_to_string(path).map_err(fail)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Length of the text from `{` to the `}` that closes it.
pub(super) fn braces(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn expand(text: &str, env: Env<'_>, depth: usize) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let before = &rest[..start];
        rest = &rest[start + 1..];
        if let Some(kept) = before.strip_suffix('$') {
            let _ = write!(expanded, "{kept}${{");
            rest = &rest[1..];
            continue;
        }
        expanded.push_str(before);
        let length =
            braces(rest).ok_or("a `${` is never closed; write `$${` for a literal `${`")?;
        let inner = &rest[1..length - 1];
        rest = &rest[length..];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let mut letters = name.bytes();
        let named = letters
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !named {
            return Err(
                "a `${` is not followed by the name of a variable; write `${NAME}`, \
                        `${NAME:-default}`, or `$${` for a literal `${`"
                    .to_owned(),
            );
        }
        match (env(name), default) {
            (Some(value), None) => expanded.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => expanded.push_str(&value),
            (_, Some(default)) if depth < DEEPEST => {
                expanded.push_str(&expand(default, env, depth + 1)?);
            }
            (_, Some(_)) => return Err("defaults are nested too deep".to_owned()),
            (None, None) => {
                return Err(format!(
                    "the environment variable \"{name}\" is not set; set it, or write \
                     ${{{name}:-default}}"
                ));
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Whether the entries of this object have names of the author's choice.
pub(super) fn is_map(place: &Place) -> bool {
    let named =
        |step: Option<&Step>, name: &str| matches!(step, Some(Step::Key(key)) if key == name);
    let steps = place.steps();
    match steps.len() {
        1 => named(steps.first(), "providers") || named(steps.first(), "models"),
        _ => ["headers", "prices", "params", "metadata"]
            .iter()
            .any(|name| named(steps.last(), name)),
    }
}
