//! Gemini `generateContent` and `streamGenerateContent`, of Google AI and of Vertex AI.
//!
//! The body names neither the model nor whether a stream is wanted: the path does. Members are
//! written in camel case; the snake case that the REST API takes as well is read too.

mod decode;
mod encode;
mod error;
mod response;
mod schema;
mod stream;
mod tap;

use std::fmt::Write as _;

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::dialect::{
    Failure,
    codec::{Codec, Fault, StreamOptions},
    usage::{self, Trace},
};

/// In front of another vendor's proof of reasoning. As all of it is base64, so is the whole, which
/// the SDKs decode and encode again, with the URL-safe alphabet.
const FOREIGN: &str = "foreign/";

/// In front of reasoning that only its vendor can read.
const REDACTED: &str = "redact//";

/// The dialect of `POST /v1beta/models/{model}:generateContent`.
#[derive(Debug)]
pub(crate) struct Gemini;

impl Codec for Gemini {
    type Tap = tap::ChunkTap;
    type Decoder = stream::ChunkDecoder;
    type Encoder = stream::ChunkEncoder;

    const TRACES: &'static [Trace] = &[Trace::CamelServiceTier, Trace::WebSearchQueries];

    const USAGE: &'static str = "usageMetadata";

    /// The vendor's Python SDK takes a comment for a piece of JSON and fails.
    const COMMENTS: bool = false;

    const CHOICES: bool = true;

    fn path(model: &str, stream: bool) -> String {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let mut path = "/v1beta/models/".to_owned();
        for byte in name.bytes() {
            // RFC 3986, section 3.3: what a segment of a path holds as it is, `:` left out because
            // it stands before the method here.
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&byte) {
                path.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
        path.push_str(if stream {
            ":streamGenerateContent?alt=sse"
        } else {
            ":generateContent"
        });
        path
    }

    fn respell(body: &[u8]) -> Option<Vec<u8>> {
        schema::respell(body)
    }

    fn decode_request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>> {
        decode::request(body)
    }

    fn encode_request<'a>(
        request: &Request<'a>,
        model: &str,
        dropped: &mut Vec<Json<'a>>,
    ) -> Vec<u8> {
        encode::request(request, model, dropped)
    }

    fn decode_response(body: Json<'_>) -> Result<Response<'_>, Fault<'_>> {
        response::decode(body)
    }

    fn encode_response(response: &Response<'_>, model: &str, _created: u64) -> Vec<u8> {
        response::encode(response, model)
    }

    fn encoder(options: StreamOptions) -> Self::Encoder {
        stream::ChunkEncoder::new(options)
    }

    fn usage(value: Json<'_>) -> Usage {
        usage::gemini(value)
    }

    fn encode_error(status: u16, failure: &Failure) -> Vec<u8> {
        error::body(status, failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body)
    }
}

/// The member under its name in camel case, or the one in snake case.
fn either<'a>(of: Json<'a>, camel: &str, snake: &str) -> Option<Json<'a>> {
    of.get(camel).or_else(|| of.get(snake))
}
