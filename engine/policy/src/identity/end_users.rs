//! End users of callers: made when they are heard of, from what a level says of each.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_types::config::{self, Budget, Limit};

use super::node::{Level, Node};
use crate::{
    admission::Room,
    clock::Moment,
    kept::Directory,
    ledger::{self, Ledger},
    limits::Limits,
};

/// End users whose spending is remembered, all levels together.
const MOST: u64 = 100_000;

/// Longer names are known by their hash.
const LONGEST: usize = 128;

/// What a level says of each of its end users.
#[derive(Debug)]
pub(super) struct Template {
    /// Name of the level; empty for the document's own word.
    name: Arc<str>,
    /// How the level is called in errors.
    of: Option<Arc<str>>,
    budgets: Vec<Budget>,
    limits: Vec<Limit>,
    pub(super) required: bool,
    /// The configuration it is of.
    generation: u64,
    /// Whether a store keeps what they spend.
    shared: bool,
}

impl Template {
    pub(super) fn new(
        told: &config::EndUsers,
        of: Option<(&str, &str)>,
        generation: u64,
        shared: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: Arc::from(of.map_or("", |(name, _)| name)),
            of: of.map(|(_, said)| Arc::from(said)),
            budgets: told.budgets.clone(),
            limits: told.limits.clone(),
            required: told.required,
            generation,
            shared,
        })
    }
}

/// The end users that were heard of last.
#[derive(Debug)]
pub(super) struct EndUsers {
    known: Directory<Known>,
    room: Arc<Room>,
    ledger: Arc<Ledger>,
}

#[derive(Debug)]
struct Known {
    node: Arc<Node>,
    /// The configuration that its budgets and limits are of.
    generation: Mutex<u64>,
}

impl EndUsers {
    pub(super) fn new(room: &Arc<Room>, ledger: &Arc<Ledger>) -> Self {
        Self {
            known: Directory::new(MOST),
            room: Arc::clone(room),
            ledger: Arc::clone(ledger),
        }
    }

    /// The end user of that name, as a level has them.
    pub(super) fn node(&self, template: &Template, user: &str, now: Moment) -> Arc<Node> {
        let hashed;
        let user = if user.len() > LONGEST {
            hashed = format!("blake3:{}", blake3::hash(user.as_bytes()));
            &hashed
        } else {
            user
        };
        let name = [&template.name, "\n", user].concat();
        let known = self.known.note(&name, || {
            let limits = Arc::new(Limits::new(&self.room));
            let own = ["end_user:", user, "\n", &template.name].concat();
            let account = self.ledger.account(&own);
            let mut node = Node::new(Level::EndUser, user, account, limits);
            node.name = Arc::from(own);
            node.of.clone_from(&template.of);
            Known {
                node: Arc::new(node),
                generation: Mutex::new(0),
            }
        });
        // Counted from 1: one that has just been made is of none. Nobody goes on before it is done.
        let mut generation = known
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *generation != template.generation {
            let rules = ledger::rules(&template.budgets, &template.limits);
            let Template { shared, .. } = *template;
            self.ledger.configure(&known.node.name, rules, shared, now);
            known.node.limits.configure(&template.limits);
            *generation = template.generation;
        }
        drop(generation);
        Arc::clone(&known.node)
    }
}
