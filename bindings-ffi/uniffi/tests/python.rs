//! Generates Python bindings from the library under test and runs `exercise.py` with them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let name = "generated python bindings";
    let python = interpreter();
    let trial = match python {
        Some(python) => Trial::test(name, move || exercise(&python)),
        None => Trial::test(format!("{name} (no python3)"), || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn interpreter() -> Option<PathBuf> {
    let chosen = env::var_os("TIDEGATE_PYTHON").map(PathBuf::from);
    chosen
        .into_iter()
        .chain([PathBuf::from("python3")])
        .find(|python| {
            Command::new(python)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
}

fn exercise(python: &Path) -> Result<(), Failed> {
    let library = library()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uniffi-python");
    fs::create_dir_all(&folder)?;
    let generated = Command::new(env!("CARGO_BIN_EXE_tidegate-uniffi-bindgen"))
        .args(["generate", "--library"])
        .arg(&library)
        .args(["--language", "python", "--no-format", "--out-dir"])
        .arg(&folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    succeeded(&generated)?;
    // The bindings look for the library beside themselves.
    let beside = folder.join(library.file_name().unwrap_or_default());
    let _ = fs::remove_file(&beside);
    fs::copy(&library, &beside)?;
    let exercised = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exercise.py"))
        .arg(&folder)
        .output()?;
    succeeded(&exercised)
}

/// The library cargo has built for this test.
fn library() -> Result<PathBuf, Failed> {
    let folder = env::current_exe()?
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let name = format!(
        "{}tidegate_uniffi{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    let path = folder.join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing", path.display()).into())
    }
}

fn succeeded(output: &Output) -> Result<(), Failed> {
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Err(format!(
        "{}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
    .into())
}
