//! Whether a value is what a case expects.

use serde_json::{Map, Value};

/// Every difference between `actual` and `expected`, each with its path; empty when it matches.
pub(crate) fn differences(expected: &Value, actual: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    compare("", expected, actual, &mut found);
    found
}

fn compare(path: &str, expected: &Value, actual: Option<&Value>, found: &mut Vec<String>) {
    if let Some((name, argument)) = special(expected) {
        if !holds(path, name, argument, actual, found) {
            found.push(format!(
                "{}: expected {expected}, got {}",
                at(path),
                show(actual)
            ));
        }
        return;
    }
    match (expected, actual) {
        (Value::Object(members), Some(Value::Object(have))) => {
            for (name, member) in members {
                compare(&format!("{path}.{name}"), member, have.get(name), found);
            }
        }
        (Value::Array(elements), Some(Value::Array(have))) if elements.len() == have.len() => {
            for (index, (element, got)) in elements.iter().zip(have).enumerate() {
                compare(&format!("{path}[{index}]"), element, Some(got), found);
            }
        }
        (Value::Number(a), Some(Value::Number(b))) if a.as_f64() == b.as_f64() => {}
        (expected, Some(actual)) if expected == actual => {}
        _ => found.push(format!(
            "{}: expected {expected}, got {}",
            at(path),
            show(actual)
        )),
    }
}

/// A matcher: an object whose only member starts with `$`.
fn special(expected: &Value) -> Option<(&str, &Value)> {
    let members: &Map<String, Value> = expected.as_object()?;
    let (name, argument) = members.iter().next()?;
    (members.len() == 1 && name.starts_with('$')).then_some((name, argument))
}

fn holds(
    path: &str,
    name: &str,
    argument: &Value,
    actual: Option<&Value>,
    found: &mut Vec<String>,
) -> bool {
    let number = || match actual? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let pair = || Some((argument.get(0)?.as_f64()?, argument.get(1)?.as_f64()?));
    match name {
        "$any" => actual.is_some_and(|value| match argument.as_str() {
            Some("string") => value.is_string(),
            Some("number") => value.is_number(),
            Some("bool") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("null") => value.is_null(),
            Some("") => true,
            _ => false,
        }),
        "$absent" => matches!(actual, None | Some(Value::Null)) == (argument == &Value::Bool(true)),
        "$approx" => number()
            .zip(pair())
            .is_some_and(|(value, (wanted, eps))| (value - wanted).abs() <= eps),
        "$between" => number()
            .zip(pair())
            .is_some_and(|(value, (low, high))| (low..=high).contains(&value)),
        "$contains" => match actual {
            Some(Value::String(text)) => argument.as_str().is_some_and(|part| text.contains(part)),
            Some(Value::Array(elements)) => elements
                .iter()
                .any(|element| differences(argument, Some(element)).is_empty()),
            _ => false,
        },
        "$bytes" => actual == Some(argument),
        "$len" => match actual {
            Some(Value::Array(elements)) => Some(elements.len() as u64) == argument.as_u64(),
            Some(Value::String(text)) => Some(text.len() as u64) == argument.as_u64(),
            _ => false,
        },
        "$one_of" => argument.as_array().is_some_and(|choices| {
            choices
                .iter()
                .any(|choice| differences(choice, actual).is_empty())
        }),
        "$not" => !differences(argument, actual).is_empty(),
        "$all" => {
            for matcher in argument.as_array().map(Vec::as_slice).unwrap_or_default() {
                compare(path, matcher, actual, found);
            }
            argument.is_array()
        }
        _ => {
            found.push(format!("{}: unknown matcher {name}", at(path)));
            true
        }
    }
}

fn at(path: &str) -> &str {
    if path.is_empty() {
        "reply"
    } else {
        path.trim_start_matches('.')
    }
}

fn show(actual: Option<&Value>) -> String {
    const LONGEST: usize = 600;
    let Some(value) = actual else {
        return "nothing".to_owned();
    };
    let mut text = value.to_string();
    if text.len() > LONGEST {
        let end = (0..=LONGEST)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ok(expected: &Value, actual: &Value) -> bool {
        differences(expected, Some(actual)).is_empty()
    }

    #[test]
    fn objects_match_as_subsets_and_arrays_exactly() {
        assert!(ok(&json!({"a": 1}), &json!({"a": 1.0, "b": 2})));
        assert!(!ok(&json!({"a": 1}), &json!({"b": 2})));
        assert!(ok(&json!([{"a": 1}, 2]), &json!([{"a": 1, "b": 2}, 2])));
        assert!(!ok(&json!([1]), &json!([1, 2])));
        assert!(!ok(&json!({"a": null}), &json!({})));
    }

    #[test]
    fn matchers_say_what_they_mean() {
        let cases = [
            (json!({"$any": "string"}), json!("x"), json!(1)),
            (json!({"$approx": [3.5, 0.1]}), json!("3.55"), json!(3.7)),
            (json!({"$between": [1, 2]}), json!(2), json!(2.1)),
            (json!({"$contains": "b"}), json!("abc"), json!("ac")),
            (
                json!({"$contains": {"a": 1}}),
                json!([{"a": 1, "b": 2}]),
                json!([{"a": 2}]),
            ),
            (
                json!({"a": {"$absent": true}}),
                json!({"a": null}),
                json!({"a": 0}),
            ),
            (json!({"a": {"$absent": false}}), json!({"a": 0}), json!({})),
            (json!({"$one_of": [1, 2]}), json!(2), json!(3)),
            (json!({"$not": 1}), json!(2), json!(1)),
            (json!({"$len": 2}), json!([1, 2]), json!([])),
            (json!({"$bytes": "1.0"}), json!("1.0"), json!("1")),
            (
                json!({"$all": [{"$contains": "a"}, {"$contains": "b"}]}),
                json!("ab"),
                json!("a"),
            ),
        ];
        for (expected, good, bad) in cases {
            assert!(ok(&expected, &good), "{expected} {good}");
            assert!(!ok(&expected, &bad), "{expected} {bad}");
        }
        assert!(!ok(&json!({"$nonsense": 1}), &json!(1)));
    }
}
