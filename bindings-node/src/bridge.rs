//! One bridge per environment: calls go in with a ticket, and everything that finished comes out
//! in one batch on the environment's own thread.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::Method;
use napi::{
    Env, Error, Result, Status,
    bindgen_prelude::{Function, ToNapiValue, Unknown},
};
use napi_derive::napi;
use tidegate::bridge::{Engine, EventKind, HostEvent, HostFunction, Mode, Outcome, Queue, Request};

use crate::{
    engine::NativeEngine,
    host::NativeHostCall,
    stream::NativeStream,
    values::{self, Raw},
    wake::Wake,
};

/// What an entry of [`Bridge::drain`] reports; `npm/tidegate/src/bridge.js` knows the same numbers.
mod kind {
    /// `status, headers, body` follow.
    pub(super) const REPLY: u64 = 0;
    /// `status, headers, stream` follow.
    pub(super) const STREAM: u64 = 1;
    /// The error's JSON follows.
    pub(super) const ERROR: u64 = 2;
    /// Nothing follows: the stream of this ticket can be read.
    pub(super) const READABLE: u64 = 3;
    /// `tag, call` follow: a function is asked.
    pub(super) const HOST_CALL: u64 = 4;
    /// Nothing follows: nobody waits any more for what the function of this ticket was asked.
    pub(super) const HOST_GONE: u64 = 5;
    /// Nothing follows: the stream of the function of this ticket has room again.
    pub(super) const HOST_ROOM: u64 = 6;
}

/// The environment's end of the completion queue.
#[derive(Debug)]
#[napi]
pub struct Bridge {
    shared: Arc<Shared>,
}

struct Shared {
    // Two queues, because the two modes want different values: text to parse, or bytes.
    native: Queue,
    http: Queue,
    wake: Arc<Wake>,
    flying: Mutex<HashMap<u64, Engine>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("flying", &self.flying().len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn flying(&self) -> MutexGuard<'_, HashMap<u64, Engine>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The environment ends: nobody will look at the answers, so their upstreams are let go.
    fn close(&self) {
        self.wake.close();
        let flying = std::mem::take(&mut *self.flying());
        for (ticket, engine) in flying {
            engine.cancel(ticket);
        }
        for queue in [&self.native, &self.http] {
            queue.close();
        }
    }
}

#[napi]
impl Bridge {
    /// A bridge that calls `wake()` when something is to be drained.
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = Arc::new(Wake::new(&env, &wake)?);
        let (native, http) = (Queue::new(), Queue::new());
        for queue in [&native, &http] {
            let wake = Arc::clone(&wake);
            queue.set_waker(Some(Box::new(move || wake.call())));
        }
        let shared = Arc::new(Shared {
            native,
            http,
            wake,
            flying: Mutex::default(),
        });
        env.add_env_cleanup_hook(Arc::clone(&shared), |shared| shared.close())?;
        Ok(Self { shared })
    }

    /// Starts a call and returns its ticket. `native` chooses between parsed events with errors as
    /// values, and an HTTP answer in bytes. `line` is `METHOD target`, `headers` are `name: value` lines.
    #[napi]
    pub fn submit(
        &self,
        engine: &NativeEngine,
        native: bool,
        line: String,
        headers: Unknown<'_>,
        body: Unknown<'_>,
        key: Option<String>,
    ) -> Result<f64> {
        let (method, target) = line
            .split_once(' ')
            .ok_or_else(|| Error::new(Status::InvalidArg, "the line is not `METHOD target`"))?;
        let request = Request {
            mode: if native { Mode::Native } else { Mode::Http },
            method: Method::from_bytes(method.as_bytes())
                .map_err(|_| Error::new(Status::InvalidArg, "the method is not valid"))?,
            target: target.to_owned(),
            headers: values::header_map(&headers)?,
            body: values::body(&body)?,
            key,
            trusted: true,
        };
        let queue = if native {
            &self.shared.native
        } else {
            &self.shared.http
        };
        Ok(self.start(engine, queue, request))
    }

    /// Opens a session and returns its ticket; the outcome's stream can be sent to.
    #[napi]
    pub fn session(
        &self,
        engine: &NativeEngine,
        target: String,
        headers: Unknown<'_>,
        key: Option<String>,
    ) -> Result<f64> {
        let request = Request {
            mode: Mode::Session,
            method: Method::GET,
            target,
            headers: values::header_map(&headers)?,
            body: Bytes::new(),
            key,
            trusted: true,
        };
        Ok(self.start(engine, &self.shared.native, request))
    }

