//! Translating streams.

use tidegate_types::{Dialect, chat::Delta};

use super::{
    TranslateError,
    codec::{Codec, Decoder, Encoder, Fault, Stored, StreamOptions},
    with_codec,
};
use crate::sse::SseEvent;

/// Turns a stream into another dialect, event by event.
#[derive(Debug)]
pub struct StreamTranslator {
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// The bytes stay as they are.
    Same,
    Between {
        from: Box<dyn Decoder>,
        to: Box<dyn Encoder>,
        /// Whether the caller's SDKs bear comments.
        comments: bool,
        /// Which of several choices is told, where the caller's dialect has one only.
        choice: Option<u64>,
    },
}

impl StreamTranslator {
    /// A translator at the start of a stream. `model` is the name the caller asked for;
    /// `include_usage` says whether an OpenAI caller asked for a usage chunk; `created` is the time,
    /// in seconds since 1970, where the upstream's dialect has none.
    pub fn new(from: Dialect, to: Dialect, model: &str, include_usage: bool, created: u64) -> Self {
        Self::stored(from, to, model, include_usage, created, None)
    }

    /// As [`new`](Self::new), of a reply that will be stored under an id of the gateway's.
    pub fn stored(
        from: Dialect,
        to: Dialect,
        model: &str,
        include_usage: bool,
        created: u64,
        stored: Option<Stored>,
    ) -> Self {
        if from == to {
            return Self { way: Way::Same };
        }
        let options = StreamOptions {
            model: model.to_owned(),
            include_usage,
            created,
            stored,
        };
        let comments = with_codec!(to, D => <D as Codec>::COMMENTS);
        let choices = with_codec!(to, D => <D as Codec>::CHOICES);
        let from: Box<dyn Decoder> =
            with_codec!(from, D => Box::new(<D as Codec>::Decoder::default()));
        let to: Box<dyn Encoder> = with_codec!(to, D => Box::new(<D as Codec>::encoder(options)));
        Self {
            way: Way::Between {
                from,
                to,
                comments,
                choice: (!choices).then_some(0),
            },
        }
    }

    /// Appends what the next event means to `out`. Comments are passed on where the caller's SDKs
    /// bear them, an error inside the
    /// stream becomes the caller's error event.
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the event is none of the upstream's dialect.
    pub fn push(&mut self, event: &SseEvent, out: &mut Vec<u8>) -> Result<(), TranslateError> {
        let (from, to, comments, choice) = match &mut self.way {
            Way::Same => {
                out.extend_from_slice(&event.raw);
                return Ok(());
            }
            Way::Between {
                from,
                to,
                comments,
                choice,
            } => (from, to, *comments, choice),
        };
        if event.data.is_empty() && event.event.is_none() {
            if comments && event.raw.starts_with(b":") {
                out.extend_from_slice(&event.raw);
            }
            return Ok(());
        }
        let mut sink = |delta: Delta<'_>| match (&mut *choice, &delta) {
            (Some(at), Delta::Choice(next)) => *at = *next,
            (Some(1..), delta) if !is_of_all(delta) => {}
            _ => to.encode(delta, out),
        };
        let result = from.decode(event, &mut sink);
        result.map_err(|fault| invalid_event(event, &fault))
    }

    /// Appends the terminal events, unless they were already written. Call it when the upstream's
    /// stream is complete, not when it broke.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Way::Between { to, .. } = &mut self.way {
            to.encode(Delta::End, out);
        }
    }
}

/// True for what is said of the reply as a whole.
fn is_of_all(delta: &Delta<'_>) -> bool {
    matches!(
        delta,
        Delta::Start { .. } | Delta::Usage(_) | Delta::Ping | Delta::Failed { .. } | Delta::End
    )
}

pub(super) fn invalid_event(event: &SseEvent, fault: &Fault<'_>) -> TranslateError {
    let data = std::str::from_utf8(&event.data).unwrap_or_default();
    let param = fault.path(tidegate_types::chat::Json::trusted(data));
    let message = format!("an event of the stream cannot be read: {}", fault.message);
    TranslateError::Invalid { param, message }
}
