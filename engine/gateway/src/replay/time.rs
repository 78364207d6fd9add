//! Time that passes when nothing else can happen: calls that wait are woken in the order in which their
//! waits end, and the engine's clock stands at that moment.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tidegate_policy::{Clock, Tick};

/// A clock that stands still, and who waits for it.
pub(crate) struct Time {
    pub(crate) clock: Arc<Clock>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    sequence: Cell<u64>,
}

struct Timer {
    due: Tick,
    sequence: u64,
    waker: Waker,
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

/// A wait. It ends when time has passed, never by itself.
pub(crate) struct Sleep<'t> {
    time: &'t Time,
    due: Tick,
    waits: bool,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.clock.now() >= self.due {
            return Poll::Ready(());
        }
        // Whoever polls again does so from the same place.
        if !std::mem::replace(&mut self.waits, true) {
            let sequence = self.time.sequence.replace(self.time.sequence.get() + 1);
            self.time.timers.borrow_mut().push(Reverse(Timer {
                due: self.due,
                sequence,
                waker: cx.waker().clone(),
            }));
        }
        Poll::Pending
    }
}

/// Tells whether somebody wants to be polled again at once.
#[derive(Default)]
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Time {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        Self {
            clock,
            timers: RefCell::default(),
            sequence: Cell::new(0),
        }
    }

    pub(crate) fn sleep(&self, time: Duration) -> Sleep<'_> {
        Sleep {
            time: self,
            due: self.clock.now().plus(time),
            waits: false,
        }
    }

    fn move_to(&self, moment: Tick) {
        self.clock.advance(moment.since(self.clock.now()));
    }

    /// Begins something at each of these moments, which must ascend, and lives until all of it has
    /// ended. `ended` is told what came of each, in the order in which they end.
    pub(crate) fn run<F: Future>(
        &self,
        arrivals: impl IntoIterator<Item = Tick>,
        begin: impl Fn(usize) -> F,
        mut ended: impl FnMut(F::Output),
    ) {
        let mut arrivals = arrivals.into_iter().enumerate().peekable();
        let mut running = FuturesUnordered::new();
        let again = Arc::<Again>::default();
        let waker = Waker::from(Arc::clone(&again));
        let mut cx = Context::from_waker(&waker);
        loop {
            // Everything that can go on now does.
            loop {
                again.0.store(false, Ordering::Relaxed);
                match running.poll_next_unpin(&mut cx) {
                    Poll::Ready(Some(result)) => ended(result),
                    Poll::Pending if again.0.load(Ordering::Relaxed) => {}
                    Poll::Pending | Poll::Ready(None) => break,
                }
            }
            let timer = self.timers.borrow().peek().map(|timer| timer.0.due);
            let arrival = arrivals.peek().map(|(_, moment)| *moment);
            match (timer, arrival) {
                (Some(due), arrival) if arrival.is_none_or(|arrival| due <= arrival) => {
                    self.move_to(due);
                    let timer = self.timers.borrow_mut().pop();
                    if let Some(Reverse(timer)) = timer {
                        timer.waker.wake();
                    }
                }
                (_, Some(moment)) => {
                    self.move_to(moment);
                    if let Some((index, _)) = arrivals.next() {
                        running.push(begin(index));
                    }
                }
                // A timer without an arrival is the first case.
                (_, None) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end_in_order_and_take_no_time_of_ours() {
        let time = Time::new(Arc::new(Clock::still(1000)));
        let at = |seconds: u64| Tick(seconds * 1_000_000_000);
        let order = RefCell::new(Vec::new());
        let begin = |index: usize| {
            let (time, order) = (&time, &order);
            async move {
                for _ in 0..2 {
                    time.sleep(Duration::from_hours(3 - index as u64)).await;
                    order.borrow_mut().push((index, time.clock.unix_seconds()));
                }
                index
            }
        };
        let mut ended = Vec::new();
        time.run([at(0), at(60)], begin, |index| ended.push(index));
        let hours = |hours: i64, seconds: i64| 1000 + hours * 3600 + seconds;
        assert_eq!(
            order.into_inner(),
            [
                (1, hours(2, 60)),
                (0, hours(3, 0)),
                (1, hours(4, 60)),
                (0, hours(6, 0)),
            ]
        );
        assert_eq!(ended, [1, 0]);
    }
}
