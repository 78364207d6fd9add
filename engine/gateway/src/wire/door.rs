//! From method, host and path to an endpoint, a dialect and the provider they imply.

use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use tidegate_providers::{catalogue, shape::Shape};
use tidegate_types::{Code, Dialect, Endpoint, Error, Listing, Native, Relay};

use super::Trust;
use crate::{
    call::Named,
    kept::{Kept, Place},
    models,
    snapshot::Snapshot,
};

/// What a request is for.
pub(super) struct Opened {
    pub(super) endpoint: Endpoint,
    /// Provider implied by host or prefix.
    pub(super) provider: Option<String>,
    /// What the path says beyond that.
    pub(super) named: Option<Named>,
}

/// First parts of a path that say nothing about the provider: rivals' users reach several vendors'
/// formats below them (LiteLLM, and Bifrost's pages for frameworks).
pub(super) const NEUTRAL: &[&str] = &["litellm", "langchain", "pydanticai", "passthrough"];

/// What a vendor keeps for its callers. Whoever asks for it below no provider's prefix means the
/// vendor whose format the request is in.
const KEPT: &[&str] = &[
    "assistants",
    "batches",
    "cachedContents",
    "containers",
    "conversations",
    "evals",
    "files",
    "fine_tuning",
    "messages",
    "models",
    "realtime",
    "responses",
    "skills",
    "threads",
    "tunedModels",
    "uploads",
    "vector_stores",
    "videos",
];

/// First parts of a path that stand for a provider of another name.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("genai", "gemini"),
    ("fireworks_ai", "fireworks"),
    ("together_ai", "together"),
    ("vertex_ai", "vertex"),
];

/// Versions in front of a path that every caller may leave out or put in.
const VERSIONS: &[&str] = &["", "/v1", "/v1beta", "/v1alpha", "/v2"];

/// Finds the endpoint. The dialect is known even when there is none, so that the error has a shape.
pub(super) fn open(
    snapshot: &Snapshot,
    kept: &Kept,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    trust: Trust,
) -> (Dialect, Result<Opened, Error>) {
    let path = uri.path();
    if trust == Trust::Process
        && let Some(host) = uri.host()
        && let Some(provider) = by_host(snapshot, host, uri.port_u16(), path)
    {
        return below(snapshot, provider, method, path, uri.query(), headers);
    }
    let mut path = path;
    let mut first = first_part(path);
    if NEUTRAL.contains(&first) {
        path = &path[first.len() + 1..];
        first = first_part(path);
    }
    let named = first.strip_suffix("_passthrough").unwrap_or(first);
    let provider = ALIASES
        .iter()
        .find(|(alias, _)| *alias == named && !knows(snapshot, alias))
        .map_or(named, |(_, provider)| provider);
    if knows(snapshot, provider) {
        let rest = &path[path.len().min(first.len() + 1)..];
        return below(snapshot, provider, method, rest, uri.query(), headers);
    }
    // Films are made with POST where they are listed with GET.
    let lists = *method == Method::GET && path.ends_with(Relay::Videos.path());
    if let Some((dialect, endpoint, named)) = recognise(path, &[], headers).filter(|_| !lists) {
        let opened = right_method(&endpoint, method, path).map(|()| Opened {
            endpoint,
            provider: None,
            named,
        });
        return (dialect, opened);
    }
    let guessed = guess(path, headers);
    let vendor = match guessed {
        Dialect::Anthropic => "anthropic",
        Dialect::Gemini => "gemini",
        _ => "openai",
    };
    let place = Place::of(path);
    let versioned = ["/v", "/upload/", "/download/"]
        .iter()
        .any(|start| path.starts_with(start));
    if *method == Method::GET
        && place.kind == "models"
        && let Some((_, name)) = path.split_once("/models/")
        && let Some(named) =
            self::named(name, None).filter(|named| models::has(snapshot, &named.model))
    {
        let opened = Opened {
            endpoint: Endpoint::Models(Listing::Names),
            provider: None,
            named: Some(named),
        };
        return (guessed, Ok(opened));
    }
    if KEPT.contains(&place.kind) && (!place.id.is_empty() || versioned) {
        let asked = asked_for(uri.query(), headers).filter(|name| knows(snapshot, name));
        let origin = kept.origins.get(place.id);
        let provider = asked
            .as_deref()
            .or(origin.as_ref().map(|origin| origin.provider()))
            .unwrap_or(vendor);
        return below(snapshot, provider, method, path, uri.query(), headers);
    }
    let text = format!("nothing is served at {method} {path}");
    (guessed, Err(Error::new(Code::UnknownEndpoint, text)))
}

