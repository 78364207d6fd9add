//! Requests to rank documents, as Cohere and Jina shaped them, written as one vendor wants them.

use tidegate_types::{
    Dialect,
    chat::{
        Json, Text,
        write::{Array, Object},
    },
};

use super::TranslateError;
use crate::{catalogue::Quirk, shape::member};

/// The body for a vendor; `None` when it is fine as it is.
///
/// Cohere ranks texts alone: of Jina's documents it gets the text, of those made of fields the fields as
/// YAML, which it asks for ("Rerank", semi-structured data), all of them or those in `rank_fields`.
///
/// # Errors
/// [`TranslateError::Unsupported`] for a picture that Cohere would have to look at.
pub fn adapt_rerank(
    dialect: Dialect,
    body: &[u8],
    quirks: &[Quirk],
) -> Result<Option<Vec<u8>>, TranslateError> {
    let top_k = quirks.contains(&Quirk::RerankTopK);
    let texts = dialect == Dialect::Cohere;
    if !top_k && !texts {
        return Ok(None);
    }
    let Some(body) = Json::parse(body).ok().filter(|body| body.is_object()) else {
        return Ok(None);
    };
    let top_k = top_k && body.get("top_n").is_some();
    let documents = body.get("documents").filter(|_| texts);
    let objects = documents.is_some_and(|list| list.items().any(Json::is_object));
    if !top_k && !objects {
        return Ok(None);
    }
    let fields = body.get("rank_fields");
    let mut out = Vec::with_capacity(body.as_str().len());
    let mut object = Object::open(&mut out);
    for (key, value) in body.members() {
        if top_k && key.is("top_n") {
            object.json("top_k", value);
        } else if objects && key.is("documents") {
            let mut list = Array::open(object.key("documents"));
            for (index, document) in value.items().enumerate() {
                let text = text(document, fields).ok_or_else(|| TranslateError::Unsupported {
                    param: format!("documents[{index}]"),
                    message: "only texts can be ranked by this target".to_owned(),
                })?;
                text.write(list.item());
            }
            list.close();
        } else if !(objects && key.is("rank_fields")) {
            member(key, value, &mut object);
        }
    }
    object.close();
    Ok(Some(out))
}

/// What is to be read of a document.
fn text<'a>(document: Json<'a>, fields: Option<Json<'a>>) -> Option<Text<'a>> {
    if !document.is_object() {
        return document.as_text();
    }
    if fields.is_none()
        && let Some(text) = document.get("text").and_then(Json::as_text)
    {
        return Some(text);
    }
    if document.get("image").is_some() {
        return None;
    }
    let ranked = |key: &Text<'_>| {
        fields.is_none_or(|fields| {
            let mut names = fields.items().filter_map(Json::as_text);
            names.any(|name| key.is(&name.decode()))
        })
    };
    let mut yaml = String::new();
    for (key, value) in document.members().filter(|(key, _)| ranked(key)) {
        let said = value.as_text();
        let said = said.as_ref().map_or(value.as_str().into(), Text::decode);
        yaml.push_str(&key.decode());
        yaml.push_str(": ");
        yaml.push_str(&said);
        yaml.push('\n');
    }
    Some(Text::plain(yaml.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(dialect: Dialect, body: &str, quirks: &[Quirk]) -> Option<String> {
        let made = adapt_rerank(dialect, body.as_bytes(), quirks).unwrap();
        made.map(|made| String::from_utf8(made).unwrap())
    }

    #[test]
    fn the_number_wanted_gets_the_name_the_vendor_knows() {
        let body = r#"{"query":"q", "top_n":1}"#;
        let quirks = &[Quirk::RerankTopK];
        let made = adapted(Dialect::OpenAi, body, quirks).unwrap();
        assert_eq!(made, r#"{"query":"q","top_k":1}"#);
        assert_eq!(adapted(Dialect::OpenAi, body, &[]), None);
        assert_eq!(adapted(Dialect::OpenAi, r#"{"query":"q"}"#, quirks), None);
    }

    #[test]
    fn cohere_gets_the_texts_of_documents() {
        for (documents, want) in [
            (
                r#"["a",{"text":"b \"c\"","id":7}]"#,
                Some(r#"["a","b \"c\""]"#),
            ),
            (
                r#"[{"title":"T","pages":[1,2],"said":"x\ny"}]"#,
                Some(r#"["title: T\npages: [1,2]\nsaid: x\ny"]"#),
            ),
            (r#"["a","b"]"#, None),
        ] {
            let body = format!(r#"{{"model":"m","documents":{documents},"top_n":1}}"#);
            let want = want.map(|want| format!(r#"{{"model":"m","documents":{want},"top_n":1}}"#));
            assert_eq!(adapted(Dialect::Cohere, &body, &[]), want);
            assert_eq!(adapted(Dialect::OpenAi, &body, &[]), None);
        }
        let body = r#"{"documents":[{"title":"T","text":"x","id":1}],"rank_fields":["text","id"]}"#;
        let made = adapted(Dialect::Cohere, body, &[]).unwrap();
        assert_eq!(made, r#"{"documents":["text: x\nid: 1"]}"#);
        let picture = br#"{"documents":[{"image":"https://x.test/a.png"}]}"#;
        assert!(matches!(
            adapt_rerank(Dialect::Cohere, picture, &[]),
            Err(TranslateError::Unsupported { param, .. }) if param == "documents[0]"
        ));
    }
}
