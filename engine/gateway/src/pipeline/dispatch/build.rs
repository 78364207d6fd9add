//! The request for a target: the caller's bytes spliced, or translated into another dialect.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tidegate_providers::{
    catalogue::Quirk,
    credentials::{Authority, CredentialsError},
    dialect::{self, EmbedRequest},
    shape,
    transport::{HttpRequest, HttpResponse},
    upload::Upload,
};
use tidegate_types::{
    Code, Dialect, Endpoint, Error, Relay, Segments,
    body::Edit,
    chat::Json,
    config::OnUnsupported,
    json::{self, Outline, Splicer, quote},
};

use super::open;
use crate::{
    pipeline::{
        Job,
        decode::{KEYS, with_usage},
    },
    snapshot::{Target, Wire},
    wire::translation_error,
};

/// What stays the same over all tries at one target.
pub(super) struct Prepared {
    method: Method,
    uri: Uri,
    /// The path of an address that depends on the key.
    path: Option<String>,
    body: Segments,
    rest: Option<Upload>,
    forwarded: HeaderMap,
    pub(super) dropped: Vec<String>,
}

/// Makes the body for `target`.
///
/// # Errors
/// `unsupported` when the provider has no such endpoint or its dialect cannot express the request.
pub(super) fn prepare(job: &Job, target: &Target) -> Result<Prepared, Error> {
    let provider = &target.provider;
    let wire = super::wire(job, target);
    let same = wire.dialect == job.dialect;
    let mut forwarded = if same {
        forwarded(job)
    } else {
        HeaderMap::new()
    };
    if let Endpoint::Session { kind, path } = &job.endpoint {
        return Ok(Prepared {
            method: Method::GET,
            uri: open::address(target, *kind, path)?,
            path: None,
            body: Segments::new(),
            rest: None,
            forwarded,
            dropped: Vec::new(),
        });
    }
    let embeds = job.endpoint == Endpoint::Embeddings;
    let embedding = embeds.then(|| embedding(job, target, wire)).transpose()?;
    let (embed_path, embed_body) = match embedding.flatten() {
        Some(request) => (Some(request.path), request.body),
        None => (None, None),
    };
    let (method, path) = match &job.endpoint {
        Endpoint::Chat if wire.chat.is_some() => (Method::POST, None),
        Endpoint::Passthrough { method, path, .. } => (method.clone(), Some(path.clone())),
        Endpoint::Embeddings => (Method::POST, embed_path),
        Endpoint::CountTokens => (
            Method::POST,
            wire.shape.count_path(wire.dialect, &target.model),
        ),
        Endpoint::Native(native) => (
            Method::POST,
            wire.shape.native_path(wire.dialect, *native, &target.model),
        ),
        Endpoint::Relay(Relay::Rerank) if wire.dialect == Dialect::Cohere => {
            (Method::POST, Some("/v2/rerank".to_owned()))
        }
        Endpoint::Relay(relay) => (
            Method::POST,
            (wire.dialect == Dialect::OpenAi).then(|| wire.shape.path(relay.path(), &target.model)),
        ),
        _ => (
            Method::POST,
            Some(
                wire.shape
                    .chat_path(wire.dialect, &target.model, job.asks.stream),
            ),
        ),
    };
    let uri = path.as_ref().map(|path| {
        wire.uri(path, 0).ok_or_else(|| {
            let text = format!("{path:?} is no path of {:?}", provider.name);
            Error::new(Code::UnknownEndpoint, text)
        })
    });
    let uri = match uri.transpose()? {
        Some(uri) => Some(uri),
        None if job.endpoint == Endpoint::Chat => wire.chat.clone(),
        None => None,
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
    let mut rest = job.rest.clone();
    let (body, mut dropped) = match &job.endpoint {
        Endpoint::Passthrough { .. } | Endpoint::Native(_) => (job.body.clone(), Vec::new()),
        Endpoint::Chat if same => (own_proofs(job, splice(job, target)?), Vec::new()),
        Endpoint::Relay(_) if job.asks.outline.is_none() => {
            let (body, more) = splice_form(job, target);
            rest = more;
            (body, Vec::new())
        }
        // Cohere's own format and that of those who follow it differ in nothing that is sent.
        Endpoint::Relay(_) => (splice(job, target)?, Vec::new()),
        Endpoint::Embeddings if embed_body.is_some() => (
            embed_body.map(Segments::from).unwrap_or_default(),
            Vec::new(),
        ),
        Endpoint::Embeddings if wire.dialect == Dialect::Gemini => {
            (with_names(job, target), Vec::new())
        }
        Endpoint::CountTokens if same => (splice(job, target)?, Vec::new()),
        Endpoint::CountTokens => counting(job, target, wire.dialect, &uri)?,
        _ if same => (splice(job, target)?, Vec::new()),
        _ => translate(job, target, wire.dialect)?,
    };
    let body = match &job.endpoint {
        Endpoint::Chat => {
            let body = match wire.dialect {
                Dialect::OpenAi => adapted(job, body, target, &mut dropped)?,
                _ => body,
            };
            wire.shape.body(body, &mut forwarded)
        }
        Endpoint::Relay(Relay::Rerank) => {
            dialect::adapt_rerank(wire.dialect, &body.to_bytes(), &provider.quirks)
                .map_err(|error| translation_error(error, Code::InvalidRequest))?
                .map_or(body, Segments::from)
        }
        _ => body,
    };
    Ok(Prepared {
        method,
        uri,
        path: path.filter(|_| wire.query.len() > 1),
        body,
        rest,
        forwarded,
        dropped,
    })
}

/// The request of one try, with the headers of one key, or the proof of whoever has none.
///
/// # Errors
/// Those of [`lacks_credentials`].
pub(super) async fn request(
    job: &Job,
    target: &Target,
    key: usize,
    ready: &Prepared,
) -> Result<HttpRequest, Error> {
    let provider = &target.provider;
    let wire = super::wire(job, target);
    let mut headers = wire.headers.get(key).cloned().unwrap_or_default();
    for (name, value) in &ready.forwarded {
        headers.insert(name, value.clone());
    }
    for (name, value) in &target.headers {
        headers.insert(name, value.clone());
    }
    if let Endpoint::Passthrough { .. }
    | Endpoint::Native(_)
    | Endpoint::Relay(_)
    | Endpoint::Session { .. } = job.endpoint
    {
        match job.headers.get(http::header::CONTENT_TYPE) {
            Some(content_type) => {
                headers.insert(http::header::CONTENT_TYPE, content_type.clone());
            }
            None => {
                headers.remove(http::header::CONTENT_TYPE);
            }
        }
    }
    let mut body = ready.body.clone();
    let mut rest = ready.rest.clone();
    let whole = |authority: &Authority| authority.signs_bodies();
    if !provider.transport.takes_uploads() || provider.authority.as_ref().is_some_and(whole) {
        for piece in match rest.take() {
            Some(rest) => Box::pin(rest.gather()).await?,
            None => Vec::new(),
        } {
            body.push(piece);
        }
    }
    let own = ready.path.as_ref().and_then(|path| wire.uri(path, key));
    let mut request = HttpRequest {
        method: ready.method.clone(),
        uri: own.unwrap_or_else(|| ready.uri.clone()),
        headers,
        body,
        rest,
        connect_timeout: target.timeouts.connect,
        first_byte_timeout: target.timeouts.first_byte,
    };
    if let Some(authority) = &provider.authority {
        let now = u64::try_from(job.gateway.clock.unix_seconds()).unwrap_or(0);
        // On the heap, as whatever few calls wait for: every call's future is as large as its rarest way.
        let applied = Box::pin(authority.apply(&mut request, now)).await;
        applied.map_err(|error| {
            let text = format!("{}: {error}", target.label);
            let code = match &error {
                CredentialsError::Missing(_) => Code::MissingProviderKey,
                CredentialsError::Refused(_) => Code::CredentialsRefused,
                CredentialsError::Unavailable(_) => Code::CredentialsUnavailable,
            };
            Error::new(code, text).with_source(error)
        })?;
    }
    Ok(request)
}

/// Whether a request was not made because nobody proves who sends it.
pub(super) fn lacks_credentials(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::MissingProviderKey | Code::CredentialsRefused | Code::CredentialsUnavailable
    )
}

