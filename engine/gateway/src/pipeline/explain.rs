//! The stages, asked what they would do instead of doing it.

mod beside;
mod targets;

use std::sync::Arc;

use serde_json::Value;
use tidegate_policy::route::Node;
use tidegate_types::{Endpoint, Error, Money};

use super::{
    Job, admit, authenticate, count, decode, dispatch, guard_in, lifecycle,
    plan::{self, Notes, prompt},
    recall, semantic,
};
use crate::{
    call::{CacheDirective, Call, CallContext},
    explain::{
        Admission, Asked, BudgetSeen, CacheSeen, Considered, Explanation, LevelSeen, Outcome,
        RouteSeen, SemanticSeen,
    },
    gateway::Inner,
    snapshot::{Chain, Route},
};

/// What would become of a call. `whole`: whether whoever asks sees what its caller may not.
///
/// # Errors
/// Those of a request that cannot be read, and of a key that is missing or wrong. Every later refusal
/// is part of the explanation.
pub(crate) fn explain(
    gateway: &Arc<Inner>,
    context: CallContext,
    call: Call,
    whole: bool,
) -> Result<Explanation, Error> {
    // A closed engine refuses; an open one does not count this as a call.
    drop(gateway.enter()?);
    let mut job = Job::new(gateway, context, call);
    decode::read(&mut job)?;
    authenticate::who(&mut job)?;
    let mut seen = Seen {
        rules: Vec::new(),
        refused: None,
    };
    let lead = authenticate::lead(&mut job, &mut |rule, held| {
        let applies = held == Ok(true);
        let set = rule.set.iter().filter(|_| applies);
        seen.rules.push(Considered {
            name: rule.name.to_string(),
            of: rule.of.to_owned(),
            when: whole.then(|| rule.when.text().to_owned()),
            undefined: held.as_ref().err().map(ToString::to_string),
            holds: held.ok(),
            leads_to: rule.target.clone().filter(|_| applies),
            set: set
                .map(|(key, value)| {
                    let value = serde_json::from_slice(value).unwrap_or_default();
                    (key.clone(), value)
                })
                .collect(),
            refuses: applies && rule.refuse.is_some(),
        });
    });
    seen.refuses(lead);
    let admission = admission(&job);
    if seen.refused.is_none() {
        seen.refused.clone_from(&admission.error);
    }
    if job.route.is_some() {
        let guarded = guard_in::look(&mut job);
        seen.refuses(guarded);
    }
    let cache = cache(&job);
    let asked = asked(&job);
    let mut told = Explanation {
        outcome: Outcome::local(),
        request: asked,
        identity: job
            .owner()
            .and(job.identity.as_ref())
            .map(|caller| caller.id.to_string()),
        chain: levels(&job),
        admission,
        rules: Vec::new(),
        route: None,
        cache,
        targets: Vec::new(),
        fallbacks: Vec::new(),
        fallbacks_on: std::collections::BTreeMap::default(),
        panel: None,
        shadow: None,
    };
    semantic::look(&mut job);
    if let Some(route) = job.route.clone() {
        told.route = Some(route_seen(&job, &route));
        planned(&mut job, &route, &mut seen, &mut told);
    }
    if let Some(error) = seen.refused {
        told.outcome = Outcome {
            does: "refuse".to_owned(),
            error: Some(error),
            ..Outcome::local()
        };
    }
    told.rules = seen.rules;
    Ok(told)
}

/// What was found on the way.
struct Seen {
    rules: Vec<Considered>,
    /// The first refusal.
    refused: Option<Value>,
}

impl Seen {
    fn refuses<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| {
                self.refused.get_or_insert_with(|| error.to_json());
            })
            .ok()
    }
}

impl Outcome {
    /// The gateway answers itself.
    fn local() -> Self {
        Self {
            does: "local".to_owned(),
            target: None,
            anyway: false,
            by_chance: false,
            reserves: None,
            error: None,
        }
    }
}

/// Plans the call and looks at every target.
fn planned(job: &mut Job, route: &Arc<Route>, seen: &mut Seen, told: &mut Explanation) {
    let notes = Notes::default();
    let drawn = targets::draw(job, route, &notes);
    let Some(drawn) = seen.refuses(drawn) else {
        // Why none of them fits is seen at the targets themselves.
        told.targets = targets::outside(job, route, members(route), &notes);
        return;
    };
    let by_chance = !drawn.firsts.is_empty();
    job.plan = drawn.plan;
    let before = job.plan.order.clone();
    seen.refuses(lifecycle::narrow(job));
    let at = job.plan.fallbacks_at.min(job.plan.order.len());
    let (first, then) = job.plan.order.split_at(at);
    let (first, then) = (first.to_vec(), then.to_vec());
    told.targets = targets::look(job, route, &first, &notes, &drawn.firsts);
    told.fallbacks = targets::look(job, route, &then, &notes, &[]);
    let own = route
        .chains
        .iter()
        .map(|(chain, nodes)| (name(*chain).to_owned(), nodes));
    let within = route.within.iter().flat_map(|within| {
        let chains = within.chains.iter();
        chains.map(|(chain, nodes)| (format!("{} in {}", name(*chain), within.name), nodes))
    });
    for (cause, nodes) in own.chain(within) {
        let order = targets::chain(job, route, nodes, &notes);
        let mut looked = targets::look(job, route, &order, &notes, &[]);
        looked.extend(targets::outside(job, route, nodes.iter(), &notes));
        told.fallbacks_on.insert(cause, looked);
    }
    told.panel = beside::panel(job, route, &notes);
    told.shadow = beside::copies(job);
    let bound = before.iter().filter(|at| !job.plan.order.contains(at));
    let bound: Vec<u16> = bound.copied().collect();
    let bound = targets::bound(job, route, &bound, &notes);
    told.targets.extend(bound);
    let outside = targets::outside(job, route, members(route), &notes);
    told.targets.extend(outside);
    if job.context.fallbacks.is_empty() {
        let outside = targets::outside(job, route, route.fallbacks.iter(), &notes);
        told.fallbacks.extend(outside);
    }
    told.outcome = if told.cache.state == "hit" {
        Outcome {
            does: "cached".to_owned(),
            target: told.cache.target.clone(),
            ..Outcome::local()
        }
    } else {
        match dispatch::foretell(job, route) {
            Ok((target, anyway)) => Outcome {
                does: "ask".to_owned(),
                target: Some(target.label.to_string()),
                anyway,
                by_chance,
                reserves: reserved(job, told, &target.label),
                ..Outcome::local()
            },
            Err(error) if job.endpoint == Endpoint::CountTokens && count::unasked(&error) => {
                Outcome::local()
            }
            Err(error) => {
                seen.refuses::<()>(Err(error));
                return;
            }
        }
    };
}

