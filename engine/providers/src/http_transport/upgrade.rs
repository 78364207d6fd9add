//! WebSockets: a connection of their own, dialled like any other, that leaves HTTP behind.

use http::{HeaderName, header};
use tokio::runtime::Handle;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::{Inner, connection::Switched};
use crate::{
    socket::{End, Socket, SocketLimits, accept_key},
    transport::{HttpRequest, Opened, TransportError},
};

/// Headers of the handshake, which is the transport's business.
const HANDSHAKE: [HeaderName; 4] = [
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_ACCEPT,
];

pub(super) async fn open(
    inner: &Inner,
    mut request: HttpRequest,
    limits: SocketLimits,
) -> Result<Opened, TransportError> {
    for name in HANDSHAKE {
        request.headers.remove(name);
    }
    let host = inner.host(&request.uri)?;
    let home = Handle::try_current().ok().map(|runtime| runtime.id());
    let connection = inner.connect(&host, home, request.connect_timeout).await?;
    let key = generate_key();
    let (headers, stream, read) = match connection.upgrade(&request, &key).await? {
        Switched::Stream(headers, stream, read) => (headers, stream, read),
        Switched::Answer(answer) => return Ok(Opened::Refused(answer)),
    };
    let accepted = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|value| value != accept_key(key.as_bytes()).as_str()) {
        let text = "the upstream's answer to the WebSocket handshake is wrong".to_owned();
        return Err(TransportError::ConnectFailed(text));
    }
    let socket = Socket::over(stream, read.into(), End::Client, limits).await;
    Ok(Opened::Socket(headers, socket))
}
