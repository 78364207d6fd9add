//! How fast callers may call.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tidegate_types::config::Limit;

use crate::{
    admission::{Gate, Need, Room, Seats, UNCAPPED},
    clock::Tick,
    window::Window,
};

/// The limits of one identity.
#[derive(Debug)]
pub struct Limits {
    rates: Mutex<Vec<(u64, Window)>>,
    /// Most calls at a time.
    most: AtomicU32,
    gate: Arc<Gate>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Too many calls in a window: the limit, its window, and when there is room.
    Requests(u64, Duration, Duration),
    /// Too many calls at a time: the limit.
    InFlight(u32),
}

impl Limits {
    /// No limits, of a caller whose calls wait in that room.
    pub fn new(room: &Arc<Room>) -> Self {
        Self {
            rates: Mutex::default(),
            most: AtomicU32::new(UNCAPPED),
            gate: Gate::new(room),
        }
    }

    /// Takes over the configured limits; counts are kept for limits at the same position.
    pub fn configure(&self, limits: &[Limit], now: Tick) {
        let most = limits.iter().filter_map(|limit| limit.in_flight).min();
        let most = most.map_or(UNCAPPED, |most| u32::try_from(most).unwrap_or(UNCAPPED));
        self.most.store(most, Ordering::Relaxed);
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
        let Need { gate, most } = self.need();
        let (running, most) = (u64::from(gate.taken()), u64::from(most));
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates
            .iter_mut()
            .map(|(limit, window)| percent(u64::try_from(window.sum(now)).unwrap_or(0), *limit))
            .fold(percent(running, most), f64::max)
    }

    /// Whether a call could be counted now. Nothing changes.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn would_admit(&self, now: Tick) -> Result<(), Limited> {
        let Need { gate, most } = self.need();
        if !gate.has_room(most) {
            return Err(Limited::InFlight(most));
        }
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        fits(&mut rates, now)
    }

    /// A place among the calls at a time.
    pub fn need(&self) -> Need {
        Need {
            gate: Arc::clone(&self.gate),
            most: self.most.load(Ordering::Relaxed),
        }
    }

    /// Takes a place among the calls at a time, and counts the call against every other limit, or
    /// against none.
    ///
    /// # Errors
    /// [`Limited`] of the first limit that is reached.
    pub fn admit(&self, room: &Room, now: Tick) -> Result<Seats, Limited> {
        let need = self.need();
        let seats = room.enter(std::slice::from_ref(&need));
        let seats = seats.ok_or(Limited::InFlight(need.most))?;
        self.count(now)?;
        Ok(seats)
    }

    /// Takes back what [`count`](Self::count) has just counted: another level refused the call.
    pub fn uncount(&self, now: Tick) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, window) in rates.iter_mut() {
            window.add(now, -1);
        }
    }

    /// Counts a call against every limit but that of calls at a time, or against none.
    ///
    /// # Errors
    /// [`Limited`] of the first limit that is reached.
    pub fn count(&self, now: Tick) -> Result<(), Limited> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        fits(&mut rates, now)?;
        for (_, window) in rates.iter_mut() {
            window.add(now, 1);
        }
        Ok(())
    }
}

fn fits(rates: &mut [(u64, Window)], now: Tick) -> Result<(), Limited> {
    for (limit, window) in rates {
        if u64::try_from(window.sum(now)).unwrap_or(0) >= *limit {
            return Err(Limited::Requests(
                *limit,
                window.length(),
                window.frees(now, 1),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_types::config::Duration as Span;

    #[test]
    fn both_kinds_of_limit_hold_and_recover() {
        let room = Arc::<Room>::default();
        let limits = Limits::new(&room);
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
        let first = limits.admit(&room, now).unwrap();
        assert_eq!(limits.admit(&room, now).unwrap_err(), Limited::InFlight(1));
        drop(first);
        drop(limits.admit(&room, now).unwrap());
        assert!(matches!(
            limits.admit(&room, now),
            Err(Limited::Requests(2, _, _))
        ));
        assert!(
            limits
                .admit(&room, now.plus(Duration::from_secs(62)))
                .is_ok()
        );
    }
}
