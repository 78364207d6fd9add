//! How a provider's requests prove who sends them: keys, or an authority that has tokens.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tidegate_providers::{
    aws::BEDROCK,
    catalogue::default_auth,
    credentials::{Authority, aws_in_environment, aws_region, azure_in_environment},
    shape::Shape,
};
use tidegate_types::{
    Dialect,
    config::{self, Auth, ProviderKey},
};

use super::{Scope, is_local, place::Found};
use crate::VERSION;

/// Version of the Anthropic API the gateway speaks when the caller names none (Anthropic, "Versions").
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// `api_key` and `keys`; a known vendor without either takes its key from the environment.
pub(super) fn keys_of(scope: &Scope<'_>) -> Vec<ProviderKey> {
    let provider = scope.provider;
    let key = |value| ProviderKey {
        name: None,
        value,
        weight: 1,
        models: Vec::new(),
        max_in_flight: None,
    };
    let mut keys: Vec<_> = provider.api_key.clone().map(key).into_iter().collect();
    keys.extend(provider.keys.iter().cloned());
    let azure = provider.azure.as_ref();
    let named = provider
        .aws
        .as_ref()
        .is_some_and(config::Aws::names_credentials)
        || azure.is_some_and(config::Azure::names_credentials)
        || provider.google.as_ref().is_some_and(names_credentials)
        || matches!(
            provider.auth,
            Some(Auth::Aws | Auth::Azure | Auth::Google | Auth::None)
        );
    // A vendor's own key must never go to another host, nor in place of credentials that are named.
    // Whoever says where their Azure resource is means the environment's key for it all the same.
    if keys.is_empty()
        && !named
        && (scope.is_vendors_own() || scope.is("azure") && !is_local(provider) && azure.is_some())
        && let Some(vendor) = scope.vendor.filter(|vendor| vendor.name != "sagemaker")
    {
        keys.extend(scope.first(vendor.env).map(|value| key(value.into())));
    }
    keys
}

fn names_credentials(google: &config::Google) -> bool {
    google.credentials.is_some()
        || google.credentials_file.is_some()
        || google.token.is_some()
        || google.impersonate.is_some()
}

/// How it is proved: as configured, or as the vendor wants it.
pub(super) fn auth_of(scope: &Scope<'_>, has_key: bool) -> Auth {
    let provider = scope.provider;
    if let Some(auth) = provider.auth {
        return auth;
    }
    let usual = scope
        .vendor
        .filter(|vendor| vendor.dialect == scope.dialect)
        .map_or_else(
            || default_auth(scope.dialect),
            tidegate_providers::catalogue::Vendor::auth,
        );
    match usual {
        // Whoever has a key sends it; the cloud's own proof is for those who have none.
        Auth::Aws | Auth::Google if has_key => default_auth(scope.dialect),
        Auth::ApiKey if !has_key && (scope.is("azure") || scope.is("azure-ai")) => Auth::Azure,
        _ if has_key => usual,
        _ if provider.azure.is_some() => Auth::Azure,
        _ if provider.google.is_some() => Auth::Google,
        _ if provider.aws.is_some() || scope.dialect == Dialect::Bedrock => Auth::Aws,
        usual => usual,
    }
}

/// Who gets tokens, where tokens are wanted. What only the environment says is meant for the clouds'
/// own addresses: it never goes elsewhere unasked.
pub(super) fn authority_of(
    scope: &Scope<'_>,
    auth: Auth,
    secrets: &[ProviderKey],
) -> Option<Authority> {
    let provider = scope.provider;
    let around = scope.around;
    if is_local(provider) {
        return None;
    }
    let asked = provider.auth.is_some();
    let here = scope.is_vendors_own();
    match auth {
        Auth::Aws => {
            let config = provider.aws.clone().unwrap_or_default();
            let known = aws_in_environment(&*around.env);
            (asked || config.names_credentials() || here && (known || provider.aws.is_some())).then(
                || {
                    let region = aws_region(Some(&config), around);
                    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
                    let service = if scope.is("sagemaker") {
                        "sagemaker"
                    } else {
                        BEDROCK
                    };
                    Authority::aws(&config, region, service, around)
                },
            )
        }
        Auth::Azure => {
            let config = provider.azure.clone().unwrap_or_default();
            let named = config.names_credentials();
            (asked || named || here && azure_in_environment(&*around.env))
                .then(|| Authority::azure(&config, around))
        }
        Auth::Google => {
            let config = provider.google.clone().unwrap_or_default();
            (asked || here || names_credentials(&config))
                .then(|| Authority::google(&config, around))
        }
        Auth::Ibm => secrets.first().map(|key| {
            let url = provider.variables.get("iam_url").cloned();
            Authority::ibm(key.value.clone(), url, around)
        }),
        _ => None,
    }
}

