//! Embeddings between the formats of OpenAI, Gemini, Cohere and Bedrock's models.

use aws_smithy_types::base64;
use tidegate_types::{
    Dialect, Usage,
    chat::{
        Json, Text,
        write::{Array, Object},
    },
};

use super::{TranslateError, chat_path, usage};

/// Where a provider of that dialect makes embeddings, below its base URL; `None` where it makes none.
pub fn embed_path(dialect: Dialect, model: &str) -> Option<String> {
    let chat = chat_path(dialect, model, false);
    match dialect {
        Dialect::OpenAi | Dialect::Responses => Some("/embeddings".to_owned()),
        Dialect::Gemini => {
            Some(chat.strip_suffix(":generateContent")?.to_owned() + ":batchEmbedContents")
        }
        Dialect::Cohere => Some("/v2/embed".to_owned()),
        Dialect::Bedrock => Some(chat.strip_suffix("/converse")?.to_owned() + "/invoke"),
        _ => None,
    }
}

/// What is to be embedded.
struct Wish<'a> {
    texts: Vec<Text<'a>>,
    dimensions: Option<u64>,
    /// For what, in Cohere's words.
    purpose: Option<&'static str>,
}

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

/// Turns a request for embeddings into the target's dialect.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body is no such request; [`TranslateError::Unsupported`] for
/// what is no text (token lists, pictures), and for several texts where a model takes one.
pub fn translate_embedding(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
) -> Result<Vec<u8>, TranslateError> {
    let body = parse(body)?;
    let wish = match from {
        Dialect::Gemini => of_gemini(body)?,
        Dialect::Cohere => of_cohere(body)?,
        _ => of_openai(body)?,
    };
    let mut out = Vec::with_capacity(body.as_str().len() + 128);
    match to {
        Dialect::Gemini => to_gemini(&wish, model, &mut out),
        Dialect::Cohere => to_cohere(&wish, Some(model), &mut out),
        // The vendor of a model on Bedrock stands in front of its name, a region's group before it.
        Dialect::Bedrock if model.contains("cohere.") => to_cohere(&wish, None, &mut out),
        Dialect::Bedrock => to_titan(&wish, &mut out)?,
        _ => to_openai(&wish, model, &mut out),
    }
    Ok(out)
}

