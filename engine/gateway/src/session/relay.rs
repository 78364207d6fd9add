//! Between a caller's socket and a session: messages pass one by one each way, so that whoever reads
//! slowly slows the other side down and nothing piles up.

use std::{pin::pin, time::Duration};

use futures_util::{
    SinkExt as _, StreamExt as _,
    future::{Either, select},
};
use tidegate_providers::socket::{Socket, SocketError};
use tidegate_types::Error;

use super::{Message, Session, code};
use crate::facts::Facts;

/// How long a side may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);

/// How the caller's side ended.
enum Caller {
    Closed,
    Broken(SocketError),
}

/// What is left when a session is over.
#[derive(Debug, Default)]
pub struct Parting {
    /// What the gateway did. None when the session never began.
    pub facts: Option<Facts>,
    /// Why the gateway ended it, if it did.
    pub error: Option<Error>,
}

/// Relays until one side closes, one vanishes, or `stop` is ready. `first` goes to the upstream
/// before everything else.
pub async fn relay(
    client: Socket,
    session: Session,
    first: Option<Message>,
    stop: impl Future<Output = ()>,
) -> Parting {
    let (mut to_client, mut from_client) = client.split();
    let (mut to_upstream, mut from_upstream) = session.split();
    // Ends when the caller has said its last word.
    let up = async {
        let mut next = first;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match from_client.next().await {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => return Caller::Broken(error),
                    None => return Caller::Closed,
                },
            };
            let last = matches!(message, Message::Close(_));
            // A session that is over says so to its reader, which ends the relay.
            let sent = to_upstream.send(message).await;
            if last {
                return Caller::Closed;
            }
            if sent.is_err() {
                return drain(&mut from_client).await;
            }
        }
    };
    // Ends when the upstream's last word has reached the caller.
    let down = async {
        while let Some(message) = from_upstream.next().await {
            let last = matches!(message, Message::Close(_));
            if to_client.send(message).await.is_err() || last {
                break;
            }
        }
    };
    let ended = {
        let (mut up, mut down, mut stop) = (pin!(up), pin!(down), pin!(stop));
        match select(&mut stop, select(&mut up, &mut down)).await {
            Either::Left(_) => Ended::Stopped,
            Either::Right((Either::Left((Caller::Closed, _)), _)) => {
                // The upstream answers the close, and may still tell what the last response cost.
                let _ = tokio::time::timeout(FAREWELL, down).await;
                Ended::Closed
            }
            Either::Right((Either::Left((Caller::Broken(error), _)), _)) => Ended::Broken(error),
            Either::Right((Either::Right(_), _)) => {
                let _ = tokio::time::timeout(FAREWELL, up).await;
                Ended::Closed
            }
        }
    };
    // The upstream goes first: nobody waits for it.
    let parting = match to_upstream.reunite(from_upstream) {
        Ok(session) => session.part(),
        Err(_) => Parting::default(),
    };
    let farewell = match ended {
        Ended::Stopped => Message::close(code::GOING_AWAY, "the gateway is going away"),
        Ended::Broken(SocketError::TooLong(most)) => Message::close(
            code::TOO_LONG,
            format!("a message is longer than {most} bytes"),
        ),
        Ended::Broken(SocketError::Protocol(_)) => Message::close(1002, "protocol error"),
        // The answer to the caller's own close still has to leave.
        Ended::Closed => {
            let _ = tokio::time::timeout(FAREWELL, to_client.close()).await;
            return parting;
        }
        Ended::Broken(_) => return parting,
    };
    let goodbye = async {
        if to_client.send(farewell).await.is_ok() {
            drain(&mut from_client).await;
        }
    };
    let _ = tokio::time::timeout(FAREWELL / 2, goodbye).await;
    parting
}

enum Ended {
    Closed,
    Stopped,
    Broken(SocketError),
}

/// Passes messages between two sockets until either side ends: a session that another gateway keeps
/// the books of. A break of the far one is told as a close (RFC 6455: 1006).
pub(crate) async fn join(near: Socket, far: Socket) {
    let (mut to_near, mut from_near) = near.split();
    let (mut to_far, mut from_far) = far.split();
    let up = async {
        while let Some(Ok(message)) = from_near.next().await {
            let last = matches!(message, Message::Close(_));
            if to_far.send(message).await.is_err() || last {
                break;
            }
        }
    };
    let down = async {
        loop {
            let message = match from_far.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => Message::close(code::BROKEN, error.to_string()),
                None => break,
            };
            let last = matches!(message, Message::Close(_));
            if to_near.send(message).await.is_err() || last {
                break;
            }
        }
    };
    let (mut up, mut down) = (pin!(up), pin!(down));
    if let Either::Left(_) = select(&mut up, &mut down).await {
        // The other side answers a close.
        let _ = tokio::time::timeout(FAREWELL, down).await;
    }
}

/// Reads what nobody wants any more, until the other side has closed.
async fn drain(from: &mut futures_util::stream::SplitStream<Socket>) -> Caller {
    while let Some(message) = from.next().await {
        if let Err(error) = message {
            return Caller::Broken(error);
        }
    }
    Caller::Closed
}

/// Tells a caller whose session never began why, and closes.
pub(crate) async fn refuse(mut client: Socket, words: Vec<Message>) {
    let goodbye = async {
        for message in words {
            if client.send(message).await.is_err() {
                return;
            }
        }
        while let Some(Ok(_)) = client.next().await {}
    };
    let _ = tokio::time::timeout(FAREWELL, goodbye).await;
}

/// The first message of a caller.
///
/// # Errors
/// What to close with.
pub(crate) async fn first(client: &mut Socket, patience: Duration) -> Result<Message, Error> {
    use tidegate_types::Code;
    match tokio::time::timeout(patience, client.next()).await {
        Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => {
            Err(Error::new(Code::Cancelled, "the caller went away"))
        }
        Ok(Some(Ok(message))) => Ok(message),
        Err(_) => {
            let text = format!("no message came within {patience:?}");
            Err(Error::new(Code::InvalidRequest, text))
        }
    }
}
