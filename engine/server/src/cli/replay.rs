//! `tidegate replay`: what would have come of the calls of a log under another configuration.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader, IsTerminal as _, Read},
    path::Path,
};

use tidegate::{
    Code, Error, Money,
    bridge::Source,
    journal::{Reading, read},
    replay::{self, Percentiles, Report, Side, TargetSide},
};

use super::{
    Replay, complain,
    paint::{Paint, wanted},
    print,
};

pub(super) fn run(options: Replay) -> i32 {
    let json = options.json;
    match report(options) {
        Err(error) => complain(&error),
        Ok(report) if json => {
            let text = serde_json::to_string_pretty(&report).unwrap_or_default();
            print(&format!("{text}\n"))
        }
        Ok(report) => {
            let paint = Paint(wanted(std::io::stdout().is_terminal()));
            print(&shown(&report, paint))
        }
    }
}

fn report(options: Replay) -> Result<Report, Error> {
    let config = Source::Path(options.policy).load_without_secrets()?;
    let mut reading = Reading::default();
    for path in &options.log {
        let found = open(path).and_then(read).map_err(|error| {
            let text = format!("cannot read {}: {error}", path.display());
            Error::new(Code::InvalidRequest, text)
        })?;
        reading.records.extend(found.records);
        reading.lost += found.lost;
        reading.unreadable += found.unreadable;
    }
    reading.records.sort_by_key(|record| record.time);
    replay::run(config, &reading, options.seed)
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    Ok(Box::new(BufReader::with_capacity(1 << 20, source)))
}

/// A report for people. Writing to a String cannot fail.
fn shown(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let (was, would) = (&report.recorded, &report.replayed);
    let calls = &report.calls;
    let title = format!(
        "{} calls of {}, {} answered by another target",
        calls.compared, calls.read, report.changed
    );
    let _ = writeln!(text, "{}", paint.bold(title));
    let mut table = Table::default();
    table.row(["", "recorded", "replayed", "difference"]);
    let count = |was: u64, would: u64| {
        [
            was.to_string(),
            would.to_string(),
            change(was as f64, would as f64),
        ]
    };
    let mut figure = |name: &str, cells: [String; 3]| {
        let [was, would, difference] = cells;
        table.row([name, &was, &would, &difference]);
    };
    let dollars = |money: Money| money.nanos() as f64 / 1e9;
    figure(
        "cost",
        [
            format!("${}", was.cost),
            format!("${}", would.cost),
            change(dollars(was.cost), dollars(would.cost)),
        ],
    );
    figure("answered", count(was.answered, would.answered));
    figure("  from the cache", count(was.cached, would.cached));
    figure("errors", count(was.failed(), would.failed()));
    for slug in slugs(was, would) {
        let of = |side: &Side| side.errors.get(slug).copied().unwrap_or(0);
        figure(&format!("  {slug}"), count(of(was), of(would)));
    }
    figure("tries", count(was.tries, would.tries));
    for (name, of) in [
        ("total", (was.total_ms, would.total_ms)),
        ("first token", (was.first_token_ms, would.first_token_ms)),
    ] {
        for (percentile, pick) in PERCENTILES {
            let (was, would) = (pick(&of.0), pick(&of.1));
            if was.is_some() || would.is_some() {
                let difference = was.zip(would).map(|(was, would)| change(was, would));
                figure(
                    &format!("{name} {percentile}"),
                    [millis(was), millis(would), difference.unwrap_or_default()],
                );
            }
        }
    }
    table.print(&mut text, paint);
    let _ = writeln!(text, "\n{}", paint.bold("targets: recorded -> replayed"));
    let mut table = Table::default();
    table.row(["", "tries", "failed", "answered", "cost", "p50", "p99"]);
    for (name, both) in &report.targets {
        let (was, would) = (&both.recorded, &both.replayed);
        let both = |of: &dyn Fn(&TargetSide) -> String| format!("{} -> {}", of(was), of(would));
        table.row([
            name,
            &both(&|side| side.tries.to_string()),
            &both(&|side| side.failed.to_string()),
            &both(&|side| side.answered.to_string()),
            &both(&|side| format!("${}", side.cost)),
            &both(&|side| millis(side.total_ms.p50)),
            &both(&|side| millis(side.total_ms.p99)),
        ]);
    }
    table.print(&mut text, paint);
    let founded = report.founded;
    let _ = writeln!(text, "\n{}", paint.bold("what this is founded on"));
    for (count, what) in [
        (founded.own, "answers as the same call got there"),
        (
            founded.near,
            "drawn from others' tries at the target within ten minutes",
        ),
        (
            founded.far,
            "drawn from others' tries at the target at other times",
        ),
        (
            founded.none,
            "of a target that the log does not know: taken to be answered in their own time",
        ),
        (
            founded.guessed_usage,
            "whose tokens are guessed: the log has no count",
        ),
        (calls.lost, "missing from the log: too many ended at once"),
        (calls.unreadable, "lines that cannot be read"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {count:>8}  {what}");
        }
    }
    for (why, count) in &calls.left_out {
        let _ = writeln!(text, "  {count:>8}  left out: {}", reason(why));
    }
    text
}

fn reason(why: &str) -> &str {
    match why {
        "endpoint" => "only conversations and embeddings are replayed",
        "cancelled" => "their callers went away",
        "malformed" => "refused for what was sent or who sent it",
        "panel" => "the configuration asks a panel, which is not replayed",
        other => other,
    }
}

/// The percentiles that are shown.
type Percentile = fn(&Percentiles) -> Option<f64>;
const PERCENTILES: [(&str, Percentile); 3] = [
    ("p50", |of| of.p50),
    ("p95", |of| of.p95),
    ("p99", |of| of.p99),
];

fn slugs<'a>(was: &'a Side, would: &'a Side) -> Vec<&'a str> {
    let all = was.errors.keys().chain(would.errors.keys());
    let mut slugs: Vec<&str> = all.map(String::as_str).collect();
    slugs.sort_unstable();
    slugs.dedup();
    slugs
}

fn millis(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.0} ms"))
}

fn change(was: f64, would: f64) -> String {
    if (was - would).abs() < f64::EPSILON {
        "=".to_owned()
    } else if was == 0.0 {
        String::new()
    } else {
        format!("{:+.1} %", (would - was) * 100.0 / was)
    }
}

/// Columns as wide as their widest cell; the first is flush left.
#[derive(Default)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.0.push(cells.map(str::to_owned).to_vec());
    }

    fn print(&self, text: &mut String, paint: Paint) {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.0.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (at, row) in self.0.iter().enumerate() {
            let mut line = format!("  {:<width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}");
            }
            let line = line.trim_end();
            let _ = if at == 0 {
                writeln!(text, "{}", paint.dim(line))
            } else {
                writeln!(text, "{line}")
            };
        }
    }
}
