//! A route, compiled: its targets in one list, and the tree by which they are ordered.

mod asks;
mod within;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_policy::{
    health::Unit,
    retry::{Hedge, RetryPolicy},
    route::{self, CacheMemory, Demands, Group, HashBy, Member, Needs, Node, Speed, Turns},
};
use tidegate_types::{
    Code, Secret,
    config::{self, CacheMode, CacheScope, Level, Strategy},
    expression::{Expression, Kind},
};

use super::{Snapshot, Target};
use crate::{
    pipeline::{ensemble::Ensemble, probe::Probe, semantic::Comparison, shadow::Shadow},
    telemetry::metrics::{Metrics, Series},
};

pub(crate) use within::Within;

/// A public model name, or a `provider/model` used directly.
#[derive(Debug)]
pub(crate) struct Route {
    /// What a key's model list is compared with.
    pub(crate) name: Arc<str>,
    /// What decides its answers: name, targets and what they set. Stored answers are found by it, so
    /// that a changed route does not give the old one's.
    pub(crate) identity: String,
    /// How the targets are ordered.
    pub(crate) group: Group,
    /// What is tried when every target has failed, in order.
    pub(crate) fallbacks: Vec<Node>,
    /// What is tried instead after certain failures.
    pub(crate) chains: Vec<(Chain, Vec<Node>)>,
    /// What the routes inside it say for themselves, the innermost before those around it.
    pub(crate) within: Vec<Within>,
    /// Every target that the trees above lead to, by position.
    pub(crate) targets: Vec<Arc<Target>>,
    /// How many targets may be asked at the same time.
    pub(crate) lanes: usize,
    /// What its targets differ in, or are told to lack.
    pub(crate) differ: Needs,
    pub(crate) try_anyway: bool,
    /// Whether its streams are gone on with when they break.
    pub(crate) resume: bool,
    /// How the answers of its targets become one.
    pub(crate) ensemble: Option<Ensemble>,
    /// Where copies of its calls go.
    pub(crate) shadow: Option<Shadow>,
    /// Who goes first.
    pub(crate) priority: Option<config::Priority>,
    /// What requests are compared with, by the numbers of groups that go by it.
    pub(crate) comparisons: Vec<Comparison>,
    /// Those of its targets that are asked how they do.
    pub(crate) probes: Vec<Probe>,
    /// Whether one of its groups remembers prompts.
    pub(crate) remembers: bool,
    pub(crate) cache: Option<RouteCache>,
    /// What is counted of its calls, by the target that answered; at last, of those that none did.
    series: Box<[OnceLock<Arc<Series>>]>,
}

impl Route {
    /// What is counted of its calls that were answered by that target.
    pub(crate) fn series(&self, metrics: &Metrics, target: Option<&Arc<Target>>) -> Arc<Series> {
        let make = || {
            let label = target.map_or_else(|| Arc::from(""), |target| Arc::clone(&target.label));
            metrics.series(&self.name, &label)
        };
        let position = match target {
            None => Some(self.targets.len()),
            Some(target) => {
                let mut own = self.targets.iter();
                own.position(|own| Arc::ptr_eq(own, target))
            }
        };
        match position.and_then(|position| self.series.get(position)) {
            Some(known) => Arc::clone(known.get_or_init(make)),
            // A fallback of the call's own.
            None => make(),
        }
    }
}

/// Room for what is counted of so many targets, and of none.
fn uncounted(targets: usize) -> Box<[OnceLock<Arc<Series>>]> {
    (0..=targets).map(|_| OnceLock::new()).collect()
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteCache {
    pub(crate) ttl: Duration,
    pub(crate) scope: CacheScope,
}

/// Which failures have fallbacks of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    ContextWindow,
    ContentPolicy,
    RateLimit,
    Auth,
}

impl Chain {
    /// The chain of failures with this code.
    pub(crate) fn of(code: Code) -> Option<Self> {
        match code {
            Code::ContextWindow => Some(Self::ContextWindow),
            Code::ContentPolicy => Some(Self::ContentPolicy),
            Code::UpstreamRateLimited => Some(Self::RateLimit),
            Code::UpstreamAuth => Some(Self::Auth),
            _ => None,
        }
    }
}

/// Longest time a vendor's prompt cache is usually said to last without use.
const PROMPT_CACHE: Duration = Duration::from_mins(5);
/// Targets that a race asks at once when it does not say.
const AT_ONCE: u32 = 2;
/// Copies of a route's calls at a time when it does not say.
const COPIES: usize = 16;
const USAGE_WINDOW: Duration = Duration::from_mins(1);
/// Validation has refused circles; whatever slipped through ends here.
const DEEPEST: usize = 16;

