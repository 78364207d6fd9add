//! Leaving the interpreter while threads are inside the engine.
//!
//! Before 3.14 an interpreter that shuts down ends every thread that tries to attach again, by
//! unwinding its stack, and unwinding through Rust aborts the process. So once the exit has begun,
//! threads that come back from the engine stay here for good; they hold nothing anybody waits for.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::ThreadId,
};

use pyo3::prelude::*;

use crate::host;

static EXITING: AtomicBool = AtomicBool::new(false);
static LEAVER: OnceLock<ThreadId> = OnceLock::new();
/// Threads that have passed the check and are about to attach.
static ATTACHING: AtomicUsize = AtomicUsize::new(0);

/// How many times the leaving thread yields to those that attach before it goes on.
const YIELDS: usize = 100_000;

/// Runs `work` with the interpreter released.
pub(crate) fn detached<T, F>(py: Python<'_>, work: F) -> T
where
    F: Send + FnOnce() -> T,
    T: Send,
{
    let nested = host::Nested::enter(py);
    let result = py.detach(|| {
        let result = work();
        stay_if_exiting();
        result
    });
    ATTACHING.fetch_sub(1, Ordering::SeqCst);
    drop(nested);
    result
}

/// Runs Python's signal handlers, from inside [`detached`]. What they raise is the error.
pub(crate) fn signals() -> PyResult<()> {
    stay_if_exiting();
    Python::attach(|py| {
        ATTACHING.fetch_sub(1, Ordering::SeqCst);
        py.check_signals()
    })
}

/// Counts this thread among those that attach, or never returns.
fn stay_if_exiting() {
    ATTACHING.fetch_add(1, Ordering::SeqCst);
    if EXITING.load(Ordering::SeqCst) && LEAVER.get() != Some(&std::thread::current().id()) {
        ATTACHING.fetch_sub(1, Ordering::SeqCst);
        loop {
            std::thread::park();
        }
    }
}

/// Called once when the interpreter begins to exit, on the thread that leaves.
#[pyfunction]
pub(crate) fn exiting(py: Python<'_>) {
    let _ = LEAVER.set(std::thread::current().id());
    EXITING.store(true, Ordering::SeqCst);
    py.detach(|| {
        for _ in 0..YIELDS {
            if ATTACHING.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::yield_now();
        }
    });
}
