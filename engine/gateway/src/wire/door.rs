//! From method, host and path to an endpoint, a dialect and the provider they imply.

use http::{HeaderMap, Method, Uri};
use tidegate_providers::catalogue;
use tidegate_types::{Code, Dialect, Endpoint, Error};

use super::Trust;
use crate::snapshot::Snapshot;

type Opened = Result<(Endpoint, Option<String>), Error>;

/// Finds the endpoint. The dialect is known even when there is none, so that the error has a shape.
pub(super) fn open(
    snapshot: &Snapshot,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    trust: Trust,
) -> (Dialect, Opened) {
    let path = uri.path();
    if trust == Trust::Process
        && let Some(host) = uri.host()
        && let Some((provider, dialect, rest)) = by_host(snapshot, host, uri.port_u16(), path)
    {
        return below(snapshot, provider, dialect, method, rest, uri.query());
    }
    if let Some(found) = common(method, path, headers) {
        return found;
    }
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    if let Some(dialect) = dialect_of(snapshot, first) {
        let rest = &path[path.len().min(first.len() + 1)..];
        let rest = match dialect {
            Dialect::Anthropic => rest,
            // The version path belongs to the provider's base URL.
            _ => rest
                .strip_prefix("/v1")
                .filter(|rest| rest.starts_with('/'))
                .unwrap_or(rest),
        };
        return below(snapshot, first, dialect, method, rest, uri.query());
    }
    let text = format!("nothing is served at {method} {path}");
    (
        guess(path, headers),
        Err(Error::new(Code::UnknownEndpoint, text)),
    )
}

/// The paths every caller knows, with or without the version.
fn common(method: &Method, path: &str, headers: &HeaderMap) -> Option<(Dialect, Opened)> {
    let (dialect, endpoint, wanted) = match path.strip_prefix("/v1").unwrap_or(path) {
        "/chat/completions" => (Dialect::OpenAi, Endpoint::Chat, Method::POST),
        "/messages" => (Dialect::Anthropic, Endpoint::Chat, Method::POST),
        "/embeddings" => (Dialect::OpenAi, Endpoint::Embeddings, Method::POST),
        "/models" => (guess(path, headers), Endpoint::Models, Method::GET),
        _ => return None,
    };
    let opened = if *method == wanted {
        Ok((endpoint, None))
    } else {
        Err(Error::new(
            Code::UnknownEndpoint,
            format!("{path} answers {wanted}, not {method}"),
        ))
    };
    Some((dialect, opened))
}

/// Anthropic's SDKs name their API's version in every request.
fn guess(path: &str, headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") || path.starts_with("/anthropic") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    }
}

/// A path below a provider: its chat and embeddings endpoints are calls, all others pass through.
fn below(
    snapshot: &Snapshot,
    provider: &str,
    dialect: Dialect,
    method: &Method,
    rest: &str,
    query: Option<&str>,
) -> (Dialect, Opened) {
    let implied = Some(provider.to_owned());
    let endpoint = match (dialect, rest, method.as_str()) {
        (Dialect::OpenAi, "/chat/completions", "POST")
        | (Dialect::Anthropic, "/v1/messages", "POST") => Endpoint::Chat,
        (Dialect::OpenAi, "/embeddings", "POST") => Endpoint::Embeddings,
        (_, "/models" | "/v1/models", "GET") if !snapshot.providers.contains_key(provider) => {
            Endpoint::Models
        }
        _ if rest.contains("/../") || rest.ends_with("/..") || !rest.starts_with('/') => {
            let text = format!("{rest:?} is no path of {provider:?}");
            return (dialect, Err(Error::new(Code::UnknownEndpoint, text)));
        }
        _ => Endpoint::Passthrough {
            provider: provider.to_owned(),
            method: method.clone(),
            path: query.map_or_else(|| rest.to_owned(), |query| [rest, "?", query].concat()),
        },
    };
    (dialect, Ok((endpoint, implied)))
}

fn dialect_of(snapshot: &Snapshot, name: &str) -> Option<Dialect> {
    snapshot
        .providers
        .get(name)
        .map(|provider| provider.dialect)
        .or_else(|| catalogue::vendor(name).map(|vendor| vendor.dialect))
}

/// The provider whose URL an SDK was made with: a configured base URL first, then a vendor's host.
fn by_host<'a>(
    snapshot: &'a Snapshot,
    host: &str,
    port: Option<u16>,
    path: &'a str,
) -> Option<(&'a str, Dialect, &'a str)> {
    for provider in snapshot.providers.values() {
        if let Some(chat) = provider.chat.as_ref()
            && chat.host() == Some(host)
            && chat.port_u16() == port
            && let Some(rest) = path.strip_prefix(base_path(&provider.base))
        {
            return Some((&provider.name, provider.dialect, rest));
        }
    }
    let vendor = catalogue::vendors().find(|vendor| vendor.hosts.contains(&host))?;
    let rest = path
        .strip_prefix(base_path(vendor.base_url))
        .unwrap_or(path);
    Some((vendor.name, vendor.dialect, rest))
}

/// The path of a base URL without its trailing slash.
fn base_path(base: &str) -> &str {
    let after = base.find("://").map_or(0, |at| at + 3);
    base[after..]
        .find('/')
        .map_or("", |at| base[after + at..].trim_end_matches('/'))
}