/// The answer as the wire's dialect has it.
pub(super) fn answer(
    job: &Job,
    target: &Target,
    wire: &Wire,
    response: HttpResponse,
) -> HttpResponse {
    if job.endpoint != Endpoint::Chat || !response.status.is_success() {
        return response;
    }
    let response = wire.shape.answer(response);
    let unended = job.asks.stream
        && wire.dialect == Dialect::OpenAi
        && target.provider.quirks.contains(&Quirk::SendsNoDone);
    if unended {
        shape::with_done(response)
    } else {
        response
    }
}

/// The body without reasoning that only another vendor can take back. What the caller sent is looked
/// at, not the spliced body: it lies in one piece and need not be copied for that.
fn own_proofs(job: &Job, body: Segments) -> Segments {
    let may_hold = matches!(job.dialect, Dialect::Anthropic | Dialect::Responses);
    if !may_hold || !dialect::may_hold_foreign_proofs(job.dialect, &job.body.to_bytes()) {
        return body;
    }
    dialect::without_foreign_proofs(job.dialect, &body.to_bytes()).map_or(body, Segments::from)
}

/// The body as a vendor wants it that differs from its dialect. What is lost thereby joins `dropped`.
///
/// # Errors
/// `unsupported` when something is lost and the caller wants to be told.
fn adapted(
    job: &Job,
    body: Segments,
    target: &Target,
    dropped: &mut Vec<String>,
) -> Result<Segments, Error> {
    let provider = &target.provider;
    if provider.quirks.is_empty() {
        return Ok(body);
    }
    let Some(made) = dialect::adapt_request(&body.to_bytes(), &provider.quirks) else {
        return Ok(body);
    };
    if job.snapshot.on_unsupported == OnUnsupported::Error
        && let Some(param) = made.dropped.first()
    {
        let text = format!("{} cannot do what `{param}` asks for", provider.name);
        return Err(Error::new(Code::Unsupported, text).with_param(param));
    }
    dropped.extend(made.dropped);
    Ok(Segments::from(made.body))
}

