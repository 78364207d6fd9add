//! Logs of the command line, to standard error.

use std::io::IsTerminal as _;

use tidegate::{Code, Error};
use tracing_subscriber::EnvFilter;

use super::paint;

/// Installs the subscriber; leaves one alone that is already there.
///
/// # Errors
/// `invalid_config` when `what` is neither a known word nor tracing directives.
pub(super) fn install(what: &str) -> Result<(), Error> {
    let directives = match what {
        "quiet" => "error,tidegate::call=off",
        "normal" | "" => "warn,tidegate=info,tidegate_server=info,tidegate::call=off",
        "calls" => "warn,tidegate=info,tidegate_server=info,tidegate::call=info",
        "debug" => "info,tidegate=debug,tidegate_server=debug,tidegate::call=info",
        other => other,
    };
    let filter = EnvFilter::try_new(directives).map_err(|error| {
        let text = format!(
            "--log {what}: {error}; use quiet, normal, calls, debug or directives such as \
             info,hyper=debug"
        );
        Error::new(Code::InvalidConfig, text)
    })?;
    // A second start in the same process keeps the first one's subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(paint::wanted(std::io::stderr().is_terminal()))
        .with_target(false)
        .try_init();
    Ok(())
}
