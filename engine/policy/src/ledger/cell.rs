//! What a store keeps of one budget or limit that many engines share, and how an engine gets a part of
//! it: pure, so that every store does the same.
//!
//! An engine borrows an amount, spends it without asking, and tells what it spent when it asks again.
//! What is lent counts as used: engines together never spend more than the limit, whatever each of them
//! does, and one that dies takes with it at most what it held, until its own journal tells how much of
//! that was really spent.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// How long an engine may stay silent before what it holds is taken as spent.
pub const LEASE: Duration = Duration::from_mins(1);

/// One budget or limit, as it stands in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// What was spent, by part of the window or beginning of the period.
    #[serde(rename = "s")]
    spent: BTreeMap<u64, i64>,
    /// Who holds how much.
    #[serde(rename = "l")]
    leases: BTreeMap<Arc<str>, Lease>,
    /// When an engine last went away with less than it needed.
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    dry: u64,
}

/// What an engine holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// The last of its tellings that was booked.
    #[serde(rename = "n")]
    seq: u64,
    #[serde(rename = "h")]
    held: i64,
    /// The part of the time for which it is held.
    #[serde(rename = "p")]
    part: u64,
    /// Nanoseconds since 1970 from which it counts as spent.
    #[serde(rename = "e")]
    expires: u64,
    /// Where it was booked as spent, its engine having been silent for too long.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    lapsed: Option<u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The part of time that an engine asks for, by its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The one that now lies in: its number where windows slide, the period's first nanosecond elsewhere.
    pub current: u64,
    /// The first that still counts.
    pub oldest: u64,
    /// Those before are deleted.
    pub forget: u64,
    /// Those after come from a clock that was set back.
    pub latest: u64,
    /// Whether amounts belong to their part alone, as they do to a period of the calendar.
    pub fixed: bool,
}

impl Parts {
    /// Those of what is counted for ever.
    pub const EVER: Self = Self {
        current: 0,
        oldest: 0,
        forget: 0,
        latest: u64::MAX,
        fixed: true,
    };

    /// Which parts what is lent now is for.
    pub(super) fn counts(self) -> impl Fn(u64) -> bool {
        move |part| !self.fixed || part == self.current
    }
}

/// What an engine tells and wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose budget it is, and which.
    pub key: Arc<str>,
    /// The most that may be used.
    pub limit: i64,
    /// The time it is for.
    pub parts: Parts,
    /// Number of this telling: one that was booked already is not booked again.
    pub seq: u64,
    /// Spent since the telling before, by part.
    pub told: Vec<(u64, i64)>,
    /// What it goes on with meanwhile: at least so much stays lent to it, as far as it was.
    pub keep: i64,
    /// What waiting calls need.
    pub demand: i64,
    /// What the neediest of them needs.
    pub one: i64,
    /// What the least needy of them needs: less is of no use to anybody.
    pub least: i64,
    /// What would be good to have beside.
    pub slice: i64,
    /// Whether it is the last telling, after which the engine is no more.
    pub last: bool,
}

/// An amount that an engine wrote down before it told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The telling that it was to go with; the largest number for a call whose end is not known.
    pub seq: u64,
    /// The part of the time.
    pub part: u64,
    /// How much.
    pub amount: i64,
}

/// What an engine gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it holds from now on, what it keeps included.
    pub held: i64,
    /// Spent, by all engines.
    pub spent: i64,
    /// Held by others.
    pub others: i64,
    /// Whether somebody needs what nobody needs at the moment.
    pub dry: bool,
}

/// How long an engine that went silent may come back, or its journal be found, and say what was spent.
const REMEMBERED: u64 = 7 * 86_400_000_000_000;
/// How long others give back what they do not need, after somebody went away with less than needed.
const THRIFT: u64 = 5_000_000_000;

