//! What a log and another configuration come to, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_types::{Code, Money};

use super::Basis;
use crate::{
    journal::{Reading, Record},
    pipeline::replay::Came,
};

/// What a configuration would have made of the calls of a log, beside what was made of them.
///
/// Durations are in milliseconds and of calls that were answered, money is in dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which calls are compared.
    pub calls: Calls,
    /// What the replayed figures are founded on.
    pub founded: Founded,
    /// As it was.
    pub recorded: Side,
    /// As it would have been.
    pub replayed: Side,
    /// Calls that another target would have answered, or none, or some where none did.
    pub changed: u64,
    /// The same by `provider/model`.
    pub targets: BTreeMap<String, Targets>,
}

/// Which calls of a log are compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// Calls of the log, copies for comparison aside.
    pub read: u64,
    /// Those that were lived through again, which both sides are about.
    pub compared: u64,
    /// Those that were not, by reason: `endpoint` (what is asked for is not replayed), `cancelled` (by
    /// its caller), `malformed` (refused for itself, whatever the configuration), `panel` (the
    /// configuration leads to several targets and a judge).
    pub left_out: BTreeMap<String, u64>,
    /// Those the log lacks because too many ended at once.
    pub lost: u64,
    /// Lines that cannot be read.
    pub unreadable: u64,
}

/// What the answered calls of the replayed side are founded on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Founded {
    /// The call's own try at the same target.
    pub own: u64,
    /// Other calls' tries at that target within ten minutes.
    pub near: u64,
    /// Other calls' tries there at other times.
    pub far: u64,
    /// Nothing: the log does not know the target. The call is taken to be answered in its own time.
    pub none: u64,
    /// Calls whose tokens are guessed, because the log has no count of them.
    pub guessed_usage: u64,
}

/// What became of the calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Calls that were answered, stored answers included.
    pub answered: u64,
    /// Stored answers.
    pub cached: u64,
    /// Calls that were not, by slug.
    pub errors: BTreeMap<String, u64>,
    /// Tries at targets.
    pub tries: u64,
    /// What all of them cost.
    pub cost: Money,
    /// How long answers took, as a whole.
    pub total_ms: Percentiles,
    /// How long the first content of streams took.
    pub first_token_ms: Percentiles,
}

/// What became of calls at one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// As it was.
    pub recorded: TargetSide,
    /// As it would have been.
    pub replayed: TargetSide,
}

/// One side of a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetSide {
    /// Tries there.
    pub tries: u64,
    /// Tries that failed or were given up.
    pub failed: u64,
    /// Calls that it answered, stored answers aside.
    pub answered: u64,
    /// What those cost.
    pub cost: Money,
    /// How long they took, from the call's beginning.
    pub total_ms: Percentiles,
}

/// Durations that a half, 95 % and 99 % of calls stay below; nothing where there is no call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// A half.
    pub p50: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
}

/// Why a call is not lived through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlike {
    Endpoint,
    Cancelled,
    Malformed,
    Panel,
}

impl Unlike {
    fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Cancelled => "cancelled",
            Self::Malformed => "malformed",
            Self::Panel => "panel",
        }
    }
}

/// A report in the making.
#[derive(Default)]
pub(super) struct Tally {
    report: Report,
    recorded: Durations,
    replayed: Durations,
    /// Of each target, recorded and replayed.
    targets: BTreeMap<String, (Vec<f64>, Vec<f64>)>,
}

#[derive(Default)]
struct Durations {
    total: Vec<f64>,
    first: Vec<f64>,
}

/// One side of one call.
struct Call<'a> {
    target: Option<&'a str>,
    error: Option<&'a str>,
    ms: f64,
    first_ms: Option<f64>,
    cost: Money,
    cached: bool,
}

impl Tally {
    pub(super) fn new(reading: &Reading) -> Self {
        let mut tally = Self::default();
        tally.report.calls.lost = reading.lost;
        tally.report.calls.unreadable = reading.unreadable;
        tally
    }

