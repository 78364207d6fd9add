//! OpenAI's Realtime API (OpenAI, API reference: "Client events", "Server events").

use tidegate_types::{
    Dialect, Endpoint, Error, Relay,
    chat::{Json, write::Object},
};

use super::{Asked, Heard, SPOKEN_PER_TOKEN, TEXT_PER_TOKEN, Told, is_delta, length, word};
use crate::{
    dialect::{encode_error, usage, usage_of},
    socket::Message,
};

/// What a transcript of what was heard is billed as.
const TRANSCRIPT: Endpoint = Endpoint::Relay(Relay::Transcriptions);

pub(super) fn asked(message: Json<'_>) -> Asked {
    let kind = word(message.get("type")).unwrap_or_default();
    let id = word(message.get("event_id"));
    let whole = Heard {
        text: message.as_str().len() as u64,
        sound: 0,
    };
    match kind.as_str() {
        "response.create" => Asked {
            response: true,
            id,
            most: message.get("response").and_then(most),
            adds: whole,
            ..Asked::default()
        },
        "session.update" => Asked {
            id,
            most: message.get("session").and_then(most),
            adds: whole,
            ..Asked::default()
        },
        // Translations call the same thing `session.input_audio_buffer.append`.
        append if append.ends_with("input_audio_buffer.append") => Asked {
            id,
            adds: Heard {
                text: 0,
                sound: length(message.get("audio")),
            },
            ..Asked::default()
        },
        "conversation.item.create" => Asked {
            id,
            adds: item(message.get("item"), whole),
            ..Asked::default()
        },
        _ => Asked {
            id,
            ..Asked::default()
        },
    }
}

/// An item's sound is counted as such.
fn item(item: Option<Json<'_>>, whole: Heard) -> Heard {
    let parts = item.and_then(|item| item.get("content"));
    let sound = parts.map_or(0, |parts| {
        parts.items().map(|part| length(part.get("audio"))).sum()
    });
    Heard {
        text: whole.text.saturating_sub(sound),
        sound,
    }
}

/// `max_output_tokens`, older `max_response_output_tokens`; anything but a number is no bound.
fn most(settings: Json<'_>) -> Option<u64> {
    ["max_output_tokens", "max_response_output_tokens"]
        .iter()
        .find_map(|key| settings.get(key))
        .map(|value| value.as_u64().unwrap_or(u64::MAX))
}

pub(super) fn told(message: Json<'_>) -> Told {
    let kind = word(message.get("type")).unwrap_or_default();
    let of = |id| Told {
        id,
        running: true,
        ..Told::default()
    };
    let response = message.get("response");
    let id = || {
        word(message.get("response_id"))
            .or_else(|| word(response.and_then(|response| response.get("id"))))
    };
    match kind.as_str() {
        // What is spoken is not counted once more as what was said.
        "response.created"
        | "response.audio_transcript.delta"
        | "response.output_audio_transcript.delta" => of(id()),
        "response.done" => Told {
            running: false,
            over: true,
            usage: response
                .and_then(|response| response.get("usage"))
                .filter(|usage| usage.is_object())
                .map(usage::openai),
            ..of(id())
        },
        "response.audio.delta" | "response.output_audio.delta" => Told {
            tokens: length(message.get("delta")).div_ceil(SPOKEN_PER_TOKEN),
            ..of(id())
        },
        kind if is_delta(kind) => Told {
            tokens: length(message.get("delta")).div_ceil(TEXT_PER_TOKEN),
            ..of(id())
        },
        "conversation.item.input_audio_transcription.completed" => Told {
            // Billed by tokens, or by the length of what was heard.
            beside: usage_of(Dialect::OpenAi, &TRANSCRIPT, message.as_str().as_bytes()),
            ..Told::default()
        },
        "session.created" | "session.updated" | "transcription_session.updated" => {
            session(message.get("session"))
        }
        "error" => Told {
            refused: Some(word(
                message.get("error").and_then(|error| error.get("event_id")),
            )),
            ..Told::default()
        },
        _ => Told::default(),
    }
}

fn session(session: Option<Json<'_>>) -> Told {
    let at = |path: &[&str]| path.iter().try_fold(session?, |value, key| value.get(key));
    Told {
        model: word(at(&["model"])),
        transcriber: word(
            at(&["audio", "input", "transcription", "model"])
                .or_else(|| at(&["input_audio_transcription", "model"])),
        ),
        ..Told::default()
    }
}

pub(super) fn error(error: &Error, request: Option<&str>, id: &str) -> Message {
    let body = encode_error(Dialect::OpenAi, error);
    let told = Json::parse(&body).ok().and_then(|body| body.get("error"));
    let mut out = Vec::with_capacity(body.len() + 128);
    let mut event = Object::open(&mut out);
    event
        .str("type", "error")
        .str("event_id", &["event_", id].concat())
        .object("error", |inner| {
            for key in ["type", "code", "message", "param"] {
                match told.and_then(|told| told.get(key)) {
                    Some(value) => inner.json(key, value),
                    None => inner.literal(key, "null"),
                };
            }
            match request {
                Some(request) => inner.str("event_id", request),
                None => inner.literal("event_id", "null"),
            };
        });
    event.close();
    Message::Text(out.into())
}
