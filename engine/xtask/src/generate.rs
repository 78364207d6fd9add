//! `cargo xtask gen [--check]`: the generators of this crate, the C header, and the README's table.

use std::fs;

use crate::{count::Tally, job::Job, machine::Machine, suite};

const BEGIN: &str = "<!-- table: begin (cargo xtask gen) -->";
const END: &str = "<!-- table: end -->";
/// What stands above the table's columns.
const FACES: [&str; 6] = ["rust", "http", "python", "node", "c", "go"];

/// Generators and the packages that hold them: `gen` of xtask, and the C binding's tool.
const GENERATORS: [(&str, &[&str], &[&str]); 2] = [
    (
        "gen",
        &["-p", "xtask", "--features", "gen", "--bin", "gen"],
        &[],
    ),
    ("tidegate-ffi-tool", &["-p", "tidegate-ffi-tool"], &["gen"]),
];

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let check = arguments.iter().any(|argument| argument == "--check");
    let flag: &[&str] = if check { &["--check"] } else { &[] };
    let mut good = true;
    for (_, package, before) in GENERATORS {
        let mut command = machine.cargo(&["run", "--quiet"]);
        command.args(package).arg("--").args(before).args(flag);
        good &= command
            .status()
            .map_err(|error| error.to_string())?
            .success();
    }
    let job = machine.job("gen", 20)?;
    let tally = match suite::table_alone(machine, &job) {
        Ok(()) => table(machine, &job, !check)?,
        Err(reason) => Tally::skipped("the table in README.md", reason),
    };
    for skip in &tally.skipped {
        println!("left as it is: {}: {}", skip.what, skip.why);
    }
    good &= tally.failed == 0;
    println!(
        "{}",
        if good {
            "everything is up to date"
        } else {
            "not up to date: run `cargo xtask gen`"
        }
    );
    Ok(good)
}

/// Compares with what the generators of the last build write.
pub(crate) fn check(machine: &Machine, job: &Job) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (program, _, before) in GENERATORS {
        let mut command = machine.built(program);
        command.args(before).arg("--check");
        // Its own package is what a generator finds the checkout by.
        command.env("CARGO_MANIFEST_DIR", machine.path("engine/xtask"));
        let ended = job
            .run(&mut command)
            .map_err(|error| format!("{program}: {error}"))?;
        tally.add(if ended.ok {
            Tally::one()
        } else {
            Tally::default().at_least_one_failure()
        });
    }
    Ok(tally)
}

/// Compares the suite's area x face table with the one between the README's markers, or with
/// `write` puts it there.
pub(crate) fn table(machine: &Machine, job: &Job, write: bool) -> Result<Tally, String> {
    let made =
        fs::read_to_string(machine.table()).map_err(|_| "the suite left no table".to_owned())?;
    let head = made.lines().next().unwrap_or_default();
    if let Some(face) = FACES
        .iter()
        .find(|face| !head.contains(&format!(" {face} ")))
    {
        let reason = format!("the face {face} did not run here");
        return Ok(Tally::skipped("the table in README.md", reason));
    }
    let path = machine.path("README.md");
    let readme = fs::read_to_string(&path).map_err(|error| format!("README.md: {error}"))?;
    let (Some(begin), Some(end)) = (readme.find(BEGIN), readme.find(END)) else {
        return Err(format!("README.md lacks the markers {BEGIN} and {END}"));
    };
    let wanted = format!("{}{BEGIN}\n{made}{}", &readme[..begin], &readme[end..]);
    if wanted == readme {
        return Ok(Tally::one());
    }
    if write {
        fs::write(&path, wanted).map_err(|error| error.to_string())?;
        return Ok(Tally::one());
    }
    job.note("README.md: its table is not the suite's; run `cargo xtask gen`")
        .map_err(|error| error.to_string())?;
    job.note(&made).map_err(|error| error.to_string())?;
    Ok(Tally::default().at_least_one_failure())
}
