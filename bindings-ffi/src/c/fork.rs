//! Handles that belong to one process.

use super::{error::tg_error, result_gen::tg_result};

/// The process that made a handle. Threads do not survive a fork, so what waits for one of the
/// engine's must not be used, nor taken apart, in a child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner(u32);

impl Owner {
    pub(super) fn here() -> Self {
        Self(std::process::id())
    }

    pub(super) fn is_here(self) -> bool {
        self.0 == std::process::id()
    }

    pub(super) fn check(self) -> Result<(), tg_error> {
        if self.is_here() {
            return Ok(());
        }
        Err(tg_error::misuse(
            tg_result::TG_OTHER_PROCESS,
            "the handle was made before a fork; make a new one in the child",
        ))
    }
}
