//! A reply that arrives piece by piece.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use pyo3::{
    IntoPyObjectExt,
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyByteArray, PyBytes, PyList},
};
use tidegate::bridge::{Batch, End, Frame, Sent, StreamHandle};

use crate::{error::exception, exit::detached, head::Head, owned::Owned, watch::SIGNALS};

/// The open end of a streamed reply. Letting go of it closes the upstream.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Stream {
    handle: Owned<StreamHandle>,
    /// Set with the end: it is given once, and a reader that comes again must not wait for it.
    over: AtomicBool,
    /// Messages can be sent too. Binary ones come as `bytearray`, text as `bytes`.
    session: bool,
}

/// What `read` and `try_read` give: the pieces, and once, after the last one, how it ended: the
/// final facts as a `Head`, or an exception.
type Read<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyAny>>);

impl Stream {
    pub(crate) fn new(handle: StreamHandle) -> Self {
        Self {
            session: handle.is_session(),
            handle: Owned::new(handle),
            over: AtomicBool::new(false),
        }
    }

    fn handle(&self) -> PyResult<&StreamHandle> {
        if self.over.load(Ordering::Acquire) {
            return Err(PyRuntimeError::new_err(
                "this stream has been read to its end",
            ));
        }
        self.handle.get("stream")
    }

    fn deliver<'py>(&self, py: Python<'py>, batch: Batch) -> PyResult<Read<'py>> {
        let binary = |frame: &Frame| frame.event.is_some() && self.session;
        let frames = batch.frames.iter().map(|frame| {
            if binary(frame) {
                PyByteArray::new(py, &frame.data).into_any()
            } else {
                PyBytes::new(py, &frame.data).into_any()
            }
        });
        let frames = PyList::new(py, frames.collect::<Vec<_>>())?;
        let end = match batch.end {
            None => return Ok((frames, None)),
            Some(End::Complete(headers)) => Head::trailers(headers).into_bound_py_any(py)?,
            Some(End::Failed(error)) => exception(py, &error)?,
        };
        self.over.store(true, Ordering::Release);
        Ok((frames, Some(end)))
    }
}

#[pymethods]
impl Stream {
    /// The pieces that are here, at most `max`, without blocking.
    fn try_read<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Read<'py>> {
        self.deliver(py, self.handle()?.try_read(max))
    }

    /// Blocks for the next pieces, at most `max` of them and at most `seconds`; nothing at all
    /// means that the time is up.
    fn read<'py>(&self, py: Python<'py>, max: usize, seconds: Option<f64>) -> PyResult<Read<'py>> {
        let handle = self.handle()?;
        let mut left = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        loop {
            let step = left.map_or(SIGNALS, |left| left.min(SIGNALS));
            let batch = detached(py, || handle.read(max, Some(step)));
            if !batch.frames.is_empty() || batch.end.is_some() {
                return self.deliver(py, batch);
            }
            py.check_signals()?;
            if let Some(left) = &mut left {
                *left = left.saturating_sub(step);
                if left.is_zero() {
                    return self.deliver(py, batch);
                }
            }
        }
    }

    /// Asks the queue for one note once something is readable; true when something already is.
    fn arm(&self) -> PyResult<bool> {
        Ok(self.handle()?.arm())
    }

    /// Sends a message of a session: text, or bytes. What became of it, see `Sent`.
    fn send(&self, text: bool, payload: &Bound<'_, PyBytes>) -> PyResult<u8> {
        if self.over.load(Ordering::Acquire) {
            return Ok(number(Sent::Over));
        }
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        Ok(number(self.handle()?.send(text, payload)))
    }

    /// As `send`, but blocks while there is no room.
    fn send_wait(&self, py: Python<'_>, text: bool, payload: &Bound<'_, PyBytes>) -> PyResult<u8> {
        if self.over.load(Ordering::Acquire) {
            return Ok(number(Sent::Over));
        }
        let handle = self.handle()?;
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        loop {
            let sent = detached(py, || {
                handle.send_wait(text, payload.clone(), Some(SIGNALS))
            });
            if sent != Sent::Full {
                return Ok(number(sent));
            }
            py.check_signals()?;
        }
    }

    /// Asks the queue for one note under `send_ticket` once there is room; true when there is.
    fn arm_send(&self) -> PyResult<bool> {
        Ok(self.over.load(Ordering::Acquire) || self.handle()?.arm_send())
    }

    /// The ticket under which room is announced.
    fn send_ticket(&self) -> PyResult<u64> {
        Ok(self.handle.get("stream")?.send_ticket())
    }

    /// Closes a session, after what waits to be sent.
    fn close(&self, code: u16, reason: &str) -> PyResult<()> {
        if !self.over.load(Ordering::Acquire) {
            self.handle()?.close(code, reason);
        }
        Ok(())
    }

    /// Closes the upstream.
    fn cancel(&self) -> PyResult<()> {
        if !self.over.load(Ordering::Acquire) {
            self.handle()?.cancel();
        }
        Ok(())
    }
}

/// `SENT`, `FULL`, `NOT_TEXT`, `OVER` of the Python side.
fn number(sent: Sent) -> u8 {
    match sent {
        Sent::Taken => 0,
        Sent::Full => 1,
        Sent::NotText => 2,
        Sent::Over => 3,
    }
}
