//! The configured levels, and how callers find theirs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use smallvec::SmallVec;
use tidegate_types::{
    Secret,
    config::{Budget, Config, KeyHash, Limit, Lists, Terms},
};

use super::{
    Identity,
    access::Access,
    end_users::{EndUsers, Template},
    node::{Level, Node},
    secret::Digest,
};
use crate::{
    admission::Room,
    clock::Moment,
    ledger::{self, Account, Ledger},
    limits::Limits,
};

/// Levels one above the other, outermost first.
type Line = SmallVec<[Arc<Node>; 4]>;

/// What outlives a change of configuration: what was spent and counted, by level.
#[derive(Debug)]
pub struct Registry {
    room: Arc<Room>,
    states: HashMap<Box<str>, (Arc<Account>, Arc<Limits>)>,
    end_users: Arc<EndUsers>,
    ledger: Arc<Ledger>,
    /// Whether what callers may spend is kept in a store that others use too.
    pub shared: bool,
    generation: u64,
}

impl Registry {
    /// An empty registry of callers whose calls wait in that room, and whose accounts are in that
    /// ledger.
    pub fn new(room: Arc<Room>, ledger: Arc<Ledger>) -> Self {
        Self {
            end_users: Arc::new(EndUsers::new(&room, &ledger)),
            ledger,
            shared: false,
            room,
            states: HashMap::new(),
            generation: 0,
        }
    }

    /// A level with the budgets and limits it is told.
    fn node(
        &mut self,
        level: Level,
        id: &str,
        of: Option<&Node>,
        told: &Told<'_>,
        now: Moment,
    ) -> Node {
        let name = match of {
            Some(of) => [level.as_str(), ":", id, "\n", &of.name].concat(),
            None => [level.as_str(), ":", id].concat(),
        };
        let rules = ledger::rules(told.budgets, told.limits);
        let account = self.ledger.configure(&name, rules, self.shared, now);
        let state = self.states.entry(name.as_str().into());
        let made = || (Arc::clone(&account), Arc::new(Limits::new(&self.room)));
        let (_, limits) = state.or_insert_with(made);
        limits.configure(told.limits);
        let mut node = Node::new(level, id, account, Arc::clone(limits));
        node.name = Arc::from(name);
        node.of = of.map(|of| Arc::from(of.to_string()));
        node
    }
}

struct Told<'a> {
    budgets: &'a [Budget],
    limits: &'a [Limit],
}

/// The configured levels.
#[derive(Debug)]
pub struct Identities {
    by_value: HashMap<Digest, Entry>,
    /// Keys of which only the hash is known.
    by_hash: HashMap<Digest, Entry>,
    keys: BTreeMap<Box<str>, Arc<Identity>>,
    customers: BTreeMap<Box<str>, Line>,
    teams: BTreeMap<Box<str>, Line>,
    users: BTreeMap<Box<str>, Line>,
    /// What holds for end users, whoever calls.
    everybodys: Option<Arc<Template>>,
    end_users: Arc<EndUsers>,
}

/// A secret by which a key is known.
#[derive(Debug, Clone)]
struct Entry {
    identity: Arc<Identity>,
    /// Seconds since 1970 after which the secret is no longer good.
    until: Option<i64>,
}

/// What a secret was found to be.
#[derive(Debug)]
pub enum Found<'a> {
    /// A key's.
    Known(&'a Arc<Identity>),
    /// A key's, until another one took its place.
    Replaced(&'a Arc<Identity>),
    /// Nobody's.
    Unknown,
}

/// For whom a call says that it is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    /// Id of a customer.
    pub customer: Option<&'a str>,
    /// Id of a team.
    pub team: Option<&'a str>,
    /// Id of a user, or what an end user is called.
    pub user: Option<&'a str>,
}

/// Why a call cannot be made for whom it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// There is none of that id.
    Unknown(Level, String),
    /// It does not belong to what else is named, or to the caller.
    Elsewhere(Level, String),
}