/// Same dialect: every byte stays but the spans the gateway owns.
fn splice(job: &Job, target: &Target) -> Result<Segments, Error> {
    let Some(outline) = &job.asks.outline else {
        return Ok(job.body.clone());
    };
    let mut splicer = Splicer::new(outline);
    // A model that the path named may be missing in the body, or be another one there.
    let told = job.named.is_none() && outline.all("model").count() == 1;
    if !(job.dialect.names_model_in_path() || told && *job.asks.model == *target.model) {
        splicer.set("model", target.model_json.clone());
    }
    if asks_for_usage(job, target, job.dialect) {
        let options = match outline.last("stream_options") {
            Some(member) => with_usage(&job.body.slice(member.value.clone())),
            None => br#"{"include_usage":true}"#.to_vec(),
        };
        splicer.set("stream_options", options);
    }
    with_params(splicer.apply(&job.body), target)
}

/// A form: every byte stays but the model's name, which is added where only the path had it. Files in
/// it are not copied.
fn splice_form(job: &Job, target: &Target) -> (Segments, Option<Upload>) {
    let rest = job.rest.clone();
    let Some(form) = &job.asks.form else {
        return (job.body.clone(), rest);
    };
    let Some(field) = form.get("model") else {
        let named = form.with_field(&job.body, "model", &target.model);
        return (named.unwrap_or_else(|| job.body.clone()), rest);
    };
    let with = Bytes::copy_from_slice(target.model.as_bytes());
    let here = job.body.len() as u64;
    let place = &field.place;
    // The name may begin in memory and end in what follows.
    let within = |at: u64| usize::try_from(at.min(here)).unwrap_or(usize::MAX);
    let body = if place.start < here {
        let range = within(place.start)..within(place.end);
        let with = with.clone();
        job.body.splice(smallvec::smallvec![Edit { range, with }])
    } else {
        job.body.clone()
    };
    let rest = rest.map(|rest| match place.end.checked_sub(here) {
        None | Some(0) => rest,
        Some(end) => match place.start.checked_sub(here) {
            Some(start) => rest.with_edit(start..end, with),
            None => rest.with_edit(0..end, Bytes::new()),
        },
    });
    (body, rest)
}

