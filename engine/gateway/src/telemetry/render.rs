//! What is counted, as Prometheus' text format 0.0.4 has it.

use std::{
    fmt::Write as _,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tidegate_policy::{health::State, ledger::Standing};
use tidegate_types::{Money, config::Priority};

use super::metrics::{CLASSES, Histogram, Series};
use crate::gateway::Inner;

/// What a family shows of a series.
type Count = fn(&Series) -> u64;

/// What is shown of a budget, in nano-dollars.
type Part = fn(&Standing) -> i64;

/// A page under way.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One line; nothing for a counter that never counted, unless `always`.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            self.0.push(if position == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for letter in text.chars() {
                match letter {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    letter => self.0.push(letter),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn histogram<const N: usize>(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        histogram: &Histogram<N>,
    ) {
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        for (bound, count) in histogram.bounds().iter().zip(&histogram.counts) {
            sum += count.load(Relaxed);
            let bound = bound.to_string();
            let labels = [labels, &[("le", &*bound)]].concat();
            self.line(&bucket, &labels, sum);
        }
        sum += histogram.beyond.load(Relaxed);
        self.line(&bucket, &[labels, &[("le", "+Inf")]].concat(), sum);
        self.line(&format!("{name}_sum"), labels, histogram.seconds());
        self.line(&format!("{name}_count"), labels, sum);
    }
}

/// The whole page.
pub(crate) fn page(inner: &Inner) -> String {
    let mut page = Page::default();
    calls(&mut page, inner);
    targets(&mut page, inner);
    levels(&mut page, inner);
    engine(&mut page, inner);
    page.0
}

fn labels(series: &Series) -> [(&'static str, &str); 2] {
    [("route", &series.route), ("target", &series.target)]
}

/// The labels OpenTelemetry's conventions for generative AI name.
fn semantic(series: &Series) -> [(&'static str, &str); 3] {
    let (provider, model) = series.target.split_once('/').unwrap_or_default();
    [
        ("gen_ai_provider_name", provider),
        ("gen_ai_request_model", &series.route),
        ("gen_ai_response_model", model),
    ]
}

fn calls(page: &mut Page, inner: &Inner) {
    let book = inner.metrics.book();
    let mut all: Vec<&Arc<Series>> = book.series.values().collect();
    all.retain(|series| series.calls.iter().any(|count| count.load(Relaxed) > 0));
    all.sort_by(|a, b| (&a.route, &a.target).cmp(&(&b.route, &b.target)));
    let name = "tidegate_requests_total";
    page.family(name, "counter", "Calls, by how they ended.");
    for series in &all {
        for (class, count) in CLASSES.iter().zip(&series.calls) {
            let count = count.load(Relaxed);
            if count > 0 {
                let [route, target] = labels(series);
                page.line(name, &[route, target, ("code", class)], count);
            }
        }
    }
    let counters: [(&str, &str, Count); 4] = [
        (
            "tidegate_attempts_total",
            "Tries at upstreams of the calls counted.",
            |series| series.tries.load(Relaxed),
        ),
        (
            "tidegate_retries_total",
            "Tries at the target that had just failed.",
            |series| series.retries.load(Relaxed),
        ),
        (
            "tidegate_fallbacks_total",
            "Tries at another target than the one that had just failed.",
            |series| series.fallbacks.load(Relaxed),
        ),
        (
            "tidegate_cache_hits_total",
            "Calls answered from the cache.",
            |series| series.cache_hits.load(Relaxed),
        ),
    ];
    for (name, help, count) in counters {
        page.family(name, "counter", help);
        for series in &all {
            page.line(name, &labels(series), count(series));
        }
    }
    let name = "tidegate_cost_dollars_total";
    page.family(name, "counter", "What calls cost, in US dollars.");
    for series in &all {
        let nanos = i64::try_from(series.cost_nanos.load(Relaxed)).unwrap_or(i64::MAX);
        page.line(name, &labels(series), Money::from_nanos(nanos));
    }
    let name = "gen_ai_client_token_usage_total";
    page.family(name, "counter", "Tokens, by kind.");
    for series in &all {
        let [provider, request, response] = semantic(series);
        for (kind, count) in [("input", &series.input), ("output", &series.output)] {
            let kind = ("gen_ai_token_type", kind);
            page.line(
                name,
                &[provider, request, response, kind],
                count.load(Relaxed),
            );
        }
    }
    let name = "gen_ai_server_request_duration_seconds";
    page.family(name, "histogram", "Time from a call to its end.");
    for series in &all {
        page.histogram(name, &semantic(series), &series.durations);
    }
    let name = "gen_ai_server_time_to_first_token_seconds";
    page.family(
        name,
        "histogram",
        "Time from a call to the first content of its stream.",
    );
    for series in &all {
        if series.first_tokens.seconds() > 0.0 {
            page.histogram(name, &semantic(series), &series.first_tokens);
        }
    }
    for (name, help, [what, word], counts) in [
        (
            "tidegate_attempt_errors_total",
            "Tries that failed, by error.",
            ["target", "error"],
            &book.errors,
        ),
        (
            "tidegate_semantic_total",
            "Requests compared with what targets are for, by outcome.",
            ["route", "outcome"],
            &book.compared,
        ),
        (
            "tidegate_probes_total",
            "Questions of the gateway's own, how a target does, by outcome.",
            ["target", "outcome"],
            &book.probes,
        ),
    ] {
        page.family(name, "counter", help);
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort();
        for ((of, said), count) in counts {
            page.line(name, &[(what, of), (word, said)], count);
        }
    }
}

fn targets(page: &mut Page, inner: &Inner) {
    let snapshot = inner.snapshot();
    let now = inner.clock.now();
    let mut targets = snapshot.targets();
    targets.sort_by(|a, b| a.label.cmp(&b.label));
    targets.dedup_by(|a, b| a.label == b.label);
    targets.truncate(super::metrics::MOST_SERIES);
    let name = "tidegate_target_in_flight";
    page.family(name, "gauge", "Calls under way at a target.");
    for target in &targets {
        let count = target.place.in_flight();
        page.line(name, &[("target", &target.label)], count);
    }
    let name = "tidegate_target_breaker";
    page.family(name, "gauge", "Its breaker: 0 closed, 1 half open, 2 open.");
    for target in &targets {
        let state = match target.place.breaker.state(now) {
            State::Closed => 0,
            State::HalfOpen => 1,
            State::Open(_) => 2,
        };
        page.line(name, &[("target", &target.label)], state);
    }
    let name = "tidegate_key_in_flight";
    page.family(name, "gauge", "Calls under way with a provider's key.");
    let mut providers: Vec<_> = snapshot.providers.values().collect();
    providers.sort_by(|a, b| a.name.cmp(&b.name));
    for provider in providers {
        for (index, key) in provider.keys.iter().enumerate() {
            if let (Some(key), Some((gate, _))) = (key, provider.ring.gate(index)) {
                let labels = [("provider", &*provider.name), ("key", key)];
                page.line(name, &labels, gate.taken());
            }
        }
    }
}

/// What configured levels spend: as many as targets at most. End users are none of them.
fn levels(page: &mut Page, inner: &Inner) {
    let snapshot = inner.snapshot();
    let now = inner.clock.moment();
    let nodes = || {
        snapshot
            .identities
            .nodes()
            .take(super::metrics::MOST_SERIES)
    };
    let parts: [(&str, &str, Part); 3] = [
        (
            "tidegate_budget_spent_dollars",
            "Spent in a budget's window, in US dollars.",
            |budget| budget.spent,
        ),
        (
            "tidegate_budget_reserved_dollars",
            "Held back for calls that run, in US dollars.",
            |budget| budget.reserved,
        ),
        (
            "tidegate_budget_limit_dollars",
            "What a budget lets be spent, in US dollars.",
            |budget| budget.rule.limit,
        ),
    ];
    for (name, help, part) in parts {
        page.family(name, "gauge", help);
        for node in nodes() {
            let standing = node.account.standing(now).into_iter();
            let budgets = standing.filter(|standing| standing.rule.budget);
            for (index, budget) in budgets.enumerate() {
                let index = index.to_string();
                let labels = [
                    ("level", node.level.as_str()),
                    ("id", &node.id),
                    ("budget", &index),
                ];
                page.line(name, &labels, Money::from_nanos(part(&budget)));
            }
        }
    }
    let name = "tidegate_level_in_flight";
    page.family(
        name,
        "gauge",
        "Calls under way of a customer, team, user or key.",
    );
    for node in nodes() {
        let labels = [("level", node.level.as_str()), ("id", &node.id)];
        page.line(name, &labels, node.limits.need().gate.taken());
    }
}

fn engine(page: &mut Page, inner: &Inner) {
    let load = inner.room.load();
    let name = "tidegate_in_flight";
    page.family(name, "gauge", "Calls under way, streams included.");
    page.line(name, &[], inner.running());
    let name = "tidegate_queue_length";
    page.family(name, "gauge", "Calls that wait for a place, by priority.");
    for (priority, count) in Priority::ALL.iter().zip(load.waiting) {
        page.line(name, &[("priority", priority.as_str())], count);
    }
    let seconds = |time: Duration| time.as_secs_f64();
    let name = "tidegate_queue_delay_seconds";
    page.family(
        name,
        "gauge",
        "How long calls wait for a place now, or did of late.",
    );
    page.line(name, &[], seconds(load.delay));
    let name = "tidegate_shed_total";
    page.family(
        name,
        "counter",
        "Calls turned away because waiting took too long.",
    );
    page.line(name, &[], load.shed);
    let name = "tidegate_brownout_total";
    page.family(
        name,
        "counter",
        "Calls that got less because there was too much to do.",
    );
    page.line(name, &[], inner.browned.calls());
    let (entries, bytes) = inner.cache.size();
    let name = "tidegate_cache_entries";
    page.family(name, "gauge", "Answers in the cache.");
    page.line(name, &[], entries);
    let name = "tidegate_cache_bytes";
    page.family(name, "gauge", "Memory of the cache's answers.");
    page.line(name, &[], bytes);
    if let Some(journal) = &inner.snapshot().journal {
        let (written, lost) = journal.counts();
        let name = "tidegate_log_written_total";
        page.family(name, "counter", "Calls written to the log.");
        page.line(name, &[], written);
        let name = "tidegate_log_lost_total";
        page.family(
            name,
            "counter",
            "Calls that the log could not keep up with.",
        );
        page.line(name, &[], lost);
    }
}
