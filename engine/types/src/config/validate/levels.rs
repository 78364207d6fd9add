//! Customers, teams, users and keys: ids, where each belongs, what it may use, how it is known.

use std::collections::BTreeMap;

use super::{
    super::{
        Config, EndUsers, KeyHash, Lists, Previous, ProviderConfig, Terms, VirtualKey,
        load::place::Place, moment, suggest,
    },
    Report, Scope, callers, header_secret, pattern,
};
use crate::{Endpoint, Secret};

/// Every level that the document describes, with its place.
pub(super) fn all(config: &Config) -> Vec<(Place, Terms<'_>)> {
    let at = |section: &str, index| Place::key(section).at(index);
    let mut all = Vec::new();
    for (index, customer) in config.customers.iter().enumerate() {
        all.push((at("customers", index), customer.terms()));
    }
    for (index, team) in config.teams.iter().enumerate() {
        all.push((at("teams", index), team.terms()));
    }
    for (index, user) in config.users.iter().enumerate() {
        all.push((at("users", index), user.terms()));
    }
    for (index, key) in config.keys.iter().enumerate() {
        all.push((at("keys", index), key.terms()));
    }
    all
}

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let config = scope.config;
    for (section, ids) in [
        ("customers", ids(&config.customers, |customer| &customer.id)),
        ("teams", ids(&config.teams, |team| &team.id)),
        ("users", ids(&config.users, |user| &user.id)),
        ("keys", ids(&config.keys, |key| &key.id)),
    ] {
        named(section, &ids, report);
    }
    for (place, terms) in all(config) {
        level(scope, &terms, &place, report);
    }
    let known = Known {
        customers: ids(&config.customers, |customer| &customer.id),
        teams: ids(&config.teams, |team| &team.id),
        users: ids(&config.users, |user| &user.id),
    };
    for (index, team) in config.teams.iter().enumerate() {
        let place = Place::key("teams").at(index);
        known.refer(&place, [("customer", &team.customer)], report);
    }
    for (index, user) in config.users.iter().enumerate() {
        let place = Place::key("users").at(index);
        let above = [("team", &user.team), ("customer", &user.customer)];
        known.refer(&place, above, report);
    }
    for (index, key) in config.keys.iter().enumerate() {
        let place = Place::key("keys").at(index);
        let above = [
            ("user", &key.user),
            ("team", &key.team),
            ("customer", &key.customer),
        ];
        known.refer(&place, above, report);
        callers::models(scope, &key.models, &place.then("models"), report);
    }
    secrets(config, report);
    if let Some(template) = &config.end_users {
        end_users(template, &Place::key("end_users"), report);
    }
}

fn ids<T>(levels: &[T], id: impl Fn(&T) -> &String) -> Vec<&str> {
    levels.iter().map(|level| id(level).as_str()).collect()
}

/// Ids are there, can be sent, and are no other's.
fn named(section: &str, ids: &[&str], report: Report<'_>) {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, id) in ids.iter().enumerate() {
        let place = Place::key(section).at(index).then("id");
        if id.trim().is_empty() {
            report(&place, "empty".to_owned());
        } else if http::HeaderValue::from_str(id).is_err() {
            let message = "must be made of printable ASCII characters: it is sent in a header";
            report(&place, message.to_owned());
        }
        if let Some(first) = known.insert(id, index) {
            let message = format!("{} already names {section}[{first}]", suggest::quote(id));
            report(&place, message);
        }
    }
}

/// What a level may name as that which it belongs to.
struct Known<'a> {
    customers: Vec<&'a str>,
    teams: Vec<&'a str>,
    users: Vec<&'a str>,
}

impl Known<'_> {
    /// Whoever it belongs to is there, and is one: the others follow from it.
    fn refer<const N: usize>(
        &self,
        place: &Place,
        above: [(&str, &Option<String>); N],
        report: Report<'_>,
    ) {
        let mut nearest = None;
        for (field, id) in above {
            let Some(id) = id else { continue };
            let known = match field {
                "customer" => &self.customers,
                "team" => &self.teams,
                _ => &self.users,
            };
            let place = place.then(field);
            if !known.contains(&id.as_str()) {
                let hint = suggest::hint(id, known.iter().copied());
                let id = suggest::quote(id);
                report(
                    &place,
                    format!("no {field} is called {id}{hint}; describe it under {field}s"),
                );
            }
            match nearest {
                None => nearest = Some(field),
                Some(nearest) => {
                    let message = format!(
                        "follows from the {nearest}, which says where it belongs; leave it out"
                    );
                    report(&place, message);
                }
            }
        }
    }
}

