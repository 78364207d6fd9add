//! Requests for embeddings, read in the caller's format and written in the target's.

use tidegate_types::{
    Dialect,
    chat::{
        Json, Text,
        write::{Array, Object},
    },
};

use super::{Vectors, invalid, parse, wanted_vectors};
use crate::{
    dialect::{TranslateError, chat_path},
    shape::Shape,
};

/// How a target is asked for embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedRequest {
    /// Where, below its base URL.
    pub path: String,
    /// With what; `None` for the caller's own body.
    pub body: Option<Vec<u8>>,
}

/// What is to be embedded.
struct Wish<'a> {
    items: Vec<Item<'a>>,
    dimensions: Option<u64>,
    /// For what, in Cohere's words.
    purpose: Option<&'static str>,
}

/// A text, and what Gemini's callers say of each by itself.
struct Item<'a> {
    text: Text<'a>,
    /// For what, in Gemini's words, which are more than Cohere's.
    task: Option<Text<'a>>,
    title: Option<Text<'a>>,
}

impl<'a> From<Text<'a>> for Item<'a> {
    fn from(text: Text<'a>) -> Self {
        Self {
            text,
            task: None,
            title: None,
        }
    }
}

/// Puts a request for embeddings into the target's format.
///
/// `None` where nobody makes embeddings in that dialect.
///
/// # Errors
/// [`TranslateError::Invalid`] when the body is no such request; [`TranslateError::Unsupported`] for
/// what is no text (token lists, pictures), and for several texts where a model takes one.
pub fn embed_request(
    from: Dialect,
    to: Dialect,
    shape: &Shape,
    body: &[u8],
    model: &str,
) -> Result<Option<EmbedRequest>, TranslateError> {
    if matches!(shape, Shape::VertexGemini { .. }) {
        return vertex(from, shape, body, model).map(Some);
    }
    let one = || from == to && wanted_vectors(from, body) == Vectors::One;
    let Some(path) = path(to, shape, model, one) else {
        return Ok(None);
    };
    if from == to {
        return Ok(Some(EmbedRequest { path, body: None }));
    }
    let body = parse(body)?;
    let wish = Wish::read(from, body)?;
    let mut out = Vec::with_capacity(body.as_str().len() + 128);
    match to {
        Dialect::Gemini => to_gemini(&wish, model, &mut out),
        Dialect::Cohere => to_cohere(&wish, Some(model), &mut out),
        // The vendor of a model on Bedrock stands in front of its name, a region's group before it.
        Dialect::Bedrock if model.contains("cohere.") => to_cohere(&wish, None, &mut out),
        Dialect::Bedrock => to_titan(&wish, &mut out)?,
        _ => to_openai(&wish, model, &mut out),
    }
    Ok(Some(EmbedRequest {
        path,
        body: Some(out),
    }))
}

/// Where a provider of that dialect makes embeddings; `None` where it makes none.
fn path(
    dialect: Dialect,
    shape: &Shape,
    model: &str,
    one: impl FnOnce() -> bool,
) -> Option<String> {
    let chat = || chat_path(dialect, model, false);
    match dialect {
        Dialect::OpenAi | Dialect::Responses => Some(shape.path("/embeddings", model)),
        Dialect::Gemini => {
            let verb = if one() { EMBED_ONE } else { EMBED_MANY };
            Some([chat().strip_suffix(":generateContent")?, verb].concat())
        }
        Dialect::Cohere => Some("/v2/embed".to_owned()),
        Dialect::Bedrock => Some(chat().strip_suffix("/converse")?.to_owned() + "/invoke"),
        _ => None,
    }
}

const EMBED_ONE: &str = ":embedContent";
const EMBED_MANY: &str = ":batchEmbedContents";
const PREDICT: &str = ":predict";

