//! Between HTTP shapes and calls, with nothing but the `http` crate's types. The server, the SDK
//! transports of every language and the C ABI all enter here.

mod body;
mod door;
mod explain;
mod failure;
mod sessions;
mod upgrade;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use tidegate_providers::dialect::TranslateError;
use tidegate_types::{Code, Dialect, Error, Secret, Segments, config};

pub use body::ReplyBody;
pub(crate) use door::{base_path, dialect_of};
pub(crate) use explain::PATH as EXPLAIN;
pub(crate) use failure::{from_remote, of_vendor, respond as refusal};
pub use tidegate_providers::upload::Upload;
pub use upgrade::{Pending, Upgrade, wants_socket};

use crate::{
    call::{self, CacheDirective, Call, CallContext, Reply},
    facts::header as names,
    gateway::Gateway,
    pipeline,
    scope::Scope,
};

/// Whose requests these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A socket: keys may be required, and the host named in the request is this server's own.
    Network {
        /// The other end; none of a socket on this machine that has no address.
        peer: Option<IpAddr>,
    },
    /// This process: without a key the caller is root, and the host names the vendor.
    Process,
}

impl Gateway {
    /// Answers an HTTP request. Never fails: errors are answers in the caller's dialect, so that
    /// vendors' SDKs raise their own classes.
    pub async fn handle(&self, request: Request<Segments>, trust: Trust) -> Response<ReplyBody> {
        self.handle_upload(request, None, trust).await
    }

    /// As [`Gateway::handle`], for a large upload: `rest` follows the body and is still arriving. What
    /// can be sent on as it comes is; everything else is read first.
    pub async fn handle_upload(
        &self,
        request: Request<Segments>,
        rest: Option<Upload>,
        trust: Trust,
    ) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let entry = Entry {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            rest,
            caller: trust.into(),
            native: false,
        };
        let (dialect, result) = self.enter(entry).await;
        match result {
            Ok(reply) => respond(reply),
            Err(error) => failure::respond(dialect, &error),
        }
    }

    /// The answer to a request that never became a call, such as one whose body is too large.
    pub fn refuse(&self, uri: &Uri, error: &Error) -> Response<ReplyBody> {
        let (dialect, _) = door::open(
            &self.inner.snapshot(),
            &self.inner.kept,
            &Method::POST,
            uri,
            &HeaderMap::new(),
            Trust::Network { peer: None },
        );
        failure::respond(dialect, error)
    }

    /// The call that a request is, and the dialect its answer must be in.
    fn call(&self, entry: Entry) -> (Dialect, Result<(CallContext, Call), Error>) {
        let snapshot = self.inner.snapshot();
        let (dialect, opened) = door::open(
            &snapshot,
            &self.inner.kept,
            &entry.method,
            &entry.uri,
            &entry.headers,
            entry.caller.trust,
        );
        let ready = opened.and_then(|opened| {
            let context = context(&entry)?;
            let call = Call {
                endpoint: opened.endpoint,
                dialect,
                provider: opened.provider,
                named: opened.named,
                body: entry.body,
                rest: entry.rest,
                headers: entry.headers,
            };
            Ok((context, call))
        });
        (dialect, ready)
    }

    /// Runs a request and gives the dialect its answer must be in.
    pub(crate) async fn enter(&self, entry: Entry) -> (Dialect, Result<Reply, Error>) {
        if entry.uri.path() == explain::PATH {
            return (Dialect::OpenAi, self.explained(&entry));
        }
        if let Some(bill) = self.billed(&entry) {
            return (Dialect::OpenAi, bill);
        }
        let (dialect, call) = self.call(entry);
        let result = match call {
            Ok((context, call)) => pipeline::execute(&self.inner, context, call).await,
            Err(error) => Err(error),
        };
        (dialect, result)
    }
}

/// A request on its way in, from a socket or from a binding.
pub(crate) struct Entry {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Segments,
    pub(crate) rest: Option<Upload>,
    pub(crate) caller: Caller,
    pub(crate) native: bool,
}

/// Who sends a request in, as far as the request itself does not say.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Option<Secret<String>>,
    pub(crate) scope: Option<Arc<Scope>>,
    pub(crate) trust: Trust,
}

impl From<Trust> for Caller {
    fn from(trust: Trust) -> Self {
        Self {
            key: None,
            scope: None,
            trust,
        }
    }
}

/// What the gateway's own request headers say.
fn context(entry: &Entry) -> Result<CallContext, Error> {
    let text = |name: &http::HeaderName| match entry.headers.get(name) {
        Some(value) => value
            .to_str()
            .map(Some)
            .map_err(|_| bad_header(name, "plain text")),
        None => Ok(None),
    };
    let timeout = match text(&names::TIMEOUT)? {
        Some(value) => match value.parse::<config::Duration>() {
            Ok(limit) if limit.get() > Duration::ZERO => Some(limit.get()),
            _ => return Err(bad_header(&names::TIMEOUT, "a duration such as 30s")),
        },
        None => None,
    };
    let cache = match text(&names::CACHE)? {
        None => CacheDirective::Normal,
        Some("bypass") => CacheDirective::Bypass,
        Some("refresh") => CacheDirective::Refresh,
        Some(_) => return Err(bad_header(&names::CACHE, "`bypass` or `refresh`")),
    };
    let priority = match text(&names::PRIORITY)? {
        None => None,
        Some(name) => Some(
            config::Priority::named(name)
                .ok_or_else(|| bad_header(&names::PRIORITY, "`low`, `normal` or `high`"))?,
        ),
    };
    let fallbacks = text(&names::FALLBACKS)?.map(|value| {
        let names = value.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    });
    Ok(CallContext {
        key: entry.caller.key.clone(),
        scope: entry.caller.scope.clone(),
        trusted: entry.caller.trust == Trust::Process,
        peer: match entry.caller.trust {
            Trust::Process => None,
            Trust::Network { peer } => Some(peer.unwrap_or(Ipv4Addr::LOCALHOST.into())),
        },
        timeout,
        cache,
        priority,
        fallbacks: fallbacks.unwrap_or_default(),
        native: entry.native,
    })
}

fn bad_header(name: &http::HeaderName, what: &str) -> Error {
    Error::new(
        Code::InvalidRequest,
        format!("header `{name}` must be {what}"),
    )
    .with_param(name.as_str())
}

fn respond(reply: Reply) -> Response<ReplyBody> {
    let Reply { head, body } = reply;
    let mut headers = head.headers;
    let body = match body {
        call::ReplyBody::Complete(bytes) => {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            ReplyBody::full(bytes)
        }
        call::ReplyBody::Stream(stream) => {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("text/event-stream; charset=utf-8"));
            ReplyBody::stream(stream)
        }
        // Only an upgrade opens one, and takes it out of the reply.
        call::ReplyBody::Session(_) => ReplyBody::full(Bytes::new()),
    };
    head.facts.write(&mut headers);
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response
}

/// The public error of a failed translation; `invalid` is the code when the body was at fault.
pub(crate) fn translation_error(error: TranslateError, invalid: Code) -> Error {
    let (code, param, message) = match error {
        TranslateError::Invalid { param, message } => (invalid, param, message),
        TranslateError::Unsupported { param, message } => (Code::Unsupported, param, message),
    };
    let error = Error::new(code, message);
    if param.is_empty() {
        error
    } else {
        error.with_param(param)
    }
}
