//! `GET /api/sessions/{id}`: what a session over a WebSocket has cost so far. Its protocol has no place
//! where a gateway could say so, and its HTTP answer was over before it began.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use tidegate_types::{Code, Error, Usage};

use super::{Entry, Trust, context};
use crate::{
    call::{Reply, ReplyBody, ReplyHead},
    facts::Facts,
    gateway::Gateway,
    kept::Bill,
    pipeline::authenticate,
};

/// What stands in front of the id that the answer to the handshake gave.
const PREFIX: &str = "/api/sessions/";

impl Gateway {
    /// The answer to a question for a session's cost; `None` when the path asks for none.
    pub(super) fn billed(&self, entry: &Entry) -> Option<Result<Reply, Error>> {
        let id = entry.uri.path().strip_prefix(PREFIX)?;
        Some(self.bill(entry, id).map(|bill| Reply {
            head: ReplyHead {
                status: StatusCode::OK,
                headers: HeaderMap::from_iter([
                    (
                        header::CONTENT_TYPE,
                        HeaderValue::from_static("application/json"),
                    ),
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                ]),
                facts: Facts {
                    request_id: self.inner.request_id(),
                    ..Facts::default()
                },
            },
            body: ReplyBody::Complete(Bytes::from(bill.to_string())),
        }))
    }

    fn bill(&self, entry: &Entry, id: &str) -> Result<Value, Error> {
        if entry.method != Method::GET {
            let text = format!("{PREFIX} takes GET, not {}", entry.method);
            return Err(Error::new(Code::UnknownEndpoint, text));
        }
        let snapshot = self.inner.snapshot();
        let now = self.inner.clock.unix_seconds();
        let who = authenticate::identify(&snapshot, &context(entry)?, &entry.headers, now)?;
        let all = entry.caller.trust == Trust::Process || snapshot.identities.is_empty();
        let bill = self.inner.kept.bills.get(id).filter(|bill| match &who {
            Some(who) => bill.owner == who.owner,
            None => all || bill.owner.is_none(),
        });
        let nobody = || {
            let text = format!("no session of yours is known under {id:?}");
            Error::new(Code::UnknownEndpoint, text)
        };
        Ok(written(id, &*bill.ok_or_else(nobody)?))
    }
}

fn written(id: &str, bill: &Bill) -> Value {
    let sum = bill.sum();
    json!({
        "id": id,
        "target": &*bill.target,
        "open": sum.open,
        "cost": sum.cost.to_string(),
        "estimated": sum.usage.estimated,
        "usage": usage(&sum.usage),
    })
}

/// What was consumed at all.
fn usage(usage: &Usage) -> Value {
    let Ok(Value::Object(mut all)) = serde_json::to_value(usage) else {
        return Value::Null;
    };
    all.retain(|_, count| count.as_u64().is_some_and(|count| count > 0));
    Value::Object(all)
}
