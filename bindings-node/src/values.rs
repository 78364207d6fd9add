//! Text and bytes across the boundary, in as few Node-API calls as they need.

use std::{ffi::c_char, ptr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use napi::{
    Env, Error, JsValue, Result, Status,
    bindgen_prelude::{ToNapiValue, TypeName, Unknown},
    check_status, sys,
};

/// A finished JavaScript value.
#[derive(Debug, Clone, Copy)]
pub struct Raw(pub sys::napi_value);

impl ToNapiValue for Raw {
    unsafe fn to_napi_value(_env: sys::napi_env, value: Self) -> Result<sys::napi_value> {
        Ok(value.0)
    }
}

impl TypeName for Raw {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> napi::ValueType {
        napi::ValueType::Unknown
    }
}

/// Strings up to this length are read in one call into a buffer for the worst case (three bytes
/// per unit); longer ones are measured first.
const ONE_CALL: usize = 64 * 1024;

/// UTF-8 `bytes` as a JavaScript string. ASCII, the usual case, becomes a one-byte string by copy.
pub(crate) fn text(env: Env, bytes: &[u8]) -> Result<Raw> {
    let (start, length) = (bytes.as_ptr().cast::<c_char>(), bytes.len().cast_signed());
    let mut value = ptr::null_mut();
    // SAFETY: the pointer and length come from one live slice, which V8 copies.
    check_status!(unsafe {
        if bytes.is_ascii() {
            sys::napi_create_string_latin1(env.raw(), start, length, &raw mut value)
        } else {
            sys::napi_create_string_utf8(env.raw(), start, length, &raw mut value)
        }
    })?;
    Ok(Raw(value))
}

/// `bytes` as a `Buffer` of its own memory.
pub(crate) fn buffer(env: Env, bytes: &[u8]) -> Result<Raw> {
    let mut value = ptr::null_mut();
    // SAFETY: the pointer and length come from one live slice, which Node copies.
    check_status!(unsafe {
        sys::napi_create_buffer_copy(
            env.raw(),
            bytes.len(),
            bytes.as_ptr().cast(),
            ptr::null_mut(),
            &raw mut value,
        )
    })?;
    Ok(Raw(value))
}

/// `number` as a JavaScript number; tickets stay below 2^53.
pub(crate) fn number(env: Env, number: u64) -> Result<Raw> {
    let mut value = ptr::null_mut();
    // SAFETY: env is live on this thread.
    check_status!(unsafe { sys::napi_create_double(env.raw(), number as f64, &raw mut value) })?;
    Ok(Raw(value))
}

/// A JavaScript array of `values`.
pub(crate) fn array(env: Env, values: &[Raw]) -> Result<Raw> {
    let mut list = ptr::null_mut();
    // SAFETY: env and every value are live in the current handle scope.
    unsafe {
        check_status!(sys::napi_create_array_with_length(
            env.raw(),
            values.len(),
            &raw mut list
        ))?;
        for (index, value) in values.iter().enumerate() {
            check_status!(sys::napi_set_element(
                env.raw(),
                list,
                index as u32,
                value.0
            ))?;
        }
    }
    Ok(Raw(list))
}

/// Copies a request body: a string as UTF-8, a typed array as it is, `null` or `undefined` as
/// nothing.
pub(crate) fn body(value: &Unknown<'_>) -> Result<Bytes> {
    let env = Env::from_raw(value.value().env);
    match value.get_type()? {
        napi::ValueType::Null | napi::ValueType::Undefined => Ok(Bytes::new()),
        napi::ValueType::String => utf8(env, value.raw()).map(Bytes::from),
        _ => typed_array(env, value.raw()),
    }
}

fn utf8(env: Env, value: sys::napi_value) -> Result<Vec<u8>> {
    let mut units = 0;
    // SAFETY: with a null buffer only the length is written. For Latin-1 it is the string's own
    // length, known without a look at its characters.
    check_status!(unsafe {
        sys::napi_get_value_string_latin1(env.raw(), value, ptr::null_mut(), 0, &raw mut units)
    })?;
    let mut capacity = units * 3;
    if units > ONE_CALL {
        // SAFETY: as above.
        check_status!(unsafe {
            sys::napi_get_value_string_utf8(env.raw(), value, ptr::null_mut(), 0, &raw mut capacity)
        })?;
    }
    let mut bytes = Vec::<u8>::with_capacity(capacity + 1);
    let mut written = 0;
    // SAFETY: the buffer holds capacity + 1 bytes, the last for the terminating zero; exactly
    // `written` of them are initialised.
    unsafe {
        check_status!(sys::napi_get_value_string_utf8(
            env.raw(),
            value,
            bytes.as_mut_ptr().cast(),
            capacity + 1,
            &raw mut written,
        ))?;
        bytes.set_len(written);
    }
    if bytes.capacity() > 2 * written + 1024 {
        bytes.shrink_to_fit(); // it lives as long as the upstream call may be retried
    }
    Ok(bytes)
}

fn typed_array(env: Env, value: sys::napi_value) -> Result<Bytes> {
    let (mut is_array, mut kind, mut length) = (false, 0, 0);
    let mut data = ptr::null_mut();
    // SAFETY: the out-pointers are valid; the data is read before JavaScript runs again.
    unsafe {
        check_status!(sys::napi_is_typedarray(env.raw(), value, &raw mut is_array))?;
        if !is_array {
            return Err(Error::new(
                Status::InvalidArg,
                "the body is no string and no Uint8Array",
            ));
        }
        check_status!(sys::napi_get_typedarray_info(
            env.raw(),
            value,
            &raw mut kind,
            &raw mut length,
            &raw mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        ))?;
        if kind != sys::TypedarrayType::uint8_array || data.is_null() {
            length = if kind == sys::TypedarrayType::uint8_array {
                0
            } else {
                length
            };
            return if length == 0 {
                Ok(Bytes::new())
            } else {
                Err(Error::new(Status::InvalidArg, "the body is no Uint8Array"))
            };
        }
        Ok(Bytes::copy_from_slice(std::slice::from_raw_parts(
            data.cast(),
            length,
        )))
    }
}

/// Reads `name: value` lines whose characters are bytes, as fetch's `Headers` yields them.
pub(crate) fn header_map(lines: &Unknown<'_>) -> Result<HeaderMap> {
    let env = Env::from_raw(lines.value().env);
    let mut map = HeaderMap::new();
    if lines.get_type()? != napi::ValueType::String {
        return Ok(map);
    }
    let mut length = 0;
    // SAFETY: with a null buffer only the length is written.
    check_status!(unsafe {
        sys::napi_get_value_string_latin1(
            env.raw(),
            lines.raw(),
            ptr::null_mut(),
            0,
            &raw mut length,
        )
    })?;
    let mut bytes = vec![0_u8; length + 1];
    // SAFETY: the buffer holds the text and its terminating zero.
    check_status!(unsafe {
        sys::napi_get_value_string_latin1(
            env.raw(),
            lines.raw(),
            bytes.as_mut_ptr().cast(),
            length + 1,
            &raw mut length,
        )
    })?;
    for line in bytes[..length]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let header = line
            .iter()
            .position(|byte| *byte == b':')
            .and_then(|colon| {
                let value = line[colon + 1..].trim_ascii();
                Some((
                    HeaderName::from_bytes(&line[..colon]).ok()?,
                    HeaderValue::from_bytes(value).ok()?,
                ))
            });
        let Some((name, value)) = header else {
            return Err(Error::new(
                Status::InvalidArg,
                "a header's name or value is not valid",
            ));
        };
        map.append(name, value);
    }
    Ok(map)
}

/// `name: value` lines of `headers`, each byte one character.
pub(crate) fn header_lines(env: Env, headers: &HeaderMap) -> Result<Raw> {
    let size = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 3)
        .sum();
    let mut lines = Vec::with_capacity(size);
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    let mut value = ptr::null_mut();
    // SAFETY: the pointer and length come from one live buffer, which V8 copies.
    check_status!(unsafe {
        sys::napi_create_string_latin1(
            env.raw(),
            lines.as_ptr().cast(),
            lines.len().cast_signed(),
            &raw mut value,
        )
    })?;
    Ok(Raw(value))
}

/// `error` as the JSON text the facade builds its exception from.
pub(crate) fn error_text(error: &tidegate::Error) -> String {
    error.to_json().to_string()
}

/// `error` as an exception whose `code` tells the facade that its message is JSON.
pub(crate) fn exception(error: &tidegate::Error) -> Error<&'static str> {
    Error::new("TIDEGATE", error_text(error))
}
