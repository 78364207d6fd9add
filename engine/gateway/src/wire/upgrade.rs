//! Upgrades to a WebSocket: from a handshake to a session.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use percent_encoding::percent_decode_str;
use tidegate_providers::{
    session as spoken,
    socket::{End, Socket, SocketLimits, accept_key},
};
use tidegate_types::{Code, Dialect, Endpoint, Error, Segments, SessionKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Caller, Entry, ReplyBody, Trust, context, door, failure};
use crate::{
    call::{self, Call, CallContext, Named},
    gateway::Gateway,
    pipeline::{self, authenticate},
    session::{self, Message, Parting, Session, relay},
};

/// Longest silence of a caller when the configuration does not say; pings unanswered.
const IDLE: Duration = Duration::from_mins(2);

/// A subprotocol that begins like this carries a key, for browsers, which can set no header (OpenAI,
/// "Realtime API with WebSocket").
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// What came of a handshake.
#[derive(Debug)]
pub struct Upgrade {
    /// The answer: 101 when a session follows, else an error in the caller's dialect.
    pub response: Response<ReplyBody>,
    /// The session, to be served over the upgraded connection.
    pub session: Option<Pending>,
}

/// A session whose connection is still to be upgraded. Dropping it closes the upstream.
#[derive(Debug)]
pub struct Pending {
    gateway: Gateway,
    begun: Begun,
    limits: SocketLimits,
}

#[derive(Debug)]
enum Begun {
    /// The upstream is open.
    Open(Box<Session>),
    /// The first message says which upstream it will be.
    Waiting(Box<(CallContext, Call, SessionKind)>),
}

/// Where a handshake leads.
struct Found {
    kind: SessionKind,
    provider: Option<String>,
    /// Path and query below the provider's base.
    path: String,
    model: Option<String>,
    /// A key in the query, as Google's callers send it.
    key: Option<String>,
}

/// Whether a request asks for a WebSocket (RFC 6455, section 4.1).
pub fn wants_socket<B>(request: &Request<B>) -> bool {
    // Looked for where hardly a request has it.
    let Some(upgrade) = request.headers().get(header::UPGRADE) else {
        return false;
    };
    *request.method() == Method::GET
        && lists(upgrade, "websocket")
        && request
            .headers()
            .get_all(header::CONNECTION)
            .iter()
            .any(|value| lists(value, "upgrade"))
}

fn lists(value: &HeaderValue, word: &str) -> bool {
    value.to_str().is_ok_and(|value| {
        value
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    })
}

impl Gateway {
    /// Answers a request for a WebSocket. Where the path or query names the model, the upstream has
    /// agreed when this returns; otherwise the session's first message decides.
    pub async fn upgrade(&self, request: Request<()>, trust: Trust) -> Upgrade {
        let (parts, ()) = request.into_parts();
        let key = match handshake_key(&parts.headers) {
            Ok(key) => key,
            Err(response) => return refused(*response),
        };
        let (dialect, begun) = self.session(&parts.uri, parts.headers, trust.into()).await;
        match begun {
            Ok((mut headers, session)) => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                if let Ok(accept) = HeaderValue::from_str(&accept_key(key.as_bytes())) {
                    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
                }
                let mut response = Response::new(ReplyBody::full(bytes::Bytes::new()));
                *response.headers_mut() = headers;
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                Upgrade {
                    response,
                    session: Some(session),
                }
            }
            Err(error) => refused(failure::respond(dialect, &error)),
        }
    }

    /// The session at that path, without a handshake's headers, and the headers of the answer. The
    /// dialect is that of a refusal.
    pub(crate) async fn session(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        caller: Caller,
    ) -> (Dialect, Result<(HeaderMap, Pending), Error>) {
        match find(self, uri, caller.trust) {
            Ok(found) => {
                let dialect = found.kind.dialect();
                (dialect, self.begin(found, headers, caller).await)
            }
            Err(error) => (door::guess(uri.path(), &headers), Err(error)),
        }
    }

    async fn begin(
        &self,
        found: Found,
        mut headers: HeaderMap,
        caller: Caller,
    ) -> Result<(HeaderMap, Pending), Error> {
        let snapshot = self.inner.snapshot();
        let offered = take_credentials(&found, &mut headers);
        let entry = Entry {
            method: Method::GET,
            uri: Uri::default(),
            headers,
            body: Segments::new(),
            rest: None,
            caller,
            native: false,
        };
        let context = context(&entry)?;
        let limits = SocketLimits {
            message: session::longest_message(&snapshot),
            idle: snapshot
                .config
                .timeouts
                .idle
                .map_or(IDLE, tidegate_types::config::Duration::get),
        };
        let call = Call {
            endpoint: Endpoint::Session {
                kind: found.kind,
                path: found.path,
            },
            dialect: found.kind.dialect(),
            provider: found.provider,
            named: found.model.map(|model| Named {
                model,
                stream: None,
            }),
            body: Segments::new(),
            rest: None,
            headers: entry.headers,
        };
        if found.kind != SessionKind::Realtime {
            // Who may not come in learns it now; all else depends on the first message.
            let now = self.inner.clock.unix_seconds();
            authenticate::identify(&snapshot, &context, &call.headers, now)?;
            let mut headers = HeaderMap::new();
            choose_protocol(&offered, None, &mut headers);
            let pending = Pending {
                gateway: self.clone(),
                begun: Begun::Waiting(Box::new((context, call, found.kind))),
                limits,
            };
            return Ok((headers, pending));
        }
        drop(snapshot);
        let reply = pipeline::execute(&self.inner, context, call).await?;
        let call::ReplyBody::Session(session) = reply.body else {
            return Err(Error::new(Code::Internal, "no session came of an upgrade"));
        };
        let mut headers = reply.head.headers;
        let chosen = headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        for name in [
            header::SEC_WEBSOCKET_EXTENSIONS,
            header::CONTENT_TYPE,
            header::SEC_WEBSOCKET_ACCEPT,
        ] {
            headers.remove(name);
        }
        choose_protocol(&offered, chosen, &mut headers);
        reply.head.facts.write(&mut headers);
        let pending = Pending {
            gateway: self.clone(),
            begun: Begun::Open(session),
            limits,
        };
        Ok((headers, pending))
    }
}

