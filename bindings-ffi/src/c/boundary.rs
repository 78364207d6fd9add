//! The line that no panic and no Rust error type crosses.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use super::{error::tg_error, result_gen::tg_result};

/// Runs the body of a fallible function. A failure becomes a `tg_error` in `err` (unless `err` is
/// NULL) and its code the result; a panic becomes `TG_INTERNAL`.
///
/// # Safety
/// `err` is NULL or valid for a write.
pub(super) unsafe fn fallible(
    err: *mut *mut tg_error,
    body: impl FnOnce() -> Result<tg_result, tg_error>,
) -> tg_result {
    let outcome = catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(tg_error::panicked(panic.as_ref())));
    match outcome {
        Ok(result) => result,
        Err(error) => {
            let code = error.code();
            if !err.is_null() {
                // SAFETY: the caller promises that a non-NULL `err` may be written.
                unsafe { ptr::write(err, Box::into_raw(Box::new(error))) };
            }
            code
        }
    }
}

/// Runs the body of a function that cannot fail; a panic becomes `default`.
pub(super) fn infallible<T>(default: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(default)
}

/// Runs an accessor of a handle. NULL or a panic gives `default`.
///
/// # Safety
/// `handle` is NULL or points to a live `T`.
pub(super) unsafe fn read<T, R: Copy>(
    handle: *const T,
    default: R,
    accessor: impl FnOnce(&T) -> R,
) -> R {
    infallible(default, || {
        // SAFETY: as the caller promises.
        unsafe { handle.as_ref() }.map_or(default, accessor)
    })
}

/// Frees what [`give`] handed out. NULL is nothing.
///
/// # Safety
/// `pointer` is NULL or came from [`give`] and has not been freed yet.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    infallible((), || {
        if !pointer.is_null() {
            // SAFETY: a non-NULL pointer owns a box, as the caller promises.
            drop(unsafe { Box::from_raw(pointer) });
        }
    });
}

/// A value handed to C, to be freed with [`free`].
pub(super) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Writes a result to a trailing out-param.
///
/// # Safety
/// `out` is NULL or valid for a write.
pub(super) unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: as the caller promises.
        unsafe { ptr::write(out, value) };
    }
}
