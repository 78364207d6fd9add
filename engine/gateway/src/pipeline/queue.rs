//! Waiting for a place, where as many calls are under way as may.

use std::{sync::Arc, time::Duration};

use smallvec::SmallVec;
use tidegate_policy::admission::{Granted, Need, Refusal, Seats, Way};
use tidegate_types::{Code, Error};
use tokio::time::timeout;

use super::Job;
use crate::snapshot::{Route, Target};

/// Nobody is asked to come back sooner.
const SOONEST: Duration = Duration::from_secs(1);

/// A place that was waited for, at the target that is asked next.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(super) position: u16,
    pub(super) key: usize,
    pub(super) seats: Seats,
}

/// The places that a try takes: at the target, its key, its provider and the engine.
pub(super) fn way(job: &Job, target: &Target, key: usize) -> Way {
    let mut way = SmallVec::new();
    way.push(Need {
        gate: Arc::clone(&target.place.gate),
        most: target.most,
    });
    if let Some((gate, most)) = target.provider.ring.gate(key) {
        let gate = Arc::clone(gate);
        way.push(Need { gate, most });
    }
    let caps = [&target.provider.cap, &job.snapshot.cap];
    for need in caps.into_iter().flatten() {
        way.push(need.clone());
    }
    if let Some(identity) = job.identity.as_ref().filter(|identity| identity.selects) {
        way.extend(identity.chain.way_at(&target.provider.name));
    }
    way
}

/// Waits until one of these targets, none of which had room, has some.
///
/// # Errors
/// `at_capacity`, `shed`.
pub(super) async fn for_target(
    job: &Job,
    route: &Route,
    full: &[u16],
    queued: &mut Duration,
) -> Result<Ticket, Error> {
    let now = job.gateway.clock.now();
    let mut places = Vec::new();
    let mut ways = Vec::new();
    for position in full {
        let Some(target) = job.plan.target(route, *position) else {
            continue;
        };
        let ring = &target.provider.ring;
        let keys: SmallVec<[usize; 4]> = if ring.is_empty() {
            SmallVec::from_elem(0, 1)
        } else {
            ring.rested(&target.model, &target.pauses, now).collect()
        };
        for key in keys {
            places.push((*position, key));
            ways.push(way(job, &target, key));
        }
    }
    let granted = wait(job, ways, queued).await?;
    let (position, key) = places[granted.way];
    Ok(Ticket {
        position,
        key,
        seats: granted.seats,
    })
}

/// Waits for one of these ways, for what is left of the time that a call may wait. `queued` is how long
/// it has waited at this stage.
///
/// # Errors
/// `at_capacity`, `shed`.
pub(super) async fn wait(
    job: &Job,
    ways: Vec<Way>,
    queued: &mut Duration,
) -> Result<Granted, Error> {
    let room = &job.gateway.room;
    let began = job.gateway.clock.now();
    let most = job.snapshot.queue.max_wait;
    let mut left = most.saturating_sub(job.facts.queued + *queued);
    if let Some(deadline) = job.deadline {
        left = left.min(deadline.since(began));
    }
    let caller = job.owner().cloned();
    let result = if left.is_zero() {
        None
    } else {
        match room.wait(job.priority, caller, ways) {
            Err(refusal) => Some(Err(refusal)),
            Ok(waiting) => timeout(left, waiting).await.ok(),
        }
    };
    *queued += job.gateway.clock.now().since(began);
    let (code, text) = match result {
        Some(Ok(granted)) => return Ok(granted),
        Some(Err(Refusal::Shed)) => (
            Code::Shed,
            format!(
                "calls of priority {} are turned away: others wait too long",
                job.priority.as_str()
            ),
        ),
        Some(Err(Refusal::Full)) => (
            Code::AtCapacity,
            "there is no room, and too many calls wait for some".to_owned(),
        ),
        None => (
            Code::AtCapacity,
            format!("no room was found within {most:?}"),
        ),
    };
    let after = room.queue_delay().max(SOONEST);
    Err(Error::new(code, text).with_retry_after(after))
}
