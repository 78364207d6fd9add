//! A question of the engine to a function of the program.

use std::time::Duration;

use napi::{Env, Result, bindgen_prelude::Unknown};
use napi_derive::napi;
use tidegate::{
    Failure, Piece,
    bridge::{Flow, HostCall},
};

use crate::values::{self, Raw};

/// How a stream goes on; `npm/tidegate/src/functions.js` knows the same numbers.
const GO: u32 = 0;
const FULL: u32 = 1;
const GONE: u32 = 2;

/// A question. Letting go of it without an answer fails the call.
#[napi]
pub struct NativeHostCall {
    call: HostCall,
}

impl std::fmt::Debug for NativeHostCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeHostCall").finish_non_exhaustive()
    }
}

impl NativeHostCall {
    pub(crate) fn new(call: HostCall) -> Self {
        Self { call }
    }
}

#[napi]
impl NativeHostCall {
    /// Name under which the function is registered.
    #[napi]
    pub fn name(&self) -> String {
        self.call.request().name.to_string()
    }

    /// Wire format of the body.
    #[napi]
    pub fn dialect(&self) -> &'static str {
        self.call.request().dialect.as_str()
    }

    /// Path below the provider's base URL.
    #[napi]
    pub fn path(&self) -> String {
        self.call.request().path.clone()
    }

    /// The model.
    #[napi]
    pub fn model(&self) -> String {
        self.call.request().model.clone()
    }

    /// Whether the caller wants a stream.
    #[napi]
    pub fn stream(&self) -> bool {
        self.call.request().stream
    }

    /// Milliseconds the engine waits for the beginning, and for each piece, of the answer.
    #[napi]
    pub fn timeout(&self) -> f64 {
        self.call.request().timeout.as_secs_f64() * 1000.0
    }

    /// Headers as `name: value` lines.
    #[napi]
    pub fn headers(&self, env: Env) -> Result<Raw> {
        values::header_lines(env, &self.call.request().headers)
    }

    /// The body as text.
    #[napi]
    pub fn text(&self, env: Env) -> Result<Raw> {
        values::text(env, &self.call.request().body)
    }

    /// The body as bytes.
    #[napi]
    pub fn bytes(&self, env: Env) -> Result<Raw> {
        values::buffer(env, &self.call.request().body)
    }

    /// Answers all at once, with words or with JSON.
    #[napi]
    pub fn reply(&self, json: bool, value: Unknown<'_>) -> Result<()> {
        self.call.reply(piece(json, &value)?);
        Ok(())
    }

    /// Adds words or a chunk of JSON to the answer's stream; gives how it goes on.
    #[napi]
    pub fn push(&self, json: bool, value: Unknown<'_>) -> Result<u32> {
        Ok(flow(self.call.push(piece(json, &value)?)))
    }

    /// Ends the answer's stream.
    #[napi]
    pub fn end(&self) {
        self.call.end();
    }

    /// Ends the answer as a vendor's refusal would. `retry_after` is in seconds.
    #[napi]
    pub fn fail(&self, status: u32, message: String, retry_after: Option<f64>) {
        let failure = Failure::refused(u16::try_from(status).unwrap_or(500), message);
        let after = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.call.fail(match after {
            Some(after) => failure.retry_after(after),
            None => failure,
        });
    }

    /// Asks to be told once there is room, unless there is.
    #[napi]
    pub fn arm(&self) -> u32 {
        flow(self.call.arm())
    }

    /// Whether nobody waits for the answer any more.
    #[napi]
    pub fn gone(&self) -> bool {
        self.call.is_gone()
    }
}

fn piece(json: bool, value: &Unknown<'_>) -> Result<Piece> {
    let bytes = values::body(value)?;
    Ok(if json {
        Piece::Json(bytes)
    } else {
        Piece::Text(String::from_utf8_lossy(&bytes).into_owned())
    })
}

fn flow(flow: Flow) -> u32 {
    match flow {
        Flow::Go => GO,
        Flow::Full => FULL,
        Flow::Gone => GONE,
    }
}
