//! Caps of calls under way, and the queue.

use super::{
    super::{Brownout, load::place::Place},
    Report, Scope, rules,
};

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let config = scope.config;
    if let Some(brownout) = &config.brownout {
        self::brownout(scope, brownout, &Place::key("brownout"), report);
    }
    cap(config.max_in_flight, &Place::default(), report);
    let Some(queue) = &config.queue else { return };
    let place = Place::key("queue");
    if queue.size == Some(0) {
        let message = "must be 1 or more; `max_wait: 0s` has nobody wait";
        report(&place.then("size"), message.to_owned());
    }
    super::positive(queue.target_delay, &place.then("target_delay"), report);
}

fn brownout(scope: &Scope<'_>, less: &Brownout, place: &Place, report: Report<'_>) {
    if less.target.is_none() && less.max_output_tokens.is_none() {
        let message = "does nothing; give it use or max_output_tokens";
        report(place, message.to_owned());
    }
    if less.max_output_tokens == Some(0) {
        let message = "must be 1 or more".to_owned();
        report(&place.then("max_output_tokens"), message);
    }
    if let Some(target) = &less.target
        && let Some(message) = rules::refuse_target(scope, target)
    {
        report(&place.then("use"), message);
    }
}

/// A cap of nothing would refuse every call.
pub(super) fn cap(most: Option<u32>, place: &Place, report: Report<'_>) {
    if most == Some(0) {
        let message = "must be 1 or more".to_owned();
        report(&place.then("max_in_flight"), message);
    }
}
