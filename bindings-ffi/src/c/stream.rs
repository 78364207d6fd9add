//! `tg_stream`: an answer that arrives in pieces.

use std::{
    ffi::{CStr, c_char},
    ptr,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tidegate::bridge::{Batch, End, Frame, Outcome, StreamHandle};

use super::{
    boundary::{fallible, free, give, infallible, put, read},
    error::tg_error,
    fork::Owner,
    gateway::tg_gateway,
    head::{Head, tg_facts},
    input,
    reply::{slice_out, write_facts},
    request::{self, tg_request},
    result_gen::tg_result,
};

/// Frames handed over at a time: enough to spread the cost of a call, little enough to stay in cache.
const MAX_FRAMES: usize = 256;

/// An answer that arrives in pieces. One thread reads at a time; any thread may cancel.
/// Free it with `tg_stream_free`.
#[derive(Debug)]
pub struct tg_stream {
    head: Head,
    /// Facts known only at the end, such as the cost.
    tail: OnceLock<Head>,
    source: Source,
    state: Mutex<State>,
    /// Whether the stream came through a queue, which can then announce more frames.
    queued: bool,
    owner: Owner,
}

impl Drop for tg_stream {
    fn drop(&mut self) {
        // In a child the task that fills the stream does not exist, and its runtime is the parent's.
        if !self.owner.is_here() {
            std::mem::forget(std::mem::replace(&mut self.source, Source::Whole));
        }
    }
}

enum Source {
    Live(StreamHandle),
    /// The answer was complete after all; its body is the one frame.
    Whole,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Live(_) => "Live",
            Self::Whole => "Whole",
        })
    }
}

#[derive(Debug)]
enum State {
    Open,
    /// What `Source::Whole` has yet to hand over.
    Pending(Bytes),
    /// The last frames came together with the end, which is told next.
    Ended(Result<(), tg_error>),
}

/// One piece of a stream.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_frame {
    /// Name of the event in native mode (Anthropic dialect), `binary` for a session's binary messages, NULL
    /// when it has none. Not NUL-terminated.
    pub event: *const c_char,
    /// Bytes in it.
    pub event_len: usize,
    /// Native mode: the JSON document of one event. HTTP mode: raw bytes. Session: one message. Not
    /// NUL-terminated.
    pub data: *const u8,
    /// Bytes in it.
    pub data_len: usize,
}

/// Some frames. Give them back with `tg_batch_free`; they outlive their stream.
/// cbindgen:field-names=[frames, len, _owner]
#[repr(C)]
#[derive(Debug)]
pub struct tg_batch {
    /// The frames, in order.
    pub frames: *const tg_frame,
    /// How many, at least 1.
    pub len: usize,
    /// For `tg_batch_free` only.
    owner: *mut tg_batch_owner,
}

/// Keeps the memory of a batch.
#[derive(Debug)]
pub struct tg_batch_owner {
    views: Vec<tg_frame>,
    _frames: Vec<Frame>,
}

impl tg_stream {
    /// The stream of an outcome.
    pub(super) fn new(outcome: Outcome, queued: bool) -> Result<Self, tg_error> {
        let (head, source, state) = match outcome {
            Outcome::Stream(head, handle) => (head, Source::Live(handle), State::Open),
            Outcome::Reply(head, body) if body.is_empty() => {
                (head, Source::Whole, State::Ended(Ok(())))
            }
            Outcome::Reply(head, body) => (head, Source::Whole, State::Pending(body)),
            Outcome::Error(error) => return Err(error.into()),
        };
        Ok(Self {
            head: Head::new(head.status, &head.headers),
            tail: OnceLock::new(),
            source,
            state: Mutex::new(state),
            queued,
            owner: Owner::here(),
        })
    }

    fn next(&self, timeout_ms: i64) -> Result<Option<Vec<Frame>>, tg_error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match (&mut *state, &self.source) {
            (State::Ended(end), _) => return end.clone().map(|()| Some(Vec::new())),
            (State::Open, Source::Live(handle)) => handle,
            (State::Pending(body), _) => {
                let data = std::mem::take(body);
                *state = State::Ended(Ok(()));
                return Ok(Some(vec![Frame { event: None, data }]));
            }
            (State::Open, Source::Whole) => return Ok(Some(Vec::new())),
        };
        let batch = self.read(handle, timeout_ms);
        if let Some(end) = batch.end {
            let end = match end {
                End::Complete(facts) => {
                    let _ = self.tail.set(Head::new(self.head.status, &facts));
                    Ok(())
                }
                End::Failed(error) => Err(tg_error::from(error)),
            };
            *state = State::Ended(end.clone());
            if batch.frames.is_empty() {
                return end.map(|()| Some(Vec::new()));
            }
        }
        Ok((!batch.frames.is_empty()).then_some(batch.frames))
    }

    /// An empty batch without an end means that the time is up.
    fn read(&self, handle: &StreamHandle, timeout_ms: i64) -> Batch {
        match u64::try_from(timeout_ms) {
            Ok(0) => loop {
                let batch = handle.try_read(MAX_FRAMES);
                let empty = batch.frames.is_empty() && batch.end.is_none();
                // `arm` says true when something arrived since, and then announces nothing.
                if !empty || !self.queued || !handle.arm() {
                    return batch;
                }
            },
            Ok(ms) => handle.read(MAX_FRAMES, Some(Duration::from_millis(ms))),
            Err(_) => handle.read(MAX_FRAMES, None),
        }
    }

    /// The session behind it, in the process that opened it.
    pub(super) fn session(&self) -> Result<&StreamHandle, tg_error> {
        self.owner.check()?;
        match &self.source {
            Source::Live(handle) if handle.is_session() => Ok(handle),
            _ => Err(tg_error::misuse(
                tg_result::TG_INVALID_ARGUMENT,
                "the stream is no session: open it with TG_MODE_SESSION",
            )),
        }
    }

    /// Whether a session came through a queue.
    pub(super) fn queued(&self) -> bool {
        self.queued
    }

    fn header(&self, name: &str) -> Option<&CStr> {
        self.tail
            .get()
            .and_then(|tail| tail.get(name))
            .or_else(|| self.head.get(name))
    }
}

