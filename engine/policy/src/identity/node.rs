//! One level of the hierarchy, with its state.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tidegate_types::config::{Priority, UserKind};

use super::{access::Access, end_users::Template};
use crate::{
    clock::Moment,
    ledger::{Account, Standing},
    limits::Limits,
};

/// What a level is, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Whoever pays.
    Customer,
    /// A team.
    Team,
    /// A person or a program.
    User,
    /// A virtual key.
    Key,
    /// An end user of the caller's own.
    EndUser,
    /// One provider, as another level has it.
    Provider,
}

impl Level {
    /// The word for it: `customer`, `team`, `user`, `key`, `end_user`, `provider`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Team => "team",
            Self::User => "user",
            Self::Key => "key",
            Self::EndUser => "end_user",
            Self::Provider => "provider",
        }
    }
}

/// One level of the hierarchy.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub level: Level,
    /// Its id; of an end user, what requests call them.
    pub id: Arc<str>,
    /// What no other node is called: `team:research`.
    pub name: Arc<str>,
    /// The level that has it, of a provider or an end user.
    pub of: Option<Arc<str>>,
    /// Its budgets.
    pub account: Arc<Account>,
    /// Its limits.
    pub limits: Arc<Limits>,
    /// What it lets be used.
    pub access: Access,
    /// Refuses every call.
    pub disabled: bool,
    /// Seconds since 1970 after which it is refused.
    pub expires: Option<i64>,
    /// The highest priority of its calls, where it says.
    pub priority: Option<Priority>,
    /// Facts of one's own.
    pub metadata: BTreeMap<String, String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whether a user is a person or a program.
    pub kind: UserKind,
    /// What holds at one provider alone.
    pub providers: Vec<Arc<Node>>,
    /// What each end user may spend.
    pub(super) end_users: Option<Arc<Template>>,
}

impl Node {
    /// A node that restricts nothing.
    pub(super) fn new(level: Level, id: &str, account: Arc<Account>, limits: Arc<Limits>) -> Self {
        Self {
            level,
            id: Arc::from(id),
            name: Arc::from([level.as_str(), ":", id].concat()),
            of: None,
            account,
            limits,
            access: Access::default(),
            disabled: false,
            expires: None,
            priority: None,
            metadata: BTreeMap::new(),
            tags: Vec::new(),
            kind: UserKind::default(),
            providers: Vec::new(),
            end_users: None,
        }
    }

    /// Whether it may be used at this time.
    pub fn active(&self, unix_seconds: i64) -> bool {
        !self.disabled && self.expires.is_none_or(|expires| unix_seconds < expires)
    }

    /// Seconds since 1970 until which it may be used.
    pub(super) fn until(&self) -> Option<i64> {
        if self.disabled {
            Some(i64::MIN)
        } else {
            self.expires
        }
    }

    /// Percent used of its fullest budget; 0 when there is none.
    pub fn budget_used(&self, now: Moment) -> f64 {
        self.used(true, now)
    }

    /// Percent used of its fullest limit; 0 when there is none.
    pub fn limit_used(&self, now: Moment) -> f64 {
        self.used(false, now).max(self.limits.used())
    }

    fn used(&self, budget: bool, now: Moment) -> f64 {
        let standing = self.account.standing(now);
        let those = standing
            .iter()
            .filter(|standing| standing.rule.budget == budget);
        those.map(Standing::percent).fold(0.0, f64::max)
    }

    pub(super) fn selects(&self) -> bool {
        self.access.selects() || !self.providers.is_empty()
    }
}

impl fmt::Display for Node {
    /// `team "research"`, `provider "openai" of key "alice"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.level {
            Level::EndUser => "end user",
            level => level.as_str(),
        };
        write!(f, "{word} {:?}", self.id)?;
        match &self.of {
            Some(of) => write!(f, " of {of}"),
            None => Ok(()),
        }
    }
}
