//! Budgets and limits as they are written become rules.

use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_types::{
    Money,
    config::{self, Budget, BudgetMode, Limit, OnStoreFailure},
};

use super::{
    book::Rule,
    measure::Measure,
    span::{Calendar, Span, Unit},
};

const HOUR: u64 = 3_600;

/// The rules of validated budgets and limits. Calls at a time are not among them: they are places, not
/// amounts.
pub fn rules(budgets: &[Budget], limits: &[Limit]) -> Vec<Rule> {
    let budgets = budgets.iter().map(|budget| Rule {
        measure: Measure::Money,
        limit: budget.limit.nanos(),
        span: span(budget),
        hard: budget.mode == BudgetMode::Hard,
        budget: true,
        models: budget.models.clone(),
        open: budget.on_store_failure == OnStoreFailure::Open,
    });
    let limits = limits.iter().filter_map(|limit| {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let counted = [
            (Measure::Requests, limit.requests.map(whole)),
            (Measure::Tokens, limit.tokens.map(whole)),
            (Measure::InputTokens, limit.input_tokens.map(whole)),
            (Measure::OutputTokens, limit.output_tokens.map(whole)),
            (Measure::Money, limit.cost.map(Money::nanos)),
        ];
        let (measure, most) = counted
            .into_iter()
            .find_map(|(measure, most)| Some((measure, most?)))?;
        Some(Rule {
            measure,
            limit: most,
            span: Span::Sliding(limit.per?.get()),
            hard: true,
            budget: false,
            models: limit.models.clone(),
            open: limit.on_store_failure == OnStoreFailure::Open,
        })
    });
    budgets.chain(limits).collect()
}

fn span(budget: &Budget) -> Span {
    let Some(per) = budget.per.map(config::Duration::get) else {
        return Span::Ever;
    };
    if !budget.calendar {
        return Span::Sliding(per);
    }
    let hours = |hours: u64| Duration::from_secs(hours * HOUR);
    let (unit, first) = match per {
        per if per <= hours(1) => (Unit::Hour, 0),
        per if per <= hours(24) => (Unit::Day, 0),
        per if per <= hours(7 * 24) => (Unit::Week, 1),
        per if per <= hours(31 * 24) => (Unit::Month, 1),
        _ => (Unit::Year, 1),
    };
    let zone = budget.time_zone.as_deref().map(TimeZone::get);
    let starts = budget
        .starts
        .map_or(first, |starts| i8::try_from(starts).unwrap_or(first));
    Span::Calendar(Calendar {
        unit,
        zone: zone.and_then(Result::ok).unwrap_or(TimeZone::UTC),
        starts: if unit == Unit::Week {
            starts - 1
        } else {
            starts
        },
    })
}
