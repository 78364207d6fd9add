//! `cargo xtask bench [WHAT ...]`: builds everything in release and hands over to `benches/`.

use crate::machine::Machine;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let job = machine.job("bench", 60)?.echoing();
    job.must(&mut machine.cargo(&[
        "build",
        "--release",
        "-p",
        "benches",
        "-p",
        "tidegate-server",
    ]))?;
    let wants =
        |what: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == what);
    if wants("python") || wants("sizes") {
        machine.set_up_python(&job)?;
        machine.pip(&job, &["benches/python/requirements.txt"], &[])?;
    }
    if wants("node") || wants("sizes") {
        machine.npm_ci(&job, "benches/node")?;
    }
    let program = machine.target().join("release/bench");
    let ended = machine
        .command(&program)
        .args(arguments)
        .env("TIDEGATE_ROOT", &machine.root)
        .env("TIDEGATE_PYTHON", machine.python())
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(ended.success())
}
