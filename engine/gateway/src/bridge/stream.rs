//! A stream as the host reads it: a bounded buffer that a task fills and the host drains in batches.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use tidegate_types::{Code, Error};
use tokio::task::AbortHandle;

use super::{
    Event, EventKind, Frame, Queue,
    outbox::{Outbox, Sent},
    runtime::pid,
};
use crate::stream::{SettlingStream, Step};

/// The buffer holds this much before the upstream has to wait.
const MOST_BYTES: usize = 256 * 1024;

/// Reads a live stream. Cheap to clone; dropping the last clone cancels the upstream.
#[derive(Clone)]
pub struct StreamHandle(Arc<Owner>);

/// What a read gave.
#[derive(Debug, Default)]
pub struct Batch {
    /// Frames in order.
    pub frames: Vec<Frame>,
    /// Set once, with or after the last frame.
    pub end: Option<End>,
}

/// How a stream ended.
#[derive(Debug)]
pub enum End {
    /// Complete; the final facts.
    Complete(HeaderMap),
    /// Broken, see [`Step::Failed`].
    Failed(Error),
}

struct Owner {
    shared: Arc<Shared>,
    /// Where the host's messages wait, when this is a session.
    outbox: Option<Arc<Outbox>>,
    pump: AbortHandle,
    /// Process of the pump. A forked child must not touch its parent's runtime: whoever held its
    /// locks at the fork never lets go of them there.
    pid: u32,
}

impl Owner {
    fn stop(&self) {
        if self.pid == pid() {
            self.pump.abort();
            if let Some(outbox) = &self.outbox {
                outbox.end(None);
            }
        }
    }
}

pub(super) struct Shared {
    buffer: Mutex<Buffer>,
    filled: Condvar,
    /// Where to announce new frames: the queue and the ticket of the request.
    queue: Option<(Queue, u64)>,
}

#[derive(Default)]
struct Buffer {
    frames: VecDeque<Frame>,
    bytes: usize,
    end: Option<End>,
    over: bool,
    armed: bool,
    /// Whoever fills the buffer, while it waits for room.
    waiting: Option<Waker>,
    /// Threads in [`StreamHandle::read`]. Waking nobody is a system call all the same.
    readers: usize,
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamHandle")
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl StreamHandle {
    /// Starts filling the buffer on `runtime`. `ended` runs when the stream is over or dropped.
    pub(super) fn start(
        runtime: &tokio::runtime::Handle,
        mut stream: Box<SettlingStream>,
        queue: Option<(Queue, u64)>,
        ended: impl Send + 'static,
    ) -> Self {
        Self::spawn(runtime, queue, None, ended, |shared| async move {
            shared.pump(&mut stream).await;
        })
    }

    /// Starts whatever fills the buffer and, for a session, empties the outbox.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        runtime: &tokio::runtime::Handle,
        queue: Option<(Queue, u64)>,
        outbox: Option<Arc<Outbox>>,
        ended: impl Send + 'static,
        fill: impl FnOnce(Arc<Shared>) -> F,
    ) -> Self {
        let shared = Arc::new(Shared {
            buffer: Mutex::default(),
            filled: Condvar::new(),
            queue,
        });
        let filling = fill(Arc::clone(&shared));
        let pump = runtime.spawn(async move {
            let _ended = ended;
            filling.await;
        });
        Self(Arc::new(Owner {
            shared,
            outbox,
            pump: pump.abort_handle(),
            pid: pid(),
        }))
    }

    /// Whether messages can be sent: this is a session.
    pub fn is_session(&self) -> bool {
        self.0.outbox.is_some()
    }

    /// The ticket under which [`StreamHandle::arm_send`] announces room; 0 when this is no session.
    pub fn send_ticket(&self) -> u64 {
        self.0.outbox.as_ref().map_or(0, |outbox| outbox.ticket())
    }

    /// Sends a message of a session: text, which must be UTF-8, or bytes. Never waits.
    pub fn send(&self, text: bool, payload: Bytes) -> Sent {
        match &self.0.outbox {
            Some(outbox) => outbox.push(text, payload),
            None => Sent::Over,
        }
    }

    /// As [`StreamHandle::send`], but waits for room, at most `limit`.
    pub fn send_wait(&self, text: bool, payload: Bytes, limit: Option<Duration>) -> Sent {
        match &self.0.outbox {
            Some(outbox) => outbox.push_wait(text, payload, limit),
            None => Sent::Over,
        }
    }

    /// Asks for one [`EventKind::Readable`] under [`StreamHandle::send_ticket`] once there is room
    /// for messages. True when there is, or the session is over: then no event follows.
    pub fn arm_send(&self) -> bool {
        self.0.outbox.as_ref().is_none_or(|outbox| outbox.arm())
    }

    /// Closes a session in its protocol's own way, after the messages that wait to be sent. Reads
    /// go on until the other side has answered, for two seconds at most.
    pub fn close(&self, code: u16, reason: &str) {
        if let Some(outbox) = &self.0.outbox {
            outbox.close(code, reason);
        }
    }

