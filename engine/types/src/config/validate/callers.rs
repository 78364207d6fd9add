//! Budgets, limits and the models that callers may use.

use super::{
    super::{Budget, Limit, load::place::Place, suggest},
    Report, Scope, pattern, positive,
};
use crate::Money;

/// Budgets and limits of a level.
pub(super) fn terms(budgets: &[Budget], limits: &[Limit], place: &Place, report: Report<'_>) {
    for (index, budget) in budgets.iter().enumerate() {
        self::budget(budget, &place.then("budgets").at(index), report);
    }
    for (index, limit) in limits.iter().enumerate() {
        self::limit(limit, &place.then("limits").at(index), report);
    }
}

/// Patterns of models that callers may ask for.
pub(super) fn models(scope: &Scope<'_>, models: &[String], place: &Place, report: Report<'_>) {
    for (index, model) in models.iter().enumerate() {
        let place = place.at(index);
        if pattern(model, &place, report)
            && let Some(message) = refuse_model(scope, model)
        {
            report(&place, message);
        }
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
