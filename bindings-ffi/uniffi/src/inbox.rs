//! From the completion queue to the futures that wait.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate::bridge::{self, Event, EventKind, Outcome, Queue, Request};
use tokio::sync::{Notify, oneshot};

/// A queue whose events the engine's own threads hand to whoever waits for them.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Queue,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    outcomes: HashMap<u64, oneshot::Sender<Outcome>>,
    streams: HashMap<u64, Arc<Notify>>,
    /// Outcomes that came before their ticket was known.
    early: HashMap<u64, Outcome>,
}

/// Cancels its call when it is dropped before the outcome is there: a host that gives up a future
/// drops it.
struct Patience<'a> {
    inbox: &'a Inbox,
    engine: &'a bridge::Engine,
    ticket: Option<u64>,
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.inbox.forget(ticket);
            self.engine.cancel(ticket);
        }
    }
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let queue = Queue::new();
        let waiting = Arc::<Mutex<Waiting>>::default();
        let inbox = Self {
            queue: queue.clone(),
            waiting: Arc::clone(&waiting),
        };
        queue.clone().set_waker(Some(Box::new(move || {
            loop {
                let events = queue.drain(usize::MAX);
                if events.is_empty() {
                    return;
                }
                for event in events {
                    deliver(&waiting, event);
                }
            }
        })));
        inbox
    }

    /// Submits a request and waits for its outcome. Gives the ticket too, and what tells that its
    /// stream has more.
    pub(crate) async fn call(
        &self,
        engine: &bridge::Engine,
        request: Request,
    ) -> (u64, Outcome, Arc<Notify>) {
        let (tell, told) = oneshot::channel();
        let more = Arc::new(Notify::new());
        let ticket = engine.submit(&self.queue, request);
        {
            let mut waiting = self.lock();
            waiting.streams.insert(ticket, Arc::clone(&more));
            match waiting.early.remove(&ticket) {
                Some(outcome) => {
                    let _ = tell.send(outcome);
                }
                None => {
                    waiting.outcomes.insert(ticket, tell);
                }
            }
        }
        let mut patience = Patience {
            inbox: self,
            engine,
            ticket: Some(ticket),
        };
        let outcome = told.await.unwrap_or_else(|_| {
            Outcome::Error(tidegate::Error::new(
                tidegate::Code::Internal,
                "the outcome was lost",
            ))
        });
        patience.ticket = None;
        if !matches!(outcome, Outcome::Stream(..)) {
            self.forget(ticket);
        }
        (ticket, outcome, more)
    }

    pub(crate) fn forget(&self, ticket: u64) {
        self.lock().streams.remove(&ticket);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // The waker holds the queue: without this they would keep each other.
        self.queue.close();
    }
}

fn deliver(waiting: &Mutex<Waiting>, event: Event) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match event.kind {
        // No function is registered here.
        EventKind::Host(_) => {}
        EventKind::Readable => {
            if let Some(more) = waiting.streams.get(&event.ticket) {
                more.notify_one();
            }
        }
        EventKind::Outcome(outcome) => {
            let Some(tell) = waiting.outcomes.remove(&event.ticket) else {
                waiting.early.insert(event.ticket, outcome);
                return;
            };
            drop(waiting);
            // Nobody waits any more: dropping the outcome cancels a stream.
            let _ = tell.send(outcome);
        }
    }
}
