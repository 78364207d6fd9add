//! A provider, compiled: where it listens, its keys as ready header blocks, its transport.

mod place;
mod proof;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::{HeaderMap, Uri, uri::Authority as Host};
use tidegate_policy::{
    admission::{Need, UNCAPPED},
    health::Registry,
    key_ring::{KeyRing, RingKey},
    route,
};
use tidegate_providers::{
    catalogue::{self, Quirk, Vendor},
    credentials::{Around, Authority, aws_in_environment, azure_in_environment},
    function::FunctionTransport,
    mock::MockTransport,
    shape::Shape,
    transport::Transport,
};
use tidegate_types::{
    Dialect,
    config::{self, Auth, Config, Price, Timeouts},
};

use super::Ways;

pub(crate) struct ProviderState {
    pub(crate) name: Arc<str>,
    /// Catalogue entry it takes prices from; its own name when it is none of the catalogue's.
    pub(crate) vendor: String,
    /// The formats it speaks; the first is its own.
    pub(crate) wires: Vec<Wire>,
    pub(crate) ring: KeyRing,
    /// Under which name the state of each key is kept: it changes with the key's value.
    pub(crate) key_ids: Vec<String>,
    /// Name per key; one entry with no name when no key is needed.
    pub(crate) keys: Vec<Option<Arc<str>>>,
    /// What it lacks to be called at all, and how to give it.
    pub(crate) missing: Option<String>,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) timeouts: Timeouts,
    pub(crate) breaker: config::Breaker,
    /// How its targets are asked how they do.
    pub(crate) probe: Option<config::Probe>,
    /// Where its calls are counted, when there may not be any number.
    pub(crate) cap: Option<Need>,
    pub(crate) stream_usage: bool,
    /// What its requests must be rewritten for, and its answers.
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) passthrough: bool,
    /// Who proves where its requests come from, when no key does.
    pub(crate) authority: Option<Authority>,
    /// Names under which it knows models, where they differ.
    pub(crate) deployments: BTreeMap<String, String>,
    pub(crate) transport: Arc<dyn Transport>,
}

/// One wire format a provider speaks.
pub(crate) struct Wire {
    pub(crate) dialect: Dialect,
    /// Base URL without a trailing slash.
    pub(crate) base: String,
    pub(crate) host: Option<Host>,
    /// What the host changes of the format.
    pub(crate) shape: Shape,
    /// Added to every address.
    pub(crate) query: Vec<Option<String>>,
    /// Where chat requests go, in formats whose path does not depend on the model.
    pub(crate) chat: Option<Uri>,
    /// Ready headers per key.
    pub(crate) headers: Vec<HeaderMap>,
    /// Whether a model is reached this way.
    pub(crate) serves: fn(&str) -> bool,
}

impl ProviderState {
    /// What a call in `dialect` for that model is sent in: that, or else the provider's own.
    pub(crate) fn wire(&self, dialect: Dialect, model: &str) -> &Wire {
        let mut serving = self.wires.iter().filter(|wire| (wire.serves)(model));
        let first = serving.next().unwrap_or(&self.wires[0]);
        if first.dialect == dialect {
            return first;
        }
        serving
            .find(|wire| wire.dialect == dialect)
            .unwrap_or(first)
    }
}

impl Wire {
    /// The address of a path, with what the provider or a key wants in its query.
    pub(crate) fn uri(&self, path: &str, key: usize) -> Option<Uri> {
        let query = self.query.get(key).or(self.query.first());
        let query = query.and_then(Option::as_deref).unwrap_or_default();
        let join = match (query.is_empty(), path.contains('?')) {
            (true, _) => "",
            (false, true) => "&",
            (false, false) => "?",
        };
        [&*self.base, path, join, query].concat().parse().ok()
    }
}

impl std::fmt::Debug for ProviderState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderState")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a provider is compiled with.
struct Scope<'a> {
    name: &'a str,
    provider: &'a config::Provider,
    vendor: Option<&'static Vendor>,
    dialect: Dialect,
    around: &'a Around,
}

