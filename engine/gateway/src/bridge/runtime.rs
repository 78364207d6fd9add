//! One runtime per process image, started by the first call.
//!
//! Threads do not survive a fork. The runtime carries the id of the process that made it; a child
//! that finds another id leaves it untouched (its threads and locks belong to the parent) and makes
//! its own. Nothing of it is ever dropped: the process's end takes it.

use std::{mem, sync::Arc};

use arc_swap::ArcSwapOption;
use tidegate_types::{Code, Error};
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: ArcSwapOption<Tagged> = ArcSwapOption::const_empty();

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

fn start() -> Result<Runtime, Error> {
    let threads = std::env::var("TGT")
        .ok()
        .and_then(|t| t.parse().ok())
        .unwrap_or(std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4)));
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("tidegate")
        .enable_all()
        .build()
        .map_err(|error| Error::new(Code::Internal, format!("cannot start threads: {error}")))
}
