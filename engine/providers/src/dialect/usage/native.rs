//! Usage of endpoints that are passed on in one vendor's own shape.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tidegate_types::{Dialect, Native, Usage, chat::Json};

use super::{anthropic, count, openai};
use crate::dialect::{codec::Codec, with_codec};

/// What a reply says was consumed. The headers of Bedrock's say it for models whose bodies do not.
pub(in crate::dialect) fn of_native(native: Native, body: &[u8]) -> Option<Usage> {
    let body = Json::parse(body).ok()?;
    match native {
        Native::Invoke | Native::InvokeStream => invoked(body),
        Native::Predict | Native::PredictLongRunning => predicted(body),
    }
}

/// Bedrock's InvokeModel: each maker's own words ("Inference request parameters and response fields for
/// foundation models").
fn invoked(body: Json<'_>) -> Option<Usage> {
    let mut read = Usage::default();
    let mut found = false;
    if let Some(usage) = body.get("usage").filter(|usage| usage.is_object()) {
        found = true;
        read = if usage.get("input_tokens").is_some() {
            anthropic(usage)
        } else if usage.get("inputTokens").is_some() {
            with_codec!(Dialect::Bedrock, D => <D as Codec>::usage(usage))
        } else {
            openai(usage)
        };
    }
    for (key, value) in body.members() {
        match &*key.decode() {
            // Llama's and Titan's.
            "prompt_token_count" | "inputTextTokenCount" => read.input = count(value, 0),
            "generation_token_count" => read.output = count(value, 0),
            "results" => {
                let tokens = value.items().filter_map(|result| result.get("tokenCount"));
                let tokens: Vec<Json<'_>> = tokens.collect();
                read.output = tokens.iter().map(|tokens| count(*tokens, 0)).sum();
                found |= !tokens.is_empty();
                continue;
            }
            // Pictures of Titan, Nova Canvas and Stability.
            "images" | "artifacts" => read.images = value.items().count() as u64,
            _ => continue,
        }
        found = true;
    }
    found.then_some(read)
}

/// Vertex AI's and Gemini's `predict` ("Imagen API", "Text embeddings API").
pub(in crate::dialect) fn predicted(body: Json<'_>) -> Option<Usage> {
    let predictions = body.get("predictions")?;
    let mut read = Usage::default();
    for prediction in predictions.items() {
        let has = |key: &str| prediction.get(key).is_some();
        if has("bytesBase64Encoded") || has("gcsUri") {
            read.images += 1;
        }
        let statistics = prediction
            .get("embeddings")
            .and_then(|vectors| vectors.get("statistics"));
        if let Some(tokens) = statistics.and_then(|told| told.get("token_count")) {
            // It is written as a number with a point.
            let tokens = tokens.as_f64().unwrap_or_default().max(0.0);
            #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
            let tokens = tokens as u64;
            read.input = read.input.saturating_add(tokens);
        }
    }
    Some(read)
}

/// What the headers of Bedrock's answers say ("Monitor usage", InvokeModel); `None` when nothing.
pub fn of_headers(headers: &http::HeaderMap) -> Option<Usage> {
    let said = |name: &str| {
        let value = headers.get(["x-amzn-bedrock-", name, "-token-count"].concat())?;
        value.to_str().ok()?.parse::<u64>().ok()
    };
    let (input, output) = (said("input")?, said("output"));
    let read = said("cache-read-input").unwrap_or(0);
    let written = said("cache-write-input").unwrap_or(0);
    Some(Usage {
        input: input.saturating_add(read).saturating_add(written),
        output: output.unwrap_or(0),
        cache_read: read,
        cache_write: written,
        ..Usage::default()
    })
}

/// The event of a model inside a frame of Bedrock's InvokeModelWithResponseStream, and what it says
/// of the whole call, which the last one does.
pub(crate) fn of_chunk(frame: &[u8]) -> Option<Usage> {
    let held = Json::parse(frame).ok()?.get("bytes")?.as_text()?;
    let event = STANDARD.decode(held.decode().as_bytes()).ok()?;
    memchr::memmem::find(&event, b"amazon-bedrock-invocationMetrics")?;
    let told = Json::parse(&event).ok()?;
    let told = told.get("amazon-bedrock-invocationMetrics")?;
    let said = |key: &str| told.get(key).map_or(0, |value| count(value, 0));
    let read = said("cacheReadInputTokenCount");
    let written = said("cacheWriteInputTokenCount");
    Some(Usage {
        input: said("inputTokenCount")
            .saturating_add(read)
            .saturating_add(written),
        output: said("outputTokenCount"),
        cache_read: read,
        cache_write: written,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_maker_on_bedrock_is_understood() {
        for (body, input, output, images) in [
            (
                r#"{"usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":2}}"#,
                12,
                5,
                0,
            ),
            (r#"{"usage":{"inputTokens":10,"outputTokens":5}}"#, 10, 5, 0),
            (
                r#"{"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
                10,
                5,
                0,
            ),
            (
                r#"{"generation":"x","prompt_token_count":10,"generation_token_count":5}"#,
                10,
                5,
                0,
            ),
            (
                r#"{"inputTextTokenCount":10,"results":[{"tokenCount":2},{"tokenCount":3}]}"#,
                10,
                5,
                0,
            ),
            (r#"{"embedding":[1],"inputTextTokenCount":10}"#, 10, 0, 0),
            (r#"{"images":["a","b"]}"#, 0, 0, 2),
        ] {
            let read = of_native(Native::Invoke, body.as_bytes()).unwrap();
            assert_eq!(
                (read.input, read.output, read.images),
                (input, output, images),
                "{body}"
            );
        }
        assert_eq!(of_native(Native::Invoke, br#"{"outputs":[]}"#), None);
    }

    #[test]
    fn predictions_are_pictures_or_vectors() {
        let pictures = br#"{"predictions":[{"bytesBase64Encoded":"a"},{"raiFilteredReason":"x"},{"bytesBase64Encoded":"b"}]}"#;
        assert_eq!(of_native(Native::Predict, pictures).unwrap().images, 2);
        let vectors = br#"{"predictions":[{"embeddings":{"statistics":{"token_count":4.0},"values":[1]}},{"embeddings":{"statistics":{"token_count":3}}}]}"#;
        assert_eq!(of_native(Native::Predict, vectors).unwrap().input, 7);
    }
}
