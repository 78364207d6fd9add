//! What a host has to say in a session, on its way to the upstream.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Event, EventKind, Queue};
use crate::session::{Closing, Message};

/// As much waits here before the host has to.
const MOST_BYTES: usize = 256 * 1024;
/// What a message weighs besides its bytes, so that empty ones cannot pile up.
const WEIGHT: usize = 64;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Taken,
    /// There is no room for it now.
    Full,
    /// It is marked as text and is not UTF-8.
    NotText,
    /// The session is over, or was closed from this side.
    Over,
}

/// Messages in order, and who waits for what.
pub(super) struct Outbox {
    state: Mutex<State>,
    emptied: Condvar,
    /// The host has closed.
    closing: Notify,
    /// Where room is announced.
    queue: Option<Queue>,
    ticket: u64,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The host has closed: nothing more is taken.
    closing: bool,
    /// The session is over: nothing more is given.
    over: bool,
    /// What the other side closed with.
    closed: Option<Closing>,
    armed: bool,
    reader: Option<Waker>,
    writers: usize,
}

impl State {
    /// Whether a message would be taken, or never again.
    fn ready(&self) -> bool {
        self.over || self.closing || self.bytes < MOST_BYTES
    }
}

impl Outbox {
    pub(super) fn new(queue: Option<Queue>, ticket: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            emptied: Condvar::new(),
            closing: Notify::new(),
            queue,
            ticket,
        })
    }

    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, text: bool, payload: Bytes) -> Sent {
        Self::take(self.lock(), text, payload)
    }

    pub(super) fn push_wait(&self, text: bool, payload: Bytes, limit: Option<Duration>) -> Sent {
        let mut state = self.lock();
        state.writers += 1;
        let waits = |state: &mut State| !state.ready();
        let mut state = match limit {
            Some(limit) => {
                self.emptied
                    .wait_timeout_while(state, limit, waits)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self
                .emptied
                .wait_while(state, waits)
                .unwrap_or_else(PoisonError::into_inner),
        };
        state.writers -= 1;
        Self::take(state, text, payload)
    }

    fn take(mut state: MutexGuard<'_, State>, text: bool, payload: Bytes) -> Sent {
        if state.over || state.closing {
            return Sent::Over;
        }
        if !state.ready() {
            return Sent::Full;
        }
        if text && std::str::from_utf8(&payload).is_err() {
            return Sent::NotText;
        }
        let message = if text {
            Message::Text(payload)
        } else {
            Message::Binary(payload)
        };
        state.bytes += weight(&message);
        state.messages.push_back(message);
        wake(state);
        Sent::Taken
    }

    pub(super) fn close(&self, code: u16, reason: &str) {
        let mut state = self.lock();
        if state.over || state.closing {
            return;
        }
        state.closing = true;
        state.messages.push_back(Message::close(code, reason));
        wake(state);
        self.closing.notify_one();
    }

    /// Waits until the host closes.
    pub(super) async fn closing(&self) {
        self.closing.notified().await;
    }

    pub(super) fn arm(&self) -> bool {
        let mut state = self.lock();
        let ready = state.ready();
        state.armed = !ready;
        ready
    }

    /// Ends the session for whoever sends or waits. `closed` is what the other side closed with.
    pub(super) fn end(&self, closed: Option<Closing>) {
        let mut state = self.lock();
        state.over = true;
        if closed.is_some() {
            state.closed = closed;
        }
        self.announce(&mut state);
        wake(state);
    }

    /// What the other side closed with, and whether this side had closed before.
    pub(super) fn closed(&self) -> (Option<Closing>, bool) {
        let state = self.lock();
        (state.closed.clone(), state.closing)
    }

    /// The next message; none when the session is over.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        if state.over {
            return Poll::Ready(None);
        }
        let Some(message) = state.messages.pop_front() else {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let was_full = !state.ready();
        state.bytes = state.bytes.saturating_sub(weight(&message));
        if was_full && state.ready() {
            self.announce(&mut state);
        }
        Poll::Ready(Some(message))
    }

    /// Tells whoever waits for room.
    fn announce(&self, state: &mut State) {
        if state.writers > 0 {
            self.emptied.notify_all();
        }
        if std::mem::take(&mut state.armed)
            && let Some(queue) = &self.queue
        {
            queue.push(Event {
                ticket: self.ticket,
                kind: EventKind::Readable,
            });
        }
    }
}

fn weight(message: &Message) -> usize {
    match message {
        // A close is always taken.
        Message::Close(_) => 0,
        message => message.payload().len() + WEIGHT,
    }
}

/// Wakes the task that sends.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}
