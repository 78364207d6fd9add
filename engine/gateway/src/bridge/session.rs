//! A session as the host holds it: a stream of the upstream's messages, and an outbox for its own.
//!
//! The host's side takes the place of a caller's socket, so that everything else is what a session
//! over the network goes through.

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_providers::socket::{Socket, SocketError};
use tidegate_types::Error;

use super::{End, Frame, outbox::Outbox, stream::Shared};
use crate::{
    session::{Closing, Message, Parting},
    wire::Pending,
};

/// Among the last facts of a session: the code it was closed with, and the words, if there were any.
const CLOSE_CODE: HeaderName = HeaderName::from_static("x-tidegate-close-code");
const CLOSE_REASON: HeaderName = HeaderName::from_static("x-tidegate-close-reason");

/// And, as JSON, the error with which the gateway ended it.
const ERROR: HeaderName = HeaderName::from_static("x-tidegate-session-error");

/// RFC 6455, section 7.4.1: closed without a code.
const NO_CODE: u16 = 1005;

/// How long a session may go on after the host has closed it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name of frames that are binary messages; text has none.
const BINARY: &[u8] = b"binary";

/// Where a session comes from.
#[derive(Debug)]
pub(super) enum Begun {
    /// This process's engine.
    Here(Box<Pending>),
    /// A gateway elsewhere.
    There(Socket),
}

/// Runs a session to its end.
pub(super) async fn run(begun: Begun, inbox: Arc<Shared>, outbox: Arc<Outbox>) {
    let host = HostSide {
        inbox: Arc::clone(&inbox),
        outbox: Arc::clone(&outbox),
    };
    let talk = async {
        match begun {
            Begun::Here(session) => session.relay(Socket::new(host), pending()).await,
            Begun::There(socket) => {
                crate::session::join(Socket::new(host), socket).await;
                Parting::default()
            }
        }
    };
    // An upstream that takes nothing any more hears of no close either.
    let patience = async {
        outbox.closing().await;
        tokio::time::sleep(PATIENCE).await;
    };
    let parting = tokio::select! {
        parting = talk => parting,
        () = patience => Parting::default(),
    };
    outbox.end(None);
    let (closed, by_host) = outbox.closed();
    // What the host has closed itself has not failed.
    let error = parting.error.as_ref().filter(|_| !by_host);
    inbox.end(End::Complete(last_facts(&parting, error, closed)));
}

fn last_facts(parting: &Parting, error: Option<&Error>, closed: Option<Closing>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // JSON escapes what a header cannot hold.
    let said = error
        .and_then(|error| HeaderValue::from_bytes(error.to_json().to_string().as_bytes()).ok());
    if let Some(said) = said {
        headers.insert(ERROR, said);
    }
    if let Some(facts) = &parting.facts {
        facts.write(&mut headers);
    }
    let code = closed.as_ref().map_or(NO_CODE, |closed| closed.code);
    headers.insert(CLOSE_CODE, HeaderValue::from(code));
    if let Some(closed) = closed.filter(|closed| !closed.reason.is_empty())
        && let Ok(reason) = HeaderValue::from_bytes(closed.reason.as_bytes())
    {
        headers.insert(CLOSE_REASON, reason);
    }
    headers
}

/// What stands where a caller's socket does.
struct HostSide {
    inbox: Arc<Shared>,
    outbox: Arc<Outbox>,
}

impl Stream for HostSide {
    type Item = Result<Message, SocketError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.outbox.poll_next(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for HostSide {
    type Error = SocketError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.inbox.poll_room(cx).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SocketError> {
        let (event, data) = match message {
            Message::Text(data) => (None, data),
            Message::Binary(data) => (Some(Bytes::from_static(BINARY)), data),
            Message::Close(closing) => {
                let silent = || Closing {
                    code: NO_CODE,
                    reason: String::new(),
                };
                self.outbox.end(Some(closing.unwrap_or_else(silent)));
                return Ok(());
            }
        };
        self.inbox.put(Frame { event, data });
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }
}
