//! Asking identity services.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use tidegate_types::Segments;

use super::{Bearer, CredentialsError, Held};
use crate::transport::{HttpRequest, Transport, TransportError};

/// The whole of a token request, connection and body included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers of metadata servers come from the same host: where there is none, nobody should wait.
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
pub(super) const NEAR: Duration = Duration::from_secs(2);
/// Longest answer looked at.
const LONGEST: usize = 1 << 20;
/// Longest part of a service's own words in an error.
const WORDS: usize = 300;

/// A request to an identity service.
pub(super) struct Ask {
    pub(super) request: HttpRequest,
    /// What must not come back in an error, whoever says it.
    secrets: Vec<String>,
    patience: Duration,
}

impl Ask {
    /// A request without a body.
    pub(super) fn new(method: Method, url: &str) -> Result<Self, CredentialsError> {
        let uri: Uri = url
            .parse()
            .ok()
            .filter(|uri: &Uri| uri.host().is_some() && uri.scheme().is_some())
            .ok_or_else(|| {
                CredentialsError::Missing(
                    "the address of the identity service is no URL".to_owned(),
                )
            })?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            request: HttpRequest {
                method,
                uri,
                headers,
                body: Segments::new(),
                rest: None,
                connect_timeout: PATIENCE,
                first_byte_timeout: PATIENCE,
            },
            secrets: Vec::new(),
            patience: PATIENCE,
        })
    }

    /// A form; the values of fields named in `secret` never show in an error.
    pub(super) fn form(
        url: &str,
        fields: &[(&str, &str)],
        secret: &[&str],
    ) -> Result<Self, CredentialsError> {
        let text = query(fields);
        let mut ask = Self::new(Method::POST, url)?;
        ask.request.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        ask.request.body = Segments::from(text.into_bytes());
        ask.secrets = fields
            .iter()
            .filter(|(name, value)| secret.contains(name) && !value.is_empty())
            .map(|(_, value)| (*value).to_owned())
            .collect();
        Ok(ask)
    }

    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    pub(super) fn header(
        mut self,
        name: &str,
        value: &str,
        secret: bool,
    ) -> Result<Self, CredentialsError> {
        let bad = || {
            CredentialsError::Missing(format!(
                "the header {name} for the identity service holds characters no header may hold"
            ))
        };
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut held = HeaderValue::from_str(value).map_err(|_| bad())?;
        held.set_sensitive(secret);
        if secret && !value.is_empty() {
            self.secrets.push(value.to_owned());
        }
        self.request.headers.insert(name, held);
        Ok(self)
    }

    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    pub(super) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self.request.connect_timeout = patience;
        self.request.first_byte_timeout = patience;
        self
    }

    /// Sends it; gives the body of a success.
    ///
    /// # Errors
    /// `Refused` for a status of 4xx, with the service's own words; `Unavailable` for everything else.
    pub(super) async fn send(
        self,
        transport: &Arc<dyn Transport>,
    ) -> Result<Bytes, CredentialsError> {
        let host = self.request.uri.authority().map(ToString::to_string);
        let host = host.unwrap_or_default();
        let sent = transport.send(self.request);
        let answer = tokio::time::timeout(self.patience, async {
            let mut answer = sent.await?;
            let mut body = Vec::new();
            while let Some(piece) = answer.body.next().await {
                body.extend_from_slice(&piece?);
                if body.len() > LONGEST {
                    break;
                }
            }
            Ok::<_, TransportError>((answer.status, Bytes::from(body)))
        });
        let unavailable = |what: String| {
            CredentialsError::Unavailable(format!("identity service {host}: {what}"))
        };
        let (status, body) = match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unavailable(error.to_string())),
            Err(_) => return Err(unavailable("no answer in time".to_owned())),
        };
        if status.is_success() {
            return Ok(body);
        }
        let mut said = words(&body);
        for secret in &self.secrets {
            let encoded = utf8_percent_encode(secret, KEPT).to_string();
            said = said
                .replace(secret.as_str(), "***")
                .replace(&encoded, "***");
        }
        let text = format!("{} {said}", status.as_u16());
        Err(
            if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
                CredentialsError::Refused(format!("identity service {host}: {}", text.trim_end()))
            } else {
                unavailable(text.trim_end().to_owned())
            },
        )
    }

    /// As [`send`](Self::send), for an answer of OAuth 2.0 (RFC 6749, section 5.1).
    pub(super) async fn token(
        self,
        transport: &Arc<dyn Transport>,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        let host = self.request.uri.authority().map(ToString::to_string);
        let body = self.send(transport).await?;
        let granted = serde_json::from_slice::<Granted>(&body).ok();
        let granted = granted.filter(|granted| !granted.access_token.is_empty());
        let granted = granted.ok_or_else(|| unreadable(host.as_deref()))?;
        let at = |value: &Value| match value {
            Value::String(text) => text.parse::<u64>().ok(),
            value => value.as_u64(),
        };
        let expires = granted.expires_on.as_ref().and_then(at).or_else(|| {
            let left = granted.expires_in.as_ref().and_then(at)?;
            Some(now.saturating_add(left))
        });
        Ok(Held {
            value: Bearer::new(&granted.access_token)?,
            // Who does not say gets what RFC 6749 leaves to chance: half an hour is rarely too long.
            expires: Some(expires.unwrap_or(now.saturating_add(1800))),
        })
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
}

pub(super) fn unreadable(host: Option<&str>) -> CredentialsError {
    CredentialsError::Unavailable(format!(
        "identity service {}: its answer holds no credentials",
        host.unwrap_or_default()
    ))
}

/// RFC 3986's unreserved characters stay.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// `a=b&c=d`, encoded.
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.extend(utf8_percent_encode(value, KEPT));
    }
    text
}

/// What an identity service says of its refusal: OAuth's two fields, IBM's, the AWS query API's.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            let text = |place: &Value| place.as_str().map(str::to_owned);
            let parts: Vec<String> = [
                text(&value["error"]),
                text(&value["error"]["status"]),
                text(&value["error_description"]),
                text(&value["error"]["message"]),
                text(&value["errorCode"]),
                text(&value["errorMessage"]),
                text(&value["Code"]),
                text(&value["Message"]),
                text(&value["message"]),
            ]
            .into_iter()
            .flatten()
            .collect();
            parts.join(": ")
        }
        Err(_) => [between(&text, "Code"), between(&text, "Message")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": "),
    };
    let line = said.lines().next().unwrap_or_default();
    line.chars().take(WORDS).collect()
}

/// The text of the first element of that name in an XML answer.
pub(super) fn between<'t>(text: &'t str, element: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    let (inner, _) = rest.split_once(&format!("</{element}>"))?;
    Some(inner.trim())
}
