//! OpenAI Responses, and everything that imitates them.

mod decode;
mod encode;
mod error;
mod response;
mod stream;
mod tap;

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::{
    dialect::{
        Failure,
        codec::{Codec, Fault, StreamOptions},
        usage::{self, Trace},
    },
    openai::OpenAi,
};

/// The dialect of `POST /responses`.
#[derive(Debug)]
pub(crate) struct Responses;

impl Codec for Responses {
    type Tap = tap::ItemTap;
    type Decoder = stream::ItemDecoder;
    type Encoder = stream::ItemEncoder;

    const TRACES: &'static [Trace] = &[
        Trace::ServiceTier,
        Trace::WebSearchCall,
        Trace::FileSearchCall,
    ];

    fn path(_model: &str, _stream: bool) -> String {
        "/responses".to_owned()
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
        stream::ItemEncoder::new(options)
    }

    fn usage(value: Json<'_>) -> Usage {
        usage::openai(value)
    }

    fn encode_error(status: u16, failure: &Failure) -> Vec<u8> {
        OpenAi::encode_error(status, failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body, 0)
    }
}
