//! One runtime per process image, started by the first call.
//!
//! Threads do not survive a fork. The runtime carries the id of the process that made it; a child
//! that finds another id leaves it untouched (its threads and locks belong to the parent) and makes
//! its own. Nothing of it is ever dropped: the process's end takes it.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use tidegate_types::{Code, Error};
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: ArcSwapOption<Tagged> = ArcSwapOption::const_empty();

/// Threads asked for; 0 for none in particular.
static THREADS: AtomicUsize = AtomicUsize::new(0);

struct Tagged {
    pid: u32,
    runtime: Runtime,
}

/// Id of this process, asked anew each time: a fork changes it.
pub(super) fn pid() -> u32 {
    std::process::id()
}

/// The runtime of this process.
///
/// # Errors
/// `internal` when the operating system gives no threads.
pub fn handle() -> Result<Handle, Error> {
    let pid = pid();
    let current = RUNTIME.load_full();
    if let Some(tagged) = current.as_ref().filter(|tagged| tagged.pid == pid) {
        return Ok(tagged.runtime.handle().clone());
    }
    let fresh = Arc::new(Tagged {
        pid,
        runtime: start()?,
    });
    let found = RUNTIME.compare_and_swap(&current, Some(Arc::clone(&fresh)));
    let won = match (&*found, &current) {
        (None, None) => true,
        (Some(found), Some(current)) => Arc::ptr_eq(found, current),
        _ => false,
    };
    // A parent's runtime must not be dropped in its child.
    mem::forget(current);
    if won {
        mem::forget(Arc::clone(&fresh));
        return Ok(fresh.runtime.handle().clone());
    }
    // Another thread of this process was quicker.
    if let Ok(fresh) = Arc::try_unwrap(fresh) {
        fresh.runtime.shutdown_background();
    }
    handle()
}

/// How many threads the runtime of this process, and of its children, starts with. Default: one per
/// core, at most 4. Takes effect only before the first call.
///
/// A host that runs one call after another on one event loop does best with 1: idle workers that
/// are woken to look for work they do not find cost more than they help.
pub fn set_threads(count: usize) {
    THREADS.store(count, Ordering::Relaxed);
}

fn start() -> Result<Runtime, Error> {
    let threads = match THREADS.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4)),
        count => count,
    };
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("tidegate")
        .enable_all()
        .build()
        .map_err(|error| Error::new(Code::Internal, format!("cannot start threads: {error}")))
}
