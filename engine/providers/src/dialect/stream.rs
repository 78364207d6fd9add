//! Translating streams.

use tidegate_types::{Dialect, chat::Delta};

use super::{
    TranslateError,
    codec::{Codec, Decoder, Encoder, Fault, StreamOptions},
};
use crate::{anthropic::Anthropic, openai::OpenAi, sse::SseEvent};

/// Turns a stream into another dialect, event by event.
#[derive(Debug)]
pub struct StreamTranslator {
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// The bytes stay as they are.
    Same,
    Between(Box<From>, Box<To>),
}

#[derive(Debug)]
enum From {
    OpenAi(<OpenAi as Codec>::Decoder),
    Anthropic(<Anthropic as Codec>::Decoder),
}

#[derive(Debug)]
enum To {
    OpenAi(<OpenAi as Codec>::Encoder),
    Anthropic(<Anthropic as Codec>::Encoder),
}

impl StreamTranslator {
    /// A translator at the start of a stream. `model` is the name the caller asked for;
    /// `include_usage` says whether an OpenAI caller asked for a usage chunk; `created` is the time,
    /// in seconds since 1970, where the upstream's dialect has none.
    pub fn new(from: Dialect, to: Dialect, model: &str, include_usage: bool, created: u64) -> Self {
        if from == to {
            return Self { way: Way::Same };
        }
        let options = StreamOptions {
            model: model.to_owned(),
            include_usage,
            created,
        };
        let from = match from {
            Dialect::Anthropic => From::Anthropic(<Anthropic as Codec>::Decoder::default()),
            _ => From::OpenAi(<OpenAi as Codec>::Decoder::default()),
        };
        let to = match to {
            Dialect::Anthropic => To::Anthropic(<Anthropic as Codec>::Encoder::new(options)),
            _ => To::OpenAi(<OpenAi as Codec>::Encoder::new(options)),
        };
        Self {
            way: Way::Between(Box::new(from), Box::new(to)),
        }
    }

    /// Appends what the next event means to `out`. Comments are passed on, an error inside the
    /// stream becomes the caller's error event.
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the event is none of the upstream's dialect.
    pub fn push(&mut self, event: &SseEvent, out: &mut Vec<u8>) -> Result<(), TranslateError> {
        let (from, to) = match &mut self.way {
            Way::Same => {
                out.extend_from_slice(&event.raw);
                return Ok(());
            }
            Way::Between(from, to) => (from, to),
        };
        if event.data.is_empty() && event.event.is_none() {
            if event.raw.starts_with(b":") {
                out.extend_from_slice(&event.raw);
            }
            return Ok(());
        }
        let mut sink = |delta: Delta<'_>| to.encode(delta, out);
        let result = match &mut **from {
            From::OpenAi(decoder) => decoder.decode(event, &mut sink),
            From::Anthropic(decoder) => decoder.decode(event, &mut sink),
        };
        result.map_err(|fault| invalid_event(event, &fault))
    }

    /// Appends the terminal events, unless they were already written. Call it when the upstream's
    /// stream is complete, not when it broke.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Way::Between(_, to) = &mut self.way {
            to.encode(Delta::End, out);
        }
    }
}

impl To {
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(encoder) => encoder.encode(delta, out),
            Self::Anthropic(encoder) => encoder.encode(delta, out),
        }
    }
}

fn invalid_event(event: &SseEvent, fault: &Fault<'_>) -> TranslateError {
    let data = std::str::from_utf8(&event.data).unwrap_or_default();
    let param = fault.path(tidegate_types::chat::Json::trusted(data));
    let message = format!("an event of the stream cannot be read: {}", fault.message);
    TranslateError::Invalid { param, message }
}
