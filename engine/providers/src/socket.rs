//! A WebSocket, whatever it runs over: whole messages both ways (RFC 6455).
//!
//! Frames are `tungstenite`'s work. Pings are answered here, and a peer that has been silent for half
//! its deadline is sent one, so that a quiet session lives on and a vanished peer is noticed.

use std::{
    fmt, io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self,
        error::CapacityError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

pub use tokio_tungstenite::tungstenite::handshake::derive_accept_key as accept_key;

/// Size of a socket's read buffer: sound comes in pieces of a few kilobytes.
const READ: usize = 16 * 1024;

/// Longer than any deadline worth keeping; keeps the arithmetic from overflowing.
const NEVER: Duration = Duration::from_hours(87600);

/// A reason to close has this many bytes at most (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text, which is UTF-8.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
    /// The last message of a side, with its reason if it gives one.
    Close(Option<Closing>),
}

impl Message {
    /// A message of this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into())
    }

    /// The end of a session.
    pub fn close(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = reason.floor_char_boundary(LONGEST_REASON);
        reason.truncate(end);
        Self::Close(Some(Closing { code, reason }))
    }

    /// What the message says; nothing for a close.
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
            Self::Close(_) => &[],
        }
    }
}

/// Why a side closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Status code (RFC 6455, section 7.4).
    pub code: u16,
    /// Words for people.
    pub reason: String,
}

/// Why a socket can no longer be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The connection broke, or ended without a close.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The peer answered no ping.
    #[error("the peer was silent for {0:?}")]
    Silent(Duration),
    /// A message was longer than allowed.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// The peer broke the protocol.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(String),
}

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Asked for the upgrade.
    Client,
    /// Granted it.
    Server,
}

/// What a socket bears.
#[derive(Debug, Clone, Copy)]
pub struct SocketLimits {
    /// Longest message, in bytes.
    pub message: usize,
    /// Longest silence of the peer, pings unanswered.
    pub idle: Duration,
}

/// Anything that gives and takes messages.
pub trait Channel:
    Stream<Item = Result<Message, SocketError>> + Sink<Message, Error = SocketError> + Send
{
}

impl<T> Channel for T where
    T: Stream<Item = Result<Message, SocketError>> + Sink<Message, Error = SocketError> + Send
{
}

/// A WebSocket. Dropping it closes the connection at once.
pub struct Socket(Pin<Box<dyn Channel>>);

impl Socket {
    /// A socket made of something that gives and takes messages.
    pub fn new(channel: impl Channel + 'static) -> Self {
        Self(Box::pin(channel))
    }

    /// A socket over an upgraded connection, of which `read` has been read already.
    pub async fn over(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        read: Vec<u8>,
        end: End,
        limits: SocketLimits,
    ) -> Self {
        let role = match end {
            End::Client => Role::Client,
            End::Server => Role::Server,
        };
        // A message is written at once or waits in the buffer alone: the next one is taken when it
        // has left.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_message_size(Some(limits.message))
            .max_frame_size(Some(limits.message));
        let inner = WebSocketStream::from_partially_read(io, read, role, Some(config)).await;
        let now = Instant::now();
        let idle = limits.idle.min(NEVER);
        Self::new(Framed {
            inner,
            message: limits.message,
            idle,
            heard: now,
            asked: false,
            timer: Box::pin(tokio::time::sleep_until(now + idle / 2)),
        })
    }
}

impl Stream for Socket {
    type Item = Result<Message, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl Sink<Message> for Socket {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.0.as_mut().poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SocketError> {
        self.0.as_mut().start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.0.as_mut().poll_close(cx)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// Messages over a byte stream.
struct Framed<S> {
    inner: WebSocketStream<S>,
    message: usize,
    idle: Duration,
    /// When the peer last sent anything.
    heard: Instant,
    /// Whether it was sent a ping since.
    asked: bool,
    timer: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Framed<S> {
    /// Pings a silent peer; the error of one that stays silent.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<SocketError> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.heard + self.idle {
                return Poll::Ready(SocketError::Silent(self.idle));
            }
            let half = self.heard + self.idle / 2;
            if now < half {
                self.timer.as_mut().reset(half);
                continue;
            }
            if !std::mem::replace(&mut self.asked, true) {
                let ping = tungstenite::Message::Ping(Bytes::new());
                // One that cannot be written now is no worse than one that is not answered.
                let _ = pin!(&mut self.inner).start_send(ping);
            }
            self.timer.as_mut().reset(self.heard + self.idle);
        }
    }

    fn failed(&self, error: tungstenite::Error) -> SocketError {
        match error {
            tungstenite::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                SocketError::Lost(error.to_string())
            }
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                SocketError::TooLong(self.message)
            }
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                SocketError::Lost("it is closed".to_owned())
            }
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => SocketError::Lost("it ended without a close".to_owned()),
            error => SocketError::Protocol(error.to_string()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Framed<S> {
    type Item = Result<Message, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Poll::Ready(next) = Pin::new(&mut self.inner).poll_next(cx) else {
                return self.poll_silence(cx).map(|error| Some(Err(error)));
            };
            self.heard = Instant::now();
            self.asked = false;
            let message = match next {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(self.failed(error)))),
                Some(Ok(message)) => message,
            };
            let message = match message {
                tungstenite::Message::Text(text) => Message::Text(text.into()),
                tungstenite::Message::Binary(bytes) => Message::Binary(bytes),
                tungstenite::Message::Close(frame) => Message::Close(frame.map(|frame| Closing {
                    code: frame.code.into(),
                    reason: frame.reason.to_string(),
                })),
                tungstenite::Message::Ping(_)
                | tungstenite::Message::Pong(_)
                | tungstenite::Message::Frame(_) => continue,
            };
            return Poll::Ready(Some(Ok(message)));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Framed<S> {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let ready = ready!(Pin::new(&mut self.inner).poll_ready(cx));
        Poll::Ready(ready.map_err(|error| self.failed(error)))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SocketError> {
        let message = match message {
            Message::Text(text) => {
                let text = tungstenite::Utf8Bytes::try_from(text);
                let text = text.map_err(|error| SocketError::Protocol(error.to_string()))?;
                tungstenite::Message::Text(text)
            }
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
            Message::Close(closing) => tungstenite::Message::Close(closing.and_then(frame)),
        };
        let sent = Pin::new(&mut self.inner).start_send(message);
        sent.map_err(|error| self.failed(error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| self.failed(error)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let closed = ready!(Pin::new(&mut self.inner).poll_close(cx));
        Poll::Ready(closed.map_err(|error| self.failed(error)))
    }
}

/// A close as it may stand on the wire: some codes never may (RFC 6455, section 7.4.1).
fn frame(closing: Closing) -> Option<CloseFrame> {
    let code = tungstenite::protocol::frame::coding::CloseCode::from(closing.code);
    code.is_allowed().then(|| CloseFrame {
        code,
        reason: closing.reason.into(),
    })
}
