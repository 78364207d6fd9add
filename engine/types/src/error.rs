//! The one public error. Numbers and slugs are API and never reused; messages are not.

mod table;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;

pub use table::{Code, Origin, Retry};

use crate::Dialect;

/// What the engine answers when a call fails, the same on every face.
///
/// Boxed inside, so that `Result<T, Error>` stays one word wide.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    message: String,
    retry_after: Option<Duration>,
    attempts: Vec<Attempt>,
    param: Option<String>,
    upstream: Option<UpstreamError>,
    request_id: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One try at one target with one key, in the order they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// `provider/model`.
    pub target: Arc<str>,
    /// Name of the provider key used, never its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// HTTP status of the upstream, absent when none arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Slug of the error that ended the try; absent when it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// An upstream's own refusal, kept whole so that it can be passed on unchanged.
#[derive(Debug, Clone)]
pub struct UpstreamError {
    /// Status the upstream answered with.
    pub status: http::StatusCode,
    /// The upstream's headers.
    pub headers: http::HeaderMap,
    /// The upstream's body, byte for byte.
    pub body: Bytes,
    /// Dialect the body is written in.
    pub dialect: Dialect,
    /// Target that gave it, `provider/model`.
    pub target: String,
}

impl Error {
    /// An error of `code` that says `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            retry_after: None,
            attempts: Vec::new(),
            param: None,
            upstream: None,
            request_id: None,
            source: None,
        }))
    }

    /// Adds how long the caller should wait before the next try.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds the tries made before giving up.
    pub fn with_attempts(mut self, attempts: Vec<Attempt>) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds the request field or config path at fault.
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Adds the upstream's own answer.
    pub fn with_upstream(mut self, upstream: UpstreamError) -> Self {
        self.0.upstream = Some(upstream);
        self
    }

    /// Adds the id under which the request was logged.
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Adds the underlying error.
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The text for people; it may change in any release.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Who is at fault.
    pub fn origin(&self) -> Origin {
        self.0.code.origin()
    }

    /// HTTP status a server answers with: the upstream's own where there is one.
    pub fn status(&self) -> http::StatusCode {
        match &self.0.upstream {
            Some(upstream) if upstream.status.as_u16() >= 400 => upstream.status,
            _ => self.0.code.status(),
        }
    }

    /// How long to wait before the next try, when known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The tries made, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// The request field or config path at fault.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// The upstream's own answer, when the error is one.
    pub fn upstream(&self) -> Option<&UpstreamError> {
        self.0.upstream.as_ref()
    }

    /// The id under which the request was logged.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The error as the JSON object that crosses every language boundary:
    /// `{code, slug, message, origin, status, retry_after?, param?, request_id?, attempts, upstream?}`.
    /// `retry_after` is in seconds; `upstream.body` is the upstream's body as text.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({
            "code": self.code().number(),
            "slug": self.code().slug(),
            "message": self.message(),
            "origin": self.origin().as_str(),
            "status": self.status().as_u16(),
            "attempts": self.attempts(),
        });
        if let Some(after) = self.retry_after() {
            object["retry_after"] = after.as_secs_f64().into();
        }
        if let Some(param) = self.param() {
            object["param"] = param.into();
        }
        if let Some(id) = self.request_id() {
            object["request_id"] = id.into();
        }
        if let Some(upstream) = self.upstream() {
            object["upstream"] = serde_json::json!({
                "status": upstream.status.as_u16(),
                "target": upstream.target,
                "dialect": upstream.dialect.as_str(),
                "body": String::from_utf8_lossy(&upstream.body),
            });
        }
        object
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{} {}]",
            self.message(),
            self.code().number(),
            self.code().slug()
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for attempt in self.attempts() {
            write!(f, "\n  tried {}", attempt.target)?;
            if let Some(error) = attempt.error {
                write!(f, ": {error}")?;
            }
        }
        if let Some(source) = &self.0.source {
            write!(f, "\n  because {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
