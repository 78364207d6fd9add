//! Counting the tokens of a request: how each dialect asks for it and answers.

use std::borrow::Cow;

use tidegate_types::{
    Dialect,
    chat::{Json, write::Object},
    config::OnUnsupported,
};

use super::{TranslateError, Translation, chat_path, translate_request};

/// Where a provider of that dialect counts the tokens of a request, below its base URL; `None` where
/// the dialect has no such question.
pub fn count_path(dialect: Dialect, model: &str) -> Option<String> {
    let chat = chat_path(dialect, model, false);
    match dialect {
        Dialect::Anthropic => Some(chat + "/count_tokens"),
        Dialect::Responses => Some(chat + "/input_tokens"),
        Dialect::Gemini => Some(chat.strip_suffix(":generateContent")?.to_owned() + ":countTokens"),
        Dialect::Bedrock => Some(chat.strip_suffix("/converse")?.to_owned() + "/count-tokens"),
        Dialect::Cohere => Some("/v1/tokenize".to_owned()),
        _ => None,
    }
}

/// The chat request inside a request to count its tokens; `None` when there is none that could be
/// read, such as a body of another vendor's in base64.
pub fn counted(dialect: Dialect, body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = |path: &[&str]| {
        let mut value = Json::parse(body).ok()?;
        for key in path {
            value = value.get(key)?;
        }
        Some(Cow::Borrowed(value.as_str().as_bytes()))
    };
    match dialect {
        Dialect::Gemini => {
            inner(&["generateContentRequest"]).or_else(|| inner(&["generate_content_request"]))
        }
        Dialect::Bedrock => return inner(&["input", "converse"]),
        Dialect::Cohere => return None,
        _ => None,
    }
    .or(Some(Cow::Borrowed(body)))
}

/// Turns a request to count tokens into the target's dialect. `at` is the URL it goes to: Vertex AI
/// asks in another way than Gemini.
///
/// # Errors
/// As [`translate_request`]; [`TranslateError::Unsupported`] where one side counts texts only.
pub fn translate_count(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
    at: &str,
    on_unsupported: OnUnsupported,
) -> Result<Translation, TranslateError> {
    let unsupported = || TranslateError::Unsupported {
        param: String::new(),
        message: format!("{} cannot count such a request", to.as_str()),
    };
    let chat = counted(from, body).ok_or_else(unsupported)?;
    let mut translation = translate_request(from, to, &chat, model, None, on_unsupported)?;
    let chat = translation.body;
    let chat = Json::parse(&chat).map_err(|message| TranslateError::Invalid {
        param: String::new(),
        message,
    })?;
    let mut out = Vec::with_capacity(chat.as_str().len() + 64);
    match to {
        Dialect::Anthropic => kept(chat, ANTHROPIC, Object::open(&mut out)),
        Dialect::Responses => kept(chat, RESPONSES, Object::open(&mut out)),
        Dialect::Bedrock => {
            let mut whole = Object::open(&mut out);
            whole.object("input", |input| {
                kept(chat, CONVERSE, Object::open(input.key("converse")));
            });
            whole.close();
        }
        Dialect::Gemini if at.contains("/publishers/") => {
            kept(chat, VERTEX, Object::open(&mut out));
        }
        Dialect::Gemini => {
            let mut whole = Object::open(&mut out);
            whole.object("generateContentRequest", |request| {
                let name = format!("models/{}", model.trim_start_matches("models/"));
                request.str("model", &name);
                for (key, value) in chat.members().filter(|(key, _)| !key.is("model")) {
                    request.json(&key.decode(), value);
                }
            });
            whole.close();
        }
        _ => return Err(unsupported()),
    }
    translation.body = out;
    Ok(translation)
}

/// Members that count; vendors refuse others.
const ANTHROPIC: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
];
const RESPONSES: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
];
const CONVERSE: &[&str] = &["messages", "system", "toolConfig"];
const VERTEX: &[&str] = &["contents", "systemInstruction", "tools", "generationConfig"];

