//! The completion queue: the engine pushes, the host drains in batches on its own thread.

use std::{
    collections::VecDeque,
    fmt,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::Event;

/// Events of tickets, for one consumer. Cheap to clone.
///
/// A push wakes the consumer once; further pushes are silent until it drains.
#[derive(Clone, Default)]
pub struct Queue(Arc<Shared>);

type Waker = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Shared {
    events: Mutex<VecDeque<Event>>,
    filled: Condvar,
    /// Threads in [`Queue::wait`]. Waking nobody is a system call all the same.
    waiters: AtomicUsize,
    signaled: AtomicBool,
    pipe: OnceLock<Option<Pipe>>,
    waker: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    closed: AtomicBool,
}

/// A descriptor that is readable while events wait.
struct Pipe {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes at most `max` events. What is left wakes the consumer again.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        let shared = &self.0;
        // In this order: a push that comes after the flag is down rings again, and nobody clears that
        // ring away. One that comes before is among the events taken or left below.
        if let Some(Some(pipe)) = shared.pipe.get() {
            pipe.clear();
        }
        shared.signaled.store(false, Ordering::SeqCst);
        let mut events = shared.events.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: Vec<_> = {
            let count = events.len().min(max);
            events.drain(..count).collect()
        };
        let left = !events.is_empty();
        drop(events);
        if left {
            self.signal();
        }
        taken
    }

    /// Waits until an event is there, at most `limit`. True when there is one; at once false when the
    /// queue is closed.
    pub fn wait(&self, limit: Duration) -> bool {
        let events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted under the lock: who pushes after it is released sees the count.
        self.0.waiters.fetch_add(1, Ordering::SeqCst);
        let (events, _) = self
            .0
            .filled
            .wait_timeout_while(events, limit, |events| {
                events.is_empty() && !self.0.closed.load(Ordering::SeqCst)
            })
            .unwrap_or_else(PoisonError::into_inner);
        self.0.waiters.fetch_sub(1, Ordering::SeqCst);
        !events.is_empty()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// Whether nothing waits. Costs no system call, unlike an idle [`Queue::drain`].
    pub fn is_empty(&self) -> bool {
        self.0
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// A descriptor for the host's event loop, readable while events wait; [`Queue::drain`] clears
    /// it. Owned by the queue. `None` when the operating system gives none.
    pub fn fd(&self) -> Option<RawFd> {
        let pipe = self.0.pipe.get_or_init(Pipe::open).as_ref()?;
        if !self
            .0
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
        {
            pipe.ring();
        }
        Some(pipe.read.as_raw_fd())
    }

    /// Sets the function that is called, on a thread of the engine, when events begin to wait. It
    /// must not block; it may drain, submit and set another waker.
    pub fn set_waker(&self, waker: Option<Waker>) {
        *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker.map(Arc::from);
    }

    /// Drops what waits and whatever comes later, streams included, which cancels them. For hosts
    /// that let go of a queue whose calls still run.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.set_waker(None);
        let mut events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut *events);
        drop(events);
        self.0.filled.notify_all();
        // Outside the lock: a stream that is dropped here may announce something.
        drop(dropped);
    }

    pub(super) fn push(&self, event: Event) {
        let mut events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock, so that nothing slips in behind `close`.
        if self.0.closed.load(Ordering::SeqCst) {
            drop(events);
            return;
        }
        events.push_back(event);
        drop(events);
        self.signal();
    }

    fn signal(&self) {
        let shared = &self.0;
        if shared.waiters.load(Ordering::SeqCst) > 0 {
            shared.filled.notify_one();
        }
        if shared.signaled.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(Some(pipe)) = shared.pipe.get() {
            pipe.ring();
        }
        // Called outside the lock: what it does may signal again.
        let waker = shared
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(waker) = waker {
            waker();
        }
    }
}

#[cfg(target_os = "linux")]
impl Pipe {
    fn open() -> Option<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let read = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        Some(Self { read })
    }

    fn ring(&self) {
        let _ = rustix::io::write(&self.read, &1u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.read, &mut [0u8; 8]);
    }
}

#[cfg(not(target_os = "linux"))]
impl Pipe {
    fn open() -> Option<Self> {
        let (read, write) = rustix::pipe::pipe().ok()?;
        for end in [&read, &write] {
            rustix::io::ioctl_fionbio(end, true).ok()?;
            rustix::io::ioctl_fioclex(end).ok()?;
        }
        Some(Self { read, write })
    }

    fn ring(&self) {
        let _ = rustix::io::write(&self.write, &[1]);
    }

    fn clear(&self) {
        while matches!(rustix::io::read(&self.read, &mut [0u8; 64]), Ok(64)) {}
    }
}
