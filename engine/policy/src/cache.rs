//! Which answers may be given again.
//!
//! The key is a keyed BLAKE3 over everything that decides the answer: partition, endpoint, dialect,
//! route and the body's bytes as they came. Nothing is trimmed, folded or re-ordered, so two
//! requests that differ in any byte never share an entry.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moka::sync::Cache;
use tidegate_types::{Dialect, Segments};

use crate::clock::Tick;

/// Name of a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

/// A stored answer, in the dialect of the upstream that gave it.
#[derive(Debug)]
pub struct Stored {
    /// Dialect of `body`.
    pub dialect: Dialect,
    /// Whether `body` is an event stream.
    pub stream: bool,
    /// `content-type` of the answer.
    pub content_type: Option<http::HeaderValue>,
    /// The answer's bytes.
    pub body: Bytes,
    /// `provider/model` that gave it.
    pub target: Arc<str>,
    /// When it was stored.
    pub at: Tick,
    /// When it is too old.
    pub until: Tick,
}

/// What decides an answer.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whose answers these are; calls with different partitions never meet.
    pub partition: &'a str,
    /// Endpoint name.
    pub endpoint: &'a str,
    /// Dialect of the body.
    pub dialect: Dialect,
    /// Route or `provider/model` the call goes to.
    pub route: &'a str,
    /// The body as it came.
    pub body: &'a Segments,
}

/// Answers in memory, bounded by bytes; the least valuable leave first.
#[derive(Debug)]
pub struct ExactCache {
    entries: Cache<CacheKey, Arc<Stored>>,
    /// Differs per engine, so that keys mean nothing outside it.
    secret: [u8; 32],
}

impl ExactCache {
    /// A cache of at most `bytes`, whose keys are derived from `seed`.
    pub fn new(bytes: u64, seed: u128) -> Self {
        let entries = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, stored: &Arc<Stored>| {
                u32::try_from(stored.body.len() + 256).unwrap_or(u32::MAX)
            })
            .build();
        let secret = blake3::derive_key("tidegate exact cache", &seed.to_le_bytes());
        Self { entries, secret }
    }

    /// The key of a question.
    pub fn key(&self, question: &Question<'_>) -> CacheKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        for text in [
            question.partition,
            question.endpoint,
            question.dialect.as_str(),
            question.route,
        ] {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        }
        for part in question.body.parts() {
            hasher.update(part);
        }
        CacheKey(*hasher.finalize().as_bytes())
    }

    /// The stored answer, unless it is too old.
    pub fn get(&self, key: &CacheKey, now: Tick) -> Option<Arc<Stored>> {
        self.entries.get(key).filter(|stored| stored.until > now)
    }

    /// Stores an answer.
    pub fn put(&self, key: CacheKey, stored: Stored) {
        self.entries.insert(key, Arc::new(stored));
    }

    /// Number of stored answers and their bytes.
    pub fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

/// Age of a stored answer.
pub fn age(stored: &Stored, now: Tick) -> Duration {
    now.since(stored.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_in_every_part_of_the_question() {
        let cache = ExactCache::new(1 << 20, 1);
        let body = Segments::from(b"{\"a\":1}".to_vec());
        let other = Segments::from(b"{\"A\":1}".to_vec());
        let question = |partition, route, dialect, body| {
            cache.key(&Question {
                partition,
                endpoint: "chat",
                dialect,
                route,
                body,
            })
        };
        let base = question("p", "r", Dialect::OpenAi, &body);
        assert_eq!(base, question("p", "r", Dialect::OpenAi, &body));
        assert_ne!(base, question("q", "r", Dialect::OpenAi, &body));
        assert_ne!(base, question("p", "s", Dialect::OpenAi, &body));
        assert_ne!(base, question("p", "r", Dialect::Anthropic, &body));
        assert_ne!(base, question("p", "r", Dialect::OpenAi, &other));
        let split: Segments = [&b"{\"a\""[..], &b":1}"[..]]
            .into_iter()
            .map(Bytes::from_static)
            .collect();
        assert_eq!(base, question("p", "r", Dialect::OpenAi, &split));
        assert_ne!(
            base,
            ExactCache::new(1, 2).key(&Question {
                partition: "p",
                endpoint: "chat",
                dialect: Dialect::OpenAi,
                route: "r",
                body: &body
            })
        );
    }
}
