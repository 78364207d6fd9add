//! The circuit breaker: a target that fails is left alone, and asked carefully before it is used again.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use std::time::Duration;

use tidegate_types::config;

use crate::clock::Tick;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerPolicy {
    /// False: it never opens.
    pub enabled: bool,
    /// Failures in a row that open it.
    pub failures: u32,
    /// Share of failures that opens it, of at least `calls` within about `window`.
    pub share: f64,
    /// Calls below which the share says nothing.
    pub calls: u32,
    /// How long a call counts towards the share.
    pub window: Duration,
    /// How long it stays open the first time; doubles each time a probe fails.
    pub open: Duration,
    /// The longest it stays open.
    pub max_open: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            share: 0.5,
            calls: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(10),
            max_open: Duration::from_mins(5),
        }
    }
}

impl BreakerPolicy {
    /// The first level that says something decides it.
    pub fn resolve(levels: [&config::Breaker; 2]) -> Self {
        fn pick<T>(
            levels: [&config::Breaker; 2],
            of: fn(&config::Breaker) -> Option<T>,
        ) -> Option<T> {
            levels.into_iter().find_map(of)
        }
        let default = Self::default();
        let open = pick(levels, |b| b.open).map_or(default.open, config::Duration::get);
        Self {
            enabled: pick(levels, |b| b.enabled).unwrap_or(true),
            failures: pick(levels, |b| b.failures).unwrap_or(default.failures),
            share: pick(levels, |b| b.share).unwrap_or(default.share),
            calls: pick(levels, |b| b.calls).unwrap_or(default.calls),
            window: pick(levels, |b| b.window).map_or(default.window, config::Duration::get),
            open,
            max_open: pick(levels, |b| b.max_open)
                .map_or(default.max_open, config::Duration::get)
                .max(open),
        }
    }
}

/// What a breaker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Every call passes.
    Closed,
    /// No call passes until this moment.
    Open(Tick),
    /// One call at a time passes, as a probe.
    HalfOpen,
}

impl State {
    /// The name shown in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of one target.
#[derive(Debug, Default)]
pub struct Breaker {
    /// 0: closed. Otherwise the moment from which probes may pass.
    opens: AtomicU64,
    probing: AtomicBool,
    counts: Mutex<Counts>,
    /// Bits of the share of failures, for whoever compares targets.
    share: AtomicU32,
}

/// Calls and failures, each fading with time.
#[derive(Debug, Default)]
struct Counts {
    in_a_row: u32,
    calls: f64,
    failures: f64,
    at: Tick,
    /// How often it opened without a success in between.
    opened: u32,
}

impl Breaker {
    /// What it does now.
    pub fn state(&self, now: Tick) -> State {
        match self.opens.load(Ordering::Relaxed) {
            0 => State::Closed,
            until if now.0 < until => State::Open(Tick(until)),
            _ => State::HalfOpen,
        }
    }

    /// Whether a call that came now would pass. Nothing changes.
    pub fn passes(&self, now: Tick) -> bool {
        match self.state(now) {
            State::Closed => true,
            State::Open(_) => false,
            State::HalfOpen => !self.probing.load(Ordering::Relaxed),
        }
    }

    /// Whether a call may pass: `Some(true)` for a probe, which must report how it ended.
    pub(super) fn admit(&self, now: Tick) -> Option<bool> {
        match self.state(now) {
            State::Closed => Some(false),
            State::Open(_) => None,
            State::HalfOpen => (!self.probing.swap(true, Ordering::AcqRel)).then_some(true),
        }
    }

    /// Share of failures among recent calls, 0 to 1.
    pub fn failing(&self) -> f32 {
        f32::from_bits(self.share.load(Ordering::Relaxed))
    }

    pub(super) fn release_probe(&self) {
        self.probing.store(false, Ordering::Release);
    }

    pub(super) fn succeeded(&self, policy: &BreakerPolicy, probe: bool, now: Tick) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.add(policy, false, now);
        if probe {
            *counts = Counts::default();
            self.opens.store(0, Ordering::Relaxed);
        }
        self.publish(&counts);
    }

