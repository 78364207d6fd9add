//! `tg_error`: why a call failed.

use std::{
    any::Any,
    ffi::{CString, c_char},
};

use super::{
    boundary::{free, read},
    result_gen::{self, tg_result},
};

/// Why a call failed. Free it with `tg_error_free`.
#[derive(Debug, Clone)]
pub struct tg_error {
    code: tg_result,
    status: u16,
    retry_after_ms: i64,
    message: CString,
    json: CString,
}

impl tg_error {
    /// A mistake in the use of the ABI itself.
    pub(super) fn misuse(code: tg_result, message: impl Into<String>) -> Self {
        let message = message.into();
        let json = serde_json::json!({
            "code": code as u32,
            "slug": result_gen::slug(code as u32).to_string_lossy(),
            "message": message,
            "origin": "caller",
            "status": 0,
            "attempts": [],
        });
        Self {
            code,
            status: 0,
            retry_after_ms: -1,
            message: c_string(&message),
            json: c_string(&json.to_string()),
        }
    }

    /// A panic caught at the boundary.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        tidegate::Error::new(tidegate::Code::Internal, format!("panic: {text}")).into()
    }

    pub(super) fn code(&self) -> tg_result {
        self.code
    }
}

impl From<tidegate::Error> for tg_error {
    fn from(error: tidegate::Error) -> Self {
        Self {
            code: error.code().into(),
            status: error.status().as_u16(),
            retry_after_ms: error.retry_after().map_or(-1, |after| {
                i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
            }),
            message: c_string(error.message()),
            json: c_string(&error.to_json().to_string()),
        }
    }
}

/// The text as C has it. A NUL inside, which C could not see past, is shown as U+FFFD.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text)
        .or_else(|_| CString::new(text.replace('\0', "\u{fffd}")))
        .unwrap_or_default()
}

/// The stable code, `TG_OK` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_code(error: *const tg_error) -> tg_result {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { read(error, tg_result::TG_OK, |error| error.code) }
}

/// The stable name of the code, for instance `budget_exhausted`. Static.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_slug(error: *const tg_error) -> *const c_char {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe {
        read(error, c"ok".as_ptr(), |error| {
            result_gen::slug(error.code as u32).as_ptr()
        })
    }
}

/// The text for people; it may change in any release. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_message(error: *const tg_error) -> *const c_char {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { read(error, c"".as_ptr(), |error| error.message.as_ptr()) }
}

/// The HTTP status a server answers with: the upstream's own where there is one, 0 for a mistake
/// in the use of this ABI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_status(error: *const tg_error) -> u16 {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { read(error, 0, |error| error.status) }
}

/// How many milliseconds to wait before the next try; -1 when unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_retry_after_ms(error: *const tg_error) -> i64 {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { read(error, -1, |error| error.retry_after_ms) }
}

/// The whole error as a JSON object, attempts and the upstream's own answer included. Lives as
/// long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_json(error: *const tg_error) -> *const c_char {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { read(error, c"{}".as_ptr(), |error| error.json.as_ptr()) }
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_error_free(error: *mut tg_error) {
    // SAFETY: NULL or a live error, as the header asks.
    unsafe { free(error) }
}

/// The stable name of a result, for instance `budget_exhausted`; `unknown` for a number this
/// release does not have. Static.
#[unsafe(no_mangle)]
pub extern "C" fn tg_result_slug(result: u32) -> *const c_char {
    result_gen::slug(result).as_ptr()
}
