//! Requests from Python and outcomes to it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pyo3::{
    IntoPyObjectExt,
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyString, PyTuple},
};
use tidegate::bridge::{Mode, Outcome, Request};

use crate::{
    error::{bad_argument, exception, type_name},
    head::Head,
    stream::Stream,
};

/// Kinds of outcome, the first member of the tuples handed to Python.
pub(crate) const REPLY: u8 = 0;
pub(crate) const STREAM: u8 = 1;
pub(crate) const ERROR: u8 = 2;
pub(crate) const READABLE: u8 = 3;

/// Headers of a request that belong to a connection. There is none here; `accept-encoding` goes too,
/// because compressing inside one process only burns time.
const CONNECTION: &[&[u8]] = &[
    b"host",
    b"connection",
    b"content-length",
    b"accept-encoding",
    b"transfer-encoding",
    b"keep-alive",
    b"te",
    b"upgrade",
];

/// Builds a request. `headers` is None or a sequence of pairs of `bytes` or `str`.
pub(crate) fn request(
    http: bool,
    method: &str,
    target: &str,
    headers: Option<&Bound<'_, PyAny>>,
    body: &Bound<'_, PyBytes>,
    key: Option<String>,
) -> PyResult<Request> {
    Ok(Request {
        mode: if http { Mode::Http } else { Mode::Native },
        method: method
            .parse()
            .map_err(|error| bad_argument("method", &error))?,
        target: target.to_owned(),
        headers: header_map(headers)?,
        // A copy, because no thread of the engine may hold or release a Python object.
        body: Bytes::copy_from_slice(body.as_bytes()),
        key,
        trusted: true,
    })
}

/// Asks for a session over a WebSocket.
pub(crate) fn session(
    target: &str,
    headers: Option<&Bound<'_, PyAny>>,
    key: Option<String>,
) -> PyResult<Request> {
    Ok(Request {
        mode: Mode::Session,
        method: Method::GET,
        target: target.to_owned(),
        headers: header_map(headers)?,
        body: Bytes::new(),
        key,
        trusted: true,
    })
}

fn header_map(headers: Option<&Bound<'_, PyAny>>) -> PyResult<HeaderMap> {
    let mut map = HeaderMap::new();
    let Some(headers) = headers else {
        return Ok(map);
    };
    for pair in headers.try_iter()? {
        let pair = pair?;
        let pair = pair
            .cast::<PyTuple>()
            .map_err(|_| PyTypeError::new_err("headers: pairs"))?;
        let name = pair.get_item(0)?;
        let name = octets(&name)?;
        if CONNECTION
            .iter()
            .any(|skipped| name.eq_ignore_ascii_case(skipped))
        {
            continue;
        }
        let value = pair.get_item(1)?;
        let name = HeaderName::from_bytes(&name).map_err(|error| bad_argument("header", &error))?;
        let value = HeaderValue::from_bytes(&octets(&value)?)
            .map_err(|error| bad_argument(name.as_str(), &error))?;
        map.append(name, value);
    }
    Ok(map)
}

/// The bytes of a `bytes` or `str` object.
fn octets<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        Ok(Cow::Borrowed(bytes.as_bytes()))
    } else if let Ok(text) = value.cast::<PyString>() {
        Ok(Cow::Owned(text.to_cow()?.into_owned().into_bytes()))
    } else {
        let kind = type_name(&value.get_type());
        Err(PyTypeError::new_err(format!(
            "headers: bytes or str, not {kind}"
        )))
    }
}

/// An outcome as `(kind, head, body)`, `(kind, head, stream)` or `(kind, exception, None)`.
pub(crate) fn outcome(
    py: Python<'_>,
    outcome: Outcome,
) -> PyResult<(u8, Bound<'_, PyAny>, Bound<'_, PyAny>)> {
    Ok(match outcome {
        Outcome::Reply(head, body) => {
            let body = PyBytes::new(py, &body);
            (
                REPLY,
                Head::from(head).into_bound_py_any(py)?,
                body.into_any(),
            )
        }
        Outcome::Stream(head, handle) => {
            let stream = Stream::new(handle).into_bound_py_any(py)?;
            (STREAM, Head::from(head).into_bound_py_any(py)?, stream)
        }
        Outcome::Error(error) => (ERROR, exception(py, &error)?, py.None().into_bound(py)),
    })
}
