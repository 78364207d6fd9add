//! Embeddings between the formats of OpenAI, Gemini, Vertex AI, Cohere and Bedrock's models.

mod request;

use aws_smithy_types::base64;
use tidegate_types::{
    Dialect, Usage,
    chat::{Json, write::Object},
};

pub use self::request::{EmbedRequest, embed_request};
use super::{TranslateError, usage};

/// How a caller wants its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// OpenAI's list.
    List,
    /// OpenAI's list, each as base64 of little-endian 32-bit numbers.
    Base64,
    /// Gemini's `embedContent`: one.
    One,
    /// Gemini's `batchEmbedContents`.
    Many,
    /// Cohere's object by type.
    ByType,
}

/// How the caller of a request for embeddings wants its answer.
pub fn wanted_vectors(from: Dialect, body: &[u8]) -> Vectors {
    let body = Json::parse(body).ok();
    let member = |key: &str| body.and_then(|body| body.get(key));
    match from {
        Dialect::Gemini if member("requests").is_some() => Vectors::Many,
        Dialect::Gemini => Vectors::One,
        Dialect::Cohere => Vectors::ByType,
        _ if member("encoding_format").is_some_and(|wish| wish.as_str() == "\"base64\"") => {
            Vectors::Base64
        }
        _ => Vectors::List,
    }
}

/// Turns embeddings into the caller's dialect; `model` is the name the caller asked for.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body holds none.
pub fn translate_embedded(
    from: Dialect,
    to: Vectors,
    body: &[u8],
    model: &str,
) -> Result<Vec<u8>, TranslateError> {
    let body = parse(body)?;
    let made = vectors(from, body).ok_or_else(|| invalid("", "the answer holds no embeddings"))?;
    let tokens = tokens(body);
    let mut out = Vec::with_capacity(body.as_str().len() + 128);
    let mut object = Object::open(&mut out);
    match to {
        Vectors::List | Vectors::Base64 => {
            object.str("object", "list").array("data", |list| {
                for (index, vector) in made.iter().enumerate() {
                    list.object(|item| {
                        item.str("object", "embedding")
                            .number("index", index as u64);
                        if to == Vectors::Base64 {
                            item.str("embedding", &packed(*vector));
                        } else {
                            item.json("embedding", *vector);
                        }
                    });
                }
            });
            object.str("model", model).object("usage", |usage| {
                let tokens = tokens.unwrap_or(0);
                usage
                    .number("prompt_tokens", tokens)
                    .number("total_tokens", tokens);
            });
        }
        Vectors::One => {
            let first = made.first().copied();
            object.object("embedding", |embedding| {
                embedding.json_if("values", first);
            });
        }
        Vectors::Many => {
            object.array("embeddings", |list| {
                for vector in &made {
                    list.object(|item| {
                        item.json("values", *vector);
                    });
                }
            });
        }
        Vectors::ByType => {
            object.str("id", "embed").object("embeddings", |types| {
                types.array("float", |list| {
                    for vector in &made {
                        list.item().extend_from_slice(vector.as_str().as_bytes());
                    }
                });
            });
            object.array("texts", |_| {}).object("meta", |meta| {
                meta.object("billed_units", |units| {
                    units.number("input_tokens", tokens.unwrap_or(0));
                });
            });
        }
    }
    object.close();
    Ok(out)
}

/// The vectors of an answer in a provider's dialect, in the order of the texts; `None` where it holds
/// none, or something else than numbers.
pub fn read_vectors(dialect: Dialect, body: &[u8]) -> Option<Vec<Vec<f32>>> {
    let body = Json::parse(body).ok()?;
    let found = vectors(dialect, body)?.into_iter().map(|vector| {
        let numbers = vector.items().map(|number| Some(number.as_f64()? as f32));
        vector.is_array().then(|| numbers.collect())?
    });
    found.collect()
}

/// Whether an answer in Gemini's dialect is not in the form that its caller wants: Vertex AI predicts
/// where Gemini embeds.
pub fn embedded_otherwise(wanted: Vectors, body: &[u8]) -> bool {
    let key = match wanted {
        Vectors::One => "embedding",
        Vectors::Many => "embeddings",
        _ => return false,
    };
    let body = std::str::from_utf8(body).map(Json::trusted);
    body.is_ok_and(|body| body.get(key).is_none() && vectors(Dialect::Gemini, body).is_some())
}

