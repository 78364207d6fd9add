//! Things that vendors keep: whose they are, where they are, and what a batch will cost.

use std::sync::Arc;

use http::{Method, StatusCode};
use tidegate_policy::ledger::{Amounts, Reservation};
use tidegate_types::{Code, Endpoint, Error, Money, Usage, chat::Json, config::unix_seconds};

use super::{Job, authenticate::levels};
use crate::{
    kept::{Batch, Place},
    snapshot::Target,
    stream::watch::{Reading, Watch},
    treasury::Short,
};

/// Things of these kinds are remembered with who had them made.
const REMEMBERED: &[&str] = &[
    "assistants",
    "batches",
    "cachedContents",
    "containers",
    "conversations",
    "files",
    "fine_tuning",
    "responses",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
];

/// Where Gemini keeps the beginnings of prompts. What is written there is paid once, as any prompt
/// ("Context caching", billing), and the time for which it is to be kept.
const CACHES: &str = "/cachedContents";

/// For how many seconds it is kept where nobody says so ("Context caching", `ttl`).
const KEPT: i64 = 3_600;

/// Sends a batch to the provider that has its file.
///
/// # Errors
/// `unknown_endpoint` for what is another caller's.
pub(super) fn locate(job: &mut Job) -> Result<(), Error> {
    let Endpoint::Passthrough { path, method, .. } = &job.endpoint else {
        return Ok(());
    };
    let place = Place::of(path);
    if !REMEMBERED.contains(&place.kind) {
        return Ok(());
    }
    let origins = &job.gateway.kept.origins;
    let known = if place.id.is_empty() {
        if place.kind != "batches" || *method != Method::POST {
            return Ok(());
        }
        let body = job.body.to_bytes();
        let file = Json::parse(&body).ok().and_then(|body| {
            let file = body.get("input_file_id")?.as_text()?.decode().into_owned();
            Some(file)
        });
        file.and_then(|file| Some((origins.get(&file)?, file)))
    } else {
        origins
            .get(place.id)
            .map(|origin| (origin, place.id.to_owned()))
    };
    let Some((origin, id)) = known else {
        return Ok(());
    };
    if !origin.open_to(job.owner()) {
        let text = format!("nothing is kept under {id:?}");
        return Err(Error::new(Code::UnknownEndpoint, text));
    }
    if let Endpoint::Passthrough { provider, .. } = &mut job.endpoint
        && job.snapshot.providers.contains_key(origin.provider())
    {
        origin.provider().clone_into(provider);
    }
    Ok(())
}

/// Holds back what a batch can cost at most, when its requests stand in the body. One of a file is
/// let through as long as the budget is not used up: nobody here has seen the file's requests.
///
/// # Errors
/// `budget_exhausted`; `model_not_allowed` for a model in it that the key may not use.
pub(super) async fn hold(job: &Job, target: &Target) -> Result<Option<Reservation>, Short> {
    let Endpoint::Passthrough { path, method, .. } = &job.endpoint else {
        return Ok(None);
    };
    let Some(identity) = &job.identity else {
        return Ok(None);
    };
    let caches = Place::of(path) == Place::of(CACHES);
    if *method != Method::POST || !caches && Place::of(path) != Place::of("/batches") {
        return Ok(None);
    }
    let body = job.body.to_bytes();
    let Ok(body) = Json::parse(&body) else {
        return Ok(None);
    };
    let in_path = path
        .split("/models/")
        .nth(1)
        .and_then(|rest| rest.split(':').next());
    let outer = body.get("model").and_then(Json::as_text);
    let outer = outer.map(|text| text.decode().into_owned());
    let outer = outer.or_else(|| in_path.map(str::to_owned));
    let mut bound = Money::ZERO;
    let batched = requests(body).into_iter().flat_map(Json::items);
    for request in batched.chain(caches.then_some(body)) {
        let inner = ["params", "request", "body"]
            .iter()
            .find_map(|key| request.get(key))
            .unwrap_or(request);
        let named = inner.get("model").and_then(Json::as_text);
        let named = named.map(|text| text.decode().into_owned());
        let Some(model) = named.or_else(|| outer.clone()) else {
            continue;
        };
        let model = model.rsplit("models/").next().unwrap_or(&model);
        let label = [&target.provider.name, "/", model].concat();
        let asked = levels::may_use(Some(identity), &label);
        let route = asked.and_then(|()| job.snapshot.resolve(&label, None));
        let route = route.map_err(|error| Short { here: false, error })?;
        let Some(known) = route.targets.first() else {
            continue;
        };
        let settings = inner.get("generationConfig");
        let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
            .iter()
            .find_map(|key| inner.get(key))
            .or_else(|| settings?.get("maxOutputTokens"))
            .and_then(Json::as_u64)
            .unwrap_or(known.assumed_output);
        let input = inner.as_str().len() as u64;
        if let Some(sheet) = &known.tariff.sheet {
            let most = Usage {
                input,
                output: if caches { 0 } else { most },
                cache_kept: if caches { kept(body, input, job) } else { 0 },
                ..Usage::default()
            };
            bound = bound.saturating_add(sheet.bound(&most, false));
        }
    }
    let bound = Money::from_nanos(bound.nanos() / if caches { 1 } else { 2 });
    let (treasury, bound) = (&job.gateway.treasury, Amounts::money(bound));
    let held = treasury.reserve(&identity.chain, target, bound).await;
    held.map(Some)
}

