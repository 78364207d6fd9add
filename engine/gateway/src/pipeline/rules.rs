//! Rules: the first that is for a call chooses its route, changes its parameters or refuses it.
//!
//! Part of stage 2: whoever calls is known, and where the call leads is about to be decided.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::HeaderMap;
use tidegate_policy::{
    identity::{Level, Node},
    route::Standing,
};
use tidegate_providers::dialect::{self, Survey};
use tidegate_types::{
    Code, Endpoint, Error,
    config::Condition,
    expression::{Situation, Undefined, Value, Variable},
    json,
};

use super::{Job, authenticate::levels, decode, plan::prompt};
use crate::{facts::header as names, snapshot::Rule};

/// Is told of each rule that was considered, and whether its condition held.
pub(super) trait Heard: FnMut(&Arc<Rule>, Result<bool, Undefined>) {}

impl<F: FnMut(&Arc<Rule>, Result<bool, Undefined>)> Heard for F {}

/// Finds the rule for the call and does what it says, but for the route it names.
///
/// # Errors
/// `rule_refused`.
pub(super) fn run(job: &mut Job, heard: &mut impl Heard) -> Result<Option<Arc<Rule>>, Error> {
    if matches!(job.endpoint, Endpoint::Models(_)) {
        return Ok(None);
    }
    let Some(rule) = first(job, heard) else {
        return Ok(None);
    };
    job.facts.rule = Some(Arc::clone(&rule.name));
    if let Some(reason) = &rule.refuse {
        let text = format!("{reason} (rule {:?})", rule.name);
        return Err(Error::new(Code::RuleRefused, text));
    }
    if !rule.set.is_empty() && job.asks.outline.is_some() {
        job.body = json::with_members(&job.body, &rule.set)
            .map_err(|error| Error::new(Code::InvalidJson, error.to_string()))?;
        decode::again(job)?;
    }
    Ok(Some(rule))
}

/// The first rule whose condition holds: those of the levels above, innermost first, then everybody's. One that asks for what is
/// not there is not for this call.
fn first(job: &Job, heard: &mut impl Heard) -> Option<Arc<Rule>> {
    let levels = job.identity.as_ref();
    let levels = levels.map_or(&[][..], |identity| identity.chain.nodes());
    let mut rules = job.snapshot.rules.of(levels).peekable();
    rules.peek()?;
    let scene = Scene::new(job);
    rules
        .find(|rule| {
            let held = rule.when.holds(&scene);
            let applies = held == Ok(true);
            heard(rule, held);
            applies
        })
        .cloned()
}

/// Whether a condition holds for a call. One that asks for what is not there does not.
pub(super) fn holds(job: &Job, when: &Condition) -> bool {
    when.holds(&Scene::new(job)) == Ok(true)
}

/// What expressions ask of a call, found out when the first of them asks.
pub(super) struct Scene<'a> {
    job: &'a Job,
    survey: OnceCell<Survey>,
    tokens: OnceCell<u64>,
    tags: OnceCell<Vec<String>>,
    all_tags: OnceCell<Vec<String>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self {
            job,
            survey: OnceCell::new(),
            tokens: OnceCell::new(),
            tags: OnceCell::new(),
            all_tags: OnceCell::new(),
        }
    }

    fn survey(&self) -> &Survey {
        self.survey.get_or_init(|| {
            let chat = self.job.endpoint == Endpoint::Chat;
            let body = chat.then(|| self.job.body.to_bytes());
            body.map_or_else(Survey::default, |body| {
                dialect::survey(self.job.dialect, &body)
            })
        })
    }

    /// Percent used of the fullest budget, of one level or of all.
    fn budget_used(&self, level: Option<Level>) -> Value<'_> {
        let now = self.job.gateway.clock.moment();
        let identity = self.job.identity.as_ref();
        Value::Double(identity.map_or(0.0, |identity| identity.chain.budget_used(level, now)))
    }

    fn limit_used(&self) -> f64 {
        let identity = self.job.identity.as_ref();
        identity.map_or(0.0, |identity| {
            identity.chain.limit_used(self.job.gateway.clock.moment())
        })
    }

    fn level(&self, level: Level) -> Option<&Node> {
        let identity = self.job.identity.as_ref()?;
        identity.chain.level(level).map(|node| &**node)
    }

    /// The id of a level, where the call has the one it is asked of.
    fn id(&self, of: Level, level: Level) -> Value<'_> {
        let there = self.level(of).and_then(|_| self.level(level));
        Value::String(Cow::Borrowed(there.map_or("", |node| &*node.id)))
    }

    fn own_tags(&self) -> &[String] {
        self.tags.get_or_init(|| {
            let told = levels::text(&self.job.headers, &names::TAGS).unwrap_or_default();
            let tags = told.split(',').map(str::trim);
            tags.filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect()
        })
    }

    fn all_tags(&self) -> &[String] {
        self.all_tags.get_or_init(|| {
            let nodes = self
                .job
                .identity
                .iter()
                .flat_map(|identity| identity.chain.nodes());
            let tags = self
                .own_tags()
                .iter()
                .chain(nodes.flat_map(|node| &node.tags));
            tags.cloned().collect()
        })
    }

    /// The metadata that a variable means, the nearest level's first; `None` for what is none.
    fn metadata(&self, variable: Variable) -> Option<Vec<&BTreeMap<String, String>>> {
        let level = match variable {
            Variable::KeyMetadata => Level::Key,
            Variable::UserMetadata => Level::User,
            Variable::TeamMetadata => Level::Team,
            Variable::CustomerMetadata => Level::Customer,
            Variable::LevelMetadata => {
                let nodes = self
                    .job
                    .identity
                    .iter()
                    .flat_map(|identity| identity.chain.nodes());
                return Some(nodes.rev().map(|node| &node.metadata).collect());
            }
            _ => return None,
        };
        Some(
            self.level(level)
                .map(|node| &node.metadata)
                .into_iter()
                .collect(),
        )
    }
}

