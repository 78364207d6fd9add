//! Sums over a sliding window.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Tick;

/// Parts a window is divided into. What was added counts for the window's length and up to one
/// part more, never less: a sum can be late in forgetting, not early.
const PARTS: u64 = 60;

/// A sum of what was added during the last `length`.
#[derive(Debug)]
pub struct Window {
    length: Duration,
    /// (number of the part, sum), oldest first.
    parts: VecDeque<(u64, i64)>,
    sum: i64,
}

impl Window {
    /// An empty window of this length, at least a millisecond.
    pub fn new(length: Duration) -> Self {
        Self {
            length: length.max(Duration::from_millis(1)),
            parts: VecDeque::new(),
            sum: 0,
        }
    }

    /// The window's length.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Number of the part that `now` lies in, and how many before it count.
    pub fn part(&self, now: Tick) -> (u64, u64) {
        (now.0 / self.part_nanos(), PARTS)
    }

    /// Changes the length; what was added stays, in parts of the new length.
    pub fn resize(&mut self, length: Duration, now: Tick) {
        let length = length.max(Duration::from_millis(1));
        if length != self.length {
            let sum = self.sum(now);
            *self = Self::new(length);
            self.add(now, sum);
        }
    }

    fn part_nanos(&self) -> u64 {
        (u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX) / PARTS).max(1)
    }

    fn forget(&mut self, now: Tick) {
        let current = now.0 / self.part_nanos();
        // Threads that read the clock at about the same time come here in any order; a whole window is
        // no such difference.
        if self
            .parts
            .back()
            .is_some_and(|(last, _)| *last > current + PARTS)
        {
            self.stepped_back(current);
        }
        let oldest = current.saturating_sub(PARTS);
        while let Some((part, amount)) = self.parts.front()
            && *part < oldest
        {
            self.sum = self.sum.saturating_sub(*amount);
            self.parts.pop_front();
        }
    }

    /// The clock was set back: what was added later than now counts as added now.
    #[cold]
    fn stepped_back(&mut self, current: u64) {
        let mut later = 0i64;
        while let Some((part, amount)) = self.parts.back()
            && *part > current
        {
            later = later.saturating_add(*amount);
            self.parts.pop_back();
        }
        match self.parts.back_mut() {
            Some((last, sum)) if *last == current => *sum = sum.saturating_add(later),
            _ => self.parts.push_back((current, later)),
        }
    }

    /// Adds an amount now.
    pub fn add(&mut self, now: Tick, amount: i64) {
        self.forget(now);
        let part = now.0 / self.part_nanos();
        self.sum = self.sum.saturating_add(amount);
        match self.parts.back_mut() {
            Some((last, sum)) if *last >= part => *sum = sum.saturating_add(amount),
            _ => self.parts.push_back((part, amount)),
        }
    }

    /// The sum of the last `length`.
    pub fn sum(&mut self, now: Tick) -> i64 {
        self.forget(now);
        self.sum
    }

    /// Time until the oldest amounts that together make at least `amount` are forgotten; the whole
    /// window when it holds less.
    pub fn frees(&mut self, now: Tick, amount: i64) -> Duration {
        self.forget(now);
        let mut freed = 0i64;
        for (part, sum) in &self.parts {
            freed = freed.saturating_add(*sum);
            if freed >= amount {
                let at = (part + PARTS + 1).saturating_mul(self.part_nanos());
                return Duration::from_nanos(at.saturating_sub(now.0));
            }
        }
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_forgets_after_its_length_and_never_before() {
        let mut window = Window::new(Duration::from_mins(1));
        let at = |millis: u64| Tick(millis * 1_000_000);
        window.add(at(10_500), 5);
        window.add(at(30_000), 7);
        assert_eq!(window.sum(at(70_499)), 12);
        assert_eq!(window.sum(at(72_000)), 7);
        assert!(window.frees(at(72_000), 7) <= Duration::from_secs(20));
        assert_eq!(window.sum(at(200_000)), 0);
    }
}
