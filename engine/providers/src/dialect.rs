//! Wire dialects: translation between them, and watching what passes through untranslated.
//!
//! Everything here is a pure function over bytes: no I/O, no clock. Bodies in one dialect on both
//! sides are never rebuilt; between two dialects a body is decoded into the neutral form of
//! [`tidegate_types::chat`] and encoded from it.

mod error;
mod tap;
pub(crate) mod usage;

pub use tap::{Seen, StreamTap};

use tidegate_types::{
    Dialect, Endpoint, Error, Segments, Usage,
    config::OnUnsupported,
    json::{Outline, Splicer, quote},
};

use crate::sse::SseEvent;

/// A request in the target's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The body to send.
    pub body: Vec<u8>,
    /// What the target cannot express and was left out, as paths into the caller's body.
    pub dropped: Vec<String>,
}

/// Why a body cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The body is not what its dialect asks for.
    #[error("{message}")]
    Invalid {
        /// Path of the field at fault; empty when it is the body as a whole.
        param: String,
        /// What is wrong with it.
        message: String,
    },
    /// The body uses something the target cannot express.
    #[error("{message}")]
    Unsupported {
        /// Path of the field.
        param: String,
        /// What cannot be expressed.
        message: String,
    },
}

/// Turns a chat request into the target's dialect, for the upstream model `model`.
///
/// # Errors
/// [`TranslateError::Invalid`] when `body` is no request in `from`;
/// [`TranslateError::Unsupported`] under [`OnUnsupported::Error`] when it uses something that `to`
/// cannot express.
pub fn translate_request(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
    on_unsupported: OnUnsupported,
) -> Result<Translation, TranslateError> {
    if from == to {
        return Ok(Translation {
            body: with_model(body, model)?,
            dropped: Vec::new(),
        });
    }
    let _ = on_unsupported;
    Err(TranslateError::Invalid {
        param: String::new(),
        message: "not yet".into(),
    })
}

/// Turns a complete chat reply into the caller's dialect; `model` is the name the caller asked for.
///
/// # Errors
/// [`TranslateError::Invalid`] when `body` is no reply in `from`.
pub fn translate_response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
) -> Result<Vec<u8>, TranslateError> {
    if from == to {
        return Ok(body.to_vec());
    }
    let _ = model;
    Err(TranslateError::Invalid {
        param: String::new(),
        message: "not yet".into(),
    })
}

/// Turns an upstream's error body into the caller's shape; message, parameter and code are carried.
pub fn translate_error(from: Dialect, to: Dialect, status: u16, body: &[u8]) -> Vec<u8> {
    if from == to && !body.is_empty() {
        body.to_vec()
    } else {
        error::translate(to, status, body)
    }
}

/// The gateway's own error as a body in the caller's dialect. An error that carries the upstream's
/// answer gives that answer, byte for byte where the dialects agree.
pub fn encode_error(to: Dialect, error: &Error) -> Vec<u8> {
    error::own(to, error)
}

/// The gateway's own error as a stream event that the vendors' SDKs raise on.
pub fn encode_error_event(to: Dialect, error: &Error) -> Vec<u8> {
    error::event(to, &encode_error(to, error))
}

/// What an upstream's error body says.
pub fn error_message(dialect: Dialect, body: &[u8]) -> Option<String> {
    // Imitators of one dialect answer in the other's shape often enough that the body decides.
    let _ = dialect;
    error::message(body)
}

/// What a complete reply says it consumed.
pub fn usage_of(dialect: Dialect, endpoint: &Endpoint, body: &[u8]) -> Option<Usage> {
    match endpoint {
        Endpoint::Models => None,
        _ => usage::of_reply(dialect, body),
    }
}

/// Turns a stream into another dialect, event by event.
#[derive(Debug)]
pub struct StreamTranslator {
    same: bool,
}

impl StreamTranslator {
    /// A translator at the start of a stream. `model` is the name the caller asked for;
    /// `include_usage` says whether an OpenAI caller asked for a usage chunk.
    pub fn new(from: Dialect, to: Dialect, model: &str, include_usage: bool) -> Self {
        let _ = (model, include_usage);
        Self { same: from == to }
    }

    /// Appends what the next event means to `out`.
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the event is none of the upstream's dialect.
    pub fn push(&mut self, event: &SseEvent, out: &mut Vec<u8>) -> Result<(), TranslateError> {
        if self.same {
            out.extend_from_slice(&event.raw);
        }
        Ok(())
    }

    /// Appends the terminal events, unless they were already written. Call it when the upstream's
    /// stream is complete, not when it broke.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let _ = (&self, out);
    }
}

const MODEL: &[&str] = &["model"];

fn with_model(body: &[u8], model: &str) -> Result<Vec<u8>, TranslateError> {
    let body = Segments::from(body.to_vec());
    let outline = Outline::of(&body, MODEL).map_err(|error| TranslateError::Invalid {
        param: String::new(),
        message: error.to_string(),
    })?;
    let mut splicer = Splicer::new(&outline);
    splicer.set("model", quote(model));
    Ok(splicer.apply(&body).to_bytes().to_vec())
}
