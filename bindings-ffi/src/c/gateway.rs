//! `tg_gateway`: opening, calling, closing.

use std::{ffi::c_char, path::PathBuf, time::Duration};

use tidegate::{
    Scope,
    bridge::{Engine, Outcome, Source},
    config::Format,
};

use super::{
    boundary::{fallible, free, give, put},
    buf::tg_buf,
    error::tg_error,
    head::Head,
    input,
    reply::tg_reply,
    request::{self, TG_MODE_NATIVE, tg_header, tg_request},
    result_gen::tg_result,
};

/// A gateway. Any number of threads may use one at the same time. Free it with `tg_gateway_free`.
pub struct tg_gateway {
    pub(super) engine: Engine,
    pub(super) key: Option<String>,
}

impl std::fmt::Debug for tg_gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("tg_gateway").finish_non_exhaustive()
    }
}

/// Opens a gateway from a configuration in JSON. Checks it, starts no thread and does no network.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_open(
    config_json: *const c_char,
    len: usize,
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        open(gateway, err, || {
            let text = input::document(config_json, len, "config_json")?.to_owned();
            Ok(Engine::open(Source::Text {
                text,
                format: Format::Json,
            })?)
        })
    }
}

/// Opens a gateway from the text of a configuration. `format` is `yaml`, `toml` or `json`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_open_text(
    text: *const c_char,
    len: usize,
    format: *const c_char,
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        open(gateway, err, || {
            let text = input::document(text, len, "text")?.to_owned();
            let format = match input::text(format, "format")? {
                "yaml" => Format::Yaml,
                "toml" => Format::Toml,
                "json" => Format::Json,
                other => {
                    return Err(tg_error::misuse(
                        tg_result::TG_INVALID_ARGUMENT,
                        format!("format: {other:?} is none of yaml, toml and json"),
                    ));
                }
            };
            Ok(Engine::open(Source::Text { text, format })?)
        })
    }
}

/// Opens a gateway from a configuration file: YAML, TOML or JSON by its extension.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_open_path(
    path: *const c_char,
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        open(gateway, err, || {
            Ok(Engine::open(Source::Path(PathBuf::from(input::text(
                path, "path",
            )?)))?)
        })
    }
}

/// Opens a gateway whose providers are the vendors with a key in the environment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_open_env(
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe { open(gateway, err, || Ok(Engine::open(Source::Env)?)) }
}

/// The same calls against a `tidegate serve` elsewhere, for instance `http://127.0.0.1:8787`.
/// `key` is the Tidegate key to send; NULL: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_connect(
    url: *const c_char,
    key: *const c_char,
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        open(gateway, err, || {
            let key = input::optional_text(key, "key")?.map(str::to_owned);
            Ok(Engine::connect(input::text(url, "url")?, key)?)
        })
    }
}

/// # Safety
/// `gateway` and `err` are NULL or valid for a write.
unsafe fn open(
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
    open: impl FnOnce() -> Result<Engine, tg_error>,
) -> tg_result {
    // SAFETY: as the caller promises.
    unsafe {
        fallible(err, || {
            input::out(gateway, "gateway")?;
            put(
                gateway,
                give(tg_gateway {
                    engine: open()?,
                    key: None,
                }),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// A view of the same gateway whose calls carry `key`. Cheap. Free it like any gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_with_key(
    gateway: *const tg_gateway,
    key: *const c_char,
    view: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let key = Some(input::text(key, "key")?.to_owned());
            input::out(view, "view")?;
            put(
                view,
                give(tg_gateway {
                    engine: gateway.engine.clone(),
                    key,
                }),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// For whom calls are made: any member may be NULL. Begin with `TG_SCOPE_INIT`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_scope {
    /// `sizeof(tg_scope)`.
    pub struct_size: usize,
    /// Id of a configured customer.
    pub customer: *const c_char,
    /// Id of a configured team.
    pub team: *const c_char,
    /// Id of a configured user, or what an end user is called.
    pub user: *const c_char,
    /// Labels, separated by commas: for rules and for the choice of targets.
    pub tags: *const c_char,
}

/// Size of `tg_scope` in ABI 1.
const SCOPE_V1: usize = size_of::<tg_scope>();

/// A view of the same gateway whose calls are made for a customer, a team or a user, and carry tags:
/// their lists, limits and budgets hold, and those of whatever they belong to. A view of a view says
/// what it says itself and otherwise what the outer one says; tags add up. Of a view with a key,
/// everything named must be what the key belongs to. Cheap. Free it like any gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_scoped(
    gateway: *const tg_gateway,
    scope: *const tg_scope,
    view: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks; zero bytes are a valid `tg_scope`.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let told = input::sized(scope, SCOPE_V1, "scope")?;
            input::out(view, "view")?;
            let mut scope = Scope::new();
            if let Some(customer) = input::optional_text(told.customer, "scope.customer")? {
                scope = scope.customer(customer)?;
            }
            if let Some(team) = input::optional_text(told.team, "scope.team")? {
                scope = scope.team(team)?;
            }
            if let Some(user) = input::optional_text(told.user, "scope.user")? {
                scope = scope.user(user)?;
            }
            if let Some(tags) = input::optional_text(told.tags, "scope.tags")? {
                let tags = tags.split(',').map(str::trim);
                scope = scope.tags(tags.filter(|tag| !tag.is_empty()))?;
            }
            put(
                view,
                give(tg_gateway {
                    engine: gateway.engine.scoped(&scope),
                    key: gateway.key.clone(),
                }),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// Replaces the configuration in one step; on failure the old one stays. `config_json` NULL: reads
/// the source of `tg_gateway_open_*` again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_reload(
    gateway: *const tg_gateway,
    config_json: *const c_char,
    len: usize,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let source = if config_json.is_null() {
                None
            } else {
                let text = input::document(config_json, len, "config_json")?.to_owned();
                Some(Source::Text {
                    text,
                    format: Format::Json,
                })
            };
            gateway.engine.reload(source)?;
            Ok(tg_result::TG_OK)
        })
    }
}

/// Takes no more calls, lets running ones finish for at most `deadline_ms`, then cancels them.
/// Blocks until done. Closing again, or through another view, does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_close(
    gateway: *const tg_gateway,
    deadline_ms: u64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            input::handle(gateway, "gateway")?
                .engine
                .close(Duration::from_millis(deadline_ms));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Frees the handle without waiting for anything. NULL is allowed. Replies, streams, queues and
/// errors that came from it stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_free(gateway: *mut tg_gateway) {
    // SAFETY: NULL or a live gateway, as the header asks.
    unsafe { free(gateway) }
}

/// Gives out a text of the engine's.
///
/// # Safety
/// Pointers are NULL or valid.
unsafe fn told(
    gateway: *const tg_gateway,
    (out, name): (*mut tg_buf, &'static str),
    err: *mut *mut tg_error,
    tell: impl FnOnce(&Engine) -> String,
) -> tg_result {
    // SAFETY: as above.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            input::out(out, name)?;
            put(out, tell(&gateway.engine).into_bytes().into());
            Ok(tg_result::TG_OK)
        })
    }
}

