//! Reading what C passes: every pointer checked, every text validated.

use std::{
    ffi::{CStr, c_char},
    slice,
};

use super::{error::tg_error, result_gen::tg_result};

/// The object behind a handle.
///
/// # Safety
/// `handle` is NULL or points to a live `T`.
pub(super) unsafe fn handle<'a, T>(handle: *const T, name: &str) -> Result<&'a T, tg_error> {
    // SAFETY: as the caller promises.
    unsafe { handle.as_ref() }.ok_or_else(|| null(name))
}

/// Refuses a NULL out-param before anything has happened.
pub(super) fn out<T>(pointer: *mut T, name: &str) -> Result<(), tg_error> {
    if pointer.is_null() {
        Err(null(name))
    } else {
        Ok(())
    }
}

/// A text that must be there.
///
/// # Safety
/// `text` is NULL or NUL-terminated.
pub(super) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, tg_error> {
    // SAFETY: as the caller promises.
    unsafe { optional_text(text, name) }?.ok_or_else(|| null(name))
}

/// A text, or `None` for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated.
pub(super) unsafe fn optional_text<'a>(
    text: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, tg_error> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and NUL-terminated as the caller promises.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes.to_str().map(Some).map_err(|_| utf8(name))
}

/// Bytes; NULL is allowed when there are none.
///
/// # Safety
/// `pointer` is NULL or valid for reading `len` bytes.
pub(super) unsafe fn bytes<'a>(
    pointer: *const u8,
    len: usize,
    name: &str,
) -> Result<&'a [u8], tg_error> {
    // SAFETY: as the caller promises.
    unsafe { array(pointer, len, name) }
}

/// A document: bytes that must be UTF-8.
///
/// # Safety
/// `pointer` is NULL or valid for reading `len` bytes.
pub(super) unsafe fn document<'a>(
    pointer: *const c_char,
    len: usize,
    name: &str,
) -> Result<&'a str, tg_error> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: as the caller promises; a C `char` is a byte.
    let bytes = unsafe { bytes(pointer.cast(), len, name) }?;
    std::str::from_utf8(bytes).map_err(|_| utf8(name))
}

/// An array; NULL is allowed when it is empty.
///
/// # Safety
/// `pointer` is NULL or valid for reading `len` elements.
pub(super) unsafe fn array<'a, T>(
    pointer: *const T,
    len: usize,
    name: &str,
) -> Result<&'a [T], tg_error> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() || len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(tg_error::misuse(
            tg_result::TG_INVALID_ARGUMENT,
            format!("{name}: not a possible array ({len} elements)"),
        ));
    }
    // SAFETY: not NULL, aligned, of a possible size and readable as the caller promises.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// A struct that begins with its own size. Members the caller's header did not know yet are zero;
/// members this library does not know yet are ignored.
///
/// # Safety
/// `pointer` is NULL or points to a readable `struct_size` of at least its first member, followed
/// by as many bytes as it says. All-zero bytes are a valid `T`.
pub(super) unsafe fn sized<T>(pointer: *const T, oldest: usize, name: &str) -> Result<T, tg_error> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: the first member of every such struct is its `size_t struct_size`.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check_size(size, oldest, name)?;
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the source holds `size` readable bytes, the target at least as many as are copied;
    // what is not copied stays zero, which is valid for every such struct.
    unsafe {
        std::ptr::copy_nonoverlapping(
            pointer.cast::<u8>(),
            value.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        Ok(value.assume_init())
    }
}

/// Refuses a `struct_size` that no release has had.
pub(super) fn check_size(size: usize, oldest: usize, name: &str) -> Result<(), tg_error> {
    // Larger than a page is no newer header but an uninitialised member.
    if size < oldest || size > 4096 {
        return Err(tg_error::misuse(
            tg_result::TG_INVALID_ARGUMENT,
            format!("{name}: struct_size is {size}; set it to sizeof(*{name})"),
        ));
    }
    Ok(())
}

fn null(name: &str) -> tg_error {
    tg_error::misuse(tg_result::TG_NULL_ARGUMENT, format!("{name} is NULL"))
}

fn utf8(name: &str) -> tg_error {
    tg_error::misuse(
        tg_result::TG_INVALID_UTF8,
        format!("{name} is not valid UTF-8"),
    )
}