/// Vertex AI has two formats: `:predict` with a list of instances ("Text embeddings API"), of which
/// `gemini-embedding-001` takes one, and for Gemini's models and those it hosts for others Gemini's own
/// with the settings in an object (so Google's own clients ask).
fn vertex(
    from: Dialect,
    shape: &Shape,
    body: &[u8],
    model: &str,
) -> Result<EmbedRequest, TranslateError> {
    let chat = shape.chat_path(Dialect::Gemini, model, false);
    let front = chat.strip_suffix(":generateContent").unwrap_or(&chat);
    let to = |verb: &str| [front, verb].concat();
    let gemini = model.contains("gemini") || model.contains("maas");
    let whole = parse(body)?;
    let requests = whole.get("requests");
    let mut all = requests.map_or_else(|| vec![whole], |list| list.items().collect());
    let settings = |request: &Json<'_>| SETTINGS.iter().any(|key| request.get(key).is_some());
    // What nobody need put elsewhere stays as it is written.
    if from == Dialect::Gemini && gemini && !all.iter().any(settings) {
        let verb = if requests.is_some() {
            EMBED_MANY
        } else {
            EMBED_ONE
        };
        let path = to(verb);
        return Ok(EmbedRequest { path, body: None });
    }
    all.clear();
    let wish = Wish::read(from, whole)?;
    let mut out = Vec::with_capacity(body.len() + 128);
    let path = match wish.items.as_slice() {
        items if !gemini || model.contains("gemini-embedding-001") && items.len() == 1 => {
            to_predict(&wish, &mut out);
            to(PREDICT)
        }
        [item] => {
            let mut body = Object::open(&mut out);
            wish.write_configured(item, &mut body);
            body.close();
            to(EMBED_ONE)
        }
        items => {
            let mut body = Object::open(&mut out);
            body.array("requests", |list| {
                for item in items {
                    list.object(|request| wish.write_configured(item, request));
                }
            });
            body.close();
            to(EMBED_MANY)
        }
    };
    Ok(EmbedRequest {
        path,
        body: Some(out),
    })
}

/// Settings that Gemini's own API has beside the text and Vertex AI elsewhere.
const SETTINGS: &[&str] = &[
    "taskType",
    "task_type",
    "title",
    "outputDimensionality",
    "output_dimensionality",
];

impl<'a> Wish<'a> {
    fn read(from: Dialect, body: Json<'a>) -> Result<Self, TranslateError> {
        match from {
            Dialect::Gemini => of_gemini(body),
            Dialect::Cohere => of_cohere(body),
            _ => of_openai(body),
        }
    }

    /// The task in Gemini's words.
    fn write_task(&self, item: &Item<'_>, key: &str, out: &mut Object<'_>) {
        if let Some(task) = &item.task {
            out.text(key, task);
        } else if let Some(purpose) = self.purpose.filter(|_| !self.by_item()) {
            let task = match purpose {
                "search_query" => "RETRIEVAL_QUERY",
                "search_document" => "RETRIEVAL_DOCUMENT",
                "classification" => "CLASSIFICATION",
                _ => "CLUSTERING",
            };
            out.str(key, task);
        }
    }

    /// Whether each text has settings of its own.
    fn by_item(&self) -> bool {
        self.items.iter().any(|item| item.task.is_some())
    }

    /// What stands beside a text in Gemini's format.
    fn write_settings(&self, item: &Item<'_>, out: &mut Object<'_>) {
        self.write_task(item, "taskType", out);
        if let Some(title) = &item.title {
            out.text("title", title);
        }
        if let Some(dimensions) = self.dimensions {
            out.number("outputDimensionality", dimensions);
        }
    }

    /// A text and its settings as Vertex AI has them.
    fn write_configured(&self, item: &Item<'_>, out: &mut Object<'_>) {
        content(&item.text, out);
        let purpose = item.task.is_some() || self.purpose.is_some() && !self.by_item();
        if purpose || item.title.is_some() || self.dimensions.is_some() {
            out.object("embedContentConfig", |settings| {
                self.write_settings(item, settings);
            });
        }
    }
}

