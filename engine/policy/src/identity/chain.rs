//! The levels that a call must fit into, walked in one order: all of them, or none.
//!
//! Money, places and counts are taken level by level, outermost first, then those of the provider that
//! is asked. Where one level refuses, what the ones before it gave is given back.

use std::sync::Arc;

use smallvec::SmallVec;
use tidegate_types::Money;

use super::node::{Level, Node};
use crate::{
    admission::{Room, Seats, UNCAPPED, Way},
    clock::Tick,
    ledger::{Refusal, Reservation},
    limits::Limited,
};

/// Every level of a caller, outermost first.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    nodes: SmallVec<[Arc<Node>; 2]>,
    /// Whether some level has a word for single providers.
    parts: bool,
    /// Whether some level has a word for end users.
    serves: bool,
}

/// Why a chain does not take a call, and which of its levels says so.
#[derive(Debug, Clone)]
pub struct Refused<W> {
    /// The level.
    pub by: Arc<Node>,
    /// What it says.
    pub why: W,
}

/// Money held back at every level for a running call. Dropping it lets go of all of it.
#[derive(Debug, Default)]
pub struct Held(SmallVec<[Reservation; 1]>);

impl Held {
    /// Ends the reservation and books what the call cost, at every level.
    pub fn settle(self, actual: Money, now: Tick) {
        for reservation in self.0 {
            reservation.settle(actual, now);
        }
    }
}

impl Chain {
    /// A chain of these levels, outermost first.
    pub fn new(nodes: impl IntoIterator<Item = Arc<Node>>) -> Self {
        let nodes: SmallVec<[Arc<Node>; 2]> = nodes.into_iter().collect();
        let parts = nodes.iter().any(|node| !node.providers.is_empty());
        let serves = nodes.iter().any(|node| node.end_users.is_some());
        Self {
            nodes,
            parts,
            serves,
        }
    }

