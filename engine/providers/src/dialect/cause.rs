//! Why a vendor refused a request, where another model may not.

use super::error::Failure;
use tidegate_types::chat::Json;

/// A refusal that is about the model as much as about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The prompt is too long for the model.
    ContextWindow,
    /// The vendor's policy forbids the content.
    ContentPolicy,
}

/// Codes and types vendors give to prompts that are too long.
const LONG_CODES: &[&str] = &[
    "context_length_exceeded",
    "context_window_exceeded",
    "model_context_window_exceeded",
    "string_above_max_length",
    "max_tokens_exceeded",
];

/// What their messages say, in lower case. The vendor whose words they are stands behind each.
const LONG_WORDS: &[&str] = &[
    "maximum context length",     // OpenAI, Azure, vLLM, OpenRouter, DeepSeek
    "exceeds the context window", // OpenAI (Responses)
    "prompt is too long",         // Anthropic
    "exceed context limit",       // Anthropic, prompt and bound together
    "exceeds the maximum number of tokens", // Google
    "input is too long",          // Bedrock
    "too many input tokens",      // Bedrock
    "max input tokens",           // Bedrock
    "reduce the length of the messages", // Groq, Cerebras
    "too large for model with",   // Mistral
    "too many tokens: total tokens", // Cohere
    "maximum prompt length",      // xAI
    "context length exceeded",    // several
    "context size exceeded",      // llama.cpp
    "exceeds the available context size", // llama.cpp
    "exceeds the model's maximum context", // several
    "longer than the model's context", // several
    "max_seq_len",                // SGLang and others
    "`inputs` tokens + `max_new_tokens`", // TGI
];

/// Codes and types of refusals by policy.
const POLICY_CODES: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "content_policy",
    "contentfilter",
    "responsibleaipolicyviolation",
    "moderation_blocked",
    "cyber_policy",
    "data_inspection_failed", // Alibaba
    "datainspectionfailed",
    "prohibited_content",
];

/// What their messages say, in lower case.
const POLICY_WORDS: &[&str] = &[
    "content management policy",     // Azure
    "content filtering policy",      // Anthropic
    "rejected by the safety system", // OpenAI, pictures
    "rejected as a result of our safety system",
    "content policy violation",
    "violates our usage polic",
    "violating our usage polic",
    "flagged as potentially violating",
    "flagged by moderation",
    "requires moderation",
    "blocked by our content filter",
    "content exists risk", // DeepSeek
];

/// Why the upstream refused, if it is one of the causes another model may not have. Only for answers
/// with status 400, 403, 413 or 422: elsewhere the same words mean something else.
pub fn cause(body: &[u8]) -> Option<Cause> {
    let failure = Json::parse(body)
        .ok()
        .map(Failure::read)
        .unwrap_or_default();
    let message = failure.message.unwrap_or_else(|| {
        let text = &body[..body.len().min(2000)];
        String::from_utf8_lossy(text).into_owned()
    });
    let message = message.to_lowercase();
    let named = |codes: &[&str]| {
        let known = |word: &Option<String>| {
            word.as_ref()
                .is_some_and(|word| codes.contains(&word.to_lowercase().as_str()))
        };
        known(&failure.code) || known(&failure.kind)
    };
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if named(LONG_CODES) || says(LONG_WORDS) {
        Some(Cause::ContextWindow)
    } else if named(POLICY_CODES) || says(POLICY_WORDS) {
        Some(Cause::ContentPolicy)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_words_for_the_two_causes_are_known() {
        use Cause::{ContentPolicy, ContextWindow};
        for (body, expected) in [
            (
                r#"{"error":{"message":"This model's maximum context length is 8 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                Some(ContextWindow),
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
                Some(ContextWindow),
            ),
            (
                r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#,
                Some(ContextWindow),
            ),
            (
                r#"{"message":"Input is too long for requested model."}"#,
                Some(ContextWindow),
            ),
            (
                r#"{"message":"too many tokens: total tokens in the prompt cannot exceed 8 - received 9"}"#,
                Some(ContextWindow),
            ),
            (
                r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"content_filter"}}"#,
                Some(ContentPolicy),
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
                Some(ContentPolicy),
            ),
            (
                r#"{"error":{"message":"max_tokens must be at least 1","type":"invalid_request_error","param":"max_tokens"}}"#,
                None,
            ),
            (
                r#"{"error":{"message":"Unknown parameter: 'context'.","code":"unknown_parameter"}}"#,
                None,
            ),
            ("", None),
            ("<html>Bad Request</html>", None),
        ] {
            assert_eq!(cause(body.as_bytes()), expected, "{body}");
        }
    }
}
