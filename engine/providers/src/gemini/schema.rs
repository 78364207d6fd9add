//! Gemini's own schemas, made JSON Schema.

use std::ops::Range;

use tidegate_types::chat::{Json, scan};

use super::either;

/// Types in the spelling of OpenAPI, which the vendor's documentation writes in capitals.
const TYPES: &[&str] = &[
    "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL",
];

/// Bounds, which Google's JSON writes as strings too, because their type has 64 bits.
const BOUNDS: &[&str] = &[
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

/// A word to respell: where it stands, quotes included, and how.
type Edit = (Range<usize>, How);

#[derive(Debug, Clone, Copy)]
enum How {
    /// A type: in small letters.
    Lower,
    /// A bound: a number.
    Number,
    /// A keyword in snake case, as the vendor's Python SDK writes them: in camel case, and spaces.
    Camel,
}

/// The body with the keywords and types in `parameters` and `responseSchema` spelled as JSON Schema
/// spells them. The length stays, so that every place in the body does.
pub(super) fn respell(body: &[u8]) -> Option<Vec<u8>> {
    let whole = Json::parse(body).ok()?;
    let mut edits = Vec::new();
    let mut note = |schema: Json<'_>| look(schema.as_str(), offset(body, schema), &mut edits);
    let tools = whole.get("tools").map(Json::items).into_iter().flatten();
    for tool in tools {
        let declared = either(tool, "functionDeclarations", "function_declarations");
        for function in declared.map(Json::items).into_iter().flatten() {
            function.get("parameters").into_iter().for_each(&mut note);
        }
    }
    let config = either(whole, "generationConfig", "generation_config");
    let schema = config.and_then(|config| either(config, "responseSchema", "response_schema"));
    schema.into_iter().for_each(&mut note);
    if edits.is_empty() {
        return None;
    }
    let mut respelled = body.to_vec();
    for (range, how) in edits {
        let word = respelled.get_mut(range)?;
        match how {
            How::Lower => word.make_ascii_lowercase(),
            How::Number => {
                for quote in word.iter_mut().filter(|sign| **sign == b'"') {
                    *quote = b' ';
                }
            }
            How::Camel => {
                let spelled = camel(&String::from_utf8_lossy(word));
                word.fill(b' ');
                word.get_mut(..spelled.len())?
                    .copy_from_slice(spelled.as_bytes());
            }
        }
    }
    Some(respelled)
}

fn camel(word: &str) -> String {
    let mut spelled = String::with_capacity(word.len());
    let mut raise = false;
    for sign in word.chars() {
        if sign == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            spelled.push(sign.to_ascii_uppercase());
        } else {
            spelled.push(sign);
        }
    }
    spelled
}

/// Where `inner`, a part of `body`, begins.
fn offset(body: &[u8], inner: Json<'_>) -> usize {
    inner.as_str().as_ptr() as usize - body.as_ptr() as usize
}

/// Notes the words to respell in a schema. One pass over the text, whatever its depth. A property
/// may have a keyword's name: its value is a schema then, which no keyword's is.
fn look(text: &str, base: usize, edits: &mut Vec<Edit>) {
    let bytes = text.as_bytes();
    let mut key = String::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(behind) = scan::string_end(bytes, at) else {
                    return;
                };
                let end = behind - 1;
                let word = text.get(at + 1..end).unwrap_or_default();
                let place = base + at..base + end + 1;
                let rest = bytes.get(end + 1..).unwrap_or_default().trim_ascii_start();
                if let Some(value) = rest.strip_prefix(b":") {
                    key = camel(word);
                    let first = value.trim_ascii_start().first().copied();
                    let keyword = match key.as_str() {
                        "anyOf" | "propertyOrdering" => first == Some(b'['),
                        bound => BOUNDS.contains(&bound) && first != Some(b'{'),
                    };
                    if keyword && key != word {
                        edits.push((place, How::Camel));
                    }
                } else {
                    let digits = !word.is_empty() && word.bytes().all(|sign| sign.is_ascii_digit());
                    match std::mem::take(&mut key).as_str() {
                        "type" if TYPES.contains(&word) => edits.push((place, How::Lower)),
                        bound if digits && BOUNDS.contains(&bound) => {
                            edits.push((place, How::Number));
                        }
                        _ => {}
                    }
                }
                at = end;
            }
            b'{' | b'[' | b',' => key.clear(),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_bounds_are_respelled_in_place() {
        let body = br#"{"tools":[{"function_declarations":[{"name":"OBJECT","parameters":{"type" : "OBJECT",
            "properties":{"type":{"type":"STRING","description":"type: \"STRING\"","enum":["STRING"]},
            "list":{"type":"ARRAY","minItems":"2","min_length":3,"items":{"any_of":[{"type":"string"}]}},
            "min_length":{"type":"NUMBER"},"any_of":{"max_items":"4"}},"required":["min_length"]}}]}],
            "generationConfig":{"responseSchema":{"type":"INTEGER"}},"contents":[{"parts":[{"text":"{\"type\":\"OBJECT\"}"}]}]}"#;
        let respelled = String::from_utf8(respell(body).unwrap()).unwrap();
        let want = String::from_utf8(body.to_vec())
            .unwrap()
            .replace(r#""type" : "OBJECT""#, r#""type" : "object""#)
            .replace(r#""type":"STRING""#, r#""type":"string""#)
            .replace(r#""type":"ARRAY""#, r#""type":"array""#)
            .replace(r#""minItems":"2""#, r#""minItems": 2 "#)
            .replace(r#""min_length":3"#, r#""minLength" :3"#)
            .replace(r#""any_of":["#, r#""anyOf" :["#)
            .replace(r#""max_items":"4""#, r#""maxItems" : 4 "#)
            .replace(r#""type":"NUMBER""#, r#""type":"number""#)
            .replace(r#""type":"INTEGER""#, r#""type":"integer""#);
        assert_eq!(respelled, want);
        assert!(respell(br#"{"tools":[{"functionDeclarations":[{"parametersJsonSchema":{"type":"OBJECT"}}]}]}"#).is_none());
    }
}
