//! `tg_reply`: a complete answer.

use std::{
    ffi::{CStr, c_char},
    ptr,
};

use bytes::Bytes;

use super::{
    boundary::{fallible, free, read},
    error::tg_error,
    head::{FACTS_V1, Head, tg_facts},
    input,
    result_gen::tg_result,
};

/// A complete answer. It never changes, so any thread may read it. Free it with `tg_reply_free`.
#[derive(Debug)]
pub struct tg_reply {
    pub(super) head: Head,
    pub(super) body: Bytes,
}

/// The HTTP status; 200 in native mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_status(reply: *const tg_reply) -> u16 {
    // SAFETY: NULL or a live reply, as the header asks.
    unsafe { read(reply, 0, |reply| reply.head.status) }
}

/// The first value of a header, or NULL. Lives as long as the reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_header(
    reply: *const tg_reply,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: NULL or a live reply and NULL or a C string, as the header asks.
    unsafe {
        read(reply, ptr::null(), |reply| {
            let name = input::text(name, "name").ok();
            name.and_then(|name| reply.head.get(name))
                .map_or(ptr::null(), CStr::as_ptr)
        })
    }
}

/// All headers as `name NUL value NUL name NUL value NUL`; writes the number of bytes to `len`
/// unless that is NULL. Lives as long as the reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_headers(
    reply: *const tg_reply,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live reply, NULL or a writable length, as the header asks.
    unsafe {
        read(reply, ptr::null(), |reply| {
            slice_out(reply.head.packed(), len).cast()
        })
    }
}

/// The body; writes the number of bytes to `len` unless that is NULL. Not NUL-terminated. Lives as
/// long as the reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_body(reply: *const tg_reply, len: *mut usize) -> *const u8 {
    // SAFETY: NULL or a live reply, NULL or a writable length, as the header asks.
    unsafe { read(reply, ptr::null(), |reply| slice_out(&reply.body, len)) }
}

/// What the gateway says about the answer. Set `facts->struct_size` first; the texts are NULL
/// where there is nothing to say and live as long as the reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_facts(
    reply: *const tg_reply,
    facts: *mut tg_facts,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let reply = input::handle(reply, "reply")?;
            write_facts(facts, reply.head.facts(None))
        })
    }
}

/// Frees a reply. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_reply_free(reply: *mut tg_reply) {
    // SAFETY: NULL or a live reply, as the header asks.
    unsafe { free(reply) }
}

/// # Safety
/// `len` is NULL or valid for a write.
pub(super) unsafe fn slice_out(bytes: &[u8], len: *mut usize) -> *const u8 {
    // SAFETY: as the caller promises.
    unsafe { super::boundary::put(len, bytes.len()) };
    bytes.as_ptr()
}

/// Writes as much of the facts as the caller's header knows.
///
/// # Safety
/// `out` is NULL or valid for as many bytes as its `struct_size` says.
pub(super) unsafe fn write_facts(
    out: *mut tg_facts,
    mut facts: tg_facts,
) -> Result<tg_result, tg_error> {
    input::out(out, "facts")?;
    // SAFETY: not NULL, and at least its first member is readable.
    let size = unsafe { (&raw const (*out).struct_size).read() };
    input::check_size(size, FACTS_V1, "facts")?;
    facts.struct_size = size;
    // SAFETY: the caller's struct has `size` writable bytes, ours has at least as many as are copied.
    unsafe {
        ptr::copy_nonoverlapping(
            (&raw const facts).cast::<u8>(),
            out.cast::<u8>(),
            size.min(size_of::<tg_facts>()),
        );
    }
    Ok(tg_result::TG_OK)
}
