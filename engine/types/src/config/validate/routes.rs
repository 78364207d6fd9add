//! Routes: names, targets and how they are tried.

use super::{
    super::{Route, Strategy, Target, load::place::Place, suggest},
    Report, Scope, positive, timeouts,
};

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

fn route(scope: &Scope<'_>, route: &Route, place: &Place, report: Report<'_>) {
    if route.targets.is_empty() {
        let message = "missing: name at least one `provider/model`";
        report(&place.then("targets"), message.to_owned());
    }
    for (list, targets) in [("targets", &route.targets), ("fallbacks", &route.fallbacks)] {
        for (index, target) in targets.iter().enumerate() {
            self::target(scope, target, &place.then(list).at(index), report);
        }
    }
    let idle = !route.targets.is_empty() && route.targets.iter().all(|target| target.weight == 0);
    if route.strategy == Strategy::Weighted && idle {
        let message = "every weight is 0; at least one target must take calls";
        report(&place.then("targets"), message.to_owned());
    }
    let retry = place.then("retry");
    if route.retry.attempts == Some(0) {
        let message = "must be 1 or more: it counts every try, and 1 means no retry";
        report(&retry.then("attempts"), message.to_owned());
    }
    if let (Some(backoff), Some(longest)) = (route.retry.backoff, route.retry.max_backoff)
        && backoff > longest
    {
        report(
            &retry.then("backoff"),
            "must not be longer than max_backoff".to_owned(),
        );
    }
    if let Some(cache) = &route.cache {
        positive(cache.ttl, &place.then("cache").then("ttl"), report);
    }
}

fn target(scope: &Scope<'_>, target: &Target, place: &Place, report: Report<'_>) {
    let model = target.model.as_str();
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
    timeouts(&target.timeouts, &place.then("timeouts"), report);
}

fn refuse_model(scope: &Scope<'_>, model: &str) -> Option<String> {
    if model.is_empty() {
        return Some("empty; write `provider/model`".to_owned());
    }
    let Some((provider, name)) = model.split_once('/') else {
        let quoted = suggest::quote(model);
        return Some(if scope.config.models.contains_key(model) {
            format!(
                "{quoted} is a route, and a route's targets cannot be other routes; name its \
                 targets as `provider/model`"
            )
        } else if scope.is_vendor(model)
            || scope
                .config
                .providers
                .as_ref()
                .is_some_and(|known| known.contains_key(model))
        {
            format!("{quoted} is a provider; write `{model}/` and the model's name")
        } else {
            format!("{quoted} has no provider; write `provider/model`")
        });
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
