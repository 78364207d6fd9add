//! A request as a line of the log describes it: the recorded body, or one that is alike in all that
//! routing asks for.

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use tidegate_providers::dialect;
use tidegate_types::{Dialect, Endpoint, Segments, config::OnUnsupported};

use crate::{
    call::{Call, CallContext, Named},
    facts::header as names,
    journal::{Features, Record},
    pipeline::plan::prompt::BYTES_PER_TOKEN,
};

/// What fills a prompt up to its length.
const FILLER: &str = "word ";

/// The call of a line; `None` for endpoints that are not lived through again.
pub(crate) fn of(record: &Record) -> Option<(CallContext, Call)> {
    let endpoint = match record.endpoint.as_str() {
        "chat" => Endpoint::Chat,
        "embeddings" => Endpoint::Embeddings,
        _ => return None,
    };
    let dialect = dialect_of(&record.dialect)?;
    let (dialect, body) = match &record.body {
        Some(body) => (dialect, body.clone().into_bytes()),
        None if endpoint == Endpoint::Embeddings => (dialect, embeddings(record)),
        None => chat(record, dialect),
    };
    let request = &record.request;
    let mut headers = HeaderMap::new();
    let told = [
        (names::USER, request.user.clone()),
        (names::SESSION, request.session.clone()),
        (
            names::TAGS,
            Some(request.tags.join(",")).filter(|tags| !tags.is_empty()),
        ),
    ];
    for (name, value) in told {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    let context = CallContext {
        trusted: true,
        fallbacks: request.fallbacks.clone(),
        ..CallContext::default()
    };
    let call = Call {
        endpoint,
        dialect,
        provider: None,
        named: dialect.names_model_in_path().then(|| Named {
            model: record.model.clone(),
            stream: Some(request.stream),
        }),
        body: Segments::from(body),
        rest: None,
        headers,
    };
    Some((context, call))
}

fn dialect_of(name: &str) -> Option<Dialect> {
    serde_json::from_value(Value::from(name)).ok()
}

fn embeddings(record: &Record) -> Vec<u8> {
    let mut words = String::new();
    fill(&mut words, record.request.input_tokens * BYTES_PER_TOKEN);
    json!({ "model": record.model, "input": words })
        .to_string()
        .into_bytes()
}

/// A conversation, in the wanted format where what is asked for can be told in it.
fn chat(record: &Record, dialect: Dialect) -> (Dialect, Vec<u8>) {
    let body = conversation(&record.model, &record.request);
    if dialect == Dialect::OpenAi {
        return (dialect, body);
    }
    let translated = dialect::translate_request(
        Dialect::OpenAi,
        dialect,
        &body,
        &record.model,
        Some(record.request.stream),
        OnUnsupported::Drop,
    );
    translated.map_or((Dialect::OpenAi, body), |made| (dialect, made.body))
}

fn conversation(model: &str, request: &Features) -> Vec<u8> {
    let count = request.messages.clamp(1, 1000);
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    if let Some(most) = request.max_output_tokens {
        body.insert("max_tokens".to_owned(), most.into());
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|name| {
            json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } })
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    if request.structured {
        let format = json!({
            "type": "json_schema",
            "json_schema": { "name": "reply", "schema": { "type": "object" } }
        });
        body.insert("response_format".to_owned(), format);
    }
    if request.reasoning {
        body.insert("reasoning_effort".to_owned(), "medium".into());
    }
    let parts = request.modalities.iter().filter_map(|kind| part(kind));
    let mut parts: Vec<Value> = parts.collect();
    let prefix = request.prefix.clone().unwrap_or_default();
    let messages = |words: String, parts: Vec<Value>| -> Value {
        let rest = (1..count).map(|at| {
            let role = if at % 2 == 0 { "user" } else { "assistant" };
            json!({ "role": role, "content": if at + 1 == count { &*words } else { "-" } })
        });
        let mut first = vec![json!({ "type": "text", "text": prefix })];
        first.extend(parts);
        if count == 1 {
            first.push(json!({ "type": "text", "text": words }));
        }
        let first = json!({ "role": "user", "content": first });
        std::iter::once(first).chain(rest).collect()
    };
    body.insert(
        "messages".to_owned(),
        messages(String::new(), parts.clone()),
    );
    let length = serde_json::to_vec(&body).map_or(0, |body| body.len() as u64);
    let mut words = String::new();
    let wanted = request.input_tokens.saturating_mul(BYTES_PER_TOKEN);
    fill(&mut words, wanted.saturating_sub(length));
    body.insert(
        "messages".to_owned(),
        messages(words, std::mem::take(&mut parts)),
    );
    serde_json::to_vec(&body).unwrap_or_default()
}

fn part(kind: &str) -> Option<Value> {
    Some(match kind {
        "image" => {
            json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } })
        }
        "audio" => {
            json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } })
        }
        "document" => {
            json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA" } })
        }
        "video" => {
            json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } })
        }
        _ => return None,
    })
}

fn fill(words: &mut String, bytes: u64) {
    // Longer prompts than any model takes would only cost memory.
    const MOST: usize = 16 << 20;
    let bytes = usize::try_from(bytes).unwrap_or(MOST).min(MOST);
    words.reserve(bytes);
    while words.len() + FILLER.len() <= bytes {
        words.push_str(FILLER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::plan::prompt;

    #[test]
    fn a_made_up_request_is_alike_in_all_that_routing_asks_for() {
        for dialect in [
            Dialect::OpenAi,
            Dialect::Anthropic,
            Dialect::Responses,
            Dialect::Gemini,
        ] {
            for (input_tokens, messages) in [(600, 1), (9_000, 5)] {
                let record = Record {
                    endpoint: "chat".to_owned(),
                    dialect: dialect.as_str().to_owned(),
                    model: "fast".to_owned(),
                    request: Features {
                        input_tokens,
                        messages,
                        max_output_tokens: Some(77),
                        tools: vec!["search".to_owned()],
                        modalities: vec!["image".to_owned()],
                        ..Features::default()
                    },
                    ..Record::default()
                };
                let (_, call) = of(&record).unwrap();
                assert_eq!(call.dialect, dialect);
                let body = call.body.to_bytes();
                let tokens = prompt::tokens(&call.body);
                let off = tokens.abs_diff(input_tokens);
                assert!(off <= input_tokens / 5, "{dialect:?}: {tokens}");
                let seen = dialect::survey(dialect, &body);
                assert_eq!(seen.tools, ["search"], "{dialect:?}");
                assert!(seen.modalities.iter().any(|kind| kind == "image"));
                assert_eq!(prompt::Named::in_body(&body).messages, messages);
            }
        }
    }
}
