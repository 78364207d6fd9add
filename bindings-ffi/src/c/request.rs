//! `tg_request`: one call, described.

use std::ffi::c_char;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate::bridge::{Mode, Request};

use super::{error::tg_error, input, result_gen::tg_result};

/// Errors are `tg_error`s; a stream's frames are the data of its events.
pub const TG_MODE_NATIVE: u32 = 0;
/// Every answer, an error too, is an HTTP answer in the caller's dialect; a stream's frames are
/// its raw bytes. For the transports of vendor SDKs.
pub const TG_MODE_HTTP: u32 = 1;
/// A session over a WebSocket: a stream, opened with `tg_stream_open` or `tg_submit`, whose frames are
/// messages and to which messages are sent with `tg_session_send`. `target` is the session's path, such
/// as `/v1/realtime?model=voice`; method and body are not looked at.
pub const TG_MODE_SESSION: u32 = 2;

/// One request header. Both texts are NUL-terminated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_header {
    /// Its name, in any case.
    pub name: *const c_char,
    /// Its value.
    pub value: *const c_char,
}

/// One call. Begin with `TG_REQUEST_INIT`; everything pointed to is read before the function that
/// takes the request returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_request {
    /// `sizeof(tg_request)`.
    pub struct_size: usize,
    /// `TG_MODE_NATIVE` (0), `TG_MODE_HTTP` or `TG_MODE_SESSION`.
    pub mode: u32,
    /// HTTP method. NULL: `POST`.
    pub method: *const c_char,
    /// `/v1/chat/completions`, a drop-in path such as `/openai/v1/chat/completions`, or the
    /// vendor's own URL, whose host and path choose the provider.
    pub target: *const c_char,
    /// Headers; may be NULL.
    pub headers: *const tg_header,
    /// How many.
    pub n_headers: usize,
    /// The body, passed on byte for byte; may be NULL.
    pub body: *const u8,
    /// Bytes in it.
    pub body_len: usize,
    /// Tidegate key. NULL: that of the gateway view, else of the headers, else root.
    pub key: *const c_char,
}

/// Size of `tg_request` in ABI 1.
pub(super) const REQUEST_V1: usize = size_of::<tg_request>();

/// Reads a request. The body is copied: the caller's memory is not looked at again.
///
/// # Safety
/// As the header says: NULL or pointers that are valid for the call.
pub(super) unsafe fn read(
    request: *const tg_request,
    view_key: Option<&str>,
) -> Result<Request, tg_error> {
    // SAFETY: as the caller promises; zero bytes are a valid `tg_request`.
    let request = unsafe { input::sized(request, REQUEST_V1, "request") }?;
    // SAFETY: as the caller promises.
    let (method, target, headers, body, key) = unsafe {
        (
            input::optional_text(request.method, "request.method")?,
            input::text(request.target, "request.target")?,
            read_headers(request.headers, request.n_headers)?,
            input::bytes(request.body, request.body_len, "request.body")?,
            input::optional_text(request.key, "request.key")?,
        )
    };
    let mode = match request.mode {
        TG_MODE_NATIVE => Mode::Native,
        TG_MODE_HTTP => Mode::Http,
        TG_MODE_SESSION => Mode::Session,
        other => return Err(invalid(format!("request.mode: {other} is no mode"))),
    };
    let method = method.unwrap_or("POST");
    Ok(Request {
        mode,
        method: Method::from_bytes(method.as_bytes())
            .map_err(|_| invalid(format!("request.method: {method:?} is no HTTP method")))?,
        target: target.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body),
        key: key.or(view_key).map(str::to_owned),
        trusted: true,
    })
}

unsafe fn read_headers(headers: *const tg_header, n: usize) -> Result<HeaderMap, tg_error> {
    // SAFETY: as the caller promises.
    let headers = unsafe { input::array(headers, n, "headers") }?;
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        // SAFETY: as the caller promises.
        let (name, value) = unsafe {
            (
                input::text(header.name, "header name")?,
                input::text(header.value, "header value")?,
            )
        };
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("{name:?} is no header name")))?;
        // The value may be a secret and so stays out of the message.
        let value = HeaderValue::from_str(value)
            .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
            .map_err(|_| invalid(format!("the value of {name:?} is no header value")))?;
        map.append(field, value);
    }
    Ok(map)
}

fn invalid(message: String) -> tg_error {
    tg_error::misuse(tg_result::TG_INVALID_ARGUMENT, message)
}
