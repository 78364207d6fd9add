//! A provider, compiled: where it listens, its keys as ready header blocks, its transport.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::Authority};
use tidegate_policy::{
    health::Registry,
    key_ring::{KeyRing, RingKey},
    route,
};
use tidegate_providers::{
    aws::{self, Credentials},
    catalogue::{self, Quirk, Vendor},
    dialect::chat_path,
    function::FunctionTransport,
    mock::MockTransport,
    transport::Transport,
};
use tidegate_types::{
    Dialect,
    config::{self, Config, Price, ProviderKey, Timeouts},
};

use super::Ways;
use crate::VERSION;

/// Version of the Anthropic API the gateway speaks when the caller names none (Anthropic, "Versions").
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

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
    /// Environment variables that would have held the key, when one is needed and missing.
    pub(crate) missing_key: Option<&'static [&'static str]>,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) timeouts: Timeouts,
    pub(crate) breaker: config::Breaker,
    pub(crate) stream_usage: bool,
    /// What its chat requests must be rewritten for.
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) passthrough: bool,
    /// Who signs its requests, and for which region.
    pub(crate) signer: Option<(Credentials, String)>,
    pub(crate) transport: Arc<dyn Transport>,
}

/// One wire format a provider speaks.
pub(crate) struct Wire {
    pub(crate) dialect: Dialect,
    /// Base URL without a trailing slash.
    pub(crate) base: String,
    pub(crate) host: Option<Authority>,
    /// Where chat requests go, in formats whose path does not depend on the model.
    pub(crate) chat: Option<Uri>,
    /// Ready headers per key.
    pub(crate) headers: Vec<HeaderMap>,
}

impl ProviderState {
    /// What a call in `dialect` is sent in: that, or else the provider's own.
    pub(crate) fn wire(&self, dialect: Dialect) -> &Wire {
        let same = self.wires.iter().find(|wire| wire.dialect == dialect);
        same.unwrap_or(&self.wires[0])
    }
}

