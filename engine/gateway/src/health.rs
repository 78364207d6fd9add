//! What an operator wants to see.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_policy::{
    Tick,
    health::{PeakAverage, State},
};

use crate::{gateway::Inner, snapshot::Target};

/// Targets and keys with their health, budgets with their use, and the cache.
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
                json!({ "name": key, "cooling_s": left.as_secs_f64() })
            })
            .collect();
        let ready = provider.missing.is_none();
        providers.insert(name.clone(), json!({ "ready": ready, "keys": keys }));
    }
    let mut targets = serde_json::Map::new();
    for target in snapshot.targets() {
        targets
            .entry(target.label.to_string())
            .or_insert_with(|| self::target(&target, now));
    }
    let mut identities = serde_json::Map::new();
    for identity in snapshot.identities.iter() {
        let budgets: Vec<_> = identity
            .account
            .usage(now)
            .into_iter()
            .map(|(spent, reserved, limit)| {
                json!({ "spent": spent, "reserved": reserved, "limit": limit })
            })
            .collect();
        identities.insert(identity.id.to_string(), json!({ "budgets": budgets }));
    }
    let mut shadows = serde_json::Map::new();
    for (name, route) in &snapshot.routes {
        if let Some(shadow) = &route.shadow {
            shadows.insert(name.clone(), shadow.tally.report());
        }
    }
    let (entries, bytes) = inner.cache.size();
    json!({
        "providers": providers,
        "targets": targets,
        "keys": identities,
        "shadows": shadows,
        "cache": { "entries": entries, "bytes": bytes },
    })
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
    json!({
        "breaker": state.as_str(),
        "open_s": opens,
        "failing": place.breaker.failing(),
        "in_flight": place.in_flight(),
        "first_token_ms": millis(&place.first_token),
        "per_token_ms": millis(&place.per_token),
        "total_ms": millis(&place.total),
        "keys": keys,
    })
}
