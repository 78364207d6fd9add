//! What strategies and hedges make of a fleet whose latencies drift and whose targets fail.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use benches::simulation::{Policy, Report, SEEDS, Weather, claims, run};

use crate::results::Row;

const REQUESTS: u64 = 1_000_000;

/// A policy, and whether slow targets are hedged.
type Way = (Policy, bool);

const WAYS: [Way; 7] = [
    (Policy::Weighted, false),
    (Policy::LeastBusy, false),
    (Policy::LowestAverage, false),
    (Policy::InverseAverage, false),
    (Policy::LeastLatency, false),
    (Policy::Weighted, true),
    (Policy::LeastLatency, true),
];

#[expect(clippy::unnecessary_wraps, reason = "as every scenario")]
pub(super) fn run_all() -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for weather in Weather::ALL {
        let reports = side_by_side(weather);
        for (way, (policy, hedged)) in WAYS.iter().enumerate() {
            let hedged = if *hedged { ", hedged" } else { "" };
            let name = format!("{}: {}{hedged}", weather.as_str(), policy.as_str());
            // All seeds tell the same story; the first of them is told in full.
            rows.push(Row::plain(name, spread(&reports[0][way])));
        }
        for claim in claims(weather) {
            let worst = reports.iter().map(|of_seed| {
                let report = |policy, hedged| {
                    let way = WAYS.iter().position(|way| *way == (policy, hedged));
                    &of_seed[way.unwrap_or_default()]
                };
                claim.measure(report)
            });
            let name = format!("{}: {}", weather.as_str(), claim.name);
            rows.push(if claim.at_least {
                Row::at_least(name, worst.fold(f64::MAX, f64::min), claim.limit, "x")
            } else {
                Row::at_most(name, worst.fold(0.0, f64::max), claim.limit, " %")
            });
        }
    }
    Ok(rows)
}

/// The reports of every seed, in the order of [`WAYS`].
fn side_by_side(weather: Weather) -> Vec<Vec<Report>> {
    let jobs = SEEDS.iter().flat_map(|seed| WAYS.map(|way| (*seed, way)));
    let jobs: Vec<(u64, Way)> = jobs.collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((seed, (policy, hedged))) = jobs.get(at) else {
                return done;
            };
            done.push((at, run(weather, *policy, *hedged, REQUESTS, *seed)));
        }
    };
    let mut done: Vec<(usize, Report)> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let reports = workers.into_iter().map(thread::ScopedJoinHandle::join);
        reports.flatten().flatten().collect()
    });
    done.sort_by_key(|(at, _)| *at);
    let mut reports = done.into_iter().map(|(_, report)| report);
    SEEDS
        .iter()
        .map(|_| reports.by_ref().take(WAYS.len()).collect())
        .collect()
}

fn spread(report: &Report) -> String {
    let at = |share| report.quantile(share);
    format!(
        "p50 {:.0}, p95 {:.0}, p99 {:.0}, p99.9 {:.0} ms; {:.2} % failed; {:.1} % hedged",
        at(0.5),
        at(0.95),
        at(0.99),
        at(0.999),
        report.percent(report.failed),
        report.percent(report.hedges)
    )
}
