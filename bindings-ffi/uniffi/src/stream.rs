//! An answer that arrives in pieces.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::HeaderMap;
use tidegate::bridge::{self, End, StreamHandle};
use tokio::sync::Notify;

use crate::{error::TidegateError, inbox::Inbox};

/// Frames handed over at a time.
const MAX_FRAMES: usize = 256;

/// One event of a stream.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Frame {
    /// Its name, where the dialect names events.
    pub event: Option<String>,
    /// Its JSON document.
    pub data: Vec<u8>,
}

/// An answer that arrives in pieces. One task reads at a time. Dropping it closes the upstream.
#[derive(Debug, uniffi::Object)]
pub struct ReplyStream {
    headers: Mutex<HashMap<String, String>>,
    state: Mutex<State>,
    /// Nothing for an answer that was complete after all.
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    handle: StreamHandle,
    more: Arc<Notify>,
    inbox: Arc<Inbox>,
    ticket: u64,
}

#[derive(Debug)]
enum State {
    Open,
    /// The whole answer, to be given next.
    Pending(Bytes),
    /// Told once, after the last frames.
    Failing(TidegateError),
    Over,
}

#[uniffi::export]
impl ReplyStream {
    /// Waits for the next frames. An empty list is the end; the headers then have the final facts.
    pub async fn next_batch(&self) -> Result<Vec<Frame>, TidegateError> {
        loop {
            if let Some(known) = self.known() {
                return known;
            }
            let Some(live) = &self.live else {
                return Ok(Vec::new());
            };
            let batch = live.handle.try_read(MAX_FRAMES);
            let ended = batch.end.is_some();
            if let Some(end) = batch.end {
                self.end(end);
            }
            if !batch.frames.is_empty() {
                return Ok(batch.frames.into_iter().map(Frame::from).collect());
            }
            if !ended && !live.handle.arm() {
                live.more.notified().await;
            }
        }
    }

    /// Closes the upstream at once. `next_batch` then gives what had arrived and `cancelled`.
    pub fn cancel(&self) {
        if let Some(live) = &self.live {
            live.handle.cancel();
        }
    }

    /// The answer's headers; after the end also the final facts, such as `x-tidegate-cost`.
    pub fn headers(&self) -> HashMap<String, String> {
        lock(&self.headers).clone()
    }
}

impl ReplyStream {
    pub(crate) fn live(
        headers: HashMap<String, String>,
        handle: StreamHandle,
        more: Arc<Notify>,
        inbox: Arc<Inbox>,
        ticket: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            headers: Mutex::new(headers),
            state: Mutex::new(State::Open),
            live: Some(Live {
                handle,
                more,
                inbox,
                ticket,
            }),
        })
    }

    pub(crate) fn whole(headers: HashMap<String, String>, body: Bytes) -> Arc<Self> {
        Arc::new(Self {
            headers: Mutex::new(headers),
            state: Mutex::new(State::Pending(body)),
            live: None,
        })
    }

    /// What needs no look at the stream.
    fn known(&self) -> Option<Result<Vec<Frame>, TidegateError>> {
        let mut state = lock(&self.state);
        if let State::Open = *state {
            return None;
        }
        Some(match std::mem::replace(&mut *state, State::Over) {
            State::Pending(body) => Ok(vec![Frame {
                event: None,
                data: body.into(),
            }]),
            State::Failing(error) => Err(error),
            State::Open | State::Over => Ok(Vec::new()),
        })
    }

    fn end(&self, end: End) {
        *lock(&self.state) = match end {
            End::Complete(facts) => {
                self.keep(&facts);
                State::Over
            }
            End::Failed(error) => State::Failing(error.into()),
        };
    }

    fn keep(&self, facts: &HeaderMap) {
        let mut headers = lock(&self.headers);
        for (name, value) in facts {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.insert(name.as_str().to_owned(), value);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.inbox.forget(self.ticket);
    }
}

impl From<bridge::Frame> for Frame {
    fn from(frame: bridge::Frame) -> Self {
        Self {
            event: frame
                .event
                .map(|event| String::from_utf8_lossy(&event).into_owned()),
            data: frame.data.into(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
