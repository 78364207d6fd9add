//! One budget or limit, as an engine keeps it.

use std::{sync::Arc, time::Duration};

use super::{
    cell::{Answer, Ask, LEASE},
    measure::{Amounts, Measure},
    span::Span,
    tally::Tally,
};
use crate::{clock::Moment, glob};

/// What a budget or a limit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is counted.
    pub measure: Measure,
    /// The most of it.
    pub limit: i64,
    /// Over which time.
    pub span: Span,
    /// Whether what does not fit is refused.
    pub hard: bool,
    /// Whether it was written as a budget; else as a limit.
    pub budget: bool,
    /// The models it is for, as `provider/model`, with `*` as a wildcard. Empty: all.
    pub models: Vec<String>,
    /// Whether calls are let through while the shared store does not answer.
    pub open: bool,
}

impl Rule {
    /// What tells it from the others of its account: what it counts, over which time, for which models.
    pub(super) fn key(&self) -> String {
        let span = match &self.span {
            Span::Sliding(length) => format!("{}ms", length.as_millis()),
            Span::Calendar(calendar) => format!(
                "{:?}-{}-{}",
                calendar.unit,
                calendar.starts,
                calendar.zone.iana_name().unwrap_or("UTC")
            ),
            Span::Ever => "ever".to_owned(),
        };
        let kind = if self.budget { "budget" } else { "limit" };
        let measure = self.measure.name();
        let models = self.models.join(",");
        format!("{kind}/{measure}/{span}/{models}")
    }
}

/// Why a call does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose budget or limit it is.
    pub account: Arc<str>,
    /// Whether it is a budget.
    pub budget: bool,
    /// What it counts.
    pub measure: Measure,
    /// The most of it.
    pub limit: i64,
    /// Over which time.
    pub span: Span,
    /// Used and held back within that time.
    pub used: i64,
    /// What the call could take at most.
    pub wanted: i64,
    /// Time until there is enough room again; `None`: there never will be.
    pub retry_after: Option<Duration>,
}

/// A budget or limit with its state.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) key: Arc<str>,
    pub(super) rule: Rule,
    /// Number under which a journal knows it.
    pub(super) number: u32,
    counted: Tally,
    reserved: i64,
    /// The beginning of the period that `reserved` and `share` are for.
    since: Moment,
    /// Calls before know nothing of it.
    born: Moment,
    /// Nothing is borrowed any more.
    closing: bool,
    /// No longer configured, but something is still to be told or given back.
    pub(super) retired: bool,
    share: Option<Share>,
}

/// What an engine has of a budget that others use too.
#[derive(Debug, Default)]
struct Share {
    /// Lent by the store, before what was not told yet.
    held: i64,
    /// Spent and not told yet, by part.
    untold: Vec<(u64, i64)>,
    /// Told, without a sign that it was heard.
    telling: Vec<(u64, i64)>,
    /// Number of the last telling.
    seq: u64,
    /// What calls wait for, the neediest and the least needy of them.
    demand: i64,
    one: i64,
    least: i64,
    /// How much more than needed was asked for.
    slice: i64,
    asked_at: Moment,
    /// Whether the store knows of this engine.
    known: bool,
    /// The most that may be taken of it until the store answers, which may have lent the rest to others.
    ceiling: Option<i64>,
    /// The store's last word.
    heard: Answer,
}

/// How often what was spent is told.
pub const TELL: Duration = Duration::from_millis(250);
/// Whoever needs more again this soon asks for twice as much beside.
const BUSY: Duration = Duration::from_secs(1);
/// For how long what is not needed is kept in case that it will be, while there is enough for all.
const QUIET: Duration = Duration::from_secs(4);

/// What a book says of an amount.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// The store may have more.
    Lacking,
    Refused,
}

impl Book {
    pub(super) fn new(key: Arc<str>, rule: Rule, number: u32, shared: bool, now: Moment) -> Self {
        Self {
            key,
            number,
            counted: Tally::new(rule.span.clone()),
            rule,
            reserved: 0,
            since: Moment(0),
            born: now,
            closing: false,
            retired: false,
            share: shared.then(Share::default),
        }
    }

    /// Whether it has a say in what a call takes at `label`.
    pub(super) fn concerns(&self, amounts: &Amounts, label: &str) -> bool {
        !self.retired && self.counts(amounts, label)
    }

    /// Whether it counts what a call takes at `label`.
    pub(super) fn counts(&self, amounts: &Amounts, label: &str) -> bool {
        amounts.concerns(self.rule.measure) && glob::admits(&self.rule.models, label)
    }

