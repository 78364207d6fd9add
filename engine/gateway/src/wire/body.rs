//! The body of an HTTP answer.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame as BodyFrame, SizeHint};
use tidegate_types::Error;

use crate::stream::{Frame, SettlingStream, Step};

/// The body of an answer, for any HTTP stack that takes `http_body::Body`. Dropping it before its
/// end cancels the call. A stream's cost follows as a trailer. It fails where a body that is passed
/// through unread breaks.
#[derive(Debug)]
pub struct ReplyBody(Kind);

#[derive(Debug)]
enum Kind {
    Full(Option<Bytes>),
    Stream {
        stream: Box<SettlingStream>,
        frames: std::vec::IntoIter<Frame>,
        /// What is left to tell after `frames`, once the stream is over.
        over: Option<Last>,
    },
}

/// What comes after a stream's last frame.
#[derive(Debug)]
enum Last {
    Trailers(HeaderMap),
    Failed(Error),
    Nothing,
}

impl ReplyBody {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    pub(crate) fn stream(stream: Box<SettlingStream>) -> Self {
        Self(Kind::Stream {
            stream,
            frames: Vec::new().into_iter(),
            over: None,
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
    type Error = Error;

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
                if let Some(last) = over {
                    return Poll::Ready(match std::mem::replace(last, Last::Nothing) {
                        Last::Trailers(trailers) => Some(Ok(BodyFrame::trailers(trailers))),
                        // The server cuts the connection, so that nobody takes the body for whole.
                        Last::Failed(error) => Some(Err(error)),
                        Last::Nothing => None,
                    });
                }
                let mut next = Vec::with_capacity(1);
                match ready!(stream.poll_frames(cx, &mut next)) {
                    Step::More => {}
                    Step::End(facts) if facts.is_empty() => *over = Some(Last::Nothing),
                    Step::End(facts) => *over = Some(Last::Trailers(facts)),
                    Step::Failed(error) => *over = Some(Last::Failed(error)),
                }
                *frames = next.into_iter();
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Stream { frames, over, .. } => {
                matches!(over, Some(Last::Nothing)) && frames.len() == 0
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Stream { .. } => SizeHint::default(),
        }
    }
}