    /// Cancels a call that has not been answered yet; unknown tickets are left alone.
    #[napi]
    pub fn cancel(&self, ticket: f64) {
        let engine = self.shared.flying().remove(&to_ticket(ticket));
        if let Some(engine) = engine {
            engine.cancel(to_ticket(ticket));
        }
    }

    /// Everything that happened since the last call, as one flat array of `ticket, kind, …`.
    #[napi]
    pub fn drain(&self, env: Env) -> Result<Raw> {
        let mut list = Vec::new();
        for native in [true, false] {
            let queue = if native {
                &self.shared.native
            } else {
                &self.shared.http
            };
            for event in queue.drain(usize::MAX) {
                list.push(values::number(env, event.ticket)?);
                match event.kind {
                    EventKind::Host(HostEvent::Gone) => {
                        list.push(values::number(env, kind::HOST_GONE)?);
                    }
                    EventKind::Host(HostEvent::Room) => {
                        list.push(values::number(env, kind::HOST_ROOM)?);
                    }
                    EventKind::Host(HostEvent::Call(call)) => {
                        list.push(values::number(env, kind::HOST_CALL)?);
                        list.push(values::number(env, call.tag())?);
                        let call = NativeHostCall::new(call);
                        // SAFETY: env is live on this thread.
                        list.push(Raw(unsafe {
                            NativeHostCall::to_napi_value(env.raw(), call)
                        }?));
                    }
                    EventKind::Readable => list.push(values::number(env, kind::READABLE)?),
                    EventKind::Outcome(outcome) => {
                        self.shared.flying().remove(&event.ticket);
                        push_outcome(env, &mut list, native, outcome)?;
                    }
                }
            }
        }
        values::array(env, &list)
    }

    /// Has a function of this environment asked in the place of a vendor; `tag` comes back in every
    /// question.
    #[napi]
    pub fn provide(
        &self,
        engine: &NativeEngine,
        name: String,
        tag: f64,
    ) -> std::result::Result<(), Error<&'static str>> {
        let function = HostFunction::new(self.shared.native.clone(), to_ticket(tag));
        let provided = engine.engine().provide(&name, function);
        provided.map_err(|error| values::exception(&error))
    }

    /// Keeps the event loop alive while something is awaited.
    #[napi]
    pub fn hold(&self, env: Env, on: bool) -> Result<()> {
        self.shared.wake.hold(&env, on)
    }
}

impl Bridge {
    fn start(&self, engine: &NativeEngine, queue: &Queue, request: Request) -> f64 {
        // The lock is held across submit, so that the answer cannot be drained before its ticket
        // is known to be flying.
        let mut flying = self.shared.flying();
        let ticket = engine.engine().submit(queue, request);
        flying.insert(ticket, engine.engine().clone());
        ticket as f64
    }
}

fn push_outcome(env: Env, list: &mut Vec<Raw>, native: bool, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Reply(head, body) => {
            list.push(values::number(env, kind::REPLY)?);
            list.push(values::number(env, u64::from(head.status))?);
            list.push(values::header_lines(env, &head.headers)?);
            list.push(if native {
                values::text(env, &body)?
            } else {
                values::buffer(env, &body)?
            });
        }
        Outcome::Stream(head, handle) => {
            list.push(values::number(env, kind::STREAM)?);
            list.push(values::number(env, u64::from(head.status))?);
            list.push(values::header_lines(env, &head.headers)?);
            let stream = NativeStream::new(handle, native);
            // SAFETY: env is live on this thread.
            list.push(Raw(unsafe {
                NativeStream::to_napi_value(env.raw(), stream)
            }?));
        }
        Outcome::Error(error) => {
            list.push(values::number(env, kind::ERROR)?);
            list.push(values::text(env, values::error_text(&error).as_bytes())?);
        }
    }
    Ok(())
}

#[expect(
    clippy::cast_sign_loss,
    reason = "tickets are made from u64 and stay below 2^53"
)]
fn to_ticket(ticket: f64) -> u64 {
    ticket as u64
}
