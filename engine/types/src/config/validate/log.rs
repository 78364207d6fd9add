use super::{Report, Scope};
use crate::config::{Size, load::place::Place};

/// A line must fit, and a file of a few lines is none.
const LEAST: u64 = 4096;

pub(super) fn check(scope: &Scope<'_>, report: Report<'_>) {
    let Some(log) = &scope.config.log else { return };
    let place = Place::default().then("log");
    if log.path.is_empty() {
        report(&place.then("path"), "must name a file".to_owned());
    }
    let max_body = log.max_body.map_or(0, |size| size.0);
    if log.max_body == Some(Size(0)) {
        let message = "must be more than 0; without `bodies` none are written".to_owned();
        report(&place.then("max_body"), message);
    }
    if let Some(Size(most)) = log.max_size {
        let least = LEAST.max(max_body.saturating_mul(2));
        if most < least {
            let message = format!("must be at least {least} bytes");
            report(&place.then("max_size"), message);
        }
    }
    if log.keep.is_some_and(|keep| keep > 1000) {
        report(&place.then("keep"), "must be at most 1000".to_owned());
    }
}