/// The provider that a caller names beside a path without one, as Bifrost's (`?provider=`) and
/// LiteLLM's (`custom-llm-provider`) do.
fn asked_for(query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let said = headers
        .get("custom-llm-provider")
        .and_then(|value| value.to_str().ok());
    let parts = query.unwrap_or_default().split('&');
    let named = parts.filter_map(|part| part.split_once('='));
    let named = named
        .filter(|(key, _)| PROVIDER_KEYS.contains(key))
        .map(|(_, name)| name)
        .next();
    said.or(named).map(str::to_owned)
}

/// Members of a query by which callers name a provider.
const PROVIDER_KEYS: &[&str] = &["provider", "custom_llm_provider"];

/// The dialect in which a gateway answers at this path and query.
pub(crate) fn dialect_of(target: &str, headers: &HeaderMap) -> Dialect {
    let path = target.split('?').next().unwrap_or_default();
    let below = &path[path.len().min(first_part(path).len() + 1)..];
    recognise(path, &[], headers)
        .or_else(|| recognise(below, &[], headers))
        .map_or_else(|| guess(path, headers), |(dialect, ..)| dialect)
}

pub(super) fn first_part(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').next().unwrap_or_default()
}

pub(super) fn knows(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.providers.contains_key(name) || catalogue::vendor(name).is_some()
}

/// Paths below a version or a vendor's base, and what they are. Whose list of models is asked for, only the
/// headers tell.
static FIXED: [(&str, Dialect, Endpoint); 14] = [
    ("/chat/completions", Dialect::OpenAi, Endpoint::Chat),
    ("/messages", Dialect::Anthropic, Endpoint::Chat),
    ("/responses", Dialect::Responses, Endpoint::Chat),
    ("/chat", Dialect::Cohere, Endpoint::Chat),
    ("/embeddings", Dialect::OpenAi, Endpoint::Embeddings),
    (
        "/model/info",
        Dialect::OpenAi,
        Endpoint::Models(Listing::Deployments),
    ),
    (
        "/model_group/info",
        Dialect::OpenAi,
        Endpoint::Models(Listing::Groups),
    ),
    ("/models", Dialect::OpenAi, Endpoint::Models(Listing::Names)),
    (
        "/messages/count_tokens",
        Dialect::Anthropic,
        Endpoint::CountTokens,
    ),
    (
        "/responses/input_tokens",
        Dialect::Responses,
        Endpoint::CountTokens,
    ),
    ("/embed", Dialect::Cohere, Endpoint::Embeddings),
    ("/tokenize", Dialect::Cohere, Endpoint::CountTokens),
    ("/count_tokens", Dialect::OpenAi, Endpoint::CountTokens),
    (
        "/utils/token_counter",
        Dialect::OpenAi,
        Endpoint::CountTokens,
    ),
];

/// The endpoint of a path, by what its end says; in front of that only a version may stand, or one
/// of `bases`.
fn recognise(
    path: &str,
    bases: &[&str],
    headers: &HeaderMap,
) -> Option<(Dialect, Endpoint, Option<Named>)> {
    let known = |before: &str| VERSIONS.contains(&before) || bases.contains(&before);
    for (end, dialect, endpoint) in &FIXED {
        let Some(before) = path.strip_suffix(end) else {
            continue;
        };
        let dialect = match endpoint {
            Endpoint::Models(Listing::Names) => guess(path, headers),
            _ => *dialect,
        };
        let endpoint = endpoint.clone();
        // `/v1/chat` is Cohere's older format, `/openai/deployments` are Azure's.
        let cohere = dialect == Dialect::Cohere && endpoint == Endpoint::Chat;
        if known(before) && (!cohere || before.ends_with("/v2")) {
            return Some((dialect, endpoint, None));
        }
        if dialect == Dialect::OpenAi
            && let Some(model) = deployed(before, known)
        {
            return Some((dialect, endpoint, Some(named(model, None)?)));
        }
    }
    for relay in Relay::ALL {
        let Some(before) = path.strip_suffix(relay.path()) else {
            continue;
        };
        if known(before) {
            return Some((Dialect::OpenAi, Endpoint::Relay(*relay), None));
        }
        if let Some(model) = deployed(before, known) {
            let named = named(model, None)?;
            return Some((Dialect::OpenAi, Endpoint::Relay(*relay), Some(named)));
        }
    }
    gemini(path, known).or_else(|| bedrock(path))
}

/// The model in front of an endpoint's name: Azure's deployments, OpenAI's older engines.
fn deployed(before: &str, known: impl Fn(&str) -> bool) -> Option<&str> {
    let (before, model) = before.rsplit_once('/')?;
    let before = before
        .strip_suffix("/deployments")
        .or_else(|| before.strip_suffix("/engines"))?;
    let before = before.strip_suffix("/openai").unwrap_or(before);
    known(before).then_some(model)
}

