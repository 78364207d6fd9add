//! How many calls callers may have under way.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tidegate_types::config::Limit;

use crate::admission::{Gate, Need, Room, Seats, UNCAPPED};

/// Calls at a time of one of those who call.
#[derive(Debug)]
pub struct Limits {
    most: AtomicU32,
    gate: Arc<Gate>,
}

impl Limits {
    /// No limit, of a caller whose calls wait in that room.
    pub fn new(room: &Arc<Room>) -> Self {
        Self {
            most: AtomicU32::new(UNCAPPED),
            gate: Gate::new(room),
        }
    }

    /// Takes over the least of the configured limits.
    pub fn configure(&self, limits: &[Limit]) {
        let most = limits.iter().filter_map(|limit| limit.in_flight).min();
        let most = most.map_or(UNCAPPED, |most| u32::try_from(most).unwrap_or(UNCAPPED));
        self.most.store(most, Ordering::Relaxed);
    }

    /// Percent taken; 0 when there is no limit.
    pub fn used(&self) -> f64 {
        let Need { gate, most } = self.need();
        f64::from(gate.taken()) * 100.0 / f64::from(most.max(1))
    }

    /// Whether there is a place now.
    ///
    /// # Errors
    /// The limit.
    pub fn would_admit(&self) -> Result<(), u32> {
        let Need { gate, most } = self.need();
        gate.has_room(most).then_some(()).ok_or(most)
    }

    /// A place among the calls at a time.
    pub fn need(&self) -> Need {
        Need {
            gate: Arc::clone(&self.gate),
            most: self.most.load(Ordering::Relaxed),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// The limit.
    pub fn admit(&self, room: &Room) -> Result<Seats, u32> {
        let need = self.need();
        room.enter(std::slice::from_ref(&need)).ok_or(need.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_and_given_back() {
        let room = Arc::<Room>::default();
        let limits = Limits::new(&room);
        limits.configure(&[Limit {
            in_flight: Some(1),
            ..Limit::default()
        }]);
        let first = limits.admit(&room).unwrap();
        assert_eq!(limits.admit(&room).unwrap_err(), 1);
        assert_eq!(limits.would_admit(), Err(1));
        drop(first);
        assert!(limits.admit(&room).is_ok());
    }
}
