//! A reply that arrives piece by piece.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use pyo3::{
    IntoPyObjectExt,
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyBytes, PyList},
};
use tidegate::bridge::{Batch, End, StreamHandle};

use crate::{error::exception, exit::detached, head::Head, owned::Owned, watch::SIGNALS};

/// The open end of a streamed reply. Letting go of it closes the upstream.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Stream {
    handle: Owned<StreamHandle>,
    /// Set with the end: it is given once, and a reader that comes again must not wait for it.
    over: AtomicBool,
}

/// What `read` and `try_read` give: the pieces, and once, after the last one, how it ended: the
/// final facts as a `Head`, or an exception.
type Read<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyAny>>);

impl Stream {
    pub(crate) fn new(handle: StreamHandle) -> Self {
        Self {
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
        let frames = batch
            .frames
            .iter()
            .map(|frame| PyBytes::new(py, &frame.data));
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

    /// Closes the upstream.
    fn cancel(&self) -> PyResult<()> {
        if !self.over.load(Ordering::Acquire) {
            self.handle()?.cancel();
        }
        Ok(())
    }
}
