//! One record per call. A library installs no subscriber; its host decides who listens.

use crate::stream::settlement::Outcome;

/// Target of the record, for subscribers that want these and nothing else.
pub(crate) const TARGET: &str = "tidegate::call";

/// Writes the record of a settled call.
pub(crate) fn record(outcome: &Outcome<'_>) {
    if !tracing::enabled!(target: "tidegate::call", tracing::Level::INFO) {
        return;
    }
    let usage = outcome.usage.unwrap_or_default();
    tracing::info!(
        target: TARGET,
        request_id = %outcome.facts.request_id,
        key = outcome.identity.unwrap_or("root"),
        route = outcome.route,
        target_model = outcome.facts.target.as_deref().unwrap_or(""),
        rule = outcome.facts.rule.as_deref().unwrap_or(""),
        attempts = outcome.facts.attempts,
        input_tokens = usage.input,
        output_tokens = usage.output,
        cost = %outcome.facts.cost.unwrap_or_default(),
        estimated = outcome.facts.estimated,
        error = outcome.error.map_or("", tidegate_types::Code::slug),
        millis = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "call"
    );
}
