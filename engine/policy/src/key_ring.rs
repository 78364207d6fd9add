//! Which provider key a try uses.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{clock::Tick, glob, rng::Rng};

/// A set of provider keys by position. The secrets themselves stay with the provider.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

#[derive(Debug)]
struct RingKey {
    weight: u32,
    models: Vec<String>,
    /// Moment until which the key is left alone, as a [`Tick`].
    cooling_until: AtomicU64,
}

/// What the ring offers for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// A key that is ready.
    Ready(usize),
    /// Every fitting key is cooling down; this one is ready soonest, at the given moment.
    Cooling(usize, Tick),
    /// No key may be used for the model.
    None,
}

impl KeyRing {
    /// A ring of keys with their weights and model patterns (empty: all models).
    pub fn new(keys: impl IntoIterator<Item = (u32, Vec<String>)>) -> Self {
        let keys = keys
            .into_iter()
            .map(|(weight, models)| RingKey {
                weight,
                models,
                cooling_until: AtomicU64::new(0),
            })
            .collect();
        Self { keys }
    }

    /// True when the provider needs no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Draws a ready key for `model` by weight. Keys of weight zero are a reserve: they are used
    /// when no other is ready. `not` is the key that just failed, avoided when there is another.
    pub fn pick(&self, model: &str, now: Tick, not: Option<usize>, rng: &mut Rng) -> Pick {
        if let [only] = self.keys.as_slice() {
            if !glob::admits(&only.models, model) {
                return Pick::None;
            }
            let until = Tick(only.cooling_until.load(Ordering::Relaxed));
            return if until <= now {
                Pick::Ready(0)
            } else {
                Pick::Cooling(0, until)
            };
        }
        let usable = |index: &usize| glob::admits(&self.keys[*index].models, model);
        let ready = |index: &usize| {
            usable(index) && self.keys[*index].cooling_until.load(Ordering::Relaxed) <= now.0
        };
        let weight = |index: usize| {
            if ready(&index) && Some(index) != not {
                self.keys[index].weight
            } else {
                0
            }
        };
        if let Some(index) = rng.weighted((0..self.keys.len()).map(weight)) {
            return Pick::Ready(index);
        }
        let reserve = (0..self.keys.len())
            .filter(ready)
            .min_by_key(|index| Some(*index) == not);
        if let Some(index) = reserve {
            return Pick::Ready(index);
        }
        (0..self.keys.len())
            .filter(usable)
            .map(|index| {
                (
                    Tick(self.keys[index].cooling_until.load(Ordering::Relaxed)),
                    index,
                )
            })
            .min()
            .map_or(Pick::None, |(until, index)| Pick::Cooling(index, until))
    }

    /// Whether a key other than `not` is ready for `model`.
    pub fn has_other(&self, model: &str, now: Tick, not: usize) -> bool {
        self.keys.iter().enumerate().any(|(index, key)| {
            index != not
                && glob::admits(&key.models, model)
                && key.cooling_until.load(Ordering::Relaxed) <= now.0
        })
    }

    /// Leaves a key alone for a while.
    pub fn cool(&self, index: usize, now: Tick, pause: Duration) {
        if let Some(key) = self.keys.get(index) {
            key.cooling_until
                .fetch_max(now.plus(pause).0, Ordering::Relaxed);
        }
    }

    /// A success ends a key's pause.
    pub fn warm(&self, index: usize) {
        if let Some(key) = self.keys.get(index)
            && key.cooling_until.load(Ordering::Relaxed) != 0
        {
            key.cooling_until.store(0, Ordering::Relaxed);
        }
    }

    /// How long each key is still left alone, by position.
    pub fn cooling(&self, now: Tick) -> impl Iterator<Item = Duration> {
        self.keys
            .iter()
            .map(move |key| Tick(key.cooling_until.load(Ordering::Relaxed)).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cooling_keys_are_skipped_until_their_time() {
        let keys = KeyRing::new([(1, vec![]), (1, vec!["b-*".to_owned()]), (0, vec![])]);
        let mut rng = Rng::with_seed(3);
        let now = Tick(1_000);
        keys.cool(0, now, Duration::from_secs(1));
        assert_eq!(keys.pick("b-1", now, None, &mut rng), Pick::Ready(1));
        assert_eq!(keys.pick("a-1", now, None, &mut rng), Pick::Ready(2));
        keys.cool(2, now, Duration::from_secs(2));
        let until = now.plus(Duration::from_secs(1));
        assert_eq!(
            keys.pick("a-1", now, None, &mut rng),
            Pick::Cooling(0, until)
        );
        assert_eq!(keys.pick("a-1", until, None, &mut rng), Pick::Ready(0));
        keys.warm(2);
        assert!(keys.has_other("a-1", now, 0));
    }

    #[test]
    fn the_key_that_failed_is_avoided_when_there_is_another() {
        let keys = KeyRing::new([(1, vec![]), (1, vec![])]);
        let mut rng = Rng::with_seed(3);
        for _ in 0..50 {
            assert_eq!(keys.pick("m", Tick(0), Some(0), &mut rng), Pick::Ready(1));
        }
    }
}
