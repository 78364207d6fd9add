//! `tg_host_call`: functions of the program in the place of vendors.

use std::{
    ffi::{c_char, c_void},
    mem::ManuallyDrop,
    time::Duration,
};

use bytes::Bytes;
use tidegate::{
    Failure, Functions, Piece,
    bridge::{self, Engine, Flow, HostCall, HostFunction, Queue, Source},
    config::Format,
};

use super::{
    boundary::{fallible, free, give, put, read},
    error::tg_error,
    fork::Owner,
    gateway::tg_gateway,
    input,
    queue::{UserData, refuse_in_callback, tg_queue},
    result_gen::tg_result,
};

/// The data are words of the model, in UTF-8.
pub const TG_PIECE_TEXT: u32 = 0;
/// The data are JSON: a reply or a chunk in the provider's dialect, or an object with no members but
/// `text` and `usage` (`{"input": 10, "output": 5}`), or a list of vectors for embeddings.
pub const TG_PIECE_JSON: u32 = 1;

/// The next piece may come.
pub const TG_FLOW_GO: u32 = 0;
/// The piece was taken; the next one has to wait until there is room.
pub const TG_FLOW_FULL: u32 = 1;
/// Nobody waits for the answer any more.
pub const TG_FLOW_GONE: u32 = 2;

/// A question to a function of the program. It is answered by `tg_host_call_reply`, or by
/// `tg_host_call_push` for each piece and `tg_host_call_end`, or by `tg_host_call_fail`: then or
/// later, from any thread. Free it with `tg_host_call_free`; without an answer that fails the call.
pub struct tg_host_call {
    call: ManuallyDrop<HostCall>,
    headers: String,
    owner: Owner,
}

impl tg_host_call {
    pub(super) fn new(call: HostCall) -> Self {
        let mut headers = String::new();
        for (name, value) in &call.request().headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            headers.extend([name.as_str(), ": ", &*value, "\n"]);
        }
        Self {
            call: ManuallyDrop::new(call),
            headers,
            owner: Owner::here(),
        }
    }

    fn here(&self) -> Result<&HostCall, tg_error> {
        self.owner.check()?;
        Ok(&self.call)
    }
}

impl Drop for tg_host_call {
    fn drop(&mut self) {
        // In a child the question's lock may be held by a thread that only the parent has.
        if self.owner.is_here() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.call) };
        }
    }
}

impl std::fmt::Debug for tg_host_call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("tg_host_call").finish_non_exhaustive()
    }
}

/// What a function is asked. Everything belongs to the question and is valid until that is freed.
#[repr(C)]
#[derive(Debug)]
pub struct tg_host_request {
    /// Name under which the function is registered. Like the other texts here, not NUL-terminated.
    pub name: *const c_char,
    /// Its length.
    pub name_len: usize,
    /// Wire format of the body, such as `openai`.
    pub dialect: *const c_char,
    /// Its length.
    pub dialect_len: usize,
    /// What is asked for, such as `/chat/completions`.
    pub path: *const c_char,
    /// Its length.
    pub path_len: usize,
    /// The model, without the provider's name.
    pub model: *const c_char,
    /// Its length.
    pub model_len: usize,
    /// `name: value` lines, each with its line end.
    pub headers: *const c_char,
    /// Their length.
    pub headers_len: usize,
    /// The request as it would have gone to a vendor.
    pub body: *const u8,
    /// Its length.
    pub body_len: usize,
    /// How long the gateway waits for the beginning of the answer, and for each next piece.
    pub timeout_ms: u64,
    /// 1 when the caller wants a stream. Either kind of answer is turned into what is wanted.
    pub stream: u32,
}

/// Runs on a thread of the gateway that may block, so that it may answer at once, wait for other
/// calls of the gateway, or hand the question on. `call` is yours to free.
pub type tg_provider =
    Option<unsafe extern "C" fn(call: *mut tg_host_call, user_data: *mut c_void)>;

