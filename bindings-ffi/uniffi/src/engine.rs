//! Opening, calling and closing.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate::{
    Code, Error,
    bridge::{self, Head, Mode, Outcome, Request, Source},
    config::Format,
};

use crate::{error::TidegateError, inbox::Inbox, stream::ReplyStream};

/// An open gateway.
#[derive(Debug, uniffi::Object)]
pub struct Engine {
    engine: bridge::Engine,
    inbox: Arc<Inbox>,
}

/// One call.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CallRequest {
    /// HTTP method.
    #[uniffi(default = "POST")]
    pub method: String,
    /// `/v1/chat/completions` or another path, or a vendor's own URL.
    pub target: String,
    /// The body, passed on byte for byte.
    #[uniffi(default)]
    pub body: Vec<u8>,
    /// Headers.
    #[uniffi(default)]
    pub headers: HashMap<String, String>,
    /// Tidegate key; none is root.
    #[uniffi(default = None)]
    pub key: Option<String>,
}

/// A complete answer.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, the gateway's facts (`x-tidegate-...`) among them.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

#[uniffi::export]
impl Engine {
    /// Opens a gateway from a configuration in JSON.
    #[uniffi::constructor]
    pub fn open(config_json: String) -> Result<Arc<Self>, TidegateError> {
        Self::from_source(Source::Text {
            text: config_json,
            format: Format::Json,
        })
    }

    /// Opens a gateway from a file in YAML, TOML or JSON.
    #[uniffi::constructor]
    pub fn open_path(path: String) -> Result<Arc<Self>, TidegateError> {
        Self::from_source(Source::Path(PathBuf::from(path)))
    }

    /// The same calls against a `tidegate serve` elsewhere.
    #[uniffi::constructor]
    pub fn connect(url: &str, key: Option<String>) -> Result<Arc<Self>, TidegateError> {
        Ok(Self::new(bridge::Engine::connect(url, key)?))
    }

    /// Makes a call and gives its complete answer.
    pub async fn call(&self, request: CallRequest) -> Result<Reply, TidegateError> {
        let (_, outcome, _) = self.inbox.call(&self.engine, read(request)?).await;
        match outcome {
            Outcome::Reply(head, body) => Ok(Reply {
                status: head.status,
                headers: headers(&head),
                body: body.into(),
            }),
            Outcome::Stream(..) => {
                let text = "the answer is a stream: use open_stream";
                Err(Error::new(Code::InvalidRequest, text).into())
            }
            Outcome::Error(error) => Err(error.into()),
        }
    }

    /// Makes a call and gives its answer as it arrives. An answer that does not stream is one frame.
    pub async fn open_stream(
        &self,
        request: CallRequest,
    ) -> Result<Arc<ReplyStream>, TidegateError> {
        let (ticket, outcome, more) = self.inbox.call(&self.engine, read(request)?).await;
        match outcome {
            Outcome::Stream(head, handle) => {
                let inbox = Arc::clone(&self.inbox);
                Ok(ReplyStream::live(
                    headers(&head),
                    handle,
                    more,
                    inbox,
                    ticket,
                ))
            }
            Outcome::Reply(head, body) => Ok(ReplyStream::whole(headers(&head), body)),
            Outcome::Error(error) => Err(error.into()),
        }
    }

    /// The state of targets, provider keys, virtual keys, queue and cache as JSON.
    pub fn health(&self) -> String {
        self.engine.health().to_string()
    }

    /// What was counted of calls, as text in Prometheus' format 0.0.4.
    pub fn metrics(&self) -> String {
        self.engine.metrics()
    }

    /// Takes no more calls, lets running ones finish for at most this long, then cancels them.
    pub fn shutdown(&self, deadline_ms: u64) {
        self.engine.close(Duration::from_millis(deadline_ms));
    }
}

impl Engine {
    fn from_source(source: Source) -> Result<Arc<Self>, TidegateError> {
        Ok(Self::new(bridge::Engine::open(source)?))
    }

    fn new(engine: bridge::Engine) -> Arc<Self> {
        Arc::new(Self {
            engine,
            inbox: Arc::new(Inbox::new()),
        })
    }
}

fn read(request: CallRequest) -> Result<Request, TidegateError> {
    let invalid = |what: String| TidegateError::from(Error::new(Code::InvalidRequest, what));
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("{name:?} is no header name")))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| invalid(format!("the value of {name:?} is no header value")))?;
        headers.append(field, value);
    }
    Ok(Request {
        mode: Mode::Native,
        method: Method::from_bytes(request.method.as_bytes())
            .map_err(|_| invalid(format!("{:?} is no HTTP method", request.method)))?,
        target: request.target,
        headers,
        body: Bytes::from(request.body),
        key: request.key,
        trusted: true,
    })
}

/// Headers as a map; of a repeated one the first counts.
fn headers(head: &Head) -> HashMap<String, String> {
    let mut map = HashMap::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        map.entry(name.as_str().to_owned())
            .or_insert_with(|| String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    map
}
