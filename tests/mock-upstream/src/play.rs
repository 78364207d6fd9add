//! A response body that follows a script.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::record::Guard;

/// What the body does next.
#[derive(Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Pause(Duration),
    /// Lets the connection flush, so that the next piece is a write of its own.
    Flush,
    /// Nothing more, until the client leaves.
    Stall,
    /// Ends the connection here.
    Break,
}

pub(crate) struct Play {
    steps: VecDeque<Step>,
    length: Option<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
    guard: Guard,
    reset: Option<Arc<AtomicBool>>,
}

impl Play {
    /// `length` is announced as `content-length`; without it the body is chunked.
    pub(crate) fn new(
        steps: VecDeque<Step>,
        length: Option<u64>,
        guard: Guard,
        reset: Option<Arc<AtomicBool>>,
    ) -> Self {
        let mut play = Self {
            steps,
            length,
            sleep: None,
            guard,
            reset,
        };
        play.note_end();
        play
    }

    /// One piece, at once.
    pub(crate) fn whole(bytes: Bytes, guard: Guard) -> Self {
        let length = bytes.len() as u64;
        let mut steps = VecDeque::new();
        if !bytes.is_empty() {
            steps.push_back(Step::Data(bytes));
        }
        Self::new(steps, Some(length), guard, None)
    }

    fn note_end(&mut self) {
        if self.steps.is_empty() {
            self.guard.answered();
        }
    }
}

impl Body for Play {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Data(bytes)) => {
                    self.note_end();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Pause(span)) => self.sleep = Some(Box::pin(tokio::time::sleep(span))),
                Some(Step::Flush) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Stall) => {
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                Some(Step::Break) => {
                    self.guard.answered();
                    if let Some(reset) = &self.reset {
                        reset.store(true, Ordering::Relaxed);
                    }
                    return Poll::Ready(Some(Err(std::io::Error::other("the script cuts here"))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_ends_at_once() {
        let log = Arc::new(crate::record::Log::new());
        assert!(Play::whole(Bytes::new(), log.ignore()).is_end_stream());
    }
}
