//! Budgets, limits and the models that callers may use.

use super::{
    super::{Budget, Limit, load::place::Place, suggest},
    Report, Scope, budgets, pattern,
};

/// Budgets and limits of a level.
pub(super) fn terms(budgets: &[Budget], limits: &[Limit], place: &Place, report: Report<'_>) {
    for (index, budget) in budgets.iter().enumerate() {
        budgets::budget(budget, &place.then("budgets").at(index), report);
    }
    for (index, limit) in limits.iter().enumerate() {
        budgets::limit(limit, &place.then("limits").at(index), report);
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
