//! What a log tells of its targets: how long tries took there and how they ended, around a moment.

use std::{collections::HashMap, time::Duration};

use smallvec::SmallVec;
use tidegate_policy::rng::Rng;
use tidegate_types::Code;

use crate::journal::{Record, Tried};

/// Tries that a fate is drawn from: the nearest in time.
const NEAREST: usize = 64;
/// Tries further away than this, in milliseconds, tell of another time.
const NEAR: i64 = 10 * 60 * 1000;

/// How a try goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fate {
    /// Until its end.
    pub(crate) took: Duration,
    /// Until the first content of its stream.
    pub(crate) first: Option<Duration>,
    /// The error with which it ends.
    pub(crate) error: Option<Code>,
    pub(crate) basis: Basis,
}

/// What a fate is founded on, the best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Basis {
    /// The same call's own try at the same target.
    #[default]
    Own,
    /// Other calls' tries there within ten minutes.
    Near,
    /// Other calls' tries there at other times.
    Far,
    /// Nothing: the target is in no line.
    None,
}

/// The tries of a log, by target.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    targets: HashMap<String, Seen>,
}

/// The tries at one target, streams and whole answers apart, by the time at which they began.
#[derive(Debug, Default)]
struct Seen {
    streams: Vec<Sample>,
    wholes: Vec<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    /// In milliseconds since 1970.
    at: i64,
    took: f64,
    first: Option<f64>,
    ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Well,
    With(Code),
    /// Nobody waited any longer: how long it would have taken is not known.
    Unseen,
}

impl Evidence {
    /// What these calls tell.
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut targets: HashMap<String, Seen> = HashMap::new();
        for record in records {
            for tried in &record.attempts {
                let Some(sample) = sample(record, tried) else {
                    continue;
                };
                if !targets.contains_key(&tried.target) {
                    targets.insert(tried.target.clone(), Seen::default());
                }
                if let Some(seen) = targets.get_mut(&tried.target) {
                    if record.request.stream {
                        seen.streams.push(sample);
                    } else {
                        seen.wholes.push(sample);
                    }
                }
            }
        }
        for seen in targets.values_mut() {
            seen.streams.sort_by_key(|sample| sample.at);
            seen.wholes.sort_by_key(|sample| sample.at);
        }
        Self { targets }
    }

    /// How the `nth` try (from 0) of a call at a target goes at that moment, in milliseconds since 1970.
    pub(crate) fn fate(
        &self,
        record: &Record,
        target: &str,
        nth: usize,
        now: i64,
        rng: &mut Rng,
    ) -> Fate {
        let mut own = record
            .attempts
            .iter()
            .filter(|tried| tried.target == target);
        let own = own.nth(nth).and_then(|tried| own_sample(record, tried));
        if let Some(own) = own.filter(|own| own.ends != Ends::Unseen) {
            return own.fate(Basis::Own);
        }
        let least = own.map_or(0.0, |own| own.took);
        let stream = record.request.stream;
        let seen = self.targets.get(target);
        let samples =
            seen.map(
                |seen| match (stream, seen.streams.is_empty(), seen.wholes.is_empty()) {
                    (true, false, _) | (false, _, true) => &*seen.streams,
                    _ => &*seen.wholes,
                },
            );
        let around = around(samples.unwrap_or_default(), now);
        let Some(sample) = draw(around, least, rng) else {
            return unknown(record);
        };
        let near = (sample.at - now).abs() <= NEAR;
        let mut fate = sample.fate(if near { Basis::Near } else { Basis::Far });
        if stream && fate.error.is_none() {
            // Of a target that was never streamed only the whole is known.
            fate.first = fate.first.or(Some(fate.took));
        }
        fate
    }
}

impl Sample {
    fn fate(&self, basis: Basis) -> Fate {
        let time = |millis: f64| Duration::from_secs_f64(millis.max(0.0) / 1e3);
        Fate {
            took: time(self.took),
            first: self.first.map(time),
            error: match self.ends {
                Ends::With(code) => Some(code),
                Ends::Well | Ends::Unseen => None,
            },
            basis,
        }
    }
}

/// The samples nearest to a moment.
fn around(samples: &[Sample], now: i64) -> &[Sample] {
    let middle = samples.partition_point(|sample| sample.at < now);
    let (mut from, mut to) = (middle, middle);
    while to - from < NEAREST.min(samples.len()) {
        let before = from.checked_sub(1).map(|at| now - samples[at].at);
        let after = samples.get(to).map(|sample| sample.at - now);
        match (before, after) {
            (Some(before), Some(after)) if before <= after => from -= 1,
            (Some(_), None) => from -= 1,
            _ => to += 1,
        }
    }
    &samples[from..to]
}