/// The state of targets, provider keys, virtual keys, queue and cache as JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_health(
    gateway: *const tg_gateway,
    json: *mut tg_buf,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        told(gateway, (json, "json"), err, |engine| {
            engine.health().to_string()
        })
    }
}

/// What was counted of calls, as text in Prometheus' format 0.0.4. Empty for a client of a gateway
/// elsewhere, which has its own at `/metrics`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_metrics(
    gateway: *const tg_gateway,
    text: *mut tg_buf,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe { told(gateway, (text, "text"), err, Engine::metrics) }
}

/// What would become of a request that came now, and why, as JSON: targets in order, rules, budgets,
/// cache. Nothing is called and nothing changes. The request's mode says nothing here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_explain(
    gateway: *const tg_gateway,
    request: *const tg_request,
    json: *mut tg_buf,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let request = request::read(request, gateway.key.as_deref())?;
            input::out(json, "json")?;
            super::queue::refuse_in_callback()?;
            put(json, gateway.engine.explain(request)?.to_vec().into());
            Ok(tg_result::TG_OK)
        })
    }
}

/// The configuration in force as JSON, secrets shown as `***`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_config(
    gateway: *const tg_gateway,
    json: *mut tg_buf,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        told(gateway, (json, "json"), err, |engine| {
            engine.config_json().to_string()
        })
    }
}

/// Makes a call in native mode and blocks until its answer is complete. A body with
/// `"stream": true` belongs to `tg_stream_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_call(
    gateway: *const tg_gateway,
    method: *const c_char,
    target: *const c_char,
    headers: *const tg_header,
    n_headers: usize,
    body: *const u8,
    body_len: usize,
    reply: *mut *mut tg_reply,
    err: *mut *mut tg_error,
) -> tg_result {
    let request = tg_request {
        struct_size: size_of::<tg_request>(),
        mode: TG_MODE_NATIVE,
        method,
        target,
        headers,
        n_headers,
        body,
        body_len,
        key: std::ptr::null(),
    };
    // SAFETY: the request is a local, its pointers are NULL or valid, as the header asks.
    unsafe { tg_call_request(gateway, &raw const request, reply, err) }
}

/// As `tg_call`, with everything a request can say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_call_request(
    gateway: *const tg_gateway,
    request: *const tg_request,
    reply: *mut *mut tg_reply,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let request = request::read(request, gateway.key.as_deref())?;
            input::out(reply, "reply")?;
            super::queue::refuse_in_callback()?;
            match gateway.engine.call(request) {
                Outcome::Reply(head, body) => {
                    put(
                        reply,
                        give(tg_reply {
                            head: Head::new(head.status, &head.headers),
                            body,
                        }),
                    );
                    Ok(tg_result::TG_OK)
                }
                // Dropping the stream cancels it.
                Outcome::Stream(..) => Err(tg_error::misuse(
                    tg_result::TG_INVALID_ARGUMENT,
                    "the answer is a stream: open it with tg_stream_open",
                )),
                Outcome::Error(error) => Err(error.into()),
            }
        })
    }
}

/// Moves the gateway's clock forward. Only in builds for the behaviour suite.
#[cfg(feature = "testing")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_testing_advance(
    gateway: *const tg_gateway,
    ms: u64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            input::handle(gateway, "gateway")?
                .engine
                .advance(Duration::from_millis(ms));
            Ok(tg_result::TG_OK)
        })
    }
}
