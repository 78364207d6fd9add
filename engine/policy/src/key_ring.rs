//! Which provider key a try uses.

use std::sync::Arc;

use crate::{
    admission::Gate,
    clock::Tick,
    glob,
    health::{KeyPauses, Pause},
    rng::Rng,
};

/// A set of provider keys by position. The secrets themselves stay with the provider.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

/// A key without its secret.
#[derive(Debug)]
pub struct RingKey {
    /// Share of calls; 0 keeps it in reserve.
    pub weight: u32,
    /// Patterns of models it may be used for; empty: all.
    pub models: Vec<String>,
    /// How long it is left alone because it was refused, at every target.
    pub refused: Arc<Pause>,
    /// Counts its calls under way, at every target.
    pub gate: Arc<Gate>,
    /// Most of them; [`UNCAPPED`](crate::admission::UNCAPPED) for any number.
    pub most: u32,
}

/// What is known of each key at one target, by position.
pub type Pauses = [Arc<KeyPauses>];

/// What the ring offers for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// A key that is ready.
    Ready(usize),
    /// Every fitting key is left alone; this one is ready soonest, at the given moment.
    Cooling(usize, Tick),
    /// Every key that is ready has as many calls under way as it may.
    Full,
    /// No key may be used for the model.
    None,
}

/// How ready the keys of a target are, the best of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// One is ready.
    Ready,
    /// One is ready, but little of its quota is left.
    Scarce,
    /// None before this moment.
    Cooling(Tick),
    /// Every key was refused by the upstream; the first may be asked again at this moment.
    Refused(Tick),
    /// No key may be used for the model.
    None,
}

impl KeyRing {
    /// A ring of these keys.
    pub fn new(keys: Vec<RingKey>) -> Self {
        Self { keys }
    }

    /// True when the provider needs no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Draws a ready key for `model` by weight, from those with quota left if there are any. Keys of
    /// weight zero are a reserve: they are used when no other is ready. `not` is the key that just
    /// failed, avoided when there is another.
    pub fn pick(
        &self,
        model: &str,
        pauses: &Pauses,
        now: Tick,
        not: Option<usize>,
        rng: &mut Rng,
    ) -> Pick {
        if let [only] = self.keys.as_slice() {
            if !glob::admits(&only.models, model) {
                return Pick::None;
            }
            let until = self.until(0, pauses);
            return match until <= now {
                true if only.gate.has_room(only.most) => Pick::Ready(0),
                true => Pick::Full,
                false => Pick::Cooling(0, until),
            };
        }
        let usable = |index: &usize| glob::admits(&self.keys[*index].models, model);
        let rested = |index: &usize| usable(index) && self.until(*index, pauses) <= now;
        let room = |index: usize| self.keys[index].gate.has_room(self.keys[index].most);
        let ready = |index: &usize| rested(index) && room(*index);
        let plenty = |index: usize| pauses.get(index).is_none_or(|key| key.scarce.over(now));
        for spare in [true, false] {
            let weight = |index: usize| {
                if ready(&index) && Some(index) != not && (!spare || plenty(index)) {
                    self.keys[index].weight
                } else {
                    0
                }
            };
            if let Some(index) = rng.weighted((0..self.keys.len()).map(weight)) {
                return Pick::Ready(index);
            }
            // A reserve with quota left goes before a key without.
            let reserve =
                |index: &usize| ready(index) && Some(*index) != not && (!spare || plenty(*index));
            if let Some(index) = (0..self.keys.len()).find(reserve) {
                return Pick::Ready(index);
            }
        }
        if let Some(index) = (0..self.keys.len()).find(ready) {
            return Pick::Ready(index);
        }
        if (0..self.keys.len()).any(|index| rested(&index)) {
            return Pick::Full;
        }
        (0..self.keys.len())
            .filter(usable)
            .map(|index| (self.until(index, pauses), index))
            .min()
            .map_or(Pick::None, |(until, index)| Pick::Cooling(index, until))
    }

    /// How ready the keys for `model` are.
    pub fn readiness(&self, model: &str, pauses: &Pauses, now: Tick) -> Readiness {
        if self.keys.is_empty() {
            return Readiness::Ready;
        }
        let mut best = Readiness::None;
        for (index, key) in self.keys.iter().enumerate() {
            if !glob::admits(&key.models, model) {
                continue;
            }
            let until = self.until(index, pauses);
            if until <= now {
                if pauses.get(index).is_none_or(|key| key.scarce.over(now)) {
                    return Readiness::Ready;
                }
                best = Readiness::Scarce;
                continue;
            }
            let limited = pauses.get(index).is_some_and(|key| !key.limited.over(now));
            best = match best {
                Readiness::None | Readiness::Refused(_) if limited => Readiness::Cooling(until),
                Readiness::None => Readiness::Refused(until),
                Readiness::Refused(other) => Readiness::Refused(other.min(until)),
                Readiness::Cooling(other) => Readiness::Cooling(other.min(until)),
                other => other,
            };
        }
        best
    }

    /// Whether a key other than `not` is ready for `model`.
    pub fn has_other(&self, model: &str, pauses: &Pauses, now: Tick, not: usize) -> bool {
        self.keys.iter().enumerate().any(|(index, key)| {
            index != not && glob::admits(&key.models, model) && self.until(index, pauses) <= now
        })
    }

