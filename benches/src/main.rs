//! `bench [WHAT ...]`: runs the scenarios, prints their figures against the targets, and writes each
//! into its section of `benches/RESULTS.md`. Started by `cargo xtask bench`, which builds the parts.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]

mod contest;
mod results;
mod scenario;

use std::process::ExitCode;

use scenario::SCENARIOS;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !SCENARIOS.iter().any(|one| one.name == **name))
    {
        eprintln!("bench: no scenario {unknown:?}; there are:");
        for scenario in SCENARIOS {
            eprintln!("  {:<10} {}", scenario.name, scenario.about);
        }
        return ExitCode::from(2);
    }
    let mut good = true;
    for scenario in SCENARIOS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == scenario.name) {
            continue;
        }
        println!("\n{}: {}", scenario.name, scenario.about);
        match (scenario.run)() {
            Ok(rows) => {
                good &= rows.iter().all(|row| row.met != Some(false));
                print!("{}", results::terminal(&rows));
                if let Err(error) = results::write(scenario, &rows) {
                    eprintln!("bench: RESULTS.md: {error}");
                    good = false;
                }
            }
            Err(error) => {
                eprintln!("bench: {}: {error}", scenario.name);
                good = false;
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
