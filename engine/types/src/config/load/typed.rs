//! From a plain value to the typed document, with every mistake and not only the first.
//!
//! serde stops at the first mistake. So each one is recorded, replaced by something harmless, and
//! the value is read again; places that were replaced are not reported a second time.

use serde_json::Value;

use super::{
    super::{Config, schema, suggest},
    Findings,
    place::{Place, Step},
    resolve::{self, STAND_IN},
};

/// Readings after which the rest of the mistakes is left for the next run.
const MOST_READINGS: usize = 300;

/// Reads the document. `None` when it cannot be read even with all mistakes replaced.
pub(super) fn read(value: &mut Value, findings: &mut Findings) -> Option<Config> {
    if !value.is_object() {
        let message = format!("the document must be an object, not {}", kind(value));
        findings.report(&Place::default(), message);
        return None;
    }
    refuse_lists(value, findings);
    let mut replaced: Vec<Place> = Vec::new();
    for _ in 0..MOST_READINGS {
        let error = match serde_path_to_error::deserialize::<_, Config>(&*value) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let mut place = Place::from(error.path());
        let message = error.inner().to_string();
        if let Some(field) = message.strip_prefix("missing field `") {
            let field = field.trim_end_matches('`');
            place = place.then(field);
            findings.report_and_patch(&place, "missing, and it has no default".to_owned());
        } else if message.starts_with("unknown field `") {
            unknown_field(value, &place, &message, findings)?;
            continue;
        } else if as_scalar(value, &place, &message, findings) {
            continue;
        } else {
            let quotable = !findings.is_foreign(&place);
            findings.report_and_patch(&place, explain(&message, quotable));
        }
        let attempt = replaced.iter().filter(|known| **known == place).count();
        replaced.push(place.clone());
        replace(value, &place, attempt)?;
    }
    findings.report(
        &Place::default(),
        "there are more mistakes than can be listed".to_owned(),
    );
    None
}

fn unknown_field(
    value: &mut Value,
    place: &Place,
    message: &str,
    findings: &mut Findings,
) -> Option<()> {
    let mut names = message.split('`').skip(1).step_by(2);
    let wrong = names.next()?;
    let mut known: Vec<&str> = names.collect();
    known.sort_unstable();
    // The path leads to the field itself where the key was seen, else to what is around it.
    let (around, field) = match place.split() {
        Some((around, Step::Key(last))) if last == wrong => (around, place.clone()),
        _ => (place.clone(), place.then(wrong)),
    };
    let meant = suggest::nearest(wrong, known.iter().copied());
    let hint = meant.map_or_else(String::new, |m| {
        format!(", did you mean {}?", suggest::quote(m))
    });
    let message = format!("unknown field{hint} (known: {})", known.join(", "));
    findings.report_and_patch(&field, message);
    let fields = around.find(value)?.as_object_mut()?;
    if let Some(meant) = meant.filter(|meant| !fields.contains_key(*meant)) {
        // What was meant is there, under the wrong name: it is not missing, too.
        findings.patched.push(around.then(meant));
    }
    fields.remove(wrong)?;
    Some(())
}

/// A whole value that came from a variable is a text; where a number or a flag is wanted, it is read
/// as one.
fn as_scalar(value: &mut Value, place: &Place, message: &str, findings: &mut Findings) -> bool {
    if !message.starts_with("invalid type: string") || !findings.is_foreign(place) {
        return false;
    }
    let Some(slot) = place.find(value) else {
        return false;
    };
    let Some(text) = slot.as_str() else {
        return false;
    };
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(scalar @ (Value::Number(_) | Value::Bool(_))) => {
            *slot = scalar;
            true
        }
        _ => false,
    }
}

/// Puts something harmless in a place; each attempt something else.
fn replace(value: &mut Value, place: &Place, attempt: usize) -> Option<()> {
    let (around, last) = place.split()?;
    // A setting goes back to its default; an entry of a map stays, others may refer to it.
    let may_go = matches!(last, Step::Key(_)) && !resolve::is_map(&around);
    let container = around.find(value)?;
    let stand_ins = [
        None,
        Some(Value::from(STAND_IN)),
        Some(Value::from(1)),
        Some(Value::Object(serde_json::Map::new())),
        Some(Value::Array(Vec::new())),
        Some(Value::Bool(false)),
    ];
    let first = usize::from(!may_go);
    match (stand_ins.get(attempt + first)?.clone(), last) {
        (None, Step::Key(key)) => {
            container.as_object_mut()?.remove(key);
        }
        (Some(stand_in), Step::Key(key)) => {
            container.as_object_mut()?.insert(key.clone(), stand_in);
        }
        (Some(stand_in), Step::Index(index)) => *container.get_mut(*index)? = stand_in,
        (None, Step::Index(_)) => return None,
    }
    Some(())
}

