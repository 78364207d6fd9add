//! `cargo xtask catalog`: the catalogue of models, anew from its public sources.

use std::fs;

use crate::machine::Machine;

/// Packages of the registry that are read.
const SOURCES: &[&str] = &["genai-prices", "litellm"];

/// Downloads the sources (`genai-prices=0.2.3` and the like pin a version), writes the files of the
/// catalogue and prints what changed.
pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let job = machine.job("catalog", 15)?;
    machine.set_up_python(&job)?;
    let folder = machine.logs().join("catalog");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for package in SOURCES {
        let pinned = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(package)?.strip_prefix('='));
        let wanted = pinned.map_or_else(
            || (*package).to_owned(),
            |version| format!("{package}=={version}"),
        );
        let mut command = machine.command(machine.python());
        command
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--upgrade",
                "--target",
            ])
            .arg(&folder)
            .arg(&wanted);
        job.must(&mut command).map_err(|problem| {
            format!("{wanted} cannot be had; the catalogue is only updated online: {problem}")
        })?;
    }
    let mut command = machine.command(machine.python());
    // What genai-prices itself is built on.
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "pydantic",
        "typing-extensions",
    ]);
    job.must(&mut command)?;
    let mut command = machine.command(machine.python());
    command
        .arg(machine.path("engine/xtask/catalog/update.py"))
        .arg(&folder)
        .arg(machine.path("engine/providers/catalog"));
    print!("{}", job.must(&mut command)?);
    Ok(true)
}