impl Snapshot {
    pub(super) fn compile_route(&self, name: &str, route: &config::Route) -> Route {
        let mut compiler = Compiler {
            snapshot: self,
            targets: Vec::new(),
            remembers: false,
            comparisons: Vec::new(),
            within: Vec::new(),
            probes: Vec::new(),
            first: true,
            chained: false,
            retry: route.retry.clone(),
            anyway: None,
            hedge: hedge(route),
        };
        let group = compiler.group(route, 0);
        // What stands in after a failure is asked when there was one.
        compiler.hedge = None;
        compiler.first = false;
        let members = compiler.targets.len();
        let fallbacks = compiler.nodes(&route.fallbacks, route);
        let ensemble = route.ensemble.as_ref().map(|ensemble| Ensemble {
            judges: compiler.nodes(std::slice::from_ref(&ensemble.judge), route),
            quorum: ensemble
                .quorum
                .map_or(members / 2 + 1, |quorum| quorum as usize),
            instruction: ensemble.instruction.clone(),
        });
        let chains = compiler.chains(route);
        let identity = self.identity_of(name, route);
        let differ = differ(&compiler.targets);
        let alone = compiler.targets.len() == 1;
        let hedges = compiler
            .targets
            .iter()
            .filter_map(|target| target.hedge.as_ref());
        let lanes = 1 + hedges.map(|hedge| hedge.most()).max().unwrap_or(0);
        let cache = route
            .cache
            .as_ref()
            .filter(|cache| cache.mode != CacheMode::Off);
        Route {
            name: Arc::from(name),
            identity,
            group,
            fallbacks,
            chains,
            remembers: compiler.remembers,
            comparisons: compiler.comparisons,
            within: compiler.within,
            probes: compiler.probes,
            series: uncounted(compiler.targets.len()),
            targets: compiler.targets,
            lanes,
            differ,
            try_anyway: route.try_anyway.unwrap_or(alone),
            resume: route.resume,
            ensemble,
            shadow: self.shadow(name, route),
            priority: route.priority,
            cache: cache.map(|cache| RouteCache {
                ttl: cache
                    .ttl
                    .map_or(Duration::from_hours(1), config::Duration::get),
                scope: cache.scope,
            }),
        }
    }

    /// Where copies of a route's calls go: a route of one target, which may be another route.
    fn shadow(&self, name: &str, route: &config::Route) -> Option<Shadow> {
        let shadow = route.shadow.as_ref()?;
        let alone = config::Route {
            targets: vec![shadow.target.clone()],
            ..config::Route::default()
        };
        let payer = shadow.key.as_ref();
        Some(Shadow {
            route: Arc::new(self.compile_route(name, &alone)),
            sample: shadow.sample.unwrap_or(1.0),
            most: shadow.at_once.map_or(COPIES, |most| most as usize),
            payer: payer.and_then(|id| self.identities.key(id).cloned()),
            tally: Arc::default(),
        })
    }

    /// Every target of a route, and those used directly.
    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        let direct = self.direct.read().unwrap_or_else(PoisonError::into_inner);
        let routes = self.routes.values().chain(direct.values());
        routes
            .flat_map(|route| route.targets.iter().cloned())
            .collect()
    }

    /// What decides a route's answers, the routes it leads to included.
    fn identity_of(&self, name: &str, route: &config::Route) -> String {
        let mut parts = Vec::new();
        let mut names = vec![name];
        let mut next = 0;
        while let Some(name) = names.get(next).copied() {
            next += 1;
            let known = self.config.models.get(name);
            let route = if next == 1 { Some(route) } else { known };
            let Some(route) = route else { continue };
            let on = &route.fallbacks_on;
            parts.push(serde_json::json!([
                name,
                route.targets,
                route.fallbacks,
                on,
                route.ensemble
            ]));
            let lists = [
                &route.targets,
                &route.fallbacks,
                &on.context_window,
                &on.content_policy,
                &on.rate_limit,
                &on.auth,
            ];
            for target in lists.into_iter().flatten() {
                if let Some((inner, _)) = self.config.models.get_key_value(&target.model)
                    && !names.contains(&inner.as_str())
                {
                    names.push(inner);
                }
            }
        }
        serde_json::Value::from(parts).to_string()
    }

    /// A route that leads to one target.
    pub(super) fn single(name: &str, target: Target) -> Route {
        Route {
            name: Arc::from(name),
            identity: name.to_owned(),
            group: Group {
                strategy: route::Strategy::Ordered,
                members: vec![member(Node::Target(0), &config::Target::named(name))],
            },
            fallbacks: Vec::new(),
            chains: Vec::new(),
            targets: vec![Arc::new(target)],
            lanes: 1,
            differ: Needs::NONE,
            series: uncounted(1),
            try_anyway: true,
            resume: false,
            ensemble: None,
            shadow: None,
            priority: None,
            comparisons: Vec::new(),
            within: Vec::new(),
            probes: Vec::new(),
            remembers: false,
            cache: None,
        }
    }
}