/// serde also reads an object from a list of its fields' values, which nobody means.
fn refuse_lists(value: &mut Value, findings: &mut Findings) {
    if !has_unusual_list(value, &mut Vec::new()) {
        return;
    }
    let root = schema::derived();
    let mut wrong = Vec::new();
    find_lists(value, &root, &root, &Place::default(), &mut wrong);
    for place in wrong {
        findings.report_and_patch(&place, "expected an object, found a list".to_owned());
        if let Some(slot) = place.find(value) {
            *slot = Value::Object(serde_json::Map::new());
        }
    }
}

/// Where lists are at home. Making the schema takes longer than reading a document, so it is only
/// made for a document with a list elsewhere.
const LISTS: &[&[&str]] = &[
    &["keys"],
    &["customers"],
    &["teams"],
    &["users"],
    &["*", "#", "budgets"],
    &["*", "#", "limits"],
    &["*", "#", "tags"],
    &["*", "#", "allow", "*"],
    &["*", "#", "deny", "*"],
    &["*", "#", "providers"],
    &["*", "#", "providers", "#", "budgets"],
    &["*", "#", "end_users", "*"],
    &["keys", "#", "models"],
    &["models", "*", "fallbacks"],
    &["models", "*", "targets"],
    &["providers", "*", "keys"],
    &["providers", "*", "keys", "#", "models"],
    &["providers", "*", "mock", "replies"],
];

fn has_unusual_list<'a>(value: &'a Value, at: &mut Vec<&'a str>) -> bool {
    let usual = |at: &[&str]| {
        LISTS.iter().any(|list| {
            list.len() == at.len() && list.iter().zip(at).all(|(a, b)| *a == "*" || a == b)
        })
    };
    match value {
        Value::Array(items) => {
            if !usual(at) {
                return true;
            }
            at.push("#");
            let found = items.iter().any(|item| has_unusual_list(item, at));
            at.pop();
            found
        }
        Value::Object(members) => members.iter().any(|(key, member)| {
            at.push(key);
            let found = has_unusual_list(member, at);
            at.pop();
            found
        }),
        _ => false,
    }
}

fn find_lists(value: &Value, schema: &Value, root: &Value, at: &Place, wrong: &mut Vec<Place>) {
    let forms = schema::forms(schema, root);
    match value {
        Value::Array(items) => {
            let element = forms.iter().find_map(|form| form.get("items"));
            if let Some(element) = element {
                for (index, item) in items.iter().enumerate() {
                    find_lists(item, element, root, &at.at(index), wrong);
                }
            } else if forms.iter().any(|form| form.get("properties").is_some()) {
                wrong.push(at.clone());
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let inner = forms.iter().find_map(|form| {
                    form.get("properties")
                        .and_then(|properties| properties.get(key))
                        .or_else(|| form.get("additionalProperties").filter(|s| s.is_object()))
                });
                if let Some(inner) = inner {
                    find_lists(member, inner, root, &at.then(key), wrong);
                }
            }
        }
        _ => {}
    }
}

/// serde's message in the words of a person who writes configurations.
fn explain(message: &str, quotable: bool) -> String {
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let mut names = rest.split('`').step_by(2);
        let wrong = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        let shown = if quotable {
            format!(" {}", suggest::quote(wrong))
        } else {
            String::new()
        };
        let hint = if quotable {
            suggest::hint(wrong, known.iter().copied())
        } else {
            String::new()
        };
        return format!("unknown value{shown}{hint} (known: {})", known.join(", "));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = message
            .strip_prefix(prefix)
            .and_then(|rest| rest.rsplit_once(", expected "))
        {
            let negative = found.starts_with("integer `-");
            let found = match found.split([' ', '`']).next().unwrap_or_default() {
                "string" => "a text",
                "integer" if negative => "a negative number",
                "integer" if prefix == "invalid value: " => "a number that is too large",
                "integer" => "a whole number",
                "floating" => "a decimal number",
                "boolean" => "true or false",
                "null" | "unit" | "Option" => "nothing",
                "sequence" => "a list",
                "map" => "an object",
                _ => "something else",
            };
            return format!("expected {}, found {found}", wanted(expected));
        }
    }
    if quotable {
        return message.to_owned();
    }
    match (message.find('"'), message.rfind('"')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}the value{}", &message[..start], &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "a string" | "string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
