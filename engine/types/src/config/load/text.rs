//! Documents as plain values: duplicate names are refused, hostile sizes and depths too.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{super::suggest::quote, Format};

/// Larger documents are no configurations.
const LONGEST: usize = 16 << 20;

/// Deeper documents are no configurations either; the deepest place of ours is about ten.
const DEEPEST: usize = 64;

/// The YAML parser takes more stack for each level, about 20 KiB without optimisation.
const DEEPEST_YAML: usize = 40;

/// Reads a document.
pub(super) fn read(text: &str, format: Format) -> Result<Value, String> {
    if text.len() > LONGEST {
        return Err(format!("the document is larger than {} MiB", LONGEST >> 20));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Yaml => yaml(text),
        Format::Toml => toml(text),
        Format::Json => json(text),
    }
}

fn json(text: &str) -> Result<Value, String> {
    let Unique(value) = serde_json::from_str(text).map_err(|error| {
        let whole = error.to_string();
        let message = whole
            .rsplit_once(" at line ")
            .map_or(whole.as_str(), |(message, _)| message);
        located("JSON", error.line(), error.column(), message)
    })?;
    Ok(value)
}

fn toml(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = position(text, offset);
        located("TOML", line, column, error.message())
    })?;
    from_toml(toml::Value::Table(table))
}

fn from_toml(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or(NOT_FINITE)?,
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(from_toml).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok((key, from_toml(value)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

const NOT_FINITE: &str = "`inf` and `nan` are not numbers a configuration can hold";

fn yaml(text: &str) -> Result<Value, String> {
    let veil = Veil::new(text);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 500_000,
            max_nodes: 250_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_depth: DEEPEST_YAML,
            max_documents: 1,
            max_total_scalar_bytes: LONGEST,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let Unique(mut value) = serde_saphyr::from_str_with_options(&veil.cover(text), options)
        .map_err(|error| {
            let plain = error.without_snippet();
            let (line, column) = plain
                .location()
                .map_or((0, 0), |at| (at.line() as usize, at.column() as usize));
            // The parser appends the place and sometimes lines of context: the first line says what.
            let whole = veil.lift(plain.to_string());
            let first = whole.lines().next().unwrap_or_default();
            let message = first
                .rsplit_once(" at line ")
                .map_or(first, |(message, _)| message)
                .trim_start_matches("error: ");
            let message = if message.starts_with("budget breached: Depth") {
                "nested too deep"
            } else if message.starts_with("budget breached") || message.starts_with("alias ") {
                "too large, or it repeats its anchors too often"
            } else {
                message
            };
            located("YAML", line, column, message)
        })?;
    veil.lift_all(&mut value);
    Ok(value)
}

fn located(format: &str, line: usize, column: usize, message: &str) -> String {
    if line == 0 {
        format!("{format} syntax error: {message}")
    } else {
        format!("{format} syntax error at line {line}, column {column}: {message}")
    }
}

/// Line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[start..].chars().count() + 1,
    )
}

/// Hides the punctuation of `${NAME:-default}` from the YAML parser, which would otherwise read the
/// braces as a mapping wherever the reference stands inside `{ }` or `[ ]`. Each character is
/// replaced by one of the private use area, so that lines and columns stay what they were.
struct Veil {
    base: Option<u32>,
}

/// Characters with a meaning in YAML that may stand in a reference.
const VEILED: &[u8] = b"{}[],:#&*!|>%@`";

impl Veil {
    fn new(text: &str) -> Self {
        // The area is chosen so that a document's own characters are never mistaken for ours.
        let base = [0xE000u32, 0xE800, 0xF000, 0xF800]
            .into_iter()
            .find(|base| {
                !text
                    .chars()
                    .any(|c| (*base..*base + 128).contains(&u32::from(c)))
            });
        Self { base }
    }

    fn cover<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let Some(base) = self.base.filter(|_| text.contains("${")) else {
            return text.into();
        };
        let mut covered = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            covered.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            let Some(length) = super::resolve::braces(rest) else {
                continue;
            };
            let (reference, after) = rest.split_at(length);
            // One that crosses a quote or a line is none, or none that can be told from the YAML
            // around it.
            if reference.contains(['\n', '"', '\'']) {
                continue;
            }
            for c in reference.chars() {
                let hidden = u8::try_from(c)
                    .ok()
                    .filter(|byte| VEILED.contains(byte))
                    .and_then(|byte| char::from_u32(base + u32::from(byte)));
                covered.push(hidden.unwrap_or(c));
            }
            rest = after;
        }
        covered.push_str(rest);
        covered.into()
    }

    fn lift(&self, text: String) -> String {
        match self.base {
            Some(base)
                if text
                    .chars()
                    .any(|c| (base..base + 128).contains(&u32::from(c))) =>
            {
                text.chars()
                    .map(|c| {
                        match u32::from(c)
                            .checked_sub(base)
                            .and_then(|c| u8::try_from(c).ok())
                        {
                            Some(byte) if byte < 128 => char::from(byte),
                            _ => c,
                        }
                    })
                    .collect()
            }
            _ => text,
        }
    }

    fn lift_all(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.lift(std::mem::take(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.lift_all(item)),
            Value::Object(members) => {
                for (key, mut member) in std::mem::take(members) {
                    self.lift_all(&mut member);
                    members.insert(self.lift(key), member);
                }
            }
            _ => {}
        }
    }
}

