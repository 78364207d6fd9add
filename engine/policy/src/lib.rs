//! Pure decisions of the Tidegate gateway. Nothing here does I/O or knows a provider.
//!
//! - [`clock`], [`rng`]: the only sources of time and chance
//! - [`route`]: in which order targets are tried
//! - [`retry`]: what follows a failed try
//! - [`health`]: how well targets and keys do
//! - [`key_ring`]: which provider key a try uses
//! - [`admission`]: how many calls may be under way, and who goes first
//! - [`identity`]: who calls
//! - [`ledger`]: what they may spend, and how fast they may call
//! - [`price`]: what usage costs
//! - [`limits`]: how fast they may call
//! - [`kept`]: conversations, and where vendors keep things
//! - [`cache`]: which answers may be given again
//! - [`likeness`]: texts as vectors
//! - [`window`]: sums over a sliding window
//! - [`glob`]: `*` patterns

pub mod admission;
pub mod cache;
pub mod clock;
pub mod glob;
pub mod health;
pub mod identity;
pub mod kept;
pub mod key_ring;
pub mod ledger;
pub mod likeness;
pub mod limits;
pub mod price;
pub mod retry;
pub mod rng;
pub mod route;
pub mod window;

pub use clock::{Clock, Moment, Tick};