fn kept(chat: Json<'_>, names: &[&str], mut object: Object<'_>) {
    for (key, value) in chat.members() {
        if let Some(name) = names.iter().find(|name| key.is(name)) {
            object.json(name, value);
        }
    }
    object.close();
}

/// The count in an answer.
pub fn read_count(dialect: Dialect, body: &[u8]) -> Option<u64> {
    let body = Json::parse(body).ok()?;
    match dialect {
        Dialect::Gemini => body.get("totalTokens")?.as_u64(),
        Dialect::Bedrock => body.get("inputTokens")?.as_u64(),
        Dialect::Cohere => Some(body.get("tokens")?.items().count() as u64),
        _ => body.get("input_tokens")?.as_u64(),
    }
}

/// The answer that says so many. The OpenAI dialect has none of its own; its callers get the member
/// names of both Responses and LiteLLM.
pub fn write_count(dialect: Dialect, tokens: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut body = Object::open(&mut out);
    match dialect {
        Dialect::Gemini => body.number("totalTokens", tokens),
        Dialect::Bedrock => body.number("inputTokens", tokens),
        Dialect::Anthropic => body.number("input_tokens", tokens),
        Dialect::Responses => body
            .str("object", "response.input_tokens")
            .number("input_tokens", tokens),
        _ => body
            .number("input_tokens", tokens)
            .number("total_tokens", tokens),
    };
    body.close();
    out
}

/// The tokens of a text, as Cohere's `/v1/tokenize` gives them.
pub fn write_tokens(tokens: &[(u32, String)]) -> Vec<u8> {
    let ids: Vec<u32> = tokens.iter().map(|(id, _)| *id).collect();
    let texts: Vec<&str> = tokens.iter().map(|(_, text)| text.as_str()).collect();
    let body = serde_json::json!({
        "tokens": ids,
        "token_strings": texts,
        "meta": { "api_version": { "version": "1" } },
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = r#"{"model":"m","max_tokens":5,"stream":true,"system":"be kind","messages":[{"role":"user","content":"hi"}]}"#;

    fn asked(to: Dialect, at: &str) -> String {
        let made = translate_count(
            Dialect::Anthropic,
            to,
            CHAT.as_bytes(),
            "big",
            at,
            OnUnsupported::Drop,
        );
        String::from_utf8(made.unwrap().body).unwrap()
    }

    #[test]
    fn a_question_reaches_every_dialect_that_counts() {
        let gemini = asked(Dialect::Gemini, "https://g/v1beta/models/big:countTokens");
        assert!(
            gemini.starts_with(r#"{"generateContentRequest":{"model":"models/big","#),
            "{gemini}"
        );
        let vertex = asked(
            Dialect::Gemini,
            "https://v/publishers/google/models/big:countTokens",
        );
        assert!(vertex.contains("\"contents\"") && !vertex.contains("generateContentRequest"));
        let bedrock = asked(Dialect::Bedrock, "");
        assert!(
            bedrock.starts_with(r#"{"input":{"converse":{"#),
            "{bedrock}"
        );
        assert!(!bedrock.contains("inferenceConfig"));
        let responses = asked(Dialect::Responses, "");
        assert!(
            responses.contains("\"input\"") && !responses.contains("max_output"),
            "{responses}"
        );
        assert!(count_path(Dialect::OpenAi, "m").is_none());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for dialect in [
            Dialect::Anthropic,
            Dialect::Responses,
            Dialect::Gemini,
            Dialect::Bedrock,
            Dialect::OpenAi,
        ] {
            assert_eq!(read_count(dialect, &write_count(dialect, 12)), Some(12));
        }
        let body = br#"{"input":{"converse":{"messages":[]}}}"#;
        let inner = counted(Dialect::Bedrock, body).unwrap();
        assert_eq!(&*inner, br#"{"messages":[]}"#);
    }
}
