//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on one thread for life, its upstream connections too, so that a request is
//! never handed from one thread to another.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::timeout,
};

use crate::phase::{Lifecycle, Phase};

/// How long connections that were cut may take to notice.
const LAST: Duration = Duration::from_secs(1);

/// The threads, the accepting one first.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

/// Counts a connection of a worker until it is dropped.
#[derive(Debug)]
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// `first`, which the caller drives, and so many more that drive themselves until the server is
    /// over.
    pub(crate) fn start(
        first: &Runtime,
        more: usize,
        lifecycle: &Arc<Lifecycle>,
    ) -> io::Result<Self> {
        let mut workers = vec![Worker::new(first.handle())];
        for _ in 0..more {
            let runtime = runtime()?;
            workers.push(Worker::new(runtime.handle()));
            let lifecycle = Arc::clone(lifecycle);
            thread::Builder::new()
                .name("tidegate-serve".to_owned())
                .spawn(move || {
                    runtime.block_on(over(&lifecycle));
                    runtime.shutdown_background();
                })?;
        }
        Ok(Self(workers))
    }

    /// Serves a connection on the thread with the fewest.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let least = self
            .0
            .iter()
            .min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(worker) = least else { return };
        worker.connections.fetch_add(1, Ordering::Relaxed);
        let busy = Busy(Arc::clone(&worker.connections));
        worker.runtime.spawn(async move {
            connection.await;
            drop(busy);
        });
    }
}

impl Worker {
    fn new(runtime: &Handle) -> Self {
        Self {
            runtime: runtime.clone(),
            connections: Arc::default(),
        }
    }
}

/// Waits until the server is over and its connections have noticed.
pub(crate) async fn over(lifecycle: &Lifecycle) {
    lifecycle.reached(Phase::Over).await;
    let _ = timeout(LAST, lifecycle.empty()).await;
}

/// A runtime for one thread.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
