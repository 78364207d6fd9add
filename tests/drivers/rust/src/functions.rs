//! Functions of the program that follow a script, reply by reply; the last one repeats.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::Value;
use tidegate::{Answer, Failure, FunctionRequest, Functions, Piece};

/// The functions of an `open`.
pub(crate) fn of(fields: &Value) -> Functions {
    let functions = Functions::new();
    for (name, replies) in fields["functions"].as_object().into_iter().flatten() {
        let replies = replies.as_array().cloned().unwrap_or_default();
        let next = AtomicUsize::new(0);
        functions.insert(name, move |request: FunctionRequest| {
            let at = next.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1);
            let reply = replies[at].clone();
            async move { answer(&reply, &request).await }
        });
    }
    functions
}

async fn answer(reply: &Value, request: &FunctionRequest) -> Result<Answer, Failure> {
    if reply["silent"] == true {
        return std::future::pending().await;
    }
    if let Some(status) = reply["fail"].as_u64() {
        let message = reply["message"].as_str().unwrap_or("refused");
        let failure = Failure::refused(status as u16, message);
        return Err(match reply["retry_after"].as_f64() {
            Some(seconds) => failure.retry_after(Duration::from_secs_f64(seconds)),
            None => failure,
        });
    }
    assert!(reply.get("raise").is_none(), "the script raises");
    if reply["echo"] == true {
        let FunctionRequest {
            dialect,
            model,
            path,
            stream,
            ..
        } = request;
        return Ok(format!("{} {model} {path} {stream}", dialect.as_str()).into());
    }
    let Some(pieces) = reply["stream"].as_array() else {
        let text = reply["say"].as_str().map(Answer::from);
        return Ok(text.unwrap_or_else(|| Answer::json(reply["json"].to_string())));
    };
    let mut pieces: Vec<_> = pieces.iter().map(|piece| Ok(of_json(piece))).collect();
    if reply["breaks"] == true {
        pieces.push(Err(Failure::refused(500, "the script breaks here")));
    }
    Ok(Answer::stream(futures_util::stream::iter(pieces)))
}

fn of_json(piece: &Value) -> Piece {
    match piece.as_str() {
        Some(text) => Piece::Text(text.to_owned()),
        None => Piece::Json(piece.to_string().into()),
    }
}
