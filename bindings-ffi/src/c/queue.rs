//! `tg_queue`: calls that do not block, and where their outcomes arrive.

use std::{
    cell::Cell,
    ffi::c_void,
    mem::ManuallyDrop,
    ptr,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tidegate::bridge::{Event, EventKind, HostEvent, Outcome, Queue};

use super::{
    boundary::{fallible, free, give, put},
    error::tg_error,
    fork::Owner,
    gateway::tg_gateway,
    head::Head,
    host::tg_host_call,
    input,
    reply::tg_reply,
    request::{self, tg_request},
    result_gen::tg_result,
    stream::tg_stream,
};

/// The call is answered; `reply` is yours.
pub const TG_EVENT_REPLY: u32 = 1;
/// The answer streams; `stream` is yours.
pub const TG_EVENT_STREAM: u32 = 2;
/// The call failed; `error` is yours.
pub const TG_EVENT_ERROR: u32 = 3;
/// A stream that had nothing now has: call `tg_stream_next`.
pub const TG_EVENT_READABLE: u32 = 4;
/// A function of the program is asked; `host_call` is yours. The ticket is that of the question.
pub const TG_EVENT_HOST_CALL: u32 = 5;
/// Nobody waits any more for the answer to the question of this ticket.
pub const TG_EVENT_HOST_GONE: u32 = 6;
/// The answer to the question of this ticket has room again, after `tg_host_call_arm`.
pub const TG_EVENT_HOST_ROOM: u32 = 7;

/// Something that happened to a submitted call.
///
/// Every ticket gets exactly one of `TG_EVENT_REPLY`, `TG_EVENT_STREAM` and `TG_EVENT_ERROR`.
#[repr(C)]
#[derive(Debug)]
pub struct tg_event {
    /// What `tg_submit` gave.
    pub ticket: u64,
    /// A `TG_EVENT_...`.
    pub kind: u32,
    /// Yours to free; NULL unless `kind` is `TG_EVENT_REPLY`.
    pub reply: *mut tg_reply,
    /// Yours to free; NULL unless `kind` is `TG_EVENT_STREAM`.
    pub stream: *mut tg_stream,
    /// Yours to free; NULL unless `kind` is `TG_EVENT_ERROR`.
    pub error: *mut tg_error,
    /// Yours to free; NULL unless `kind` is `TG_EVENT_HOST_CALL`.
    pub host_call: *mut tg_host_call,
}

/// Says that events wait. Called from a thread of the gateway, once until the next
/// `tg_queue_next`. It must not block, and only functions that do not block may be called in it.
pub type tg_callback = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Where outcomes of submitted calls arrive. Any thread may submit to it and take from it.
/// Free it with `tg_queue_free`.
pub struct tg_queue {
    queue: ManuallyDrop<Queue>,
    notifier: Arc<Notifier>,
    owner: Owner,
}

impl Drop for tg_queue {
    fn drop(&mut self) {
        // In a child the queue's lock may be held by a thread that only the parent has.
        if !self.owner.is_here() {
            return;
        }
        self.queue.close();
        self.notifier.replace(None);
        // SAFETY: dropped once, here, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.queue) };
    }
}

impl tg_queue {
    pub(super) fn queue(&self) -> Result<&Queue, tg_error> {
        self.owner.check()?;
        Ok(&self.queue)
    }
}

impl std::fmt::Debug for tg_queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("tg_queue").finish_non_exhaustive()
    }
}

/// The callback, and how many threads are inside it: who replaces it waits for them, so that
/// `user_data` can be freed afterwards.
#[derive(Default)]
struct Notifier {
    state: Mutex<Notified>,
    idle: Condvar,
}

#[derive(Default)]
struct Notified {
    callback: Option<(unsafe extern "C" fn(*mut c_void), UserData)>,
    running: usize,
}

#[derive(Clone, Copy)]
pub(super) struct UserData(pub(super) *mut c_void);

// SAFETY: the header demands that the callback may be called from any thread with it.
unsafe impl Send for UserData {}
// SAFETY: as above; the pointer itself is only copied.
unsafe impl Sync for UserData {}

