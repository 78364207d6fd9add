use std::{io, process::Command};

use benches::{process::sibling, stats::median};

use crate::results::Row;

/// The measuring happens in a process of its own, so that nothing else's memory is in its caches.
pub(super) fn run() -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, figure, limit) in [
        ("execute", "one call, from Rust", Some(8.0)),
        (
            "complete",
            "one call, through the bridge of the bindings",
            Some(8.0),
        ),
        ("guarded", "the same with a key, a budget and a limit", None),
        (
            "decide",
            "routing among 100 routes of 20 targets and 50 rules",
            Some(5.0),
        ),
        ("stream", "one event of a stream, drained in batches", None),
        (
            "translate",
            "a chat of 4 KB into another dialect, the dearest of 30 ways",
            Some(40.0),
        ),
        (
            "translate_reply",
            "a reply of 4 KB into another dialect, the dearest of 30 ways",
            Some(40.0),
        ),
    ] {
        let mut samples = Vec::new();
        for _ in 0..3 {
            let output = Command::new(sibling("bench-engine")?).arg(mode).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let value = text.trim().parse::<f64>().map_err(|_| {
                io::Error::other(format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
            })?;
            samples.push(value);
        }
        let value = median(&samples);
        rows.push(match limit {
            Some(limit) => Row::at_most(figure, value, limit, " µs"),
            None => Row::plain(figure, format!("{value:.2} µs")),
        });
    }
    Ok(rows)
}
