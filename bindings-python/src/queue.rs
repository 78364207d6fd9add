//! The completion queue of one event loop.

use std::time::Duration;

use pyo3::{IntoPyObjectExt, prelude::*, types::PyList};
use tidegate::bridge::{self, EventKind, HostEvent};

use crate::{
    exit::detached,
    host::{self, HostCall},
    owned::Owned,
    request::{READABLE, outcome},
};

/// Answers on their way to one event loop. Drained by that loop, on its own thread.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Queue {
    inner: Owned<bridge::Queue>,
}

impl Queue {
    pub(crate) fn inner(&self) -> PyResult<&bridge::Queue> {
        self.inner.get("event loop bridge")
    }
}

impl Drop for Queue {
    /// The loop is gone: what still comes is dropped, and streams among it close their upstreams.
    fn drop(&mut self) {
        if let Ok(queue) = self.inner.get("queue") {
            queue.close();
        }
    }
}

#[pymethods]
impl Queue {
    #[new]
    fn new() -> Self {
        Self {
            inner: Owned::new(bridge::Queue::new()),
        }
    }

    /// A descriptor that is readable while answers wait; None where there is none to be had.
    fn fd(&self) -> PyResult<Option<i32>> {
        Ok(self.inner()?.fd())
    }

    /// Whether answers wait.
    fn ready(&self) -> PyResult<bool> {
        Ok(!self.inner()?.is_empty())
    }

    /// Up to `max` waiting answers as `(ticket, kind, a, b)`, without blocking.
    fn drain<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for event in self.inner()?.drain(max) {
            let item = match event.kind {
                EventKind::Outcome(done) => {
                    let (kind, a, b) = outcome(py, done)?;
                    (event.ticket, kind, a, b).into_bound_py_any(py)?
                }
                EventKind::Readable => {
                    let none = py.None();
                    (event.ticket, READABLE, &none, &none).into_bound_py_any(py)?
                }
                EventKind::Host(event_of_host) => {
                    let (kind, call) = match event_of_host {
                        HostEvent::Call(call) => (host::CALL, Some(HostCall::new(call))),
                        HostEvent::Gone => (host::GONE, None),
                        HostEvent::Room => (host::ROOM, None),
                    };
                    (event.ticket, kind, call, py.None()).into_bound_py_any(py)?
                }
            };
            list.append(item)?;
        }
        Ok(list)
    }

    /// Drops what waits and whatever comes later; threads in `wait` come back.
    fn close(&self) {
        if let Ok(queue) = self.inner() {
            queue.close();
        }
    }

    /// Whether it was closed, or belongs to the parent of this process.
    fn closed(&self) -> bool {
        self.inner().map_or(true, bridge::Queue::is_closed)
    }

    /// Blocks until answers wait or `seconds` have passed; says whether any wait.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let queue = self.inner()?;
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        Ok(detached(py, || queue.wait(limit)))
    }
}