/// A value in which no object names a member twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de> Visitor<'de> for Build {
            type Value = Unique;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Unique, E> {
                Ok(Unique(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Unique, D::Error> {
                Unique::deserialize(inner)
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Unique, E> {
                Ok(Unique(Value::Bool(flag)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Unique, E> {
                Ok(Unique(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Unique, E> {
                Ok(Unique(number.into()))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Unique, E> {
                serde_json::Number::from_f64(number)
                    .map(|number| Unique(Value::Number(number)))
                    .ok_or_else(|| E::custom(NOT_FINITE))
            }
            fn visit_i128<E: de::Error>(self, _: i128) -> Result<Unique, E> {
                Err(E::custom("a number is too large"))
            }
            fn visit_u128<E: de::Error>(self, _: u128) -> Result<Unique, E> {
                Err(E::custom("a number is too large"))
            }
            fn visit_str<E>(self, text: &str) -> Result<Unique, E> {
                Ok(Unique(Value::String(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Unique, E> {
                Ok(Unique(Value::String(text)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unique, A::Error> {
                let mut items = Vec::new();
                while let Some(Unique(item)) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Unique(Value::Array(items)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut members = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    if members.contains_key(&key) {
                        return Err(de::Error::custom(format!(
                            "{} is written twice in the same object",
                            quote(&key)
                        )));
                    }
                    let Unique(member) = map.next_value()?;
                    members.insert(key, member);
                }
                Ok(Unique(Value::Object(members)))
            }
        }
        deserializer.deserialize_any(Build)
    }
}

/// Refuses a value so deep that walking it could exhaust the stack, and takes it apart without
/// recursion. Text formats limit this themselves; a language's own objects need not.
pub(super) fn tame(value: Value) -> Result<Value, String> {
    let mut level: Vec<&Value> = vec![&value];
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        if depth > DEEPEST {
            dismantle(value);
            return Err(format!(
                "the document is nested deeper than {DEEPEST} levels"
            ));
        }
        level = level
            .into_iter()
            .flat_map(|value| -> Box<dyn Iterator<Item = &Value>> {
                match value {
                    Value::Array(items) => Box::new(items.iter()),
                    Value::Object(members) => Box::new(members.values()),
                    _ => Box::new(std::iter::empty()),
                }
            })
            .collect();
    }
    Ok(value)
}

fn dismantle(value: Value) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(members) => waiting.extend(members.into_iter().map(|(_, member)| member)),
            _ => {}
        }
    }
}
