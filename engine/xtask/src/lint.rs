//! Formatting and static checks of every language in the repository.

use crate::{
    artefacts,
    count::Tally,
    job::Job,
    machine::{Machine, runs, tracked},
    step::{self, Step, Verdict},
};

pub(crate) fn run(machine: &Machine) -> bool {
    let mut steps = vec![
        Step::new("set-up python", |machine, job| {
            machine.set_up_python(job).map(|()| Tally::one()).into()
        }),
        Step::new("set-up node", crate::test::set_up_node),
    ];
    steps.extend(self::steps());
    step::run_all(machine, &steps).failed == 0
}

/// One step per tool.
pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step::new("fmt", |machine, job| {
            checked(job, machine.cargo(&["fmt", "--all", "--check"]))
        })
        .cargo(),
        Step::new("clippy", clippy).cargo().minutes(30),
        Step::new("features", features).cargo().minutes(20),
        Step::new("ruff", |machine, job| {
            let folders = present(
                machine,
                &[
                    "bindings-python",
                    "tests/drivers/python",
                    "examples/python",
                    "benches/python",
                ],
            );
            let ruff = machine.venv("ruff");
            let mut tally = Tally::default();
            for arguments in [&["check"][..], &["format", "--check"][..]] {
                let mut command = machine.command(&ruff);
                match run_one(job, command.args(arguments).args(&folders)) {
                    Ok(one) => tally.add(one),
                    Err(problem) => return Verdict::Broke(problem),
                }
            }
            Verdict::Ran(tally)
        })
        .needs(&["set-up python"]),
        Step::new("mypy", |machine, job| {
            let mut command = machine.command(machine.venv("mypy"));
            command
                .args(["--strict", "python/tidegate"])
                .current_dir(machine.path("bindings-python"));
            checked(job, command)
        })
        .needs(&["set-up python"]),
        Step::new("tsc", |machine, job| {
            let tsc = machine.path("npm/tidegate/node_modules/.bin/tsc");
            let mut command = machine.command(tsc);
            command
                .args(["--noEmit", "-p", "."])
                .current_dir(machine.path("npm/tidegate"));
            checked(job, command)
        })
        .needs(&["set-up node"]),
        Step::new("gofmt", |machine, job| {
            if !runs("gofmt", &["-h"]) && !runs("go", &["version"]) {
                return Verdict::Skipped("Go is not installed".into());
            }
            let files = tracked(&machine.root, &["*.go"]);
            if files.is_empty() {
                return Verdict::Skipped("no Go files".into());
            }
            match job.must(machine.command("gofmt").arg("-l").args(&files)) {
                Ok(output) if output.trim().is_empty() => Verdict::Ran(Tally::one()),
                Ok(_) => Verdict::Ran(Tally::default().at_least_one_failure()),
                Err(problem) => Verdict::Broke(problem),
            }
        }),
    ]
}

fn clippy(machine: &Machine, job: &Job) -> Verdict {
    match artefacts::workspace(machine, &["clippy", "--all-targets"]) {
        Ok(mut command) => {
            command.args(["--", "-D", "warnings"]);
            checked(job, command)
        }
        Err(problem) => Verdict::Broke(problem),
    }
}

/// Whoever builds the engine without a cloud, or with one alone, gets one that builds.
fn features(machine: &Machine, job: &Job) -> Verdict {
    let mut tally = Tally::default();
    for features in ["", "aws", "azure", "google"] {
        let arguments = ["check", "-p", "tidegate", "--no-default-features"];
        let mut command = machine.cargo(&arguments);
        command.args(["--features", features]);
        match run_one(job, &mut command) {
            Ok(one) => tally.add(one),
            Err(problem) => return Verdict::Broke(problem),
        }
    }
    Verdict::Ran(tally)
}

fn present<'a>(machine: &Machine, folders: &[&'a str]) -> Vec<&'a str> {
    folders
        .iter()
        .copied()
        .filter(|folder| machine.has(folder))
        .collect()
}

fn run_one(job: &Job, command: &mut std::process::Command) -> Result<Tally, String> {
    let ended = job
        .run(command)
        .map_err(|error| format!("{}: {error}", crate::job::shown(command)))?;
    Ok(if ended.ok {
        Tally::one()
    } else {
        Tally::default().at_least_one_failure()
    })
}

/// A command whose good end is one passed check.
pub(crate) fn checked(job: &Job, mut command: std::process::Command) -> Verdict {
    run_one(job, &mut command).into()
}
