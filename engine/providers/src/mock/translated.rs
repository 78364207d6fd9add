//! Answers in the shape of every other dialect: written as OpenAI's and translated.

use http::StatusCode;
use tidegate_types::{Dialect, json::quote};

use super::{Answer, Asked, openai};
use crate::{
    dialect::{StreamTranslator, chat_path, translate_error, translate_response},
    sse::SseSplitter,
};

pub(super) const COHERE_MODELS: &str = r#"{"models":[{"name":"mock","endpoints":["chat"],"finetuned":false,"context_length":128000}]}"#;

pub(super) const GEMINI_MODELS: &str = r#"{"models":[{"name":"models/mock","displayName":"mock","supportedGenerationMethods":["generateContent"]}]}"#;

/// Stands for the model where a path is taken apart.
const MODEL: &str = "MODEL";

/// The model and the wish for a stream where the path says so and not the body.
pub(super) fn read_path(dialect: Dialect, path: &str, asked: &mut Asked) {
    for stream in [false, true] {
        if let Some(model) = model_in(dialect, path, stream).filter(|model| !model.is_empty()) {
            asked.model = quote(model);
            asked.stream = stream;
        }
    }
}

pub(crate) fn is_chat(dialect: Dialect, path: &str) -> bool {
    [false, true]
        .iter()
        .any(|stream| model_in(dialect, path, *stream).is_some())
}

/// What stands in the path where the dialect has the model; empty where it has none.
pub(crate) fn model_in(dialect: Dialect, path: &str, stream: bool) -> Option<&str> {
    let form = chat_path(dialect, MODEL, stream);
    let form = form.split('?').next().unwrap_or_default();
    // What comes before the last part may be another vendor's: projects and places of Vertex AI.
    let last = form.rsplit('/').next().unwrap_or_default();
    match form.split_once(MODEL) {
        Some((before, after)) => {
            let before = before.rsplit('/').nth(1).unwrap_or_default();
            let at = path.rfind(&format!("/{before}/"))?;
            let rest = path.get(at + before.len() + 2..)?;
            rest.strip_suffix(after)
        }
        None => path.ends_with(last).then_some(""),
    }
}

pub(super) fn reply(dialect: Dialect, answer: &Answer<'_>, out: &mut Vec<u8>) {
    let mut whole = Vec::new();
    openai::completion(answer, &mut whole);
    let model = model(answer);
    // The mock's own replies are sound; an empty one would show otherwise.
    let there = translate_response(Dialect::OpenAi, dialect, &whole, &model, 0);
    out.extend_from_slice(&there.unwrap_or_default());
}

/// The events of a stream, the place where each ends noted in `ends`.
pub(super) fn stream(
    dialect: Dialect,
    answer: &Answer<'_>,
    out: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) {
    let asked = Asked {
        model: answer.asked.model.clone(),
        stream: true,
        include_usage: true,
        input_tokens: answer.asked.input_tokens,
    };
    let answer = Answer {
        asked: &asked,
        ..*answer
    };
    let mut whole = Vec::new();
    openai::stream(&answer, &mut whole, &mut Vec::new());
    let model = model(&answer);
    let mut translator = StreamTranslator::new(Dialect::OpenAi, dialect, &model, true, 0);
    let mut splitter = SseSplitter::new();
    // A single piece is never too long while nothing is held.
    let _ = splitter.push(whole.into());
    for event in splitter {
        let before = out.len();
        let _ = translator.push(&event, out);
        if out.len() > before {
            ends.push(out.len());
        }
    }
    let before = out.len();
    translator.finish(out);
    if out.len() > before {
        ends.push(out.len());
    }
}

pub(super) fn refusal(dialect: Dialect, status: StatusCode, text: &str) -> Vec<u8> {
    let body = openai::refusal(status, text);
    translate_error(Dialect::OpenAi, dialect, status.as_u16(), &body)
}

fn model(answer: &Answer<'_>) -> String {
    serde_json::from_slice(&answer.asked.model).unwrap_or_default()
}
