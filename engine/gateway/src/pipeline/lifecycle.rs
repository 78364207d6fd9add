//! Replies that are kept: continued, looked at, deleted.
//!
//! A provider that speaks Responses keeps its own, and an id leads back to the target that gave it.
//! For the others the engine keeps the conversation and sends all of it.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use tidegate_policy::kept::{Conversation, KEPT_FOR};
use tidegate_providers::dialect::Stored;
use tidegate_types::{
    Code, Dialect, Endpoint, Error, Segments,
    chat::{Json, write::Array},
    json::{Outline, Splicer, quote},
};

use super::{Job, decode::keys};
use crate::{
    gateway::Inner,
    kept::{Origin, PREFIX},
    snapshot::Target,
};

/// What a reply needs to be kept once it is there.
#[derive(Debug)]
pub(crate) struct Turn {
    owner: String,
    stored: Stored,
    /// What the caller added to the conversation, as the text of a JSON array.
    input: Bytes,
}

/// To which targets a call is bound by what it refers to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// To none.
    #[default]
    Free,
    /// To those that keep replies themselves; the member of the body that asks for it.
    Native(&'static str),
    /// To the one that gave the id.
    To(Arc<str>),
}

/// Whose conversations a caller sees.
fn owner(job: &Job) -> String {
    job.owner().map_or("root", |owner| owner).to_owned()
}

/// Puts what a call continues in front of what it says, or binds it to the target that has it.
///
/// # Errors
/// `invalid_request` when it continues a reply that this caller has not, or that is forgotten.
pub(super) fn resume(job: &mut Job) -> Result<(), Error> {
    if job.dialect != Dialect::Responses
        || !matches!(job.endpoint, Endpoint::Chat | Endpoint::CountTokens)
    {
        return Ok(());
    }
    let Some(outline) = job.asks.outline.take() else {
        return Ok(());
    };
    let said = |key: &str| {
        let member = outline.last(key)?;
        let text = job.body.slice(member.value.clone()).into_owned();
        (&*text != b"null").then_some(text)
    };
    let previous =
        said("previous_response_id").and_then(|text| tidegate_types::json::unquote(&text));
    let stores = said("store").is_none_or(|text| text != b"false");
    let asks = |key: &'static str| said(key).filter(|text| text != b"false").map(|_| key);
    let native = asks("conversation").or_else(|| asks("background"));
    let input = said("input").map(items);
    let whole = native.map_or(Bound::Free, Bound::Native);
    let mut body = None;
    job.bound = match &previous {
        None => whole,
        Some(id) => {
            let now = job.gateway.clock.now();
            let kept = &job.gateway.kept;
            if let Some(history) = kept.history(&owner(job), id, now) {
                let mut splicer = Splicer::new(&outline);
                splicer.set("input", joined(&history, input.as_deref().unwrap_or(b"[]")));
                splicer.set("previous_response_id", &b"null"[..]);
                body = Some(splicer.apply(&job.body));
                whole
            } else {
                match kept.origins.get(id) {
                    Some(origin) if origin.open_to(job.owner()) => {
                        Bound::To(Arc::clone(&origin.target))
                    }
                    Some(_) => return Err(lost(id)),
                    None if id.starts_with(PREFIX) => return Err(lost(id)),
                    None => Bound::Native("previous_response_id"),
                }
            }
        }
    };
    if stores && job.endpoint == Endpoint::Chat && speaks_otherwise(job) {
        let request = job.facts.request_id.to_string();
        let id = [PREFIX, "_", request.trim_start_matches("req_")].concat();
        let previous = previous.filter(|_| body.is_some());
        job.turn = Some(Turn {
            owner: owner(job),
            stored: Stored { id, previous },
            input: Bytes::from(input.unwrap_or_else(|| b"[]".to_vec())),
        });
    }
    job.asks.outline = Some(match body {
        None => outline,
        Some(body) => {
            let outline = Outline::of(&body, keys(job.dialect)).map_err(|error| {
                let text = format!("a body made by the gateway is not JSON: {error}");
                Error::new(Code::Internal, text)
            })?;
            job.body = body;
            outline
        }
    });
    Ok(())
}

fn lost(id: &str) -> Error {
    let text = format!("no reply is kept under {id:?}");
    Error::new(Code::InvalidRequest, text).with_param("previous_response_id")
}

/// Whether a target of the call keeps no replies itself.
fn speaks_otherwise(job: &Job) -> bool {
    let route = job.route.as_ref();
    route.is_some_and(|route| route.targets.iter().any(|target| !keeps(target)))
}

fn keeps(target: &Target) -> bool {
    target
        .provider
        .wire(Dialect::Responses, &target.known_as)
        .dialect
        == Dialect::Responses
}

