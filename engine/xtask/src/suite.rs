//! The behaviour suite (`tests/`): every case on every face.

use std::{fs, process::Command};

use crate::{
    count::{self, Tally},
    job::Job,
    machine::{FRAMEWORKS, Machine, runs},
    step::Verdict,
};

/// Runs the cases on `faces`, or on all of them; the runner skips by name what cannot be.
pub(crate) fn run(machine: &Machine, job: &Job, faces: Option<&str>) -> Verdict {
    let _ = fs::remove_file(machine.table());
    let mut command = machine.built("runner");
    if let Some(faces) = faces {
        command.args(["--faces", faces]);
    }
    command.arg("--table-to").arg(machine.table());
    match job.run(&mut command) {
        Ok(ended) => Verdict::Ran(closed(count::libtest(&ended.output), ended.ok)),
        Err(error) => Verdict::Broke(error.to_string()),
    }
}

/// Runs the suite as last built for its table.
pub(crate) fn table_alone(machine: &Machine, job: &Job) -> Result<(), String> {
    if !machine.target().join("debug/runner").exists() {
        return Err("the suite is not built; `cargo xtask test` builds it".into());
    }
    match run(machine, job, None) {
        Verdict::Ran(tally) if tally.failed == 0 => Ok(()),
        Verdict::Ran(tally) => Err(format!(
            "{} cases fail; see {}",
            tally.failed,
            job.log().display()
        )),
        Verdict::Broke(problem) | Verdict::Skipped(problem) => Err(problem),
    }
}

/// A runner that ended badly has at least one failure, whatever it counted.
pub(crate) fn closed(tally: Tally, ok: bool) -> Tally {
    if ok {
        tally
    } else {
        tally.at_least_one_failure()
    }
}

/// Tests of the Python package alone.
pub(crate) fn pytest(machine: &Machine, job: &Job) -> Verdict {
    pytest_of(machine, job, machine.command(machine.python()), "tests")
}

/// Tests of frameworks over the Python package, in an environment of their own.
pub(crate) fn frameworks(machine: &Machine, job: &Job) -> Verdict {
    let mut command = machine.command(machine.path(FRAMEWORKS).join("bin/python"));
    // Only `.venv` has the package installed.
    command.env("PYTHONPATH", machine.path("bindings-python/python"));
    pytest_of(machine, job, command, "frameworks")
}

fn pytest_of(machine: &Machine, job: &Job, mut python: Command, tests: &str) -> Verdict {
    python
        .args(["-m", "pytest", "-rs", "--color=no", "-q", tests])
        .current_dir(machine.path("bindings-python"));
    match job.run(&mut python) {
        Ok(ended) => Verdict::Ran(closed(count::pytest(&ended.output), ended.ok)),
        Err(error) => Verdict::Broke(error.to_string()),
    }
}

/// Tests of the npm package alone.
pub(crate) fn node(machine: &Machine, job: &Job) -> Verdict {
    let mut command = machine.command("npm");
    command
        .args(["test", "--silent"])
        .current_dir(machine.path("npm/tidegate"))
        .env("NO_COLOR", "1");
    match job.run(&mut command) {
        Ok(ended) => Verdict::Ran(closed(count::node(&ended.output), ended.ok)),
        Err(error) => Verdict::Broke(error.to_string()),
    }
}

/// Tests of the Go module under the race detector.
pub(crate) fn go(machine: &Machine, job: &Job) -> Verdict {
    if !runs("go", &["version"]) {
        return Verdict::Skipped("Go is not installed".into());
    }
    if !crate::artefacts::has_c_compiler() {
        return Verdict::Skipped("cgo needs a C compiler, and none is installed".into());
    }
    let mut command = machine.command("go");
    command
        .args(["test", "-race", "-count=1", "-v", "./..."])
        .current_dir(machine.path("bindings-ffi/go"))
        .env("CGO_ENABLED", "1");
    match job.run(&mut command) {
        Ok(ended) => Verdict::Ran(closed(count::go(&ended.output), ended.ok)),
        Err(error) => Verdict::Broke(error.to_string()),
    }
}
