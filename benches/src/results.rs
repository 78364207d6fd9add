//! Figures as a table, on the terminal and in RESULTS.md.

use std::{fmt::Write, fs, io, path::PathBuf};

use crate::scenario::Scenario;

/// One figure.
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) measured: String,
    pub(crate) target: String,
    /// Whether the target is met; `None` when there is none.
    pub(crate) met: Option<bool>,
}

impl Row {
    /// A figure without a target.
    pub(crate) fn plain(figure: impl Into<String>, measured: String) -> Self {
        Self {
            figure: figure.into(),
            measured,
            target: String::new(),
            met: None,
        }
    }

    /// A figure that should be at most `limit`.
    pub(crate) fn at_most(figure: impl Into<String>, value: f64, limit: f64, unit: &str) -> Self {
        let number = |value: f64| match value {
            v if v >= 1000.0 => format!("{v:.0}"),
            v if v >= 20.0 => format!("{v:.1}"),
            v => format!("{v:.2}"),
        };
        Self {
            figure: figure.into(),
            measured: format!("{}{unit}", number(value)),
            target: format!("≤ {limit}{unit}"),
            met: Some(value <= limit),
        }
    }

    /// A figure that should be at least `limit`.
    pub(crate) fn at_least(figure: impl Into<String>, value: f64, limit: f64, unit: &str) -> Self {
        Self {
            figure: figure.into(),
            measured: format!("{value:.2}{unit}"),
            target: format!("≥ {limit}{unit}"),
            met: Some(value >= limit),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }
}

pub(crate) fn terminal(rows: &[Row]) -> String {
    let width = |part: fn(&Row) -> &str| {
        rows.iter()
            .map(|row| part(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (figure, measured, target) = (
        width(|row| &row.figure),
        width(|row| &row.measured),
        width(|row| &row.target),
    );
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(
            text,
            "  {:<figure$}  {:>measured$}  {:<target$}  {}",
            row.figure,
            row.measured,
            row.target,
            row.verdict()
        );
    }
    text
}

/// Replaces the scenario's section of RESULTS.md.
pub(crate) fn write(scenario: &Scenario, rows: &[Row]) -> io::Result<()> {
    let mut section = format!(
        "## {}\n\n{}. `cargo xtask bench {}`; {}.\n\n| figure | measured | target | |\n|---|---|---|---|\n",
        scenario.name,
        scenario.about,
        scenario.name,
        machine()
    );
    for row in rows {
        let _ = writeln!(
            section,
            "| {} | {} | {} | {} |",
            row.figure,
            row.measured,
            row.target,
            row.verdict()
        );
    }
    let path = root().join("benches/RESULTS.md");
    let text = fs::read_to_string(&path)?;
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        if parts.is_empty() || line.starts_with("## ") {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let heading = format!("## {}\n", scenario.name);
    match parts.iter_mut().find(|part| part.starts_with(&heading)) {
        Some(part) => *part = section,
        None => parts.push(section),
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
    fs::write(path, parts.join("\n\n") + "\n")
}

/// The checkout, as xtask says it.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("TIDEGATE_ROOT").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Cores, kernel and memory, nothing that names the host.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel: Vec<&str> = kernel.trim().split(['.', '-']).take(2).collect();
    let memory = read("/proc/meminfo");
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<f64>()
                .ok()
        })
        .unwrap_or_default();
    format!(
        "{cores} cores, {:.0} GiB, Linux {}",
        memory / 1024.0 / 1024.0,
        kernel.join(".")
    )
}
