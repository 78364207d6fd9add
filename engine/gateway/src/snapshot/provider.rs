//! A provider, compiled: where it listens, its keys as ready header blocks, its transport.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use tidegate_policy::key_ring::KeyRing;
use tidegate_providers::{
    catalogue::{self, Vendor},
    mock::MockTransport,
    transport::Transport,
};
use tidegate_types::{
    Dialect,
    config::{self, Config, Price, ProviderKey, Timeouts},
};

use crate::VERSION;

/// Version of the Anthropic API the gateway speaks when the caller names none (Anthropic, "Versions").
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

pub(crate) struct ProviderState {
    pub(crate) name: Arc<str>,
    /// Catalogue entry it takes prices from; its own name when it is none of the catalogue's.
    pub(crate) vendor: String,
    pub(crate) dialect: Dialect,
    /// Base URL without a trailing slash.
    pub(crate) base: String,
    pub(crate) chat: Option<Uri>,
    pub(crate) embeddings: Option<Uri>,
    pub(crate) ring: KeyRing,
    /// Name and ready headers per key; one entry with no name when no key is needed.
    pub(crate) keys: Vec<(Option<Arc<str>>, HeaderMap)>,
    /// Environment variables that would have held the key, when one is needed and missing.
    pub(crate) missing_key: Option<&'static [&'static str]>,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) timeouts: Timeouts,
    pub(crate) stream_usage: bool,
    pub(crate) passthrough: bool,
    pub(crate) transport: Arc<dyn Transport>,
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
    network: &Arc<dyn Transport>,
    env: &dyn Fn(&str) -> Option<String>,
) -> HashMap<String, Arc<ProviderState>> {
    let from_env;
    let configured = if let Some(providers) = &config.providers {
        providers
    } else {
        from_env = catalogue::vendors()
            .filter(|vendor| {
                vendor.env.is_empty() || vendor.env.iter().any(|name| env(name).is_some())
            })
            .map(|vendor| (vendor.name.to_owned(), config::Provider::default()))
            .collect();
        &from_env
    };
    configured
        .iter()
        .map(|(name, provider)| {
            (
                name.clone(),
                Arc::new(compile(name, provider, network, env)),
            )
        })
        .collect()
}

fn compile(
    name: &str,
    provider: &config::Provider,
    network: &Arc<dyn Transport>,
    env: &dyn Fn(&str) -> Option<String>,
) -> ProviderState {
    let vendor = catalogue::vendor(name);
    let dialect = provider
        .dialect
        .or(vendor.map(|vendor| vendor.dialect))
        .unwrap_or(Dialect::OpenAi);
    let base = provider
        .base_url
        .as_deref()
        .or(vendor.map(|vendor| vendor.base_url))
        .unwrap_or("http://mock.invalid")
        .trim_end_matches('/')
        .to_owned();
    let uri = |path: &str| format!("{base}{path}").parse::<Uri>().ok();
    let (chat, embeddings) = match dialect {
        Dialect::Anthropic => (uri("/v1/messages"), None),
        _ => (uri("/chat/completions"), uri("/embeddings")),
    };
    let secrets = keys_of(provider, vendor, env);
    let needs_key = provider.mock.is_none()
        && provider.base_url.is_none()
        && vendor.is_some_and(|vendor| !vendor.env.is_empty())
        && !provider.headers.keys().any(|name| is_credential(name));
    let missing_key = match vendor {
        Some(vendor) if needs_key && secrets.is_empty() => Some(vendor.env),
        _ => None,
    };
    let mut keys: Vec<_> = secrets
        .iter()
        .enumerate()
        .map(|(index, key)| {
            let name = key.name.clone().unwrap_or_else(|| (index + 1).to_string());
            (
                Some(Arc::from(name)),
                headers(dialect, Some(key.value.expose()), provider),
            )
        })
        .collect();
    let ring = KeyRing::new(secrets.iter().map(|key| (key.weight, key.models.clone())));
    if keys.is_empty() {
        keys.push((None, headers(dialect, None, provider)));
    }
    let transport: Arc<dyn Transport> = match &provider.mock {
        Some(mock) => Arc::new(MockTransport::new(dialect, mock)),
        None => Arc::clone(network),
    };
    ProviderState {
        name: Arc::from(name),
        vendor: name.to_owned(),
        dialect,
        base,
        chat,
        embeddings,
        ring,
        keys,
        missing_key,
        prices: provider.prices.clone(),
        timeouts: provider.timeouts,
        stream_usage: provider
            .stream_usage
            .unwrap_or(vendor.is_none_or(|vendor| vendor.stream_usage)),
        passthrough: provider.passthrough.unwrap_or(true),
        transport,
    }
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
        && provider.mock.is_none()
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
    ["authorization", "x-api-key", "api-key"]
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
