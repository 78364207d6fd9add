//! The C ABI from C: every program of `tests/c`, plain, under valgrind and with sanitizers; the
//! header in C99 and C++; an installed tree through pkg-config, shared and static.
#![expect(
    clippy::disallowed_methods,
    reason = "a test harness reads the environment and keeps an eye on the time"
)]

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use tidegate_ffi_tool as tool;

const PROGRAMS: &[&str] = &[
    "chat", "stream", "session", "misuse", "queue", "threads", "fork", "load", "host",
];
const WARNINGS: &[&str] = &["-g", "-Wall", "-Wextra", "-pedantic", "-Werror"];
const SANITIZERS: &str = "-fsanitize=address,undefined";
/// No program takes longer, valgrind and a busy machine included.
const LIMIT: Duration = Duration::from_mins(5);

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("generated files are up to date", up_to_date)];
    if !answers("cc", "--version") {
        trials.push(skipped("every C program (no C compiler is installed)"));
        libtest_mimic::run(&arguments, trials).exit();
    }
    // A listing needs no library.
    let staged = if arguments.list {
        Ok(PathBuf::new())
    } else {
        stage()
    };
    match staged {
        Ok(prefix) => {
            header_trials(&prefix, &mut trials);
            program_trials(&prefix, &mut trials);
            exit_trials(&prefix, &mut trials);
            install_trials(&prefix, &mut trials);
        }
        Err(problem) => {
            trials.push(Trial::test("the library is built", move || {
                Err(problem.into())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn header_trials(prefix: &Path, trials: &mut Vec<Trial>) {
    for standard in ["c99", "c11", "c23"] {
        let prefix = prefix.to_owned();
        trials.push(Trial::test(
            format!("header serves {standard}"),
            move || {
                // A compiler older than the standard knows it by its working name.
                let name = if standard == "c23" { "c2x" } else { standard };
                let source = scratch("header.c");
                std::fs::write(
                    &source,
                    "#include \"tidegate.h\"\nint main(void) { return 0; }\n",
                )?;
                let mut compile = Command::new("cc");
                compile.arg(format!("-std={name}"));
                compile
                    .args(WARNINGS)
                    .args(["-fsyntax-only", "-I"])
                    .arg(prefix.join("include"));
                run(compile.arg(source), "the header").map(drop)
            },
        ));
    }
    if !answers("c++", "--version") {
        trials.push(skipped("header serves C++ (no C++ compiler is installed)"));
        return;
    }
    let prefix = prefix.to_owned();
    trials.push(Trial::test("header serves C++", move || {
        let program = scratch("header-cpp");
        let mut compile = Command::new("c++");
        compile.arg("-std=c++11").args(WARNINGS);
        link(&mut compile, &prefix, &source("header.cpp"), &program);
        run(&mut compile, "the header")?;
        run(&mut Command::new(program), "the program").map(drop)
    }));
}

fn program_trials(prefix: &Path, trials: &mut Vec<Trial>) {
    let valgrind = answers("valgrind", "--version");
    let sanitizers = sanitizers_work();
    for program in PROGRAMS {
        let of = prefix.to_owned();
        trials.push(Trial::test(format!("c {program}"), move || {
            plain(&of, program)
        }));

        if valgrind {
            let of = prefix.to_owned();
            let name = format!("c {program} under valgrind");
            trials.push(Trial::test(name, move || under_valgrind(&of, program)));
        } else {
            trials.push(skipped(&format!(
                "c {program} under valgrind (not installed)"
            )));
        }

        if sanitizers {
            let of = prefix.to_owned();
            let name = format!("c {program} with sanitizers");
            trials.push(Trial::test(name, move || sanitized(&of, program)));
        } else {
            trials.push(skipped(&format!(
                "c {program} with sanitizers (not installed)"
            )));
        }
    }
}

fn exit_trials(prefix: &Path, trials: &mut Vec<Trial>) {
    let prefix = prefix.to_owned();
    trials.push(Trial::test("c exit, in the middle of things", move || {
        let built = compile(&prefix, "exit", "plain", &[])?;
        for round in 0..50 {
            let mut command = Command::new(&built);
            if round % 2 == 0 {
                command.arg("exit");
            }
            run(&mut command, "exit")?;
        }
        Ok(())
    }));
}

fn install_trials(prefix: &Path, trials: &mut Vec<Trial>) {
    let name = "an installed library is found by pkg-config";
    if !answers("pkg-config", "--version") {
        trials.push(skipped(&format!("{name} (not installed)")));
        return;
    }
    for kind in ["shared", "static"] {
        let prefix = prefix.to_owned();
        trials.push(Trial::test(format!("{name}, {kind}"), move || {
            installed(&prefix, kind)
        }));
    }
}

fn up_to_date() -> Result<(), Failed> {
    let stale = tool::stale()?;
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = stale
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    Err(format!("run `cargo xtask gen`: {}", names.join(", ")).into())
}

fn plain(prefix: &Path, program: &str) -> Result<(), Failed> {
    let built = compile(prefix, program, "plain", &[])?;
    // The programs ask for 100 ms; a machine that builds at the same time gets more.
    let slow = if program == "load" { "1" } else { "5" };
    run(Command::new(built).env("TG_TEST_SLOW", slow), program).map(drop)
}

fn under_valgrind(prefix: &Path, program: &str) -> Result<(), Failed> {
    let built = compile(prefix, program, "valgrind", &[])?;
    let mut command = Command::new("valgrind");
    command.args(["-q", "--error-exitcode=9"]);
    // A forked child leaves its parent's engine alone on purpose: that memory is lost.
    if !matches!(program, "fork" | "host") {
        command.args(["--leak-check=full", "--errors-for-leak-kinds=definite"]);
        command.arg("--show-leak-kinds=definite");
    }
    run(command.arg(built).env("TG_TEST_SLOW", "50"), program).map(drop)
}

fn sanitized(prefix: &Path, program: &str) -> Result<(), Failed> {
    let flags = [
        SANITIZERS,
        "-fno-omit-frame-pointer",
        "-fno-sanitize-recover=all",
    ];
    let built = compile(prefix, program, "sanitized", &flags)?;
    let leaks = if program == "fork" {
        "detect_leaks=0"
    } else {
        "detect_leaks=1"
    };
    let mut command = Command::new(built);
    command.env("TG_TEST_SLOW", "10").env("ASAN_OPTIONS", leaks);
    run(&mut command, program).map(drop)
}

fn installed(prefix: &Path, kind: &str) -> Result<(), Failed> {
    let ask = |arguments: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
        run(command.args(arguments).arg("tidegate"), "pkg-config")
    };
    if ask(&["--modversion"])?.trim() != env!("CARGO_PKG_VERSION") {
        return Err("tidegate.pc has another version".into());
    }
    let program = scratch(&format!("hello-{kind}"));
    let examples = tool::root().join("../examples");
    let mut compile = Command::new("cc");
    compile
        .args(WARNINGS)
        .arg("-o")
        .arg(&program)
        .arg(examples.join("c/hello.c"));
    if kind == "static" {
        compile.args(ask(&["--cflags"])?.split_whitespace());
        // Of all that `--static --libs` names, only this library has a static form everywhere.
        for flag in ask(&["--static", "--libs"])?.split_whitespace() {
            compile.arg(match flag {
                "-ltidegate" if cfg!(target_os = "linux") => "-l:libtidegate.a",
                other => other,
            });
        }
    } else {
        compile.args(ask(&["--cflags", "--libs"])?.split_whitespace());
        compile.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
    }
    run(&mut compile, "hello.c")?;
    let output = run(Command::new(program).current_dir(examples), "hello")?;
    if output.contains("Hello from the calm harbour.") {
        return Ok(());
    }
    Err(format!("hello printed {output:?}").into())
}

/// Lays out an installed tree with the library this test was built with.
fn stage() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let deps = program.parent().unwrap_or(Path::new("."));
    tool::stage::stage(deps, &scratch("installed"))
}

fn compile(prefix: &Path, name: &str, kind: &str, flags: &[&str]) -> Result<PathBuf, Failed> {
    let program = scratch(&format!("{name}-{kind}"));
    let mut compile = Command::new("cc");
    compile.arg("-std=c11").args(WARNINGS).args(flags);
    link(
        &mut compile,
        prefix,
        &source(&format!("{name}.c")),
        &program,
    );
    run(&mut compile, name)?;
    Ok(program)
}

fn link(compile: &mut Command, prefix: &Path, source: &Path, program: &Path) {
    let lib = prefix.join("lib");
    compile
        .arg("-I")
        .arg(prefix.join("include"))
        .arg(source)
        .arg("-o")
        .arg(program);
    compile
        .arg("-L")
        .arg(&lib)
        .args(["-ltidegate", "-lpthread"]);
    compile.arg(format!("-Wl,-rpath,{}", lib.display()));
}

fn sanitizers_work() -> bool {
    let source = scratch("empty.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").is_ok()
        && Command::new("cc")
            .args([OsStr::new(SANITIZERS), source.as_os_str(), OsStr::new("-o")])
            .arg(scratch("empty"))
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

fn source(name: &str) -> PathBuf {
    tool::root().join("tests/c").join(name)
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn skipped(name: &str) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

/// Runs a command to its end, at most [`LIMIT`], and gives what it printed.
fn run(command: &mut Command, what: &str) -> Result<String, Failed> {
    let log = scratch(&format!("{:?}.log", thread::current().id()));
    let file = File::create(&log)?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut child = command.spawn()?;
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > LIMIT {
            child.kill()?;
            break child.wait()?;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    if status.success() {
        return Ok(output);
    }
    Err(format!("{what}: {status} after {:?}\n{output}", begin.elapsed()).into())
}
