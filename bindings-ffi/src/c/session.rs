//! `tg_session_*`: what a stream can do besides when it is a session.
//!
//! It is read with `tg_stream_next`, and ended at once with `tg_stream_cancel` or `tg_stream_free`. After
//! `TG_END`, `tg_stream_header` knows `x-tidegate-close-code`, `x-tidegate-close-reason` and, when the gateway
//! ended it, `x-tidegate-session-error`, which is JSON as of `tg_error_json`.

use std::{ffi::c_char, time::Duration};

use bytes::Bytes;
use tidegate::{
    Code, Error,
    bridge::{Sent, StreamHandle},
};

use super::{
    boundary::{fallible, read},
    error::tg_error,
    input,
    result_gen::tg_result,
    stream::tg_stream,
};

/// A message of text, which is UTF-8.
pub const TG_MESSAGE_TEXT: u32 = 0;
/// A message of bytes.
pub const TG_MESSAGE_BINARY: u32 = 1;

/// Sends a message of a session; `kind` is `TG_MESSAGE_TEXT` or `TG_MESSAGE_BINARY`. Any thread may
/// call it. `timeout_ms`: 0 does not wait, negative waits as long as it takes.
///
/// `TG_OK`: it is on its way. `TG_TIMEOUT`: there is no room for it now; on a session that came through a
/// queue, a call with `timeout_ms` 0 then also asks for one `TG_EVENT_READABLE` under `tg_session_ticket`
/// once there is. `TG_CONNECTION_LOST`: the session is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_session_send(
    session: *const tg_stream,
    kind: u32,
    data: *const u8,
    len: usize,
    timeout_ms: i64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let stream = input::handle(session, "session")?;
            let handle = stream.session()?;
            let message = Bytes::copy_from_slice(input::bytes(data, len, "data")?);
            if timeout_ms != 0 {
                super::queue::refuse_in_callback()?;
            }
            let text = match kind {
                TG_MESSAGE_TEXT => true,
                TG_MESSAGE_BINARY => false,
                other => {
                    return Err(tg_error::misuse(
                        tg_result::TG_INVALID_ARGUMENT,
                        format!("kind: {other} is no kind of message"),
                    ));
                }
            };
            match send(handle, stream.queued(), text, message, timeout_ms) {
                Sent::Taken => Ok(tg_result::TG_OK),
                Sent::Full => Ok(tg_result::TG_TIMEOUT),
                Sent::NotText => Err(tg_error::misuse(
                    tg_result::TG_INVALID_ARGUMENT,
                    "the text is not UTF-8",
                )),
                Sent::Over => Err(Error::new(Code::ConnectionLost, "the session is over").into()),
            }
        })
    }
}

fn send(handle: &StreamHandle, queued: bool, text: bool, message: Bytes, timeout_ms: i64) -> Sent {
    match u64::try_from(timeout_ms) {
        Ok(0) => loop {
            let sent = handle.send(text, message.clone());
            // `arm_send` says true when there is room since, and then announces nothing.
            if sent != Sent::Full || !queued || !handle.arm_send() {
                return sent;
            }
        },
        Ok(ms) => handle.send_wait(text, message, Some(Duration::from_millis(ms))),
        Err(_) => handle.send_wait(text, message, None),
    }
}

/// The ticket under which the queue announces room for messages; 0 when there is no queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_session_ticket(session: *const tg_stream) -> u64 {
    // SAFETY: NULL or a live stream, as the header asks.
    unsafe {
        read(session, 0, |stream| {
            let handle = stream.session().ok().filter(|_| stream.queued());
            handle.map_or(0, StreamHandle::send_ticket)
        })
    }
}

/// Closes a session in its protocol's own way, after what waits to be sent. `reason` may be NULL. Does not
/// wait: read on until `TG_END`, which comes when the other side has answered, or after two seconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_session_close(
    session: *const tg_stream,
    code: u16,
    reason: *const c_char,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let handle = input::handle(session, "session")?.session()?;
            let reason = input::optional_text(reason, "reason")?;
            handle.close(code, reason.unwrap_or_default());
            Ok(tg_result::TG_OK)
        })
    }
}
