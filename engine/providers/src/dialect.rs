//! Wire dialects: translation between them, and watching what passes through untranslated.
//!
//! Everything here is a pure function over bytes: no I/O, no clock. Bodies in one dialect on both
//! sides are never rebuilt; between two dialects a body is decoded into the neutral form of
//! [`tidegate_types::chat`] and encoded from it.

mod cause;
pub(crate) mod codec;
mod count;
pub(crate) mod custom;
mod embed;
mod error;
mod foreign;
pub(crate) mod logprobs;
#[cfg(test)]
mod losses;
pub(crate) mod media;
pub(crate) mod models;
pub(crate) mod proof;
mod quirks;
mod rerank;
mod resume;
pub(crate) mod server_tool;
mod stream;
mod survey;
pub(crate) mod tap;
pub(crate) mod thinking;
pub(crate) mod usage;
pub(crate) mod words;

pub use cause::{Cause, cause};
pub use count::{count_path, counted, read_count, translate_count, write_count, write_tokens};
pub use embed::{
    EmbedRequest, Vectors, embed_request, embedded_otherwise, read_vectors, translate_embedded,
    wanted_vectors,
};
pub(crate) use error::{DOMAIN, Failure, failure_delta, failure_event, failure_named, sse_event};
pub use foreign::{may_hold_foreign_proofs, without_foreign_proofs};
pub use quirks::{Adapted, adapt_request};
pub use rerank::adapt_rerank;
pub use resume::{Continuation, continued, takes_prefill, with_turn};
pub use stream::StreamTranslator;
pub use survey::{Survey, survey};
pub use tap::{Seen, StreamTap, is_payload};
pub use usage::of_headers as usage_of_headers;

use tidegate_types::{
    Dialect, Endpoint, Error, Segments, Usage,
    chat::{Json, Request},
    config::OnUnsupported,
    json::{Outline, Splicer, quote},
};

pub use codec::Stored;
use codec::{Codec, Fault, Framing};

/// Calls the code of a dialect: inside the second argument, the name stands for its codec.
macro_rules! with_codec {
    ($dialect:expr, $codec:ident => $use:expr) => {
        match $dialect {
            tidegate_types::Dialect::Anthropic => {
                type $codec = crate::anthropic::Anthropic;
                $use
            }
            tidegate_types::Dialect::Responses => {
                type $codec = crate::responses::Responses;
                $use
            }
            tidegate_types::Dialect::Cohere => {
                type $codec = crate::cohere::Cohere;
                $use
            }
            tidegate_types::Dialect::Gemini => {
                type $codec = crate::gemini::Gemini;
                $use
            }
            tidegate_types::Dialect::Bedrock => {
                type $codec = crate::bedrock::Bedrock;
                $use
            }
            _ => {
                type $codec = crate::openai::OpenAi;
                $use
            }
        }
    };
}
pub(crate) use with_codec;

/// A request in the target's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The body to send.
    pub body: Vec<u8>,
    /// What the target cannot express and was left out, as paths into the caller's body; at most
    /// 64, and `...` if there were more.
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

/// Turns a chat request into the target's dialect, for the upstream model `model`. `stream` is for
/// dialects in which the body does not say whether one is wanted.
///
/// Anthropic asks for `max_tokens`; a request that sets no bound gets 4096 (and the thinking budget
/// on top, where there is one). Whether a stream is asked to report usage is left to the sender, who
/// knows which vendors refuse the question.
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
    stream: Option<bool>,
    on_unsupported: OnUnsupported,
) -> Result<Translation, TranslateError> {
    if from == to {
        let body = if to.names_model_in_path() {
            body.to_vec()
        } else {
            with_model(body, model)?
        };
        return Ok(Translation {
            body,
            dropped: Vec::new(),
        });
    }
    let (encoded, dropped) = read_request(from, body, |body, mut request| {
        request.stream = stream.or(request.stream);
        let mut left_out = std::mem::take(&mut request.unknown);
        let encoded =
            with_codec!(to, D => <D as Codec>::encode_request(&request, model, &mut left_out));
        (encoded, paths(body, &left_out))
    })?;
    if on_unsupported == OnUnsupported::Error
        && let Some(param) = dropped.first()
    {
        let message = format!(
            "`{param}` cannot be expressed in the {} dialect",
            to.as_str()
        );
        return Err(TranslateError::Unsupported {
            param: param.clone(),
            message,
        });
    }
    Ok(Translation {
        body: encoded,
        dropped,
    })
}

