//! When calls are turned away because the queue stands: CoDel (RFC 8289), which goes by how long calls
//! wait and not by how many there are.

use std::time::Duration;

use crate::clock::Tick;

/// Pauses between two calls turned away shrink with their number no further than this.
const MOST: u32 = 1024;

/// Decides whether a call is turned away now. A wait above `target` is borne for as long again; then
/// calls are turned away ever faster until the wait is short.
#[derive(Debug, Default)]
pub(super) struct Controller {
    /// When the wait has been too long for long enough; `None` while it is short.
    due: Option<Tick>,
    /// Calls turned away since it became too long.
    dropped: u32,
}

impl Controller {
    /// Takes note of the longest wait; true when a call must go.
    pub(super) fn drops(&mut self, wait: Duration, target: Duration, now: Tick) -> bool {
        if wait <= target {
            *self = Self::default();
            return false;
        }
        let due = *self.due.get_or_insert(now.plus(target));
        if now < due {
            return false;
        }
        self.dropped = (self.dropped + 1).min(MOST);
        let pause = target.div_f64(f64::from(self.dropped).sqrt());
        self.due = Some(due.max(now).plus(pause));
        true
    }

    /// Whether calls are being turned away.
    pub(super) fn is_dropping(&self) -> bool {
        self.dropped > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Tick {
        Tick(millis * 1_000_000)
    }

    #[test]
    fn a_burst_is_borne_and_a_standing_queue_is_shortened_ever_faster() {
        let mut controller = Controller::default();
        let long = Duration::from_millis(150);
        assert!(!controller.drops(long, TARGET, at(0)));
        assert!(!controller.drops(Duration::ZERO, TARGET, at(90)));
        let mut dropped = Vec::new();
        for millis in 100..=500 {
            if controller.drops(long, TARGET, at(millis)) {
                dropped.push(millis);
            }
        }
        // 100 ms of grace, then pauses of 100, 100/sqrt(2), 100/sqrt(3), ... ms.
        assert_eq!(dropped, [200, 300, 371, 429, 479]);
        assert!(controller.is_dropping());
        assert!(!controller.drops(TARGET, TARGET, at(501)));
        assert!(!controller.is_dropping());
        assert!(!controller.drops(long, TARGET, at(502)));
    }
}
