//! Counters of calls, by route and target. A call adds to a handful of atomic numbers that its route
//! already points to; nothing is looked up, locked or written as text on the way.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_types::{Code, Money, Usage};

/// Pairs of route and target that are counted on their own. Callers who invent names without end
/// share one more.
pub(super) const MOST_SERIES: usize = 512;
/// Pairs of target and error that are counted on their own.
const MOST_ERRORS: usize = 512;
/// What stands in place of the names that are too many.
pub(super) const OTHER: &str = "other";

/// Seconds of calls, as OpenTelemetry's conventions for generative AI advise
/// (`gen_ai.server.request.duration`).
pub(super) const DURATIONS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// Seconds to the first token, by the same advice (`gen_ai.server.time_to_first_token`).
pub(super) const FIRST_TOKENS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// How calls end, as far as a label says.
pub(super) const CLASSES: [&str; 4] = ["2xx", "4xx", "5xx", "cancelled"];

/// A histogram with `N` bounds and what lies beyond them.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [f64; N],
    pub(super) counts: [AtomicU64; N],
    pub(super) beyond: AtomicU64,
    nanos: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: &'static [f64; N]) -> Self {
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; N],
            beyond: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        }
    }

    fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        let count = self.counts.get(place).unwrap_or(&self.beyond);
        count.fetch_add(1, Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    pub(super) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos.load(Relaxed)).as_secs_f64()
    }

    pub(super) fn bounds(&self) -> &'static [f64; N] {
        self.bounds
    }
}

/// What is counted of the calls to one route that one target answered.
#[derive(Debug)]
pub(crate) struct Series {
    pub(super) route: Arc<str>,
    /// Empty for calls that none answered.
    pub(super) target: Arc<str>,
    pub(super) calls: [AtomicU64; CLASSES.len()],
    pub(super) durations: Histogram<14>,
    pub(super) first_tokens: Histogram<16>,
    pub(super) tries: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) fallbacks: AtomicU64,
    pub(super) input: AtomicU64,
    pub(super) output: AtomicU64,
    pub(super) cost_nanos: AtomicU64,
    pub(super) cache_hits: AtomicU64,
}

/// A call that has ended.
pub(crate) struct Ended {
    pub(crate) error: Option<Code>,
    pub(crate) took: Duration,
    pub(crate) tries: Tries,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Money,
    pub(crate) cache_hit: bool,
}

/// How a call came to its answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tries {
    pub(crate) all: u32,
    /// At the target that had failed before.
    pub(crate) retries: u32,
    /// At another target.
    pub(crate) fallbacks: u32,
}

impl Tries {
    /// Those at these targets, one after the other.
    pub(crate) fn of<'a>(targets: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let mut tries = Self::default();
        let mut last: Option<&str> = None;
        for target in targets {
            tries.all += 1;
            match last {
                Some(last) if last == &**target => tries.retries += 1,
                Some(_) => tries.fallbacks += 1,
                None => {}
            }
            last = Some(target);
        }
        tries
    }
}

impl Series {
    fn new(route: Arc<str>, target: Arc<str>) -> Self {
        Self {
            route,
            target,
            calls: [const { AtomicU64::new(0) }; CLASSES.len()],
            durations: Histogram::new(&DURATIONS),
            first_tokens: Histogram::new(&FIRST_TOKENS),
            tries: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
            input: AtomicU64::new(0),
            output: AtomicU64::new(0),
            cost_nanos: AtomicU64::new(0),
            cache_hits: AtomicU64::new(0),
        }
    }

    /// Counts a call.
    pub(crate) fn add(&self, ended: &Ended) {
        let class = match ended.error {
            None => 0,
            Some(Code::Cancelled) => 3,
            Some(code) if code.status().is_server_error() => 2,
            Some(_) => 1,
        };
        self.calls[class].fetch_add(1, Relaxed);
        self.durations.add(ended.took);
        let usage = ended.usage.unwrap_or_default();
        for (count, by) in [
            (&self.tries, u64::from(ended.tries.all)),
            (&self.retries, u64::from(ended.tries.retries)),
            (&self.fallbacks, u64::from(ended.tries.fallbacks)),
            (&self.input, usage.input),
            (&self.output, usage.output),
            (
                &self.cost_nanos,
                u64::try_from(ended.cost.nanos()).unwrap_or(0),
            ),
            (&self.cache_hits, u64::from(ended.cache_hit)),
        ] {
            if by > 0 {
                count.fetch_add(by, Relaxed);
            }
        }
    }

    /// Counts the time to a stream's first content.
    pub(crate) fn first_token(&self, took: Duration) {
        self.first_tokens.add(took);
    }
}

/// Everything that is counted, for as long as the engine lives.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) series: HashMap<(Arc<str>, Arc<str>), Arc<Series>>,
    /// Tries that failed, by target and error.
    pub(super) errors: HashMap<(Arc<str>, &'static str), u64>,
    /// Comparisons of requests with targets, by route and outcome.
    pub(super) compared: HashMap<(Arc<str>, &'static str), u64>,
    /// Probes, by target and outcome.
    pub(super) probes: HashMap<(Arc<str>, &'static str), u64>,
}

impl Metrics {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is counted of a route's calls that a target answered; `""` for none.
    pub(crate) fn series(&self, route: &Arc<str>, target: &Arc<str>) -> Arc<Series> {
        let mut book = self.book();
        let mut name = (Arc::clone(route), Arc::clone(target));
        if book.series.len() >= MOST_SERIES && !book.series.contains_key(&name) {
            name = (Arc::from(OTHER), Arc::from(OTHER));
        }
        let (route, target) = name.clone();
        let series = book.series.entry(name);
        Arc::clone(series.or_insert_with(|| Arc::new(Series::new(route, target))))
    }

    /// Counts a failed try.
    pub(crate) fn failed(&self, target: &Arc<str>, error: &'static str) {
        count(&mut self.book().errors, target, error);
    }

    /// Counts a comparison of a request with the targets of a route.
    pub(crate) fn compared(&self, route: &Arc<str>, outcome: &'static str) {
        count(&mut self.book().compared, route, outcome);
    }

    /// Counts a probe; `ok` or an error's slug.
    pub(crate) fn probed(&self, target: &Arc<str>, outcome: &'static str) {
        count(&mut self.book().probes, target, outcome);
    }
}

fn count(counts: &mut HashMap<(Arc<str>, &'static str), u64>, name: &Arc<str>, word: &'static str) {
    let mut name = (Arc::clone(name), word);
    if counts.len() >= MOST_ERRORS && !counts.contains_key(&name) {
        name = (Arc::from(OTHER), word);
    }
    *counts.entry(name).or_default() += 1;
}
