//! A prepared body given out piece by piece.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Sleep;

use crate::transport::TransportError;

/// The pieces of a body, with a pause before each but the first, and perhaps a sudden end.
pub(super) struct Playback {
    body: Bytes,
    ends: std::vec::IntoIter<usize>,
    at: usize,
    pace: Option<Duration>,
    pause: Option<Pin<Box<Sleep>>>,
    cut_after: Option<usize>,
}

impl Playback {
    /// `ends` are the offsets at which pieces end; without any the body is one piece.
    pub(super) fn new(
        body: Bytes,
        mut ends: Vec<usize>,
        pace: Option<Duration>,
        cut_after: Option<usize>,
    ) -> Self {
        if ends.is_empty() {
            ends.push(body.len());
        }
        Self {
            body,
            ends: ends.into_iter(),
            at: 0,
            pace,
            pause: None,
            cut_after,
        }
    }
}

impl Stream for Playback {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.cut_after.is_some_and(|cut| self.at >= cut) {
            self.ends = Vec::new().into_iter();
            self.cut_after = None;
            let text = "the script cuts the answer here".to_owned();
            return Poll::Ready(Some(Err(TransportError::ConnectionLost(text))));
        }
        let Some(end) = self.ends.next() else {
            return Poll::Ready(None);
        };
        let stop = self.cut_after.map_or(end, |cut| end.min(cut));
        let piece = self.body.slice(self.at..stop);
        self.at = stop;
        self.pause = self.pace.map(|pace| Box::pin(tokio::time::sleep(pace)));
        Poll::Ready(Some(Ok(piece)))
    }
}

/// Where the events of a stream end, or of anything else with blank lines.
pub(super) fn events(body: &[u8]) -> Vec<usize> {
    let mut ends: Vec<_> = memchr::memmem::find_iter(body, b"\n\n")
        .map(|at| at + 2)
        .collect();
    if ends.last() != Some(&body.len()) {
        ends.push(body.len());
    }
    ends
}
