//! Runs the example programs of every language and checks what they print.

use std::{path::Path, process::Command};

use crate::{
    artefacts::has_c_compiler,
    count::Tally,
    job::Job,
    machine::{Machine, runs, tracked},
    step::Verdict,
};

/// Each program of a folder and what its output must contain, the same in every language.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("hello", &["Hello from the calm harbour."]),
    ("stream", &["Hello from the calm harbour."]),
    ("fallback", &["pilot/large", "2"]),
    ("drop", &["Hello from the calm harbour."]),
    ("budget", &["budget_exhausted"]),
];

pub(crate) fn run(machine: &Machine, job: &Job) -> Verdict {
    let mut tally = Tally::default();
    for (language, extension) in [
        ("rust", "rs"),
        ("python", "py"),
        ("node", "mjs"),
        ("c", "c"),
        ("go", "go"),
        ("http", "sh"),
    ] {
        if let Some(reason) = cannot(machine, language) {
            tally.skip(format!("examples/{language}"), reason);
            continue;
        }
        for (program, expected) in PROGRAMS {
            let Some(file) = find(machine, language, program, extension) else {
                tally.skip(
                    format!("examples/{language}/{program}"),
                    "there is no such example",
                );
                continue;
            };
            let result = one(machine, job, language, &file, expected);
            match result {
                Ok(()) => tally.passed += 1,
                Err(problem) => {
                    tally.failed += 1;
                    let _ = job.note(&format!("not ok {file}: {problem}"));
                }
            }
        }
    }
    Verdict::Ran(tally)
}

fn cannot(machine: &Machine, language: &str) -> Option<&'static str> {
    match language {
        "python" if !machine.python().exists() => Some(".venv could not be made"),
        "node" if !runs("node", &["--version"]) => Some("Node is not installed"),
        "c" if !has_c_compiler() => Some("no C compiler is installed"),
        "go" if !runs("go", &["version"]) => Some("Go is not installed"),
        "go" if !has_c_compiler() => Some("cgo needs a C compiler, and none is installed"),
        "http" if !runs("curl", &["--version"]) => Some("curl is not installed"),
        _ => None,
    }
}

/// The file of a program: `hello.py`, `hello/main.go`, `drop_in_sdk.py`.
fn find(machine: &Machine, language: &str, program: &str, extension: &str) -> Option<String> {
    let files = tracked(&machine.root, &[&format!("examples/{language}")]);
    files.into_iter().find(|file| {
        let path = Path::new(file);
        path.extension().is_some_and(|found| found == extension)
            && path
                .iter()
                .any(|part| part.to_string_lossy().starts_with(program))
    })
}

fn one(
    machine: &Machine,
    job: &Job,
    language: &str,
    file: &str,
    expected: &[&str],
) -> Result<(), String> {
    let mut command = program(machine, job, language, file)?;
    let ended = job.run(&mut command).map_err(|error| error.to_string())?;
    if !ended.ok {
        return Err("it ended badly".into());
    }
    match expected.iter().find(|text| !ended.output.contains(*text)) {
        Some(missing) => Err(format!("its output lacks {missing:?}")),
        None => Ok(()),
    }
}

fn program(machine: &Machine, job: &Job, language: &str, file: &str) -> Result<Command, String> {
    let path = machine.path(file);
    let folder = machine.path("examples");
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut command = match language {
        "rust" => machine.command(machine.target().join("debug").join(stem)),
        "python" => machine.command(machine.python()),
        "node" => machine.command("node"),
        "http" => machine.command("bash"),
        "go" => machine.command("go"),
        _ => {
            let program = machine.logs().join(format!("example-{stem}"));
            let stage = machine.stage();
            let mut compile = machine.command("cc");
            compile
                .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
                .arg(&program)
                .arg(&path);
            compile
                .arg("-I")
                .arg(stage.join("include"))
                .arg("-L")
                .arg(stage.join("lib"));
            compile
                .arg("-ltidegate")
                .arg(format!("-Wl,-rpath,{}", stage.join("lib").display()));
            job.must(&mut compile)?;
            machine.command(program)
        }
    };
    match language {
        "python" | "node" | "http" => {
            command.arg(&path);
        }
        "go" => {
            let of = path.parent().unwrap_or(&folder);
            command.args(["run", "."]).current_dir(of);
        }
        _ => {}
    }
    if language != "go" {
        command.current_dir(&folder);
    }
    command.env("TIDEGATE_BIN", machine.target().join("debug/tidegate"));
    Ok(command)
}
