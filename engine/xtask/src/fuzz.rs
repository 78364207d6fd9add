//! `cargo xtask fuzz [CHECK ...] [--seconds N]`: every decoder under a fuzzer that looks at coverage.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    docs::{PAGES, blocks},
    machine::{Machine, runs, tracked},
};

const FOLDER: &str = "engine/providers/fuzz";
const FIXTURES: &str = "tests/spec/fixtures";
const HOSTILE: &str = "tests/spec/hostile";

/// A check and what its seeds are called.
type Check = (&'static str, &'static str);

/// The checks, with the fixtures that each starts from; configurations start from those of the pages.
const CHECKS: &[Check] = &[
    ("request", "request"),
    ("response", "response"),
    ("stream", "stream"),
    ("sse", "stream"),
    ("event_stream", "stream"),
    ("outline", "request"),
    ("config", ""),
    ("error", "error"),
];

/// CPU time is what is asked for; one fuzzer runs at a time, on one thread.
const SECONDS: u64 = 600;

/// A decoder may use eight times its input and a little; what the fuzzer itself keeps comes on top.
const MOST_MEGABYTES: u64 = 2048;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> Result<bool, String> {
    let (wanted, seconds) = asked(arguments)?;
    let job = machine.job("fuzz", 600)?.echoing();
    if !runs("cargo", &["+nightly", "--version"]) {
        return Err("fuzzing needs nightly: rustup toolchain install nightly".to_owned());
    }
    if !runs("cargo", &["fuzz", "--version"]) {
        job.say("set-up  cargo install cargo-fuzz")?;
        job.must(&mut machine.cargo(&["install", "--locked", "cargo-fuzz"]))?;
    }
    let target = machine.target().join("fuzz");
    job.must(cargo_fuzz(machine, "build").env("CARGO_TARGET_DIR", &target))?;
    let mut all = true;
    for (name, kind) in wanted {
        let corpus = target.join("corpus").join(name);
        let seeds = target.join("seeds").join(name);
        seed(machine, name, kind, &seeds)?;
        fs::create_dir_all(&corpus).map_err(|error| error.to_string())?;
        job.say(&format!("\n{name}, {seconds} s"))?;
        let ended = job.run(
            cargo_fuzz(machine, "run")
                .arg(name)
                .args([&corpus, &seeds])
                .arg("--")
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-rss_limit_mb={MOST_MEGABYTES}"))
                .args(["-timeout=60", "-print_final_stats=1", "-verbosity=0"])
                .env("CARGO_TARGET_DIR", &target),
        );
        all &= ended.map_err(|error| error.to_string())?.ok;
    }
    if !all {
        job.say(&format!(
            "what broke one is in {FOLDER}/artifacts; its regression goes to {HOSTILE}/CHECK_NAME"
        ))?;
    }
    Ok(all)
}

fn asked(arguments: &[String]) -> Result<(Vec<Check>, u64), String> {
    let mut seconds = SECONDS;
    let mut wanted = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            let text = arguments.next().map_or("", String::as_str);
            seconds = text
                .parse()
                .map_err(|_| format!("--seconds wants a number, not {text:?}"))?;
        } else {
            let known = CHECKS.iter().find(|(name, _)| name == argument);
            let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
            wanted.push(
                *known.ok_or_else(|| {
                    format!("no check {argument:?}; there are {}", names.join(", "))
                })?,
            );
        }
    }
    if wanted.is_empty() {
        wanted = CHECKS.to_vec();
    }
    Ok((wanted, seconds))
}

fn cargo_fuzz(machine: &Machine, verb: &str) -> Command {
    let mut command = machine.command("cargo");
    // Said in the environment too: cargo's own children would else take the toolchain of this one.
    command
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env_remove("CARGO")
        .args(["fuzz", verb, "--fuzz-dir", FOLDER])
        .args(["--target-dir".into(), machine.target().join("fuzz")]);
    command
}

/// Fixtures and what once broke the check. The first byte of an input chooses its dialect: a fixture is
/// given to each, because a reply in the wrong dialect is hostile too.
fn seed(machine: &Machine, name: &str, kind: &str, into: &Path) -> Result<(), String> {
    let written = || -> std::io::Result<()> {
        let _ = fs::remove_dir_all(into);
        fs::create_dir_all(into)?;
        if kind.is_empty() {
            return seed_configurations(machine, into);
        }
        let mut dialects: Vec<PathBuf> = fs::read_dir(machine.path(FIXTURES))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        dialects.retain(|path| path.is_dir());
        for dialect in &dialects {
            for entry in fs::read_dir(dialect)? {
                let path = entry?.path();
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                if !file.starts_with(kind) {
                    continue;
                }
                let body = fs::read(&path)?;
                let of = dialect.file_name().unwrap_or_default().to_string_lossy();
                for first in 0..u8::try_from(dialects.len()).unwrap_or(u8::MAX) {
                    let input = [&[first], body.as_slice()].concat();
                    fs::write(into.join(format!("{of}-{file}-{first}")), input)?;
                }
            }
        }
        for entry in fs::read_dir(machine.path(HOSTILE))? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            if file.starts_with(name) {
                fs::copy(&path, into.join(&*file))?;
            }
        }
        Ok(())
    };
    written().map_err(|error| format!("seeds of {name}: {error}"))
}

/// The first byte of an input chooses the format, modulo three.
fn seed_configurations(machine: &Machine, into: &Path) -> std::io::Result<()> {
    for page in tracked(&machine.root, PAGES) {
        let text = fs::read_to_string(machine.path(&page))?;
        for block in blocks(&text) {
            let format = ["json", "yaml", "toml"]
                .iter()
                .position(|it| *it == block.language);
            if let Some(first) = format.and_then(|format| u8::try_from(format).ok()) {
                let input = [&[first], block.code.as_bytes()].concat();
                fs::write(
                    into.join(format!("{}-{}", page.replace('/', "-"), block.line)),
                    input,
                )?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CHECKS, SECONDS, asked};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_a_name_everything_is_fuzzed() {
        let (wanted, seconds) = asked(&[]).unwrap();
        assert_eq!((wanted.len(), seconds), (CHECKS.len(), SECONDS));
    }

    #[test]
    fn a_name_and_a_time_are_read() {
        let (wanted, seconds) = asked(&words("sse --seconds 5")).unwrap();
        assert_eq!((wanted, seconds), (vec![("sse", "stream")], 5));
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert!(asked(&words("ssse")).unwrap_err().contains("ssse"));
        assert!(asked(&words("--seconds x")).unwrap_err().contains("\"x\""));
    }
}
