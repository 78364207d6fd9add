//! `tidegate-ffi-tool gen [--check] | stage <build dir> <prefix>`
//!
//! `stage` installs and makes the checkout's Go module link what it installed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]

use std::{
    path::{Path, absolute},
    process::ExitCode,
};

use tidegate_ffi_tool as tool;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<(), String> {
    match args {
        ["gen"] => {
            for path in tool::write()? {
                println!("wrote {}", path.display());
            }
            Ok(())
        }
        ["gen", "--check"] => {
            let stale = tool::stale()?;
            if stale.is_empty() {
                return Ok(());
            }
            let names: Vec<_> = stale
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect();
            Err(format!(
                "not up to date, run `cargo xtask gen`: {}",
                names.join(", ")
            ))
        }
        ["stage", build, prefix] => {
            let prefix = absolute(prefix).map_err(|error| format!("{prefix}: {error}"))?;
            let staged = tool::stage::stage(Path::new(build), &prefix)?;
            tool::stage::point_go_at(&staged)?;
            println!("{}", staged.display());
            Ok(())
        }
        _ => Err("usage: tidegate-ffi-tool gen [--check] | stage <build dir> <prefix>".to_owned()),
    }
}