/// A stream of the OpenAI dialect reports usage only when asked; the gateway needs it to settle.
fn asks_for_usage(job: &Job, target: &Target, dialect: Dialect) -> bool {
    job.asks.stream
        && !job.asks.include_usage
        && matches!(
            job.endpoint,
            Endpoint::Chat | Endpoint::Relay(Relay::Completions)
        )
        && dialect == Dialect::OpenAi
        && target.provider.stream_usage
}

fn translate(job: &Job, target: &Target, to: Dialect) -> Result<(Segments, Vec<String>), Error> {
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
        to,
        &job.body.to_bytes(),
        &target.model,
        Some(job.asks.stream).filter(|stream| *stream),
        job.snapshot.on_unsupported,
    )
    .map_err(|error| translation_error(error, Code::InvalidRequest))?;
    let mut body = Segments::from(translation.body);
    if asks_for_usage(job, target, to) {
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

/// Gemini's request for embeddings names the model again, in each of its requests.
fn with_names(job: &Job, target: &Target) -> Segments {
    let body = job.body.to_bytes();
    let Ok(whole) = Json::parse(&body) else {
        return job.body.clone();
    };
    let requests = whole.get("requests");
    let all = std::iter::once(whole).chain(requests.into_iter().flat_map(Json::items));
    let name = quote(&format!("models/{}", target.model));
    let start = body.as_ptr() as usize;
    let edits = all
        .filter_map(|request| request.get("model"))
        .map(|model| {
            let at = model.as_str().as_ptr() as usize - start;
            Edit {
                range: at..at + model.as_str().len(),
                with: Bytes::from(name.clone()),
            }
        })
        .collect();
    Segments::from(body.clone()).splice(edits)
}

/// Where and with what body a target is asked for embeddings.
fn embedding(job: &Job, target: &Target, wire: &Wire) -> Result<Option<EmbedRequest>, Error> {
    let body = job.body.to_bytes();
    dialect::embed_request(job.dialect, wire.dialect, &wire.shape, &body, &target.model)
        .map_err(|error| translation_error(error, Code::InvalidRequest))
}

/// The question for the tokens of the caller's request, in another dialect.
fn counting(
    job: &Job,
    target: &Target,
    to: Dialect,
    uri: &Uri,
) -> Result<(Segments, Vec<String>), Error> {
    let translation = dialect::translate_count(
        job.dialect,
        to,
        &job.body.to_bytes(),
        &target.model,
        uri.path(),
        job.snapshot.on_unsupported,
    )
    .map_err(|error| translation_error(error, Code::InvalidRequest))?;
    Ok((Segments::from(translation.body), translation.dropped))
}

/// Sets the target's own parameters.
fn with_params(body: Segments, target: &Target) -> Result<Segments, Error> {
    if target.params.is_empty() {
        return Ok(body);
    }
    json::with_members(&body, &target.params).map_err(|error| internal(&error))
}

fn internal(error: &json::JsonError) -> Error {
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
            || text.starts_with("x-goog-") && text != "x-goog-api-key"
            || text.starts_with("x-amzn-bedrock-")
            || text == "idempotency-key"
            || text == "sec-websocket-protocol"
        {
            kept.append(name, value.clone());
        }
    }
    kept
}
