//! One record per call. A library installs no subscriber; its host decides who listens.

pub(crate) mod metrics;
mod render;

pub(crate) use render::page;

use tidegate_policy::identity::Level;

use crate::{pipeline::shadow::Came, stream::settlement::Outcome};

/// Target of the record, for subscribers that want these and nothing else.
pub(crate) const TARGET: &str = "tidegate::call";

/// Whether anybody listens to records of calls.
pub(crate) fn is_heard() -> bool {
    tracing::enabled!(target: "tidegate::call", tracing::Level::INFO)
}

/// Writes the record of a settled call.
pub(crate) fn record(outcome: &Outcome<'_>) {
    if !is_heard() {
        return;
    }
    let usage = outcome.usage.unwrap_or_default();
    let level = |level| {
        let node = outcome
            .identity
            .and_then(|identity| identity.chain.level(level));
        node.map_or("", |node| &*node.id)
    };
    tracing::info!(
        target: TARGET,
        request_id = %outcome.facts.request_id,
        key = outcome.identity.map_or("root", |identity| &*identity.id),
        user = level(Level::User),
        team = level(Level::Team),
        customer = level(Level::Customer),
        end_user = outcome.facts.user.as_deref().unwrap_or(""),
        route = outcome.route,
        target_model = outcome.facts.target.as_deref().unwrap_or(""),
        rule = outcome.facts.rule.as_deref().unwrap_or(""),
        attempts = outcome.facts.attempts,
        input_tokens = usage.input,
        output_tokens = usage.output,
        cost = %outcome.facts.cost.unwrap_or_default(),
        estimated = outcome.facts.estimated,
        shadow = outcome.copy,
        error = outcome.error.map_or("", tidegate_types::Code::slug),
        millis = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "call"
    );
}

/// Writes how a copy of a call compares with the call itself.
pub(crate) fn compared(route: &str, request_id: &str, real: &Came, copy: &Came) {
    if !tracing::enabled!(target: "tidegate::shadow", tracing::Level::INFO) {
        return;
    }
    let millis = |came: &Came| {
        let time = came.answered.unwrap_or(came.took);
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    };
    let tokens = |came: &Came| came.usage.unwrap_or_default().output;
    let slug = |came: &Came| came.error.map_or("", tidegate_types::Code::slug);
    tracing::info!(
        target: "tidegate::shadow",
        request_id,
        route,
        target_model = real.target.as_deref().unwrap_or(""),
        shadow_model = copy.target.as_deref().unwrap_or(""),
        millis = millis(real),
        shadow_millis = millis(copy),
        slower_millis = millis(copy).saturating_sub(millis(real)),
        cost = %real.cost,
        shadow_cost = %copy.cost,
        output_tokens = tokens(real),
        shadow_output_tokens = tokens(copy),
        error = slug(real),
        shadow_error = slug(copy),
        "shadow"
    );
}
