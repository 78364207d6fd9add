//! What an operator wants to see.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidegate_policy::{
    Moment, Tick,
    admission::UNCAPPED,
    health::{PeakAverage, State},
    identity::{Level, Node},
    route::Standing,
};
use tidegate_types::{Money, config::Priority};

use crate::{gateway::Inner, snapshot::Target};

/// Targets reported at most; callers may invent names without end.
const MOST_TARGETS: usize = 1000;

/// Targets and keys with their health, budgets with their use, the queue and the cache.
pub(crate) fn report(inner: &Inner) -> Value {
    let snapshot = inner.snapshot();
    let now = inner.clock.now();
    let mut providers = serde_json::Map::new();
    for (name, provider) in &snapshot.providers {
        let keys: Vec<_> = provider
            .keys
            .iter()
            .enumerate()
            .map(|(index, key)| {
                let refused = provider.ring.refused(index);
                let left = refused.map_or(Duration::ZERO, |pause| pause.until().since(now));
                let gate = provider.ring.gate(index);
                json!({
                    "name": key,
                    "cooling_s": left.as_secs_f64(),
                    "in_flight": gate.map(|(gate, _)| gate.taken()),
                    "max_in_flight": gate.and_then(|(_, most)| cap(most)),
                })
            })
            .collect();
        let ready = provider.missing.is_none();
        let mut report = json!({ "ready": ready, "keys": keys });
        if let Some(need) = &provider.cap {
            report["in_flight"] = need.gate.taken().into();
            report["max_in_flight"] = need.most.into();
            report["waiting"] = need.gate.waiting().into();
        }
        providers.insert(name.clone(), report);
    }
    let mut targets = serde_json::Map::new();
    let mut known = HashSet::new();
    for target in snapshot.targets() {
        if targets.len() < MOST_TARGETS && known.insert(Arc::clone(&target.label)) {
            targets.insert(target.label.to_string(), self::target(&target, now));
        }
    }
    let moment = inner.clock.moment();
    let of = |level: Level| -> serde_json::Map<_, _> {
        let nodes = snapshot.identities.nodes();
        let nodes = nodes.filter(|node| node.level == level);
        nodes
            .map(|node| (node.id.to_string(), self::level(node, moment)))
            .collect()
    };
    let mut shadows = serde_json::Map::new();
    for (name, route) in &snapshot.routes {
        if let Some(shadow) = &route.shadow {
            shadows.insert(name.clone(), shadow.tally.report());
        }
    }
    let (entries, bytes) = inner.cache.size();
    let load = inner.room.load();
    let waiting = Priority::ALL.iter().zip(load.waiting);
    let waiting: serde_json::Map<_, _> = waiting
        .map(|(priority, count)| (priority.as_str().to_owned(), count.into()))
        .collect();
    json!({
        "in_flight": inner.running(),
        "brownout": {
            "active": inner.browned.is_active(now),
            "calls": inner.browned.calls(),
        },
        "queue": {
            "waiting": waiting,
            "delay_ms": load.delay.as_secs_f64() * 1e3,
            "shedding": load.shedding,
            "shed": load.shed,
        },
        "providers": providers,
        "targets": targets,
        "customers": of(Level::Customer),
        "teams": of(Level::Team),
        "users": of(Level::User),
        "keys": of(Level::Key),
        "shadows": shadows,
        "cache": { "entries": entries, "bytes": bytes },
        "log": snapshot.journal.as_ref().map(|journal| journal.report()),
    })
}

/// What a level has spent and how busy it is, and the same of what it says of single providers.
fn level(node: &Node, now: Moment) -> Value {
    let standing = node.account.standing(now).into_iter();
    let budgets: Vec<_> = standing
        .filter(|standing| standing.rule.budget)
        .map(|standing| {
            let [spent, reserved, limit] =
                [standing.spent, standing.reserved, standing.rule.limit].map(Money::from_nanos);
            json!({ "spent": spent, "reserved": reserved, "limit": limit })
        })
        .collect();
    let limit = node.limits.need();
    let mut told = json!({
        "budgets": budgets,
        "in_flight": limit.gate.taken(),
        "max_in_flight": cap(limit.most),
        "waiting": limit.gate.waiting(),
    });
    if !node.providers.is_empty() {
        let parts = node.providers.iter();
        let parts = parts.map(|part| (part.id.to_string(), level(part, now)));
        told["providers"] = parts.collect::<serde_json::Map<_, _>>().into();
    }
    told
}

fn cap(most: u32) -> Option<u32> {
    (most != UNCAPPED).then_some(most)
}

/// How one target does. Times are in milliseconds unless the name says otherwise.
fn target(target: &Target, now: Tick) -> Value {
    let place = &target.place;
    let millis = |average: &PeakAverage| average.get().map(|nanos| nanos / 1e6);
    let state = place.breaker.state(now);
    let opens = match state {
        State::Open(until) => until.since(now).as_secs_f64(),
        _ => 0.0,
    };
    let keys: Vec<_> = target
        .pauses
        .iter()
        .zip(&target.provider.keys)
        .map(|(pauses, name)| {
            json!({
                "name": name,
                "limited_s": pauses.limited.until().since(now).as_secs_f64(),
                "scarce_s": pauses.scarce.until().since(now).as_secs_f64(),
            })
        })
        .collect();
    let standing = match target.standing(now) {
        Standing::Well => "well",
        Standing::Strained => "strained",
        Standing::Down => "down",
    };
    json!({
        "state": standing,
        "breaker": state.as_str(),
        "open_s": opens,
        "failing": place.breaker.failing(),
        "in_flight": place.in_flight(),
        "max_in_flight": cap(target.most),
        "waiting": place.gate.waiting(),
        "first_token_ms": millis(&place.first_token),
        "per_token_ms": millis(&place.per_token),
        "total_ms": millis(&place.total),
        "keys": keys,
    })
}
