//! Stage 2: who calls, and whether they may use what they ask for.
//!
//! Callers in this process pass through the same code; without a key they are root.

pub(crate) mod levels;

use std::sync::Arc;

use http::{HeaderMap, header};
use tidegate_policy::identity::{Found, Identity};
use tidegate_types::{Code, Dialect, Endpoint, Error};

use super::{
    Job, admit, batches, brownout,
    dispatch::homeward,
    lifecycle,
    rules::{self, Heard},
};
use crate::{
    call::CallContext,
    facts::header as names,
    snapshot::{Route, Snapshot},
};

/// What every Tidegate key handed out by the gateway itself begins with.
const PREFIX: &str = "tg-";

pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    who(job)?;
    if matches!(job.endpoint, Endpoint::Passthrough { .. }) {
        if let Some(answer) = lifecycle::stored(job)? {
            job.known = Some(answer);
            return Ok(());
        }
        batches::locate(job)?;
    }
    lead(job, &mut |_, _| {})
}

/// Finds out who calls, for whom, and whether they may ask for that at all.
pub(super) fn who(job: &mut Job) -> Result<(), Error> {
    let now = job.gateway.clock.unix_seconds();
    job.identity = match identify(&job.snapshot, &job.context, &job.headers, now) {
        Err(error) if error.code() == Code::MissingKey => Some(uploader(job, now).ok_or(error)?),
        found => found?,
    };
    if levels::concern(job) {
        levels::run(job)?;
    }
    Ok(())
}

/// Finds out where the call leads. `heard` is told of each rule that was considered.
pub(super) fn lead(job: &mut Job, heard: &mut impl Heard) -> Result<(), Error> {
    let rule = rules::run(job, heard)?;
    let priority = rule.as_ref().and_then(|rule| rule.priority);
    let led = rule.and_then(|rule| rule.target.clone());
    let asked = match &job.endpoint {
        Endpoint::Models(_) => return Ok(()),
        Endpoint::Passthrough { provider, .. } => job.snapshot.passthrough(provider),
        Endpoint::Session { .. } if job.asks.model.is_empty() => {
            let vendor = job.implied_provider.as_deref().unwrap_or("openai");
            job.snapshot.passthrough(vendor)
        }
        _ => resolve(job),
    };
    if let Some(identity) = &job.identity {
        // A rule may lead a caller where it may not go by itself.
        let name = asked
            .as_ref()
            .map_or(&*job.asks.model, |route| &*route.name);
        let known = asked.is_ok() || led.is_some();
        if known {
            levels::may_use(Some(identity), name)?;
        }
    }
    job.route = Some(match led {
        Some(target) if !matches!(job.endpoint, Endpoint::Passthrough { .. }) => {
            job.snapshot.resolve(&target, None)?
        }
        _ => asked?,
    });
    job.priority = admit::priority(job, priority);
    if let Some(target) = brownout::run(job)? {
        job.route = Some(job.snapshot.resolve(&target, None)?);
    }
    Ok(())
}

/// Who began the upload that a call without a key goes on with: Google's packages send the bytes of a
/// file with nothing but the address that they were given for them, which nobody else knows.
fn uploader(job: &Job, now: i64) -> Option<Arc<Identity>> {
    let Endpoint::Passthrough { path, .. } = &job.endpoint else {
        return None;
    };
    let origin = job.gateway.kept.origins.get(&homeward::upload_of(path)?)?;
    let owner = origin.owner.as_deref()?;
    let mut known = job.snapshot.identities.keys();
    let owns = |identity: &&Arc<Identity>| identity.owner.as_deref() == Some(owner);
    let identity = known.find(|identity| owns(identity) && identity.active(now))?;
    Some(Arc::clone(identity))
}

/// The route of the model asked for. Where only tokens are counted, an unknown name is taken for one
/// of the vendor whose format the request is in.
fn resolve(job: &Job) -> Result<Arc<Route>, Error> {
    let model = &job.asks.model;
    let found = job.snapshot.resolve(model, job.implied_provider.as_deref());
    match (found, job.dialect) {
        (Err(error), Dialect::Anthropic | Dialect::Gemini | Dialect::Cohere)
            if job.endpoint == Endpoint::CountTokens && error.code() == Code::UnknownModel =>
        {
            let vendor = job.dialect.as_str();
            job.snapshot.resolve(model, Some(vendor)).map_err(|_| error)
        }
        (found, _) => found,
    }
}

/// Who calls at this moment, in seconds since 1970; `None` is root.
pub(crate) fn identify(
    snapshot: &Snapshot,
    context: &CallContext,
    headers: &HeaderMap,
    now: i64,
) -> Result<Option<Arc<Identity>>, Error> {
    let explicit = context
        .key
        .as_ref()
        .map(|key| key.expose().as_str())
        .or_else(|| text(headers, &names::KEY));
    // SDKs always send some credential; only those meant for the gateway can be wrong.
    let open = context.trusted || !snapshot.key_required;
    let known = &snapshot.identities;
    let mut presented = explicit.or_else(|| credential(headers));
    let mut found = presented.map_or(Found::Unknown, |secret| known.find(secret, now));
    let mut meant = explicit.is_some();
    if matches!(found, Found::Unknown)
        && !meant
        && !known.is_empty()
        && let Some(secret) = rivals(headers)
    {
        (presented, meant) = (Some(secret), true);
        found = known.find(secret, now);
    }
    let Some(secret) = presented else {
        return if open {
            Ok(None)
        } else {
            Err(Error::new(
                Code::MissingKey,
                "this gateway needs a key and the call carries none",
            ))
        };
    };
    match found {
        Found::Known(identity) => match identity.inactive(now) {
            None => Ok(Some(Arc::clone(identity))),
            Some(node) => Err(levels::inactive(node)),
        },
        Found::Replaced(identity) => Err(Error::new(
            Code::InactiveKey,
            format!(
                "key {:?} has a new secret; this one is accepted no longer",
                identity.id
            ),
        )),
        Found::Unknown if open && !meant && !secret.starts_with(PREFIX) => Ok(None),
        Found::Unknown => Err(Error::new(
            Code::UnknownKey,
            "the key is not known to this gateway",
        )),
    }
}

/// The key of a caller who writes for another gateway: Bifrost's header, or LiteLLM's, which may begin
/// with `Bearer`.
fn rivals(headers: &HeaderMap) -> Option<&str> {
    let told = headers
        .get("x-bf-vk")
        .or_else(|| headers.get("x-litellm-api-key"));
    let told = told?.to_str().ok()?.trim();
    let token = told
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let secret = token.map_or(told, |_| told[7..].trim());
    (!secret.is_empty()).then_some(secret)
}

/// The credential an SDK sends: OpenAI's, Anthropic's, Google's or Azure's header.
pub(crate) fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = text(headers, &header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    bearer
        .or_else(|| {
            ["x-api-key", "x-goog-api-key", "api-key"]
                .iter()
                .find_map(|name| headers.get(*name).and_then(|value| value.to_str().ok()))
        })
        .filter(|secret| !secret.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