fn of_openai(body: Json<'_>) -> Result<Wish<'_>, TranslateError> {
    let input = body
        .get("input")
        .ok_or_else(|| invalid("input", "is missing"))?;
    let texts = match input.as_text() {
        Some(text) => vec![text],
        None => strings(input, "input")?,
    };
    Ok(Wish {
        texts,
        dimensions: body.get("dimensions").and_then(Json::as_u64),
        purpose: None,
    })
}

fn of_gemini(body: Json<'_>) -> Result<Wish<'_>, TranslateError> {
    let requests: Vec<Json<'_>> = match body.get("requests") {
        Some(requests) => requests.items().collect(),
        None => vec![body],
    };
    let mut texts = Vec::new();
    for request in &requests {
        let content = request
            .get("content")
            .ok_or_else(|| invalid("content", "is missing"))?;
        let parts = content
            .get("parts")
            .map(|parts| parts.items().collect::<Vec<_>>());
        let mut said = Vec::new();
        for part in parts.unwrap_or_default() {
            let text = part.get("text").and_then(Json::as_text);
            said.push(text.ok_or_else(|| unsupported("content", "only texts can be embedded"))?);
        }
        // Several parts are one text.
        texts.push(match (said.len(), said.pop()) {
            (1, Some(text)) => text,
            (_, last) => {
                let all = said
                    .iter()
                    .chain(&last)
                    .map(|text| text.decode().into_owned());
                Text::plain(all.collect::<Vec<_>>().join(" "))
            }
        });
    }
    let first = requests.first().copied().unwrap_or(body);
    let both = |one: &str, other: &str| first.get(one).or_else(|| first.get(other));
    let purpose = both("taskType", "task_type").and_then(|task| match task.as_str() {
        "\"RETRIEVAL_QUERY\"" | "\"QUESTION_ANSWERING\"" | "\"CODE_RETRIEVAL_QUERY\"" => {
            Some("search_query")
        }
        "\"RETRIEVAL_DOCUMENT\"" => Some("search_document"),
        "\"CLASSIFICATION\"" => Some("classification"),
        "\"CLUSTERING\"" => Some("clustering"),
        _ => None,
    });
    Ok(Wish {
        texts,
        dimensions: both("outputDimensionality", "output_dimensionality").and_then(Json::as_u64),
        purpose,
    })
}

fn of_cohere(body: Json<'_>) -> Result<Wish<'_>, TranslateError> {
    if body.get("images").is_some() || body.get("inputs").is_some() {
        return Err(unsupported(
            "images",
            "only texts can be embedded by this target",
        ));
    }
    let texts = body
        .get("texts")
        .ok_or_else(|| invalid("texts", "is missing"))?;
    let purposes = [
        "search_document",
        "search_query",
        "classification",
        "clustering",
    ];
    let said = body.get("input_type").and_then(Json::as_text);
    Ok(Wish {
        texts: strings(texts, "texts")?,
        dimensions: body.get("output_dimension").and_then(Json::as_u64),
        purpose: said.and_then(|said| purposes.into_iter().find(|purpose| said.is(purpose))),
    })
}

fn to_openai(wish: &Wish<'_>, model: &str, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.str("model", model);
    body.array("input", |list| texts(wish, list));
    body.str("encoding_format", "float");
    if let Some(dimensions) = wish.dimensions {
        body.number("dimensions", dimensions);
    }
    body.close();
}

fn to_gemini(wish: &Wish<'_>, model: &str, out: &mut Vec<u8>) {
    let name = format!("models/{}", model.trim_start_matches("models/"));
    let task = wish.purpose.map(|purpose| match purpose {
        "search_query" => "RETRIEVAL_QUERY",
        "search_document" => "RETRIEVAL_DOCUMENT",
        "classification" => "CLASSIFICATION",
        _ => "CLUSTERING",
    });
    let mut body = Object::open(out);
    body.array("requests", |list| {
        for text in &wish.texts {
            list.object(|request| {
                request.str("model", &name).object("content", |content| {
                    content.array("parts", |parts| {
                        parts.object(|part| {
                            part.text("text", text);
                        });
                    });
                });
                if let Some(task) = task {
                    request.str("taskType", task);
                }
                if let Some(dimensions) = wish.dimensions {
                    request.number("outputDimensionality", dimensions);
                }
            });
        }
    });
    body.close();
}

fn to_cohere(wish: &Wish<'_>, model: Option<&str>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    if let Some(model) = model {
        body.str("model", model);
    }
    body.array("texts", |list| texts(wish, list));
    // The vendor insists on a purpose; documents are what most embeddings are made of.
    body.str("input_type", wish.purpose.unwrap_or("search_document"));
    body.array("embedding_types", |list| {
        list.item().extend_from_slice(b"\"float\"");
    });
    if let Some(dimensions) = wish.dimensions {
        body.number("output_dimension", dimensions);
    }
    body.close();
}

fn to_titan(wish: &Wish<'_>, out: &mut Vec<u8>) -> Result<(), TranslateError> {
    let [text] = wish.texts.as_slice() else {
        return Err(unsupported("input", "this model embeds one text at a time"));
    };
    let mut body = Object::open(out);
    body.text("inputText", text);
    if let Some(dimensions) = wish.dimensions {
        body.number("dimensions", dimensions);
    }
    body.close();
    Ok(())
}

fn texts(wish: &Wish<'_>, list: &mut Array<'_>) {
    for text in &wish.texts {
        text.write(list.item());
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

/// The vectors of an answer, in order.
fn vectors(from: Dialect, body: Json<'_>) -> Option<Vec<Json<'_>>> {
    Some(match from {
        Dialect::Gemini => match body.get("embeddings") {
            Some(list) => list.items().filter_map(|item| item.get("values")).collect(),
            None => vec![body.get("embedding")?.get("values")?],
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

fn strings<'a>(list: Json<'a>, param: &str) -> Result<Vec<Text<'a>>, TranslateError> {
    if !list.is_array() {
        return Err(invalid(param, "must be a text or a list of texts"));
    }
    let only = || unsupported(param, "only texts can be embedded by this target");
    list.items()
        .map(|item| item.as_text().ok_or_else(only))
        .collect()
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

fn unsupported(param: &str, message: &str) -> TranslateError {
    TranslateError::Unsupported {
        param: param.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(from: Dialect, to: Dialect, body: &str) -> (String, Vectors) {
        let made = translate_embedding(from, to, body.as_bytes(), "m").unwrap();
        let vectors = wanted_vectors(from, body.as_bytes());
        (String::from_utf8(made).unwrap(), vectors)
    }

    #[test]
    fn texts_reach_every_format() {
        let body = r#"{"model":"x","input":["a \"b\"","c"],"dimensions":8}"#;
        let (gemini, vectors) = sent(Dialect::OpenAi, Dialect::Gemini, body);
        assert_eq!(vectors, Vectors::List);
        assert_eq!(
            gemini,
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a \"b\""}]},"outputDimensionality":8},{"model":"models/m","content":{"parts":[{"text":"c"}]},"outputDimensionality":8}]}"#
        );
        let (cohere, _) = sent(Dialect::OpenAi, Dialect::Cohere, body);
        assert!(
            cohere.contains(r#""texts":["a \"b\"","c"],"input_type":"search_document""#),
            "{cohere}"
        );
        let one = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}"#;
        let (cohere, vectors) = sent(Dialect::Gemini, Dialect::Cohere, one);
        assert!(
            cohere.contains("search_query") && vectors == Vectors::One,
            "{cohere}"
        );
        let (titan, _) = sent(Dialect::Gemini, Dialect::Bedrock, one);
        assert_eq!(titan, r#"{"inputText":"a"}"#);
        let two = translate_embedding(
            Dialect::OpenAi,
            Dialect::Bedrock,
            body.as_bytes(),
            "amazon.titan",
        );
        assert!(matches!(two, Err(TranslateError::Unsupported { .. })));
        let tokens = br#"{"input":[[1,2]]}"#;
        let tokens = translate_embedding(Dialect::OpenAi, Dialect::Gemini, tokens, "m");
        assert!(matches!(tokens, Err(TranslateError::Unsupported { .. })));
    }

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
}
