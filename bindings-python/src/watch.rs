//! What a thread that waits for the engine looks out for: signals and its time limit.

use std::time::Duration;

use pyo3::{exceptions::PyTimeoutError, prelude::*};

use crate::exit::signals;

/// How often a waiting thread looks for signals, so that Ctrl-C works.
pub(crate) const SIGNALS: Duration = Duration::from_millis(50);

/// Looks out while a call runs.
pub(crate) struct Watch {
    step: Duration,
    /// Steps until the time is up.
    left: Option<u32>,
    raised: Option<PyErr>,
}

impl Watch {
    /// A watch with a limit in seconds.
    pub(crate) fn new(seconds: Option<f64>) -> Self {
        let limit = seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let left = limit.map(|limit| {
            let steps = limit.as_millis().div_ceil(SIGNALS.as_millis());
            u32::try_from(steps).unwrap_or(u32::MAX).max(1)
        });
        let step = match (limit, left) {
            (Some(limit), Some(left)) => limit / left,
            _ => SIGNALS,
        };
        Self {
            step,
            left,
            raised: None,
        }
    }

    /// How long to wait before each look.
    pub(crate) fn step(&self) -> Duration {
        self.step
    }

    /// Looks once, after a step has passed without an answer.
    pub(crate) fn go_on(&mut self) -> bool {
        if let Err(error) = signals() {
            self.raised = Some(error);
        } else if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.raised = Some(PyTimeoutError::new_err("no answer within the time limit"));
            }
        }
        self.raised.is_none()
    }

    /// What the looks found.
    pub(crate) fn verdict(self) -> PyResult<()> {
        self.raised.map_or(Ok(()), Err)
    }
}
