//! Values that are dropped in the process that made them, or not at all.

use std::mem::ManuallyDrop;

use pyo3::prelude::*;

/// A handle that is only dropped in the process that made it.
///
/// After a fork the child's copy points at locks that a vanished thread may hold, so it must not be
/// dropped there (it is leaked instead), nor used unless it knows how to start anew.
pub(crate) struct Owned<T> {
    pid: u32,
    value: ManuallyDrop<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            value: ManuallyDrop::new(value),
        }
    }

    /// The value in any process, for handles that set themselves up anew after a fork.
    pub(crate) fn anywhere(&self) -> &T {
        &self.value
    }

    /// The value, or an error that says what happened when this is a forked child.
    pub(crate) fn get(&self, what: &str) -> PyResult<&T> {
        if self.pid == std::process::id() {
            Ok(&self.value)
        } else {
            Err(pyo3::exceptions::PyRuntimeError::new_err(format!(
                "this {what} was opened before the process forked and lives in the parent; \
                 make the call again in the child"
            )))
        }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // SAFETY: the value is dropped here and nowhere else.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}