impl Situation for Scene<'_> {
    fn value(&self, variable: Variable) -> Value<'_> {
        let job = self.job;
        let text = |text| Value::String(Cow::Borrowed(text));
        let whole = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        match variable {
            Variable::Model => text(&job.asks.model),
            Variable::Endpoint => text(job.endpoint.as_str()),
            Variable::Dialect => text(job.dialect.as_str()),
            Variable::Stream => Value::Bool(job.asks.stream),
            Variable::InputTokens => whole(*self.tokens.get_or_init(|| prompt::tokens(&job.body))),
            Variable::MaxOutputTokens => whole(job.asks.max_output.unwrap_or(0)),
            Variable::Bytes => whole(job.size()),
            Variable::User => Value::String(Cow::Owned(prompt::user(job).unwrap_or_default())),
            Variable::EndUser => self.value(Variable::User),
            Variable::Key => self.id(Level::Key, Level::Key),
            Variable::KeyUser => self.id(Level::Key, Level::User),
            Variable::KeyTeam => self.id(Level::Key, Level::Team),
            Variable::KeyCustomer => self.id(Level::Key, Level::Customer),
            Variable::UserId => self.id(Level::User, Level::User),
            Variable::UserKind => text(
                self.level(Level::User)
                    .map_or("", |node| node.kind.as_str()),
            ),
            Variable::TeamId => self.id(Level::Team, Level::Team),
            Variable::TeamCustomer => self.id(Level::Team, Level::Customer),
            Variable::CustomerId => self.id(Level::Customer, Level::Customer),
            Variable::BudgetUsed => self.budget_used(None),
            Variable::KeyBudgetUsed => self.budget_used(Some(Level::Key)),
            Variable::UserBudgetUsed => self.budget_used(Some(Level::User)),
            Variable::TeamBudgetUsed => self.budget_used(Some(Level::Team)),
            Variable::CustomerBudgetUsed => self.budget_used(Some(Level::Customer)),
            Variable::EndUserBudgetUsed => self.budget_used(Some(Level::EndUser)),
            Variable::LimitUsed => Value::Double(self.limit_used()),
            Variable::QueueDelay => {
                whole(u64::try_from(job.gateway.room.queue_delay().as_millis()).unwrap_or(u64::MAX))
            }
            Variable::Queued => whole(job.gateway.room.waiting() as u64),
            Variable::InFlight => whole(job.gateway.running() as u64),
            Variable::Now => Value::Timestamp(job.gateway.clock.unix_seconds()),
            // Lists and maps are asked for otherwise.
            _ => text(""),
        }
    }

    fn list(&self, variable: Variable) -> &[String] {
        match variable {
            Variable::Tools => &self.survey().tools,
            Variable::Modalities => &self.survey().modalities,
            Variable::KeyTags => self.level(Level::Key).map_or(&[][..], |node| &node.tags),
            Variable::UserTags => self.level(Level::User).map_or(&[][..], |node| &node.tags),
            Variable::TeamTags => self.level(Level::Team).map_or(&[][..], |node| &node.tags),
            Variable::CustomerTags => self
                .level(Level::Customer)
                .map_or(&[][..], |node| &node.tags),
            Variable::AllTags => self.all_tags(),
            _ => self.own_tags(),
        }
    }

    fn entry(&self, variable: Variable, key: &str) -> Option<Cow<'_, str>> {
        if variable == Variable::Headers {
            return (!SECRET.contains(&key))
                .then(|| header(&self.job.headers, key))?
                .map(Cow::Borrowed);
        }
        if let Some(metadata) = self.metadata(variable) {
            let found = metadata.into_iter().find_map(|metadata| metadata.get(key));
            return found.map(|value| Cow::Borrowed(value.as_str()));
        }
        let found = prompt::metadata(self.job, |metadata| {
            let text = metadata.get(key)?.as_text()?;
            Some(text.decode().into_owned())
        });
        found.map(Cow::Owned)
    }

    fn size(&self, variable: Variable) -> usize {
        if variable == Variable::Headers {
            let names = self.job.headers.keys();
            return names
                .filter(|name| !SECRET.contains(&name.as_str()))
                .count();
        }
        if let Some(metadata) = self.metadata(variable) {
            let keys = metadata.into_iter().flat_map(BTreeMap::keys);
            return keys.collect::<BTreeSet<_>>().len();
        }
        let count = prompt::metadata(self.job, |metadata| Some(metadata.members().count()));
        count.unwrap_or(0)
    }

    fn healthy(&self, target: &str) -> bool {
        let now = self.job.gateway.clock.now();
        let route = self.job.snapshot.resolve(target, None);
        route.is_ok_and(|route| {
            let mut targets = route.targets.iter();
            targets.any(|target| target.standing(now) != Standing::Down)
        })
    }
}

/// Headers that hold keys: no rule reads them.
const SECRET: &[&str] = &[
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "x-tidegate-key",
    "x-bf-vk",
    "x-litellm-api-key",
    "cookie",
    "proxy-authorization",
];

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
