//! Plausible replies in the dialect a path speaks.

use bytes::Bytes;
use serde::Deserialize;

/// Ends an event.
const END: &str = "\n\n";

/// What of a request a plausible reply depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    model: String,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

/// A reply body: one piece, or the events of a stream.
#[derive(Debug)]
pub(crate) enum Said {
    Whole(Bytes),
    Events(Vec<Bytes>),
}

pub(crate) fn say(
    path: &str,
    body: &[u8],
    text: &str,
    usage: Option<[u64; 2]>,
    chunks: Option<usize>,
) -> Said {
    let asked: Asked = serde_json::from_slice(body).unwrap_or_default();
    let pieces = pieces(text, chunks);
    let [input, output] = usage.unwrap_or([10, pieces.len() as u64]);
    let path = path.split('?').next().unwrap_or(path);
    let whole = |text: String| Said::Whole(Bytes::from(text));
    let model = quoted(&asked.model);
    if path.ends_with("/embeddings") {
        return whole(format!(
            r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[0.25,-0.5,1.0]}}],"model":{model},"usage":{{"prompt_tokens":{input},"total_tokens":{input}}}}}"#
        ));
    }
    if path.ends_with("/models") {
        return whole(
            r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock"}]}"#
                .to_owned(),
        );
    }
    let anthropic = path.ends_with("/messages");
    match (anthropic, asked.stream) {
        (false, false) => whole(format!(
            r#"{{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant","content":{},"refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{}}}"#,
            quoted(text),
            openai_usage(input, output),
        )),
        (true, false) => whole(format!(
            r#"{{"id":"msg_mock","type":"message","role":"assistant","model":{model},"content":[{{"type":"text","text":{}}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":{input},"output_tokens":{output}}}}}"#,
            quoted(text),
        )),
        (false, true) => Said::Events(openai_stream(&asked, &pieces, input, output)),
        (true, true) => Said::Events(anthropic_stream(&asked, &pieces, input, output)),
    }
}

/// The text as a JSON string. Bodies are written by hand to keep the vendors' order of members.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn openai_usage(input: u64, output: u64) -> String {
    let total = input + output;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}}"#
    )
}

/// The text word by word, or repeated to exactly `chunks` pieces.
fn pieces(text: &str, chunks: Option<usize>) -> Vec<&str> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    match chunks {
        Some(count) if !words.is_empty() => words.iter().copied().cycle().take(count).collect(),
        _ => words,
    }
}

fn openai_stream(asked: &Asked, pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let model = quoted(&asked.model);
    let open = format!(
        r#"data: {{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":{model},"choices":"#
    );
    let usage = if asked.stream_options.include_usage {
        r#","usage":null"#
    } else {
        ""
    };
    let chunk = |delta: &str, finish: &str| {
        Bytes::from(format!(
            r#"{open}[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]{usage}}}{END}"#
        ))
    };
    let mut events = Vec::with_capacity(pieces.len() + 4);
    events.push(chunk(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
    ));
    events.extend(
        pieces
            .iter()
            .map(|piece| chunk(&format!(r#"{{"content":{}}}"#, quoted(piece)), "null")),
    );
    events.push(chunk("{}", r#""stop""#));
    if asked.stream_options.include_usage {
        let usage = openai_usage(input, output);
        events.push(Bytes::from(format!(r#"{open}[],"usage":{usage}}}{END}"#)));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn anthropic_stream(asked: &Asked, pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let event = |name: &str, members: &str| {
        Bytes::from(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\"{members}}}{END}"
        ))
    };
    let model = quoted(&asked.model);
    let mut events = Vec::with_capacity(pieces.len() + 6);
    events.push(event(
        "message_start",
        &format!(
            r#","message":{{"id":"msg_mock","type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{input},"output_tokens":1}}}}"#
        ),
    ));
    events.push(event(
        "content_block_start",
        r#","index":0,"content_block":{"type":"text","text":""}"#,
    ));
    events.push(event("ping", ""));
    events.extend(pieces.iter().map(|piece| {
        let text = quoted(piece);
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":{text}}}"#);
        event("content_block_delta", &delta)
    }));
    events.push(event("content_block_stop", r#","index":0"#));
    events.push(event(
        "message_delta",
        &format!(
            r#","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"output_tokens":{output}}}"#
        ),
    ));
    events.push(event("message_stop", ""));
    events
}