/// The vectors of an answer, in order.
fn vectors(from: Dialect, body: Json<'_>) -> Option<Vec<Json<'_>>> {
    Some(match from {
        Dialect::Gemini => match (body.get("predictions"), body.get("embeddings")) {
            (Some(list), _) => list
                .items()
                .map(|item| item.get("embeddings")?.get("values"))
                .collect::<Option<_>>()?,
            (None, Some(list)) => list.items().filter_map(|item| item.get("values")).collect(),
            (None, None) => vec![body.get("embedding")?.get("values")?],
        },
        Dialect::Cohere | Dialect::Bedrock => match body.get("embeddings") {
            Some(list) if list.is_array() => list.items().collect(),
            Some(types) => types.get("float")?.items().collect(),
            None => vec![body.get("embedding")?],
        },
        _ => {
            let mut list: Vec<_> = body.get("data")?.items().collect();
            list.sort_by_key(|item| item.get("index").and_then(Json::as_u64));
            list.into_iter()
                .map(|item| item.get("embedding"))
                .collect::<Option<_>>()?
        }
    })
}

/// The tokens an answer says it took.
fn tokens(body: Json<'_>) -> Option<u64> {
    let path = |keys: &[&str]| {
        let mut value = body;
        for key in keys {
            value = value.get(key)?;
        }
        value.as_u64()
    };
    path(&["usage", "prompt_tokens"])
        .or_else(|| path(&["usage", "total_tokens"]))
        .or_else(|| path(&["meta", "billed_units", "input_tokens"]))
        .or_else(|| path(&["inputTextTokenCount"]))
        .or_else(|| path(&["usageMetadata", "promptTokenCount"]))
        .or_else(|| usage::predicted(body).map(|read| read.input))
        .filter(|tokens| *tokens > 0 || body.get("predictions").is_none())
}

/// What an answer of embeddings says it took. OpenAI's imitators say it as they do for chat.
pub(super) fn usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    if !matches!(
        dialect,
        Dialect::Gemini | Dialect::Cohere | Dialect::Bedrock
    ) {
        return usage::of_reply::<crate::openai::OpenAi>(body);
    }
    let input = tokens(Json::parse(body).ok()?)?;
    Some(Usage {
        input,
        ..Usage::default()
    })
}

fn packed(vector: Json<'_>) -> String {
    let numbers = vector.items().filter_map(Json::as_f64);
    let bytes: Vec<u8> = numbers
        .flat_map(|number| (number as f32).to_le_bytes())
        .collect();
    base64::encode(bytes)
}

fn parse(body: &[u8]) -> Result<Json<'_>, TranslateError> {
    Json::parse(body).map_err(|message| TranslateError::Invalid {
        param: String::new(),
        message,
    })
}

fn invalid(param: &str, message: &str) -> TranslateError {
    TranslateError::Invalid {
        param: param.to_owned(),
        message: format!("`{param}` {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back_in_every_format() {
        let gemini = br#"{"embeddings":[{"values":[1,0.5]},{"values":[0,2]}]}"#;
        let list = translate_embedded(Dialect::Gemini, Vectors::List, gemini, "fast").unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(list["data"][1]["embedding"][1], 2);
        assert_eq!(list["model"], "fast");
        let packed = translate_embedded(Dialect::Gemini, Vectors::Base64, gemini, "fast").unwrap();
        let packed: serde_json::Value = serde_json::from_slice(&packed).unwrap();
        // 1.0 and 0.5 as little-endian 32-bit numbers.
        assert_eq!(packed["data"][0]["embedding"], "AACAPwAAAD8=");
        let titan = br#"{"embedding":[1,2],"inputTextTokenCount":3}"#;
        let many = translate_embedded(Dialect::Bedrock, Vectors::ByType, titan, "m").unwrap();
        let many: serde_json::Value = serde_json::from_slice(&many).unwrap();
        assert_eq!(many["embeddings"]["float"][0][1], 2);
        assert_eq!(many["meta"]["billed_units"]["input_tokens"], 3);
        let none = translate_embedded(Dialect::OpenAi, Vectors::List, b"{}", "m");
        assert!(none.is_err());
        let read = |dialect, body: &[u8]| read_vectors(dialect, body);
        assert_eq!(
            read(Dialect::Gemini, gemini).unwrap(),
            [[1.0, 0.5], [0.0, 2.0]]
        );
        assert_eq!(read(Dialect::Bedrock, titan).unwrap(), [[1.0, 2.0]]);
        let turned = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1e0]}]}"#;
        assert_eq!(read(Dialect::OpenAi, turned).unwrap(), [[1.0], [2.0]]);
        for wrong in [
            "{}",
            r#"{"data":[{"embedding":"AACAPw=="}]}"#,
            r#"{"data":[{"embedding":["x"]}]}"#,
        ] {
            assert_eq!(read(Dialect::OpenAi, wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn predictions_are_vectors_with_their_tokens() {
        let vertex = br#"{"predictions":[{"embeddings":{"statistics":{"truncated":false,"token_count":4.0},"values":[1]}},{"embeddings":{"values":[2],"statistics":{"token_count":3}}}]}"#;
        let list = translate_embedded(Dialect::Gemini, Vectors::List, vertex, "m").unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(list["data"][1]["embedding"][0], 2);
        assert_eq!(list["usage"]["prompt_tokens"], 7);
        assert_eq!(usage(Dialect::Gemini, vertex).unwrap().input, 7);
        assert!(embedded_otherwise(Vectors::Many, vertex));
        let many = translate_embedded(Dialect::Gemini, Vectors::Many, vertex, "m").unwrap();
        assert_eq!(many, br#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#);
        assert!(!embedded_otherwise(Vectors::Many, &many));
        assert!(embedded_otherwise(Vectors::One, &many));
        assert!(!embedded_otherwise(Vectors::One, b"no JSON"));
    }
}
