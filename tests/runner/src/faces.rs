//! The six faces and how their drivers start.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Every face, in the order of the table.
pub(crate) const ALL: &[&str] = &["rust", "http", "python", "node", "c", "go"];

/// Why a face cannot run.
#[derive(Debug, Clone)]
pub(crate) enum Unavailable {
    /// Something is not installed or not built: a named skip.
    Missing(String),
    /// It is there and does not work: a failure.
    Broken(String),
}

/// The command that starts a face's driver, built first where it must be.
pub(crate) fn command(face: &str, root: &Path) -> Result<Command, Unavailable> {
    let drivers = root.join("tests/drivers");
    let mut command = match face {
        "rust" | "http" => {
            let mut command = Command::new(beside_us("driver-rust")?);
            if face == "http" {
                beside_us("tidegate")?;
                command.arg("--http");
            }
            command
        }
        "python" => {
            let mut command = Command::new(python(root)?);
            command.arg(drivers.join("python/driver.py"));
            command
        }
        "node" => {
            tool("node", "--version")?;
            let addon = root.join("npm/tidegate/native");
            let built = std::fs::read_dir(&addon).is_ok_and(|mut files| {
                files.any(|file| {
                    file.is_ok_and(|f| f.path().extension().is_some_and(|kind| kind == "node"))
                })
            });
            if !built {
                return Err(missing("the addon is not built: cargo xtask build node"));
            }
            let mut command = Command::new("node");
            command.arg(drivers.join("node/driver.mjs"));
            command
        }
        "c" => Command::new(c_driver(&drivers)?),
        "go" => Command::new(go_driver(&drivers)?),
        other => return Err(Unavailable::Broken(format!("no face {other:?}"))),
    };
    environment(&mut command, root);
    Ok(command)
}

/// Drivers see the same environment everywhere: no vendor's variables but the suite's own.
fn environment(command: &mut Command, root: &Path) {
    for (name, _) in std::env::vars() {
        let vendor = ["_API_KEY", "_BASE_URL", "_AUTH_TOKEN"]
            .iter()
            .any(|end| name.ends_with(end));
        let proxy = name.to_ascii_lowercase().ends_with("_proxy");
        if vendor || proxy || name.starts_with("TIDEGATE_") {
            command.env_remove(name);
        }
    }
    command
        .env("OPENAI_API_KEY", "sk-env-openai")
        .env("TIDEGATE_SPEC_KEY", "tg-env-key")
        .current_dir(root);
    if let Ok(tidegate) = beside_us("tidegate") {
        command.env("TIDEGATE_BIN", tidegate);
    }
}

fn missing(why: impl Into<String>) -> Unavailable {
    Unavailable::Missing(why.into())
}

/// Folder of our own binary, where Cargo puts the others too.
pub(crate) fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(name)
}

fn beside_us(name: &str) -> Result<PathBuf, Unavailable> {
    let path = built(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(missing(format!("the binary {name} is not built")))
    }
}

/// An error unless `program argument` runs.
fn tool(program: &str, argument: &str) -> Result<(), Unavailable> {
    let status = Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(missing(format!("{program} is not installed"))),
    }
}

/// The environment's interpreter, else the system's, with the package importable.
fn python(root: &Path) -> Result<PathBuf, Unavailable> {
    let own = root.join(".venv/bin/python");
    let interpreter = if own.exists() {
        own
    } else {
        PathBuf::from("python3")
    };
    let probe = Command::new(&interpreter)
        .args(["-c", "import tidegate"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(format!("{}: {error}", interpreter.display())))?;
    if probe.status.success() {
        return Ok(interpreter);
    }
    let text = String::from_utf8_lossy(&probe.stderr);
    if text.contains("No module named 'tidegate'") {
        return Err(missing(
            "the package is not installed: cargo xtask build python",
        ));
    }
    Err(Unavailable::Broken(format!("import tidegate: {text}")))
}

/// Where `cargo xtask build ffi` lays the C library out as if it were installed.
fn library() -> Result<PathBuf, Unavailable> {
    // target/PROFILE/runner, and the installation beside the profiles.
    let own = built("runner");
    let target = own
        .parent()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new("target"));
    let stage = target.join("stage");
    let names = ["lib/libtidegate.so", "lib/libtidegate.dylib"];
    if names.iter().any(|name| stage.join(name).exists()) {
        return Ok(stage);
    }
    Err(missing("the C library is not built: cargo xtask build ffi"))
}

fn finish(mut build: Command, output: PathBuf) -> Result<PathBuf, Unavailable> {
    let result = build
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(format!("{}: {error}", build.get_program().display())))?;
    if result.status.success() {
        return Ok(output);
    }
    Err(Unavailable::Broken(
        String::from_utf8_lossy(&result.stderr).into_owned(),
    ))
}

fn c_driver(drivers: &Path) -> Result<PathBuf, Unavailable> {
    tool("cc", "--version")?;
    let stage = library()?;
    let output = built("driver-c");
    let mut build = Command::new("cc");
    build
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-o"])
        .arg(&output)
        .arg(drivers.join("c/driver.c"))
        .arg(format!("-I{}", stage.join("include").display()))
        .arg(format!("-L{}", stage.join("lib").display()))
        .arg("-ltidegate")
        .arg(format!("-Wl,-rpath,{}", stage.join("lib").display()));
    finish(build, output)
}

fn go_driver(drivers: &Path) -> Result<PathBuf, Unavailable> {
    tool("go", "version")?;
    tool("cc", "--version")?;
    let stage = library()?;
    let output = built("driver-go");
    let mut build = Command::new("go");
    build
        .args(["build", "-tags", "tidegate_testing", "-o"])
        .arg(&output)
        .arg(".")
        .current_dir(drivers.join("go"))
        .env("CGO_ENABLED", "1")
        .env(
            "CGO_CFLAGS",
            format!("-I{}", stage.join("include").display()),
        )
        .env(
            "CGO_LDFLAGS",
            format!("-L{0} -Wl,-rpath,{0}", stage.join("lib").display()),
        );
    finish(build, output)
}
