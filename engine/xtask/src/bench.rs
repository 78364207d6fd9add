//! `cargo xtask bench [WHAT ...]`: builds everything in release and hands over to `benches/`.

use std::{fs, path::Path};

use crate::{
    artefacts::{library, replace},
    job::Job,
    machine::{Machine, runs},
};

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let job = machine.job("bench", 60)?.echoing();
    let wants =
        |what: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == what);
    let mut packages = vec!["benches", "tidegate-server"];
    if wants("python") {
        packages.push("tidegate-python");
    }
    if wants("node") {
        packages.push("tidegate-node");
    }
    let mut build = machine.cargo(&["build", "--release"]);
    for package in packages {
        build.args(["-p", package]);
    }
    job.must(&mut build)?;
    if wants("python") {
        machine.set_up_python(&job)?;
        machine.pip(&job, ".venv", "benches/python/requirements.txt")?;
        lay_out_python(machine)?;
    }
    if wants("node") {
        machine.npm_ci(&job, "npm/tidegate")?;
        lay_out_node(machine)?;
    }
    if wants("callgrind") {
        machine.debian(&job, "valgrind", || runs("valgrind", &["--version"]))?;
    }
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "sizes") {
        packages_of_users(machine, &job)?;
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

fn packages_of_users(machine: &Machine, job: &Job) -> Result<(), String> {
    for what in ["python", "node"] {
        job.must(&mut machine.cargo(&["xtask", "build", what, "--release"]))?;
    }
    Ok(())
}

/// Copies of the packages with release builds inside, so that the working tree keeps the testing ones.
fn lay_out_python(machine: &Machine) -> Result<(), String> {
    let package = machine.target().join("release/bench-files/python/tidegate");
    copy_tree(
        &machine.path("bindings-python/python/tidegate"),
        &package,
        &["pyc", "so"],
    )?;
    replace(
        &machine.target().join("release").join(library("_native")),
        &package.join("_native.abi3.so"),
    )
}

fn lay_out_node(machine: &Machine) -> Result<(), String> {
    let from = machine.path("npm/tidegate");
    let package = machine.target().join("release/bench-files/node/tidegate");
    copy_tree(&from.join("src"), &package.join("src"), &[])?;
    for file in ["package.json", "index.mjs"] {
        replace(&from.join(file), &package.join(file))?;
    }
    replace(
        &machine
            .target()
            .join("release")
            .join(library("tidegate_node")),
        &package.join("native/tidegate.node"),
    )
}

fn copy_tree(from: &Path, to: &Path, without: &[&str]) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", from.display());
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).map_err(say)?;
    for entry in fs::read_dir(from).map_err(say)? {
        let path = entry.map_err(say)?.path();
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy_tree(&path, &to.join(name), without)?;
        } else if !without.contains(&extension.as_str()) {
            fs::copy(&path, to.join(name)).map_err(say)?;
        }
    }
    Ok(())
}