fn of_openai(body: Json<'_>) -> Result<Wish<'_>, TranslateError> {
    let input = body
        .get("input")
        .ok_or_else(|| invalid("input", "is missing"))?;
    let items = match input.as_text() {
        Some(text) => vec![text.into()],
        None => strings(input, "input")?,
    };
    Ok(Wish {
        items,
        dimensions: body.get("dimensions").and_then(Json::as_u64),
        purpose: None,
    })
}

fn of_gemini(body: Json<'_>) -> Result<Wish<'_>, TranslateError> {
    let requests: Vec<Json<'_>> = match body.get("requests") {
        Some(requests) => requests.items().collect(),
        None => vec![body],
    };
    let mut items = Vec::new();
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
        let text = match (said.len(), said.pop()) {
            (1, Some(text)) => text,
            (_, last) => {
                let all = said
                    .iter()
                    .chain(&last)
                    .map(|text| text.decode().into_owned());
                Text::plain(all.collect::<Vec<_>>().join(" "))
            }
        };
        items.push(Item {
            text,
            task: setting(*request, "taskType", "task_type").and_then(Json::as_text),
            title: setting(*request, "title", "title").and_then(Json::as_text),
        });
    }
    let first = requests.first().copied().unwrap_or(body);
    let task = items.first().and_then(|item| item.task.as_ref());
    let purpose = task.and_then(|task| match &*task.decode() {
        "RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "CODE_RETRIEVAL_QUERY" => Some("search_query"),
        "RETRIEVAL_DOCUMENT" => Some("search_document"),
        "CLASSIFICATION" => Some("classification"),
        "CLUSTERING" => Some("clustering"),
        _ => None,
    });
    Ok(Wish {
        items,
        dimensions: setting(first, "outputDimensionality", "output_dimensionality")
            .and_then(Json::as_u64),
        purpose,
    })
}

/// What Gemini's callers say beside a text, or in the object that Vertex AI has for it.
fn setting<'a>(request: Json<'a>, one: &str, other: &str) -> Option<Json<'a>> {
    let holders = [Some(request), request.get("embedContentConfig")];
    let mut holders = holders.into_iter().flatten();
    holders.find_map(|holder| holder.get(one).or_else(|| holder.get(other)))
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
        items: strings(texts, "texts")?,
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
    let mut body = Object::open(out);
    body.array("requests", |list| {
        for item in &wish.items {
            list.object(|request| {
                request.str("model", &name);
                content(&item.text, request);
                wish.write_settings(item, request);
            });
        }
    });
    body.close();
}

fn to_predict(wish: &Wish<'_>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.array("instances", |list| {
        for item in &wish.items {
            list.object(|instance| {
                instance.text("content", &item.text);
                wish.write_task(item, "task_type", instance);
                if let Some(title) = &item.title {
                    instance.text("title", title);
                }
            });
        }
    });
    if let Some(dimensions) = wish.dimensions {
        body.object("parameters", |parameters| {
            parameters.number("outputDimensionality", dimensions);
        });
    }
    body.close();
}

