//! Rules: names, what they do, and where they lead. Conditions are compiled when they are read.

use super::{
    super::{Rule, load::place::Place, suggest},
    Report, Scope, levels,
};

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    rules(scope, &scope.config.rules, &Place::key("rules"), report);
    for (place, terms) in levels::all(scope.config) {
        rules(scope, terms.rules, &place.then("rules"), report);
    }
}

fn rules(scope: &Scope<'_>, rules: &[Rule], place: &Place, report: Report<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        let place = place.at(index);
        if rule.name.trim().is_empty() {
            report(&place.then("name"), "empty".to_owned());
        } else if http::HeaderValue::from_str(&rule.name).is_err() {
            let message = "must be made of printable ASCII characters: it is sent in a header";
            report(&place.then("name"), message.to_owned());
        }
        if let Some(first) = rules[..index]
            .iter()
            .position(|other| other.name == rule.name)
        {
            let message = format!(
                "{} already names the rule at {first}",
                suggest::quote(&rule.name)
            );
            report(&place.then("name"), message);
        }
        let leads = rule.target.is_some() || !rule.set.is_empty() || rule.priority.is_some();
        match (&rule.refuse, leads) {
            (None, false) => {
                let message = "does nothing; give it use, set, priority or refuse";
                report(&place, message.to_owned());
            }
            (Some(_), true) => {
                let message =
                    "a call that is refused goes nowhere; leave use, set and priority out";
                report(&place.then("refuse"), message.to_owned());
            }
            _ => {}
        }
        if rule
            .refuse
            .as_ref()
            .is_some_and(|text| text.trim().is_empty())
        {
            let message = "empty; say why, the caller reads it";
            report(&place.then("refuse"), message.to_owned());
        }
        if let Some(target) = &rule.target
            && let Some(message) = refuse_target(scope, target)
        {
            report(&place.then("use"), message);
        }
        for (member, instead) in [("model", "`use`"), ("stream", "the caller's choice")] {
            if rule.set.contains_key(member) {
                let message = format!("cannot be set by a rule: it is {instead}");
                report(&place.then("set").then(member), message);
            }
        }
    }
}

pub(super) fn refuse_target(scope: &Scope<'_>, target: &str) -> Option<String> {
    let routes = &scope.config.models;
    if routes.contains_key(target) {
        return None;
    }
    let Some((provider, model)) = target.split_once('/') else {
        let hint = suggest::hint(target, routes.keys().map(String::as_str));
        let quoted = suggest::quote(target);
        return Some(format!("no route is called {quoted}{hint}"));
    };
    scope.refuse_provider(provider).or_else(|| {
        let missing = || format!("the model after \"{provider}/\" is missing");
        model.is_empty().then(missing)
    })
}