    pub(super) fn failed(&self, policy: &BreakerPolicy, probe: bool, now: Tick) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.add(policy, true, now);
        let closed = self.opens.load(Ordering::Relaxed) == 0;
        // What was sent before it opened says nothing new.
        if policy.enabled && (probe || closed && counts.trips(policy)) {
            let longer = 1u32 << counts.opened.min(16);
            let pause = policy.open.saturating_mul(longer).min(policy.max_open);
            counts.opened += 1;
            counts.in_a_row = 0;
            self.opens
                .store(now.plus(pause).0.max(1), Ordering::Relaxed);
        }
        self.publish(&counts);
    }

    fn publish(&self, counts: &Counts) {
        let share = if counts.calls > 0.0 {
            counts.failures / counts.calls
        } else {
            0.0
        };
        self.share
            .store((share as f32).to_bits(), Ordering::Relaxed);
    }
}

impl Counts {
    fn add(&mut self, policy: &BreakerPolicy, failed: bool, now: Tick) {
        let age = now.since(self.at).as_secs_f64();
        let kept = (-age / policy.window.as_secs_f64().max(0.001)).exp();
        self.at = now;
        self.calls = self.calls * kept + 1.0;
        self.failures *= kept;
        if failed {
            self.failures += 1.0;
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.in_a_row = 0;
            self.opened = 0;
        }
    }

    fn trips(&self, policy: &BreakerPolicy) -> bool {
        let enough = self.calls >= f64::from(policy.calls);
        self.in_a_row >= policy.failures || enough && self.failures / self.calls >= policy.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Tick {
        Tick(millis * 1_000_000)
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_probe_closes_it() {
        let breaker = Breaker::default();
        let policy = BreakerPolicy::default();
        for _ in 0..4 {
            breaker.failed(&policy, false, at(1));
        }
        assert_eq!(breaker.state(at(1)), State::Closed);
        breaker.failed(&policy, false, at(1));
        assert_eq!(breaker.state(at(1)), State::Open(at(10_001)));
        assert_eq!(breaker.admit(at(10_000)), None);
        assert_eq!(breaker.admit(at(10_001)), Some(true));
        assert_eq!(breaker.admit(at(10_001)), None, "one probe at a time");
        breaker.release_probe();
        breaker.succeeded(&policy, true, at(10_002));
        assert_eq!(breaker.state(at(10_002)), State::Closed);
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let breaker = Breaker::default();
        let policy = BreakerPolicy {
            failures: 1,
            ..BreakerPolicy::default()
        };
        let mut now = at(1);
        for pause in [10, 20, 40, 80, 160, 300, 300] {
            let probe = breaker.state(now) == State::HalfOpen;
            breaker.failed(&policy, probe, now);
            let until = now.plus(Duration::from_secs(pause));
            assert_eq!(breaker.state(now), State::Open(until));
            now = until;
        }
    }

    #[test]
    fn a_share_of_failures_opens_it_once_there_are_enough_calls() {
        let breaker = Breaker::default();
        let policy = BreakerPolicy::default();
        let mut opened = None;
        for call in 0..60u64 {
            if call % 3 == 0 {
                breaker.succeeded(&policy, false, at(call));
            } else {
                breaker.failed(&policy, false, at(call));
            }
            if breaker.state(at(call)) != State::Closed {
                opened = Some(call);
                break;
            }
        }
        assert!((19..=21).contains(&opened.unwrap()), "{opened:?}");
        assert!(breaker.failing() > 0.5);
    }

    #[test]
    fn a_disabled_breaker_never_opens() {
        let breaker = Breaker::default();
        let policy = BreakerPolicy {
            enabled: false,
            ..BreakerPolicy::default()
        };
        for _ in 0..100 {
            breaker.failed(&policy, false, at(1));
        }
        assert_eq!(breaker.state(at(1)), State::Closed);
    }
}
