//! Budgets and limits.

use std::time::Duration;

use super::{
    super::{Budget, Limit, OnStoreFailure, load::place::Place, suggest},
    Report, pattern, positive,
};
use crate::Money;

const HOUR: u64 = 3_600;
/// Times that a calendar has, and what `starts` may say of each.
const PERIODS: [(u64, &str, u8, u8); 5] = [
    (HOUR, "1h", 0, 0),
    (24 * HOUR, "1d", 0, 23),
    (7 * 24 * HOUR, "1w", 1, 7),
    (30 * 24 * HOUR, "1mo", 1, 31),
    (365 * 24 * HOUR, "1y", 1, 12),
];

pub(super) fn budget(budget: &Budget, place: &Place, report: Report<'_>) {
    if budget.limit <= Money::ZERO {
        let message = "must be more than 0; `disabled: true` stops a key".to_owned();
        report(&place.then("limit"), message);
    }
    positive(budget.per, &place.then("per"), report);
    models(&budget.models, place, report);
    if budget.calendar {
        calendar(budget, place, report);
        return;
    }
    for (name, set) in [
        ("time_zone", budget.time_zone.is_some()),
        ("starts", budget.starts.is_some()),
    ] {
        if set {
            report(&place.then(name), "needs `calendar: true`".to_owned());
        }
    }
}

fn calendar(budget: &Budget, place: &Place, report: Report<'_>) {
    let per = budget.per.map(super::super::Duration::get);
    let period = PERIODS
        .iter()
        .find(|period| per == Some(Duration::from_secs(period.0)));
    match (period, budget.starts) {
        (None, _) => {
            let message = "a calendar has 1h, 1d, 1w, 1mo and 1y".to_owned();
            report(&place.then("per"), message);
        }
        (Some((.., 0, 0)), Some(_)) => {
            report(
                &place.then("starts"),
                "an hour begins at its minute 0".to_owned(),
            );
        }
        (Some((_, name, least, most)), Some(starts)) if !(*least..=*most).contains(&starts) => {
            let message = format!("with `per: {name}` it goes from {least} to {most}");
            report(&place.then("starts"), message);
        }
        _ => {}
    }
    if let Some(zone) = &budget.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        let known = jiff::tz::db().available();
        let known: Vec<_> = known.map(|name| name.to_string()).collect();
        let hint = suggest::hint(zone, known.iter().map(String::as_str));
        let message = format!("no time zone is called {}{hint}", suggest::quote(zone));
        report(&place.then("time_zone"), message);
    }
}

pub(super) fn limit(limit: &Limit, place: &Place, report: Report<'_>) {
    let counted = [
        ("requests", limit.requests),
        ("tokens", limit.tokens),
        ("input_tokens", limit.input_tokens),
        ("output_tokens", limit.output_tokens),
        (
            "cost",
            limit
                .cost
                .map(|cost| u64::try_from(cost.nanos()).unwrap_or(0)),
        ),
        ("in_flight", limit.in_flight),
    ];
    let set: Vec<_> = counted
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    match set[..] {
        [] => {
            let message = "needs one of requests, tokens, input_tokens, output_tokens, cost (with per) \
                           or in_flight";
            report(place, message.to_owned());
        }
        [("in_flight", _)] if limit.per.is_some() => {
            let message = "in_flight counts calls at the same time and takes no per";
            report(&place.then("per"), message.to_owned());
        }
        [("in_flight", _)] if limit.on_store_failure != OnStoreFailure::Closed => {
            let message = "calls at the same time are counted by each engine for itself";
            report(&place.then("on_store_failure"), message.to_owned());
        }
        [(name @ ("requests" | "in_flight"), _)] if !limit.models.is_empty() => {
            let message = format!("{name} are counted before it is known which model answers");
            report(&place.then("models"), message);
        }
        [("in_flight", _)] => {}
        [(name, _)] => {
            if limit.per.is_none() {
                report(
                    &place.then("per"),
                    format!("missing: {name} in which time?"),
                );
            }
        }
        [(one, _), (other, _), ..] => {
            let message = format!("{one} and {other} are two limits; write two entries");
            report(place, message);
        }
    }
    for (name, value) in set {
        if value == 0 {
            let message = "must be more than 0; `disabled: true` stops a key".to_owned();
            report(&place.then(name), message);
        }
    }
    positive(limit.per, &place.then("per"), report);
    models(&limit.models, place, report);
}

fn models(models: &[String], place: &Place, report: Report<'_>) {
    for (index, model) in models.iter().enumerate() {
        pattern(model, &place.then("models").at(index), report);
    }
}
