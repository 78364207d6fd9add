//! What outlives a change of configuration.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{KeyPauses, Meter, Pause, Place};
use crate::admission::{Gate, Room};

/// Entries that nobody uses are looked for when this many came since the last time.
const SWEEP: usize = 1024;

/// Places and pauses by name. A name holds what makes the state worthless when it changes: a target
/// that moved to another address, or a key with another value, starts anew.
#[derive(Debug, Default)]
pub struct Registry {
    room: Arc<Room>,
    gates: Shelf<Arc<Gate>>,
    places: Shelf<Place>,
    refused: Shelf<Pause>,
    pauses: Shelf<KeyPauses>,
    meters: Shelf<Meter>,
}

#[derive(Debug)]
struct Shelf<T> {
    entries: HashMap<String, Arc<T>>,
    sweep_at: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            sweep_at: SWEEP,
        }
    }
}

impl<T> Shelf<T> {
    fn get(&mut self, name: &str, new: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.entries.get(name) {
            return Arc::clone(known);
        }
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, entry| Arc::strong_count(entry) > 1);
            self.sweep_at = self.entries.len() + SWEEP;
        }
        let entry = self.entries.entry(name.to_owned());
        Arc::clone(entry.or_insert_with(|| Arc::new(new())))
    }
}

impl Registry {
    /// An empty registry of places whose calls wait in that room.
    pub fn new(room: Arc<Room>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Where calls wait.
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// The count of calls under way at something that is no target.
    pub fn gate(&mut self, name: &str) -> Arc<Gate> {
        let room = &self.room;
        let gate = self.gates.get(name, || Gate::new(room));
        Arc::clone(&gate)
    }

    /// The state of a target.
    pub fn place(&mut self, name: &str) -> Arc<Place> {
        let room = &self.room;
        self.places.get(name, || Place::new(room))
    }

    /// How long a provider key is left alone because it was refused.
    pub fn refused(&mut self, name: &str) -> Arc<Pause> {
        self.refused.get(name, Pause::default)
    }

    /// The pauses of a provider key at one target.
    pub fn pauses(&mut self, name: &str) -> Arc<KeyPauses> {
        self.pauses.get(name, KeyPauses::default)
    }

    /// What a target was used within a window of that length.
    pub fn meter(&mut self, name: &str, window: Duration) -> Arc<Meter> {
        let name = format!("{name}\n{}", window.as_nanos());
        self.meters.get(&name, || Meter::new(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_is_forgotten_and_the_rest_is_kept() {
        let mut registry = Registry::default();
        let kept = registry.place("kept");
        for index in 0..3 * SWEEP {
            registry.place(&index.to_string());
        }
        assert!(registry.places.entries.len() <= SWEEP + 2);
        assert!(Arc::ptr_eq(&kept, &registry.place("kept")));
    }
}