    /// The levels, outermost first.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// The level of that kind.
    pub fn level(&self, level: Level) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.level == level)
    }

    /// Whether some level has a word for end users.
    pub(super) fn serves(&self) -> bool {
        self.serves
    }

    /// What its levels say of one provider, outermost first.
    pub fn at<'c>(&'c self, provider: &str) -> impl Iterator<Item = &'c Arc<Node>> + Clone {
        let nodes = if self.parts { &*self.nodes } else { &[] };
        let configs = nodes.iter().flat_map(|node| &node.providers);
        configs.filter(move |config| &*config.id == provider)
    }

    fn with<'c>(&'c self, provider: &str) -> impl Iterator<Item = &'c Arc<Node>> {
        self.nodes.iter().chain(self.at(provider))
    }

    /// Holds back `bound` for a try at `provider`, at every level or at none.
    ///
    /// # Errors
    /// The first level with a hard budget it does not fit into.
    pub fn reserve(
        &self,
        provider: &str,
        bound: Money,
        now: Tick,
    ) -> Result<Held, Refused<Refusal>> {
        let mut held = Held::default();
        for node in self.with(provider) {
            let reserved = node.account.reserve(bound, now);
            held.0.push(reserved.map_err(|why| refused(node, why))?);
        }
        Ok(held)
    }

    /// Whether `bound` could be held back now. Nothing changes.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn would_reserve(
        &self,
        provider: &str,
        bound: Money,
        now: Tick,
    ) -> Result<(), Refused<Refusal>> {
        self.with(provider).try_for_each(|node| {
            let room = node.account.would_reserve(bound, now);
            room.map_err(|why| refused(node, why))
        })
    }

    /// Books what was spent at `provider` without having been reserved.
    pub fn charge(&self, provider: &str, cost: Money, now: Tick) {
        for node in self.with(provider) {
            node.account.charge(cost, now);
        }
    }

    /// The first level with a hard budget that is used up, whatever the provider.
    pub fn exhausted(&self, now: Tick) -> Option<Refused<Refusal>> {
        let mut nodes = self.nodes.iter();
        nodes.find_map(|node| Some(refused(node, node.account.exhausted(now)?)))
    }

    /// Takes a place among the calls at a time and counts the call, at every level or at none.
    ///
    /// # Errors
    /// The first level whose limit is reached.
    pub fn admit(&self, room: &Room, now: Tick) -> Result<Seats, Refused<Limited>> {
        let Some(seats) = room.enter(&self.way()) else {
            return self.full().map_or_else(|| Ok(Seats::default()), Err);
        };
        self.count(now)?;
        Ok(seats)
    }

    /// The places among the calls at a time that a call takes.
    pub fn way(&self) -> Way {
        self.nodes.iter().map(|node| node.limits.need()).collect()
    }

    /// The places among the tries at a time that a try at `provider` takes.
    pub fn way_at(&self, provider: &str) -> Way {
        self.at(provider).map(|node| node.limits.need()).collect()
    }

    /// Counts the call against every limit but those of calls at a time, at every level or at none.
    ///
    /// # Errors
    /// The first level whose limit is reached.
    pub fn count(&self, now: Tick) -> Result<(), Refused<Limited>> {
        count(self.nodes.iter(), now)
    }

    /// As [`count`](Self::count), of a try at `provider`, by what the levels say of that alone.
    ///
    /// # Errors
    /// The first level whose limit is reached.
    pub fn count_at(&self, provider: &str, now: Tick) -> Result<(), Refused<Limited>> {
        count(self.at(provider), now)
    }

    /// Whether a call could be counted now. Nothing changes.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn would_admit(&self, now: Tick) -> Result<(), Refused<Limited>> {
        would_admit(self.nodes.iter(), now)
    }

    /// As [`would_admit`](Self::would_admit), of a try at `provider`, by what the levels say of that
    /// alone.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn would_admit_at(&self, provider: &str, now: Tick) -> Result<(), Refused<Limited>> {
        would_admit(self.at(provider), now)
    }

    /// Percent used of the fullest limit; 0 when there is none.
    pub fn limit_used(&self, now: Tick) -> f64 {
        let used = self.nodes.iter().map(|node| node.limits.used(now));
        used.fold(0.0, f64::max)
    }

    /// Percent used of the fullest budget, of one level or of all; 0 when there is none.
    pub fn budget_used(&self, level: Option<Level>, now: Tick) -> f64 {
        let meant = |node: &&Arc<Node>| level.is_none_or(|level| node.level == level);
        let used = self
            .nodes
            .iter()
            .filter(meant)
            .map(|node| node.budget_used(now));
        used.fold(0.0, f64::max)
    }

    /// Who has no room; as far as that can be told when it has just got some, the innermost with a cap.
    fn full(&self) -> Option<Refused<Limited>> {
        let full = |node: &&Arc<Node>| {
            let need = node.limits.need();
            !need.gate.has_room(need.most)
        };
        let capped = |node: &&Arc<Node>| node.limits.need().most != UNCAPPED;
        let mut inwards = self.nodes.iter().rev();
        let found = self
            .nodes
            .iter()
            .find(full)
            .or_else(|| inwards.find(capped));
        found.map(in_flight)
    }
}

fn in_flight(node: &Arc<Node>) -> Refused<Limited> {
    refused(node, Limited::InFlight(node.limits.need().most))
}

fn refused<W>(node: &Arc<Node>, why: W) -> Refused<W> {
    Refused {
        by: Arc::clone(node),
        why,
    }
}

fn count<'c>(
    nodes: impl Iterator<Item = &'c Arc<Node>> + Clone,
    now: Tick,
) -> Result<(), Refused<Limited>> {
    for (at, node) in nodes.clone().enumerate() {
        if let Err(why) = node.limits.count(now) {
            for counted in nodes.take(at) {
                counted.limits.uncount(now);
            }
            return Err(refused(node, why));
        }
    }
    Ok(())
}

fn would_admit<'c>(
    mut nodes: impl Iterator<Item = &'c Arc<Node>>,
    now: Tick,
) -> Result<(), Refused<Limited>> {
    nodes.try_for_each(|node| {
        let room = node.limits.would_admit(now);
        room.map_err(|why| refused(node, why))
    })
}
