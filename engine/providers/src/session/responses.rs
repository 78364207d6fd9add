//! OpenAI's Responses over a WebSocket (OpenAI, guide "WebSocket mode"): requests are bodies of
//! `POST /responses` with a `type`, answers are the events of its streams.

use tidegate_types::{
    Dialect, Error,
    chat::{Json, write::Object},
};

use super::{Asked, Heard, TEXT_PER_TOKEN, Told, is_delta, length, place, word};
use crate::{
    dialect::{encode_error, usage},
    socket::Message,
};

pub(super) fn asked(message: Json<'_>) -> Asked {
    let kind = word(message.get("type")).unwrap_or_default();
    let adds = Heard {
        text: message.as_str().len() as u64,
        sound: 0,
    };
    if kind != "response.create" {
        return Asked {
            adds,
            ..Asked::default()
        };
    }
    let model = message.get("model");
    Asked {
        response: true,
        id: None,
        most: message.get("max_output_tokens").and_then(Json::as_u64),
        model: word(model).zip(model.map(|model| place(message, model))),
        adds,
    }
}

pub(super) fn told(message: Json<'_>) -> Told {
    let kind = word(message.get("type")).unwrap_or_default();
    let response = message.get("response");
    let id = word(message.get("response_id"))
        .or_else(|| word(response.and_then(|response| response.get("id"))));
    let of = Told {
        id,
        running: true,
        ..Told::default()
    };
    match kind.as_str() {
        "response.created" | "response.queued" | "response.in_progress" => of,
        "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
            Told {
                running: false,
                over: true,
                usage: response
                    .and_then(|response| response.get("usage"))
                    .filter(|usage| usage.is_object())
                    .map(usage::openai),
                ..of
            }
        }
        kind if is_delta(kind) => Told {
            tokens: length(message.get("delta")).div_ceil(TEXT_PER_TOKEN),
            ..of
        },
        "error" => Told {
            refused: Some(None),
            ..Told::default()
        },
        _ => Told::default(),
    }
}

pub(super) fn error(error: &Error) -> Message {
    let body = encode_error(Dialect::Responses, error);
    let told = Json::parse(&body).ok().and_then(|body| body.get("error"));
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut event = Object::open(&mut out);
    event
        .str("type", "error")
        .number("status", u64::from(error.status().as_u16()));
    match told {
        Some(told) => event.json("error", told),
        None => event.literal("error", "null"),
    };
    event.close();
    Message::Text(out.into())
}
