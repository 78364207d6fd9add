//! Providers: where they are, their keys and prices.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Dimension, MockReply, Price, Provider, load::place::Place, suggest},
    Report, Scope, admission, clouds, header_name, header_secret, pattern, probe,
    routes::breaker,
    timeouts,
};
use crate::{Money, Service};

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let Some(providers) = &scope.config.providers else {
        return;
    };
    let section = Place::key("providers");
    if providers.is_empty() {
        let message = "empty; add a provider, or leave `providers` out to use every vendor whose \
                       key is in the environment";
        report(&section, message.to_owned());
    }
    for (name, provider) in providers {
        let place = section.then(name);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            let message = "a provider's name is made of letters, digits, `.`, `_` and `-`: it is \
                           part of `provider/model` and of paths";
            report(&place, message.to_owned());
        }
        place_of(scope, name, provider, &place, report);
        keys(provider, &place, report);
        clouds::check(provider, &place, report);
        for (header, value) in &provider.headers {
            let place = place.then("headers").then(header);
            header_name(header, &place, report);
            if http::HeaderValue::from_str(value.expose()).is_err() {
                let message = "holds characters a header cannot carry, such as a line break";
                report(&place, message.to_owned());
            }
        }
        timeouts(&provider.timeouts, &place.then("timeouts"), report);
        breaker(&provider.breaker, &place.then("breaker"), report);
        admission::cap(provider.max_in_flight, &place, report);
        let passes = provider.passthrough != Some(false);
        probe::check(provider.probe.as_ref(), passes, &place, report);
        for (model, price) in &provider.prices {
            let place = place.then("prices").then(model);
            if model.is_empty() {
                report(&place, "empty; name a model, or use * for all".to_owned());
            } else if model != "*" && model.contains('*') {
                let message = "no wildcards here: name one model, or use * alone for every model \
                               without an entry";
                report(&place, message.to_owned());
            }
            self::price(price, &place, report);
        }
        if let Some(mock) = &provider.mock {
            for (index, reply) in mock.replies.iter().enumerate() {
                let place = place.then("mock").then("replies").at(index);
                mock_reply(reply, &place, report);
            }
        }
    }
}

fn place_of(scope: &Scope<'_>, name: &str, provider: &Provider, place: &Place, report: Report<'_>) {
    let vendor = scope.is_vendor(name);
    if !vendor {
        let hint = suggest::nearest(name, scope.vendors.iter().copied());
        let who = match hint {
            Some(vendor) => format!(
                "{} is not a known vendor; did you mean \"{vendor}\"? If not, ",
                suggest::quote(name)
            ),
            None => format!("{} is not a known vendor; ", suggest::quote(name)),
        };
        let function = provider.function.is_some();
        let needs_url = provider.base_url.is_none() && provider.mock.is_none() && !function;
        match (provider.dialect.is_none() && !function, needs_url) {
            (true, true) => {
                let message = format!("{who}say its dialect and base_url");
                report(place, message);
            }
            (true, false) => {
                report(
                    &place.then("dialect"),
                    format!("missing: {who}say its dialect"),
                );
            }
            (false, true) => {
                report(
                    &place.then("base_url"),
                    format!("missing: {who}say where it listens"),
                );
            }
            (false, false) => {}
        }
    }
    if let Some(function) = &provider.function {
        let place = place.then("function");
        if function.is_empty() {
            report(&place, "empty; name the function".to_owned());
        }
        if provider.base_url.is_some() || provider.mock.is_some() {
            let message = "give one of function, base_url and mock, not several";
            report(&place, message.to_owned());
        }
    }
    if let Some(url) = &provider.base_url
        && let Err(message) = base_url(url)
    {
        report(&place.then("base_url"), message);
    }
}

/// Whether requests can be sent below this URL. The message does not quote it: it may hold a password.
pub(super) fn base_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("empty".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("must begin with http:// or https://".to_owned());
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not hold a user name or password; use api_key or headers".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("must not hold a query or a fragment: paths are appended to it".to_owned());
    }
    // Names between braces are replaced by the provider's variables.
    let text = &text.replace(['{', '}'], "x");
    let authority = &authority.replace(['{', '}'], "x");
    let valid = text.parse::<http::Uri>().is_ok_and(|uri| {
        uri.host().is_some_and(|host| !host.is_empty()) && port_is_valid(authority)
    });
    if valid {
        Ok(())
    } else {
        Err("not a valid URL".to_owned())
    }
}