thread_local! {
    /// Set while this thread runs a callback.
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
    /// Set when the callback's own doings asked for another call of it.
    static AGAIN: Cell<bool> = const { Cell::new(false) };
}

/// Refuses to block inside a callback, where it would stop the thread that could end the wait.
pub(super) fn refuse_in_callback() -> Result<(), tg_error> {
    if IN_CALLBACK.get() {
        return Err(tg_error::misuse(
            tg_result::TG_REENTRANT,
            "a function that blocks was called inside a queue's callback",
        ));
    }
    Ok(())
}

impl Notifier {
    fn notify(&self) {
        if IN_CALLBACK.get() {
            AGAIN.set(true);
            return;
        }
        loop {
            AGAIN.set(false);
            self.call();
            if !AGAIN.get() {
                return;
            }
        }
    }

    fn call(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((callback, user_data)) = state.callback else {
            return;
        };
        state.running += 1;
        drop(state);
        IN_CALLBACK.set(true);
        // SAFETY: the header demands a function that may be called until it is replaced, and
        // `replace` waits for this call.
        unsafe { callback(user_data.0) };
        IN_CALLBACK.set(false);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running -= 1;
        self.idle.notify_all();
    }

    fn replace(&self, callback: Option<(unsafe extern "C" fn(*mut c_void), UserData)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.callback = callback;
        // Inside the callback there is nothing to wait for but ourselves.
        while state.running > 0 && !IN_CALLBACK.get() {
            state = self
                .idle
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Makes a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_queue_new(
    queue: *mut *mut tg_queue,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            input::out(queue, "queue")?;
            put(
                queue,
                give(tg_queue {
                    queue: ManuallyDrop::new(Queue::new()),
                    notifier: Arc::default(),
                    owner: Owner::here(),
                }),
            );
            Ok(tg_result::TG_OK)
        })
    }
}

/// Starts a call and returns at once. Its outcome arrives in `queue`, possibly before this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_submit(
    gateway: *const tg_gateway,
    queue: *const tg_queue,
    request: *const tg_request,
    ticket: *mut u64,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let gateway = input::handle(gateway, "gateway")?;
            let queue = input::handle(queue, "queue")?;
            queue.owner.check()?;
            let request = request::read(request, gateway.key.as_deref())?;
            input::out(ticket, "ticket")?;
            put(ticket, gateway.engine.submit(&queue.queue, request));
            Ok(tg_result::TG_OK)
        })
    }
}

/// Cancels a submitted call and closes its upstream at once. Any thread may call it, any number of
/// times, with any number: a ticket that has had its outcome, or never existed, is left alone. The
/// outcome still arrives, as `TG_EVENT_ERROR` with `TG_CANCELLED` unless it was quicker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_cancel(gateway: *const tg_gateway, ticket: u64) {
    // SAFETY: NULL or a live gateway, as the header asks.
    unsafe { super::boundary::read(gateway, (), |gateway| gateway.engine.cancel(ticket)) }
}

/// Takes up to `n` events. `timeout_ms`: 0 does not wait, negative waits as long as it takes.
/// `TG_OK`: `count` events were written, at least one. `TG_TIMEOUT`: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_queue_next(
    queue: *const tg_queue,
    events: *mut tg_event,
    n: usize,
    timeout_ms: i64,
    count: *mut usize,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let queue = input::handle(queue, "queue")?;
            queue.owner.check()?;
            input::out(events, "events")?;
            input::out(count, "count")?;
            if n == 0 {
                return Err(tg_error::misuse(tg_result::TG_INVALID_ARGUMENT, "n is 0"));
            }
            if timeout_ms != 0 {
                refuse_in_callback()?;
            }
            let taken = take(&queue.queue, n, timeout_ms);
            if taken.is_empty() {
                return Ok(tg_result::TG_TIMEOUT);
            }
            put(count, taken.len());
            for (index, event) in taken.into_iter().enumerate() {
                put(events.add(index), event.into());
            }
            Ok(tg_result::TG_OK)
        })
    }
}

