//! Signing requests.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials as Identity;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings},
    sign::v4,
};
use http::{HeaderName, HeaderValue, header};
use sha2::{Digest as _, Sha256};
use tidegate_types::Segments;

use super::Credentials;
use crate::transport::HttpRequest;

/// Why a request cannot be signed. Texts hold no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct SignError(String);

/// Signs `request` for `service` in `region`: adds `authorization`, `x-amz-date` and, for temporary
/// keys, `x-amz-security-token`. `now` is in seconds since 1970; AWS accepts five minutes of error.
///
/// The host, `content-type` and headers that begin with `x-amz-` are signed, so that the transport
/// may add others afterwards. The body is hashed segment by segment.
///
/// # Errors
/// [`SignError`] when the parts of the request do not make a canonical one.
pub fn sign(
    request: &mut HttpRequest,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: u64,
) -> Result<(), SignError> {
    if request.uri.authority().is_none() {
        return Err(SignError("its URL names no host".to_owned()));
    }
    let time = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(now))
        .ok_or_else(|| SignError("the time is out of range".to_owned()))?;
    let identity = Identity::new(
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.expose().as_str(),
        credentials
            .session_token
            .as_ref()
            .map(|token| token.expose().clone()),
        None,
        "tidegate",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| SignError(error.to_string()))?
        .into();
    let uri = request.uri.to_string();
    let signed = |name: &HeaderName| {
        *name == header::CONTENT_TYPE
            || *name == header::HOST
            || (name.as_str().starts_with("x-amz-") && !MADE_HERE.contains(&name.as_str()))
    };
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| signed(name))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = SignableBody::Precomputed(hash(&request.body));
    let signable = SignableRequest::new(request.method.as_str(), &uri, headers, body)
        .map_err(|error| SignError(error.to_string()))?;
    let output = aws_sigv4::http_request::sign(signable, &params)
        .map_err(|error| SignError(error.to_string()))?;
    let (instructions, _) = output.into_parts();
    let (headers, _) = instructions.into_parts();
    for made in headers {
        let name = HeaderName::from_static(made.name());
        insert(request, name, made.value(), made.sensitive())?;
    }
    Ok(())
}

/// Headers that the signature brings along; old ones must not get into it.
const MADE_HERE: &[&str] = &["x-amz-date", "x-amz-security-token"];

fn insert(
    request: &mut HttpRequest,
    name: HeaderName,
    value: &str,
    sensitive: bool,
) -> Result<(), SignError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| SignError(format!("`{name}` holds characters that no header may hold")))?;
    value.set_sensitive(sensitive);
    request.headers.insert(name, value);
    Ok(())
}

fn hash(body: &Segments) -> String {
    let mut hasher = Sha256::new();
    for part in body.parts() {
        hasher.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::BEDROCK;

    fn request(uri: &str, parts: &[&'static str]) -> HttpRequest {
        let mut body = Segments::new();
        for part in parts {
            body.push(bytes::Bytes::from_static(part.as_bytes()));
        }
        let mut headers = http::HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        HttpRequest {
            method: http::Method::POST,
            uri: uri.parse().unwrap(),
            headers,
            body,
            rest: None,
            connect_timeout: Duration::ZERO,
            first_byte_timeout: Duration::ZERO,
        }
    }

    fn keys(token: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLE".to_owned(),
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            token.map(|token| token.to_owned().into()),
        )
    }

    #[test]
    fn the_published_example_gets_its_published_signature() {
        // "Signature Version 4 signing process", the request ListUsers.
        let mut request = request(
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            &[],
        );
        request.method = http::Method::GET;
        request.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        sign(&mut request, &keys(None), "us-east-1", "iam", 1_440_938_160).unwrap();
        assert_eq!(
            request.headers[header::AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// The signatures are those of botocore 1.44 for the same requests.
    #[test]
    fn requests_to_bedrock_are_signed_as_botocore_signs_them() {
        let mut one = request(
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/\
             us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            &["{\"mess", "ages\":[]}"],
        );
        one.headers
            .insert("x-request-id", HeaderValue::from_static("not signed"));
        one.headers
            .insert("x-amz-date", HeaderValue::from_static("stale"));
        sign(&mut one, &keys(None), "us-east-1", BEDROCK, 1_795_356_916).unwrap();
        assert_eq!(one.headers["x-amz-date"], "20261122T141516Z");
        assert_eq!(
            one.headers[header::AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=751607b6c3e214e65927f85c018ec3e57b1833f223276cde6d3179af8d3f6a50"
        );
        let mut two = request(
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/\
             arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2F\
             eu.amazon.nova-lite-v1%3A0/converse-stream",
            &[],
        );
        let keys = keys(Some("the/session+token="));
        sign(&mut two, &keys, "eu-west-1", BEDROCK, 1_795_356_916).unwrap();
        assert_eq!(two.headers["x-amz-security-token"], "the/session+token=");
        assert!(two.headers["x-amz-security-token"].is_sensitive());
        assert_eq!(
            two.headers[header::AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=23cc9a7db0b79a5f70a6bd38840fb9a31b0175141a16b296432f7151b3808690"
        );
    }

    #[test]
    fn a_request_without_a_host_is_refused_and_not_a_panic() {
        let mut request = request("/model/x/converse", &[]);
        assert!(sign(&mut request, &keys(None), "r", BEDROCK, 0).is_err());
        assert!(sign(&mut request, &keys(None), "r", BEDROCK, u64::MAX).is_err());
    }
}
