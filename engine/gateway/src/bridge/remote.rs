//! The same calls, made to a gateway that runs elsewhere.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};
use tidegate_providers::{
    dialect::stream_type,
    http_transport::HttpTransport,
    socket::{Socket, SocketLimits},
    transport::{BodyStream, HttpRequest, Opened, Transport, TransportError},
};
use tidegate_types::{Code, Dialect, Error, Secret, Segments};

use super::{Head, Mode, Request};
use crate::{
    facts::header as names,
    source,
    stream::{
        SettlingStream,
        source::{Deadlines, EventSource},
    },
    wire,
};

/// The remote engine has deadlines of its own; these only end a connection that has died.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_mins(15);
/// Longest silence in a session, pings unanswered.
const IDLE: Duration = Duration::from_mins(2);
/// Longest message of a session; the remote gateway may take less.
const LONGEST: usize = 64 << 20;

/// A client of a running gateway.
pub(super) struct Remote {
    url: Uri,
    key: Option<Secret<String>>,
    transport: Arc<dyn Transport>,
}

impl Remote {
    pub(super) fn new(url: Uri, key: Option<Secret<String>>) -> Self {
        let transport = Arc::new(HttpTransport::new(&|name: &str| source::env(name)));
        Self {
            url,
            key,
            transport,
        }
    }

    pub(super) fn url(&self) -> String {
        self.url.to_string()
    }

    /// The request as the remote gateway takes it, and the dialect of its answer.
    fn addressed(&self, request: Request) -> Result<(Dialect, HttpRequest), Error> {
        let path = remote_path(&request.target)?;
        let dialect = wire::dialect_of(&path, &request.headers);
        let base = self.url.to_string();
        let uri = format!("{}{path}", base.trim_end_matches('/'))
            .parse()
            .map_err(|_| Error::new(Code::UnknownEndpoint, format!("{path:?} is no path")))?;
        let mut headers = request.headers;
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::ACCEPT_ENCODING);
        if request.mode != Mode::Session {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            // A stream's cost is known at its end.
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let key = request
            .key
            .as_deref()
            .or(self.key.as_ref().map(|key| key.expose().as_str()));
        if let Some(key) = key
            && let Ok(mut value) = HeaderValue::from_str(key)
        {
            value.set_sensitive(true);
            headers.insert(names::KEY, value);
        }
        let request = HttpRequest {
            method: request.method,
            uri,
            headers,
            body: Segments::from(request.body),
            rest: None,
            connect_timeout: CONNECT,
            first_byte_timeout: SILENCE,
        };
        Ok((dialect, request))
    }

    /// Opens a session with the remote gateway, which meters it.
    pub(super) async fn open(&self, request: Request) -> Result<(HeaderMap, Socket), Error> {
        let (dialect, request) = self.addressed(request)?;
        let limits = SocketLimits {
            message: LONGEST,
            idle: IDLE,
        };
        let opened = self.transport.open(request, limits).await;
        match opened.map_err(|error| unreachable(&error))? {
            Opened::Socket(headers, socket) => Ok((headers, socket)),
            Opened::Refused(response) => {
                let (status, headers) = (response.status, response.headers);
                let whole = all(response.body).await?;
                Err(wire::from_remote(dialect, status, headers, whole))
            }
        }
    }

    pub(super) async fn run(
        &self,
        request: Request,
    ) -> Result<(Head, Result<Bytes, Box<SettlingStream>>), Error> {
        let native = request.mode == Mode::Native;
        let (dialect, request) = self.addressed(request)?;
        let response = self
            .transport
            .send(request)
            .await
            .map_err(|error| unreachable(&error))?;
        let (status, headers, body) = (response.status, response.headers, response.body);
        let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
            value
                .as_bytes()
                .starts_with(stream_type(dialect).as_bytes())
        });
        if status.is_success() && is_stream {
            let source = EventSource::events(body, dialect).with_deadlines(Deadlines {
                idle: SILENCE,
                stall: None,
                min_rate: None,
                until: None,
            });
            let stream = SettlingStream::remote(Box::new(source), native);
            return Ok((head(status, headers), Err(Box::new(stream))));
        }
        let whole = all(body).await?;
        if native && !status.is_success() {
            return Err(wire::from_remote(dialect, status, headers, whole));
        }
        Ok((head(status, headers), Ok(whole)))
    }
}

/// All of a body.
async fn all(mut body: BodyStream) -> Result<Bytes, Error> {
    let mut whole = Vec::new();
    while let Some(piece) = body.next().await {
        whole.extend_from_slice(&piece.map_err(|error| unreachable(&error))?);
    }
    Ok(Bytes::from(whole))
}

fn head(status: http::StatusCode, headers: HeaderMap) -> Head {
    Head {
        status: status.as_u16(),
        headers,
    }
}

/// A vendor's absolute URL becomes the remote's drop-in prefix of that vendor.
fn remote_path(target: &str) -> Result<String, Error> {
    let uri: Uri = target.parse().map_err(|_| {
        Error::new(
            Code::UnknownEndpoint,
            format!("{target:?} is neither a path nor a URL"),
        )
    })?;
    let path = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let vendor = uri.host().and_then(|host| {
        tidegate_providers::catalogue::vendors().find(|vendor| vendor.hosts.contains(&host))
    });
    Ok(vendor.map_or_else(
        || path.to_owned(),
        |vendor| format!("/{}{path}", vendor.name),
    ))
}

fn unreachable(error: &TransportError) -> Error {
    let code = match error {
        TransportError::ConnectTimeout => Code::ConnectTimeout,
        TransportError::FirstByteTimeout => Code::FirstByteTimeout,
        TransportError::ConnectionLost(_) => Code::ConnectionLost,
        _ => Code::ConnectFailed,
    };
    Error::new(code, format!("the remote gateway: {error}")).with_source(error.clone())
}
