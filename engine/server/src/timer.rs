//! The timer behind hyper's limit on reading a request's head.
//!
//! hyper sets that timer anew for every request and drops it when the head is there. Here the timers
//! of one connection share one entry in the runtime's timer wheel, which is moved only when it fires
//! too early; in between, setting and dropping a timer costs next to nothing.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

/// One per connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadTimer(Arc<Mutex<Option<Entry>>>);

type Entry = Pin<Box<tokio::time::Sleep>>;

struct Pending {
    entry: Arc<Mutex<Option<Entry>>>,
    deadline: Instant,
}

impl Timer for HeadTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "time on the wire, not the engine's time"
    )]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Pending {
            entry: Arc::clone(&self.0),
            deadline,
        })
    }
}

impl Sleep for Pending {}

impl Future for Pending {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline.into();
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = entry.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn timers_of_one_connection_fire_at_their_own_times() {
        let timer = HeadTimer::default();
        let start = tokio::time::Instant::now();
        drop(timer.sleep(Duration::from_millis(10)));
        timer.sleep(Duration::from_millis(30)).await;
        assert!(start.elapsed() >= Duration::from_millis(30));
        timer.sleep(Duration::from_millis(40)).await;
        assert!(start.elapsed() >= Duration::from_millis(70));
        let mut long = timer.sleep(Duration::from_mins(1));
        let once = tokio::time::timeout(Duration::from_millis(1), &mut long);
        assert!(once.await.is_err());
        timer.sleep(Duration::from_millis(10)).await;
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
