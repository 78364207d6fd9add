//! Waiting for the engine, frame by frame.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::bridge::{End, Engine, EventKind, Frame, Outcome, Queue, Request, StreamHandle};

use crate::headers_json;

/// Submits, waits, cancels.
pub(crate) fn given_up(engine: &Engine, request: Request, after: Duration) -> Outcome {
    let queue = Queue::new();
    let ticket = engine.submit(&queue, request);
    queue.wait(after);
    engine.cancel(ticket);
    loop {
        queue.wait(Duration::from_secs(5));
        if let Some(EventKind::Outcome(outcome)) = queue.drain(1).pop().map(|event| event.kind) {
            return outcome;
        }
    }
}

/// Reads until `take` has enough (`None`) or the stream ends.
pub(crate) fn read(stream: &StreamHandle, mut take: impl FnMut(&Frame) -> bool) -> Option<End> {
    loop {
        let batch = stream.read(1, None);
        if !batch.frames.iter().all(&mut take) {
            return None;
        }
        if batch.end.is_some() {
            return batch.end;
        }
    }
}

pub(crate) fn chunks(headers: &Value, stream: &StreamHandle, most: usize) -> Value {
    let mut chunks: Vec<Value> = Vec::new();
    let end = read(stream, |frame| {
        chunks.extend(serde_json::from_slice::<Value>(&frame.data).ok());
        chunks.len() < most
    });
    let last = match end {
        Some(End::Failed(error)) => return json!({ "error": error.to_json(), "chunks": chunks }),
        Some(End::Complete(last)) => headers_json(&last),
        None => json!({}),
    };
    json!({ "ok": { "chunks": chunks, "headers": headers, "trailers": last } })
}
