//! Before stage 1: what of a body that is still arriving must be read before anything can be decided.
//!
//! Forms are sent on as they come once their model is known; everything else that the gateway looks
//! into is read whole.

use http::header::CONTENT_TYPE;
use tidegate_types::{Endpoint, Error, Relay};

use super::{Job, authenticate, form::Form};
use crate::kept::Place;

/// Reads what is needed, and notes the form's fields.
///
/// # Errors
/// Those of authentication: nothing is read for callers who may not call. `invalid_request` when the
/// body ends too early, `body_too_large` when it must be kept and cannot be.
pub(super) async fn run(job: &mut Job) -> Result<(), Error> {
    let kind = job.headers.get(CONTENT_TYPE);
    let relay = match &job.endpoint {
        Endpoint::Relay(relay) => Some(*relay),
        _ => None,
    };
    let mut form = relay.and_then(|_| Form::new(kind?));
    // Of sound only the length counts, and that is known. Others are charged by what a form says.
    let only = match relay {
        Some(Relay::Transcriptions | Relay::Translations) => Some("model"),
        _ => None,
    };
    if let Some(form) = &mut form {
        form.see(&job.body, only);
    }
    if let Some(rest) = job.rest.clone() {
        let now = job.gateway.clock.unix_seconds();
        authenticate::identify(&job.snapshot, &job.context, &job.headers, now)?;
        let passes = match &job.endpoint {
            // What a batch may cost stands in it.
            Endpoint::Passthrough { path, .. } => Place::of(path) != Place::of("/batches"),
            _ => false,
        };
        if let Some(form) = &mut form {
            let known = |form: &Form| only.is_some_and(|name| form.get(name).is_some());
            // Most upstreams want to be told how long a body is.
            if !known(form) || rest.size().is_none() {
                rest.look(|piece| {
                    if !known(form) {
                        form.feed(piece);
                    }
                    known(form)
                })
                .await?;
            }
        } else if passes {
            if rest.size().is_none() {
                rest.look(|_| true).await?;
            }
        } else {
            for piece in rest.gather().await? {
                job.body.push(piece);
            }
            job.rest = None;
        }
    }
    job.asks.form = form;
    Ok(())
}
