//! Runs steps in order of need, two at a time, and prints one line for each.

use std::{
    collections::BTreeSet,
    fs,
    io::IsTerminal,
    sync::{Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{count::Tally, job::Job, machine::Machine};

/// What a step found.
pub(crate) enum Verdict {
    /// It ran; the tally may hold failures.
    Ran(Tally),
    /// It could not do its work.
    Broke(String),
    /// It was not run, for this reason.
    Skipped(String),
}

impl From<Result<Tally, String>> for Verdict {
    fn from(result: Result<Tally, String>) -> Self {
        match result {
            Ok(tally) => Self::Ran(tally),
            Err(problem) => Self::Broke(problem),
        }
    }
}

type Work = Box<dyn Fn(&Machine, &Job) -> Verdict + Send + Sync>;

/// One line of the report.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Steps that must have ended, well or badly.
    after: Vec<&'static str>,
    /// Steps without whose success this one makes no sense.
    needs: Vec<&'static str>,
    /// Cargo allows one build at a time in a target folder.
    cargo: bool,
    minutes: u64,
    work: Work,
}

impl Step {
    pub(crate) fn new(
        name: &'static str,
        work: impl Fn(&Machine, &Job) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            after: Vec::new(),
            needs: Vec::new(),
            cargo: false,
            minutes: 15,
            work: Box::new(work),
        }
    }

    pub(crate) fn cargo(mut self) -> Self {
        self.cargo = true;
        self
    }

    pub(crate) fn after(mut self, steps: &[&'static str]) -> Self {
        self.after.extend(steps);
        self
    }

    pub(crate) fn needs(mut self, steps: &[&'static str]) -> Self {
        self.needs.extend(steps);
        self
    }

    /// Longest time for one of its commands.
    pub(crate) fn minutes(mut self, minutes: u64) -> Self {
        self.minutes = minutes;
        self
    }
}

#[derive(Default)]
struct State {
    started: BTreeSet<&'static str>,
    ended: BTreeSet<&'static str>,
    /// Ended, but of no use to the steps that need them.
    broken: BTreeSet<&'static str>,
    cargo_busy: bool,
    total: Tally,
}

/// Runs all steps and returns the sum of their tallies. A failing step does not stop the others.
pub(crate) fn run_all(machine: &Machine, steps: &[Step]) -> Tally {
    let state = Mutex::new(State::default());
    let changed = Condvar::new();
    let known: BTreeSet<&str> = steps.iter().map(|step| step.name).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| worker(machine, steps, &known, &state, &changed));
        }
    });
    state
        .into_inner()
        .map(|state| state.total)
        .unwrap_or_default()
}

fn worker(
    machine: &Machine,
    steps: &[Step],
    known: &BTreeSet<&str>,
    state: &Mutex<State>,
    changed: &Condvar,
) {
    let Ok(mut guard) = state.lock() else { return };
    loop {
        let next = steps.iter().find(|step| {
            let free = !step.cargo || !guard.cargo_busy;
            free && !guard.started.contains(step.name)
                && step
                    .after
                    .iter()
                    .chain(&step.needs)
                    .all(|name| guard.ended.contains(name) || !known.contains(name))
        });
        let Some(step) = next else {
            if guard.started.len() == steps.len() {
                return;
            }
            guard = match changed.wait_timeout(guard, Duration::from_secs(1)) {
                Ok((guard, _)) => guard,
                Err(_) => return,
            };
            continue;
        };
        guard.started.insert(step.name);
        guard.cargo_busy |= step.cargo;
        let missing = step.needs.iter().find(|name| guard.broken.contains(*name));
        let without = missing.map(|name| format!("needs the step `{name}`, which did not succeed"));
        drop(guard);
        let begin = Instant::now();
        let (verdict, job) = perform(machine, step, without);
        guard = match state.lock() {
            Ok(guard) => guard,
            Err(_) => return,
        };
        let (tally, broken) = conclude(step, verdict, begin.elapsed(), job.as_ref());
        guard.total.add(tally);
        if broken {
            guard.broken.insert(step.name);
        }
        guard.cargo_busy &= !step.cargo;
        guard.ended.insert(step.name);
        changed.notify_all();
    }
}

fn perform(machine: &Machine, step: &Step, without: Option<String>) -> (Verdict, Option<Job>) {
    if let Some(reason) = without {
        return (Verdict::Skipped(reason), None);
    }
    match machine.job(step.name, step.minutes) {
        Ok(job) => ((step.work)(machine, &job), Some(job)),
        Err(problem) => (Verdict::Broke(problem), None),
    }
}

/// Prints the step's line and says whether later steps can build on it.
fn conclude(step: &Step, verdict: Verdict, took: Duration, job: Option<&Job>) -> (Tally, bool) {
    match verdict {
        Verdict::Ran(tally) if tally.failed == 0 => {
            let skips = match tally.skips() {
                0 => String::new(),
                count => format!(", {count} skipped"),
            };
            let note = format!("{} passed{skips}", tally.passed);
            line("ok", step.name, took, &note);
            (tally, false)
        }
        Verdict::Ran(tally) => {
            line(
                "FAILED",
                step.name,
                took,
                &format!("{} failed, {} passed", tally.failed, tally.passed),
            );
            show(job);
            (tally, true)
        }
        Verdict::Broke(problem) => {
            line("FAILED", step.name, took, &problem);
            show(job);
            (Tally::default().at_least_one_failure(), true)
        }
        Verdict::Skipped(reason) => {
            line("skipped", step.name, took, &reason);
            let mut tally = Tally::default();
            tally.skip(step.name, reason);
            (tally, true)
        }
    }
}

fn line(word: &str, name: &str, took: Duration, note: &str) {
    let colour = match word {
        "ok" => "32",
        "skipped" => "33",
        _ => "31",
    };
    let word = format!("{word:<7}");
    let word = if std::io::stdout().is_terminal() {
        format!("\x1b[{colour}m{word}\x1b[0m")
    } else {
        word
    };
    println!("  {word} {name:<22} {:>7}  {note}", duration(took));
}

/// What a failed step's log has to say: the surroundings of its complaints, and its end.
fn show(job: Option<&Job>) {
    const MOST: usize = 100;
    const END: usize = 12;
    let Some(job) = job else { return };
    let text = fs::read(job.log())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.len().saturating_sub(END);
    let mut shown: BTreeSet<usize> = (tail..lines.len()).collect();
    for (number, line) in lines.iter().enumerate() {
        if shown.len() < MOST && complains(line) {
            shown.extend(number.saturating_sub(2)..(number + 8).min(lines.len()));
        }
    }
    println!("          --- {}", job.log().display());
    let mut next = 0;
    for number in shown {
        if number > next {
            println!("          ...");
        }
        println!("          {}", lines[number]);
        next = number + 1;
    }
    println!("          ---");
}

/// Whether a line of a compiler's, linter's or test runner's output is about a failure.
fn complains(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("error")
        || line.starts_with("not ok")
        || line.starts_with("✖")
        || line.starts_with("--- FAIL")
        || line.starts_with("FAILED")
        || line.starts_with("E   ")
        || line.starts_with("---- ")
        || line.ends_with("... FAILED")
        || line.contains("panicked at")
}

/// `850ms`, `12.3s`, `4m05s`.
pub(crate) fn duration(took: Duration) -> String {
    match took.as_secs() {
        0 => format!("{}ms", took.as_millis()),
        1..60 => format!("{:.1}s", took.as_secs_f64()),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}