impl Identities {
    /// Compiles the configured levels; spending and counts so far come from `registry`. `expiry` reads
    /// an RFC 3339 moment, which validation has already accepted.
    pub fn compile(
        config: &Config,
        registry: &mut Registry,
        now: Moment,
        expiry: impl Fn(&str) -> Option<i64>,
    ) -> Self {
        registry.generation += 1;
        let mut all = Self {
            by_value: HashMap::new(),
            by_hash: HashMap::new(),
            keys: BTreeMap::new(),
            customers: BTreeMap::new(),
            teams: BTreeMap::new(),
            users: BTreeMap::new(),
            everybodys: (config.end_users.as_ref())
                .map(|told| Template::new(told, None, registry.generation, registry.shared)),
            end_users: Arc::clone(&registry.end_users),
        };
        let mut maker = Maker {
            registry,
            now,
            expiry: &expiry,
        };
        for customer in &config.customers {
            let node = maker.node(Level::Customer, &customer.terms(), &[]);
            let line = Line::from_iter([Arc::new(node)]);
            all.customers.insert(customer.id.as_str().into(), line);
        }
        for team in &config.teams {
            let mut line = all.above(None, None, team.customer.as_deref());
            line.push(Arc::new(maker.node(Level::Team, &team.terms(), &[])));
            all.teams.insert(team.id.as_str().into(), line);
        }
        for user in &config.users {
            let mut line = all.above(None, user.team.as_deref(), user.customer.as_deref());
            let mut node = maker.node(Level::User, &user.terms(), &[]);
            node.kind = user.kind;
            line.push(Arc::new(node));
            all.users.insert(user.id.as_str().into(), line);
        }
        for key in &config.keys {
            let mut line = all.above(
                key.user.as_deref(),
                key.team.as_deref(),
                key.customer.as_deref(),
            );
            line.push(Arc::new(maker.node(Level::Key, &key.terms(), &key.models)));
            let identity = Arc::new(Identity::new(line, key.delegates));
            all.keys
                .insert(key.id.as_str().into(), Arc::clone(&identity));
            all.know(key.value.as_ref(), key.hash.as_ref(), &identity, None);
            if let Some(previous) = &key.previous {
                let until = Some(expiry(&previous.until).unwrap_or(i64::MIN));
                all.know(
                    previous.value.as_ref(),
                    previous.hash.as_ref(),
                    &identity,
                    until,
                );
            }
        }
        all
    }

    fn know(
        &mut self,
        value: Option<&Secret<String>>,
        hash: Option<&KeyHash>,
        identity: &Arc<Identity>,
        until: Option<i64>,
    ) {
        let entry = Entry {
            identity: Arc::clone(identity),
            until,
        };
        match (value, hash) {
            (Some(value), _) => self.by_value.insert(Digest::of(value.expose()), entry),
            (None, Some(hash)) => self.by_hash.insert(Digest(*hash.bytes()), entry),
            (None, None) => None,
        };
    }

    /// The levels above one that belongs to these: the nearest says where it belongs itself.
    fn above(&self, user: Option<&str>, team: Option<&str>, customer: Option<&str>) -> Line {
        let line = match (user, team, customer) {
            (Some(user), ..) => self.users.get(user),
            (None, Some(team), _) => self.teams.get(team),
            (None, None, Some(customer)) => self.customers.get(customer),
            (None, None, None) => None,
        };
        line.cloned().unwrap_or_default()
    }

    /// True when no key is configured.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether calls may name a level other than by a key.
    pub fn layered(&self) -> bool {
        !(self.customers.is_empty() && self.teams.is_empty() && self.users.is_empty())
    }

