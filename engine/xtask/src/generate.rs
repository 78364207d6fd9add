//! `cargo xtask gen [--check]`: the generators of this crate, the C header, and the README's table.

use std::fs;

use crate::{count::Tally, job::Job, machine::Machine};

const BEGIN: &str = "<!-- table: begin (cargo xtask gen) -->";
const END: &str = "<!-- table: end -->";

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let check = arguments.iter().any(|argument| argument == "--check");
    let job = machine.job("gen", 20)?;
    let result = generate(machine, &job, check);
    match result {
        Ok(tally) if tally.failed == 0 => {
            println!(
                "{}",
                if check {
                    "nothing to generate"
                } else {
                    "generated"
                }
            );
            Ok(true)
        }
        Ok(_) | Err(_) => {
            let log = fs::read_to_string(job.log()).unwrap_or_default();
            print!("{log}");
            result.map(|_| false)
        }
    }
}

/// Writes, or with `check` compares. Differences are failures of the tally.
pub(crate) fn generate(machine: &Machine, job: &Job, check: bool) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let flag: &[&str] = if check { &["--check"] } else { &[] };

    let mut command = machine.cargo(&[
        "run",
        "--quiet",
        "-p",
        "xtask",
        "--features",
        "gen",
        "--bin",
        "gen",
        "--",
    ]);
    tally.add(ended(
        job.run(command.args(flag))
            .map_err(|error| error.to_string())?
            .ok,
    ));

    if machine.has("bindings-ffi/tool/Cargo.toml") {
        let mut command =
            machine.cargo(&["run", "--quiet", "-p", "tidegate-ffi-tool", "--", "gen"]);
        tally.add(ended(
            job.run(command.args(flag))
                .map_err(|error| error.to_string())?
                .ok,
        ));
    }
    tally.add(ended(table(machine, job, check)?));
    Ok(tally)
}

fn ended(ok: bool) -> Tally {
    if ok {
        Tally::one()
    } else {
        Tally::default().at_least_one_failure()
    }
}

/// Puts the suite's area x face table between the README's markers.
fn table(machine: &Machine, job: &Job, check: bool) -> Result<bool, String> {
    let mut command = machine.cargo(&["run", "--quiet", "-p", "runner", "--", "--table"]);
    let ended = job.run(&mut command).map_err(|error| error.to_string())?;
    if !ended.ok {
        return Ok(false);
    }
    let table: String = ended
        .output
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| [line, "\n"])
        .collect();
    let path = machine.path("README.md");
    let readme = fs::read_to_string(&path).map_err(|error| format!("README.md: {error}"))?;
    let (Some(begin), Some(end)) = (readme.find(BEGIN), readme.find(END)) else {
        return Err(format!("README.md lacks the markers {BEGIN} and {END}"));
    };
    let wanted = format!("{}{BEGIN}\n{table}{}", &readme[..begin], &readme[end..]);
    if wanted == readme {
        return Ok(true);
    }
    if check {
        job.note("not ok README.md: its table differs from the suite's")
            .map_err(|error| error.to_string())?;
        return Ok(false);
    }
    fs::write(&path, wanted).map_err(|error| error.to_string())?;
    Ok(true)
}