impl Cell {
    /// Books what an engine tells and lends it what it may have.
    pub fn exchange(&mut self, engine: &Arc<str>, ask: &Ask, now: Moment) -> Answer {
        let parts = &ask.parts;
        self.tidy(engine, parts, now);
        let mut lease = self.leases.remove(engine).unwrap_or_default();
        if let Some(part) = lease.lapsed.take() {
            self.book(part, -lease.held, parts);
        }
        if ask.seq > lease.seq {
            lease.seq = ask.seq;
            for (part, amount) in &ask.told {
                self.book(*part, *amount, parts);
                if !parts.fixed || *part == lease.part {
                    lease.held = lease.held.saturating_sub(*amount);
                }
            }
        }
        if parts.fixed && lease.part < parts.current {
            lease.held = 0;
        }
        let spent = self.spent.range(parts.oldest..);
        let spent = spent.fold(0i64, |sum, (_, amount)| sum.saturating_add(*amount));
        let alive = self.leases.values().filter(|lease| {
            lease.lapsed.is_none() && (!parts.fixed || lease.part >= parts.current)
        });
        let (others, count) = alive.fold((0i64, 1i64), |(held, count), lease| {
            (held.saturating_add(lease.held), count + 1)
        });
        let free = ask.limit.saturating_sub(spent).saturating_sub(others);
        if ask.demand > 0 && free < ask.keep.saturating_add(ask.demand) {
            self.dry = now.0;
        }
        let dry = self.dry > 0 && now.0 < self.dry.saturating_add(THRIFT);
        // What calls under way may still spend is theirs, also after the limit was lowered.
        let kept = ask.keep.min(lease.held.max(0));
        let over = free.saturating_sub(kept).max(0);
        let fair = ask.demand.min((over / count).max(ask.one));
        let slice = if dry {
            0
        } else {
            ask.slice.min(over / (2 * count))
        };
        let more = over.min(fair.saturating_add(slice));
        let of_use = ask.demand == 0 || more >= ask.least;
        lease.held = kept.saturating_add(if of_use { more } else { 0 });
        lease.part = parts.current;
        lease.expires = now.plus(LEASE).0;
        let held = lease.held;
        if !(ask.last && held == 0) {
            self.leases.insert(Arc::clone(engine), lease);
        }
        Answer {
            held,
            spent,
            others,
            dry,
        }
    }

    /// Takes over what an engine that is no more wrote down: what it had not told counts as spent, and
    /// what it held beyond that is free again. A second time changes nothing.
    pub fn reconcile(&mut self, engine: &Arc<str>, written: &[Written], now: Moment) {
        let mut lease = self.leases.remove(engine).unwrap_or_default();
        if let Some(part) = lease.lapsed.take() {
            let sum = self.spent.entry(part).or_default();
            *sum = sum.saturating_sub(lease.held);
        }
        for entry in written.iter().filter(|entry| entry.seq > lease.seq) {
            let sum = self.spent.entry(entry.part).or_default();
            *sum = sum.saturating_add(entry.amount);
        }
        let gone = Lease {
            seq: u64::MAX,
            held: 0,
            expires: now.plus(LEASE).0,
            ..lease
        };
        self.leases.insert(Arc::clone(engine), gone);
    }

    /// What was spent, and what is held at the moment.
    pub fn used(&self, parts: &Parts) -> (i64, i64) {
        let spent = self.spent.range(parts.oldest..);
        let spent = spent.fold(0i64, |sum, (_, amount)| sum.saturating_add(*amount));
        let held = self.leases.values().filter(|lease| lease.lapsed.is_none());
        (
            spent,
            held.fold(0, |sum, lease| sum.saturating_add(lease.held)),
        )
    }

    /// True when nothing is left that anybody could ask for.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty() && self.leases.is_empty()
    }

    fn book(&mut self, part: u64, amount: i64, parts: &Parts) {
        if part >= parts.forget {
            let part = if part > parts.latest {
                parts.current
            } else {
                part
            };
            let sum = self.spent.entry(part).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// Forgets what no longer counts, takes over what comes from a clock that was set back, and takes
    /// what silent engines hold as spent.
    fn tidy(&mut self, engine: &Arc<str>, parts: &Parts, now: Moment) {
        self.spent = self.spent.split_off(&parts.forget);
        if let Some(beyond) = parts.latest.checked_add(1) {
            let later: i64 = self.spent.split_off(&beyond).into_values().sum();
            if later != 0 {
                self.book(parts.current, later, parts);
            }
        }
        let mut booked = Vec::new();
        self.leases.retain(|owner, lease| {
            if owner == engine {
                return true;
            }
            // An expiry that no engine could have set comes from a clock that was set back.
            lease.expires = lease.expires.min(now.plus(LEASE).0);
            if lease.lapsed.is_none() && lease.expires <= now.0 {
                let part = if parts.fixed {
                    lease.part
                } else {
                    parts.current
                };
                lease.lapsed = Some(part);
                booked.push((part, lease.held));
            }
            let remembered = lease.expires.saturating_add(REMEMBERED) > now.0;
            let reconciled = lease.seq == u64::MAX;
            lease
                .lapsed
                .is_none_or(|part| part >= parts.forget && remembered && !reconciled)
        });
        for (part, held) in booked {
            self.book(part, held, parts);
        }
    }
}
