//! Asking targets how they do.

use super::{
    super::{Probe, load::place::Place},
    Report, positive,
};

/// `passes`: whether paths the gateway does not know are passed on to the provider.
pub(super) fn check(probe: Option<&Probe>, passes: bool, place: &Place, report: Report<'_>) {
    let Some(probe) = probe else { return };
    let place = place.then("probe");
    positive(Some(probe.every), &place.then("every"), report);
    positive(probe.timeout, &place.then("timeout"), report);
    let Some(path) = &probe.path else { return };
    let place = place.then("path");
    if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
        report(&place, "must be a path such as /health".to_owned());
    }
    if !passes {
        let message = "needs `passthrough`, which is off; without a path the model is asked";
        report(&place, message.to_owned());
    }
}
