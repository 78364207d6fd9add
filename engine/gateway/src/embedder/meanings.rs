//! What the configuration's own texts mean: each is embedded once, when it is needed first, and known for
//! as long as a configuration holds it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tidegate_policy::{
    Clock, Tick,
    likeness::{Recent, Vector},
};
use tidegate_types::{Code, Error};
use tokio::sync::Notify;

use super::{Asker, Embedder, shortened};
use crate::{gateway::Inner, snapshot::Snapshot, tasks};

/// Texts in one request. Cohere takes 96, Gemini 100 and OpenAI 2048.
const AT_ONCE: usize = 64;
/// How long the texts of a configuration may take. Calls do not wait for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an embedder that failed is left alone; twice as long after each further failure.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Everything an engine knows of the meaning of texts. Outlives a configuration.
#[derive(Debug, Default)]
pub(crate) struct Meanings {
    desks: Mutex<HashMap<String, Arc<Desk>>>,
    /// What callers brought of late.
    pub(crate) recent: Recent,
}

/// A text of the configuration.
#[derive(Debug)]
pub(crate) struct Phrase {
    text: Box<str>,
    vector: OnceLock<Vector>,
}

/// The texts that go to one embedder.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    phrases: Mutex<HashMap<Box<str>, Weak<Phrase>>>,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether somebody asks.
    asking: bool,
    /// Why it failed last, how often in a row, and until when nobody asks again.
    failed: Option<(Code, u32, Tick)>,
}

impl Meanings {
    /// The desk of an embedder, by the name of its space.
    pub(crate) fn desk(&self, space: &str) -> Arc<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = desks.get(space) {
            return Arc::clone(known);
        }
        desks.retain(|_, desk| Arc::strong_count(desk) > 1);
        Arc::clone(desks.entry(space.to_owned()).or_default())
    }
}

impl Phrase {
    /// What it means, once that is known.
    pub(crate) fn vector(&self) -> Option<&Vector> {
        self.vector.get()
    }
}

impl Desk {
    /// A text, with what is known of it from an earlier configuration.
    pub(crate) fn phrase(&self, text: &str) -> Arc<Phrase> {
        let mut phrases = self.phrases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = phrases.get(text).and_then(Weak::upgrade) {
            return known;
        }
        phrases.retain(|_, phrase| phrase.strong_count() > 0);
        let phrase = Arc::new(Phrase {
            text: text.into(),
            vector: OnceLock::new(),
        });
        phrases.insert(text.into(), Arc::downgrade(&phrase));
        phrase
    }

    /// Waits until the vectors of these texts are known. Whoever comes first has them asked for, for
    /// everybody; that goes on when nobody waits any more.
    ///
    /// # Errors
    /// Why the embedder gave none.
    pub(crate) async fn ready(
        self: &Arc<Self>,
        embedder: &Arc<dyn Embedder>,
        phrases: &[Arc<Phrase>],
        gateway: &Arc<Inner>,
        snapshot: &Arc<Snapshot>,
    ) -> Result<(), Code> {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            let unknown: Vec<Arc<Phrase>> = phrases
                .iter()
                .filter(|phrase| phrase.vector().is_none())
                .cloned()
                .collect();
            if unknown.is_empty() {
                return Ok(());
            }
            if self.begin(gateway.clock.now())? {
                let desk = Arc::clone(self);
                let embedder = Arc::clone(embedder);
                let asker = Asker {
                    gateway: Arc::clone(gateway),
                    snapshot: Arc::clone(snapshot),
                    identity: None,
                    priority: tidegate_types::config::Priority::Normal,
                    deadline: gateway.clock.now().plus(PATIENCE),
                    alone: true,
                };
                let over = Over {
                    desk: Arc::clone(self),
                    clock: Arc::clone(&gateway.clock),
                    failed: Some(Code::Internal),
                };
                // Without a runtime it is dropped, and is over.
                tasks::spawn(async move { desk.ask(&*embedder, &asker, &unknown, over).await });
            }
            news.await;
        }
    }

    /// Whether the caller is to ask; `Err` while nobody is to.
    fn begin(&self, now: Tick) -> Result<bool, Code> {
        let mut state = self.state();
        if state.asking {
            return Ok(false);
        }
        if let Some((code, _, until)) = state.failed
            && now < until
        {
            return Err(code);
        }
        state.asking = true;
        Ok(true)
    }

    async fn ask(
        &self,
        embedder: &dyn Embedder,
        asker: &Asker,
        phrases: &[Arc<Phrase>],
        mut over: Over,
    ) {
        let result = self.all(embedder, asker, phrases).await;
        over.failed = result.err().map(|error| error.code());
    }

    async fn all(
        &self,
        embedder: &dyn Embedder,
        asker: &Asker,
        phrases: &[Arc<Phrase>],
    ) -> Result<(), Error> {
        let mut at_once = AT_ONCE;
        let mut left = phrases;
        while !left.is_empty() {
            let (now, later) = left.split_at(at_once.min(left.len()));
            let texts: Vec<_> = now
                .iter()
                .map(|phrase| shortened(&phrase.text, embedder.longest()))
                .collect();
            let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
            match embedder.embed(asker, &texts).await.vectors {
                Ok(vectors) => {
                    for (phrase, vector) in now.iter().zip(vectors) {
                        // Somebody else's is as good.
                        let _ = phrase.vector.set(vector);
                    }
                    left = later;
                }
                // Some models take one text at a time.
                Err(error) if error.code() == Code::Unsupported && now.len() > 1 => at_once = 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells everybody who waits that the asking is over, also when it was let go.
struct Over {
    desk: Arc<Desk>,
    clock: Arc<Clock>,
    failed: Option<Code>,
}

impl Drop for Over {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.asking = false;
        state.failed = self.failed.map(|code| {
            let times = state.failed.map_or(0, |(_, times, _)| times);
            let pause = PAUSE.saturating_mul(1 << times.min(6)).min(LONGEST_PAUSE);
            (code, times + 1, self.clock.now().plus(pause))
        });
        drop(state);
        self.desk.news.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_for_as_long_as_somebody_holds_it() {
        let meanings = Meanings::default();
        let desk = meanings.desk("a/m");
        let phrase = desk.phrase("hello");
        assert!(phrase.vector.set(Vector::new(vec![1.0]).unwrap()).is_ok());
        assert!(desk.phrase("hello").vector().is_some());
        assert!(meanings.desk("a/n").phrase("hello").vector().is_none());
        drop(phrase);
        assert!(desk.phrase("hello").vector().is_none());
    }

    #[test]
    fn one_asks_for_all_and_after_a_failure_nobody_for_a_while() {
        let desk = Arc::new(Desk::default());
        let clock = Arc::new(Clock::new());
        let over = |failed| {
            drop(Over {
                desk: Arc::clone(&desk),
                clock: Arc::clone(&clock),
                failed,
            });
        };
        for pause in [1, 2, 4] {
            assert_eq!(desk.begin(clock.now()), Ok(true));
            assert_eq!(desk.begin(clock.now()), Ok(false), "somebody asks");
            over(Some(Code::UpstreamFailed));
            assert_eq!(desk.begin(clock.now()), Err(Code::UpstreamFailed));
            clock.advance(Duration::from_millis(pause * 1000 - 500));
            assert_eq!(desk.begin(clock.now()), Err(Code::UpstreamFailed));
            clock.advance(Duration::from_millis(500));
        }
        assert_eq!(desk.begin(clock.now()), Ok(true));
        over(None);
        assert_eq!(desk.begin(clock.now()), Ok(true), "it did well");
    }
}
