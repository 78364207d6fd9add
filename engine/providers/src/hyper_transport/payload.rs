//! Request bodies for hyper: one buffer or several, always of known length.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use smallvec::SmallVec;
use tidegate_types::Segments;

/// A request body. Cloning it costs reference counts, so that an unsent request can go out again.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    Empty,
    One(Bytes),
    Many {
        parts: SmallVec<[Bytes; 2]>,
        next: usize,
        left: u64,
    },
}

impl From<Segments> for Payload {
    fn from(body: Segments) -> Self {
        let left = body.len() as u64;
        let mut parts = body.into_parts();
        match parts.len() {
            0 => Self::Empty,
            1 => parts.pop().map_or(Self::Empty, Self::One),
            _ => Self::Many {
                parts,
                next: 0,
                left,
            },
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Empty => None,
            Self::One(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Some(bytes)
            }
            Self::Many { parts, next, left } => {
                let piece = parts.get_mut(*next).map(std::mem::take);
                *next += 1;
                *left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
                piece
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => false,
            Self::Many { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len() as u64,
            Self::Many { left, .. } => *left,
        })
    }
}