impl Pending {
    /// Serves the session over the upgraded connection, until either side ends it or `stop` is
    /// ready.
    pub async fn serve(
        self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        stop: impl Future<Output = ()>,
    ) {
        let client = Socket::over(io, Vec::new(), End::Server, self.limits).await;
        self.relay(client, stop).await;
    }

    /// As [`Pending::serve`], over anything that gives and takes messages.
    pub(crate) async fn relay(self, mut client: Socket, stop: impl Future<Output = ()>) -> Parting {
        let (context, mut call, kind) = match self.begun {
            Begun::Open(session) => return relay(client, *session, None, stop).await,
            Begun::Waiting(waiting) => *waiting,
        };
        let mut stop = std::pin::pin!(stop);
        let first = tokio::select! {
            first = session::first(&mut client, self.limits.idle) => first,
            () = &mut stop => Err(Error::new(Code::Closed, "the gateway is going away")),
        };
        let opened = match first {
            Ok(first) => {
                call.body = Segments::from(first.payload().to_vec());
                let opening = pipeline::execute(&self.gateway.inner, context, call);
                tokio::select! {
                    opened = opening => opened.map(|reply| (reply, first)),
                    () = &mut stop => Err(Error::new(Code::Closed, "the gateway is going away")),
                }
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok((reply, first)) => match reply.body {
                call::ReplyBody::Session(session) => {
                    relay(client, *session, Some(first), stop).await
                }
                _ => Parting::default(),
            },
            Err(error) => {
                let id = error.request_id().unwrap_or_default();
                let mut words: Vec<Message> = spoken::error_message(kind, &error, None, id)
                    .into_iter()
                    .collect();
                words.push(session::closing(&error));
                session::refuse(client, words).await;
                Parting {
                    facts: None,
                    error: Some(error),
                }
            }
        }
    }
}

fn refused(response: Response<ReplyBody>) -> Upgrade {
    Upgrade {
        response,
        session: None,
    }
}

/// The key of a sound handshake, or the answer to another one.
fn handshake_key(headers: &HeaderMap) -> Result<String, Box<Response<ReplyBody>>> {
    let answer = |status, text: &'static str| {
        let mut response =
            Response::new(ReplyBody::full(bytes::Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        let version = HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, version);
        Box::new(response)
    };
    if headers.get(header::SEC_WEBSOCKET_VERSION) != Some(&HeaderValue::from_static("13")) {
        let text = "this server speaks version 13 of the WebSocket protocol\n";
        return Err(answer(StatusCode::UPGRADE_REQUIRED, text));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    key.and_then(|key| key.to_str().ok())
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| answer(StatusCode::BAD_REQUEST, "sec-websocket-key is missing\n"))
}

/// From the path and query of a handshake to what it asks for.
fn find(gateway: &Gateway, uri: &Uri, trust: Trust) -> Result<Found, Error> {
    let snapshot = gateway.inner.snapshot();
    let mut path = uri.path();
    let mut first = door::first_part(path);
    // In this process the host of a vendor's URL names it, as for calls.
    let by_host = uri
        .host()
        .filter(|_| trust == Trust::Process)
        .and_then(|host| door::by_host(&snapshot, host, uri.port_u16(), path));
    if door::NEUTRAL.contains(&first) {
        path = &path[first.len() + 1..];
        first = door::first_part(path);
    }
    let named = first.strip_suffix("_passthrough").unwrap_or(first);
    let provider = door::ALIASES
        .iter()
        .find(|(alias, _)| *alias == named && !door::knows(&snapshot, alias))
        .map_or(named, |(_, provider)| provider);
    let mut provider = door::knows(&snapshot, provider).then(|| provider.to_owned());
    if let Some(by_host) = by_host {
        path = uri.path();
        provider = Some(by_host.to_owned());
    } else if provider.is_some() {
        path = &path[path.len().min(first.len() + 1)..];
    }
    let unknown = || {
        let text = format!("no session is served at {}", uri.path());
        Error::new(Code::UnknownEndpoint, text)
    };
    let (kind, path) = if path.starts_with("/ws/") && path.contains(".BidiGenerateContent") {
        (SessionKind::Live, path)
    } else {
        let end = ["/realtime/translations", "/realtime", "/responses"]
            .iter()
            .find(|end| path.ends_with(**end))
            .ok_or_else(unknown)?;
        // In front of it only a version, or a provider's own base, may stand.
        let before = path.strip_suffix(*end).unwrap_or_default();
        let known = ["", "/v1", "/openai", "/openai/v1"].contains(&before)
            || provider.as_deref().is_some_and(|provider| {
                door::wires(&snapshot, provider)
                    .iter()
                    .any(|(_, base)| door::base_path(base) == before)
            });
        if !known {
            return Err(unknown());
        }
        let kind = match *end {
            "/responses" => SessionKind::Responses,
            _ => SessionKind::Realtime,
        };
        (kind, *end)
    };
    let mut found = Found {
        kind,
        provider,
        path: String::new(),
        model: None,
        key: None,
    };
    let mut kept = Vec::new();
    for part in uri.query().unwrap_or_default().split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "key" if kind == SessionKind::Live => {
                found.key = decoded(value);
                continue;
            }
            // Azure's name for it, and what goes with it.
            "model" | "deployment" if kind == SessionKind::Realtime => {
                found.model = decoded(value).filter(|model| !model.is_empty());
                kept.push(format!("model={value}"));
                continue;
            }
            "" | "api-version" => continue,
            _ => {}
        }
        kept.push(part.to_owned());
    }
    path.clone_into(&mut found.path);
    if !kept.is_empty() {
        found.path.push('?');
        found.path.push_str(&kept.join("&"));
    }
    Ok(found)
}