impl From<Vec<Frame>> for tg_batch {
    fn from(frames: Vec<Frame>) -> Self {
        let views: Vec<tg_frame> = frames
            .iter()
            .map(|frame| tg_frame {
                event: frame
                    .event
                    .as_ref()
                    .map_or(ptr::null(), |event| event.as_ptr().cast()),
                event_len: frame.event.as_ref().map_or(0, Bytes::len),
                data: frame.data.as_ptr(),
                data_len: frame.data.len(),
            })
            .collect();
        // The views point into the frames' own memory, which does not move with the vector.
        let owner = Box::new(tg_batch_owner {
            views,
            _frames: frames,
        });
        Self {
            frames: owner.views.as_ptr(),
            len: owner.views.len(),
            owner: Box::into_raw(owner),
        }
    }
}

/// Makes a call and blocks until its answer begins. An answer that does not stream arrives as one
/// frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_open(
    gateway: *const tg_gateway,
    request: *const tg_request,
    stream: *mut *mut tg_stream,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let request = request::read(request, gateway.key.as_deref())?;
            input::out(stream, "stream")?;
            super::queue::refuse_in_callback()?;
            put(
                stream,
                give(tg_stream::new(gateway.engine.call(request), false)?),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// Gives the next frames. `timeout_ms`: 0 does not wait, negative waits as long as it takes.
///
/// `TG_OK`: `batch` holds at least one frame. `TG_TIMEOUT`: nothing yet; on a stream that came
/// through a queue, a call with `timeout_ms` 0 then also asks for one `TG_EVENT_READABLE`.
/// `TG_END`: the answer is complete, and its facts are final. Anything else: it broke, and every
/// further call says so again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_next(
    stream: *const tg_stream,
    timeout_ms: i64,
    batch: *mut tg_batch,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let stream = input::handle(stream, "stream")?;
            stream.owner.check()?;
            input::out(batch, "batch")?;
            if timeout_ms != 0 {
                super::queue::refuse_in_callback()?;
            }
            match stream.next(timeout_ms)? {
                None => Ok(tg_result::TG_TIMEOUT),
                Some(frames) if frames.is_empty() => Ok(tg_result::TG_END),
                Some(frames) => {
                    put(batch, frames.into());
                    Ok(tg_result::TG_OK)
                }
            }
        })
    }
}

/// Frees the frames and empties the struct, so that freeing twice does nothing. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_batch_free(batch: *mut tg_batch) {
    infallible((), || {
        // SAFETY: NULL or a batch this library has filled, as the header asks.
        let Some(batch) = (unsafe { batch.as_mut() }) else {
            return;
        };
        // SAFETY: the owner came from `From<Vec<Frame>>` and is forgotten below.
        unsafe { free(batch.owner) };
        *batch = tg_batch {
            frames: ptr::null(),
            len: 0,
            owner: ptr::null_mut(),
        };
    });
}

/// Stops the stream and closes its upstream at once. Any thread may call it, any number of times;
/// the reader then sees the frames that had arrived and `TG_CANCELLED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_cancel(stream: *const tg_stream) {
    // SAFETY: NULL or a live stream, as the header asks.
    unsafe {
        read(stream, (), |stream| {
            if let Source::Live(handle) = &stream.source
                && stream.owner.is_here()
            {
                handle.cancel();
            }
        });
    }
}

/// The HTTP status; 200 in native mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_status(stream: *const tg_stream) -> u16 {
    // SAFETY: NULL or a live stream, as the header asks.
    unsafe { read(stream, 0, |stream| stream.head.status) }
}

/// The first value of a header, or NULL; after `TG_END` also of the final facts, such as
/// `x-tidegate-cost`. Lives as long as the stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_header(
    stream: *const tg_stream,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: NULL or a live stream and NULL or a C string, as the header asks.
    unsafe {
        read(stream, ptr::null(), |stream| {
            let name = input::text(name, "name").ok();
            name.and_then(|name| stream.header(name))
                .map_or(ptr::null(), CStr::as_ptr)
        })
    }
}

/// The headers the answer began with, as in `tg_reply_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_headers(
    stream: *const tg_stream,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live stream, NULL or a writable length, as the header asks.
    unsafe {
        read(stream, ptr::null(), |stream| {
            slice_out(stream.head.packed(), len).cast()
        })
    }
}

/// The final facts as headers, as in `tg_reply_headers`; NULL before `TG_END`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_trailers(
    stream: *const tg_stream,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live stream, NULL or a writable length, as the header asks.
    unsafe {
        put(len, 0);
        read(stream, ptr::null(), |stream| {
            stream
                .tail
                .get()
                .map_or(ptr::null(), |tail| slice_out(tail.packed(), len).cast())
        })
    }
}

/// What the gateway says about the answer; cost and attempts are final after `TG_END`. As
/// `tg_reply_facts`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_facts(
    stream: *const tg_stream,
    facts: *mut tg_facts,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let stream = input::handle(stream, "stream")?;
            write_facts(facts, stream.head.facts(stream.tail.get()))
        })
    }
}

/// Frees a stream; one that has not ended is cancelled. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_stream_free(stream: *mut tg_stream) {
    // SAFETY: NULL or a live stream, as the header asks.
    unsafe { free(stream) }
}
