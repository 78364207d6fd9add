//! Amazon Bedrock Converse.

mod decode;
mod encode;
mod error;
mod family;
mod format;
mod response;
mod stream;
mod tap;

use tidegate_types::{
    Usage,
    chat::{Json, Request, Response},
};

use crate::dialect::{
    Failure,
    codec::{Codec, Fault, Framing, StreamOptions},
    usage::Trace,
};

/// The dialect of `POST /model/{modelId}/converse` and `/converse-stream`.
#[derive(Debug)]
pub(crate) struct Bedrock;

impl Codec for Bedrock {
    type Tap = tap::EventTap;
    type Decoder = stream::EventDecoder;
    type Encoder = stream::EventEncoder;

    const TRACES: &'static [Trace] = &[Trace::CamelServiceTier];

    const COMMENTS: bool = false;

    const FRAMING: Framing = Framing::EventStream;

    fn path(model: &str, stream: bool) -> String {
        let operation = if stream {
            "converse-stream"
        } else {
            "converse"
        };
        let hex = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        let mut path = String::with_capacity(model.len() + 32);
        path += "/model/";
        for byte in model.bytes() {
            // What AWS SDKs leave as it is in a label of a path: RFC 3986's unreserved characters.
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                path.push(char::from(byte));
            } else {
                path.push('%');
                path.push(hex(byte >> 4).to_ascii_uppercase());
                path.push(hex(byte & 15).to_ascii_uppercase());
            }
        }
        path.push('/');
        path += operation;
        path
    }

    fn unfold(body: Json<'_>) -> Option<Vec<u8>> {
        decode::unfold(body)
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
        response::usage(value)
    }

    fn encode_error(status: u16, failure: &Failure) -> Vec<u8> {
        error::body(status, failure)
    }

    fn error_event(body: &[u8]) -> Vec<u8> {
        error::event(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_are_encoded_as_the_aws_sdks_do() {
        assert_eq!(
            Bedrock::path("us.anthropic.claude-sonnet-4-5-20250929-v1:0", false),
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
        );
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova_1~x é";
        assert_eq!(
            Bedrock::path(arn, true),
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2F\
             eu.amazon.nova_1~x%20%C3%A9/converse-stream"
        );
    }
}
