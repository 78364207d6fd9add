//! Who calls.

use std::{collections::HashMap, sync::Arc};

use tidegate_types::config::{Priority, VirtualKey};

use crate::{admission::Room, clock::Tick, glob, ledger::Account, limits::Limits};

/// A virtual key with its state. The secret itself is not kept.
#[derive(Debug)]
pub struct Identity {
    /// Name shown in logs and reports.
    pub id: Arc<str>,
    /// Patterns of models it may use; empty: all.
    pub models: Vec<String>,
    /// Refuses every call.
    pub disabled: bool,
    /// Seconds since 1970 after which it is refused.
    pub expires: Option<i64>,
    /// Its budgets.
    pub account: Arc<Account>,
    /// Its limits.
    pub limits: Arc<Limits>,
    /// The highest priority of its calls.
    pub priority: Priority,
}

impl Identity {
    /// Whether the key may be used at this time.
    pub fn active(&self, unix_seconds: i64) -> bool {
        !self.disabled && self.expires.is_none_or(|expires| unix_seconds < expires)
    }

    /// Whether it may use a model, named as the caller names it or as `provider/model`.
    pub fn may_use(&self, model: &str) -> bool {
        glob::admits(&self.models, model)
    }
}

/// What outlives a change of configuration, by key id.
#[derive(Debug, Default)]
pub struct Registry {
    room: Arc<Room>,
    states: HashMap<String, (Arc<Account>, Arc<Limits>)>,
}

impl Registry {
    /// An empty registry of callers whose calls wait in that room.
    pub fn new(room: Arc<Room>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }
}

/// The configured keys, found by their secret.
#[derive(Debug, Default)]
pub struct Identities {
    by_hash: HashMap<[u8; 32], Arc<Identity>>,
}

impl Identities {
    /// Compiles the configured keys; spending and counts so far come from `registry`. `expiry`
    /// reads an RFC 3339 moment, which validation has already accepted.
    pub fn compile(
        keys: &[VirtualKey],
        registry: &mut Registry,
        now: Tick,
        expiry: impl Fn(&str) -> Option<i64>,
    ) -> Self {
        let by_hash = keys
            .iter()
            .map(|key| {
                let room = &registry.room;
                let state = registry.states.entry(key.id.clone());
                let (account, limits) =
                    state.or_insert_with(|| (Arc::default(), Arc::new(Limits::new(room))));
                account.configure(&key.budgets, now);
                limits.configure(&key.limits, now);
                let identity = Identity {
                    id: Arc::from(key.id.as_str()),
                    models: key.models.clone(),
                    disabled: key.disabled,
                    expires: key.expires.as_deref().and_then(&expiry),
                    account: Arc::clone(account),
                    limits: Arc::clone(limits),
                    priority: key.priority,
                };
                (hash(key.value.expose()), Arc::new(identity))
            })
            .collect();
        Self { by_hash }
    }

    /// True when no key is configured.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// The identity of a presented key. Only hashes are compared, so that the time taken says
    /// nothing about how much of a guess was right.
    pub fn find(&self, secret: &str) -> Option<&Arc<Identity>> {
        self.by_hash.get(&hash(secret))
    }

    /// Every identity.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Identity>> {
        self.by_hash.values()
    }
}

/// Whether two secrets are the same, in a time that says nothing about how much of them is.
pub fn same(one: &str, other: &str) -> bool {
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}
