//! What is kept between calls: conversations of providers that keep none, and where the things are
//! that vendors keep.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use moka::{policy::EvictionPolicy, sync::Cache};

use crate::clock::Tick;

/// How long a stored reply can be continued: as long as OpenAI keeps its own ("Conversation state").
pub const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// One stored reply and what it answered.
#[derive(Debug)]
pub struct Conversation {
    /// The reply before it.
    pub previous: Option<String>,
    /// What this turn added to the conversation, as the text of a JSON array of items.
    pub input: Bytes,
    /// The reply, as the caller got it.
    pub response: Bytes,
    /// When it is forgotten.
    pub until: Tick,
}

/// Keeps conversations. Owners never see each other's.
pub trait Conversations: Send + Sync + fmt::Debug {
    /// The reply called `id`.
    fn get(&self, owner: &str, id: &str, now: Tick) -> Option<Arc<Conversation>>;
    /// Keeps a reply.
    fn put(&self, owner: &str, id: &str, conversation: Conversation);
    /// Forgets a reply; false when there was none.
    fn remove(&self, owner: &str, id: &str, now: Tick) -> bool;
}

/// Conversations in memory, bounded by bytes; those unused for longest leave first.
#[derive(Debug)]
pub struct MemoryConversations {
    entries: Cache<(Box<str>, Box<str>), Arc<Conversation>>,
}

impl MemoryConversations {
    /// At most `bytes`.
    pub fn new(bytes: u64) -> Self {
        let weigh = |key: &(Box<str>, Box<str>), kept: &Arc<Conversation>| {
            let size = key.0.len() + key.1.len() + kept.input.len() + kept.response.len();
            u32::try_from(size + 256).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .max_capacity(bytes)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(weigh)
            .build();
        Self { entries }
    }
}

impl Conversations for MemoryConversations {
    fn get(&self, owner: &str, id: &str, now: Tick) -> Option<Arc<Conversation>> {
        let found = self.entries.get(&(Box::from(owner), Box::from(id)));
        found.filter(|kept| kept.until > now)
    }

    fn put(&self, owner: &str, id: &str, conversation: Conversation) {
        let key = (Box::from(owner), Box::from(id));
        self.entries.insert(key, Arc::new(conversation));
    }

    fn remove(&self, owner: &str, id: &str, now: Tick) -> bool {
        let removed = self.entries.remove(&(Box::from(owner), Box::from(id)));
        removed.is_some_and(|kept| kept.until > now)
    }
}

/// What is known of ids that vendors gave, bounded by their number; those unused for longest leave
/// first.
#[derive(Debug)]
pub struct Directory<V: Send + Sync + 'static> {
    entries: Cache<Box<str>, Arc<V>>,
}

impl<V: Send + Sync + 'static> Directory<V> {
    /// At most `most` ids.
    pub fn new(most: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(most)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { entries }
    }

    /// What is known of an id.
    pub fn get(&self, id: &str) -> Option<Arc<V>> {
        self.entries.get(id)
    }

    /// Notes an id. What is known of it already stays.
    pub fn note(&self, id: &str, value: impl FnOnce() -> V) -> Arc<V> {
        self.entries.get_with(Box::from(id), || Arc::new(value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(bytes: usize) -> Conversation {
        Conversation {
            previous: None,
            input: Bytes::from(vec![b' '; bytes]),
            response: Bytes::from_static(b"{}"),
            until: Tick(100),
        }
    }

    #[test]
    fn owners_never_see_each_others_conversations() {
        let kept = MemoryConversations::new(1 << 20);
        kept.put("a", "resp_1", turn(1));
        assert!(kept.get("a", "resp_1", Tick(1)).is_some());
        assert!(kept.get("b", "resp_1", Tick(1)).is_none());
        assert!(!kept.remove("b", "resp_1", Tick(1)));
        assert!(kept.remove("a", "resp_1", Tick(1)));
        assert!(kept.get("a", "resp_1", Tick(1)).is_none());
    }

    #[test]
    fn conversations_are_bounded_by_bytes_and_age() {
        let kept = MemoryConversations::new(10_000);
        for index in 0..50 {
            kept.put("a", &format!("resp_{index}"), turn(1_000));
        }
        kept.entries.run_pending_tasks();
        assert!(kept.entries.weighted_size() <= 10_000);
        assert!(kept.get("a", "resp_49", Tick(99)).is_some());
        assert!(kept.get("a", "resp_49", Tick(100)).is_none());
    }

    #[test]
    fn an_id_noted_twice_keeps_what_was_known_first() {
        let ids = Directory::new(10);
        ids.note("file-1", || "first");
        ids.note("file-1", || "second");
        assert_eq!(*ids.get("file-1").unwrap(), "first");
    }
}
