//! What recorded replies say must be said by the neutral form as well: read and written in the same
//! dialect, every leaf of the reply is there again, or is of a kind that is known to be a vendor's extra.

use std::{collections::HashSet, fs, path::PathBuf};

use serde_json::Value;
use tidegate_types::Dialect;

use super::{codec::Codec, parse, with_codec};

/// Members that stand outside the neutral form on purpose, wherever they stand: what they hold describes
/// the call, the vendor or a tool that ran there, or repeats what is told elsewhere.
const APART: &[&str] = &[
    // what kind of object it is, which model made it, and how it was configured
    "id",
    "object",
    "created",
    "created_at",
    "completed_at",
    "model",
    "modelVersion",
    "type",
    "role",
    "index",
    "system_fingerprint",
    "service_tier",
    "provider",
    "status",
    "native_finish_reason",
    "instructions",
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "metadata",
    "truncation",
    "store",
    "background",
    "billing",
    "error",
    "parallel_tool_calls",
    "max_output_tokens",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
    "prompt_cache_retention",
    "prompt_cache_key",
    "safety_identifier",
    "responseId",
    "createTime",
    "max_tool_calls",
    "user",
    "previous_response_id",
    "debug_output",
    "phase",
    "request_id",
    "model_id",
    "model_version",
    "container",
    "context_management",
    "moderation",
    "object_type",
    // how a filter, a queue or a clock judged
    "content_filter_results",
    "prompt_filter_results",
    "content_filters",
    "content_filter_offsets",
    "safetyRatings",
    "promptFeedback",
    "blockReason",
    "time_info",
    "usage_breakdown",
    "queue_time",
    "metrics",
    "latencyMs",
    "trace",
    "performanceConfig",
    "avgLogprobs",
    "weight",
    "finishMessage",
    "system",
    "warnings",
    // counts are compared by the other tests
    "usage",
    "usageMetadata",
    "x_groq",
    "num_sources_used",
    // why it ended, in a name of the vendor's own
    "finish_reason",
    "finishReason",
    "stop_reason",
    "stopReason",
    "incomplete_details",
    "stop_details",
    // sources: their addresses carry over, and where they stand in the text does not
    "citations",
    "search_results",
    "annotations",
    "groundingMetadata",
    "citationMetadata",
    "urlContextMetadata",
    "images",
    "related_questions",
    "videos",
    // what ran at the vendor, and its files
    "executed_tools",
    "executableCode",
    "codeExecutionResult",
    "code_interpreter_call",
    "server_tool_use",
    "additionalModelResponseFields",
    "tool_type",
    "reasoning_tokens",
    // the same reasoning in another form, or another vendor's
    "reasoning_details",
    "thoughtSignature",
    "encrypted_content",
    "summary",
    "signature",
    "format",
    // older forms of likelihoods, numbers of tokens, and where in a text they stand
    "token_ids",
    "tokenId",
    "bytes",
    "logprobs",
    "logprobsResult",
    "prompt_logprobs",
    "prompt_token_ids",
    "stop_token_ids",
    "prompt",
    "kv_transfer_params",
    // who called a tool of the vendor's
    "caller",
    "call_id",
    "toolUseId",
    "tool_use_id",
    // a message that is a tool's, or empty
    "function_call",
    "ephemeral",
    "seed",
    "tool_usage",
    "total_tokens",
    // the proof of words, which Gemini's compatible endpoint takes back and does not need
    "thought_signature",
    "padding",
    "obfuscation",
    "channel",
];

/// Kinds of blocks and items that run at the vendor.
fn runs_at_the_vendor(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    let call = kind.ends_with("_call") && !matches!(kind, "function_call" | "custom_tool_call");
    let known = matches!(
        kind,
        "server_tool_use"
            | "mcp_list_tools"
            | "mcp_tool_use"
            | "mcp_tool_result"
            | "mcp_approval_request"
            | "compaction"
            | "container_upload"
            | "fallback"
            | "tool_search_output"
    );
    call || known
        || (kind.ends_with("_tool_result") && kind != "tool_result")
        || (kind.ends_with("_output") && !value["output"].is_null())
        || value["toolUse"]["type"] == "server_tool_use"
        || !value["toolResult"].is_null()
        || !value["toolCall"].is_null()
        || !value["toolResponse"].is_null()
        || value["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("x_"))
}

/// The texts and numbers of a value, by the path of names to them.
fn leaves(value: &Value, path: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            if runs_at_the_vendor(value) {
                return;
            }
            for (key, inner) in members {
                if key == "text" && inner.is_string() {
                    leaves(inner, "text", all);
                } else if !APART.contains(&key.as_str()) {
                    leaves(inner, &format!("{path}.{key}"), all);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, all)),
        Value::String(text) if !text.trim().is_empty() => all.push((path.to_owned(), text.clone())),
        Value::Number(number) => all.push((path.to_owned(), number.to_string())),
        _ => {}
    }
}

#[test]
fn recorded_replies_lose_nothing_on_their_way_through_the_neutral_form() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder is the test's own input"
    )]
    let Ok(folder) = std::env::var("TIDEGATE_CASSETTES") else {
        println!("skipped: TIDEGATE_CASSETTES names no folder");
        return;
    };
    let (mut seen, mut lost) = (0, std::collections::BTreeMap::<String, String>::new());
    for entry in fs::read_dir(PathBuf::from(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let body = record["response"]["body"].as_str().unwrap_or_default();
            let Ok(tree) = serde_json::from_str::<Value>(body) else {
                continue;
            };
            let dialect = match record["api"].as_str().unwrap_or_default() {
                "messages" if record["provider"] == "anthropic" => Dialect::Anthropic,
                "chat.completions" => Dialect::OpenAi,
                "responses" => Dialect::Responses,
                "chat" if record["provider"] == "cohere" && tree["message"].is_object() => {
                    Dialect::Cohere
                }
                "generateContent" => Dialect::Gemini,
                "converse" => Dialect::Bedrock,
                _ => continue,
            };
            let json = parse(body.as_bytes()).unwrap();
            let there = with_codec!(dialect, D => <D as Codec>::decode_response(json).map(|read| {
                <D as Codec>::encode_response(&read, "m", 0)
            }));
            let Ok(there) = there else { continue };
            seen += 1;
            // What is found under a name that is not compared has been carried all the same.
            let written = String::from_utf8(there.clone()).unwrap();
            let there: Value = serde_json::from_slice(&there).unwrap();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            leaves(&tree, "", &mut before);
            leaves(&there, "", &mut after);
            let told: HashSet<&str> = after.iter().map(|(_, text)| text.as_str()).collect();
            let whole: String = after.iter().map(|(_, text)| text.as_str()).collect();
            for (path, text) in &before {
                let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
                let same = told.contains(text.as_str())
                    || whole.contains(text.trim())
                    || written.contains(&serde_json::to_string(text).unwrap())
                    || after.iter().any(|(_, other)| {
                        parsed(text)
                            .is_some_and(|value| !value.is_null() && parsed(other) == Some(value))
                    });
                if !same {
                    let id = format!("{} {}", record["provider"], record["id"]);
                    let said: String = text.chars().take(60).collect();
                    lost.entry(format!("{}{path}", dialect.as_str()))
                        .or_insert(format!("{id}: {said}"));
                }
            }
        }
    }
    println!("{seen} recorded replies");
    assert!(seen > 100);
    let lost: Vec<_> = lost
        .iter()
        .map(|(path, first)| format!("{path}: {first}"))
        .collect();
    assert!(lost.is_empty(), "lost:\n{}", lost.join("\n"));
}
