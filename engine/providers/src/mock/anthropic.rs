//! Answers in the shape of Anthropic messages.

use http::StatusCode;
use tidegate_types::json::quote;

use super::{Answer, write_json};

pub(super) const MODELS: &str = r#"{"data":[{"type":"model","id":"mock","display_name":"Mock","created_at":"2026-01-01T00:00:00Z"}],"has_more":false,"first_id":"mock","last_id":"mock"}"#;

fn open(answer: &Answer<'_>, out: &mut Vec<u8>) {
    write_json!(out, "{\"id\":\"");
    answer.id("msg_01", out);
    write_json!(
        out,
        "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":",
        answer.asked.model.as_slice(),
    );
}

fn usage(answer: &Answer<'_>, output_tokens: u64, out: &mut Vec<u8>) {
    write_json!(
        out,
        "\"usage\":{\"input_tokens\":",
        answer.input_tokens,
        ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":",
        output_tokens,
        ",\"service_tier\":\"standard\"}",
    );
}

pub(super) fn message(answer: &Answer<'_>, out: &mut Vec<u8>) {
    open(answer, out);
    write_json!(
        out,
        ",\"content\":[{\"type\":\"text\",\"text\":\"",
        answer.whole,
        "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,",
    );
    usage(answer, answer.output_tokens, out);
    write_json!(out, "}");
}

/// The events of a stream, the place where each ends noted in `ends`.
pub(super) fn stream(answer: &Answer<'_>, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
    write_json!(
        out,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
    );
    open(answer, out);
    write_json!(
        out,
        ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
    );
    usage(answer, 1, out);
    write_json!(out, "}}\n\n");
    ends.push(out.len());
    write_json!(
        out,
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
         \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    ends.push(out.len());
    write_json!(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    ends.push(out.len());
    for word in answer.words {
        write_json!(
            out,
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{\"type\":\"text_delta\",\"text\":\"",
            word.as_slice(),
            "\"}}\n\n",
        );
        ends.push(out.len());
    }
    write_json!(
        out,
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    );
    ends.push(out.len());
    write_json!(
        out,
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\
         \"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":",
        answer.output_tokens,
        "}}\n\n",
    );
    ends.push(out.len());
    write_json!(
        out,
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    );
    ends.push(out.len());
}

pub(super) fn refusal(status: StatusCode, text: &str) -> Vec<u8> {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    };
    let mut out = Vec::new();
    write_json!(
        &mut out,
        "{\"type\":\"error\",\"error\":{\"type\":\"",
        kind,
        "\",\"message\":",
        quote(text).as_slice(),
        "},\"request_id\":\"req_011CMockMockMockMockMock\"}",
    );
    out
}
