//! Anthropic messages.

mod decode;
mod encode;
mod error;
mod response;
mod stream;
mod tap;

pub(crate) use tap::kind;

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::dialect::{
    Failure,
    codec::{Codec, Fault, StreamOptions},
    usage,
};

/// The dialect of `POST /v1/messages`.
#[derive(Debug)]
pub(crate) struct Anthropic;

impl Codec for Anthropic {
    type Tap = tap::EventTap;
    type Decoder = stream::EventDecoder;
    type Encoder = stream::EventEncoder;

    fn path(_model: &str, _stream: bool) -> String {
        "/v1/messages".to_owned()
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
        stream::EventEncoder::new(options)
    }

    fn usage(value: Json<'_>) -> Usage {
        usage::anthropic(value)
    }

    fn encode_error(status: u16, failure: &Failure) -> Vec<u8> {
        error::body(status, failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body)
    }
}