/// Tokens times the seconds for which a new cache is to be kept.
fn kept(body: Json<'_>, tokens: u64, job: &Job) -> u64 {
    let said = |one: &str, other: &str| {
        let text = body.get(one).or_else(|| body.get(other))?.as_text()?;
        Some(text.decode().into_owned())
    };
    let ttl = said("ttl", "ttl").and_then(|ttl| ttl.trim_end_matches('s').parse::<f64>().ok());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the conversion holds at the ends"
    )]
    let ttl = ttl.map(|ttl| ttl.ceil() as i64);
    let until = || unix_seconds(&said("expireTime", "expire_time")?);
    let left = || Some(until()? - job.gateway.clock.unix_seconds());
    let seconds = ttl.or_else(left).unwrap_or(KEPT).max(0);
    tokens.saturating_mul(seconds.unsigned_abs())
}

/// The requests of a batch that stand in its body: Anthropic's and Mistral's, Google's.
fn requests(body: Json<'_>) -> Option<Json<'_>> {
    let batch = body.get("batch").unwrap_or(body);
    let input = batch
        .get("inputConfig")
        .or_else(|| batch.get("input_config"));
    let requests = input.unwrap_or(body).get("requests")?;
    Some(requests.get("requests").unwrap_or(requests))
}

/// Who reads along the answer, when it tells of a thing that the vendor keeps.
pub(super) fn watch(job: &mut Job, status: StatusCode) -> Option<Watch> {
    let Endpoint::Passthrough { path, method, .. } = &job.endpoint else {
        return None;
    };
    let place = Place::of(path);
    if !status.is_success() || !REMEMBERED.contains(&place.kind) {
        return None;
    }
    let target = Arc::clone(&job.target.as_ref()?.label);
    let known = job.gateway.kept.origins.get(place.id);
    let mut batch = known.and_then(|origin| origin.batch.clone());
    let mut results = false;
    let caches = place.kind == Place::of(CACHES).kind;
    match (method, place.id.is_empty()) {
        (&Method::POST, true) if place.kind == "batches" || caches => {
            let payer = job.identity.as_ref();
            let payer = payer.map(|payer| (Arc::clone(payer), Arc::clone(&target)));
            batch = Some(Arc::new(Batch::new(payer, job.held.take())));
        }
        (&Method::POST, true) => {}
        // Whoever keeps it longer pays for that.
        (&Method::PATCH, false) if caches && batch.is_some() => {}
        (&Method::GET, false) if batch.is_some() => {
            results = matches!(place.rest, "content" | "results" | "download");
        }
        _ => return None,
    }
    Some(Watch {
        gateway: Arc::clone(&job.gateway),
        snapshot: Arc::clone(&job.snapshot),
        dialect: job.dialect,
        owner: job.owner().cloned(),
        target,
        batch,
        results,
        caches,
        reading: Reading::default(),
    })
}