/// `/v1beta/models/MODEL:generateContent`, and Vertex's
/// `/v1/projects/P/locations/L/publishers/google/models/MODEL:generateContent`.
fn gemini(path: &str, known: impl Fn(&str) -> bool) -> Option<(Dialect, Endpoint, Option<Named>)> {
    let (front, verb) = path.rsplit_once(':')?;
    let (endpoint, stream) = match verb {
        "generateContent" => (Endpoint::Chat, false),
        "streamGenerateContent" => (Endpoint::Chat, true),
        "countTokens" => (Endpoint::CountTokens, false),
        "predict" => (Endpoint::Native(Native::Predict), false),
        "predictLongRunning" => (Endpoint::Native(Native::PredictLongRunning), false),
        "embedContent" | "batchEmbedContents" => (Endpoint::Embeddings, false),
        _ => return None,
    };
    let (before, model) = front.split_once("/models/")?;
    if known(before) || before.contains("/publishers/") {
        let named = named(model, Some(stream))?;
        return Some((Dialect::Gemini, endpoint, Some(named)));
    }
    None
}

/// `/model/MODEL/converse`, `/converse-stream`, `/invoke` and its stream, and `/count-tokens`.
fn bedrock(path: &str) -> Option<(Dialect, Endpoint, Option<Named>)> {
    let (model, verb) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    let (endpoint, stream) = match verb {
        "converse" => (Endpoint::Chat, false),
        "converse-stream" => (Endpoint::Chat, true),
        "count-tokens" => (Endpoint::CountTokens, false),
        "invoke" => (Endpoint::Native(Native::Invoke), false),
        "invoke-with-response-stream" => (Endpoint::Native(Native::InvokeStream), true),
        _ => return None,
    };
    let named = named(model, Some(stream))?;
    Some((Dialect::Bedrock, endpoint, Some(named)))
}

fn named(model: &str, stream: Option<bool>) -> Option<Named> {
    let model = percent_decode_str(model).decode_utf8().ok()?;
    (!model.is_empty()).then(|| Named {
        model: model.into_owned(),
        stream,
    })
}

fn right_method(endpoint: &Endpoint, method: &Method, path: &str) -> Result<(), Error> {
    let wanted = match endpoint {
        Endpoint::Models(_) => Method::GET,
        _ => Method::POST,
    };
    if *method == wanted {
        return Ok(());
    }
    Err(Error::new(
        Code::UnknownEndpoint,
        format!("{path} answers {wanted}, not {method}"),
    ))
}

/// What a path that names no endpoint is probably meant for. Anthropic's SDKs name their API's
/// version in every request, Google's their key in a header of its own.
pub(super) fn guess(path: &str, headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version")
        || path.starts_with("/anthropic")
        || path.starts_with("/v1/messages/")
    {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key")
        || headers.contains_key("x-goog-upload-command")
        || ["/v1beta", "/upload/v1beta", "/download/v1beta"]
            .iter()
            .any(|start| path.starts_with(start))
    {
        Dialect::Gemini
    } else {
        Dialect::OpenAi
    }
}

/// A path below a provider: its chat and embeddings endpoints are calls, all others pass through.
fn below(
    snapshot: &Snapshot,
    provider: &str,
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> (Dialect, Result<Opened, Error>) {
    let wires = wires(snapshot, provider);
    let bases: Vec<&str> = wires.iter().map(|(_, base)| base_path(base)).collect();
    let implied = Some(provider.to_owned());
    if let Some((dialect, endpoint, named)) = recognise(path, &bases, headers)
        && right_method(&endpoint, method, path).is_ok()
        // A configured provider's own list says more than the gateway's.
        && (!matches!(endpoint, Endpoint::Models(_)) || !snapshot.providers.contains_key(provider))
    {
        let opened = Opened {
            endpoint,
            provider: implied,
            named,
        };
        return (dialect, Ok(opened));
    }
    let (dialect, rest) = passed(&wires, path, headers);
    if rest.contains("/../") || rest.ends_with("/..") || !rest.starts_with('/') {
        let text = format!("{rest:?} is no path of {provider:?}");
        return (dialect, Err(Error::new(Code::UnknownEndpoint, text)));
    }
    let endpoint = Endpoint::Passthrough {
        provider: provider.to_owned(),
        method: method.clone(),
        path: match query.map(|query| without_key(dialect, query)) {
            Some(query) if !query.is_empty() => [rest, "?", &query].concat(),
            _ => rest.to_owned(),
        },
    };
    let opened = Opened {
        endpoint,
        provider: implied,
        named: None,
    };
    (dialect, Ok(opened))
}

/// What of a query is the vendor's. Google's callers may give their key there: it is one for this
/// gateway, if it is one at all, and the vendor's own goes into a header.
fn without_key(dialect: Dialect, query: &str) -> String {
    let ours = |part: &&str| {
        let key = part.split('=').next().unwrap_or_default();
        PROVIDER_KEYS.contains(&key) || dialect == Dialect::Gemini && key == "key"
    };
    let kept = query.split('&').filter(|part| !ours(part));
    kept.collect::<Vec<_>>().join("&")
}

/// The wire format below whose base URL a path is passed on, and the path from there. The longest
/// base it begins with decides; a version the base ends in may be left out.
fn passed<'p>(wires: &[(Dialect, &str)], path: &'p str, headers: &HeaderMap) -> (Dialect, &'p str) {
    let own = wires
        .first()
        .map_or(Dialect::OpenAi, |(dialect, _)| *dialect);
    let below = |base: &str| {
        let rest = path.strip_prefix(base_path(base))?;
        (rest.starts_with('/') && base_path(base).len() > 1).then_some(rest)
    };
    let longest = wires
        .iter()
        .filter_map(|(dialect, base)| Some((*dialect, below(base)?)))
        .min_by_key(|(_, rest)| rest.len());
    if let Some((dialect, rest)) = longest {
        return (dialect, rest);
    }
    let guessed = guess(path, headers);
    let dialect = wires
        .iter()
        .find(|(dialect, _)| *dialect == guessed)
        .map_or(own, |(dialect, _)| *dialect);
    let versioned = wires
        .iter()
        .any(|(known, base)| *known == dialect && base_path(base).ends_with("/v1"));
    let rest = path
        .strip_prefix("/v1")
        .filter(|rest| versioned && rest.starts_with('/'));
    (dialect, rest.unwrap_or(path))
}

/// The formats of a provider and their base URLs, its own first.
pub(super) fn wires<'a>(snapshot: &'a Snapshot, name: &str) -> Vec<(Dialect, &'a str)> {
    if let Some(provider) = snapshot.providers.get(name) {
        // What a host serves beside its own format has no address of its own.
        let all = provider.wires.iter().enumerate();
        return all
            .filter(|(index, wire)| *index == 0 || wire.shape == Shape::Plain)
            .map(|(_, wire)| (wire.dialect, wire.base.as_str()))
            .collect();
    }
    catalogue::vendor(name).map_or_else(Vec::new, |vendor| {
        let own = (vendor.dialect, vendor.base_url);
        std::iter::once(own).chain(vendor.also()).collect()
    })
}

