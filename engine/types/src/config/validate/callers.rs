//! Virtual keys, their budgets and limits.

use std::collections::BTreeMap;

use super::{
    super::{Budget, Limit, VirtualKey, load::place::Place, moment, suggest},
    Report, Scope, header_secret, pattern, positive,
};
use crate::Money;

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let section = Place::key("keys");
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut values: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, key) in scope.config.keys.iter().enumerate() {
        let place = section.at(index);
        if key.id.trim().is_empty() {
            report(&place.then("id"), "empty".to_owned());
        } else if http::HeaderValue::from_str(&key.id).is_err() {
            let message = "must be made of printable ASCII characters: it is sent in a header";
            report(&place.then("id"), message.to_owned());
        }
        if let Some(first) = ids.insert(&key.id, index) {
            let message = format!("{} already names keys[{first}]", suggest::quote(&key.id));
            report(&place.then("id"), message);
        }
        header_secret(key.value.expose(), &place.then("value"), report);
        let admin = scope.config.server.admin_key.as_ref();
        if admin.is_some_and(|admin| admin.expose() == key.value.expose()) {
            let message = "the same value as server.admin_key".to_owned();
            report(&place.then("value"), message);
        }
        if let Some(first) = values.insert(key.value.expose(), index)
            && !key.value.expose().is_empty()
        {
            report(
                &place.then("value"),
                format!("the same value as keys[{first}]"),
            );
        }
        self::key(scope, key, &place, report);
    }
}

fn key(scope: &Scope<'_>, key: &VirtualKey, place: &Place, report: Report<'_>) {
    for (index, model) in key.models.iter().enumerate() {
        let place = place.then("models").at(index);
        if pattern(model, &place, report)
            && let Some(message) = refuse_model(scope, model)
        {
            report(&place, message);
        }
    }
    for (index, budget) in key.budgets.iter().enumerate() {
        self::budget(budget, &place.then("budgets").at(index), report);
    }
    for (index, limit) in key.limits.iter().enumerate() {
        self::limit(limit, &place.then("limits").at(index), report);
    }
    if let Some(expires) = &key.expires
        && moment::unix_seconds(expires).is_none()
    {
        let message = "not a moment; write it as 2026-12-31T23:59:59Z (RFC 3339)";
        report(&place.then("expires"), message.to_owned());
    }
}

/// Why a pattern can never match what a caller may ask for.
fn refuse_model(scope: &Scope<'_>, model: &str) -> Option<String> {
    let routes = &scope.config.models;
    if routes.contains_key(model) {
        return None;
    }
    match model.split_once('/') {
        Some((provider, _)) if provider.contains('*') => None,
        Some((provider, _)) => scope.refuse_provider(provider),
        None if model.contains('*') => None,
        None => {
            let hint = suggest::hint(model, routes.keys().map(String::as_str));
            Some(format!(
                "no route is called {}{hint}{}",
                suggest::quote(model),
                if hint.is_empty() {
                    "; for a provider's own model write `provider/model`"
                } else {
                    ""
                }
            ))
        }
    }
}

fn budget(budget: &Budget, place: &Place, report: Report<'_>) {
    if budget.limit <= Money::ZERO {
        report(
            &place.then("limit"),
            "must be more than 0; `disabled: true` stops a key".to_owned(),
        );
    }
    positive(Some(budget.per), &place.then("per"), report);
}

fn limit(limit: &Limit, place: &Place, report: Report<'_>) {
    match (limit.requests, limit.in_flight) {
        (None, None) => report(
            place,
            "needs either requests (with per) or in_flight".to_owned(),
        ),
        (Some(_), Some(_)) => {
            let message = "requests and in_flight are two limits; write two entries";
            report(place, message.to_owned());
        }
        (Some(_), None) if limit.per.is_none() => {
            report(
                &place.then("per"),
                "missing: requests in which time?".to_owned(),
            );
        }
        (None, Some(_)) if limit.per.is_some() => {
            let message = "in_flight counts calls at the same time and takes no per";
            report(&place.then("per"), message.to_owned());
        }
        _ => {}
    }
    for (name, value) in [("requests", limit.requests), ("in_flight", limit.in_flight)] {
        if value == Some(0) {
            let message = "must be 1 or more; `disabled: true` stops a key".to_owned();
            report(&place.then(name), message);
        }
    }
    positive(limit.per, &place.then("per"), report);
}
