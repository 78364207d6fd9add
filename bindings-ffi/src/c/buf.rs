//! `tg_buf`: bytes owned by the caller.

use std::{mem::ManuallyDrop, ptr};

use super::boundary::infallible;

/// Bytes that the caller owns. Give them back with `tg_buf_free`; no other handle is needed.
/// cbindgen:field-names=[ptr, len, _cap]
#[repr(C)]
#[derive(Debug)]
pub struct tg_buf {
    /// The bytes, NULL when there are none. Not NUL-terminated.
    pub ptr: *mut u8,
    /// How many.
    pub len: usize,
    /// For `tg_buf_free` only.
    cap: usize,
}

impl From<Vec<u8>> for tg_buf {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.capacity() == 0 {
            return Self {
                ptr: ptr::null_mut(),
                len: 0,
                cap: 0,
            };
        }
        let mut bytes = ManuallyDrop::new(bytes);
        Self {
            ptr: bytes.as_mut_ptr(),
            len: bytes.len(),
            cap: bytes.capacity(),
        }
    }
}

/// Frees the bytes and empties the struct, so that freeing twice does nothing. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_buf_free(buf: *mut tg_buf) {
    infallible((), || {
        // SAFETY: NULL or a struct this library has filled, as the header asks.
        let Some(buf) = (unsafe { buf.as_mut() }) else {
            return;
        };
        if !buf.ptr.is_null() {
            // SAFETY: pointer, length and capacity are those of the vector in `from` above.
            drop(unsafe { Vec::from_raw_parts(buf.ptr, buf.len, buf.cap) });
        }
        *buf = Vec::new().into();
    });
}
