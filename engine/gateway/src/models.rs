//! The list of models a caller may use, and what is known of them.

use serde_json::{Map, Value, json};
use tidegate_providers::catalogue::{self, Capabilities, Capability, Kind, Modalities, Modality};
use tidegate_types::{Code, Dialect, Endpoint, Error, Listing, config::Dimension, rates::Rates};

use crate::{
    pipeline::Job,
    snapshot::{ProviderState, Snapshot},
};

/// What can be said of a name that leads to one or more targets.
struct Entry {
    name: String,
    owner: String,
    /// `provider/model`, as far as they are known.
    targets: Vec<Known>,
}

/// What is known of one target.
struct Known {
    label: String,
    vendor: String,
    model: Option<catalogue::Model>,
    rates: Option<Rates>,
}

/// What holds whichever target answers.
struct Common {
    kind: Option<Kind>,
    context: Option<u32>,
    max_output: Option<u32>,
    takes: Vec<Modality>,
    gives: Vec<Modality>,
    can: Vec<Capability>,
    /// The dearest price of each dimension, and the cheapest.
    price: Option<(Rates, Rates)>,
}

/// Configured names first, then `provider/model` for every catalogue model of a configured
/// provider, in the caller's dialect ("List models" of OpenAI, Anthropic, Gemini and Cohere; LiteLLM's
/// `/model/info` and `/model_group/info`). With a name, that model alone.
///
/// # Errors
/// `unknown_model` for a name that is not in the list.
pub(crate) fn list(job: &Job) -> Result<Vec<u8>, Error> {
    let listing = match job.endpoint {
        Endpoint::Models(listing) => listing,
        _ => Listing::Names,
    };
    let only = job.named.as_ref().map(|named| named.model.as_str());
    let mut names: Vec<(String, String)> = names(&job.snapshot);
    names.dedup();
    let entries: Vec<Entry> = names
        .into_iter()
        .filter(|(name, _)| only.is_none_or(|only| only == name))
        .filter(|(name, _)| {
            let identity = job.identity.as_ref();
            identity.is_none_or(|identity| {
                let direct = !job.snapshot.routes.contains_key(name.as_str());
                let label = name.split_once('/').filter(|_| direct && identity.selects);
                let reached =
                    |(provider, model)| identity.refuses_target(provider, model).is_none();
                identity.may_use(name) && label.is_none_or(reached)
            })
        })
        .map(|(name, owner)| entry(&job.snapshot, name, owner))
        .collect();
    if let Some(only) = only {
        let Some(entry) = entries.first() else {
            let text = format!("{only:?} is no model of this gateway");
            return Err(Error::new(Code::UnknownModel, text).with_param("model"));
        };
        return Ok(shown(job.dialect, entry).to_string().into_bytes());
    }
    let body = match listing {
        Listing::Deployments => {
            json!({ "data": entries.iter().flat_map(deployments).collect::<Vec<_>>() })
        }
        Listing::Groups => json!({ "data": entries.iter().map(group).collect::<Vec<_>>() }),
        Listing::Names => {
            let models: Vec<Value> = entries
                .iter()
                .map(|entry| shown(job.dialect, entry))
                .collect();
            match job.dialect {
                Dialect::Anthropic => json!({
                    "data": models,
                    "first_id": entries.first().map(|entry| &entry.name),
                    "last_id": entries.last().map(|entry| &entry.name),
                    "has_more": false,
                }),
                Dialect::Gemini | Dialect::Cohere => json!({ "models": models }),
                _ => json!({ "object": "list", "data": models }),
            }
        }
    };
    Ok(body.to_string().into_bytes())
}

/// Whether this name is in the list, whoever asks.
pub(crate) fn has(snapshot: &Snapshot, name: &str) -> bool {
    if snapshot.routes.contains_key(name) {
        return true;
    }
    let Some((provider, model)) = name.split_once('/') else {
        return false;
    };
    snapshot.providers.get(provider).is_some_and(|provider| {
        provider.missing.is_none() && catalogue::names(&provider.vendor).any(|known| known == model)
    })
}

fn names(snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut routes: Vec<_> = snapshot
        .routes
        .keys()
        .map(|name| (name.clone(), "tidegate".to_owned()))
        .collect();
    routes.sort();
    let mut direct: Vec<_> = snapshot
        .providers
        .values()
        .filter(|provider| provider.missing.is_none())
        .flat_map(|provider| {
            catalogue::names(&provider.vendor).map(|model| {
                (
                    format!("{}/{}", provider.name, model),
                    provider.name.to_string(),
                )
            })
        })
        .collect();
    direct.sort();
    routes.extend(direct);
    routes
}

fn entry(snapshot: &Snapshot, name: String, owner: String) -> Entry {
    let targets = match snapshot.routes.get(&name) {
        Some(route) => route
            .targets
            .iter()
            .map(|target| known(&target.provider, &target.known_as))
            .collect(),
        None => name
            .split_once('/')
            .and_then(|(provider, model)| Some(known(snapshot.providers.get(provider)?, model)))
            .into_iter()
            .collect(),
    };
    Entry {
        name,
        owner,
        targets,
    }
}