struct Compiler<'a> {
    snapshot: &'a Snapshot,
    targets: Vec<Arc<Target>>,
    remembers: bool,
    comparisons: Vec<Comparison>,
    /// False below what stands in after a failure: nobody is asked about its order.
    first: bool,
    within: Vec<Within>,
    probes: Vec<Probe>,
    /// True below a chain: routes that it leads to have no chains of their own there.
    chained: bool,
    /// How targets are retried: as their route says, or else the one around it.
    retry: config::RetryPolicy,
    /// Whether targets that are not well are asked, where a route inside the outer one says so.
    anyway: Option<bool>,
    /// What the route being compiled says of asking several, or else the one around it.
    hedge: Option<Arc<Hedge>>,
}

impl Compiler<'_> {
    fn group(&mut self, route: &config::Route, depth: usize) -> Group {
        let kept = route.targets.iter().filter_map(|target| {
            let node = self.node(target, route, depth)?;
            Some((target, member(node, target)))
        });
        let (targets, members): (Vec<&config::Target>, Vec<Member>) = kept.unzip();
        Group {
            strategy: self.strategy(route, &targets),
            members,
        }
    }

    fn nodes(&mut self, targets: &[config::Target], route: &config::Route) -> Vec<Node> {
        targets
            .iter()
            .filter_map(|target| self.node(target, route, 0))
            .collect()
    }

    /// Validation has checked that the provider exists; a target that slipped through is left out.
    fn node(
        &mut self,
        target: &config::Target,
        route: &config::Route,
        depth: usize,
    ) -> Option<Node> {
        if let Some(inner) = self.snapshot.config.models.get(&target.model) {
            let name = &target.model;
            return (depth < DEEPEST).then(|| Node::Group(self.nested(name, inner, depth + 1)));
        }
        let (provider, model) = target.model.split_once('/')?;
        let provider = self.snapshot.providers.get(provider)?;
        let mut made = self.snapshot.make_target(provider, model, target);
        made.retry = RetryPolicy::from(&self.retry);
        made.anyway = self.anyway;
        made.probed = self.probe(provider, model, target);
        made.hedge.clone_from(&self.hedge);
        if route.strategy == Strategy::LeastUsage {
            let unit = match route.by.as_deref() {
                Some("cost") => Unit::Cost,
                Some("requests") => Unit::Requests,
                _ => Unit::Tokens,
            };
            let window = route.window.map_or(USAGE_WINDOW, config::Duration::get);
            let mut health = self
                .snapshot
                .health
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let name = format!("{}\n{unit:?}", made.label);
            made.meter = Some((unit, health.meter(&name, window)));
        }
        let position = u16::try_from(self.targets.len()).ok()?;
        self.targets.push(Arc::new(made));
        Some(Node::Target(position))
    }

    /// The chains of a route.
    fn chains(&mut self, route: &config::Route) -> Vec<(Chain, Vec<Node>)> {
        let chained = std::mem::replace(&mut self.chained, true);
        let on = &route.fallbacks_on;
        let chains = [
            (Chain::ContextWindow, &on.context_window),
            (Chain::ContentPolicy, &on.content_policy),
            (Chain::RateLimit, &on.rate_limit),
            (Chain::Auth, &on.auth),
        ];
        let chains = chains
            .into_iter()
            .filter(|(_, targets)| !targets.is_empty())
            .map(|(chain, targets)| (chain, self.nodes(targets, route)))
            .collect();
        self.chained = chained;
        chains
    }

    /// A route inside another. What it does not say itself is as the route around it says.
    fn nested(&mut self, name: &str, route: &config::Route, depth: usize) -> Group {
        let retry = inherited(&route.retry, &self.retry);
        let retry = std::mem::replace(&mut self.retry, retry);
        let anyway = route.try_anyway.or(self.anyway);
        let anyway = std::mem::replace(&mut self.anyway, anyway);
        let start = self.position();
        let own = hedge(route).or_else(|| self.hedge.clone());
        let around = std::mem::replace(&mut self.hedge, own);
        let group = self.group(route, depth);
        let end = self.position();
        // What stands in after a failure is asked when there was one.
        self.hedge = None;
        let first = std::mem::replace(&mut self.first, false);
        let group = self.with_fallbacks(group, route, depth);
        let chains = if self.chained {
            Vec::new()
        } else {
            self.chains(route)
        };
        (self.hedge, self.first) = (around, first);
        (self.retry, self.anyway) = (retry, anyway);
        if !chains.is_empty() || route.resume || route.shadow.is_some() {
            self.within.push(Within {
                name: Arc::from(name),
                own: start..end,
                all: start..self.position(),
                chains,
                resume: route.resume,
                shadowed: route.shadow.is_some(),
            });
        }
        group
    }

    /// The position of the next target.
    fn position(&self) -> u16 {
        u16::try_from(self.targets.len()).unwrap_or(u16::MAX)
    }

    /// A group and what stands in for it, in order.
    fn with_fallbacks(&mut self, group: Group, route: &config::Route, depth: usize) -> Group {
        if route.fallbacks.is_empty() {
            return group;
        }
        let plain = config::Target::named("");
        let mut members = vec![member(Node::Group(group), &plain)];
        for target in &route.fallbacks {
            if let Some(node) = self.node(target, route, depth) {
                members.push(member(node, target));
            }
        }
        for member in &mut members {
            member.priority = 0;
            member.canary = None;
        }
        Group {
            strategy: route::Strategy::Ordered,
            members,
        }
    }

    fn strategy(&mut self, route: &config::Route, targets: &[&config::Target]) -> route::Strategy {
        match route.strategy {
            Strategy::Weighted => route::Strategy::Weighted,
            Strategy::RoundRobin => {
                let weights: Vec<u32> = targets.iter().map(|target| target.weight).collect();
                route::Strategy::RoundRobin(Turns::new(&weights))
            }
            Strategy::LeastBusy => route::Strategy::LeastBusy,
            Strategy::Race => route::Strategy::Race,
            Strategy::LeastLatency => route::Strategy::LeastLatency(match route.by.as_deref() {
                Some("per_token") => Speed::PerToken,
                Some("total") => Speed::Total,
                _ => Speed::FirstToken,
            }),
            Strategy::LeastCost => route::Strategy::LeastCost,
            Strategy::LeastUsage => route::Strategy::LeastUsage,
            Strategy::ConsistentHash => {
                let by = route.by.as_deref().unwrap_or("user");
                let header = by.strip_prefix("header:");
                let header = header.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
                let expression = Expression::compile(by, Kind::String);
                route::Strategy::ConsistentHash(match (by, header) {
                    (_, Some(name)) => HashBy::Header(name),
                    ("session", _) => HashBy::Session,
                    ("key", _) => HashBy::Key,
                    ("user", _) => HashBy::User,
                    _ => expression.map_or(HashBy::User, HashBy::Expression),
                })
            }
            Strategy::PromptCacheAffinity => {
                self.remembers = true;
                let window = route.window.map_or(PROMPT_CACHE, config::Duration::get);
                route::Strategy::CacheAffinity(CacheMemory::new(window))
            }
            Strategy::Complexity => {
                let config = route.complexity.clone().unwrap_or_default();
                route::Strategy::Complexity(Box::new(Demands::from(&config)))
            }
            Strategy::Semantic => self.semantic(route, targets),
            _ => route::Strategy::Ordered,
        }
    }
}