/// The provider whose URL an SDK was made with: a configured base URL first, then a vendor's host.
pub(super) fn by_host<'a>(
    snapshot: &'a Snapshot,
    host: &str,
    port: Option<u16>,
    path: &str,
) -> Option<&'a str> {
    for provider in snapshot.providers.values() {
        let here = provider.wires.iter().any(|wire| {
            wire.host
                .as_ref()
                .is_some_and(|at| at.host() == host && at.port_u16() == port)
                && path.starts_with(base_path(&wire.base))
        });
        if here {
            return Some(&provider.name);
        }
    }
    catalogue::vendor_of_host(host).map(|vendor| vendor.name)
}

/// The path of a base URL without its trailing slash.
pub(crate) fn base_path(base: &str) -> &str {
    let after = base.find("://").map_or(0, |at| at + 3);
    base[after..]
        .find('/')
        .map_or("", |at| base[after + at..].trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use tidegate_types::config::{Config, Format};

    use super::*;
    use crate::Gateway;

    const CONFIG: &str = "
providers:
  openai: { api_key: k }
  anthropic: { api_key: k }
  gemini: { api_key: k }
  cohere: { api_key: k }
  bedrock: { api_key: k }
";

    #[test]
    fn the_page_of_paths_says_what_the_door_does() {
        let page = include_str!("../../../../docs/http.md");
        let vendors: Vec<&str> = catalogue::vendors().map(|vendor| vendor.name).collect();
        let config = Config::parse(CONFIG, Format::Yaml, &vendors, &|_| None).unwrap();
        let gateway = Gateway::new(config);
        let snapshot = gateway.inner.snapshot();
        let mut rows = 0;
        for row in page.lines().filter(|line| line.contains("| `/")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, method, path, dialect, what, _] = cells[..] else {
                panic!("{row}");
            };
            let path = path
                .trim_matches('`')
                .replace("{model}", "m")
                .replace("{id}", "x1");
            let method: Method = method.parse().unwrap();
            let uri: Uri = path.parse().unwrap();
            let kept = &gateway.inner.kept;
            let headers = HeaderMap::new();
            let (found, opened) = open(
                &snapshot,
                kept,
                &method,
                &uri,
                &headers,
                Trust::Network { peer: None },
            );
            let opened = opened.unwrap_or_else(|error| panic!("{row}: {error}"));
            assert_eq!(opened.endpoint.as_str(), what, "{row}");
            assert_eq!(found.as_str(), dialect, "{row}");
            rows += 1;
        }
        assert!(rows > 60, "{rows} rows");
    }
}
