//! What an operator wants to see.

use serde_json::{Value, json};

use crate::gateway::Inner;

/// Keys with their cooldowns, budgets with their use, and the cache.
pub(crate) fn report(inner: &Inner) -> Value {
    let snapshot = inner.snapshot();
    let now = inner.clock.now();
    let mut providers = serde_json::Map::new();
    for (name, provider) in &snapshot.providers {
        let keys: Vec<_> = provider
            .ring
            .cooling(now)
            .zip(&provider.keys)
            .map(|(left, key)| json!({ "name": key, "cooling_s": left.as_secs_f64() }))
            .collect();
        let ready = provider.missing_key.is_none();
        providers.insert(name.clone(), json!({ "ready": ready, "keys": keys }));
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
    let (entries, bytes) = inner.cache.size();
    json!({
        "providers": providers,
        "keys": identities,
        "cache": { "entries": entries, "bytes": bytes },
    })
}
