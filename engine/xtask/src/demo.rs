//! `cargo xtask demo`: builds the server and lets it show itself.

use std::process::Stdio;

use crate::machine::Machine;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    println!("Building the server; the first build takes a few minutes.");
    let built = machine
        .cargo(&["build", "--quiet", "-p", "tidegate-server"])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !built.success() {
        return Err("the server does not build".into());
    }
    // Ctrl-C reaches both; the demo's own ending is the one that counts.
    let program = machine.target().join("debug/tidegate");
    let ended = machine
        .command(&program)
        .arg("demo")
        .args(arguments)
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(ended.success() || ended.code().is_none())
}
