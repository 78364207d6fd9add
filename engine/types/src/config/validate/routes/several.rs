//! What sends more than one request for a call.

use super::{Place, Report, Route, Scope, Strategy, Target};
use crate::config::{HedgeAfter, Shadow, suggest};

/// More requests at once than this are a mistake, not a wish.
const MOST: u32 = 8;

pub(super) fn check<'a>(scope: &Scope<'a>, route: &'a Route, place: &Place, report: Report<'_>) {
    let others = route.targets.len() > 1
        || route
            .targets
            .iter()
            .any(|target| scope.config.models.contains_key(&target.model));
    let range = |number: u32, least: u32| !(least..=MOST).contains(&number);
    if let Some(at_once) = route.at_once {
        let place = place.then("at_once");
        if route.strategy != Strategy::Race {
            report(&place, "only strategy: race reads this".to_owned());
        } else if range(at_once, 2) {
            report(&place, format!("must be between 2 and {MOST}"));
        }
    }
    if route.strategy == Strategy::Race && !others {
        let message = "a race needs two targets at least";
        report(&place.then("targets"), message.to_owned());
    }
    ensemble(scope, route, place, report);
    if let Some(shadow) = &route.shadow {
        self::shadow(scope, shadow, &place.then("shadow"), report);
    }
    let Some(hedge) = &route.hedge else { return };
    let place = place.then("hedge");
    if route.strategy == Strategy::Race {
        report(&place, "a race asks its targets at once anyway".to_owned());
    } else if !others && !route.targets.is_empty() {
        let message = "another target is asked, and there is none: name a second one";
        report(&place, message.to_owned());
    }
    if hedge.after == HedgeAfter::Time(std::time::Duration::ZERO) {
        let message = "must be more than 0; strategy: race asks several at once";
        report(&place.then("after"), message.to_owned());
    }
    if hedge.max.is_some_and(|max| range(max, 1)) {
        report(&place.then("max"), format!("must be between 1 and {MOST}"));
    }
    let share = |budget: f64| budget > 0.0 && budget <= 1.0;
    if hedge.budget.is_some_and(|budget| !share(budget)) {
        let message = "must be a share above 0 and up to 1, such as 0.05";
        report(&place.then("budget"), message.to_owned());
    }
}

fn ensemble<'a>(scope: &Scope<'a>, route: &'a Route, place: &Place, report: Report<'_>) {
    let judged = route.strategy == Strategy::Ensemble;
    let place = place.then("ensemble");
    let Some(ensemble) = &route.ensemble else {
        if judged {
            let message = "missing: strategy: ensemble needs a `judge`";
            report(&place, message.to_owned());
        }
        return;
    };
    if !judged {
        report(&place, "only strategy: ensemble reads this".to_owned());
    }
    super::target(scope, &ensemble.judge, &place.then("judge"), report);
    let nested = |target: &Target| scope.config.models.contains_key(&target.model);
    let most = route.targets.len();
    let enough = route.targets.iter().any(nested);
    let reachable = |quorum: u32| quorum > 0 && (enough || quorum as usize <= most);
    if ensemble.quorum.is_some_and(|quorum| !reachable(quorum)) {
        let message = format!("must be between 1 and the number of targets, {most}");
        report(&place.then("quorum"), message);
    }
}

fn shadow<'a>(scope: &Scope<'a>, shadow: &'a Shadow, place: &Place, report: Report<'_>) {
    super::target(scope, &shadow.target, &place.then("target"), report);
    let share = |sample: f64| (0.0..=1.0).contains(&sample);
    if shadow.sample.is_some_and(|sample| !share(sample)) {
        let message = "must be a share between 0 and 1, such as 0.05";
        report(&place.then("sample"), message.to_owned());
    }
    if shadow.at_once == Some(0) {
        report(&place.then("at_once"), "must be 1 or more".to_owned());
    }
    let Some(id) = &shadow.key else { return };
    let mut ids = scope.config.keys.iter().map(|key| key.id.as_str());
    if !ids.any(|known| known == id) {
        let known = scope.config.keys.iter().map(|key| key.id.as_str());
        let message = format!("no key has this id{}", suggest::hint(id, known));
        report(&place.then("key"), message);
    }
}