/// Opens a gateway for a program with functions of its own: each of `names` is a provider, whether or
/// not the configuration mentions it, once `tg_provide` or `tg_provide_in_queue` registers it. `kind`
/// says what `text` is: `json`, `yaml`, `toml`, `path`, or `env`, which needs none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gateway_open_with(
    kind: *const c_char,
    text: *const c_char,
    len: usize,
    names: *const *const c_char,
    n_names: usize,
    gateway: *mut *mut tg_gateway,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let source = source(kind, text, len)?;
            let functions = Functions::new();
            for name in input::array(names, n_names, "names")? {
                // Until it is registered, a function is asked where nobody answers.
                let nobody = HostFunction::calling(drop);
                functions.insert(input::text(*name, "names")?, nobody);
            }
            input::out(gateway, "gateway")?;
            let engine = Engine::open_with(source, functions)?;
            put(gateway, give(tg_gateway { engine, key: None }));
            Ok(tg_result::TG_OK)
        })
    }
}

/// # Safety
/// `kind` is NULL or NUL-terminated, `text` NULL or valid for reading `len` bytes.
unsafe fn source(kind: *const c_char, text: *const c_char, len: usize) -> Result<Source, tg_error> {
    // SAFETY: as the caller promises.
    let kind = unsafe { input::text(kind, "kind") }?;
    if kind == "env" {
        return Ok(Source::Env);
    }
    // SAFETY: as the caller promises.
    let text = unsafe { input::document(text, len, "text") }?.to_owned();
    let format = match kind {
        "path" => return Ok(Source::Path(text.into())),
        "yaml" => Format::Yaml,
        "toml" => Format::Toml,
        "json" => Format::Json,
        other => {
            return Err(tg_error::misuse(
                tg_result::TG_INVALID_ARGUMENT,
                format!("kind: {other:?} is none of json, yaml, toml, path and env"),
            ));
        }
    };
    Ok(Source::Text { text, format })
}

/// Puts a function in the place of a vendor: calls of `name/...` go to it from now on. It may run on
/// several threads at a time. `user_data` must stay valid until the gateway and its views are freed
/// and every question is. In place of another function of that name; calls under way go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_provide(
    gateway: *const tg_gateway,
    name: *const c_char,
    provider: tg_provider,
    user_data: *mut c_void,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let name = input::text(name, "name")?;
            let Some(run) = provider else {
                return Err(tg_error::misuse(
                    tg_result::TG_NULL_ARGUMENT,
                    "provider is NULL",
                ));
            };
            let user_data = UserData(user_data);
            let function = HostFunction::calling(move |call| {
                let asked = move || {
                    let user_data = user_data;
                    let call = give(tg_host_call::new(call));
                    // SAFETY: the header demands a function that any thread may call with it.
                    run(call, user_data.0);
                };
                // Without threads the question is let go, and that answers it.
                if let Ok(runtime) = bridge::runtime() {
                    runtime.spawn_blocking(asked);
                }
            });
            gateway.engine.provide(name, function)?;
            Ok(tg_result::TG_OK)
        })
    }
}

/// As `tg_provide`, for programs that take events from a queue: every question arrives there as
/// `TG_EVENT_HOST_CALL`, and news about it as `TG_EVENT_HOST_GONE` and `TG_EVENT_HOST_ROOM`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_provide_in_queue(
    gateway: *const tg_gateway,
    name: *const c_char,
    queue: *const tg_queue,
    tag: u64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let name = input::text(name, "name")?;
            let queue: Queue = input::handle(queue, "queue")?.queue()?.clone();
            gateway
                .engine
                .provide(name, HostFunction::new(queue, tag))?;
            Ok(tg_result::TG_OK)
        })
    }
}

/// What is asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_request(
    call: *const tg_host_call,
    request: *mut tg_host_request,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let handle = input::handle(call, "call")?;
            let asked = handle.here()?.request();
            input::out(request, "request")?;
            let dialect = asked.dialect.as_str();
            put(
                request,
                tg_host_request {
                    name: asked.name.as_ptr().cast(),
                    name_len: asked.name.len(),
                    dialect: dialect.as_ptr().cast(),
                    dialect_len: dialect.len(),
                    path: asked.path.as_ptr().cast(),
                    path_len: asked.path.len(),
                    model: asked.model.as_ptr().cast(),
                    model_len: asked.model.len(),
                    headers: handle.headers.as_ptr().cast(),
                    headers_len: handle.headers.len(),
                    body: asked.body.as_ptr(),
                    body_len: asked.body.len(),
                    timeout_ms: u64::try_from(asked.timeout.as_millis()).unwrap_or(u64::MAX),
                    stream: u32::from(asked.stream),
                },
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// What `tg_provide_in_queue` was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_tag(call: *const tg_host_call) -> u64 {
    // SAFETY: NULL or a live question, as the header asks.
    unsafe { read(call, 0, |call| call.call.tag()) }
}

