//! Stage 6: in which order the route's targets are tried. Pure: no I/O.

use tidegate_policy::route;
use tidegate_types::{Code, Error};

use super::{Job, lifecycle};

/// Targets by strategy, then the fallbacks as written.
pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    let Some(route) = &job.route else {
        return Ok(());
    };
    let mut order = route::order(route.strategy, &route.weights, &mut job.rng);
    order.extend(route.weights.len()..route.targets.len());
    // Positions of targets whose provider vanished in a reload do not exist.
    order.retain(|index| *index < route.targets.len());
    if order.is_empty() {
        return Err(Error::new(
            Code::NoHealthyTarget,
            format!("route {:?} has no target that can be used", route.name),
        ));
    }
    job.order = order;
    lifecycle::narrow(job)
}
