//! What goes on beside calls. Nothing else in the engine spawns; `close` waits for what holds a
//! [`Running`](crate::gateway::Running).

use std::future::Future;

use tokio::runtime::Handle;

use crate::bridge::host_call;

/// Runs `task` on the runtime of the caller. False where there is none: it is dropped.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> bool {
    let Ok(runtime) = Handle::try_current() else {
        return false;
    };
    runtime.spawn(host_call::same_home(task));
    true
}
