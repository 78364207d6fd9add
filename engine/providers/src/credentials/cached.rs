//! A secret that is kept while it is good, and renewed by one caller at a time.

use std::{
    future::Future,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Mutex;

use super::CredentialsError;

/// How long before its end a secret is renewed, at most; short ones are renewed in the last quarter of
/// their life. Metadata servers hand out a new token only in about the last five minutes.
const EARLY: u64 = 300;

/// After a failed renewal of a secret that is still good, this many seconds pass before the next.
const PAUSE: u64 = 10;

/// Who waits for another caller's request longer than this makes its own. The other may never end: it
/// may belong to the process this one was forked from.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found, and until when it is good: seconds since 1970, or for ever.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) value: T,
    pub(super) expires: Option<u64>,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    expires: Option<u64>,
    /// When to renew it; moved on by failed renewals.
    due: AtomicU64,
}

/// The secret of one provider.
#[derive(Debug)]
pub(super) struct Cached<T> {
    entry: RwLock<Option<Arc<Entry<T>>>>,
    /// Held by who asks; inside, how the last request failed.
    asking: Mutex<Option<CredentialsError>>,
    /// Requests that have ended.
    rounds: AtomicU64,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self {
            entry: RwLock::default(),
            asking: Mutex::default(),
            rounds: AtomicU64::new(0),
        }
    }
}

impl<T> Cached<T> {
    /// The secret; `ask` brings a new one when there is none or the old one is about to expire.
    ///
    /// # Errors
    /// What `ask` failed with, also for those who waited for that same request.
    pub(super) async fn get<F>(
        &self,
        now: u64,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<T>, CredentialsError>
    where
        F: Future<Output = Result<Held<T>, CredentialsError>>,
    {
        let before = self.rounds.load(Ordering::Acquire);
        if let Some(entry) = self.usable(now) {
            if now < entry.due.load(Ordering::Relaxed) {
                return Ok(Arc::clone(&entry.value));
            }
            let Ok(mut failed) = self.asking.try_lock() else {
                return Ok(Arc::clone(&entry.value));
            };
            // Between the look and the lock another may have renewed it.
            if self.rounds.load(Ordering::Acquire) != before
                && let Some(renewed) = self.usable(now)
            {
                return Ok(Arc::clone(&renewed.value));
            }
            let renewed = self.ask(now, &mut failed, ask).await;
            return Ok(renewed.unwrap_or_else(|_| {
                entry
                    .due
                    .store(now.saturating_add(PAUSE), Ordering::Relaxed);
                Arc::clone(&entry.value)
            }));
        }
        let Ok(mut failed) = tokio::time::timeout(PATIENCE, self.asking.lock()).await else {
            return self.ask(now, &mut None, ask).await;
        };
        if let Some(entry) = self.usable(now) {
            return Ok(Arc::clone(&entry.value));
        }
        if self.rounds.load(Ordering::Acquire) != before
            && let Some(error) = &*failed
        {
            return Err(error.clone());
        }
        self.ask(now, &mut failed, ask).await
    }

    pub(super) fn forget(&self) {
        *self.entry.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn usable(&self, now: u64) -> Option<Arc<Entry<T>>> {
        let entry = self.entry.read().unwrap_or_else(PoisonError::into_inner);
        let good = |entry: &&Arc<Entry<T>>| entry.expires.is_none_or(|expires| now < expires);
        entry.as_ref().filter(good).map(Arc::clone)
    }

    async fn ask<F>(
        &self,
        now: u64,
        failed: &mut Option<CredentialsError>,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<T>, CredentialsError>
    where
        F: Future<Output = Result<Held<T>, CredentialsError>>,
    {
        let result = ask().await;
        *failed = result.as_ref().err().cloned();
        let result = result.map(|held| {
            let left = held.expires.map(|expires| expires.saturating_sub(now));
            let due = match (held.expires, left) {
                (Some(expires), Some(left)) => expires - EARLY.min(left / 4),
                _ => u64::MAX,
            };
            let value = Arc::new(held.value);
            let entry = Entry {
                value: Arc::clone(&value),
                expires: held.expires,
                due: AtomicU64::new(due),
            };
            *self.entry.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(entry));
            value
        });
        self.rounds.fetch_add(1, Ordering::Release);
        result
    }
}