/// Answers all at once. `kind` is a `TG_PIECE_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_reply(
    call: *const tg_host_call,
    kind: u32,
    data: *const u8,
    len: usize,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let call = input::handle(call, "call")?.here()?;
            call.reply(piece(kind, data, len)?);
            Ok(tg_result::TG_OK)
        })
    }
}

/// Adds a piece to the answer's stream. `flow` says how to go on, as a `TG_FLOW_...`; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_push(
    call: *const tg_host_call,
    kind: u32,
    data: *const u8,
    len: usize,
    flow: *mut u32,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let call = input::handle(call, "call")?.here()?;
            put(flow, number(call.push(piece(kind, data, len)?)));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Blocks while there is no room, at most `timeout_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_wait(
    call: *const tg_host_call,
    timeout_ms: u64,
    flow: *mut u32,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let call = input::handle(call, "call")?.here()?;
            input::out(flow, "flow")?;
            refuse_in_callback()?;
            put(flow, number(call.wait(Duration::from_millis(timeout_ms))));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Whether the next piece may come, without blocking. On `TG_FLOW_FULL` one `TG_EVENT_HOST_ROOM`
/// follows, for functions that are asked in a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_arm(
    call: *const tg_host_call,
    flow: *mut u32,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let call = input::handle(call, "call")?.here()?;
            input::out(flow, "flow")?;
            put(flow, number(call.arm()));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Ends the answer's stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_end(
    call: *const tg_host_call,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            input::handle(call, "call")?.here()?.end();
            Ok(tg_result::TG_OK)
        })
    }
}

/// Ends the answer as a vendor's refusal would: retries, fallbacks and cooldowns follow from `status`
/// (400 to 599). `message` is for the caller to read. `retry_after_ms` negative: unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_fail(
    call: *const tg_host_call,
    status: u32,
    message: *const c_char,
    retry_after_ms: i64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let call = input::handle(call, "call")?.here()?;
            let message = input::text(message, "message")?;
            let failure = Failure::refused(u16::try_from(status).unwrap_or(500), message);
            call.fail(match u64::try_from(retry_after_ms) {
                Ok(after) => failure.retry_after(Duration::from_millis(after)),
                Err(_) => failure,
            });
            Ok(tg_result::TG_OK)
        })
    }
}

/// 1 when nobody waits for the answer any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_is_gone(call: *const tg_host_call) -> u32 {
    // SAFETY: NULL or a live question, as the header asks.
    unsafe {
        read(call, 1, |call| {
            call.here().map_or(1, |call| u32::from(call.is_gone()))
        })
    }
}

/// Frees a question; one without an answer fails. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_host_call_free(call: *mut tg_host_call) {
    // SAFETY: NULL or a live question, as the header asks.
    unsafe { free(call) }
}

/// # Safety
/// `data` is NULL or valid for reading `len` bytes.
unsafe fn piece(kind: u32, data: *const u8, len: usize) -> Result<Piece, tg_error> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { input::bytes(data, len, "data") }?;
    match kind {
        TG_PIECE_TEXT => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Piece::Text(text.to_owned())),
            Err(_) => Err(tg_error::misuse(
                tg_result::TG_INVALID_UTF8,
                "data is not valid UTF-8",
            )),
        },
        TG_PIECE_JSON => Ok(Piece::Json(Bytes::copy_from_slice(bytes))),
        other => Err(tg_error::misuse(
            tg_result::TG_INVALID_ARGUMENT,
            format!("kind: {other} is no TG_PIECE_..."),
        )),
    }
}

fn number(flow: Flow) -> u32 {
    match flow {
        Flow::Go => TG_FLOW_GO,
        Flow::Full => TG_FLOW_FULL,
        Flow::Gone => TG_FLOW_GONE,
    }
}
