//! Instruments of the benches: a load generator, process counters, medians and the table of results.
#![expect(
    clippy::disallowed_methods,
    reason = "instruments read clocks and sleep"
)]

pub mod corpus;
pub mod load;
pub mod process;
pub mod simulation;
pub mod stats;
pub mod wire;