    /// Begins the period that `now` lies in.
    fn turn(&mut self, now: Moment) {
        let since = self.counted.since(now);
        if since > self.since {
            self.reserved = 0;
            if let Some(share) = &mut self.share {
                share.held = 0;
            }
        }
        self.since = since;
    }

    /// What is left of what was lent, calls under way included.
    fn left(share: &Share, rule: &Rule, since: Moment) -> i64 {
        let sliding = matches!(rule.span, Span::Sliding(_));
        let counts = |part: u64| sliding || part == since.0;
        share
            .lent(counts)
            .saturating_sub(sum(&share.untold, counts))
    }

    /// What is used of it, in this engine's eyes, and what of that is held back by its own calls.
    pub(super) fn used(&mut self, now: Moment) -> (i64, i64) {
        self.turn(now);
        let spent = match &self.share {
            Some(share) => {
                let told = share.heard.spent.saturating_add(share.heard.others);
                let all = |_| true;
                told.saturating_add(sum(&share.untold, all))
                    .saturating_add(sum(&share.telling, all))
            }
            None => self.counted.sum(now),
        };
        (spent, self.reserved)
    }

    /// Whether `amount` fits. One that is used up has no room for calls that take nothing either: what
    /// they will take may be a guess.
    pub(super) fn room(&mut self, amount: i64, now: Moment) -> Room {
        if !self.rule.hard {
            return Room::Enough;
        }
        self.turn(now);
        let least = amount.max(1);
        match &self.share {
            None => {
                let used = self.counted.sum(now).saturating_add(self.reserved);
                if self.rule.limit.saturating_sub(used) >= least {
                    Room::Enough
                } else {
                    Room::Refused
                }
            }
            Some(share) => {
                let left = Self::left(share, &self.rule, self.since);
                if left.saturating_sub(self.reserved) >= least {
                    Room::Enough
                } else {
                    Room::Lacking
                }
            }
        }
    }

    /// Why `amount` does not fit.
    pub(super) fn refusal(&mut self, account: &Arc<str>, amount: i64, now: Moment) -> Refusal {
        let (spent, reserved) = self.used(now);
        let used = spent.saturating_add(reserved);
        let excess = used
            .saturating_add(amount.max(1))
            .saturating_sub(self.rule.limit);
        Refusal {
            account: Arc::clone(account),
            budget: self.rule.budget,
            measure: self.rule.measure,
            limit: self.rule.limit,
            span: self.rule.span.clone(),
            used,
            wanted: amount,
            retry_after: self.counted.frees(now, excess.max(1)),
        }
    }

    /// Asks for `amount` with the next exchange, where it does not fit.
    pub(super) fn wait_for(&mut self, amount: i64, now: Moment) {
        if self.room(amount, now) == Room::Lacking
            && let Some(share) = &mut self.share
        {
            let least = amount.max(1);
            share.demand = share.demand.saturating_add(least);
            share.one = share.one.max(least);
            share.least = if share.least == 0 {
                least
            } else {
                share.least.min(least)
            };
        }
    }

    pub(super) fn reserve(&mut self, amount: i64, now: Moment) {
        self.turn(now);
        self.reserved = self.reserved.saturating_add(amount);
    }

    /// Lets go of what was held back at a moment.
    pub(super) fn release(&mut self, held: i64, at: Moment) {
        if at >= self.since && at >= self.born {
            self.reserved = self.reserved.saturating_sub(held).max(0);
        }
    }

    /// Counts what was spent by a call that began at `at`. Gives the telling with which it will be told,
    /// and its part.
    pub(super) fn count(&mut self, amount: i64, at: Moment, now: Moment) -> (u64, u64) {
        self.turn(now);
        // What was held back in an earlier period is counted there.
        let part = if at < self.since {
            self.rule.span.period(at).start.0
        } else {
            self.counted.add(now, amount);
            self.counted.parts(now).current
        };
        let Some(share) = &mut self.share else {
            return (0, part);
        };
        if amount != 0 {
            match share.untold.last_mut() {
                Some((last, sum)) if *last == part => *sum = sum.saturating_add(amount),
                _ => share.untold.push((part, amount)),
            }
        }
        (share.seq + 1, part)
    }