/// Reads a request into the neutral form and gives it, beside the body its places lie in, to `then`.
fn read_request<T>(
    from: Dialect,
    body: &[u8],
    then: impl FnOnce(Json<'_>, Request<'_>) -> T,
) -> Result<T, TranslateError> {
    let respelled = with_codec!(from, D => <D as Codec>::respell(body));
    let body = parse(respelled.as_deref().unwrap_or(body))?;
    let unfolded = with_codec!(from, D => <D as Codec>::unfold(body));
    let body = unfolded.as_deref().map_or(Ok(body), parse)?;
    let mut request = with_codec!(from, D => <D as Codec>::decode_request(body))
        .map_err(|fault| invalid(body, &fault))?;
    request.size = body.as_str().len();
    Ok(then(body, request))
}

/// Turns a complete chat reply into the caller's dialect; `model` is the name the caller asked for,
/// `created` the time, in seconds since 1970, where the upstream's dialect has none.
///
/// # Errors
/// [`TranslateError::Invalid`] when `body` is no reply in `from`, a reported error included.
pub fn translate_response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    model: &str,
    created: u64,
) -> Result<Vec<u8>, TranslateError> {
    if from == to {
        return Ok(body.to_vec());
    }
    let body = parse(body)?;
    let response = with_codec!(from, D => <D as Codec>::decode_response(body))
        .map_err(|fault| invalid(body, &fault))?;
    Ok(with_codec!(to, D => <D as Codec>::encode_response(&response, model, created)))
}

/// The paths of what was left out. Each costs a walk through the body, and they travel in a header,
/// so a list of any length ends in `...`.
fn paths(body: Json<'_>, left_out: &[Json<'_>]) -> Vec<String> {
    let shown = left_out.iter().take(MOST_PATHS);
    let mut paths: Vec<String> = shown.map(|place| body.path_to(*place)).collect();
    // What a decoder stated in the neutral form's own words stands nowhere in the body.
    paths.retain(|path| !path.is_empty());
    paths.sort_unstable();
    paths.dedup();
    if left_out.len() > MOST_PATHS {
        paths.push("...".to_owned());
    }
    paths
}

fn parse(body: &[u8]) -> Result<Json<'_>, TranslateError> {
    Json::parse(body).map_err(|message| TranslateError::Invalid {
        param: String::new(),
        message,
    })
}

fn invalid(body: Json<'_>, fault: &Fault<'_>) -> TranslateError {
    let param = fault.path(body);
    let message = if param.is_empty() {
        fault.message.clone()
    } else {
        format!("{param}: {}", fault.message)
    };
    TranslateError::Invalid { param, message }
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
    let body = encode_error(to, error);
    with_codec!(to, D => <D as Codec>::error_event(&body))
}

/// How the streams of a dialect are framed.
pub(crate) fn framing(dialect: Dialect) -> Framing {
    with_codec!(dialect, D => <D as Codec>::FRAMING)
}

/// Whether the SDKs of a dialect bear comments in its streams.
pub fn bears_comments(dialect: Dialect) -> bool {
    with_codec!(dialect, D => <D as Codec>::COMMENTS) && framing(dialect) == Framing::Sse
}

/// Media type of the streams of a dialect.
pub fn stream_type(dialect: Dialect) -> &'static str {
    match framing(dialect) {
        Framing::Sse => "text/event-stream",
        Framing::EventStream => crate::event_stream::CONTENT_TYPE,
    }
}

/// How long an upstream's error body asks to wait: Google's `RetryInfo` (google.rpc, error_details).
pub fn retry_delay(body: &[u8]) -> Option<std::time::Duration> {
    let body = Json::parse(body).ok()?;
    let body = body.items().next().unwrap_or(body);
    let details = body.get("error")?.get("details")?;
    let delay = details
        .items()
        .find_map(|detail| detail.get("retryDelay"))?;
    let text = delay.as_text()?.decode().into_owned();
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    std::time::Duration::try_from_secs_f64(seconds).ok()
}

/// What an upstream's error body says.
pub fn error_message(dialect: Dialect, body: &[u8]) -> Option<String> {
    // Imitators of one dialect answer in the other's shape often enough that the body decides.
    let _ = dialect;
    error::message(body)
}

/// Where a provider of that dialect takes chat requests, below its base URL.
pub fn chat_path(dialect: Dialect, model: &str, stream: bool) -> String {
    with_codec!(dialect, D => <D as Codec>::path(model, stream))
}

/// What a complete reply says it consumed.
pub fn usage_of(dialect: Dialect, endpoint: &Endpoint, body: &[u8]) -> Option<Usage> {
    match endpoint {
        Endpoint::Models(_) | Endpoint::CountTokens => None,
        Endpoint::Native(native) => usage::of_native(*native, body),
        Endpoint::Embeddings => {
            let read = embed::usage(dialect, body);
            usage::of_relay(endpoint, body, read)
        }
        _ => {
            let read = with_codec!(dialect, D => usage::of_reply::<D>(body));
            let read = read.or_else(|| usage::groq(body));
            usage::of_relay(endpoint, body, read)
        }
    }
}

/// More dropped fields than this are not named one by one.
const MOST_PATHS: usize = 64;

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