/// One of the samples by chance. In the place of one whose end nobody saw comes one of those that took
/// longer ("redistribution to the right", Efron 1967): slow tries that were given up would otherwise
/// count as quick ones, or not at all.
fn draw(samples: &[Sample], least: f64, rng: &mut Rng) -> Option<Sample> {
    let mut least = least;
    let mut longest = None;
    loop {
        let longer = |sample: &&Sample| least <= 0.0 || sample.took > least;
        let pool: SmallVec<[&Sample; NEAREST]> = samples.iter().filter(longer).collect();
        if pool.is_empty() {
            return longest;
        }
        let sample = *pool[rng.below(pool.len())];
        if sample.ends != Ends::Unseen {
            return Some(sample);
        }
        least = sample.took.max(f64::MIN_POSITIVE);
        longest = Some(sample);
    }
}

/// How a try goes of which nothing is known: well, in the time that the call took.
fn unknown(record: &Record) -> Fate {
    let time = |millis: f64| Duration::from_secs_f64(millis.max(0.0) / 1e3);
    let took = time(record.ms);
    let first = record.first_token_ms.map(time);
    Fate {
        took,
        first: first.or(record.request.stream.then_some(took)),
        error: None,
        basis: Basis::None,
    }
}

/// A try, as far as it tells of its target; what the request itself brought about does not.
fn sample(record: &Record, tried: &Tried) -> Option<Sample> {
    own_sample(record, tried).filter(|sample| {
        !matches!(
            sample.ends,
            Ends::With(
                Code::UpstreamRejected
                    | Code::ContextWindow
                    | Code::ContentPolicy
                    | Code::Unsupported
                    | Code::TotalTimeout
            )
        )
    })
}

fn own_sample(record: &Record, tried: &Tried) -> Option<Sample> {
    let ends = match tried.error.as_deref() {
        None => Ends::Well,
        Some(slug) => match Code::from_slug(slug)? {
            Code::Cancelled => Ends::Unseen,
            code => Ends::With(code),
        },
    };
    Some(Sample {
        at: record.time.saturating_add(tried.after_ms as i64),
        took: tried.ms,
        first: tried.first_token_ms,
        ends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(target: &str, ms: f64, error: Option<&str>) -> Tried {
        Tried {
            target: target.to_owned(),
            ms,
            error: error.map(str::to_owned),
            ..Tried::default()
        }
    }

    fn call(time: i64, attempts: Vec<Tried>) -> Record {
        Record {
            time,
            ms: 900.0,
            attempts,
            ..Record::default()
        }
    }

    #[test]
    fn a_call_meets_again_what_it_met() {
        let record = call(
            5,
            vec![
                tried("a/m", 30.0, Some("upstream_failed")),
                tried("a/m", 80.0, None),
            ],
        );
        let evidence = Evidence::of(std::slice::from_ref(&record));
        let mut rng = Rng::with_seed(1);
        let first = evidence.fate(&record, "a/m", 0, 5, &mut rng);
        assert_eq!(first.error, Some(Code::UpstreamFailed));
        assert_eq!(first.basis, Basis::Own);
        let second = evidence.fate(&record, "a/m", 1, 5, &mut rng);
        assert_eq!(second.took, Duration::from_millis(80));
        assert_eq!(second.error, None);
    }

    #[test]
    fn others_are_asked_around_the_moment() {
        let records: Vec<Record> = (0..1000)
            .map(|minute| {
                let ms = if (400..600).contains(&minute) {
                    5000.0
                } else {
                    100.0
                };
                call(minute * 60_000, vec![tried("b/m", ms, None)])
            })
            .collect();
        let evidence = Evidence::of(&records);
        let mut rng = Rng::with_seed(1);
        let elsewhere = call(0, vec![tried("a/m", 1.0, None)]);
        let mut at = |minute: i64| evidence.fate(&elsewhere, "b/m", 0, minute * 60_000, &mut rng);
        for _ in 0..100 {
            assert_eq!(at(100).took, Duration::from_millis(100));
            assert_eq!(at(500).took, Duration::from_secs(5));
            assert_eq!(at(5000).basis, Basis::Far);
        }
        let nobody = evidence.fate(&elsewhere, "c/m", 0, 0, &mut Rng::with_seed(1));
        assert_eq!(nobody.basis, Basis::None);
        assert_eq!(nobody.took, Duration::from_millis(900));
    }

    #[test]
    fn a_try_that_was_given_up_takes_at_least_that_long() {
        let mut records: Vec<Record> = (0..40)
            .map(|at| call(at, vec![tried("a/m", 100.0, None)]))
            .collect();
        records.push(call(40, vec![tried("a/m", 9000.0, None)]));
        records.extend((41..60).map(|at| call(at, vec![tried("a/m", 300.0, Some("cancelled"))])));
        let evidence = Evidence::of(&records);
        let mut rng = Rng::with_seed(1);
        let other = call(30, Vec::new());
        let slow = (0..1000)
            .filter(|_| {
                let fate = evidence.fate(&other, "a/m", 0, 30, &mut rng);
                fate.took == Duration::from_secs(9)
            })
            .count();
        // Twenty of sixty are slow, one of which was seen to its end.
        assert!((270..400).contains(&slow), "{slow}");
    }
}