impl std::fmt::Debug for ProviderState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderState")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The configured providers; without that section, every vendor whose key the environment holds,
/// and those that need none.
pub(super) fn compile_all(
    config: &Config,
    ways: &Ways,
    health: &mut Registry,
    env: &dyn Fn(&str) -> Option<String>,
) -> HashMap<String, Arc<ProviderState>> {
    let from_env;
    let configured = if let Some(providers) = &config.providers {
        providers
    } else {
        from_env = catalogue::vendors()
            .filter(|vendor| {
                vendor.env.is_empty()
                    || vendor.env.iter().any(|name| env(name).is_some())
                    || (vendor.dialect == Dialect::Bedrock
                        && Credentials::from_variables(env).is_some())
            })
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
            let state = compile(&name, &provider, ways, health, env);
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

fn compile(
    name: &str,
    provider: &config::Provider,
    ways: &Ways,
    health: &mut Registry,
    env: &dyn Fn(&str) -> Option<String>,
) -> ProviderState {
    let vendor = catalogue::vendor(name);
    let dialect = provider
        .dialect
        .or(vendor.map(|vendor| vendor.dialect))
        .unwrap_or(Dialect::OpenAi);
    let secrets = keys_of(provider, vendor, env);
    let region = region_of(provider, env);
    let signer = (dialect == Dialect::Bedrock && secrets.is_empty())
        .then(|| credentials_of(provider, env))
        .flatten()
        .map(|keys| (keys, region.clone()));
    let needs_key = !is_local(provider)
        && provider.base_url.is_none()
        && vendor.is_some_and(|vendor| !vendor.env.is_empty())
        && !provider.headers.keys().any(|name| is_credential(name));
    let missing_key = match vendor {
        Some(vendor) if needs_key && secrets.is_empty() && signer.is_none() => Some(vendor.env),
        _ => None,
    };
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
    });
    let ring = KeyRing::new(ring.collect());
    if keys.is_empty() {
        keys.push(None);
    }
    let wires = addresses(dialect, provider, vendor, &region)
        .into_iter()
        .map(|(dialect, base)| {
            let blocks = secrets.iter().map(|key| Some(key.value.expose()));
            let blocks = blocks.chain(secrets.is_empty().then_some(None));
            Wire {
                dialect,
                chat: (!dialect.names_model_in_path())
                    .then(|| {
                        [&*base, &*chat_path(dialect, "", false)]
                            .concat()
                            .parse()
                            .ok()
                    })
                    .flatten(),
                host: base
                    .parse::<Uri>()
                    .ok()
                    .and_then(|uri| uri.authority().cloned()),
                headers: blocks.map(|key| headers(dialect, key, provider)).collect(),
                base,
            }
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
    ProviderState {
        name: Arc::from(name),
        vendor: name.to_owned(),
        wires,
        ring,
        key_ids,
        keys,
        missing_key,
        prices: provider.prices.clone(),
        timeouts: provider.timeouts,
        breaker: provider.breaker,
        stream_usage: provider
            .stream_usage
            .unwrap_or(vendor.is_none_or(Vendor::stream_usage)),
        quirks: quirks_of(provider, vendor, dialect),
        passthrough: provider.passthrough.unwrap_or(true),
        signer,
        transport,
    }
}

/// The formats a provider speaks and where, its own first.
fn addresses(
    dialect: Dialect,
    provider: &config::Provider,
    vendor: Option<&Vendor>,
    region: &str,
) -> Vec<(Dialect, String)> {
    let trimmed = |base: &str| {
        let base = base.trim_end_matches('/');
        if base.contains("{region}") {
            // A region that is none leads nowhere, which the first call tells.
            aws::bedrock_endpoint(region).unwrap_or_default()
        } else {
            base.to_owned()
        }
    };
    let own = provider
        .base_url
        .as_deref()
        .or(vendor.map(|vendor| vendor.base_url))
        .unwrap_or("http://mock.invalid");
    let mut all = vec![(dialect, trimmed(own))];
    match (vendor, &provider.base_url) {
        // Where a known vendor listens elsewhere, only what shares its address is known to be there.
        (Some(vendor), given) if provider.dialect.is_none() => {
            let there = vendor
                .also()
                .filter(|(_, base)| given.is_none() || *base == vendor.base_url);
            all.extend(there.map(|(dialect, base)| match given {
                Some(given) => (dialect, trimmed(given)),
                None => (dialect, trimmed(base)),
            }));
        }
        _ => {}
    }
    for more in &provider.also {
        if !all.iter().any(|(known, _)| known == more) {
            all.push((*more, trimmed(own)));
        }
    }
    all
}

/// The vendor's quirks, unless the configuration says better.
fn quirks_of(provider: &config::Provider, vendor: Option<&Vendor>, dialect: Dialect) -> Vec<Quirk> {
    let known = vendor.map(|vendor| vendor.quirks).unwrap_or_default();
    let holds = |quirk: &&Quirk| {
        dialect == Dialect::OpenAi
            && !(**quirk == Quirk::NoStreamOptions && provider.stream_usage == Some(true))
    };
    known.iter().filter(holds).copied().collect()
}

/// The region of AWS in which a provider is.
fn region_of(provider: &config::Provider, env: &dyn Fn(&str) -> Option<String>) -> String {
    let given = provider.aws.as_ref().and_then(|aws| aws.region.clone());
    given
        .or_else(|| aws::region_from_variables(env))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// The keys that sign a provider's requests. Those of the environment never go to another host.
fn credentials_of(
    provider: &config::Provider,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Credentials> {
    let given = provider.aws.as_ref().and_then(|aws| {
        Some(Credentials::new(
            aws.access_key_id.clone()?,
            aws.secret_access_key.clone()?,
            aws.session_token.clone(),
        ))
    });
    let own = provider.base_url.is_none() && !is_local(provider);
    given.or_else(|| own.then(|| Credentials::from_variables(env)).flatten())
}

/// `api_key` and `keys`; a known vendor without either takes its key from the environment.
fn keys_of(
    provider: &config::Provider,
    vendor: Option<&Vendor>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<ProviderKey> {
    let key = |value| ProviderKey {
        name: None,
        value,
        weight: 1,
        models: Vec::new(),
    };
    let mut keys: Vec<_> = provider.api_key.clone().map(key).into_iter().collect();
    keys.extend(provider.keys.iter().cloned());
    // A vendor's own key must never go to another host.
    if keys.is_empty()
        && provider.base_url.is_none()
        && !is_local(provider)
        && let Some(vendor) = vendor
    {
        keys.extend(
            vendor
                .env
                .iter()
                .find_map(|name| env(name))
                .map(|value| key(value.into())),
        );
    }
    keys
}

fn is_credential(name: &str) -> bool {
    ["authorization", "x-api-key", "api-key", "x-goog-api-key"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The header block of a key: made once, cloned per request.
fn headers(dialect: Dialect, key: Option<&String>, provider: &config::Provider) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(agent) = HeaderValue::from_str(&format!("tidegate/{VERSION}")) {
        headers.insert(header::USER_AGENT, agent);
    }
    match dialect {
        Dialect::Anthropic => {
            headers.insert("anthropic-version", ANTHROPIC_VERSION);
            if let Some(key) = key {
                insert_secret(&mut headers, HeaderName::from_static("x-api-key"), key);
            }
        }
        Dialect::Gemini => {
            if let Some(key) = key {
                insert_secret(&mut headers, HeaderName::from_static("x-goog-api-key"), key);
            }
        }
        _ => {
            if let Some(key) = key {
                insert_secret(
                    &mut headers,
                    header::AUTHORIZATION,
                    &format!("Bearer {key}"),
                );
            }
        }
    }
    for (name, value) in &provider.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            insert_secret(&mut headers, name, value.expose());
        }
    }
    headers
}

fn insert_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}
