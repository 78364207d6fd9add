//! What is compared under `strategy: semantic`.

use super::{Place, Report, Route, Scope, Strategy, positive, refuse_model};

pub(super) fn check(scope: &Scope<'_>, route: &Route, place: &Place, report: Report<'_>) {
    let compared = route.strategy == Strategy::Semantic;
    let on = &route.fallbacks_on;
    let chains = place.then("fallbacks_on");
    for (list, targets, read) in [
        (place.then("targets"), &route.targets, compared),
        (place.then("fallbacks"), &route.fallbacks, false),
        (chains.then("context_window"), &on.context_window, false),
        (chains.then("content_policy"), &on.content_policy, false),
        (chains.then("rate_limit"), &on.rate_limit, false),
        (chains.then("auth"), &on.auth, false),
    ] {
        for (index, target) in targets.iter().enumerate() {
            let place = list.at(index);
            let message = "only `targets` of a route with strategy: semantic are compared by this";
            if !read && target.description.is_some() {
                report(&place.then("description"), message.to_owned());
            }
            if !read && !target.examples.is_empty() {
                report(&place.then("examples"), message.to_owned());
            }
            let blank = |text: &String| text.trim().is_empty();
            if target.description.as_ref().is_some_and(blank) {
                report(&place.then("description"), "empty".to_owned());
            }
            for (number, _) in target
                .examples
                .iter()
                .enumerate()
                .filter(|(_, text)| blank(text))
            {
                report(&place.then("examples").at(number), "empty".to_owned());
            }
        }
    }
    let Some(semantic) = &route.semantic else {
        if compared {
            let message = "missing: strategy: semantic needs an `embedder`";
            report(&place.then("semantic"), message.to_owned());
        }
        return;
    };
    let told = |target: &super::Target| target.description.is_some() || !target.examples.is_empty();
    if compared && !route.targets.is_empty() && !route.targets.iter().any(told) {
        let message = "no target has a `description` or `examples` to compare requests with";
        report(&place.then("targets"), message.to_owned());
    }
    let place = place.then("semantic");
    if !compared {
        report(&place, "only strategy: semantic reads this".to_owned());
    }
    embedder(scope, &semantic.embedder, &place.then("embedder"), report);
    let cosine = |threshold: f64| (-1.0..=1.0).contains(&threshold);
    if semantic
        .threshold
        .is_some_and(|threshold| !cosine(threshold))
    {
        let message = "must be a similarity between -1 and 1, such as 0.4";
        report(&place.then("threshold"), message.to_owned());
    }
    positive(semantic.timeout, &place.then("timeout"), report);
}

/// One model: vectors of two cannot be compared with each other.
fn embedder(scope: &Scope<'_>, model: &str, place: &Place, report: Report<'_>) {
    if scope.config.models.contains_key(model) {
        let message = format!(
            "{model:?} is a route; name one model as `provider/model`, for vectors of different \
             models cannot be compared"
        );
        report(place, message);
    } else if let Some(message) = refuse_model(scope, model) {
        report(place, message);
    }
}
