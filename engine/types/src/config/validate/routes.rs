//! Routes: names, targets and how they are tried.

mod nested;
mod semantic;
mod several;

use super::{
    super::{
        Breaker, Capabilities, RetryPolicy, Route, Strategy, Target, Timeouts, load::place::Place,
        suggest,
    },
    Report, Scope, admission, header_name, header_secret, positive, probe, timeouts,
};
use crate::expression::{Expression, Kind};

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let section = Place::key("models");
    for (name, route) in &scope.config.models {
        let place = section.then(name);
        if name.trim().is_empty() {
            report(&place, "a route needs a name".to_owned());
        } else if name.trim() != name {
            report(&place, "the name begins or ends with a space".to_owned());
        } else if name.contains('*') {
            report(&place, "a route's name cannot hold a wildcard".to_owned());
        }
        self::route(scope, route, &place, report);
    }
}

fn route<'a>(scope: &Scope<'a>, route: &'a Route, place: &Place, report: Report<'_>) {
    if route.targets.is_empty() {
        let message = "missing: name at least one `provider/model`";
        report(&place.then("targets"), message.to_owned());
    }
    let chains = place.then("fallbacks_on");
    let on = &route.fallbacks_on;
    for (list, targets) in [
        (place.then("targets"), &route.targets),
        (place.then("fallbacks"), &route.fallbacks),
        (chains.then("context_window"), &on.context_window),
        (chains.then("content_policy"), &on.content_policy),
        (chains.then("rate_limit"), &on.rate_limit),
        (chains.then("auth"), &on.auth),
    ] {
        for (index, target) in targets.iter().enumerate() {
            self::target(scope, target, &list.at(index), report);
        }
    }
    let by_weight = matches!(
        route.strategy,
        Strategy::Weighted
            | Strategy::RoundRobin
            | Strategy::LeastBusy
            | Strategy::LeastUsage
            | Strategy::ConsistentHash
            | Strategy::PromptCacheAffinity
    );
    let idle = !route.targets.is_empty() && route.targets.iter().all(|target| target.weight == 0);
    if by_weight && idle {
        let message = "every weight is 0; at least one target must take calls";
        report(&place.then("targets"), message.to_owned());
    }
    let canaries: f64 = route
        .targets
        .iter()
        .filter_map(|target| target.canary)
        .sum();
    if canaries > 100.0 {
        let message = format!("the canaries take {canaries} percent together, more than 100");
        report(&place.then("targets"), message);
    }
    strategy(route, place, report);
    nested::check(scope, route, place, report);
    semantic::check(scope, route, place, report);
    several::check(scope, route, place, report);
    retry(&route.retry, &place.then("retry"), report);
    if let Some(cache) = &route.cache {
        positive(cache.ttl, &place.then("cache").then("ttl"), report);
    }
}

/// What a strategy goes by, and the fields only one of them reads.
fn strategy(route: &Route, place: &Place, report: Report<'_>) {
    let (words, meaning): (&[&str], _) = match route.strategy {
        Strategy::LeastLatency => (&["first_token", "per_token", "total"], ""),
        Strategy::LeastUsage => (&["tokens", "cost", "requests"], ""),
        Strategy::ConsistentHash => (
            &["user", "session", "key"],
            ", header:NAME or an expression",
        ),
        _ => (&[], ""),
    };
    if let Some(by) = route.by.as_deref() {
        let by_place = place.then("by");
        let header = by.strip_prefix("header:");
        if words.is_empty() {
            let message = "only least_latency, least_usage and consistent_hash go by something";
            report(&by_place, message.to_owned());
        } else if let (Strategy::ConsistentHash, Some(name)) = (route.strategy, header) {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                report(&by_place, "not a valid header name".to_owned());
            }
        } else if route.strategy == Strategy::ConsistentHash
            && Expression::compile(by, Kind::String).is_ok()
        {
            // An expression names the caller.
        } else if !words.contains(&by) {
            let hint = suggest::hint(by, words.iter().copied());
            let wrong = match route.strategy {
                Strategy::ConsistentHash => Expression::compile(by, Kind::String).err(),
                _ => None,
            };
            let wrong = wrong.map_or_else(String::new, |wrong| format!(": {wrong}"));
            let message = format!("must be {}{meaning}{hint}{wrong}", words.join(", "));
            report(&by_place, message);
        }
    }
    let windowed = matches!(
        route.strategy,
        Strategy::LeastUsage | Strategy::PromptCacheAffinity
    );
    if route.window.is_some() && !windowed {
        let message = "only least_usage and prompt_cache_affinity have a window".to_owned();
        report(&place.then("window"), message);
    }
    positive(route.window, &place.then("window"), report);
    let Some(complexity) = &route.complexity else {
        return;
    };
    let place = place.then("complexity");
    if route.strategy != Strategy::Complexity {
        report(&place, "only strategy: complexity reads this".to_owned());
    }
    for (name, value) in [
        ("tokens", complexity.tokens),
        ("messages", complexity.messages),
    ] {
        if value == Some(0) {
            report(&place.then(name), "must be 1 or more".to_owned());
        }
    }
    if let (Some(medium), Some(complex)) = (complexity.medium, complexity.complex)
        && medium > complex
    {
        report(
            &place.then("medium"),
            "must not be more than complex".to_owned(),
        );
    }
    if complexity.words.keys().any(|word| word.trim().is_empty()) {
        report(&place.then("words"), "a word is empty".to_owned());
    }
}

