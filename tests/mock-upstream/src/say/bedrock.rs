//! Amazon Bedrock's answers, frames and checksums included.

use bytes::Bytes;

use super::quoted;

pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Whether a path below a provider's base is one of Bedrock's streams.
pub(crate) fn streams(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    path.ends_with("/converse-stream")
}

fn usage(input: u64, output: u64) -> String {
    let total = input + output;
    format!(
        r#""usage":{{"inputTokens":{input},"outputTokens":{output},"serverToolUsage":{{}},"totalTokens":{total}}}"#
    )
}

pub(super) fn reply(text: &str, input: u64, output: u64) -> String {
    format!(
        r#"{{"metrics":{{"latencyMs":120}},"output":{{"message":{{"content":[{{"text":{}}}],"role":"assistant"}}}},"stopReason":"end_turn",{}}}"#,
        quoted(text),
        usage(input, output),
    )
}

pub(super) fn stream(pieces: &[&str], input: u64, output: u64) -> Vec<Bytes> {
    let mut events = Vec::with_capacity(pieces.len() + 4);
    // The service fills events up to hide their lengths.
    events.push(frame(
        "messageStart",
        r#"{"p":"abcdefgh","role":"assistant"}"#,
    ));
    events.extend(pieces.iter().map(|piece| {
        let text = quoted(piece);
        let data = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":{text}}},"p":"abcdef"}}"#);
        frame("contentBlockDelta", &data)
    }));
    events.push(frame(
        "contentBlockStop",
        r#"{"contentBlockIndex":0,"p":"abc"}"#,
    ));
    events.push(frame(
        "messageStop",
        r#"{"p":"abcdefghij","stopReason":"end_turn"}"#,
    ));
    let usage = usage(input, output);
    events.push(frame(
        "metadata",
        &format!(r#"{{"metrics":{{"latencyMs":120}},"p":"abcd",{usage}}}"#),
    ));
    events
}

/// A frame: lengths, their checksum, headers, payload, the checksum of it all. Names that end in
/// `Exception` are those of exceptions.
pub(crate) fn frame(name: &str, data: &str) -> Bytes {
    let (kind, message) = if name.ends_with("Exception") {
        (":exception-type", "exception")
    } else {
        (":event-type", "event")
    };
    let mut headers = Vec::new();
    for (name, value) in [
        (kind, name),
        (":content-type", "application/json"),
        (":message-type", message),
    ] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = headers.len() + data.len() + 16;
    let mut frame = Vec::with_capacity(total);
    frame.extend_from_slice(&(total as u32).to_be_bytes());
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(data.as_bytes());
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    frame.into()
}

/// A frame from an event noted down as server-sent events are.
pub(crate) fn frame_of(event: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(event);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("", str::trim_start)
    };
    frame(field("event:"), field("data:"))
}

/// CRC-32 (ISO 3309), bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            rest = (rest >> 1) ^ (0xedb8_8320 & (rest & 1).wrapping_neg());
        }
    }
    !rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
