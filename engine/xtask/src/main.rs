//! `cargo xtask`: the one entry to every task of the repository.
//!
//! Plain Rust with one small dependency, so that it starts in seconds on a machine with Rust alone.
//! Whatever a task needs beyond that it sets up itself and says so, or skips by name.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a command line program reads the clock and the environment, and ends with a status"
)]

mod artefacts;
mod bench;
mod catalog;
mod count;
mod demo;
mod docs;
mod examples;
mod fuzz;
mod generate;
mod job;
mod lint;
mod machine;
mod servers;
mod step;
mod suite;
mod test;

use std::process::ExitCode;

use crate::machine::Machine;

const HELP: &str = "\
cargo xtask <task>

  demo                         see it work: no key, no set-up
  test [--fast] [--only STEP]  everything CI checks; --fast: the engine, and the suite on rust and http
  build WHAT [--release]       server | python | node | ffi | all, into dist/ and the working tree
  gen [--check]                write (or check) the generated tables, schema, header and pages
  catalog [PACKAGE=VERSION]    the catalogue of models and prices, anew from its sources (online)
  fuzz [CHECK ...] [--seconds N]  decoders under a fuzzer, 600 s each; needs nightly
  lint                         formatting, clippy, ruff, mypy, tsc, gofmt
  bench [WHAT ...]             measure; see benches/RESULTS.md for what there is
  help                         this text

A machine with git, Rust, Python 3 and Node is enough: the rest is installed into .venv and
node_modules, or, for Debian packages as root, by apt-get. What cannot be had is skipped by name.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = arguments
        .split_first()
        .map_or(("help", &[][..]), |(task, rest)| (task.as_str(), rest));
    // Asked of a task, too, it is a question and no order.
    let asks = |argument: &String| matches!(argument.as_str(), "--help" | "-h");
    let task = if rest.iter().any(asks) { "help" } else { task };
    let machine = match Machine::here() {
        Ok(machine) => machine,
        Err(problem) => return fail(&problem),
    };
    let done = match task {
        "test" => test::run(&machine, rest),
        "demo" => demo::run(&machine, rest),
        "build" => artefacts::run(&machine, rest),
        "gen" => generate::run(&machine, rest),
        "lint" => Ok(lint::run(&machine)),
        "bench" => bench::run(&machine, rest),
        "fuzz" => fuzz::run(&machine, rest),
        "catalog" => catalog::run(&machine, rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(true)
        }
        other => Err(format!("no task {other:?}\n\n{HELP}")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}");
    ExitCode::FAILURE
}
