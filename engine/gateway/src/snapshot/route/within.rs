//! Routes inside a route.

use std::{ops::Range, sync::Arc};

use tidegate_policy::route::Node;

use super::{super::Target, Chain, Route};

/// What a route inside a route says for the calls that it gets there.
#[derive(Debug)]
pub(crate) struct Within {
    pub(crate) name: Arc<str>,
    /// Positions of its targets, as its strategy orders them.
    pub(crate) own: Range<u16>,
    /// Positions of all that it leads to, whatever stands in included.
    pub(crate) all: Range<u16>,
    /// What is tried instead after certain failures of these.
    pub(crate) chains: Vec<(Chain, Vec<Node>)>,
    /// Whether streams that break there are gone on with.
    pub(crate) resume: bool,
    /// Whether copies are made of calls that are planned to go there first.
    pub(crate) shadowed: bool,
}

impl Route {
    /// The routes inside it that a position belongs to, the innermost first.
    pub(crate) fn around(&self, position: u16) -> impl Iterator<Item = &Within> {
        let within = self.within.iter();
        within.filter(move |within| within.all.contains(&position))
    }

    /// Whether a stream of that target is gone on with when it breaks.
    pub(crate) fn resumes(&self, target: &Arc<Target>) -> bool {
        if self.resume || !self.within.iter().any(|within| within.resume) {
            return self.resume;
        }
        let mut own = self.targets.iter();
        let position = own.position(|own| Arc::ptr_eq(own, target));
        let position = position.and_then(|position| u16::try_from(position).ok());
        position.is_some_and(|position| self.around(position).any(|within| within.resume))
    }
}
