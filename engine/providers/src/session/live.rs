//! Gemini's Live API (Google, "Live API - WebSockets API reference").

use tidegate_types::chat::Json;

use super::{Asked, Heard, SPOKEN_PER_TOKEN, TEXT_PER_TOKEN, Told, length, place, word};
use crate::dialect::usage;

/// Members have two spellings, as everywhere in Google's JSON.
fn either<'a>(object: Json<'a>, camel: &str, snake: &str) -> Option<Json<'a>> {
    object.get(camel).or_else(|| object.get(snake))
}

pub(super) fn asked(message: Json<'_>) -> Asked {
    let adds = Heard {
        text: message.as_str().len() as u64,
        sound: 0,
    };
    if let Some(setup) = message.get("setup") {
        let model = setup.get("model");
        let settings = either(setup, "generationConfig", "generation_config");
        let name = word(model).map(|name| {
            let bare = name.rsplit_once("models/").map(|(_, bare)| bare.to_owned());
            bare.unwrap_or(name)
        });
        return Asked {
            most: settings
                .and_then(|settings| either(settings, "maxOutputTokens", "max_output_tokens"))
                .and_then(Json::as_u64),
            model: name.zip(model.map(|model| place(message, model))),
            adds,
            ..Asked::default()
        };
    }
    if let Some(content) = either(message, "clientContent", "client_content") {
        let over = either(content, "turnComplete", "turn_complete").and_then(Json::as_bool);
        return Asked {
            response: over == Some(true),
            adds,
            ..Asked::default()
        };
    }
    if let Some(input) = either(message, "realtimeInput", "realtime_input") {
        let chunks = either(input, "mediaChunks", "media_chunks");
        let chunks = chunks.map_or(0, |chunks| {
            chunks.items().map(|chunk| length(chunk.get("data"))).sum()
        });
        let sound = chunks + data(input, "audio") + data(input, "video");
        return Asked {
            adds: Heard {
                text: adds.text.saturating_sub(sound),
                sound,
            },
            ..Asked::default()
        };
    }
    let answers = either(message, "toolResponse", "tool_response").is_some();
    Asked {
        response: answers,
        adds,
        ..Asked::default()
    }
}

fn data(input: Json<'_>, key: &str) -> u64 {
    input.get(key).map_or(0, |blob| length(blob.get("data")))
}

pub(super) fn told(message: Json<'_>) -> Told {
    let content = either(message, "serverContent", "server_content");
    let turn = content.and_then(|content| either(content, "modelTurn", "model_turn"));
    let flag = |camel, snake| {
        content
            .and_then(|content| either(content, camel, snake))
            .and_then(Json::as_bool)
            == Some(true)
    };
    let calls = either(message, "toolCall", "tool_call").is_some();
    let over = flag("turnComplete", "turn_complete") || flag("interrupted", "interrupted");
    let tokens = turn
        .and_then(|turn| turn.get("parts"))
        .map_or(0, |parts| parts.items().map(part).sum());
    Told {
        running: turn.is_some() || calls,
        over,
        usage: either(message, "usageMetadata", "usage_metadata")
            .filter(|usage| usage.is_object())
            .map(usage::gemini),
        tokens,
        ..Told::default()
    }
}

fn part(part: Json<'_>) -> u64 {
    let spoken = either(part, "inlineData", "inline_data").map_or(0, |blob| {
        length(blob.get("data")).div_ceil(SPOKEN_PER_TOKEN)
    });
    spoken + length(part.get("text")).div_ceil(TEXT_PER_TOKEN)
}
