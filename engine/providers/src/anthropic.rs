//! Anthropic messages.

mod decode;
mod encode;
mod response;
mod stream;

use tidegate_types::chat::{Json, Request, Response};

use crate::dialect::codec::{Codec, Fault};

/// The dialect of `POST /v1/messages`.
#[derive(Debug)]
pub(crate) struct Anthropic;

impl Codec for Anthropic {
    type Decoder = stream::EventDecoder;
    type Encoder = stream::EventEncoder;

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
}