fn content(text: &Text<'_>, request: &mut Object<'_>) {
    request.object("content", |content| {
        content.array("parts", |parts| {
            parts.object(|part| {
                part.text("text", text);
            });
        });
    });
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
    let [Item { text, .. }] = wish.items.as_slice() else {
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
    for item in &wish.items {
        item.text.write(list.item());
    }
}

fn strings<'a>(list: Json<'a>, param: &str) -> Result<Vec<Item<'a>>, TranslateError> {
    if !list.is_array() {
        return Err(invalid(param, "must be a text or a list of texts"));
    }
    let only = || unsupported(param, "only texts can be embedded by this target");
    list.items()
        .map(|item| item.as_text().map(Item::from).ok_or_else(only))
        .collect()
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

    fn sent_to(from: Dialect, to: Dialect, shape: &Shape, body: &str, model: &str) -> EmbedRequest {
        let made = embed_request(from, to, shape, body.as_bytes(), model);
        made.unwrap().unwrap()
    }

    fn sent(from: Dialect, to: Dialect, body: &str) -> String {
        let made = sent_to(from, to, &Shape::Plain, body, "m");
        String::from_utf8(made.body.unwrap()).unwrap()
    }

    #[test]
    fn texts_reach_every_format() {
        let body = r#"{"model":"x","input":["a \"b\"","c"],"dimensions":8}"#;
        assert_eq!(
            sent(Dialect::OpenAi, Dialect::Gemini, body),
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a \"b\""}]},"outputDimensionality":8},{"model":"models/m","content":{"parts":[{"text":"c"}]},"outputDimensionality":8}]}"#
        );
        let cohere = sent(Dialect::OpenAi, Dialect::Cohere, body);
        assert!(
            cohere.contains(r#""texts":["a \"b\"","c"],"input_type":"search_document""#),
            "{cohere}"
        );
        let one = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}"#;
        let cohere = sent(Dialect::Gemini, Dialect::Cohere, one);
        assert!(cohere.contains("search_query"), "{cohere}");
        let titan = sent(Dialect::Gemini, Dialect::Bedrock, one);
        assert_eq!(titan, r#"{"inputText":"a"}"#);
        let refused = |to, body: &str, model| {
            let made = embed_request(Dialect::OpenAi, to, &Shape::Plain, body.as_bytes(), model);
            assert!(
                matches!(made, Err(TranslateError::Unsupported { .. })),
                "{made:?}"
            );
        };
        refused(Dialect::Bedrock, body, "amazon.titan");
        refused(Dialect::Gemini, r#"{"input":[[1,2]]}"#, "m");
    }

    #[test]
    fn vertex_predicts_or_embeds_as_the_model_wants_it() {
        let shape = Shape::VertexGemini {
            root: "/v1/projects/p/locations/l".to_owned(),
        };
        let front = "/v1/projects/p/locations/l/publishers/google/models/";
        let ask = |from, body: &str, model: &str| {
            let made = sent_to(from, Dialect::Gemini, &shape, body, model);
            let path = made.path.strip_prefix(front).unwrap().to_owned();
            let body = made.body.map(|body| String::from_utf8(body).unwrap());
            (path, body.unwrap_or_else(|| "as it is".to_owned()))
        };
        let two = r#"{"input":["a","b"],"dimensions":8}"#;
        let gemini = "gemini-embedding-001";
        for (from, body, model, path, sent) in [
            (
                Dialect::OpenAi,
                two,
                "text-embedding-005",
                "text-embedding-005:predict",
                r#"{"instances":[{"content":"a"},{"content":"b"}],"parameters":{"outputDimensionality":8}}"#,
            ),
            (
                Dialect::Cohere,
                r#"{"texts":["a"],"input_type":"clustering"}"#,
                gemini,
                "gemini-embedding-001:predict",
                r#"{"instances":[{"content":"a","task_type":"CLUSTERING"}]}"#,
            ),
            (
                Dialect::OpenAi,
                two,
                gemini,
                "gemini-embedding-001:batchEmbedContents",
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"outputDimensionality":8}},{"content":{"parts":[{"text":"b"}]},"embedContentConfig":{"outputDimensionality":8}}]}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"content":{"parts":[{"text":"a"}]},"taskType":"FACT_VERIFICATION","title":"t"}"#,
                "text-embedding-005",
                "text-embedding-005:predict",
                r#"{"instances":[{"content":"a","task_type":"FACT_VERIFICATION","title":"t"}]}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"taskType":"X"}}"#,
                "gemini-embedding-2",
                "gemini-embedding-2:embedContent",
                "as it is",
            ),
            (
                Dialect::Gemini,
                r#"{"content":{"parts":[{"text":"a"}]},"taskType":"X"}"#,
                "gemini-embedding-2",
                "gemini-embedding-2:embedContent",
                r#"{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"taskType":"X"}}"#,
            ),
        ] {
            assert_eq!(ask(from, body, model), (path.to_owned(), sent.to_owned()));
        }
    }
}
