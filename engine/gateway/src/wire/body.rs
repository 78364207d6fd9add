//! The body of an HTTP answer.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame as BodyFrame, SizeHint};

use crate::stream::{Frame, SettlingStream, Step};

/// The body of an answer, for any HTTP stack that takes `http_body::Body`. Dropping it before its
/// end cancels the call. A stream's cost follows as a trailer.
#[derive(Debug)]
pub struct ReplyBody(Kind);

#[derive(Debug)]
enum Kind {
    Full(Option<Bytes>),
    Stream {
        stream: Box<SettlingStream>,
        frames: std::vec::IntoIter<Frame>,
        over: bool,
    },
}

impl ReplyBody {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(crate) fn stream(stream: Box<SettlingStream>) -> Self {
        Self(Kind::Stream {
            stream,
            frames: Vec::new().into_iter(),
            over: false,
        })
    }

    /// A body of these bytes, for answers a server makes itself.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::full(bytes.into())
    }

    /// The parts: all bytes, or the stream.
    pub(crate) fn into_parts(self) -> Result<Bytes, Box<SettlingStream>> {
        match self.0 {
            Kind::Full(bytes) => Ok(bytes.unwrap_or_default()),
            Kind::Stream { stream, .. } => Err(stream),
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(BodyFrame::data(bytes)))),
            Kind::Stream {
                stream,
                frames,
                over,
            } => loop {
                if let Some(frame) = frames.next() {
                    return Poll::Ready(Some(Ok(BodyFrame::data(frame.data))));
                }
                if *over {
                    return Poll::Ready(None);
                }
                let mut next = Vec::with_capacity(1);
                match ready!(stream.poll_frames(cx, &mut next)) {
                    Step::More => *frames = next.into_iter(),
                    Step::End(trailers) => {
                        *over = true;
                        if next.is_empty() {
                            return Poll::Ready(trailing(trailers));
                        }
                        *frames = next.into_iter();
                    }
                    Step::Failed(_) => {
                        *over = true;
                        *frames = next.into_iter();
                    }
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Stream { frames, over, .. } => *over && frames.len() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Stream { .. } => SizeHint::default(),
        }
    }
}

fn trailing<E>(trailers: HeaderMap) -> Option<Result<BodyFrame<Bytes>, E>> {
    (!trailers.is_empty()).then(|| Ok(BodyFrame::trailers(trailers)))
}
