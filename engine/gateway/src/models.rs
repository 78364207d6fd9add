//! The list of models a caller may use.

use serde_json::json;
use tidegate_providers::catalogue;
use tidegate_types::Dialect;

use crate::{pipeline::Job, snapshot::Snapshot};

/// Configured names first, then `provider/model` for every catalogue model of a configured
/// provider, in the caller's dialect ("List models" of OpenAI, Anthropic, Gemini and Cohere).
pub(crate) fn list(job: &Job) -> Vec<u8> {
    let mut names: Vec<(String, String)> = names(&job.snapshot)
        .into_iter()
        .filter(|(name, _)| {
            job.identity
                .as_ref()
                .is_none_or(|identity| identity.may_use(name))
        })
        .collect();
    names.dedup();
    let body = match job.dialect {
        Dialect::Anthropic => json!({
            "data": names
                .iter()
                .map(|(name, _)| json!({
                    "type": "model", "id": name, "display_name": name,
                    "created_at": "1970-01-01T00:00:00Z",
                }))
                .collect::<Vec<_>>(),
            "first_id": names.first().map(|(name, _)| name),
            "last_id": names.last().map(|(name, _)| name),
            "has_more": false,
        }),
        Dialect::Gemini => json!({
            "models": names
                .iter()
                .map(|(name, _)| json!({
                    "name": format!("models/{name}"), "displayName": name,
                    "supportedGenerationMethods": ["generateContent"],
                }))
                .collect::<Vec<_>>(),
        }),
        Dialect::Cohere => json!({
            "models": names
                .iter()
                .map(|(name, _)| json!({ "name": name, "endpoints": ["chat"] }))
                .collect::<Vec<_>>(),
        }),
        _ => json!({
            "object": "list",
            "data": names
                .iter()
                .map(|(name, owner)| json!({
                    "id": name, "object": "model", "created": 0, "owned_by": owner,
                }))
                .collect::<Vec<_>>(),
        }),
    };
    body.to_string().into_bytes()
}

fn names(snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut routes: Vec<_> = snapshot
        .routes
        .keys()
        .map(|name| (name.clone(), "tidegate".to_owned()))
        .collect();
    routes.sort();
    let mut direct: Vec<_> = snapshot
        .providers
        .values()
        .filter(|provider| provider.missing.is_none())
        .flat_map(|provider| {
            catalogue::names(&provider.vendor).map(|model| {
                (
                    format!("{}/{}", provider.name, model),
                    provider.name.to_string(),
                )
            })
        })
        .collect();
    direct.sort();
    routes.extend(direct);
    routes
}
