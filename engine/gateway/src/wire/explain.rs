//! `POST /api/explain`: what would become of a request that is told in the body.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_types::{Code, Error, Segments};

use super::{Caller, Entry, Trust, context};
use crate::{
    call::{Call, CallContext, Reply, ReplyBody, ReplyHead},
    explain::Explanation,
    facts::{Facts, header as names},
    gateway::Gateway,
    pipeline::{self, authenticate},
};

/// Where explanations are asked for.
pub(crate) const PATH: &str = "/api/explain";

/// Headers that say who calls.
const CREDENTIALS: [HeaderName; 7] = [
    names::KEY,
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-bf-vk"),
    HeaderName::from_static("x-litellm-api-key"),
];

/// Headers that say for whom.
const SCOPE: [HeaderName; 4] = [names::CUSTOMER, names::TEAM, names::USER, names::TAGS];

/// A request, told instead of sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    method: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl Gateway {
    /// What would become of a call, and why. Calls nobody and changes nothing.
    ///
    /// # Errors
    /// Those of a request that cannot be read and of a key that is missing or wrong
    /// (`invalid_json`, `invalid_request`, `missing_key`, `unknown_key`, `inactive_key`), and
    /// `closed`. Every other refusal is part of the explanation.
    pub fn explain(&self, context: CallContext, call: Call) -> Result<Explanation, Error> {
        let whole = context.trusted && context.key.is_none();
        pipeline::explain::explain(&self.inner, context, call, whole)
    }

    /// The answer to a request for an explanation.
    pub(super) fn explained(&self, entry: &Entry) -> Result<Reply, Error> {
        if entry.method != Method::POST {
            let text = format!("{PATH} takes POST, not {}", entry.method);
            return Err(Error::new(Code::UnknownEndpoint, text));
        }
        let explanation = self.explain_told(entry)?;
        let body = serde_json::to_vec(&explanation).map_err(|error| {
            let text = format!("an explanation cannot be written: {error}");
            Error::new(Code::Internal, text)
        })?;
        let json = HeaderValue::from_static("application/json");
        Ok(Reply {
            head: ReplyHead {
                status: StatusCode::OK,
                headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
                facts: Facts {
                    request_id: self.inner.request_id(),
                    ..Facts::default()
                },
            },
            body: ReplyBody::Complete(Bytes::from(body)),
        })
    }

    /// Whoever asks is who calls, unless the request that is told brings a key of its own.
    fn explain_told(&self, asking: &Entry) -> Result<Explanation, Error> {
        let snapshot = self.inner.snapshot();
        let now = self.inner.clock.unix_seconds();
        let who = authenticate::identify(&snapshot, &context(asking)?, &asking.headers, now)?;
        let trusted = asking.caller.trust == Trust::Process;
        let whole = who.is_none() && (trusted || snapshot.identities.is_empty());
        if asking.rest.is_some() {
            let text = "the request that is told is too large";
            return Err(Error::new(Code::BodyTooLarge, text));
        }
        let told = asking.body.to_bytes();
        let mut entry = read(&told, asking.caller.trust)?;
        if !CREDENTIALS
            .iter()
            .any(|name| entry.headers.contains_key(name))
        {
            entry.caller.key.clone_from(&asking.caller.key);
            for name in CREDENTIALS {
                if let Some(value) = asking.headers.get(&name) {
                    entry.headers.insert(name, value.clone());
                }
            }
        }
        for name in SCOPE {
            if let Some(value) = asking.headers.get(&name)
                && !entry.headers.contains_key(&name)
            {
                entry.headers.insert(name, value.clone());
            }
        }
        entry.caller.scope.clone_from(&asking.caller.scope);
        drop(snapshot);
        let (context, call) = self.call(entry).1?;
        pipeline::explain::explain(&self.inner, context, call, whole)
    }
}

fn read(told: &[u8], trust: Trust) -> Result<Entry, Error> {
    let invalid = |text: String| Error::new(Code::InvalidRequest, text);
    let told: Told<'_> = serde_json::from_slice(told).map_err(|error| {
        if error.is_data() {
            return invalid(format!(
                "a request is told as an object of `method`, `path`, `headers` and `body`: {error}"
            ));
        }
        let text = format!("the request body is not valid JSON: {error}");
        Error::new(Code::InvalidJson, text)
    })?;
    let method = told.method.as_deref().unwrap_or("POST");
    let path = told.path.as_deref().unwrap_or("/v1/chat/completions");
    let mut headers = HeaderMap::new();
    for (name, value) in &told.headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        else {
            let text = format!("header {name:?} cannot be sent");
            return Err(invalid(text).with_param("headers"));
        };
        headers.insert(name, value);
    }
    // A text stands for bytes that are no JSON; everything else for itself, byte for byte.
    let body = told.body.map(RawValue::get).unwrap_or_default();
    let body = match serde_json::from_str::<String>(body) {
        Ok(text) => text.into_bytes(),
        Err(_) => body.as_bytes().to_vec(),
    };
    Ok(Entry {
        method: method
            .parse::<Method>()
            .map_err(|_| invalid(format!("{method:?} is no HTTP method")).with_param("method"))?,
        uri: path.parse().map_err(|_| {
            invalid(format!("{path:?} is neither a path nor a URL")).with_param("path")
        })?,
        headers,
        body: Segments::from(body),
        rest: None,
        caller: Caller::from(trust),
        native: false,
    })
}
