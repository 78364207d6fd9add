//! The thread-safe function that asks JavaScript to drain its queue.
//!
//! Node frees a thread-safe function when its environment ends, whether or not other threads still
//! hold it (nodejs/node#58484, fixed only in 24.14 and 25.4). So the pointer lives behind a lock,
//! and an environment clean-up hook takes it out before Node frees it: a worker may be terminated
//! while its streams run.

use std::{
    ffi::c_void,
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use napi::{Env, JsValue, Result, bindgen_prelude::Function, check_status, sys};

/// A wake function of one environment. It does not keep the process alive until [`Wake::hold`].
#[derive(Debug)]
pub(crate) struct Wake(Mutex<Pointer>);

#[derive(Debug)]
struct Pointer(sys::napi_threadsafe_function);

// SAFETY: Node-API documents thread-safe functions as callable from every thread; the pointer is
// only used under the lock and becomes null before it dangles.
unsafe impl Send for Pointer {}

impl Wake {
    /// Wraps `callback`, which is called without arguments on the environment's own thread.
    pub(crate) fn new(env: &Env, callback: &Function<'_, (), ()>) -> Result<Self> {
        // Engine threads outlive a worker that was the only one to load the addon.
        napi::bindgen_prelude::retain_current_module_for_unload_safety();
        let name = env.create_string("tidegate")?;
        let mut raw = ptr::null_mut();
        // SAFETY: env, callback and name are live on this thread; no finalizer and no context.
        check_status!(unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                callback.raw(),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(on_wake),
                &raw mut raw,
            )
        })?;
        // SAFETY: raw was made above for this env.
        check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), raw) })?;
        Ok(Self(Mutex::new(Pointer(raw))))
    }

    fn lock(&self) -> MutexGuard<'_, Pointer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks JavaScript to drain; from any thread, never blocks on JavaScript.
    pub(crate) fn call(&self) {
        let pointer = self.lock();
        if !pointer.0.is_null() {
            // SAFETY: not null, so the environment still lives: its clean-up hook needs this lock.
            // A refusal means that it is closing, and then nobody waits for the wake.
            let _closing = unsafe {
                sys::napi_call_threadsafe_function(
                    pointer.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Keeps the event loop alive, or stops doing so.
    pub(crate) fn hold(&self, env: &Env, on: bool) -> Result<()> {
        let pointer = self.lock();
        if pointer.0.is_null() {
            return Ok(());
        }
        // SAFETY: the pointer is live and belongs to env, on whose thread this runs.
        check_status!(unsafe {
            if on {
                sys::napi_ref_threadsafe_function(env.raw(), pointer.0)
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), pointer.0)
            }
        })
    }

    /// Forgets the function: the environment is about to free it.
    pub(crate) fn close(&self) {
        self.lock().0 = ptr::null_mut();
    }
}

unsafe extern "C" fn on_wake(
    env: sys::napi_env,
    callback: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() || callback.is_null() {
        return; // the environment is closing
    }
    let mut receiver = ptr::null_mut();
    // SAFETY: called by Node on the environment's thread with live handles. An exception stays
    // pending, and Node reports it as uncaught.
    unsafe {
        if sys::napi_get_undefined(env, &raw mut receiver) == sys::Status::napi_ok {
            sys::napi_call_function(env, receiver, callback, 0, ptr::null(), ptr::null_mut());
        }
    }
}