    /// What to tell the store, and to ask of it; `None` where there is nothing to say. `due`: also what
    /// nobody waits for.
    pub(super) fn ask(&mut self, now: Moment, due: bool) -> Option<Ask> {
        self.turn(now);
        let limit = self.rule.limit;
        let parts = self.counted.parts(now);
        let Self {
            share, reserved, ..
        } = self;
        let (reserved, share) = (*reserved, share.as_mut()?);
        let since = now.since(share.asked_at);
        let idle = share.untold.is_empty() && share.telling.is_empty();
        let give_back = idle && share.held > reserved && since >= share.patience(limit);
        let last = self.closing && reserved == 0;
        let leave = self.closing && (share.known || !idle);
        let renew = share.held > 0 && since >= LEASE / 4;
        let tell = !idle && since >= TELL;
        if share.demand == 0 && !(due && (give_back || renew || tell || leave)) {
            return None;
        }
        if give_back || share.heard.dry || self.closing {
            share.slice = 0;
        } else if share.demand > 0 && since < BUSY {
            share.slice = share.slice.saturating_mul(2).max(share.one).min(limit / 4);
        } else if since > QUIET {
            share.slice /= 4;
        }
        share.asked_at = now;
        share.known = true;
        if share.telling.is_empty() {
            share.telling = std::mem::take(&mut share.untold);
            share.seq += 1;
        }
        let counts = parts.counts();
        let needed = reserved.saturating_add(sum(&share.untold, &counts));
        let keep = share
            .lent(&counts)
            .min(needed.saturating_add(share.slice))
            .max(needed);
        share.ceiling = Some(keep);
        let hard = self.rule.hard;
        Some(Ask {
            key: Arc::clone(&self.key),
            limit,
            parts,
            seq: share.seq,
            told: share.telling.clone(),
            keep: if hard { keep } else { 0 },
            demand: std::mem::take(&mut share.demand),
            one: std::mem::take(&mut share.one),
            least: std::mem::take(&mut share.least),
            slice: if hard { share.slice } else { 0 },
            last: last && share.untold.is_empty(),
        })
    }

    /// Takes over what the store says.
    pub(super) fn hear(&mut self, ask: &Ask, answer: Answer) {
        let of_now = !ask.parts.fixed || ask.parts.current == self.since.0;
        if let Some(share) = &mut self.share
            && share.seq == ask.seq
        {
            share.telling.clear();
            share.ceiling = None;
            share.known = !ask.last;
            // What was lent for a period that is over is of no use.
            share.held = if of_now { answer.held } else { 0 };
            share.heard = answer;
        }
    }

    /// Whether others hold what this one lacks.
    pub(super) fn others_hold(&self) -> bool {
        self.share
            .as_ref()
            .is_some_and(|share| share.heard.others > 0)
    }

    pub(super) fn is_shared(&self) -> bool {
        self.share.is_some()
    }

    /// Which part of its time is counted now.
    pub(super) fn part(&mut self, now: Moment) -> u64 {
        self.counted.parts(now).current
    }

    /// It is no longer configured.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        self.close();
    }

    /// Nothing is to be kept beyond what calls under way need.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// True when it is no longer configured, and there is nothing to tell and nothing to give back.
    pub(super) fn is_over(&self) -> bool {
        let quiet =
            |share: &Share| share.held == 0 && share.untold.is_empty() && share.telling.is_empty();
        let settled = self.reserved == 0 && self.share.as_ref().is_some_and(quiet);
        self.retired && (settled || self.share.is_none())
    }

    /// Another process image goes on with it: what was held belongs to the other.
    pub(super) fn forked(&mut self) {
        if self.share.is_some() {
            self.share = Some(Share::default());
            self.reserved = 0;
        }
    }
}

impl Share {
    /// What was lent of the parts that count, once what is being told has been heard.
    fn lent(&self, counts: impl Fn(u64) -> bool) -> i64 {
        let after = self.held.saturating_sub(sum(&self.telling, counts));
        self.ceiling.map_or(after, |most| most.min(after))
    }

    /// For how long what is not needed is kept: not at all when somebody needs it.
    fn patience(&self, limit: i64) -> Duration {
        let used = self.heard.spent.saturating_add(self.heard.others);
        let free = limit.saturating_sub(used).saturating_sub(self.held);
        if self.heard.dry || free < limit / 8 {
            TELL
        } else {
            QUIET
        }
    }
}

/// The sum of what was counted in the parts that `counts` names.
fn sum(amounts: &[(u64, i64)], counts: impl Fn(u64) -> bool) -> i64 {
    let those = amounts.iter().filter(|(part, _)| counts(*part));
    those.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}