impl Scope<'_> {
    fn env(&self, name: &str) -> Option<String> {
        (self.around.env)(name).filter(|value| !value.trim().is_empty())
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.env(name))
    }

    /// Whether it is that vendor.
    fn is(&self, vendor: &str) -> bool {
        self.vendor.is_some_and(|known| known.name == vendor)
    }

    /// Whether it is where the vendor is, so that the vendor's own variables are meant for it.
    fn is_vendors_own(&self) -> bool {
        self.provider.base_url.is_none() && !is_local(self.provider)
    }
}

/// The configured providers; without that section, every vendor whose key the environment holds,
/// and those that need none.
pub(super) fn compile_all(
    config: &Config,
    ways: &Ways,
    health: &mut Registry,
    env: fn(&str) -> Option<String>,
) -> HashMap<String, Arc<ProviderState>> {
    let around = Around {
        transport: Arc::clone(&ways.network),
        env: Arc::new(env),
        read: |path| std::fs::read(path),
    };
    let from_env;
    let configured = if let Some(providers) = &config.providers {
        providers
    } else {
        from_env = catalogue::vendors()
            .filter(|vendor| in_environment(vendor, &env))
            .map(|vendor| (vendor.name.to_owned(), config::Provider::default()))
            .collect();
        &from_env
    };
    let mut providers = functions_attached(configured, ways);
    for (name, provider) in configured {
        providers
            .entry(name.clone())
            .or_insert_with(|| provider.clone());
    }
    providers
        .into_iter()
        .map(|(name, provider)| {
            let state = compile(&name, &provider, ways, health, &around);
            (name, Arc::new(state))
        })
        .collect()
}

/// A registered function is the provider of its name, unless that leads elsewhere.
fn functions_attached(
    configured: &BTreeMap<String, config::Provider>,
    ways: &Ways,
) -> BTreeMap<String, config::Provider> {
    let names = ways.functions.names().into_iter();
    names
        .filter_map(|name| {
            let mut provider = configured.get(&name).cloned().unwrap_or_default();
            if provider.base_url.is_some() || provider.mock.is_some() {
                return None;
            }
            provider.function.get_or_insert_with(|| name.clone());
            Some((name, provider))
        })
        .collect()
}

/// Whether answers come from this process: then no address and no key of a vendor's is needed.
fn is_local(provider: &config::Provider) -> bool {
    provider.mock.is_some() || provider.function.is_some()
}

/// Whether the environment holds what a vendor needs.
fn in_environment(vendor: &Vendor, env: &dyn Fn(&str) -> Option<String>) -> bool {
    let any = |names: &[&str]| {
        names
            .iter()
            .any(|name| env(name).is_some_and(|value| !value.trim().is_empty()))
    };
    let proof = match vendor.name {
        "bedrock" => any(vendor.env) || aws_in_environment(env),
        // It must be asked for: an account of AWS alone says nothing about an endpoint.
        "sagemaker" => false,
        "vertex" => any(vendor.env) || any(place::PROJECTS),
        "azure" => any(place::AZURE) && (any(vendor.env) || azure_in_environment(env)),
        _ => vendor.env.is_empty() || any(vendor.env),
    };
    proof
        && vendor
            .places()
            .all(|place| vendor.name == "azure" || place.usual.is_some() || any(place.env))
}