/// What to say when a vendor that wants a key has none.
pub(super) fn missing_key(scope: &Scope<'_>, no_key: bool) -> Option<String> {
    let provider = scope.provider;
    let vendor = scope.vendor.filter(|vendor| !vendor.env.is_empty())?;
    let needs_key = no_key
        && scope.is_vendors_own()
        && provider.auth != Some(Auth::None)
        && !provider.headers.keys().any(|name| is_credential(name));
    let more = match vendor.name {
        "bedrock" | "sagemaker" => ", or give it credentials of AWS under `aws`",
        "azure" | "azure-ai" => ", or give it credentials of Entra ID under `azure`",
        _ => "",
    };
    needs_key.then(|| {
        format!(
            "provider {:?} has no key; set {} or `providers.{}.api_key`{more}",
            scope.name,
            vendor.env.join(" or "),
            scope.name
        )
    })
}

fn is_credential(name: &str) -> bool {
    ["authorization", "x-api-key", "api-key", "x-goog-api-key"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// What every address of a key has in its query.
pub(super) fn query(
    found: &Found,
    auth: Auth,
    key: Option<&String>,
    provider: &config::Provider,
) -> Option<String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut parts: Vec<String> = provider
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value.expose())))
        .collect();
    parts.extend(found.query.clone());
    if let (Auth::QueryKey, Some(key)) = (auth, key) {
        parts.push(format!("key={}", encode(key)));
    }
    (!parts.is_empty()).then(|| parts.join("&"))
}

/// The header block of a key: made once, cloned per request.
pub(super) fn headers(
    found: &Found,
    auth: Auth,
    key: Option<&String>,
    scope: &Scope<'_>,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(agent) = HeaderValue::from_str(&format!("tidegate/{VERSION}")) {
        headers.insert(header::USER_AGENT, agent);
    }
    if found.dialect == Dialect::Anthropic && found.shape == Shape::Plain {
        headers.insert("anthropic-version", ANTHROPIC_VERSION);
    }
    // A further format of a vendor takes the same key as its own maker's does, unless the
    // configuration, or the vendor's page, says otherwise.
    let auth = match auth {
        Auth::ApiKey if found.dialect == Dialect::Anthropic => Auth::XApiKey,
        auth if scope.provider.auth.is_some() || found.dialect == scope.dialect => auth,
        auth @ (Auth::ApiKey | Auth::None | Auth::Token | Auth::Key | Auth::Plain) => auth,
        auth if scope.dialect == Dialect::Bedrock || scope.is("vertex") => auth,
        _ => default_auth(found.dialect),
    };
    if let Some(key) = key {
        let (name, value) = match auth {
            Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {key}")),
            Auth::Plain => (header::AUTHORIZATION, key.clone()),
            Auth::Token => (header::AUTHORIZATION, format!("Token {key}")),
            Auth::Key => (header::AUTHORIZATION, format!("Key {key}")),
            Auth::ApiKey => (HeaderName::from_static("api-key"), key.clone()),
            Auth::XApiKey => (HeaderName::from_static("x-api-key"), key.clone()),
            Auth::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), key.clone()),
            _ => (header::AUTHORIZATION, String::new()),
        };
        if !value.is_empty() {
            insert_secret(&mut headers, name, &value);
        }
    }
    for (name, value) in &scope.provider.headers {
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
