//! What goes on beside calls. Nothing else in the engine spawns; `close` waits for what holds a
//! [`Running`](crate::gateway::Running).

use std::future::Future;

use tidegate_providers::tokens;
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

/// Reads the vocabulary of a model before words are counted by it: aside, for that takes a while and
/// others wait for this worker of the runtime.
pub(crate) async fn vocabulary(model: &str) {
    if tokens::is_ready(model) {
        return;
    }
    let model = model.to_owned();
    let read = move || tokens::read(&model);
    match Handle::try_current() {
        // Whoever cannot be told that it is done finds it done.
        Ok(runtime) => drop(runtime.spawn_blocking(read).await),
        Err(_) => read(),
    }
}
