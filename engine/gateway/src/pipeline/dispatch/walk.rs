//! From target to target: which one is next after a failure, and when to give up.

use std::sync::Arc;

use tidegate_policy::{
    Tick,
    retry::Hedge,
    rng::Rng,
    route::{Order, Standing},
};
use tidegate_types::{Code, Error};
use tokio::time::Instant;

use super::{
    Answer, Job,
    attempt::{self, Outcome, Passed},
    build,
    lane::{Lane, Lanes},
    plan, race, reserve,
};
use crate::{
    pipeline::{plan::Why, queue},
    snapshot::{Chain, Route, Target},
};

/// An answer, and the lane that got it.
pub(super) type Won = (Answer, usize);

/// Tries the planned targets in order until one answers.
pub(super) async fn run(
    job: &Job,
    route: &Arc<Route>,
    lanes: &mut Lanes,
    until: Option<Instant>,
) -> Result<Won, Error> {
    let mut walk = Walk::new(job, route, false);
    if let Some(won) = round(&mut walk, &mut lanes.all, until).await? {
        return Ok(won);
    }
    // Nothing was tried. Keys that were refused may ask again: the upstream's own words say better
    // what is wrong with them.
    if lanes.untried() && walk.leads_anyway() {
        walk = walk.anyway();
        if let Some(won) = round(&mut walk, &mut lanes.all, until).await? {
            return Ok(won);
        }
    }
    // Whoever has no room has some soon.
    while !walk.full.is_empty() && walk.over.is_none() {
        let full = std::mem::take(&mut walk.full);
        let ticket = match Box::pin(queue::for_target(job, route, &full, &mut lanes.queued)).await {
            Ok(ticket) => ticket,
            Err(error) => return Err(walk.failed.unwrap_or(error)),
        };
        walk.again(ticket.position, &full);
        lanes.all[0].ticket = Some(ticket);
        if let Some(won) = round(&mut walk, &mut lanes.all, until).await? {
            return Ok(won);
        }
    }
    Err(walk.error())
}

/// What would be asked first, at once or when there is room, and whether only because nothing else is
/// left. Nothing is asked.
///
/// # Errors
/// As a call that finds no target that it can ask.
pub(in crate::pipeline) fn foretell(
    job: &Job,
    route: &Arc<Route>,
) -> Result<(Arc<Target>, bool), Error> {
    let mut walk = Walk::new(job, route, false);
    loop {
        while let Some((position, target)) = walk.next() {
            let outcome = match attempt::look(job, &target, walk.anyway) {
                Some(passed) => Outcome::Passed(passed),
                None => match build::prepare(job, &target) {
                    Err(error) if error.code() == Code::Unsupported => Outcome::Failed(error),
                    Err(error) => return Err(error),
                    Ok(_) => match reserve::look(job, &target, reserve::bound(job, &target)) {
                        Ok(()) => return Ok((target, walk.anyway)),
                        Err(short) if short.here => {
                            Outcome::Passed(Passed::Unusable(Some(short.error)))
                        }
                        Err(short) => return Err(short.error),
                    },
                },
            };
            walk.heard(position, &target, outcome)?;
        }
        let waited_for = walk.full.first().copied();
        if let Some(target) = waited_for.and_then(|full| job.plan.target(route, full)) {
            return Ok((target, walk.anyway));
        }
        if walk.anyway || !walk.leads_anyway() {
            return Err(walk.error());
        }
        walk = walk.anyway();
    }
}

/// One round over the targets. `Err` ends the call.
async fn round(
    walk: &mut Walk<'_>,
    lanes: &mut [Lane],
    until: Option<Instant>,
) -> Result<Option<Won>, Error> {
    let [lane] = lanes else {
        let (job, anyway) = (walk.job, walk.anyway);
        let ask = |lane, position, target| race::ask(job, lane, position, target, anyway, until);
        return Box::pin(race::run(walk, lanes, ask, tokio::time::sleep)).await;
    };
    // Nearly every call: one target after the other.
    while let Some((position, target)) = walk.next() {
        let outcome = attempt::run(walk.job, lane, &target, walk.anyway, until).await?;
        if let Some(answer) = walk.heard(position, &target, outcome)? {
            return Ok(Some((answer, lane.index)));
        }
    }
    Ok(None)
}