fn decoded(value: &str) -> Option<String> {
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    Some(value.into_owned())
}

/// Puts a key from a subprotocol or the query where callers' keys are looked for, and takes the
/// handshake's own headers away. Gives the subprotocols offered, without keys.
fn take_credentials(found: &Found, headers: &mut HeaderMap) -> Vec<String> {
    let offered: Vec<String> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let (keys, offered): (Vec<_>, Vec<_>) = offered
        .into_iter()
        .partition(|part| part.starts_with(KEY_PROTOCOL));
    if authenticate::credential(headers).is_none() {
        let key = keys.first().and_then(|key| key.strip_prefix(KEY_PROTOCOL));
        let bearer = key
            .or(found.key.as_deref())
            .and_then(|key| HeaderValue::from_str(&format!("Bearer {key}")).ok());
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
    }
    let handshake: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("sec-websocket-"))
        .cloned()
        .collect();
    for name in handshake {
        headers.remove(name);
    }
    if let Ok(value) = HeaderValue::from_str(&offered.join(", "))
        && !offered.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    offered
}

/// Answers with the subprotocol the upstream chose among those offered, or else with the first:
/// browsers give up when none of theirs is taken.
fn choose_protocol(offered: &[String], chosen: Option<HeaderValue>, headers: &mut HeaderMap) {
    let chosen = chosen.filter(|chosen| offered.iter().any(|offer| chosen == offer.as_str()));
    let first = || {
        let preferred = offered.iter().find(|offer| *offer == "realtime");
        HeaderValue::from_str(preferred.or(offered.first())?).ok()
    };
    if let Some(protocol) = chosen.or_else(first) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
}
