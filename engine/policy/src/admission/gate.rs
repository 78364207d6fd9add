//! A counter of the calls under way at one place.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use smallvec::SmallVec;

use super::Room;

/// The cap of a gate that only counts.
pub const UNCAPPED: u32 = u32::MAX;

/// Calls under way at one place. It counts them all; each call says how many it bears beside it, so that
/// a changed configuration needs no new count.
#[derive(Debug, Default)]
pub struct Gate {
    taken: AtomicU32,
    /// Calls in the room that want to pass.
    waiting: AtomicU32,
    room: Arc<Room>,
}

/// A place that a call wants at a gate with room for `most`.
#[derive(Debug, Clone)]
pub struct Need {
    /// Where.
    pub gate: Arc<Gate>,
    /// Most calls under way there, this one included.
    pub most: u32,
}

/// The gates on one way to an answer: of them all, or of none, a place is taken.
pub type Way = SmallVec<[Need; 4]>;

/// Places taken by one call. Dropping them gives them back and lets the next call in.
#[derive(Debug, Default)]
pub struct Seats(SmallVec<[Arc<Gate>; 4]>);

impl Gate {
    /// A gate whose calls wait in that room.
    pub fn new(room: &Arc<Room>) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::clone(room),
            ..Self::default()
        })
    }

    /// Calls under way.
    pub fn taken(&self) -> u32 {
        self.taken.load(SeqCst)
    }

    /// Calls that wait to pass.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(SeqCst)
    }

    /// Whether a call more would fit.
    pub fn has_room(&self, most: u32) -> bool {
        most == UNCAPPED || self.taken() < most
    }

    pub(super) fn expect(&self) {
        self.waiting.fetch_add(1, SeqCst);
    }

    pub(super) fn forget(&self) {
        self.waiting.fetch_sub(1, SeqCst);
    }

    fn enter(&self, most: u32) -> bool {
        if most == UNCAPPED {
            self.taken.fetch_add(1, SeqCst);
            return true;
        }
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, SeqCst);
    }
}

impl Seats {
    /// Takes the places, or none. Whoever did so without the room's lock must have the room served when
    /// it got none: what it held for a moment may have turned another away.
    pub(super) fn take(way: &[Need]) -> Option<Self> {
        for (position, need) in way.iter().enumerate() {
            if !need.gate.enter(need.most) {
                for need in &way[..position] {
                    need.gate.leave();
                }
                return None;
            }
        }
        let gates = way.iter().map(|need| Arc::clone(&need.gate));
        Some(Self(gates.collect()))
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        for gate in &self.0 {
            gate.leave();
        }
        // After the count: whoever starts to wait either sees the free place or is seen here.
        if let Some(gate) = self.0.iter().find(|gate| gate.waiting() > 0) {
            gate.room.serve();
        }
    }
}