    /// Whose a presented secret is, at that moment in seconds since 1970. Only hashes are compared, so
    /// that the time taken says nothing about how much of a guess was right.
    pub fn find(&self, secret: &str, now: i64) -> Found<'_> {
        let mut found = self.by_value.get(&Digest::of(secret));
        if found.is_none() && !self.by_hash.is_empty() {
            found = self.by_hash.get(&Digest(*KeyHash::of(secret).bytes()));
        }
        match found {
            Some(entry) if entry.until.is_none_or(|until| now < until) => {
                Found::Known(&entry.identity)
            }
            Some(entry) => Found::Replaced(&entry.identity),
            None => Found::Unknown,
        }
    }

    /// Every key, by id.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Identity>> {
        self.keys.values()
    }

    /// The key of that id.
    pub fn key(&self, id: &str) -> Option<&Arc<Identity>> {
        self.keys.get(id)
    }

    /// Every level, the outer ones first, each kind by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        let lines = [&self.customers, &self.teams, &self.users];
        let lines = lines.into_iter().flat_map(BTreeMap::values);
        let levels = lines.filter_map(|line| line.last());
        let keys = self.keys.values();
        levels.chain(keys.filter_map(|key| key.chain.level(Level::Key)))
    }

    /// Whoever calls, when the call says for whom it is made. Root may name anyone; a key what it
    /// belongs to, and a user below that if it `delegates`. `None` stays root; what an end user is
    /// called is given back.
    ///
    /// # Errors
    /// [`Stray`].
    pub fn scoped<'a>(
        &self,
        caller: Option<&Arc<Identity>>,
        named: Named<'a>,
    ) -> Result<(Option<Arc<Identity>>, Option<&'a str>), Stray> {
        let found = |level, id: &str, known: &BTreeMap<Box<str>, Line>| {
            let line = known.get(id);
            line.cloned()
                .ok_or_else(|| Stray::Unknown(level, id.to_owned()))
        };
        let mut line = Line::new();
        for (level, id, known) in [
            (Level::Customer, named.customer, &self.customers),
            (Level::Team, named.team, &self.teams),
        ] {
            let Some(id) = id else { continue };
            let inner = found(level, id, known)?;
            if !begins_with(&inner, &line) {
                return Err(Stray::Elsewhere(level, id.to_owned()));
            }
            line = inner;
        }
        let own = caller.map(|caller| caller.chain.nodes());
        if let Some(own) = own
            && let Some(stranger) = line.iter().rev().find(|node| !holds(own, node))
        {
            return Err(Stray::Elsewhere(stranger.level, stranger.id.to_string()));
        }
        let user = named.user.and_then(|id| Some((id, self.users.get(id)?)));
        let Some((id, user)) = user else {
            let caller = match caller {
                Some(caller) => Some(Arc::clone(caller)),
                None if line.is_empty() => None,
                None => Some(Arc::new(Identity::new(line, false))),
            };
            return Ok((caller, named.user));
        };
        let stray = || Stray::Elsewhere(Level::User, id.to_owned());
        let Some(caller) = caller else {
            if !begins_with(user, &line) {
                return Err(stray());
            }
            return Ok((
                Some(Arc::new(Identity::new(user.iter().cloned(), false))),
                None,
            ));
        };
        let own = caller.chain.nodes();
        if own.iter().any(|node| node.level == Level::User) {
            // It is a user's own; whom it serves beside that is an end user.
            let itself = holds(own, &user[user.len() - 1]);
            return Ok((Some(Arc::clone(caller)), named.user.filter(|_| !itself)));
        }
        let above: Line = own
            .iter()
            .filter(|node| node.level < Level::Key)
            .cloned()
            .collect();
        if !caller.delegates || !begins_with(user, &above) {
            return Ok((Some(Arc::clone(caller)), named.user));
        }
        let key = own.iter().filter(|node| node.level >= Level::Key);
        let nodes = user.iter().chain(key).cloned();
        Ok((Some(Arc::new(Identity::new(nodes, true))), None))
    }

    /// Whether somebody has a word for this caller's end users.
    pub fn asks_for_end_user(&self, caller: Option<&Arc<Identity>>) -> bool {
        self.everybodys.is_some() || caller.is_some_and(|caller| caller.chain.serves())
    }

    /// A caller with the levels that its end user is to the levels above. `None` for one that names
    /// none, where one is required.
    pub fn serving(
        &self,
        caller: Option<&Arc<Identity>>,
        user: Option<&str>,
        now: Moment,
    ) -> Option<Arc<Identity>> {
        let own = caller.map_or(&[][..], |caller| caller.chain.nodes());
        let templates = own.iter().filter_map(|node| node.end_users.as_ref());
        let mut templates = self.everybodys.iter().chain(templates);
        let delegates = caller.is_some_and(|caller| caller.delegates);
        let Some(user) = user else {
            if templates.any(|template| template.required) {
                return None;
            }
            let unchanged = || Arc::new(Identity::new(own.iter().cloned(), delegates));
            return Some(caller.map_or_else(unchanged, Arc::clone));
        };
        let served = templates.map(|template| self.end_users.node(template, user, now));
        let nodes = own.iter().cloned().chain(served);
        Some(Arc::new(Identity::new(nodes, delegates)))
    }

    /// The same caller as this configuration has it; `None` when one of its levels is gone.
    pub fn renewed(&self, caller: &Identity, now: Moment) -> Option<Arc<Identity>> {
        let id = |level| caller.chain.level(level).map(|node| &*node.id);
        let named = Named {
            customer: id(Level::Customer),
            team: id(Level::Team),
            user: id(Level::User),
        };
        let renewed = match id(Level::Key) {
            Some(key) => {
                let key = self.key(key)?;
                let user = named
                    .user
                    .filter(|_| key.chain.level(Level::User).is_none());
                let named = Named {
                    user,
                    ..Named::default()
                };
                self.scoped(Some(key), named).ok()?.0
            }
            None => self.scoped(None, named).ok()?.0,
        };
        let end_user = id(Level::EndUser);
        if self.asks_for_end_user(renewed.as_ref()) {
            return self.serving(renewed.as_ref(), end_user, now);
        }
        renewed.or_else(|| Some(Arc::new(Identity::new([], false))))
    }
}

