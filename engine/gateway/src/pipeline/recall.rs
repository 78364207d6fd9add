//! Stage 5: an answer that is already known.

use http::{HeaderMap, StatusCode, header};
use tidegate_policy::{
    cache::{self, CacheKey, Question},
    identity::Level,
};
use tidegate_providers::transport::BodyStream;
use tidegate_types::config::CacheScope;

use super::{Answer, AnswerBody, Job};
use crate::{call::CacheDirective, facts::CacheFact, stream::source::EventSource};

/// Gives the stored answer, and otherwise names the place where the new one will be stored.
pub(super) fn run(job: &mut Job) -> Option<Answer> {
    if job.rest.is_some() {
        // What the question is, nobody knows yet.
        return None;
    }
    let key = key(job)?;
    job.cache_key = Some(key);
    job.facts.cache = CacheFact::Miss;
    if job.context.cache == CacheDirective::Refresh {
        return None;
    }
    let now = job.gateway.clock.now();
    let stored = job.gateway.cache.get(&key, now)?;
    job.cache_key = None;
    job.facts.cache = CacheFact::Hit(cache::age(&stored, now));
    job.facts.target = Some(std::sync::Arc::clone(&stored.target));
    let mut headers = HeaderMap::new();
    if let Some(content_type) = &stored.content_type {
        headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    let body = if stored.stream {
        let source = BodyStream::from(stored.body.clone());
        AnswerBody::Stream(Box::new(EventSource::events(source, stored.dialect)))
    } else {
        AnswerBody::Complete(stored.body.clone())
    };
    Some(Answer {
        status: StatusCode::OK,
        headers,
        dialect: stored.dialect,
        body,
    })
}

/// Under which name the answer is stored; `None` where answers are not stored.
pub(super) fn key(job: &Job) -> Option<CacheKey> {
    let route = job.route.as_ref()?;
    let settings = route.cache.as_ref()?;
    if job.context.cache == CacheDirective::Bypass {
        return None;
    }
    let partition = match settings.scope {
        CacheScope::Public => "public",
        scope => partition(job, scope),
    };
    Some(job.gateway.cache.key(&Question {
        partition,
        // Where the path asks for a stream, the body does not show it.
        endpoint: match &job.named {
            Some(named) if named.stream == Some(true) => "stream",
            _ => job.endpoint.as_str(),
        },
        dialect: job.dialect,
        route: &route.identity,
        body: &job.body,
    }))
}

/// Who shares answers with the caller: the nearest level there is, from that one inwards.
fn partition(job: &Job, scope: CacheScope) -> &str {
    let levels: &[Level] = match scope {
        CacheScope::Customer => &[Level::Customer, Level::Team, Level::User],
        CacheScope::Team => &[Level::Team, Level::User],
        CacheScope::User => &[Level::User],
        _ => &[],
    };
    let identity = job.identity.as_ref();
    let shared = |level: &Level| identity?.chain.level(*level).map(|node| &*node.name);
    let own = || job.owner().map_or("root", |owner| owner);
    levels.iter().find_map(shared).unwrap_or_else(own)
}