    /// The keys that could be used for `model` now, whether or not they have room.
    pub fn rested(&self, model: &str, pauses: &Pauses, now: Tick) -> impl Iterator<Item = usize> {
        (0..self.keys.len()).filter(move |index| {
            glob::admits(&self.keys[*index].models, model) && self.until(*index, pauses) <= now
        })
    }

    /// The count of a key's calls under way, and the most there may be.
    pub fn gate(&self, index: usize) -> Option<(&Arc<Gate>, u32)> {
        self.keys.get(index).map(|key| (&key.gate, key.most))
    }

    /// How long a key is left alone everywhere.
    pub fn refused(&self, index: usize) -> Option<&Pause> {
        self.keys.get(index).map(|key| &*key.refused)
    }

    /// The moment from which a key may be used.
    fn until(&self, index: usize, pauses: &Pauses) -> Tick {
        let refused = self.keys[index].refused.until();
        let limited = pauses.get(index).map(|key| key.limited.until());
        refused.max(limited.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admission::{Need, Room, UNCAPPED};

    fn ring(keys: &[(u32, &[&str])]) -> (KeyRing, Vec<Arc<KeyPauses>>) {
        let pauses = keys.iter().map(|_| Arc::default()).collect();
        let keys = keys.iter().map(|(weight, models)| RingKey {
            weight: *weight,
            models: models.iter().map(|&model| model.to_owned()).collect(),
            refused: Arc::default(),
            gate: Arc::default(),
            most: UNCAPPED,
        });
        (KeyRing::new(keys.collect()), pauses)
    }

    #[test]
    fn keys_left_alone_are_skipped_until_their_time() {
        let (keys, pauses) = ring(&[(1, &[]), (1, &["b-*"]), (0, &[])]);
        let mut rng = Rng::with_seed(3);
        let now = Tick(1_000);
        pauses[0].limited.extend(now, Duration::from_secs(1));
        assert_eq!(
            keys.pick("b-1", &pauses, now, None, &mut rng),
            Pick::Ready(1)
        );
        assert_eq!(
            keys.pick("a-1", &pauses, now, None, &mut rng),
            Pick::Ready(2)
        );
        keys.refused(2).unwrap().extend(now, Duration::from_secs(2));
        let until = now.plus(Duration::from_secs(1));
        let pick = |now, rng: &mut Rng| keys.pick("a-1", &pauses, now, None, rng);
        assert_eq!(pick(now, &mut rng), Pick::Cooling(0, until));
        assert_eq!(
            keys.readiness("a-1", &pauses, now),
            Readiness::Cooling(until)
        );
        assert_eq!(pick(until, &mut rng), Pick::Ready(0));
        keys.refused(2).unwrap().end();
        assert!(keys.has_other("a-1", &pauses, now, 0));
        let (other, fresh) = ring(&[(1, &["x"])]);
        assert_eq!(other.readiness("y", &fresh, now), Readiness::None);
        other
            .refused(0)
            .unwrap()
            .extend(now, Duration::from_secs(1));
        assert_eq!(other.readiness("x", &fresh, now), Readiness::Refused(until));
    }

    #[test]
    fn the_key_that_failed_is_avoided_when_there_is_another() {
        let (keys, pauses) = ring(&[(1, &[]), (1, &[])]);
        let mut rng = Rng::with_seed(3);
        for _ in 0..50 {
            let pick = keys.pick("m", &pauses, Tick(0), Some(0), &mut rng);
            assert_eq!(pick, Pick::Ready(1));
        }
    }

    #[test]
    fn a_key_without_room_is_passed_over() {
        let (mut keys, pauses) = ring(&[(9, &[]), (0, &[])]);
        let mut rng = Rng::with_seed(3);
        let room = Room::default();
        let mut seats = Vec::new();
        for next in [Pick::Ready(0), Pick::Ready(1), Pick::Full] {
            for key in &mut keys.keys {
                key.most = 1;
            }
            let pick = keys.pick("m", &pauses, Tick(0), None, &mut rng);
            assert_eq!(pick, next);
            if let Pick::Ready(index) = pick {
                let (gate, most) = keys.gate(index).unwrap();
                let gate = Arc::clone(gate);
                seats.extend(room.enter(&[Need { gate, most }]));
            }
        }
        pauses[0].limited.extend(Tick(0), Duration::from_secs(1));
        let pick = |rng: &mut Rng| keys.pick("m", &pauses, Tick(0), None, rng);
        assert_eq!(pick(&mut rng), Pick::Full, "the other is only full");
        assert_eq!(keys.rested("m", &pauses, Tick(0)).collect::<Vec<_>>(), [1]);
        seats.clear();
        assert_eq!(pick(&mut rng), Pick::Ready(1));
    }

    #[test]
    fn a_key_with_little_quota_is_spared_while_another_has_more() {
        let (keys, pauses) = ring(&[(9, &[]), (0, &[])]);
        let mut rng = Rng::with_seed(3);
        let now = Tick(1);
        pauses[0].scarce.extend(now, Duration::from_secs(1));
        assert_eq!(keys.pick("m", &pauses, now, None, &mut rng), Pick::Ready(1));
        assert_eq!(keys.readiness("m", &pauses, now), Readiness::Ready);
        pauses[1].scarce.extend(now, Duration::from_secs(1));
        assert_eq!(keys.pick("m", &pauses, now, None, &mut rng), Pick::Ready(0));
        assert_eq!(keys.readiness("m", &pauses, now), Readiness::Scarce);
    }
}