/// Waits for events; another thread may take what woke us, so the wait has to be repeated.
fn take(queue: &Queue, n: usize, timeout_ms: i64) -> Vec<Event> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the C caller's own deadline, which no test moves"
    )]
    let now = Instant::now;
    let deadline = u64::try_from(timeout_ms)
        .ok()
        .map(|ms| now() + Duration::from_millis(ms));
    loop {
        let events = queue.drain(n);
        if !events.is_empty() {
            return events;
        }
        let left = match deadline {
            Some(deadline) => deadline.saturating_duration_since(now()),
            None => Duration::from_hours(1),
        };
        if left.is_zero() {
            return events;
        }
        queue.wait(left);
    }
}

impl From<Event> for tg_event {
    fn from(event: Event) -> Self {
        let mut out = Self {
            ticket: event.ticket,
            kind: TG_EVENT_READABLE,
            reply: ptr::null_mut(),
            stream: ptr::null_mut(),
            error: ptr::null_mut(),
            host_call: ptr::null_mut(),
        };
        match event.kind {
            EventKind::Readable => {}
            EventKind::Host(HostEvent::Call(call)) => {
                out.kind = TG_EVENT_HOST_CALL;
                out.host_call = give(tg_host_call::new(call));
            }
            EventKind::Host(HostEvent::Gone) => out.kind = TG_EVENT_HOST_GONE,
            EventKind::Host(HostEvent::Room) => out.kind = TG_EVENT_HOST_ROOM,
            EventKind::Outcome(Outcome::Reply(head, body)) => {
                out.kind = TG_EVENT_REPLY;
                out.reply = give(tg_reply {
                    head: Head::new(head.status, &head.headers),
                    body,
                });
            }
            EventKind::Outcome(outcome) => match tg_stream::new(outcome, true) {
                Ok(stream) => {
                    out.kind = TG_EVENT_STREAM;
                    out.stream = give(stream);
                }
                Err(error) => {
                    out.kind = TG_EVENT_ERROR;
                    out.error = give(error);
                }
            },
        }
        out
    }
}

fn no_descriptor() -> tg_error {
    tidegate::Error::new(
        tidegate::Code::Internal,
        "the operating system gave no descriptor",
    )
    .into()
}

/// Gives a file descriptor that is readable while events wait, for `poll`, `epoll` or `kqueue`.
/// The queue keeps it: do not read from it and do not close it. Get it anew after a fork.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_queue_fd(
    queue: *const tg_queue,
    fd: *mut i32,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let queue = input::handle(queue, "queue")?;
            queue.owner.check()?;
            input::out(fd, "fd")?;
            put(fd, queue.queue.fd().ok_or_else(no_descriptor)?);
            Ok(tg_result::TG_OK)
        })
    }
}

/// Calls `callback(user_data)` when events wait, at once when some do already; NULL stops that.
/// After it returns, the callback
/// it replaced is neither running nor called again, unless it was called inside that callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_queue_set_callback(
    queue: *const tg_queue,
    callback: tg_callback,
    user_data: *mut c_void,
    err: *mut *mut tg_error,
) -> tg_result {
    // SAFETY: pointers are NULL or valid, as the header asks.
    unsafe {
        fallible(err, || {
            let queue = input::handle(queue, "queue")?;
            queue.owner.check()?;
            queue
                .notifier
                .replace(callback.map(|callback| (callback, UserData(user_data))));
            let notifier = Arc::clone(&queue.notifier);
            queue
                .queue
                .set_waker(Some(Box::new(move || notifier.notify())));
            if callback.is_some() && queue.queue.wait(Duration::ZERO) {
                queue.notifier.notify();
            }
            Ok(tg_result::TG_OK)
        })
    }
}

/// Frees a queue and everything still in it. Calls that would have answered there run to their end
/// unseen, unless cancelled first; streams that would have begun there are cancelled. Streams taken
/// from it stay valid. NULL is allowed. Not inside the queue's own callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_queue_free(queue: *mut tg_queue) {
    // SAFETY: NULL or a live queue, as the header asks.
    unsafe { free(queue) }
}
