//! What was received.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use tokio::sync::Notify;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The vendor it was for: the first segment of the path.
    pub name: String,
    /// Method.
    pub method: String,
    /// Path below the name, query included.
    pub path: String,
    /// Headers as they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, byte for byte.
    pub body: Bytes,
    /// Arrival, in milliseconds since the server started.
    pub at_ms: f64,
    /// Connection it came on, counted from 1.
    pub connection: u64,
    /// When the client left before the answer was complete, in milliseconds since the start.
    pub closed_ms: Option<f64>,
    /// Whether the whole answer, or what the script gives of it, was handed over.
    pub answered: bool,
    /// What was said in a session: texts as JSON where they are, bytes as `{"binary": hex}`, the
    /// answers to pings as `{"pong": text}`, a close as `{"close": code, "reason": words}`.
    pub messages: Vec<Value>,
}

impl Recorded {
    /// The value of a header, the first when there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("method", &self.method)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("headers", &self.headers)?;
        if let Ok(text) = std::str::from_utf8(&self.body) {
            map.serialize_entry("body", text)?;
        } else {
            map.serialize_entry("hex", &hex(&self.body))?;
        }
        map.serialize_entry("at_ms", &self.at_ms)?;
        map.serialize_entry("connection", &self.connection)?;
        map.serialize_entry("closed_ms", &self.closed_ms)?;
        map.serialize_entry("answered", &self.answered)?;
        if !self.messages.is_empty() {
            map.serialize_entry("messages", &self.messages)?;
        }
        map.end()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The log, and word of its changes.
#[derive(Debug)]
pub(crate) struct Log {
    start: Instant,
    entries: Mutex<Entries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    /// Grows with every reset, so that a request from before it writes nowhere.
    generation: u64,
    list: Vec<Recorded>,
}

/// Says how a request ended, at the latest when dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    log: Arc<Log>,
    place: Option<(u64, usize)>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1e3
    }

    pub(crate) fn add(self: &Arc<Self>, entry: Recorded) -> Guard {
        let mut entries = self.entries();
        entries.list.push(entry);
        let place = Some((entries.generation, entries.list.len() - 1));
        drop(entries);
        self.changed.notify_waiters();
        Guard {
            log: Arc::clone(self),
            place,
        }
    }

    /// A guard for a request that is not recorded.
    pub(crate) fn ignore(self: &Arc<Self>) -> Guard {
        Guard {
            log: Arc::clone(self),
            place: None,
        }
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.entries().list.clone()
    }

    pub(crate) fn clear(&self) {
        let mut entries = self.entries();
        entries.generation += 1;
        entries.list.clear();
    }

    pub(crate) async fn wait(
        &self,
        limit: Duration,
        done: &(dyn Fn(&[Recorded]) -> bool + Sync),
    ) -> Vec<Recorded> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let list = self.all();
            if done(&list) || tokio::time::timeout_at(deadline, changed).await.is_err() {
                return self.all();
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, place: (u64, usize), answered: bool) {
        let now = self.now_ms();
        let mut entries = self.entries();
        if entries.generation == place.0
            && let Some(entry) = entries.list.get_mut(place.1)
        {
            entry.answered = answered;
            entry.closed_ms = (!answered).then_some(now);
        }
        drop(entries);
        self.changed.notify_waiters();
    }
}

impl Guard {
    /// Notes what was said in a session.
    pub(crate) fn heard(&self, message: Value) {
        let Some((generation, at)) = self.place else {
            return;
        };
        let mut entries = self.log.entries();
        if entries.generation == generation
            && let Some(entry) = entries.list.get_mut(at)
        {
            entry.messages.push(message);
        }
        drop(entries);
        self.log.changed.notify_waiters();
    }

    pub(crate) fn answered(&mut self) {
        if let Some(place) = self.place.take() {
            self.log.end(place, true);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.log.end(place, false);
        }
    }
}
