//! What the types alone cannot say: references, ranges, formats and uniqueness.

mod admission;
mod budgets;
mod callers;
mod clouds;
mod levels;
mod log;
mod probe;
mod providers;
mod routes;
mod rules;
mod server;

use super::{Config, Duration, load::place::Place};

/// Where a mistake is told.
type Report<'a> = &'a mut dyn FnMut(&Place, String);

/// Tells every mistake in a document whose types are right. `providers_known` is false when the
/// providers could not be read, so that no reference to one can be judged.
pub(super) fn check(config: &Config, vendors: &[&str], providers_known: bool, report: Report<'_>) {
    let scope = Scope {
        config,
        vendors,
        providers_known,
    };
    let root = Place::default();
    providers::check(&scope, report);
    routes::check(&scope, report);
    rules::check(&scope, report);
    levels::check(&scope, report);
    server::check(&config.server, report);
    admission::check(&scope, report);
    log::check(&scope, report);
    stores(config, report);
    timeouts(&config.timeouts, &root.then("timeouts"), report);
    routes::breaker(&config.breaker, &root.then("breaker"), report);
    if config.cache.memory.is_some_and(|memory| memory.0 == 0) {
        let message = "must be more than 0; a route without `cache` is not cached".to_owned();
        report(&root.then("cache").then("memory"), message);
    }
    if config.assume_output_tokens == Some(0) {
        report(
            &root.then("assume_output_tokens"),
            "must be 1 or more".to_owned(),
        );
    }
}

/// What references are judged by.
struct Scope<'a> {
    config: &'a Config,
    vendors: &'a [&'a str],
    providers_known: bool,
}

impl<'a> Scope<'a> {
    fn is_vendor(&self, name: &str) -> bool {
        self.vendors.contains(&name)
    }

    /// Why calls cannot go to that provider; `None` when they can.
    fn refuse_provider(&self, name: &str) -> Option<String> {
        if !self.providers_known {
            return None;
        }
        if name.is_empty() {
            return Some("the provider in front of the `/` is missing".to_owned());
        }
        let configured = self.config.providers.as_ref();
        let known = match configured {
            Some(providers) => providers.contains_key(name),
            None => self.is_vendor(name),
        };
        if known {
            return None;
        }
        if self.is_vendor(name) {
            return Some(format!(
                "provider \"{name}\" is not configured; add providers.{name}"
            ));
        }
        let candidates: Vec<&'a str> = configured
            .into_iter()
            .flat_map(|providers| providers.keys().map(String::as_str))
            .chain(self.vendors.iter().copied())
            .collect();
        let hint = super::suggest::hint(name, candidates);
        let add = if hint.is_empty() && configured.is_none() {
            "; describe it under providers, with dialect and base_url"
        } else {
            ""
        };
        Some(format!(
            "unknown provider {}{hint}{add}",
            super::suggest::quote(name)
        ))
    }
}

/// Stores are named by URLs whose schemes are known.
fn stores(config: &Config, report: Report<'_>) {
    let known = ["memory", "sqlite:", "postgres:", "postgresql:"];
    let shared = ["redis:", "rediss:", "valkey:", "valkeys:"];
    let fields = [
        ("store", &config.store, &known[..]),
        ("shared", &config.shared, &shared[..]),
    ];
    for (name, url, schemes) in fields {
        let Some(url) = url else { continue };
        let fits = |scheme: &&str| match scheme.strip_suffix(':') {
            Some(_) => url.expose().starts_with(*scheme),
            None => url.expose() == *scheme,
        };
        if !schemes.iter().any(fits) {
            // Never the URL itself: it may hold a password.
            let message = format!("must begin with one of {}", schemes.join(", "));
            report(&Place::key(name), message);
        }
    }
}

/// Deadlines of zero would fail every call.
fn timeouts(timeouts: &super::Timeouts, place: &Place, report: Report<'_>) {
    for (name, value) in [
        ("connect", timeouts.connect),
        ("first_byte", timeouts.first_byte),
        ("first_token", timeouts.first_token),
        ("stall", timeouts.stall),
        ("idle", timeouts.idle),
        ("total", timeouts.total),
    ] {
        positive(value, &place.then(name), report);
    }
    if timeouts.min_tokens_per_second == Some(0) {
        let message = "must be 1 or more".to_owned();
        report(&place.then("min_tokens_per_second"), message);
    }
}

fn positive(value: Option<Duration>, place: &Place, report: Report<'_>) {
    if value.is_some_and(|value| value.get().is_zero()) {
        report(place, "must be longer than 0".to_owned());
    }
}

/// A pattern of model names: any text, `*` for any part of it.
fn pattern(pattern: &str, place: &Place, report: Report<'_>) -> bool {
    if pattern.trim().is_empty() {
        report(
            place,
            "empty; name a model, or use * as a wildcard".to_owned(),
        );
    } else if pattern.trim() != pattern {
        report(place, "begins or ends with a space".to_owned());
    } else if pattern.contains(['?', '[', '^', '$', '(', '|']) {
        report(
            place,
            "the only wildcard is *, which stands for any text".to_owned(),
        );
    } else {
        return true;
    }
    false
}

/// Headers the gateway or HTTP itself must decide.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn header_name(name: &str, place: &Place, report: Report<'_>) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        report(place, "not a valid header name".to_owned());
    } else if RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        report(
            place,
            "cannot be set: HTTP itself decides this header".to_owned(),
        );
    }
}

/// A secret that is sent in a header. Says what is wrong without saying what it is.
fn header_secret(value: &str, place: &Place, report: Report<'_>) {
    if value.is_empty() {
        report(place, "empty".to_owned());
    } else if http::HeaderValue::from_str(value).is_err() {
        report(
            place,
            "holds characters a header cannot carry, such as a line break".to_owned(),
        );
    } else if value.trim() != value {
        report(place, "begins or ends with a space".to_owned());
    }
}
