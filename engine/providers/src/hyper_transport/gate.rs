//! The waker of a connection that is driven by whoever uses it.
//!
//! A connection and the request on it wake each other all the time. As both are polled by the same
//! task, these wakes must not go through the scheduler: while the task is polling they only raise a
//! flag, and the task goes round again by itself. Wakes from outside (the socket, a timer) reach the
//! task that polled last. The connection keeps one waker for life, so nothing is registered anew
//! when it passes from one task to the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

const RESTING: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Gate {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Gate {
    /// The gate and its waker.
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let gate = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&gate));
        (gate, waker)
    }

    /// Names the task that outside wakes go to.
    pub(super) fn attach(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Forgets the task; otherwise an idle connection would keep its memory.
    pub(super) fn detach(&self) {
        drop(self.task.take());
    }

    /// From here on wakes only raise the flag, which starts lowered.
    pub(super) fn enter(&self) {
        self.state.store(POLLING, Ordering::SeqCst);
    }

    /// From here on wakes reach the task. True when one came since [`Gate::enter`].
    pub(super) fn leave(&self) -> bool {
        self.state.swap(RESTING, Ordering::SeqCst) == WOKEN
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let polling =
            self.state
                .compare_exchange(POLLING, WOKEN, Ordering::SeqCst, Ordering::SeqCst);
        if polling == Err(RESTING) {
            self.task.wake();
        }
    }
}
