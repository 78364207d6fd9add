//! Routes inside routes.

use std::collections::BTreeSet;

use super::{Capabilities, Place, Report, Route, Scope, Strategy, Target, Timeouts};
use crate::config::CacheMode;

/// What is decided before a target is chosen is said by the route that is called. Where one inside it says
/// something else, it is to be said which holds.
pub(super) fn check(scope: &Scope<'_>, route: &Route, place: &Place, report: Report<'_>) {
    for (index, target) in route.targets.iter().enumerate() {
        let Some(inner) = scope.config.models.get(&target.model) else {
            continue;
        };
        let place = place.then("targets").at(index);
        let cached = inner.cache.as_ref();
        if cached.is_some_and(|cache| cache.mode != CacheMode::Off) && route.cache.is_none() {
            let message = format!(
                "{:?} caches answers, and whether calls that come to it from here are cached is said \
                 here: add `cache` to this route (`mode: off` where they are not)",
                target.model
            );
            report(&place, message);
        }
        if inner.priority.is_some() && route.priority.is_none() {
            let message = format!(
                "{:?} has a `priority`, and which one calls have that come to it from here is said here: \
                 add `priority` to this route",
                target.model
            );
            report(&place, message);
        }
    }
}

/// A target that is another route: its own targets say what the others would.
pub(super) fn target<'a>(scope: &Scope<'a>, target: &'a Target, place: &Place, report: Report<'_>) {
    for (name, set) in [
        ("params", !target.params.is_empty()),
        ("headers", !target.headers.is_empty()),
        ("timeouts", target.timeouts != Timeouts::default()),
        ("max_input_tokens", target.max_input_tokens.is_some()),
        (
            "capabilities",
            target.capabilities != Capabilities::default(),
        ),
        ("max_in_flight", target.max_in_flight.is_some()),
        ("probe", target.probe.is_some()),
    ] {
        if set {
            let message = format!("{:?} is a route: its own targets say this", target.model);
            report(&place.then(name), message);
        }
    }
    let inner = scope.config.models.get(&target.model);
    if inner.is_some_and(|inner| inner.strategy == Strategy::Ensemble) {
        let message = format!(
            "{:?} asks a panel and a judge, which is no target of another route; call it by its own \
             name, or lead there with a rule",
            target.model
        );
        report(&place.then("model"), message);
    }
    let mut path = vec![target.model.as_str()];
    if let Some(way) = circle(scope, &mut path, &mut BTreeSet::new()) {
        let message = format!("leads back to itself: {way}");
        report(&place.then("model"), message);
    }
}

/// The way from a route back to itself, as `a -> b -> a`. `seen` are routes that do not lead there.
fn circle<'a>(
    scope: &Scope<'a>,
    path: &mut Vec<&'a str>,
    seen: &mut BTreeSet<&'a str>,
) -> Option<String> {
    let route = scope.config.models.get(*path.last()?)?;
    for target in route.targets.iter().chain(&route.fallbacks) {
        let Some((name, _)) = scope.config.models.get_key_value(&target.model) else {
            continue;
        };
        if path.first() == Some(&name.as_str()) {
            return Some([&path.join(" -> "), " -> ", name].concat());
        }
        if !seen.insert(name) {
            continue;
        }
        path.push(name);
        let found = circle(scope, path, seen);
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}
