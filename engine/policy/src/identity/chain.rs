//! The levels that a call must fit into, walked in one order: all of them, or none.
//!
//! Places are taken at all of them or at none, and so is money, whose accounts the
//! [ledger](crate::ledger) goes through outermost first, then those of the provider that is asked.

use std::{borrow::Cow, sync::Arc};

use smallvec::SmallVec;

use super::node::{Level, Node};
use crate::{
    admission::{Room, Seats, UNCAPPED, Way},
    clock::Moment,
    ledger::Payers,
};

/// Every level of a caller, outermost first.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    nodes: SmallVec<[Arc<Node>; 2]>,
    payers: Payers,
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

impl Chain {
    /// A chain of these levels, outermost first.
    pub fn new(nodes: impl IntoIterator<Item = Arc<Node>>) -> Self {
        let nodes: SmallVec<[Arc<Node>; 2]> = nodes.into_iter().collect();
        let parts = nodes.iter().any(|node| !node.providers.is_empty());
        let serves = nodes.iter().any(|node| node.end_users.is_some());
        Self {
            payers: nodes.iter().map(|node| Arc::clone(&node.account)).collect(),
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

    /// Who pays for a call, outermost first.
    pub fn payers(&self) -> &Payers {
        &self.payers
    }

    /// Who pays for a try at `provider`: every level, and what they say of that one alone.
    pub fn payers_with(&self, provider: &str) -> Cow<'_, Payers> {
        let mut here = self.at(provider).peekable();
        if here.peek().is_none() {
            return Cow::Borrowed(&self.payers);
        }
        let here = here.map(|node| Arc::clone(&node.account));
        Cow::Owned(self.payers.iter().cloned().chain(here).collect())
    }

    /// What the levels say of `provider` alone.
    pub fn payers_at(&self, provider: &str) -> Payers {
        self.at(provider)
            .map(|node| Arc::clone(&node.account))
            .collect()
    }

    /// The level, of a call to `provider`, whose account has that name.
    pub fn owner(&self, provider: &str, account: &str) -> Option<&Arc<Node>> {
        self.with(provider)
            .find(|node| **node.account.name() == *account)
    }

    /// Takes a place among the calls at a time, at every level or at none.
    ///
    /// # Errors
    /// The first level that has none, with its limit.
    pub fn admit(&self, room: &Room) -> Result<Seats, Refused<u32>> {
        match room.enter(&self.way()) {
            Some(seats) => Ok(seats),
            None => self.full().map_or_else(|| Ok(Seats::default()), Err),
        }
    }

    /// The places among the calls at a time that a call takes.
    pub fn way(&self) -> Way {
        self.nodes.iter().map(|node| node.limits.need()).collect()
    }

    /// The places among the tries at a time that a try at `provider` takes.
    pub fn way_at(&self, provider: &str) -> Way {
        self.at(provider).map(|node| node.limits.need()).collect()
    }

    /// Whether there is a place at every level now.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn would_admit(&self) -> Result<(), Refused<u32>> {
        would_admit(self.nodes.iter())
    }

    /// As [`would_admit`](Self::would_admit), of a try at `provider`, by what the levels say of that
    /// alone.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn would_admit_at(&self, provider: &str) -> Result<(), Refused<u32>> {
        would_admit(self.at(provider))
    }

    /// Percent used of the fullest limit; 0 when there is none.
    pub fn limit_used(&self, now: Moment) -> f64 {
        let used = self.nodes.iter().map(|node| node.limit_used(now));
        used.fold(0.0, f64::max)
    }

    /// Percent used of the fullest budget, of one level or of all; 0 when there is none.
    pub fn budget_used(&self, level: Option<Level>, now: Moment) -> f64 {
        let meant = |node: &&Arc<Node>| level.is_none_or(|level| node.level == level);
        let used = self
            .nodes
            .iter()
            .filter(meant)
            .map(|node| node.budget_used(now));
        used.fold(0.0, f64::max)
    }

    /// Who has no room; as far as that can be told when it has just got some, the innermost with a cap.
    fn full(&self) -> Option<Refused<u32>> {
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

fn in_flight(node: &Arc<Node>) -> Refused<u32> {
    refused(node, node.limits.need().most)
}

fn refused<W>(node: &Arc<Node>, why: W) -> Refused<W> {
    Refused {
        by: Arc::clone(node),
        why,
    }
}

fn would_admit<'c>(mut nodes: impl Iterator<Item = &'c Arc<Node>>) -> Result<(), Refused<u32>> {
    nodes.try_for_each(|node| {
        let room = node.limits.would_admit();
        room.map_err(|why| refused(node, why))
    })
}
