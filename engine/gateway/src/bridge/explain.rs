//! Asking what would become of a request, in this process or of a gateway elsewhere.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{json, value::RawValue};
use tidegate_types::{Code, Error};

use super::{Engine, Mode, Outcome, Request};
use crate::wire::EXPLAIN;

impl Engine {
    /// What would become of a request: an [`Explanation`](crate::Explanation) as JSON. Nothing is
    /// called and nothing changes.
    ///
    /// # Errors
    /// As [`Gateway::explain`](crate::Gateway::explain), and those of a request that no path takes.
    pub fn explain(&self, request: Request) -> Result<Bytes, Error> {
        match self.call(request.told()) {
            Outcome::Reply(_, body) => Ok(body),
            Outcome::Error(error) => Err(error),
            Outcome::Stream(..) => Err(Error::new(Code::Internal, "an explanation is no stream")),
        }
    }
}

impl Request {
    /// The request that tells this one instead of sending it.
    fn told(self) -> Self {
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let told = headers.entry(name.as_str()).or_default();
            if !told.is_empty() {
                told.push_str(", ");
            }
            told.push_str(&value);
        }
        let mut told = json!({
            "method": self.method.as_str(),
            "path": self.target,
            "headers": headers,
        })
        .to_string();
        // Spliced in, so that every byte of it is what would be sent.
        told.pop();
        told.push_str(",\"body\":");
        match serde_json::from_slice::<&RawValue>(&self.body) {
            Ok(body) => told.push_str(body.get()),
            Err(_) => told.push_str(&json!(String::from_utf8_lossy(&self.body)).to_string()),
        }
        told.push('}');
        Self {
            mode: Mode::Native,
            method: Method::POST,
            target: EXPLAIN.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from(told),
            key: self.key,
            trusted: self.trusted,
        }
    }
}