fn retry(retry: &RetryPolicy, place: &Place, report: Report<'_>) {
    if retry.attempts == Some(0) {
        let message = "must be 1 or more: it counts every try, and 1 means no retry";
        report(&place.then("attempts"), message.to_owned());
    }
    if let (Some(backoff), Some(longest)) = (retry.backoff, retry.max_backoff)
        && backoff > longest
    {
        report(
            &place.then("backoff"),
            "must not be longer than max_backoff".to_owned(),
        );
    }
    if retry
        .budget
        .is_some_and(|share| !(0.0..=1.0).contains(&share))
    {
        report(
            &place.then("budget"),
            "must be a share between 0 and 1, such as 0.2".to_owned(),
        );
    }
    positive(retry.give_up_after, &place.then("give_up_after"), report);
}

pub(super) fn breaker(breaker: &Breaker, place: &Place, report: Report<'_>) {
    for (name, value) in [("failures", breaker.failures), ("calls", breaker.calls)] {
        if value == Some(0) {
            report(&place.then(name), "must be 1 or more".to_owned());
        }
    }
    if breaker
        .share
        .is_some_and(|share| !(share > 0.0 && share <= 1.0))
    {
        let message = "must be a share above 0 and up to 1, such as 0.5".to_owned();
        report(&place.then("share"), message);
    }
    for (name, value) in [
        ("window", breaker.window),
        ("open", breaker.open),
        ("max_open", breaker.max_open),
    ] {
        positive(value, &place.then(name), report);
    }
    if let (Some(open), Some(longest)) = (breaker.open, breaker.max_open)
        && open > longest
    {
        let message = "must not be longer than max_open".to_owned();
        report(&place.then("open"), message);
    }
}

fn target<'a>(scope: &Scope<'a>, target: &'a Target, place: &Place, report: Report<'_>) {
    let model = target.model.as_str();
    if target
        .canary
        .is_some_and(|percent| !(percent > 0.0 && percent <= 100.0))
    {
        let message = "must be a percentage above 0 and up to 100".to_owned();
        report(&place.then("canary"), message);
    }
    for (index, tag) in target.tags.iter().enumerate() {
        if tag.is_empty() || tag.contains([',', ' ']) {
            let message = "a tag is a word without commas and spaces".to_owned();
            report(&place.then("tags").at(index), message);
        }
    }
    if target.max_input_tokens == Some(0) {
        report(
            &place.then("max_input_tokens"),
            "must be 1 or more".to_owned(),
        );
    }
    admission::cap(target.max_in_flight, place, report);
    let providers = scope.config.providers.as_ref();
    let provider = model
        .split_once('/')
        .and_then(|(name, _)| providers?.get(name));
    let passes = provider.is_none_or(|provider| provider.passthrough != Some(false));
    probe::check(target.probe.as_ref(), passes, place, report);
    if scope.config.models.contains_key(model) {
        nested::target(scope, target, place, report);
        return;
    }
    if let Some(message) = refuse_model(scope, model) {
        report(&place.then("model"), message);
    }
    if target.params.contains_key("model") {
        let message = "write the model as the target's own `model`".to_owned();
        report(&place.then("params").then("model"), message);
    }
    if target.params.contains_key("stream") {
        let message = "whether a reply is streamed is the caller's choice".to_owned();
        report(&place.then("params").then("stream"), message);
    }
    for (name, value) in &target.headers {
        let place = place.then("headers").then(name);
        header_name(name, &place, report);
        header_secret(value.expose(), &place, report);
    }
    timeouts(&target.timeouts, &place.then("timeouts"), report);
}

fn refuse_model(scope: &Scope<'_>, model: &str) -> Option<String> {
    if model.is_empty() {
        return Some("empty; write `provider/model`".to_owned());
    }
    let Some((provider, name)) = model.split_once('/') else {
        let quoted = suggest::quote(model);
        return Some(
            if scope.is_vendor(model)
                || scope
                    .config
                    .providers
                    .as_ref()
                    .is_some_and(|known| known.contains_key(model))
            {
                format!("{quoted} is a provider; write `{model}/` and the model's name")
            } else {
                let hint = suggest::hint(model, scope.config.models.keys().map(String::as_str));
                format!("{quoted} is no route and has no provider; write `provider/model`{hint}")
            },
        );
    };
    if let Some(message) = scope.refuse_provider(provider) {
        return Some(message);
    }
    if name.is_empty() {
        return Some(format!("the model after \"{provider}/\" is missing"));
    }
    if name.contains('*') {
        return Some("a target is one model; it cannot hold a wildcard".to_owned());
    }
    (name.trim() != name || name.chars().any(char::is_control))
        .then(|| "the model's name holds a space or a control character".to_owned())
}
