//! A live reply, read in batches. Letting go of it closes the upstream connection.

use std::cell::{Cell, RefCell};

use napi::{Env, Result, Unknown, ValueType};
use napi_derive::napi;
use tidegate::bridge::{End, Frame, Sent, StreamHandle};

use crate::values::{self, Raw};

/// A reply stream. The garbage collector may drop it half read.
#[napi]
pub struct NativeStream {
    handle: StreamHandle,
    native: bool,
    end: RefCell<Option<End>>,
    ended: Cell<bool>,
}

impl std::fmt::Debug for NativeStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeStream")
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

impl NativeStream {
    pub(crate) fn new(handle: StreamHandle, native: bool) -> Self {
        Self {
            handle,
            native,
            end: RefCell::new(None),
            ended: Cell::new(false),
        }
    }
}

#[napi]
impl NativeStream {
    /// What has arrived, at most `max` frames: a JSON array text (native mode) or a `Buffer`.
    /// Of a session an array of messages: texts and `Buffer`s.
    /// `null`: nothing yet, and one wake is promised. `false`: the end; see [`Self::end`].
    #[napi]
    pub fn read(&self, env: Env, max: u32) -> Result<Option<Raw>> {
        loop {
            if self.ended.get() {
                return boolean(env, false).map(Some);
            }
            let batch = self.handle.try_read(max as usize);
            if let Some(end) = batch.end {
                *self.end.borrow_mut() = Some(end);
                self.ended.set(true);
            }
            if !batch.frames.is_empty() {
                return if self.handle.is_session() {
                    messages(env, &batch.frames).map(Some)
                } else if self.native {
                    values::text(env, &json_array(&batch.frames)).map(Some)
                } else {
                    bytes(env, &batch.frames).map(Some)
                };
            }
            if !self.ended.get() && !self.handle.arm() {
                return Ok(None);
            }
        }
    }

    /// How the stream ended: the final headers' lines, or the error's JSON. Once, after `false`.
    #[napi]
    pub fn end(&self, env: Env) -> Result<Ending> {
        Ok(match self.end.borrow_mut().take() {
            None => Ending {
                facts: None,
                error: None,
            },
            Some(End::Complete(facts)) => Ending {
                facts: Some(values::header_lines(env, &facts)?),
                error: None,
            },
            Some(End::Failed(error)) => Ending {
                facts: None,
                error: Some(values::error_text(&error)),
            },
        })
    }

    /// Sends a message of a session: 0 it is on its way, 1 no room now, 2 not UTF-8, 3 the session is
    /// over.
    #[napi]
    pub fn send(&self, message: Unknown<'_>) -> Result<u32> {
        let text = message.get_type()? == ValueType::String;
        let sent = self.handle.send(text, values::body(&message)?);
        Ok(match sent {
            Sent::Taken => 0,
            Sent::Full => 1,
            Sent::NotText => 2,
            Sent::Over => 3,
        })
    }

    /// True when there is room for messages; else one wake is promised under [`Self::send_ticket`].
    #[napi]
    pub fn arm_send(&self) -> bool {
        self.handle.arm_send()
    }

    /// The ticket under which room is announced.
    #[napi]
    pub fn send_ticket(&self) -> f64 {
        self.handle.send_ticket() as f64
    }

    /// Closes a session, after what waits to be sent.
    #[napi]
    pub fn close(&self, code: u32, reason: String) {
        self.handle
            .close(u16::try_from(code).unwrap_or(1000), &reason);
    }

    /// Closes the upstream at once; more than once is harmless.
    #[napi]
    pub fn cancel(&self) {
        self.handle.cancel();
    }
}

/// How a stream ended.
#[derive(Debug)]
#[napi(object, object_from_js = false)]
pub struct Ending {
    /// `name: value` lines of what is known now about the whole call.
    pub facts: Option<Raw>,
    /// The error's JSON, when the stream broke.
    pub error: Option<String>,
}

/// The frames as one JSON array, so that a batch is parsed in one go. The comma is followed by a
/// carriage return, which no event can contain: where one event is not JSON, the facade can still
/// tell the others apart.
fn json_array(frames: &[Frame]) -> Vec<u8> {
    let size: usize = frames.iter().map(|frame| frame.data.len() + 2).sum();
    let mut text = Vec::with_capacity(size + 2);
    text.push(b'[');
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(b",\r");
        }
        text.extend_from_slice(&frame.data);
    }
    text.push(b']');
    text
}

fn bytes(env: Env, frames: &[Frame]) -> Result<Raw> {
    if let [frame] = frames {
        return values::buffer(env, &frame.data);
    }
    let mut joined = Vec::with_capacity(frames.iter().map(|frame| frame.data.len()).sum());
    for frame in frames {
        joined.extend_from_slice(&frame.data);
    }
    values::buffer(env, &joined)
}

fn messages(env: Env, frames: &[Frame]) -> Result<Raw> {
    let mut list = Vec::with_capacity(frames.len());
    for frame in frames {
        list.push(if frame.event.is_some() {
            values::buffer(env, &frame.data)?
        } else {
            values::text(env, &frame.data)?
        });
    }
    values::array(env, &list)
}

fn boolean(env: Env, value: bool) -> Result<Raw> {
    let mut raw = std::ptr::null_mut();
    // SAFETY: env is live on this thread.
    napi::check_status!(unsafe { napi::sys::napi_get_boolean(env.raw(), value, &raw mut raw) })?;
    Ok(Raw(raw))
}
