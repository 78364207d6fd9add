//! How much a target was used within a window.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Tick, window::Window};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tokens, prompts and answers together.
    Tokens,
    /// Nano-dollars.
    Cost,
    /// Calls.
    Requests,
}

/// A sum over a sliding window.
#[derive(Debug)]
pub struct Meter(Mutex<Window>);

impl Meter {
    /// An empty one.
    pub fn new(window: Duration) -> Self {
        Self(Mutex::new(Window::new(window)))
    }

    /// Adds what a call used.
    pub fn add(&self, now: Tick, amount: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(now, amount);
    }

    /// What was used within the window.
    pub fn sum(&self, now: Tick) -> i64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sum(now)
    }
}
