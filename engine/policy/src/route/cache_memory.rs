//! Which targets saw the beginning of a prompt.

use std::{collections::HashMap, sync::Mutex, sync::PoisonError, time::Duration};

use smallvec::SmallVec;

use crate::clock::Tick;

/// Beginnings that are remembered; more push the oldest out.
const MOST: usize = 16_384;
/// Targets remembered for each.
const TARGETS: usize = 2;

/// Remembers which targets saw the beginning of a prompt, because their vendors' caches hold it now.
#[derive(Debug)]
pub struct CacheMemory {
    keeps: Duration,
    seen: Mutex<HashMap<u64, Seen>>,
}

type Seen = SmallVec<[(u16, Tick); TARGETS]>;

impl CacheMemory {
    /// A memory in which a vendor's cache is taken to last that long after its last use.
    pub fn new(keeps: Duration) -> Self {
        Self {
            keeps,
            seen: Mutex::default(),
        }
    }

    /// The targets that saw the first of these beginnings that any did, the last one first. Give the
    /// longest beginning first.
    pub fn recall(&self, beginnings: &[u64], now: Tick) -> SmallVec<[u16; 2]> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for beginning in beginnings {
            let Some(entry) = seen.get(beginning) else {
                continue;
            };
            let fresh = entry.iter().filter(|(_, at)| now.since(*at) < self.keeps);
            let targets: SmallVec<[u16; 2]> = fresh.map(|(target, _)| *target).collect();
            if !targets.is_empty() {
                return targets;
            }
        }
        SmallVec::new()
    }

    /// Takes note that a target answered a prompt with these beginnings.
    pub fn remember(&self, beginnings: &[u64], target: u16, now: Tick) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() + beginnings.len() > MOST {
            self.forget(&mut seen, now);
        }
        for beginning in beginnings {
            let entry = seen.entry(*beginning).or_default();
            entry.retain(|(other, _)| *other != target);
            entry.truncate(TARGETS - 1);
            entry.insert(0, (target, now));
        }
    }

    /// Drops what is too old, and the older half when that is not enough.
    fn forget(&self, seen: &mut HashMap<u64, Seen>, now: Tick) {
        let latest = |entry: &Seen| entry.first().map_or(Tick(0), |(_, at)| *at);
        seen.retain(|_, entry| now.since(latest(entry)) < self.keeps);
        if seen.len() > MOST / 2 {
            let mut times: Vec<Tick> = seen.values().map(latest).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            seen.retain(|_, entry| latest(entry) > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_targets_of_the_longest_known_beginning_are_recalled_for_a_while() {
        let memory = CacheMemory::new(Duration::from_mins(5));
        let at = |seconds: u64| Tick(seconds * 1_000_000_000);
        memory.remember(&[11, 1], 3, at(0));
        memory.remember(&[12, 1], 4, at(10));
        assert_eq!(memory.recall(&[11, 1], at(20)).as_slice(), [3]);
        assert_eq!(memory.recall(&[13, 1], at(20)).as_slice(), [4, 3]);
        memory.remember(&[13, 1], 3, at(30));
        assert_eq!(memory.recall(&[14, 1], at(40)).as_slice(), [3, 4]);
        assert!(memory.recall(&[1], at(400)).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stays() {
        let memory = CacheMemory::new(Duration::from_hours(1));
        for n in 0..3 * MOST as u64 {
            memory.remember(&[n], 1, Tick(n));
        }
        assert!(memory.seen.lock().unwrap().len() <= MOST);
        let last = 3 * MOST as u64 - 1;
        assert_eq!(memory.recall(&[last], Tick(last)).as_slice(), [1]);
    }
}