fn known(provider: &ProviderState, model: &str) -> Known {
    let prices = &provider.prices;
    let own = prices.get(model).or_else(|| prices.get("*"));
    let found = catalogue::model(&provider.vendor, model);
    let listed = found.as_ref().filter(|model| model.is_priced());
    let rates = own
        .and_then(|price| Some(price.terms().first()?.rates))
        .or_else(|| listed.map(catalogue::Model::rates));
    Known {
        label: [&provider.name, "/", model].concat(),
        vendor: provider.vendor.clone(),
        model: found,
        rates,
    }
}

impl Entry {
    /// What all targets have in common. What one of them leaves open is left out.
    fn common(&self) -> Common {
        let models: Option<Vec<_>> = self
            .targets
            .iter()
            .map(|target| target.model.as_ref())
            .collect();
        let models = models.unwrap_or_default();
        let least = |number: fn(&catalogue::Model) -> u32| {
            let least = models.iter().map(|model| number(model)).min();
            least.filter(|least| *least > 0)
        };
        let kind = models.first().map(|model| model.kind);
        let shared = |set: fn(&catalogue::Model) -> Modalities| {
            let all = Modality::ALL.iter().copied();
            all.filter(|one| !models.is_empty() && models.iter().all(|model| set(model).has(*one)))
                .collect()
        };
        let can = |set: fn(&catalogue::Model) -> Capabilities| {
            let all = Capability::ALL.iter().copied();
            all.filter(|one| !models.is_empty() && models.iter().all(|model| set(model).has(*one)))
                .collect()
        };
        let rates: Option<Vec<Rates>> = self.targets.iter().map(|target| target.rates).collect();
        let rates = rates.filter(|rates| !rates.is_empty());
        Common {
            kind: kind.filter(|kind| models.iter().all(|model| model.kind == *kind)),
            context: least(|model| model.context),
            max_output: least(|model| model.max_output),
            takes: shared(|model| model.takes),
            gives: shared(|model| model.gives),
            can: can(|model| model.can),
            price: rates.map(|rates| spread(&rates)),
        }
    }
}

/// The dearest and the cheapest of each dimension. What one of several does not charge for counts as
/// free there.
fn spread(all: &[Rates]) -> (Rates, Rates) {
    let (mut most, mut least) = (Rates::default(), Rates::default());
    for dimension in Dimension::ALL {
        let said = all.iter().filter_map(|rates| rates.get(*dimension));
        let (Some(high), Some(low)) = (said.clone().max(), said.clone().min()) else {
            continue;
        };
        most.set(*dimension, high);
        // Where it is said of some only, defaults stand in for the others, which vary.
        if said.count() == all.len() {
            least.set(*dimension, low);
        }
    }
    (most, least)
}

/// Prices as configuration writes them, as numbers.
fn prices(rates: &Rates) -> Value {
    let mut shown = Map::new();
    for dimension in Dimension::ALL {
        if let Some(rate) = rates.get(*dimension) {
            let per = 1_000_000 / dimension.per();
            shown.insert(dimension.as_str().to_owned(), dollars(rate, per));
        }
    }
    Value::Object(shown)
}

/// Dollars per unit at so many nano-dollars per million units, times a million and through `per`.
fn dollars(rate: i64, per: i64) -> Value {
    json!(rate as f64 / 1e9 / per as f64)
}

/// Dollars per token.
fn per_token(rates: &Rates, dimension: Dimension) -> Value {
    rates
        .get(dimension)
        .map_or(Value::Null, |rate| json!(rate as f64 / 1e15))
}

/// A model as the dialect shows one; what the dialect has no word for stands in `tidegate`, where the
/// vendor's own packages do not mind.
fn shown(dialect: Dialect, entry: &Entry) -> Value {
    let common = entry.common();
    let name = &entry.name;
    let mut model = match dialect {
        Dialect::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z",
            "max_input_tokens": common.context, "max_tokens": common.max_output,
            "tidegate": facts(entry, &common),
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{name}"), "displayName": name,
            "supportedGenerationMethods": methods(common.kind),
            "inputTokenLimit": common.context, "outputTokenLimit": common.max_output,
            "thinking": common.can.contains(&Capability::Reasoning).then_some(true),
        }),
        Dialect::Cohere => json!({
            "name": name, "endpoints": [endpoint(common.kind)], "context_length": common.context,
            "features": common.can.contains(&Capability::Tools).then_some(["tools"]),
            "tidegate": facts(entry, &common),
        }),
        _ => json!({
            "id": name, "object": "model", "created": 0, "owned_by": entry.owner,
            "context_window": common.context, "max_output_tokens": common.max_output,
            "tidegate": facts(entry, &common),
        }),
    };
    without_nulls(&mut model);
    model
}