/// `input` as the text of an array: a plain text is a message of the user's.
fn items(input: Vec<u8>) -> Vec<u8> {
    if input.starts_with(b"[") {
        return input;
    }
    [&br#"[{"role":"user","content":"#[..], &input, b"}]"].concat()
}

/// The arrays in a row as one.
fn joined(arrays: &[Bytes], last: &[u8]) -> Vec<u8> {
    let mut whole = vec![b'['];
    for array in arrays.iter().map(|array| &array[..]).chain([last]) {
        let inner = array.trim_ascii();
        let inner = inner.strip_prefix(b"[").unwrap_or(inner);
        let inner = inner.strip_suffix(b"]").unwrap_or(inner).trim_ascii();
        if inner.is_empty() {
            continue;
        }
        if whole.len() > 1 {
            whole.push(b',');
        }
        whole.extend_from_slice(inner);
    }
    whole.push(b']');
    whole
}

/// Leaves of the planned targets those that the call can go to.
///
/// # Errors
/// `invalid_request` when the reply it continues is nowhere; `unsupported` when none of the route's
/// targets keeps replies.
pub(super) fn narrow(job: &mut Job) -> Result<(), Error> {
    let Some(route) = job.route.clone() else {
        return Ok(());
    };
    if matches!(job.bound, Bound::Free) {
        return Ok(());
    }
    let plan = &mut job.plan;
    let mut order = std::mem::take(&mut plan.order);
    let first = order
        .iter()
        .take(plan.fallbacks_at)
        .copied()
        .collect::<Vec<_>>();
    match &job.bound {
        Bound::Free => {}
        Bound::To(label) => order.retain(|at| {
            plan.target(&route, *at)
                .is_some_and(|target| target.label == *label)
        }),
        Bound::Native(_) => {
            order.retain(|at| {
                plan.target(&route, *at)
                    .is_some_and(|target| keeps(&target))
            });
        }
    }
    plan.fallbacks_at = order.iter().take_while(|at| first.contains(at)).count();
    plan.order = order;
    if !job.plan.order.is_empty() {
        return Ok(());
    }
    let (code, param, text) = match job.bound {
        Bound::Native(param @ ("conversation" | "background")) => (
            Code::Unsupported,
            param,
            format!(
                "`{param}` needs a provider that speaks Responses, and {:?} has none",
                route.name
            ),
        ),
        _ => (
            Code::InvalidRequest,
            "previous_response_id",
            format!(
                "{:?} does not lead to the reply that is continued",
                route.name
            ),
        ),
    };
    Err(Error::new(code, text).with_param(param))
}

impl Turn {
    /// What the reply is to say of itself.
    pub(crate) fn stored(&self) -> Stored {
        self.stored.clone()
    }

    /// Keeps a translated reply under its id.
    pub(crate) fn keep(self, gateway: &Inner, response: &[u8]) {
        let conversation = Conversation {
            previous: self.stored.previous,
            input: self.input,
            response: Bytes::copy_from_slice(response),
            until: gateway.clock.now().plus(KEPT_FOR),
        };
        let conversations = &gateway.kept.conversations;
        conversations.put(&self.owner, &self.stored.id, conversation);
    }

    /// As [`keep`](Self::keep), of a complete reply, which is told its id here.
    pub(crate) fn keep_complete(self, gateway: &Inner, response: Vec<u8>) -> Bytes {
        const KEYS: &[&str] = &["id", "store", "previous_response_id"];
        let body = Segments::from(response);
        let Ok(outline) = Outline::of(&body, KEYS) else {
            return body.to_bytes();
        };
        let mut splicer = Splicer::new(&outline);
        splicer.set("id", quote(&self.stored.id));
        splicer.set("store", &b"true"[..]);
        if let Some(previous) = &self.stored.previous {
            splicer.set("previous_response_id", quote(previous));
        }
        let body = splicer.apply(&body).to_bytes();
        self.keep(gateway, &body);
        body
    }
}

/// Remembers which target gave a reply that it keeps itself.
pub(super) fn remember(job: &Job, target: &Target, id: &str) {
    job.gateway.kept.origins.note(id, || Origin {
        owner: job.owner().cloned(),
        target: Arc::clone(&target.label),
        batch: None,
    });
}

/// Whether a reply of its own format has an id worth remembering.
pub(super) fn names_itself(job: &Job) -> bool {
    job.dialect == Dialect::Responses && job.endpoint == Endpoint::Chat
}

/// The id of a complete reply.
pub(super) fn id_of(body: &Bytes) -> Option<String> {
    let whole = Segments::from(body.clone());
    let outline = Outline::of(&whole, &["id"]).ok()?;
    let text = whole.slice(outline.last("id")?.value.clone());
    tidegate_types::json::unquote(&text)
}

/// Answers what is asked about a reply that the engine keeps: `GET`, `DELETE`, `input_items`,
/// `cancel`. `None` when it keeps none of that name, so that the vendor is asked.
///
/// # Errors
/// `unknown_endpoint` for a reply that is another caller's or forgotten.
pub(super) fn stored(job: &Job) -> Result<Option<Bytes>, Error> {
    let Endpoint::Passthrough { method, path, .. } = &job.endpoint else {
        return Ok(None);
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parts = path.trim_start_matches("/v1").trim_matches('/').split('/');
    let (Some("responses"), Some(id)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let rest = parts.next();
    let owner = owner(job);
    let now = job.gateway.clock.now();
    let kept = &job.gateway.kept;
    let Some(turn) = kept.conversations.get(&owner, id, now) else {
        return if id.starts_with(PREFIX) {
            let text = format!("no reply is kept under {id:?}");
            Err(Error::new(Code::UnknownEndpoint, text))
        } else {
            Ok(None)
        };
    };
    let body = match (method, rest) {
        (&Method::GET, None) => turn.response.clone(),
        (&Method::DELETE, None) => {
            kept.conversations.remove(&owner, id, now);
            let body = serde_json::json!({ "id": id, "object": "response", "deleted": true });
            Bytes::from(body.to_string())
        }
        (&Method::GET, Some("input_items")) => {
            let before = turn.previous.as_deref();
            let mut arrays = before
                .and_then(|previous| kept.history(&owner, previous, now))
                .unwrap_or_default();
            arrays.push(turn.input.clone());
            listed(&joined(&arrays, b"[]"), id, query)
        }
        (&Method::POST, Some("cancel")) => {
            let text = "only a reply made in the background can be cancelled";
            return Err(Error::new(Code::InvalidRequest, text));
        }
        _ => {
            let text = format!("nothing is served at {method} {path}");
            return Err(Error::new(Code::UnknownEndpoint, text));
        }
    };
    Ok(Some(body))
}

/// A page of items, newest first unless `order=asc`; items without an id get one by their place.
fn listed(items: &[u8], id: &str, query: &str) -> Bytes {
    let said = |key: &str| {
        let part = query.split('&').find_map(|part| part.strip_prefix(key));
        part.and_then(|part| part.strip_prefix('='))
    };
    let most = said("limit")
        .and_then(|most| most.parse().ok())
        .unwrap_or(20);
    let base = id.trim_start_matches("resp_");
    let Ok(whole) = Json::parse(items) else {
        return Bytes::from_static(br#"{"object":"list","data":[],"has_more":false}"#);
    };
    let mut named: Vec<(String, String)> = whole
        .items()
        .enumerate()
        .map(|(place, item)| {
            let own = item.get("id").and_then(Json::as_text);
            if let Some(own) = own {
                return (own.decode().into_owned(), item.as_str().to_owned());
            }
            let name = format!("msg_{base}_in{place}");
            let kind = match item.get("type") {
                Some(_) => "",
                None => r#""type":"message","#,
            };
            let rest = item.as_str().trim_start_matches('{');
            (name.clone(), format!(r#"{{"id":"{name}",{kind}{rest}"#))
        })
        .collect();
    if said("order") != Some("asc") {
        named.reverse();
    }
    let start = said("after").and_then(|after| named.iter().position(|(name, _)| name == after));
    let rest = named
        .get(start.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let page = rest
        .get(..rest.len().min(usize::clamp(most, 1, 100)))
        .unwrap_or_default();
    let mut data = Vec::new();
    let mut list = Array::open(&mut data);
    for (_, item) in page {
        list.item().extend_from_slice(item.as_bytes());
    }
    list.close();
    let name = |item: Option<&(String, String)>| {
        let name = item.map(|(name, _)| quote(name));
        String::from_utf8(name.unwrap_or_else(|| b"null".to_vec())).unwrap_or_default()
    };
    Bytes::from(format!(
        r#"{{"object":"list","data":{},"first_id":{},"last_id":{},"has_more":{}}}"#,
        String::from_utf8_lossy(&data),
        name(page.first()),
        name(page.last()),
        page.len() < rest.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_joined_to_one_list() {
        let history = [Bytes::from_static(b"[1, 2]"), Bytes::from_static(b" [] ")];
        assert_eq!(joined(&history, b"[3]"), b"[1, 2,3]");
        assert_eq!(
            items(br#""hi""#.to_vec()),
            br#"[{"role":"user","content":"hi"}]"#
        );
    }

    #[test]
    fn a_list_of_items_has_pages_and_ids() {
        let items = br#"[{"role":"user","content":"a"},{"id":"msg_x","type":"message"}]"#;
        let text = |query| {
            let page = listed(items, "resp_tg_1", query);
            serde_json::from_slice::<serde_json::Value>(&page).unwrap()
        };
        let newest = text("");
        assert_eq!(newest["data"][0]["id"], "msg_x");
        assert_eq!(newest["data"][1]["id"], "msg_tg_1_in0");
        let first = text("order=asc&limit=1");
        assert_eq!(first["data"][0]["type"], "message");
        assert_eq!(first["has_more"], true);
        let next = text("order=asc&after=msg_tg_1_in0");
        assert_eq!(next["first_id"], "msg_x");
        assert_eq!(next["has_more"], false);
    }
}
