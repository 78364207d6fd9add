//! A moving average that believes bad news at once and good news slowly.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Tick;

/// How slowly good news is believed, and how slowly an unused average is forgotten.
const MEMORY: Duration = Duration::from_secs(10);

/// How many times larger one sample makes an average at most, unless time has passed.
const MOST_RISE: f64 = 2.0;

/// An exponentially weighted moving average whose weight depends on the time since the last sample,
/// and which jumps to a sample above it ("peak EWMA", as in Finagle), but not further than to its double:
/// the times of answers have long tails. Reading it lets it sink, so that a target that was slow once is
/// tried again.
#[derive(Debug)]
pub struct PeakAverage {
    /// Bits of the average; NaN before the first sample.
    value: AtomicU64,
    at: AtomicU64,
}

impl Default for PeakAverage {
    fn default() -> Self {
        Self {
            value: AtomicU64::new(f64::NAN.to_bits()),
            at: AtomicU64::new(0),
        }
    }
}

impl PeakAverage {
    /// Takes a sample. Two at once may lose one of them; an average bears that.
    pub fn add(&self, sample: f64, now: Tick) {
        let old = f64::from_bits(self.value.load(Ordering::Relaxed));
        let new = if old.is_nan() {
            sample
        } else {
            let kept = self.kept(now);
            let mean = old * kept + sample * (1.0 - kept);
            // One answer that took unusually long tells little; several in a row are news.
            let most = (old * MOST_RISE).max(mean);
            if sample > old { sample.min(most) } else { mean }
        };
        self.value.store(new.to_bits(), Ordering::Relaxed);
        self.at.store(now.0, Ordering::Relaxed);
    }

    /// The average as of its last sample; `None` before the first.
    pub fn get(&self) -> Option<f64> {
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        (!value.is_nan()).then_some(value)
    }

    /// When the last sample came.
    pub fn at(&self) -> Option<Tick> {
        self.get().map(|_| Tick(self.at.load(Ordering::Relaxed)))
    }

    /// The average, sunk by the time since its last sample.
    pub fn sunk(&self, now: Tick) -> Option<f64> {
        Some(self.get()? * self.kept(now))
    }

    fn kept(&self, now: Tick) -> f64 {
        let age = now.since(Tick(self.at.load(Ordering::Relaxed)));
        (-age.as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_news_is_believed_at_once_and_good_news_slowly() {
        let average = PeakAverage::default();
        let at = |seconds: u64| Tick(seconds * 1_000_000_000);
        assert_eq!(average.get(), None);
        average.add(100.0, at(0));
        average.add(500.0, at(1));
        assert_eq!(average.get(), Some(200.0), "one may be a whim");
        average.add(500.0, at(1));
        average.add(500.0, at(1));
        assert_eq!(average.get(), Some(500.0), "three are news");
        average.add(100.0, at(2));
        let slow = average.get().unwrap();
        assert!(slow > 400.0 && slow < 500.0, "{slow}");
        average.add(100.0, at(60));
        assert!(average.get().unwrap() < 105.0);
        assert!(average.sunk(at(120)).unwrap() < 1.0);
    }
}