    /// Whether the call is to be lived through again.
    pub(super) fn takes(&mut self, record: &Record) -> bool {
        self.report.calls.read += 1;
        let code = record.error.as_deref().and_then(Code::from_slug);
        let unlike = match code {
            Some(Code::Cancelled) => Some(Unlike::Cancelled),
            // Nothing that a configuration decides: what was sent, or who sent it.
            Some(
                Code::InvalidJson
                | Code::InvalidRequest
                | Code::MissingKey
                | Code::UnknownKey
                | Code::InactiveKey
                | Code::Closed,
            ) if record.attempts.is_empty() => Some(Unlike::Malformed),
            _ => None,
        };
        if let Some(unlike) = unlike {
            self.leave_out(unlike);
        }
        unlike.is_none()
    }

    fn leave_out(&mut self, unlike: Unlike) {
        let left_out = &mut self.report.calls.left_out;
        *left_out.entry(unlike.as_str().to_owned()).or_default() += 1;
    }

    pub(super) fn add(&mut self, record: &Record, came: &Came) {
        if let Some(unlike) = came.unlike {
            self.leave_out(unlike);
            return;
        }
        self.report.calls.compared += 1;
        let was = Call {
            target: record.target.as_deref().filter(|_| record.error.is_none()),
            error: record.error.as_deref(),
            ms: record.ms,
            first_ms: record.first_token_ms,
            cost: record.cost,
            cached: record.cache == "hit",
        };
        let would = Call {
            target: came.target.as_deref().filter(|_| came.error.is_none()),
            error: came.error.map(Code::slug),
            ms: came.took.as_secs_f64() * 1e3,
            first_ms: came.first.map(|first| first.as_secs_f64() * 1e3),
            cost: came.cost,
            cached: came.cached,
        };
        self.report.changed += u64::from(was.target != would.target);
        let founded = &mut self.report.founded;
        match came.basis {
            Some(Basis::Own) => founded.own += 1,
            Some(Basis::Near) => founded.near += 1,
            Some(Basis::Far) => founded.far += 1,
            Some(Basis::None) => founded.none += 1,
            None => {}
        }
        founded.guessed_usage += u64::from(came.guessed);
        self.report.recorded.add(&was, &mut self.recorded);
        self.report.replayed.add(&would, &mut self.replayed);
        self.report.recorded.tries += record.attempts.len() as u64;
        self.report.replayed.tries += came.tries.len() as u64;
        for tried in &record.attempts {
            let side = &mut self.target(&tried.target).recorded;
            side.tries += 1;
            side.failed += u64::from(tried.error.is_some());
        }
        for (target, failed) in &came.tries {
            let side = &mut self.target(target).replayed;
            side.tries += 1;
            side.failed += u64::from(*failed);
        }
        for (call, replayed) in [(&was, false), (&would, true)] {
            let (Some(target), false) = (call.target, call.cached) else {
                continue;
            };
            let both = self.target(target);
            let side = if replayed {
                &mut both.replayed
            } else {
                &mut both.recorded
            };
            side.answered += 1;
            side.cost = side.cost.saturating_add(call.cost);
            let (recorded, of_replay) = self.targets.entry(target.to_owned()).or_default();
            if replayed { of_replay } else { recorded }.push(call.ms);
        }
    }

    fn target(&mut self, name: &str) -> &mut Targets {
        let targets = &mut self.report.targets;
        if !targets.contains_key(name) {
            targets.insert(name.to_owned(), Targets::default());
        }
        targets.entry(name.to_owned()).or_default()
    }

    pub(super) fn finish(mut self) -> Report {
        for (side, durations) in [
            (&mut self.report.recorded, self.recorded),
            (&mut self.report.replayed, self.replayed),
        ] {
            side.total_ms = Percentiles::of(durations.total);
            side.first_token_ms = Percentiles::of(durations.first);
        }
        for (name, (recorded, replayed)) in self.targets {
            if let Some(both) = self.report.targets.get_mut(&name) {
                both.recorded.total_ms = Percentiles::of(recorded);
                both.replayed.total_ms = Percentiles::of(replayed);
            }
        }
        self.report
    }
}

impl Side {
    fn add(&mut self, call: &Call<'_>, durations: &mut Durations) {
        self.cost = self.cost.saturating_add(call.cost);
        if let Some(error) = call.error {
            *self.errors.entry(error.to_owned()).or_default() += 1;
            return;
        }
        self.answered += 1;
        self.cached += u64::from(call.cached);
        durations.total.push(call.ms);
        durations.first.extend(call.first_ms);
    }

    /// Calls that were not answered.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Percentiles {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        // The nearest rank.
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied()
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }
}