fn facts(entry: &Entry, common: &Common) -> Value {
    let words = |all: &[Modality]| -> Option<Vec<&str>> {
        (!all.is_empty()).then(|| all.iter().map(|one| one.as_str()).collect())
    };
    let can: Vec<&str> = common.can.iter().map(|one| one.as_str()).collect();
    let differs = common.price.filter(|(most, least)| most != least);
    let targets = entry.targets.iter().map(|target| &target.label);
    let mut facts = json!({
        "kind": common.kind.map(Kind::as_str),
        "context": common.context,
        "max_output": common.max_output,
        "takes": words(&common.takes),
        "gives": words(&common.gives),
        "can": (!can.is_empty()).then_some(can),
        "price": common.price.map(|(most, _)| prices(&most)),
        "price_from": differs.map(|(_, least)| prices(&least)),
        "targets": targets.collect::<Vec<_>>(),
    });
    without_nulls(&mut facts);
    facts
}

fn without_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
    }
}

/// Gemini's words for what a model is for ("Models", `supportedGenerationMethods`).
fn methods(kind: Option<Kind>) -> Vec<&'static str> {
    match kind {
        Some(Kind::Embedding) => vec!["embedContent", "batchEmbedContents"],
        Some(Kind::Image | Kind::Video) => vec!["predict"],
        Some(Kind::Realtime) => vec!["bidiGenerateContent"],
        _ => vec!["generateContent", "countTokens"],
    }
}

/// Cohere's words for it ("List models", `endpoints`).
fn endpoint(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Embedding) => "embed",
        Some(Kind::Rerank) => "rerank",
        _ => "chat",
    }
}

/// LiteLLM's word for it ("Model management", `mode`).
fn mode(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "image_generation",
        Kind::Video => "video_generation",
        Kind::Transcription => "audio_transcription",
        Kind::Speech => "audio_speech",
        other => other.as_str(),
    }
}

/// LiteLLM's words for capabilities, and whether a model has them.
fn supports(common: &Common) -> Map<String, Value> {
    let can = |capability| common.can.contains(&capability);
    let takes = |modality| common.takes.contains(&modality);
    let all = [
        ("supports_function_calling", can(Capability::Tools)),
        (
            "supports_parallel_function_calling",
            can(Capability::ParallelTools),
        ),
        ("supports_tool_choice", can(Capability::ToolChoice)),
        ("supports_response_schema", can(Capability::Schema)),
        ("supports_reasoning", can(Capability::Reasoning)),
        ("supports_prompt_caching", can(Capability::Cache)),
        ("supports_web_search", can(Capability::Search)),
        ("supports_computer_use", can(Capability::Computer)),
        ("supports_assistant_prefill", can(Capability::Prefill)),
        ("supports_system_messages", can(Capability::System)),
        ("supports_vision", takes(Modality::Image)),
        ("supports_pdf_input", takes(Modality::Pdf)),
        ("supports_audio_input", takes(Modality::Audio)),
        (
            "supports_audio_output",
            common.gives.contains(&Modality::Audio),
        ),
    ];
    all.into_iter()
        .map(|(name, has)| (name.to_owned(), json!(has)))
        .collect()
}

/// LiteLLM's `model_info` of what these targets have in common.
fn info(common: &Common) -> Map<String, Value> {
    let rates = common.price.map(|(most, _)| most).unwrap_or_default();
    let mut info = supports(common);
    for (name, value) in [
        ("mode", json!(common.kind.map(mode))),
        ("max_tokens", json!(common.max_output.or(common.context))),
        ("max_input_tokens", json!(common.context)),
        ("max_output_tokens", json!(common.max_output)),
        ("input_cost_per_token", per_token(&rates, Dimension::Input)),
        (
            "output_cost_per_token",
            per_token(&rates, Dimension::Output),
        ),
        (
            "cache_read_input_token_cost",
            per_token(&rates, Dimension::CacheRead),
        ),
        (
            "cache_creation_input_token_cost",
            per_token(&rates, Dimension::CacheWrite),
        ),
    ] {
        info.insert(name.to_owned(), value);
    }
    info
}

/// Each target of a name, as LiteLLM's `/model/info` lists deployments.
fn deployments(entry: &Entry) -> Vec<Value> {
    let each = entry.targets.iter().map(|target| {
        let alone = Entry {
            name: entry.name.clone(),
            owner: String::new(),
            targets: vec![Known {
                label: target.label.clone(),
                vendor: target.vendor.clone(),
                model: target.model.clone(),
                rates: target.rates,
            }],
        };
        let mut info = info(&alone.common());
        info.insert(
            "id".to_owned(),
            json!([&entry.name, "@", &target.label].concat()),
        );
        info.insert("key".to_owned(), json!(target.label));
        info.insert("litellm_provider".to_owned(), json!(target.vendor));
        info.insert("db_model".to_owned(), json!(false));
        json!({
            "model_name": entry.name,
            "litellm_params": { "model": target.label },
            "model_info": info,
        })
    });
    each.collect()
}

/// A name with what its targets have in common, as LiteLLM's `/model_group/info` does.
fn group(entry: &Entry) -> Value {
    let mut providers: Vec<&str> = entry
        .targets
        .iter()
        .map(|target| target.vendor.as_str())
        .collect();
    providers.sort_unstable();
    providers.dedup();
    let mut group = info(&entry.common());
    group.insert("model_group".to_owned(), json!(entry.name));
    group.insert("providers".to_owned(), json!(providers));
    Value::Object(group)
}
