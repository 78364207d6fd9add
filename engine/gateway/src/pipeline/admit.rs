//! Stage 3: rate limits and in-flight caps; a budget that is used up refuses before any work.

use tidegate_policy::limits::Limited;
use tidegate_types::{Code, Error};

use super::{Job, reserve};

pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    let now = job.gateway.clock.now();
    if let Some(refusal) = identity.account.exhausted(now) {
        return Err(reserve::refused(&identity.id, &refusal));
    }
    let permit = identity
        .limits
        .admit(now)
        .map_err(|limited| match limited {
            Limited::Requests(most, per, wait) => Error::new(
                Code::RateLimited,
                format!("key {:?} may make {most} requests per {per:?}", identity.id),
            )
            .with_retry_after(wait),
            Limited::InFlight(most) => Error::new(
                Code::RateLimited,
                format!("key {:?} may have {most} requests in flight", identity.id),
            ),
        })?;
    job.permit = Some(permit);
    Ok(())
}