    /// Takes at most `max` frames without waiting.
    pub fn try_read(&self, max: usize) -> Batch {
        Shared::take(self.0.shared.lock(), max)
    }

    /// Takes at most `max` frames; waits until there is one or the stream ends, at most `limit`.
    pub fn read(&self, max: usize, limit: Option<Duration>) -> Batch {
        let shared = &self.0.shared;
        let waits =
            |buffer: &mut Buffer| buffer.frames.is_empty() && buffer.end.is_none() && !buffer.over;
        let mut buffer = shared.lock();
        buffer.readers += 1;
        let mut buffer = match limit {
            Some(limit) => {
                shared
                    .filled
                    .wait_timeout_while(buffer, limit, waits)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => shared
                .filled
                .wait_while(buffer, waits)
                .unwrap_or_else(PoisonError::into_inner),
        };
        buffer.readers -= 1;
        Shared::take(buffer, max)
    }

    /// Asks for one [`EventKind::Readable`]. True when something can be read already: then no event
    /// follows.
    pub fn arm(&self) -> bool {
        let mut buffer = self.0.shared.lock();
        let ready = !buffer.frames.is_empty() || buffer.end.is_some() || buffer.over;
        buffer.armed = !ready;
        ready
    }

    /// Cancels the upstream. Reads then end with `cancelled`, after what was buffered.
    pub fn cancel(&self) {
        self.0.stop();
        let mut buffer = self.0.shared.lock();
        if !buffer.over && buffer.end.is_none() {
            let error = Error::new(Code::Cancelled, "the stream was cancelled");
            buffer.end = Some(End::Failed(error));
        }
        self.0.shared.announce(buffer);
    }

    pub(super) fn canceller(&self) -> Canceller {
        Canceller(Arc::downgrade(&self.0))
    }
}

/// Cancels a stream without keeping it alive.
pub(super) struct Canceller(std::sync::Weak<Owner>);

impl Canceller {
    pub(super) fn cancel(&self) {
        if let Some(owner) = self.0.upgrade() {
            StreamHandle(owner).cancel();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pump(&self, stream: &mut SettlingStream) {
        let mut next = Vec::new();
        loop {
            let step = poll_fn(|cx| stream.poll_frames(cx, &mut next)).await;
            let (over, full) = self.fill(&mut next, step);
            if over {
                return;
            }
            if full {
                self.wait_for_room().await;
            }
        }
    }

    /// Puts frames into the buffer. Gives whether the stream is over and whether the buffer is full.
    fn fill(&self, next: &mut Vec<Frame>, step: Step) -> (bool, bool) {
        let mut buffer = self.lock();
        for frame in next.drain(..) {
            buffer.bytes += frame.data.len();
            buffer.frames.push_back(frame);
        }
        match step {
            Step::More => {}
            // A cancellation that came first stays the end.
            Step::End(facts) => {
                buffer.end.get_or_insert(End::Complete(facts));
            }
            Step::Failed(error) => {
                buffer.end.get_or_insert(End::Failed(error));
            }
        }
        let state = (buffer.end.is_some(), buffer.bytes >= MOST_BYTES);
        self.announce(buffer);
        state
    }

    async fn wait_for_room(&self) {
        poll_fn(|cx| self.poll_room(cx)).await;
    }

    /// Ready when there is room for a frame.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.lock();
        if buffer.bytes < MOST_BYTES {
            return Poll::Ready(());
        }
        buffer.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Puts one frame into the buffer.
    pub(super) fn put(&self, frame: Frame) {
        let mut buffer = self.lock();
        buffer.bytes += frame.data.len();
        buffer.frames.push_back(frame);
        self.announce(buffer);
    }

    /// Ends the stream, unless it has ended.
    pub(super) fn end(&self, end: End) {
        let mut buffer = self.lock();
        if !buffer.over {
            buffer.end.get_or_insert(end);
        }
        self.announce(buffer);
    }

    fn announce(&self, mut buffer: MutexGuard<'_, Buffer>) {
        let armed = std::mem::replace(&mut buffer.armed, false);
        let readers = buffer.readers;
        drop(buffer);
        if readers > 0 {
            self.filled.notify_all();
        }
        if armed && let Some((queue, ticket)) = &self.queue {
            queue.push(Event {
                ticket: *ticket,
                kind: EventKind::Readable,
            });
        }
    }

    fn take(mut buffer: MutexGuard<'_, Buffer>, max: usize) -> Batch {
        let count = buffer.frames.len().min(max.max(1));
        let frames: Vec<_> = buffer.frames.drain(..count).collect();
        let was_full = buffer.bytes >= MOST_BYTES;
        buffer.bytes -= frames.iter().map(|frame| frame.data.len()).sum::<usize>();
        let end = if buffer.frames.is_empty() {
            buffer.end.take()
        } else {
            None
        };
        buffer.over |= end.is_some();
        let roomy = was_full && buffer.bytes < MOST_BYTES;
        let waiting = if roomy { buffer.waiting.take() } else { None };
        drop(buffer);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        Batch { frames, end }
    }
}
