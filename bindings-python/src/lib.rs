//! `tidegate._native`: the bridge between Python and the engine.
//!
//! Requests and answers cross as bytes; the package's Python side makes objects of them. The engine
//! never holds a Python object and its threads never attach to the interpreter: everything Python
//! is touched on the thread of the caller.
#![expect(
    unsafe_code,
    reason = "the macros of the binding expand to unsafe code"
)]

mod engine;
mod error;
mod exit;
mod head;
mod host;
mod owned;
mod queue;
mod request;
mod server;
mod stream;
mod watch;

use pyo3::prelude::*;

/// How many threads the engine starts with. Takes effect only before the first call.
#[pyfunction]
fn set_threads(count: usize) {
    tidegate::bridge::set_threads(count);
}

#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<queue::Queue>()?;
    module.add_class::<stream::Stream>()?;
    module.add_class::<head::Head>()?;
    module.add_class::<server::Server>()?;
    module.add_class::<host::HostCall>()?;
    module.add("HOST_CALL", host::CALL)?;
    module.add("HOST_GONE", host::GONE)?;
    module.add("HOST_ROOM", host::ROOM)?;
    module.add("FLOW_GO", host::GO)?;
    module.add("FLOW_FULL", host::FULL)?;
    module.add("FLOW_GONE", host::NOBODY)?;
    module.add("REPLY", request::REPLY)?;
    module.add("STREAM", request::STREAM)?;
    module.add("ERROR", request::ERROR)?;
    module.add("READABLE", request::READABLE)?;
    module.add_function(wrap_pyfunction!(server::cli_main, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(exit::exiting, module)?)?;
    module.add_function(wrap_pyfunction!(host::in_function, module)?)?;
    Ok(())
}
