//! `tg_server`: the same gateway over HTTP.

use std::{
    ffi::{CString, c_char},
    ptr,
    time::Duration,
};

use tidegate_server::{ServeOptions, Server, ServerHandle};

use super::{
    boundary::{fallible, free, give, put, read},
    error::{c_string, tg_error},
    fork::Owner,
    gateway::tg_gateway,
    input,
    result_gen::tg_result,
};

/// How to serve. Begin with `TG_SERVE_OPTIONS_INIT`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_serve_options {
    /// `sizeof(tg_serve_options)`.
    pub struct_size: usize,
    /// `host:port` (port 0: any free one) or `unix:/path`. NULL: what the configuration says,
    /// else `127.0.0.1:8787`.
    pub listen: *const c_char,
    /// Threads that serve. 0: what the configuration says, else one per core, at most 4.
    pub threads: usize,
}

/// A running server. Free it with `tg_server_free`.
pub struct tg_server {
    handle: ServerHandle,
    url: CString,
    owner: Owner,
}

impl std::fmt::Debug for tg_server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("tg_server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Serves the gateway over HTTP. Bound when it returns. `options` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_serve(
    gateway: *const tg_gateway,
    options: *const tg_serve_options,
    server: *mut *mut tg_server,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            input::out(server, "server")?;
            let mut chosen = ServeOptions::default();
            if !options.is_null() {
                let options = input::sized(options, size_of::<tg_serve_options>(), "options")?;
                chosen.listen =
                    input::optional_text(options.listen, "options.listen")?.map(str::to_owned);
                chosen.threads = (options.threads > 0).then_some(options.threads);
            }
            let handle = Server::start(&gateway.engine, chosen)?;
            let url = c_string(handle.addr());
            put(
                server,
                give(tg_server {
                    handle,
                    url,
                    owner: Owner::here(),
                }),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// Where the server listens, for instance `http://127.0.0.1:8787`. Lives as long as the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_server_url(server: *const tg_server) -> *const c_char {
    // SAFETY: NULL or a live server, as the header asks.
    unsafe { read(server, ptr::null(), |server| server.url.as_ptr()) }
}

/// Blocks until the server has stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_server_wait(
    server: *const tg_server,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let server = input::handle(server, "server")?;
            server.owner.check()?;
            super::queue::refuse_in_callback()?;
            server.handle.wait();
            Ok(tg_result::TG_OK)
        })
    }
}

/// Takes no more connections and lets running calls finish for at most `deadline_ms`; negative:
/// as long as the configuration's `server.drain` says. Blocks until done. Any thread may call it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_server_shutdown(
    server: *const tg_server,
    deadline_ms: i64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let server = input::handle(server, "server")?;
            server.owner.check()?;
            super::queue::refuse_in_callback()?;
            server
                .handle
                .shutdown(u64::try_from(deadline_ms).ok().map(Duration::from_millis));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Frees the handle; a server that still runs goes on running. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_server_free(server: *mut tg_server) {
    // SAFETY: NULL or a live server, as the header asks.
    unsafe { free(server) }
}
