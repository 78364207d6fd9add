//! How many calls may be under way, and who goes first when there is no room.
//!
//! A [`Gate`] counts the calls at one place: a target, a provider's key, a provider, the engine, a
//! caller. A call takes a place at every gate on its way, or at none. Where it finds none, it may wait in
//! the [`Room`]: callers take turns there, so that many calls of one do not hold up the others, and higher
//! classes go first. Whoever leaves a gate serves the room, in its own thread: there is no worker, and
//! where nothing is capped there is no lock.

mod controller;
mod gate;
mod line;
mod room;

pub use gate::{Gate, Need, Seats, UNCAPPED, Way};
pub use room::{Granted, Load, QueuePolicy, Refusal, Room, Waiting};

#[cfg(test)]
mod tests;
