//! The vendor's side of a session over a WebSocket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role},
    },
};

use crate::{
    Act,
    play::Play,
    record::{Guard, hex},
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Grants a handshake and plays the acts over the connection.
pub(crate) fn open(
    acts: Vec<Act>,
    asked: &HeaderMap,
    upgrade: OnUpgrade,
    guard: Guard,
    reset: Arc<AtomicBool>,
    nothing: Play,
) -> Response<Play> {
    let mut response = Response::new(nothing);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    let key = asked.get(header::SEC_WEBSOCKET_KEY);
    let accept = derive_accept_key(key.map_or(b"", HeaderValue::as_bytes));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let offered = asked.get(header::SEC_WEBSOCKET_PROTOCOL);
    let first = offered.and_then(|offered| offered.to_str().ok()?.split(',').next());
    if let Some(Ok(first)) = first.map(|first| HeaderValue::from_str(first.trim())) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, first);
    }
    tokio::spawn(async move {
        if let Ok(io) = upgrade.await {
            let socket =
                WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
            play(socket, acts, guard, reset).await;
        }
    });
    response
}

async fn play(mut socket: Socket, acts: Vec<Act>, mut guard: Guard, reset: Arc<AtomicBool>) {
    for act in acts {
        let sent = match act {
            Act::Say(value) => {
                let text = serde_json::from_str::<String>(value.get());
                let text = text.unwrap_or_else(|_| value.get().to_owned());
                socket.send(Message::text(text)).await
            }
            Act::Binary(hex) => {
                let bytes: Vec<u8> = (0..hex.len())
                    .step_by(2)
                    .filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
                    .collect();
                socket.send(Message::binary(bytes)).await
            }
            Act::Long(bytes) => socket.send(Message::text("x".repeat(bytes))).await,
            Act::Hear(text) => {
                if !until(&mut socket, &mut guard, |heard| {
                    heard.to_string().contains(&text)
                })
                .await
                {
                    return;
                }
                Ok(())
            }
            Act::Ping(text) => {
                let sent = socket.send(Message::Ping(text.into())).await;
                if !until(&mut socket, &mut guard, |heard| !heard["pong"].is_null()).await {
                    return;
                }
                sent
            }
            Act::Pause(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            Act::Close(code, reason) => {
                let frame = CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                };
                socket.close(Some(frame)).await
            }
            Act::Cut(_) => {
                guard.answered();
                reset.store(true, Ordering::Relaxed);
                return;
            }
            Act::Deaf(_) => {
                std::future::pending::<()>().await;
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
    until(&mut socket, &mut guard, |_| false).await;
}

/// Listens until a message fits. False when the client has gone: with a close, which counts as an
/// answer taken to its end, or without.
async fn until(socket: &mut Socket, guard: &mut Guard, fits: impl Fn(&Value) -> bool) -> bool {
    while let Some(Ok(message)) = socket.next().await {
        let heard = match message {
            Message::Text(text) => serde_json::from_str(&text).unwrap_or_else(|_| json!(*text)),
            Message::Binary(bytes) => json!({ "binary": hex(&bytes) }),
            Message::Pong(bytes) => json!({ "pong": String::from_utf8_lossy(&bytes) }),
            Message::Close(frame) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                guard.heard(json!({ "close": code, "reason": reason }));
                // The answer to it leaves with the next read.
                while let Some(Ok(_)) = socket.next().await {}
                guard.answered();
                return false;
            }
            _ => continue,
        };
        let found = fits(&heard);
        guard.heard(heard);
        if found {
            return true;
        }
    }
    false
}