/// What some targets lack and others do not, and what some are told to lack.
fn differ(targets: &[Arc<Target>]) -> Needs {
    let first = targets.first().map_or(Needs::NONE, |target| target.lacks);
    targets.iter().fold(Needs::NONE, |set, target| {
        set.with(target.lacks.differs(first), true)
            .with(target.denies, true)
    })
}

/// What a route says of retries, and what the one around it says of the rest.
fn inherited(own: &config::RetryPolicy, around: &config::RetryPolicy) -> config::RetryPolicy {
    config::RetryPolicy {
        attempts: own.attempts.or(around.attempts),
        backoff: own.backoff.or(around.backoff),
        max_backoff: own.max_backoff.or(around.max_backoff),
        budget: own.budget.or(around.budget),
        give_up_after: own.give_up_after.or(around.give_up_after),
    }
}

/// What a route says of asking several targets at the same time.
fn hedge(route: &config::Route) -> Option<Arc<Hedge>> {
    match (route.strategy, &route.hedge) {
        (Strategy::Race, _) => Some(Hedge::race(route.at_once.unwrap_or(AT_ONCE))),
        (_, Some(hedge)) => Some(Hedge::from(hedge)),
        _ => None,
    }
    .map(Arc::new)
}

fn member(node: Node, target: &config::Target) -> Member {
    Member {
        node,
        name: target.model.as_str().into(),
        weight: target.weight,
        priority: target.priority,
        canary: target.canary,
        level: target.complexity.unwrap_or(Level::Complex),
        seed: route::hash(&[target.model.as_bytes()]),
    }
}

/// Headers of the configuration, which validation has accepted.
pub(super) fn headers(configured: &BTreeMap<String, Secret<String>>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(configured.len());
    for (name, value) in configured {
        if let (Ok(name), Ok(mut value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value.expose()),
        ) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}
