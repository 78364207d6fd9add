//! Builds what users install, and the same with clock control where the tests look for it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    job::Job,
    machine::{Machine, runs},
};

const WHATS: [&str; 4] = ["server", "python", "node", "ffi"];

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let release = arguments.iter().any(|argument| argument == "--release");
    let wanted: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let wanted = match wanted.as_slice() {
        [] | ["all"] => WHATS.to_vec(),
        some => some.to_vec(),
    };
    if let Some(unknown) = wanted.iter().find(|what| !WHATS.contains(what)) {
        return Err(format!(
            "cannot build {unknown:?}; there are {}",
            WHATS.join(", ")
        ));
    }
    let job = machine.job("build", 60)?.echoing();
    for what in wanted {
        match what {
            "server" => server(machine, &job, release)?,
            "python" => python(machine, &job, release)?,
            "node" => node(machine, &job, release)?,
            _ => ffi(machine, &job, release)?,
        }
    }
    Ok(true)
}

/// `name/testing` of every workspace crate that has the feature, and xtask's generators, joined by
/// commas: one set of features for every cargo command shares every dependency between them.
pub(crate) fn testing_features(machine: &Machine) -> Result<String, String> {
    let names: Vec<String> = packages(machine)?
        .iter()
        .filter(|package| package["features"].get("testing").is_some())
        .filter_map(|package| package["name"].as_str())
        .map(|name| format!("{name}/testing"))
        .chain(["xtask/gen".to_owned()])
        .collect();
    Ok(names.join(","))
}

/// A cargo command over the whole workspace with the tests' features. It runs at low priority:
/// compilers must not starve the timing of tests that run beside them.
pub(crate) fn workspace(machine: &Machine, arguments: &[&str]) -> Result<Command, String> {
    let features = testing_features(machine)?;
    let cargo = machine.cargo(arguments);
    let mut command = machine.command("nice");
    command
        .args(["-n", "10"])
        .arg(cargo.get_program())
        .args(cargo.get_args());
    for (name, value) in cargo.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.args(["--workspace", "--features", &features]);
    Ok(command)
}

/// The workspace's packages as cargo describes them.
pub(crate) fn packages(machine: &Machine) -> Result<Vec<Value>, String> {
    let output = machine
        .cargo(&[
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    Ok(document["packages"].as_array().cloned().unwrap_or_default())
}

/// The version all packages share.
pub(crate) fn version(machine: &Machine) -> Result<String, String> {
    let packages = packages(machine)?;
    let engine = packages
        .iter()
        .find(|package| package["name"] == "tidegate");
    engine
        .and_then(|package| package["version"].as_str())
        .map(str::to_owned)
        .ok_or_else(|| "no package `tidegate`".to_owned())
}

fn profile(release: bool) -> &'static [&'static str] {
    if release { &["--profile", "dist"] } else { &[] }
}

fn server(machine: &Machine, job: &Job, release: bool) -> Result<(), String> {
    job.must(
        machine
            .cargo(&["build", "-p", "tidegate-server"])
            .args(profile(release)),
    )?;
    let folder = if release { "dist" } else { "debug" };
    job.note(&format!(
        "built {}",
        machine.target().join(folder).join("tidegate").display()
    ))
    .map_err(|error| error.to_string())
}

/// The wheel in `dist/`, and the package installed into `.venv` from the working tree.
fn python(machine: &Machine, job: &Job, release: bool) -> Result<(), String> {
    machine.set_up_python(job)?;
    let profile = if release { "dist" } else { "dev" };
    let mut command = machine.command(machine.venv("maturin"));
    command
        .args([
            "build",
            "--manifest-path",
            "bindings-python/Cargo.toml",
            "--profile",
            profile,
        ])
        .args(["--out", "dist"])
        .env("PYO3_PYTHON", machine.python());
    job.must(&mut command)?;
    let folder = if release { "dist" } else { "debug" };
    link_python(machine, folder)
}

/// Makes `.venv` import the package from the working tree with the module built in `target/FOLDER`.
/// It does what an editable install does without building anything again.
pub(crate) fn link_python(machine: &Machine, folder: &str) -> Result<(), String> {
    let built = machine.target().join(folder).join(library("_native"));
    let package = machine.path("bindings-python/python");
    replace(&built, &package.join("tidegate/_native.abi3.so"))?;
    let site = site_packages(machine)?;
    let version = version(machine)?;
    let write = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write(
        &site.join("tidegate.pth"),
        format!("{}\n", package.display()),
    )?;
    let info = site.join(format!("tidegate-{version}.dist-info"));
    fs::create_dir_all(&info).map_err(|error| error.to_string())?;
    write(
        &info.join("METADATA"),
        format!("Metadata-Version: 2.1\nName: tidegate\nVersion: {version}\n"),
    )?;
    write(&info.join("INSTALLER"), "xtask\n".into())?;
    write(&info.join("RECORD"), String::new())?;
    write(
        &info.join("entry_points.txt"),
        "[console_scripts]\ntidegate = tidegate._cli:main\n".into(),
    )?;
    Ok(())
}

fn site_packages(machine: &Machine) -> Result<std::path::PathBuf, String> {
    let output = machine
        .command(machine.python())
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ])
        .output()
        .map_err(|error| format!("{}: {error}", machine.python().display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The addon beside the JavaScript, and the npm packages in `dist/`.
fn node(machine: &Machine, job: &Job, release: bool) -> Result<(), String> {
    job.must(
        machine
            .cargo(&["build", "-p", "tidegate-node"])
            .args(profile(release)),
    )?;
    link_node(machine, if release { "dist" } else { "debug" })?;
    job.must(machine.command("node").arg("npm/tidegate/scripts/pack.mjs"))
        .map(drop)
}

/// Puts the addon where the package looks for one built from the working tree.
pub(crate) fn link_node(machine: &Machine, folder: &str) -> Result<(), String> {
    let built = machine.target().join(folder).join(library("tidegate_node"));
    replace(&built, &machine.path("npm/tidegate/native/tidegate.node"))
}

/// The C library, its header and its pkg-config file.
fn ffi(machine: &Machine, job: &Job, release: bool) -> Result<(), String> {
    job.must(
        machine
            .cargo(&["build", "-p", "tidegate-ffi"])
            .args(profile(release)),
    )?;
    stage_ffi(machine, job, if release { "dist" } else { "debug" })
}

/// Lays the library out as an installation, for the C and Go programs.
pub(crate) fn stage_ffi(machine: &Machine, job: &Job, folder: &str) -> Result<(), String> {
    let mut command = machine.built("tidegate-ffi-tool");
    command
        .arg("stage")
        .arg(machine.target().join(folder))
        .arg(machine.stage());
    job.must(&mut command).map(drop)
}

/// Copies by way of a new file, so that a process that has the old one mapped keeps it.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{} -> {}: {error}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(say)?;
    }
    let part = to.with_extension("part");
    fs::copy(from, &part).map_err(say)?;
    fs::rename(&part, to).map_err(say)
}

/// File name of a shared library on this system.
pub(crate) fn library(name: &str) -> String {
    let extension = if cfg!(target_os = "macos") {
        "dylib"
    } else {
        "so"
    };
    format!("lib{name}.{extension}")
}

/// Whether there is a C compiler.
pub(crate) fn has_c_compiler() -> bool {
    runs("cc", &["--version"])
}