fn port_is_valid(authority: &str) -> bool {
    let after_host = match authority.rsplit_once(']') {
        Some((_, after)) => after,
        None => authority.find(':').map_or("", |colon| &authority[colon..]),
    };
    match after_host.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port != 0),
        None => after_host.is_empty(),
    }
}

fn keys(provider: &Provider, place: &Place, report: Report<'_>) {
    if let Some(key) = &provider.api_key {
        header_secret(key.expose(), &place.then("api_key"), report);
        if !provider.keys.is_empty() {
            report(
                &place.then("keys"),
                "give either api_key or keys, not both".to_owned(),
            );
        }
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut values: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, key) in provider.keys.iter().enumerate() {
        let place = place.then("keys").at(index);
        header_secret(key.value.expose(), &place.then("value"), report);
        if let Some(first) = values.insert(key.value.expose(), index)
            && !key.value.expose().is_empty()
        {
            report(
                &place.then("value"),
                format!("the same key as keys[{first}]"),
            );
        }
        if let Some(name) = &key.name {
            if name.is_empty() {
                report(&place.then("name"), "empty".to_owned());
            } else if let Some(first) = names.insert(name, index) {
                let message = format!("{} already names keys[{first}]", suggest::quote(name));
                report(&place.then("name"), message);
            }
        }
        admission::cap(key.max_in_flight, &place, report);
        for (position, model) in key.models.iter().enumerate() {
            pattern(model, &place.then("models").at(position), report);
        }
    }
    if !provider.keys.is_empty() && provider.keys.iter().all(|key| key.weight == 0) {
        let message = "every weight is 0; at least one key must take calls";
        report(&place.then("keys"), message.to_owned());
    }
}

fn price(price: &Price, place: &Place, report: Report<'_>) {
    amounts(|dimension| price.get(dimension), place, report);
    for (picture, amount) in &price.pictures {
        if *amount < Money::ZERO {
            let place = place.then("pictures").then(&picture.to_string());
            report(&place, "must not be negative".to_owned());
        }
    }
    let mut bars = BTreeSet::new();
    for (index, tier) in price.tiers.iter().enumerate() {
        let place = place.then("tiers").at(index);
        amounts(|dimension| tier.get(dimension), &place, report);
        if tier.above == 0 {
            report(
                &place.then("above"),
                "must be a number of tokens above 0".to_owned(),
            );
        } else if !bars.insert(tier.above) {
            report(
                &place.then("above"),
                format!("{} has a tier already", tier.above),
            );
        }
    }
    for (service, own) in &price.services {
        let place = place.then("services").then(service.as_str());
        if *service == Service::Standard {
            let message = "the standard service costs what stands outside `services`";
            report(&place, message.to_owned());
        }
        if !own.pictures.is_empty() {
            let message = "pictures cost the same whichever service makes them";
            report(&place.then("pictures"), message.to_owned());
        }
        if own.services.is_empty() {
            self::price(own, &place, report);
        } else {
            let message = "a service has no services of its own";
            report(&place.then("services"), message.to_owned());
        }
    }
}

fn amounts(amount: impl Fn(Dimension) -> Option<Money>, place: &Place, report: Report<'_>) {
    for dimension in Dimension::ALL {
        if amount(*dimension).is_some_and(|amount| amount < Money::ZERO) {
            report(
                &place.then(dimension.as_str()),
                "must not be negative".to_owned(),
            );
        }
    }
}

fn mock_reply(reply: &MockReply, place: &Place, report: Report<'_>) {
    if reply
        .status
        .is_some_and(|status| !(200..=599).contains(&status))
    {
        report(
            &place.then("status"),
            "must be a status from 200 to 599".to_owned(),
        );
    }
    if reply.text.is_some() && reply.body.is_some() {
        report(
            &place.then("body"),
            "give either text or body, not both".to_owned(),
        );
    }
    for (name, value) in &reply.headers {
        let place = place.then("headers").then(name);
        header_name(name, &place, report);
        if http::HeaderValue::from_str(value).is_err() {
            report(&place, "holds characters a header cannot carry".to_owned());
        }
    }
}