fn compile(
    name: &str,
    provider: &config::Provider,
    ways: &Ways,
    health: &mut Registry,
    around: &Around,
) -> ProviderState {
    let vendor = catalogue::vendor(name);
    let dialect = provider
        .dialect
        .or(vendor.map(|vendor| vendor.dialect))
        .unwrap_or(Dialect::OpenAi);
    let scope = Scope {
        name,
        provider,
        vendor,
        dialect,
        around,
    };
    let secrets = proof::keys_of(&scope);
    let auth = proof::auth_of(&scope, !secrets.is_empty());
    let mut missing = None;
    let found = place::wires_of(&scope, !secrets.is_empty()).unwrap_or_else(|text| {
        missing = Some(text);
        vec![place::Found::nowhere(dialect)]
    });
    let authority = proof::authority_of(&scope, auth, &secrets);
    if missing.is_none() && authority.is_none() {
        missing = proof::missing_key(&scope, secrets.is_empty());
    }
    let mut keys: Vec<Option<Arc<str>>> = secrets
        .iter()
        .enumerate()
        .map(|(index, key)| {
            let name = key.name.clone().unwrap_or_else(|| (index + 1).to_string());
            Some(Arc::from(name))
        })
        .collect();
    let key_ids: Vec<String> = secrets
        .iter()
        .map(|key| {
            format!(
                "{name}\n{:x}",
                route::hash(&[key.value.expose().as_bytes()])
            )
        })
        .collect();
    let ring = secrets.iter().zip(&key_ids).map(|(key, id)| RingKey {
        weight: key.weight,
        models: key.models.clone(),
        refused: health.refused(id),
        gate: health.gate(id),
        most: key.max_in_flight.unwrap_or(UNCAPPED),
    });
    let ring = KeyRing::new(ring.collect());
    let cap = provider.max_in_flight.map(|most| Need {
        gate: health.gate(&[name, "\n"].concat()),
        most,
    });
    if keys.is_empty() {
        keys.push(None);
    }
    // A key that is exchanged for tokens is never sent itself.
    let sent = |key| (auth != Auth::Ibm).then_some(key);
    let wires = found
        .into_iter()
        .map(|found| {
            let blocks = secrets.iter().map(|key| sent(key.value.expose()));
            let blocks: Vec<_> = blocks.chain(secrets.is_empty().then_some(None)).collect();
            let mut wire = Wire {
                dialect: found.dialect,
                host: found
                    .base
                    .parse::<Uri>()
                    .ok()
                    .and_then(|uri| uri.authority().cloned()),
                query: blocks
                    .iter()
                    .map(|key| proof::query(&found, auth, *key, provider))
                    .collect(),
                headers: blocks
                    .iter()
                    .map(|key| proof::headers(&found, auth, *key, &scope))
                    .collect(),
                base: found.base,
                shape: found.shape,
                serves: found.serves,
                chat: None,
            };
            let alike = wire.query.iter().all(|query| *query == wire.query[0]);
            if alike && wire.shape.has_fixed_path(wire.dialect) {
                wire.chat = wire.uri(&wire.shape.chat_path(wire.dialect, "", false), 0);
            }
            wire
        })
        .collect();
    let transport: Arc<dyn Transport> = match (&provider.mock, &provider.function) {
        (Some(mock), _) => Arc::new(MockTransport::new(dialect, mock)),
        (None, Some(function)) => {
            let clock = Arc::clone(&ways.clock);
            let now = move || u64::try_from(clock.unix_seconds()).unwrap_or(0);
            let functions = ways.functions.clone();
            Arc::new(FunctionTransport::new(function, dialect, functions, now))
        }
        (None, None) => Arc::clone(&ways.network),
    };
    let quirks = quirks_of(provider, vendor, dialect);
    ProviderState {
        name: Arc::from(name),
        vendor: name.to_owned(),
        wires,
        ring,
        key_ids,
        keys,
        missing: missing.filter(|_| !is_local(provider)),
        prices: provider.prices.clone(),
        timeouts: provider.timeouts,
        breaker: provider.breaker,
        probe: provider.probe.clone(),
        cap,
        stream_usage: provider
            .stream_usage
            .unwrap_or(!quirks.contains(&Quirk::NoStreamOptions)),
        quirks,
        passthrough: provider.passthrough.unwrap_or(true),
        authority,
        deployments: provider
            .azure
            .as_ref()
            .map(|azure| azure.deployments.clone())
            .unwrap_or_default(),
        transport,
    }
}

/// What the configuration says, or what is known of the vendor.
fn quirks_of(provider: &config::Provider, vendor: Option<&Vendor>, dialect: Dialect) -> Vec<Quirk> {
    let known = vendor.map(|vendor| vendor.quirks).unwrap_or_default();
    let given = provider.quirks.as_deref().unwrap_or(known);
    let holds = |quirk: &&Quirk| {
        dialect == Dialect::OpenAi
            && !(**quirk == Quirk::NoStreamOptions && provider.stream_usage == Some(true))
    };
    given.iter().filter(holds).copied().collect()
}
