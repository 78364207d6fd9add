//! Stage 4: what may rewrite or refuse a request before anything is looked up or sent.

use tidegate_types::{Code, Error};

use super::{Job, lifecycle};

/// Fetches the conversation that a call continues. Refuses models without a price when the configuration says so. A route is refused only when
/// none of its targets has one; `dispatch` skips the others.
#[expect(
    clippy::unused_async,
    reason = "guardrails that ask another service await here"
)]
pub(super) async fn run(job: &mut Job) -> Result<(), Error> {
    look(job)
}

/// What of the stage asks nobody else.
pub(super) fn look(job: &mut Job) -> Result<(), Error> {
    lifecycle::resume(job)?;
    let Some(route) = &job.route else {
        return Ok(());
    };
    if job.snapshot.unpriced == tidegate_types::config::Unpriced::Deny
        && !job.asks.model.is_empty()
        && !route.targets.is_empty()
        && route.targets.iter().all(|target| !target.priced)
    {
        return Err(Error::new(
            Code::UnpricedModel,
            format!("{:?} has no price and `unpriced` is `deny`", route.name),
        )
        .with_param("model"));
    }
    Ok(())
}