/// Where a call stands among its targets, and what it met on the way.
pub(super) struct Walk<'a> {
    pub(super) job: &'a Job,
    route: &'a Arc<Route>,
    /// Whether targets that are not well are tried too.
    pub(super) anyway: bool,
    /// Chains are added to it as failures ask for them.
    order: Order,
    fallbacks_at: usize,
    at: usize,
    rng: Rng,
    /// Why no further target is asked.
    pub(super) over: Option<Error>,
    /// The last failure of a try.
    failed: Option<Error>,
    /// Why a target could not even be tried.
    skipped: Option<Error>,
    /// Targets where as many calls are under way as may be.
    pub(super) full: Order,
    /// When the first of the targets that are not well may be asked again.
    soonest: Option<Tick>,
    /// Whether all of them only wait because their keys were refused.
    refused_only: bool,
    /// Whether only those of them are tried of which the configuration says so.
    picked: bool,
    /// Chains that were taken, by the route inside the route whose they are.
    taken: Vec<(Option<usize>, Chain)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(job: &'a Job, route: &'a Arc<Route>, anyway: bool) -> Self {
        Self {
            job,
            route,
            anyway,
            order: job.plan.order.clone(),
            fallbacks_at: job.plan.fallbacks_at,
            at: 0,
            rng: job.rng.clone(),
            over: None,
            failed: None,
            skipped: None,
            full: Order::new(),
            soonest: None,
            refused_only: true,
            picked: false,
            taken: Vec::new(),
        }
    }

    /// Begins anew with those that are tried although they are not well.
    pub(super) fn anyway(&self) -> Self {
        Self {
            picked: !self.refused_only,
            ..Self::new(self.job, self.route, true)
        }
    }

    /// Whether the configuration says that a target is tried when none is well.
    fn is_picked(&self, target: &Target) -> bool {
        target.anyway.unwrap_or(self.route.try_anyway)
    }

    /// Begins anew with those that had no room, the one that has some first.
    pub(super) fn again(&mut self, first: u16, full: &[u16]) {
        let others = full.iter().filter(|other| **other != first);
        self.order = std::iter::once(&first).chain(others).copied().collect();
        (self.at, self.fallbacks_at) = (0, self.order.len());
    }

    /// The next target.
    pub(super) fn next(&mut self) -> Option<(u16, Arc<Target>)> {
        if self.over.is_some() {
            return None;
        }
        while let Some(position) = self.order.get(self.at).copied() {
            self.at += 1;
            if let Some(target) = self.job.plan.target(self.route, position)
                && (!self.picked || self.is_picked(&target))
            {
                return Some((position, target));
            }
        }
        None
    }

    /// The next target, where it may be asked beside one of the same race or hedge and is well.
    pub(super) fn beside(&mut self, hedge: &Arc<Hedge>) -> Option<(u16, Arc<Target>)> {
        let position = self.order.get(self.at).copied()?;
        let target = self.job.plan.target(self.route, position)?;
        let same = target
            .hedge
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, hedge));
        let well = target.standing(self.job.gateway.clock.now()) != Standing::Down;
        if same && well && hedge.spend() {
            self.next()
        } else {
            None
        }
    }

    /// Gives back a target that was not tried.
    pub(super) fn put_back(&mut self, position: u16) {
        self.order.insert(self.at, position);
    }

    /// What came of asking a target: its answer, or where to go on. `Err` ends the call.
    pub(super) fn heard(
        &mut self,
        position: u16,
        target: &Target,
        outcome: Outcome,
    ) -> Result<Option<Answer>, Error> {
        let error = match outcome {
            Outcome::Answered(answer) => {
                let now = self.job.gateway.clock.now();
                plan::answered(self.job, self.route, position, now);
                return Ok(Some(answer));
            }
            Outcome::Passed(Passed::Waiting { until, refused }) => {
                self.soonest = Some(self.soonest.map_or(until, |known| known.min(until)));
                self.refused_only &= refused;
                return Ok(None);
            }
            Outcome::Passed(Passed::Full) => {
                self.full.push(position);
                return Ok(None);
            }
            Outcome::Passed(Passed::Unusable(error)) => {
                self.skipped = self.skipped.take().or(error);
                return Ok(None);
            }
            Outcome::Failed(error) => error,
        };
        let now = self.job.gateway.clock.now();
        let late = target.retry.give_up_after;
        if late.is_some_and(|late| now.since(self.job.started) > late) {
            return Err(error);
        }
        let code = error.code();
        let found = Chain::of(code).and_then(|chain| self.take(position, chain));
        self.follow(code, target, found);
        self.failed = Some(error);
        Ok(None)
    }

    /// The chain that follows a failure: of the innermost route around the target that has one which was
    /// not taken yet.
    fn take(&mut self, position: u16, chain: Chain) -> Option<(Option<usize>, Order)> {
        let route = self.route;
        let inner = route.within.iter().enumerate();
        let inner = inner.filter(|(_, within)| within.all.contains(&position));
        let inner = inner.map(|(index, within)| (Some(index), &within.chains));
        for (whose, chains) in inner.chain([(None, &route.chains)]) {
            let Some((_, nodes)) = chains.iter().find(|(known, _)| *known == chain) else {
                continue;
            };
            if self.taken.contains(&(whose, chain)) {
                continue;
            }
            self.taken.push((whose, chain));
            let others = plan::chain(self.job, route, nodes, &mut self.rng, Why::Unasked);
            if !others.is_empty() {
                return Some((whose, others));
            }
        }
        None
    }

    /// Goes on after a failure. A chain of a route inside the route takes the place of what is left of that
    /// one, and what stands behind it still stands in.
    fn follow(&mut self, code: Code, target: &Target, found: Option<(Option<usize>, Order)>) {
        let at = self.at;
        let (whose, others) = found.unwrap_or_default();
        let inner = whose.and_then(|whose| self.route.within.get(whose));
        match (code, inner) {
            // Only what takes more can help; only the caller can say that others may be asked.
            (Code::ContextWindow, _) if others.is_empty() => self.keep_longer(target),
            (Code::ContentPolicy, _) if others.is_empty() => self.order.truncate(at),
            (Code::ContextWindow, Some(inner)) => {
                let mut place = 0;
                self.order.retain(|position| {
                    place += 1;
                    place <= at || !inner.all.contains(position)
                });
                self.keep_longer(target);
                self.insert(at, others);
            }
            (Code::ContextWindow | Code::ContentPolicy, _) => {
                self.order.truncate(at);
                self.order.extend(others);
            }
            (_, Some(inner)) => {
                let mut left = self.order.iter().skip(at);
                let last = left.rposition(|position| inner.own.contains(position));
                self.insert(last.map_or(at, |last| at + last + 1), others);
            }
            (_, None) => self.insert(self.fallbacks_at.max(at), others),
        }
    }

    /// Puts targets into the order, in front of the fallbacks where they come before them.
    fn insert(&mut self, place: usize, others: Order) {
        let place = place.min(self.order.len());
        if place <= self.fallbacks_at {
            self.fallbacks_at += others.len();
        }
        self.order.insert_many(place, others);
    }

    /// Drops those of the targets left that are not known to take longer prompts than `target`.
    fn keep_longer(&mut self, target: &Target) {
        let (job, route) = (self.job, self.route);
        let mut place = 0;
        let at = self.at;
        self.order.retain(|position| {
            place += 1;
            let other = job.plan.target(route, *position);
            place <= at
                || match (target.context, other.and_then(|other| other.context)) {
                    (Some(this), Some(other)) => other > this,
                    _ => false,
                }
        });
    }

    /// Whether targets that are not well are tried when nothing else was.
    pub(super) fn leads_anyway(&self) -> bool {
        let picked = |position: &u16| {
            let target = self.job.plan.target(self.route, *position);
            target.is_some_and(|target| self.is_picked(&target))
        };
        let anyway = self.refused_only || self.order.iter().any(picked);
        anyway && self.full.is_empty() && self.soonest.is_some()
    }

    pub(super) fn error(self) -> Error {
        if let Some(error) = self.over.or(self.failed) {
            return error;
        }
        let text = format!("no target of {:?} can be used now", self.route.name);
        match (self.soonest, self.skipped) {
            (Some(soonest), _) => {
                let wait = soonest.since(self.job.gateway.clock.now());
                Error::new(Code::NoHealthyTarget, text).with_retry_after(wait)
            }
            (None, Some(error)) => error,
            (None, None) => Error::new(Code::NoHealthyTarget, text),
        }
    }
}