fn holds(nodes: &[Arc<Node>], node: &Arc<Node>) -> bool {
    nodes.iter().any(|own| own.name == node.name)
}

fn begins_with(line: &[Arc<Node>], above: &[Arc<Node>]) -> bool {
    above.iter().all(|node| holds(line, node))
}

/// Makes nodes of what the configuration says.
struct Maker<'a, E> {
    registry: &'a mut Registry,
    now: Moment,
    expiry: &'a E,
}

impl<E: Fn(&str) -> Option<i64>> Maker<'_, E> {
    fn node(&mut self, level: Level, terms: &Terms<'_>, models: &[String]) -> Node {
        let told = Told {
            budgets: terms.budgets,
            limits: terms.limits,
        };
        let mut node = self.registry.node(level, terms.id, None, &told, self.now);
        node.access = Access::new(terms.allow, terms.deny, models);
        node.disabled = terms.disabled;
        node.expires = terms.expires.and_then(self.expiry);
        node.priority = terms.priority;
        node.metadata.clone_from(terms.metadata);
        node.tags = terms.tags.to_vec();
        let said = node.to_string();
        node.end_users = terms.end_users.map(|told| {
            let Registry {
                generation, shared, ..
            } = *self.registry;
            Template::new(told, Some((&node.name, &said)), generation, shared)
        });
        let providers = terms.providers.iter().map(|config| {
            let told = Told {
                budgets: &config.budgets,
                limits: &config.limits,
            };
            let mut part =
                self.registry
                    .node(Level::Provider, &config.id, Some(&node), &told, self.now);
            part.disabled = config.disabled;
            part.access = Access::new(&Lists::default(), &Lists::default(), &config.models);
            Arc::new(part)
        });
        node.providers = providers.collect();
        node
    }
}
