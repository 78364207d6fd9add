//! The request for a target: the caller's bytes spliced, or translated into another dialect.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tidegate_providers::{dialect, transport::HttpRequest};
use tidegate_types::{
    Code, Dialect, Endpoint, Error, Segments,
    json::{Outline, Splicer},
};

use crate::{
    pipeline::{
        Job,
        decode::{KEYS, with_usage},
    },
    snapshot::Target,
    wire,
};

/// What stays the same over all tries at one target.
pub(super) struct Prepared {
    method: Method,
    uri: Uri,
    body: Segments,
    forwarded: HeaderMap,
    pub(super) dropped: Vec<String>,
}

/// Makes the body for `target`.
///
/// # Errors
/// `unsupported` when the provider has no such endpoint or its dialect cannot express the request.
pub(super) fn prepare(job: &Job, target: &Target) -> Result<Prepared, Error> {
    let provider = &target.provider;
    let same = provider.dialect == job.dialect;
    let forwarded = if same {
        forwarded(job)
    } else {
        HeaderMap::new()
    };
    let (method, uri) = match &job.endpoint {
        Endpoint::Passthrough { method, path, .. } => {
            let uri = format!("{}{path}", provider.base).parse().map_err(|_| {
                Error::new(
                    Code::UnknownEndpoint,
                    format!("{path:?} is no path of {:?}", provider.name),
                )
            })?;
            (method.clone(), Some(uri))
        }
        Endpoint::Embeddings => (Method::POST, provider.embeddings.clone()),
        _ => (Method::POST, provider.chat.clone()),
    };
    let Some(uri) = uri else {
        return Err(Error::new(
            Code::Unsupported,
            format!(
                "{} offers no {} endpoint",
                provider.name,
                job.endpoint.as_str()
            ),
        )
        .with_param("model"));
    };
    let (body, dropped) = match &job.endpoint {
        Endpoint::Passthrough { .. } => (job.body.clone(), Vec::new()),
        _ if same => (splice(job, target)?, Vec::new()),
        _ => translate(job, target)?,
    };
    Ok(Prepared {
        method,
        uri,
        body,
        forwarded,
        dropped,
    })
}

/// The request of one try, with the headers of one key.
pub(super) fn request(job: &Job, target: &Target, key: usize, ready: &Prepared) -> HttpRequest {
    let provider = &target.provider;
    let mut headers = provider
        .keys
        .get(key)
        .map(|(_, headers)| headers.clone())
        .unwrap_or_default();
    for (name, value) in &ready.forwarded {
        headers.insert(name, value.clone());
    }
    if let Endpoint::Passthrough { .. } = job.endpoint {
        match job.headers.get(http::header::CONTENT_TYPE) {
            Some(content_type) => {
                headers.insert(http::header::CONTENT_TYPE, content_type.clone());
            }
            None => {
                headers.remove(http::header::CONTENT_TYPE);
            }
        }
    }
    HttpRequest {
        method: ready.method.clone(),
        uri: ready.uri.clone(),
        headers,
        body: ready.body.clone(),
        connect_timeout: target.timeouts.connect,
        first_byte_timeout: target.timeouts.first_byte,
    }
}

/// Same dialect: every byte stays but the spans the gateway owns.
fn splice(job: &Job, target: &Target) -> Result<Segments, Error> {
    let Some(outline) = &job.asks.outline else {
        return Ok(job.body.clone());
    };
    let mut splicer = Splicer::new(outline);
    if *job.asks.model != *target.model || outline.all("model").count() > 1 {
        splicer.set("model", target.model_json.clone());
    }
    if asks_for_usage(job, target) {
        let options = match outline.last("stream_options") {
            Some(member) => with_usage(&job.body.slice(member.value.clone())),
            None => br#"{"include_usage":true}"#.to_vec(),
        };
        splicer.set("stream_options", options);
    }
    with_params(splicer.apply(&job.body), target)
}

/// A stream of the OpenAI dialect reports usage only when asked; the gateway needs it to settle.
fn asks_for_usage(job: &Job, target: &Target) -> bool {
    job.asks.stream
        && !job.asks.include_usage
        && job.endpoint == Endpoint::Chat
        && target.provider.dialect == Dialect::OpenAi
        && target.provider.stream_usage
}

fn translate(job: &Job, target: &Target) -> Result<(Segments, Vec<String>), Error> {
    if job.endpoint != Endpoint::Chat {
        return Err(Error::new(
            Code::Unsupported,
            format!(
                "{} does not speak {}",
                target.provider.name,
                job.dialect.as_str()
            ),
        ));
    }
    let translation = dialect::translate_request(
        job.dialect,
        target.provider.dialect,
        &job.body.to_bytes(),
        &target.model,
        Some(job.asks.stream).filter(|stream| *stream),
        job.snapshot.on_unsupported,
    )
    .map_err(|error| wire::translation_error(error, Code::InvalidRequest))?;
    let mut body = Segments::from(translation.body);
    if asks_for_usage(job, target) {
        let outline = Outline::of(&body, KEYS).map_err(|error| internal(&error))?;
        let mut splicer = Splicer::new(&outline);
        splicer.set(
            "stream_options",
            Bytes::from_static(br#"{"include_usage":true}"#),
        );
        body = splicer.apply(&body);
    }
    Ok((with_params(body, target)?, translation.dropped))
}

/// Sets the target's own parameters.
fn with_params(body: Segments, target: &Target) -> Result<Segments, Error> {
    if target.params.is_empty() {
        return Ok(body);
    }
    let keys: Vec<&str> = target.params.iter().map(|(key, _)| key.as_str()).collect();
    let outline = Outline::of(&body, &keys).map_err(|error| internal(&error))?;
    let mut splicer = Splicer::new(&outline);
    for (key, value) in &target.params {
        splicer.set(key, value.clone());
    }
    Ok(splicer.apply(&body))
}

fn internal(error: &tidegate_types::json::JsonError) -> Error {
    Error::new(
        Code::Internal,
        format!("a body made by the gateway is not JSON: {error}"),
    )
}

/// Headers of the dialect itself: versions, betas, accounts, idempotency. Never credentials.
fn forwarded(job: &Job) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in &job.headers {
        let text = name.as_str();
        if text.starts_with("anthropic-")
            || text.starts_with("openai-")
            || text == "idempotency-key"
        {
            kept.append(name, value.clone());
        }
    }
    kept
}