fn members(route: &Route) -> impl Iterator<Item = &Node> {
    route.group.members.iter().map(|member| &member.node)
}

/// Money is held back for callers with a key alone.
fn reserved(job: &Job, told: &Explanation, label: &str) -> Option<Money> {
    job.identity.as_ref()?;
    let mut all = told.targets.iter().chain(&told.fallbacks);
    all.find(|seen| seen.target == label)
        .map(|seen| seen.reserves)
}

fn admission(job: &Job) -> Admission {
    let refused = admit::look(job).err();
    let identity = job.identity.as_ref();
    let now = job.gateway.clock.moment();
    let nodes = identity.map_or(&[][..], |identity| identity.chain.nodes());
    let budgets = nodes.iter().flat_map(|node| {
        let standing = node.account.standing(now).into_iter();
        let budgets = standing.filter(|standing| standing.rule.budget);
        budgets.map(move |standing| (node, standing))
    });
    Admission {
        admitted: refused.is_none(),
        error: refused.map(|error| error.to_json()),
        budgets: budgets
            .map(|(node, standing)| BudgetSeen {
                of: node.to_string(),
                limit: Money::from_nanos(standing.rule.limit),
                spent: Money::from_nanos(standing.spent),
                reserved: Money::from_nanos(standing.reserved),
            })
            .collect(),
        limit_used: identity.map(|identity| identity.chain.limit_used(now)),
    }
}

fn levels(job: &Job) -> Vec<LevelSeen> {
    let (now, seconds) = (job.gateway.clock.moment(), job.gateway.clock.unix_seconds());
    let nodes = job
        .identity
        .iter()
        .flat_map(|identity| identity.chain.nodes());
    let nodes = nodes.map(|node| LevelSeen {
        level: node.level.as_str().to_owned(),
        id: node.id.to_string(),
        active: node.active(seconds),
        budget_used: node.budget_used(now),
        limit_used: node.limit_used(now),
    });
    nodes.collect()
}

fn asked(job: &Job) -> Asked {
    Asked {
        endpoint: job.endpoint.as_str().to_owned(),
        dialect: job.dialect.as_str().to_owned(),
        model: job.asks.model.clone(),
        stream: job.asks.stream,
        input_tokens: prompt::tokens(&job.body),
        max_output_tokens: job.asks.max_output,
        choices: job.asks.choices.max(1),
        bytes: job.body.len() as u64,
        user: prompt::user(job),
        fallbacks: job.context.fallbacks.clone(),
    }
}

fn cache(job: &Job) -> CacheSeen {
    let settings = job.route.as_ref().and_then(|route| route.cache);
    let mut seen = CacheSeen {
        state: "off".to_owned(),
        age_s: None,
        target: None,
        ttl_s: settings.map(|settings| settings.ttl.as_secs_f64()),
    };
    let now = job.gateway.clock.now();
    let key = recall::key(job);
    let stored = key.and_then(|key| job.gateway.cache.get(&key, now));
    let state = match (settings, job.context.cache, stored) {
        (None, ..) => "off",
        (_, CacheDirective::Bypass, _) => "bypass",
        (_, CacheDirective::Refresh, _) => "refresh",
        (.., None) => "miss",
        (.., Some(stored)) => {
            seen.age_s = Some(now.since(stored.at).as_secs_f64());
            seen.target = Some(stored.target.to_string());
            "hit"
        }
    };
    state.clone_into(&mut seen.state);
    seen
}

fn route_seen(job: &Job, route: &Arc<Route>) -> RouteSeen {
    RouteSeen {
        name: route.name.to_string(),
        configured: job.snapshot.routes.contains_key(&*route.name),
        strategy: route.group.strategy.as_str().to_owned(),
        level: plan::level(job, route).map(str::to_owned),
        semantic: comparisons(job, route),
        at_once: route.lanes,
        try_anyway: route.try_anyway,
    }
}

fn comparisons(job: &Job, route: &Route) -> Vec<SemanticSeen> {
    let comparisons = route.comparisons.iter().enumerate();
    let comparisons = comparisons.filter(|_| semantic::wanted(job));
    let seen = comparisons.map(|(number, comparison)| SemanticSeen {
        embedder: comparison.embedder.label().to_string(),
        threshold: comparison.threshold,
        known: job
            .likenesses
            .as_ref()
            .is_some_and(|found| found.made(number)),
    });
    seen.collect()
}

fn name(chain: Chain) -> &'static str {
    match chain {
        Chain::ContextWindow => "context_window",
        Chain::ContentPolicy => "content_policy",
        Chain::RateLimit => "rate_limit",
        Chain::Auth => "auth",
    }
}
