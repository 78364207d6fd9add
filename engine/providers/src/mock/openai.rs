//! Answers in the shape of OpenAI chat completions.

use http::StatusCode;
use tidegate_types::json::quote;

use super::{Answer, CREATED, write_json};

pub(super) const MODELS: &str = r#"{"object":"list","data":[{"id":"mock","object":"model","created":1767225600,"owned_by":"tidegate"}]}"#;

pub(super) fn completion(answer: &Answer<'_>, out: &mut Vec<u8>) {
    write_json!(out, "{\"id\":\"");
    answer.id("chatcmpl-", out);
    write_json!(
        out,
        "\",\"object\":\"chat.completion\",\"created\":",
        CREATED,
        ",\"model\":",
        answer.asked.model.as_slice(),
        ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
        answer.whole,
        "\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":",
    );
    usage(answer, out);
    write_json!(
        out,
        ",\"service_tier\":\"default\",\"system_fingerprint\":null}"
    );
}

fn usage(answer: &Answer<'_>, out: &mut Vec<u8>) {
    write_json!(
        out,
        "{\"prompt_tokens\":",
        answer.input_tokens,
        ",\"completion_tokens\":",
        answer.output_tokens,
        ",\"total_tokens\":",
        answer.input_tokens + answer.output_tokens,
        ",\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
    );
}

/// The chunks of a stream, the place where each ends noted in `ends`.
pub(super) fn stream(answer: &Answer<'_>, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
    write_json!(out, "data: {\"id\":\"");
    answer.id("chatcmpl-", out);
    write_json!(
        out,
        "\",\"object\":\"chat.completion.chunk\",\"created\":",
        CREATED,
        ",\"model\":",
        answer.asked.model.as_slice(),
        ",\"service_tier\":\"default\",\"system_fingerprint\":null,\"choices\":[",
    );
    let head = out.clone();
    let mut chunk = |out: &mut Vec<u8>, pieces: [&[u8]; 3]| {
        for piece in pieces {
            out.extend_from_slice(piece);
        }
        ends.push(out.len());
    };
    let close: &[u8] = if answer.asked.include_usage {
        b",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
    } else {
        b",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    };
    let role = b"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}";
    chunk(out, [role, close, b""]);
    let mut word_close = b"\"}".to_vec();
    word_close.extend_from_slice(close);
    for word in answer.words {
        out.extend_from_slice(&head);
        chunk(
            out,
            [b"{\"index\":0,\"delta\":{\"content\":\"", word, &word_close],
        );
    }
    out.extend_from_slice(&head);
    let last: &[u8] = if answer.asked.include_usage {
        b"{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
    } else {
        b"{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
    };
    chunk(out, [last, b"", b""]);
    if answer.asked.include_usage {
        write_json!(out, head.as_slice(), "],\"usage\":");
        usage(answer, out);
        chunk(out, [b"}\n\n", b"", b""]);
    }
    chunk(out, [b"data: [DONE]\n\n", b"", b""]);
}

pub(super) fn refusal(status: StatusCode, text: &str) -> Vec<u8> {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", "\"invalid_api_key\""),
        403 => (
            "invalid_request_error",
            "\"unsupported_country_region_territory\"",
        ),
        404 => ("invalid_request_error", "\"model_not_found\""),
        429 => ("requests", "\"rate_limit_exceeded\""),
        400..=499 => ("invalid_request_error", "null"),
        _ => ("server_error", "null"),
    };
    let mut out = Vec::new();
    write_json!(
        &mut out,
        "{\"error\":{\"message\":",
        quote(text).as_slice(),
        ",\"type\":\"",
        kind,
        "\",\"param\":null,\"code\":",
        code,
        "}}",
    );
    out
}
