//! How durations are spread: which of them nine in ten, or nineteen in twenty, stay below.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Steps per doubling: a value is known to within a ninth.
const STEPS: usize = 6;
/// Doublings from [`LEAST`] on: up to four minutes, beyond which all count as one.
const DOUBLINGS: usize = 18;
/// Shorter durations count as this.
const LEAST: Duration = Duration::from_millis(1);
/// When so many were counted, each counts half, so that old ones fade.
const MEMORY: u32 = 1024;

/// A histogram with logarithmic steps. Two counts at once may lose one; a spread bears that.
#[derive(Debug)]
pub struct Spread {
    steps: [AtomicU32; STEPS * DOUBLINGS],
    count: AtomicU32,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            steps: [const { AtomicU32::new(0) }; STEPS * DOUBLINGS],
            count: AtomicU32::new(0),
        }
    }
}

impl Spread {
    /// Fewer say nothing of how the slow ones are.
    pub const ENOUGH: u32 = 20;

    /// Counts a duration.
    pub fn add(&self, took: Duration) {
        self.steps[step(took)].fetch_add(1, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 >= MEMORY {
            let mut left = 0;
            for step in &self.steps {
                let half = step.load(Ordering::Relaxed) / 2;
                step.store(half, Ordering::Relaxed);
                left += half;
            }
            self.count.store(left, Ordering::Relaxed);
        }
    }

    /// The duration that this percentage stays below; `None` before [`ENOUGH`](Self::ENOUGH) were
    /// counted.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        if self.count.load(Ordering::Relaxed) < Self::ENOUGH {
            return None;
        }
        let counts = self.steps.iter().map(|step| step.load(Ordering::Relaxed));
        let total: u32 = counts.clone().sum();
        let wanted = f64::from(total) * f64::from(percent) / 100.0;
        let mut seen = 0;
        for (index, count) in counts.enumerate() {
            seen += count;
            if f64::from(seen) >= wanted {
                return Some(LEAST.mul_f64(2f64.powf((index + 1) as f64 / STEPS as f64)));
            }
        }
        None
    }
}

#[expect(clippy::cast_sign_loss, reason = "a logarithm of 1 or more")]
fn step(took: Duration) -> usize {
    let ratio = took.as_secs_f64() / LEAST.as_secs_f64();
    let step = (ratio.max(1.0).log2() * STEPS as f64) as usize;
    step.min(STEPS * DOUBLINGS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_known_to_within_a_ninth_once_there_are_enough() {
        let spread = Spread::default();
        for millis in 1..Spread::ENOUGH {
            spread.add(Duration::from_millis(u64::from(millis)));
        }
        assert_eq!(spread.percentile(95), None);
        for millis in u64::from(Spread::ENOUGH)..=1000 {
            spread.add(Duration::from_millis(millis));
        }
        for (percent, millis) in [(50, 500.0), (90, 900.0), (95, 950.0), (99, 990.0)] {
            let told = spread.percentile(percent).unwrap().as_secs_f64() * 1000.0;
            assert!(
                (millis..=millis * 1.13).contains(&told),
                "{percent}: {told}"
            );
        }
    }

    #[test]
    fn what_was_long_ago_fades() {
        let spread = Spread::default();
        for _ in 0..500 {
            spread.add(Duration::from_secs(30));
        }
        for _ in 0..20_000 {
            spread.add(Duration::from_millis(100));
        }
        assert!(spread.percentile(99).unwrap() < Duration::from_millis(120));
        spread.add(Duration::from_hours(9));
        spread.add(Duration::ZERO);
        assert!(spread.percentile(99).unwrap() < Duration::from_millis(120));
    }
}
