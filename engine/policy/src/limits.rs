//! How fast callers may call.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tidegate_types::config::Limit;

use crate::{clock::Tick, window::Window};

/// The limits of one identity.
#[derive(Debug, Default)]
pub struct Limits {
    rates: Mutex<Vec<(u64, Window)>>,
    /// Most calls at a time; `u64::MAX` for no limit.
    most: AtomicU64,
    running: AtomicU64,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Too many calls in a window: the limit, its window, and when there is room.
    Requests(u64, Duration, Duration),
    /// Too many calls at a time: the limit.
    InFlight(u64),
}

/// A place among the calls at a time; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Arc<Limits>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    /// Takes over the configured limits; counts are kept for limits at the same position.
    pub fn configure(&self, limits: &[Limit], now: Tick) {
        let most = limits.iter().filter_map(|limit| limit.in_flight).min();
        self.most.store(most.unwrap_or(u64::MAX), Ordering::Relaxed);
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: Vec<_> = limits
            .iter()
            .filter_map(|limit| Some((limit.requests?, limit.per?.get())))
            .collect();
        rates.truncate(wanted.len());
        for (position, (requests, per)) in wanted.into_iter().enumerate() {
            match rates.get_mut(position) {
                Some((limit, window)) => {
                    *limit = requests;
                    window.resize(per, now);
                }
                None => rates.push((requests, Window::new(per))),
            }
        }
    }

    /// Percent used of the fullest limit; 0 when there is none.
    pub fn used(&self, now: Tick) -> f64 {
        let percent = |used: u64, most: u64| used as f64 * 100.0 / most.max(1) as f64;
        let running = self.running.load(Ordering::Relaxed);
        let most = self.most.load(Ordering::Relaxed);
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates
            .iter_mut()
            .map(|(limit, window)| percent(u64::try_from(window.sum(now)).unwrap_or(0), *limit))
            .fold(percent(running, most), f64::max)
    }

    /// Counts a call against every limit, or against none.
    ///
    /// # Errors
    /// [`Limited`] of the first limit that is reached.
    pub fn admit(self: &Arc<Self>, now: Tick) -> Result<Permit, Limited> {
        let most = self.most.load(Ordering::Relaxed);
        if self.running.fetch_add(1, Ordering::Relaxed) >= most {
            self.running.fetch_sub(1, Ordering::Relaxed);
            return Err(Limited::InFlight(most));
        }
        let permit = Permit(Arc::clone(self));
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        for (limit, window) in rates.iter_mut() {
            if u64::try_from(window.sum(now)).unwrap_or(0) >= *limit {
                return Err(Limited::Requests(
                    *limit,
                    window.length(),
                    window.frees(now, 1),
                ));
            }
        }
        for (_, window) in rates.iter_mut() {
            window.add(now, 1);
        }
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_types::config::Duration as Span;

    #[test]
    fn both_kinds_of_limit_hold_and_recover() {
        let limits = Arc::new(Limits::default());
        limits.configure(
            &[
                Limit {
                    requests: Some(2),
                    per: Some(Span(Duration::from_mins(1))),
                    in_flight: None,
                },
                Limit {
                    in_flight: Some(1),
                    ..Limit::default()
                },
            ],
            Tick(0),
        );
        let now = Tick(1);
        let first = limits.admit(now).unwrap();
        assert_eq!(limits.admit(now).unwrap_err(), Limited::InFlight(1));
        drop(first);
        drop(limits.admit(now).unwrap());
        assert!(matches!(limits.admit(now), Err(Limited::Requests(2, _, _))));
        assert!(limits.admit(now.plus(Duration::from_secs(62))).is_ok());
    }
}
