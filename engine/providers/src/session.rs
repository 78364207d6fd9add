//! What is said in a session over a WebSocket: which messages ask for a response, and which tell what
//! one consumed. Messages themselves pass untouched, but for the model's name.

mod live;
mod realtime;
mod responses;

use std::ops::Range;

use bytes::Bytes;
use tidegate_types::{Error, SessionKind, Usage, chat::Json, json::quote};

use crate::socket::Message;

/// Encoded sound of one token of what is heard, at the least any format needs: a tenth of a second of
/// eight-bit telephony (OpenAI, "Managing costs": one token per 100 ms).
const SOUND_PER_TOKEN_AT_LEAST: u64 = 1_000;

/// Encoded sound of one token of what is heard, as it mostly is: a tenth of a second of 24 kHz.
const SOUND_PER_TOKEN: u64 = 6_400;

/// Encoded sound of one token of what is said: 50 ms of 24 kHz.
pub(crate) const SPOKEN_PER_TOKEN: u64 = 3_200;

/// Bytes of text per token, for counting where the vendor does not.
pub(crate) const TEXT_PER_TOKEN: u64 = 4;

/// What a caller's message asks for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Asked {
    /// It asks for a response.
    pub response: bool,
    /// Its own id, which an error about it repeats.
    pub id: Option<String>,
    /// The bound it sets on generated tokens: of this response, or of all to come. The largest number
    /// lifts an earlier one.
    pub most: Option<u64>,
    /// Where in the message the model's name stands, quotes included.
    pub model: Option<(String, Range<usize>)>,
    /// How much it adds to the conversation.
    pub adds: Heard,
}

/// What was put into a conversation and not yet counted by the vendor.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Bytes of text, and of everything whose tokens are no longer than that.
    pub text: u64,
    /// Bytes of encoded sound.
    pub sound: u64,
}

impl Heard {
    /// The most tokens it can be.
    pub fn most(self) -> u64 {
        self.text
            .saturating_add(self.sound.div_ceil(SOUND_PER_TOKEN_AT_LEAST))
    }

    /// About how many tokens it is.
    pub fn about(self) -> u64 {
        (self.text / TEXT_PER_TOKEN).saturating_add(self.sound.div_ceil(SOUND_PER_TOKEN))
    }

    /// With what `other` adds.
    pub fn plus(self, other: Self) -> Self {
        Self {
            text: self.text.saturating_add(other.text),
            sound: self.sound.saturating_add(other.sound),
        }
    }

    /// Without what `other` had.
    pub fn minus(self, other: Self) -> Self {
        Self {
            text: self.text.saturating_sub(other.text),
            sound: self.sound.saturating_sub(other.sound),
        }
    }
}

/// What a vendor's message tells.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Told {
    /// The response it belongs to.
    pub id: Option<String>,
    /// A response begins or goes on.
    pub running: bool,
    /// The response is over.
    pub over: bool,
    /// What the response consumed, all of it.
    pub usage: Option<Usage>,
    /// What was consumed beside the response, such as a transcript of what was heard.
    pub beside: Option<Usage>,
    /// Generated tokens in this message, roughly.
    pub tokens: u64,
    /// A request was refused: its own id, where known.
    pub refused: Option<Option<String>>,
    /// The session's model, where the vendor names it.
    pub model: Option<String>,
    /// The model that transcribes what is heard.
    pub transcriber: Option<String>,
}

/// Reads a caller's message.
pub fn asked(kind: SessionKind, payload: &[u8]) -> Asked {
    let Ok(message) = Json::parse(payload) else {
        return Asked {
            adds: Heard {
                text: payload.len() as u64,
                sound: 0,
            },
            ..Asked::default()
        };
    };
    let mut asked = match kind {
        SessionKind::Realtime => realtime::asked(message),
        SessionKind::Responses => responses::asked(message),
        _ => live::asked(message),
    };
    if let Some((_, place)) = &mut asked.model {
        // White space in front of the message is none of it.
        let before = message.as_str().as_ptr() as usize - payload.as_ptr() as usize;
        *place = place.start + before..place.end + before;
    }
    asked
}

/// Reads a vendor's message.
pub fn told(kind: SessionKind, payload: &[u8]) -> Told {
    let Ok(message) = Json::parse(payload) else {
        return Told::default();
    };
    match kind {
        SessionKind::Realtime => realtime::told(message),
        SessionKind::Responses => responses::told(message),
        _ => live::told(message),
    }
}

/// An error as the protocol tells it inside a session; `None` where it only closes. `request` is the
/// id of the message at fault, `id` makes the event's own.
pub fn error_message(
    kind: SessionKind,
    error: &Error,
    request: Option<&str>,
    id: &str,
) -> Option<Message> {
    match kind {
        SessionKind::Realtime => Some(realtime::error(error, request, id)),
        SessionKind::Responses => Some(responses::error(error)),
        _ => None,
    }
}

/// The message with another model's name.
pub fn with_model(
    kind: SessionKind,
    message: Message,
    place: &Range<usize>,
    model: &str,
) -> Message {
    let name = match kind {
        SessionKind::Live => quote(&["models/", model].concat()),
        _ => quote(model),
    };
    let spliced = |bytes: &Bytes| {
        let mut whole = Vec::with_capacity(bytes.len() + name.len());
        whole.extend_from_slice(bytes.get(..place.start).unwrap_or_default());
        whole.extend_from_slice(&name);
        whole.extend_from_slice(bytes.get(place.end..).unwrap_or_default());
        Bytes::from(whole)
    };
    match message {
        Message::Text(bytes) => Message::Text(spliced(&bytes)),
        Message::Binary(bytes) => Message::Binary(spliced(&bytes)),
        close @ Message::Close(_) => close,
    }
}

fn word(value: Option<Json<'_>>) -> Option<String> {
    let word = value?.as_text()?.decode().into_owned();
    (!word.is_empty()).then_some(word)
}

/// Whether an event of OpenAI's carries a piece of a response.
fn is_delta(kind: &str) -> bool {
    kind.starts_with("response.") && kind.rsplit_once('.').is_some_and(|(_, end)| end == "delta")
}

/// Length of a string as it is written, quotes aside.
fn length(value: Option<Json<'_>>) -> u64 {
    let text = value.map_or("", Json::as_str);
    (text.len() as u64).saturating_sub(2)
}

/// Where `value` stands in the message it was taken from.
fn place(message: Json<'_>, value: Json<'_>) -> Range<usize> {
    let start = value.as_str().as_ptr() as usize - message.as_str().as_ptr() as usize;
    start..start + value.as_str().len()
}

#[cfg(test)]
mod tests;
