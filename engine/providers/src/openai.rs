//! OpenAI chat completions, and everything that imitates them.

mod decode;
mod encode;
mod error;
mod response;
mod stream;
mod tap;

pub(crate) use decode::{allowed, custom_tool, effort, part, proof, service_tier, source};
pub(crate) use encode::{audio_format, ids, malformed, tier, tool_call, untold, url, write_proof};

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::dialect::{
    Failure,
    codec::{Codec, Fault, StreamOptions},
    usage::{self, Trace},
};

/// The dialect of `POST /chat/completions`.
#[derive(Debug)]
pub(crate) struct OpenAi;

impl Codec for OpenAi {
    type Tap = tap::ChunkTap;
    type Decoder = stream::ChunkDecoder;
    type Encoder = stream::ChunkEncoder;

    const TRACES: &'static [Trace] = &[Trace::ServiceTier];

    const CHOICES: bool = true;

    fn path(_model: &str, _stream: bool) -> String {
        "/chat/completions".to_owned()
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

    fn encode_response(response: &Response<'_>, model: &str, created: u64) -> Vec<u8> {
        response::encode(response, model, created)
    }

    fn encoder(options: StreamOptions) -> Self::Encoder {
        stream::ChunkEncoder::new(options)
    }

    fn usage(value: Json<'_>) -> Usage {
        usage::openai(value)
    }

    fn encode_error(status: u16, failure: &Failure) -> Vec<u8> {
        error::body(status, failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body)
    }
}
