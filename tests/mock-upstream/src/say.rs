//! Plausible replies in the dialect a path speaks.

pub(crate) mod bedrock;

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

/// Media type of the streams of a path.
pub(crate) fn stream_type(path: &str) -> &'static str {
    if bedrock::streams(path) {
        bedrock::CONTENT_TYPE
    } else {
        "text/event-stream"
    }
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
    if let Some((model, stream)) = gemini_path(path) {
        let usage = gemini_usage(input, output);
        return if stream {
            Said::Events(gemini_stream(model, &pieces, input, output))
        } else {
            whole(gemini_chunk(model, text, Some(&usage)))
        };
    }
    if path.ends_with("/v1beta/models") {
        return whole(
            r#"{"models":[{"name":"models/mock-model","displayName":"Mock","supportedGenerationMethods":["generateContent"]}]}"#
                .to_owned(),
        );
    }
    if path.ends_with("/models") {
        return whole(
            r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock"}]}"#
                .to_owned(),
        );
    }
    if path.ends_with("/v2/chat") {
        return if asked.stream {
            Said::Events(cohere_stream(&pieces, input, output))
        } else {
            let usage = cohere_usage(input, output);
            whole(format!(
                r#"{{"id":"{COHERE_ID}","message":{{"role":"assistant","content":[{{"type":"text","text":{}}}]}},"finish_reason":"COMPLETE","usage":{usage}}}"#,
                quoted(text),
            ))
        };
    }
    if bedrock::streams(path) {
        return Said::Events(bedrock::stream(&pieces, input, output));
    }
    if path.ends_with("/converse") {
        return whole(bedrock::reply(text, input, output));
    }
    if path.ends_with("/responses") {
        return if asked.stream {
            Said::Events(responses_stream(&model, &pieces, input, output))
        } else {
            let said = message(text);
            whole(response(&model, "completed", &said, input, output))
        };
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

const COHERE_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Cohere puts a preamble of its own before every prompt and does not charge it.
fn cohere_usage(input: u64, output: u64) -> String {
    let (seen, said) = (input + 500, output + 3);
    format!(
        r#"{{"billed_units":{{"input_tokens":{input},"output_tokens":{output}}},"tokens":{{"input_tokens":{seen},"output_tokens":{said}}},"cached_tokens":448}}"#
    )
}

fn cohere_stream(pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let event = |name: &str, members: &str| {
        Bytes::from(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\"{members}}}{END}"
        ))
    };
    let content =
        |inner: &str| format!(r#","index":0,"delta":{{"message":{{"content":{{{inner}}}}}}}"#);
    let mut events = Vec::with_capacity(pieces.len() + 5);
    events.push(event(
        "message-start",
        &format!(
            r#","id":"{COHERE_ID}","delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}"#
        ),
    ));
    events.push(event(
        "content-start",
        &content(r#""type":"text","text":"""#),
    ));
    events.extend(pieces.iter().map(|piece| {
        let inner = format!(r#""text":{}"#, quoted(piece));
        event("content-delta", &content(&inner))
    }));
    events.push(event("content-end", r#","index":0"#));
    let usage = cohere_usage(input, output);
    events.push(event(
        "message-end",
        &format!(r#","delta":{{"finish_reason":"COMPLETE","usage":{usage}}}"#),
    ));
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

/// A message of the Responses dialect that is complete.
fn message(text: &str) -> String {
    format!(
        r#"{{"id":"msg_mock","type":"message","status":"completed","role":"assistant","content":[{}]}}"#,
        output_text(text),
    )
}

fn output_text(text: &str) -> String {
    let text = quoted(text);
    format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{text}}}"#)
}

/// A response object; `output` is what stands in the list of its items.
fn response(model: &str, status: &str, output: &str, input: u64, output_tokens: u64) -> String {
    let usage = if status == "completed" {
        let total = input + output_tokens;
        format!(
            r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":0,"cache_write_tokens":0}},"output_tokens":{output_tokens},"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{total}}}"#
        )
    } else {
        "null".to_owned()
    };
    format!(
        r#"{{"id":"resp_mock","object":"response","created_at":1700000000,"status":"{status}","background":false,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":{model},"output":[{output}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"store":false,"temperature":1.0,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{usage},"user":null,"metadata":{{}}}}"#
    )
}

fn responses_stream(model: &str, pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let mut number = 0;
    let mut event = |name: &str, members: &str| {
        let event = format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number}{members}}}{END}"
        );
        number += 1;
        Bytes::from(event)
    };
    let text = pieces.concat();
    let place = r#","item_id":"msg_mock","output_index":0,"content_index":0"#;
    let begun = format!(
        r#","response":{}"#,
        response(model, "in_progress", "", input, output)
    );
    let whole = message(&text);
    let (nothing, part) = (output_text(""), output_text(&text));
    let quoted_text = quoted(&text);
    let mut events = vec![
        event("response.created", &begun),
        event("response.in_progress", &begun),
        event(
            "response.output_item.added",
            r#","output_index":0,"item":{"id":"msg_mock","type":"message","status":"in_progress","content":[],"role":"assistant"}"#,
        ),
        event(
            "response.content_part.added",
            &format!(r#"{place},"part":{nothing}"#),
        ),
    ];
    events.extend(pieces.iter().map(|piece| {
        let delta = format!(r#"{place},"delta":{},"logprobs":[]"#, quoted(piece));
        event("response.output_text.delta", &delta)
    }));
    events.push(event(
        "response.output_text.done",
        &format!(r#"{place},"text":{quoted_text},"logprobs":[]"#),
    ));
    events.push(event(
        "response.content_part.done",
        &format!(r#"{place},"part":{part}"#),
    ));
    events.push(event(
        "response.output_item.done",
        &format!(r#","output_index":0,"item":{whole}"#),
    ));
    let done = response(model, "completed", &whole, input, output);
    events.push(event(
        "response.completed",
        &format!(r#","response":{done}"#),
    ));
    events
}

/// The model that a path of Gemini's API names, and whether it asks for a stream.
fn gemini_path(path: &str) -> Option<(&str, bool)> {
    let (before, method) = path.rsplit_once(':')?;
    let (_, model) = before.rsplit_once("/models/")?;
    match method {
        "generateContent" => Some((model, false)),
        "streamGenerateContent" => Some((model, true)),
        _ => None,
    }
}

fn gemini_usage(input: u64, output: u64) -> String {
    let total = input + output;
    format!(
        r#"{{"promptTokenCount":{input},"candidatesTokenCount":{output},"totalTokenCount":{total},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{input}}}]}}"#
    )
}

/// A reply, or a piece of one. What carries usage is the last and says that it is complete.
fn gemini_chunk(model: &str, text: &str, usage: Option<&str>) -> String {
    let (finish, usage) = match usage {
        Some(usage) => (
            r#","finishReason":"STOP""#,
            format!(r#","usageMetadata":{usage}"#),
        ),
        None => ("", String::new()),
    };
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"text":{}}}],"role":"model"}}{finish},"index":0}}]{usage},"modelVersion":{},"responseId":"mock-response"}}"#,
        quoted(text),
        quoted(model),
    )
}

/// Chunks end in the vendor's line ends; there is no terminal event.
fn gemini_stream(model: &str, pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let usage = gemini_usage(input, output);
    let event = |text: &str, usage: Option<&str>| {
        let chunk = gemini_chunk(model, text, usage);
        Bytes::from(format!("data: {chunk}\r\n\r\n"))
    };
    let mut events: Vec<_> = pieces.iter().map(|piece| event(piece, None)).collect();
    events.push(event("", Some(&usage)));
    events
}
