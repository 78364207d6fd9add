//! Cohere chat, version 2.

mod decode;
mod encode;
mod error;
mod response;
mod stream;
mod tap;
mod usage;

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::dialect::{
    Failure,
    codec::{Codec, Fault, StreamOptions},
};

/// The dialect of `POST /v2/chat` (Cohere, "Chat" in the API reference).
#[derive(Debug)]
pub(crate) struct Cohere;

impl Codec for Cohere {
    type Tap = tap::EventTap;
    type Decoder = stream::EventDecoder;
    type Encoder = stream::EventEncoder;

    fn path(_model: &str, _stream: bool) -> String {
        "/v2/chat".to_owned()
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

    fn encode_response(response: &Response<'_>, _model: &str, _created: u64) -> Vec<u8> {
        response::encode(response)
    }

    fn encoder(_options: StreamOptions) -> Self::Encoder {
        stream::EventEncoder::default()
    }

    fn usage(value: Json<'_>) -> Usage {
        usage::read(value)
    }

    fn encode_error(_status: u16, failure: &Failure) -> Vec<u8> {
        error::body(failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body)
    }
}