fn level(scope: &Scope<'_>, terms: &Terms<'_>, place: &Place, report: Report<'_>) {
    callers::terms(terms.budgets, terms.limits, place, report);
    lists(scope, terms.allow, &place.then("allow"), report);
    lists(scope, terms.deny, &place.then("deny"), report);
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, provider) in terms.providers.iter().enumerate() {
        let place = place.then("providers").at(index);
        self::provider(scope, provider, &place, report);
        if let Some(first) = known.insert(&provider.id, index) {
            let id = suggest::quote(&provider.id);
            report(
                &place.then("id"),
                format!("{id} is already described at {first}"),
            );
        }
    }
    if let Some(template) = terms.end_users {
        end_users(template, &place.then("end_users"), report);
    }
    if let Some(expires) = terms.expires {
        instant(expires, &place.then("expires"), report);
    }
    for (index, tag) in terms.tags.iter().enumerate() {
        if tag.trim().is_empty() {
            report(&place.then("tags").at(index), "empty".to_owned());
        }
    }
}

fn instant(text: &str, place: &Place, report: Report<'_>) {
    if moment::unix_seconds(text).is_none() {
        let message = "not a moment; write it as 2026-12-31T23:59:59Z (RFC 3339)";
        report(place, message.to_owned());
    }
}

fn lists(scope: &Scope<'_>, lists: &Lists, place: &Place, report: Report<'_>) {
    callers::models(scope, &lists.models, &place.then("models"), report);
    for (index, provider) in lists.providers.iter().enumerate() {
        let place = place.then("providers").at(index);
        if pattern(provider, &place, report)
            && !provider.contains('*')
            && let Some(message) = scope.refuse_provider(provider)
        {
            report(&place, message);
        }
    }
    let endpoints = Endpoint::names();
    for (index, endpoint) in lists.endpoints.iter().enumerate() {
        let place = place.then("endpoints").at(index);
        if pattern(endpoint, &place, report)
            && !endpoint.contains('*')
            && !endpoints.contains(&endpoint.as_str())
        {
            let hint = suggest::hint(endpoint, endpoints.iter().copied());
            let known = if hint.is_empty() {
                format!("; there are {}", endpoints.join(", "))
            } else {
                hint
            };
            let endpoint = suggest::quote(endpoint);
            report(&place, format!("there is no endpoint {endpoint}{known}"));
        }
    }
}

fn provider(scope: &Scope<'_>, provider: &ProviderConfig, place: &Place, report: Report<'_>) {
    if let Some(message) = scope.refuse_provider(&provider.id) {
        report(&place.then("id"), message);
    }
    for (index, model) in provider.models.iter().enumerate() {
        pattern(model, &place.then("models").at(index), report);
    }
    callers::terms(&provider.budgets, &provider.limits, place, report);
}

fn end_users(template: &EndUsers, place: &Place, report: Report<'_>) {
    callers::terms(&template.budgets, &template.limits, place, report);
    if template.budgets.is_empty() && template.limits.is_empty() && !template.required {
        let message = "says nothing; give it budgets, limits or required";
        report(place, message.to_owned());
    }
}

/// Every secret by which a key is known is there once.
fn secrets(config: &Config, report: Report<'_>) {
    let mut known: BTreeMap<[u8; 32], String> = BTreeMap::new();
    if let Some(admin) = &config.server.admin_key {
        known.insert(
            *KeyHash::of(admin.expose()).bytes(),
            "server.admin_key".to_owned(),
        );
    }
    for (index, key) in config.keys.iter().enumerate() {
        let place = Place::key("keys").at(index);
        let name = format!("keys[{index}]");
        let VirtualKey {
            value,
            hash,
            previous,
            ..
        } = key;
        secret(
            value.as_ref(),
            hash.as_ref(),
            &place,
            &name,
            &mut known,
            report,
        );
        if let Some(Previous { value, hash, until }) = previous {
            let place = place.then("previous");
            let name = format!("{name}.previous");
            secret(
                value.as_ref(),
                hash.as_ref(),
                &place,
                &name,
                &mut known,
                report,
            );
            instant(until, &place.then("until"), report);
        }
    }
}

fn secret(
    value: Option<&Secret<String>>,
    hash: Option<&KeyHash>,
    place: &Place,
    name: &str,
    known: &mut BTreeMap<[u8; 32], String>,
    report: Report<'_>,
) {
    let (field, hash) = match (value, hash) {
        (Some(value), None) => {
            header_secret(value.expose(), &place.then("value"), report);
            if value.expose().is_empty() {
                return;
            }
            ("value", KeyHash::of(value.expose()))
        }
        (None, Some(hash)) => ("hash", *hash),
        (None, None) => {
            let message = "missing: a key is known by its value or by its hash (`tidegate keys new` makes both)";
            return report(&place.then("value"), message.to_owned());
        }
        (Some(_), Some(_)) => {
            let message = "a key is known by its value or by its hash; leave one of them out";
            return report(&place.then("hash"), message.to_owned());
        }
    };
    match known.get(hash.bytes()) {
        Some(first) => report(&place.then(field), format!("the same value as {first}")),
        None => {
            known.insert(*hash.bytes(), name.to_owned());
        }
    }
}
