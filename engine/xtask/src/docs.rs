//! Runs the code shown in README.md and docs/.
//!
//! The blocks of one language on one page are one program, in order, run in an empty folder that
//! holds the examples' `tidegate.yaml`. A comment on the line above a block changes that:
//!
//! - `<!-- not run: REASON -->` leaves it out;
//! - `<!-- background -->` starts a shell block and ends it with its page.
//!
//! YAML blocks must be valid configurations, Rust blocks are doctests of `examples/rust`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    count::Tally,
    job::{Job, signal},
    machine::{Machine, runs, tracked},
    step::Verdict,
};

/// Pages whose code is run.
pub(crate) const PAGES: &[&str] = &["README.md", "docs/*.md", "docs/**/*.md"];

/// A fenced block.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) code: String,
    pub(crate) line: usize,
    note: String,
}

pub(crate) fn run(machine: &Machine, job: &Job) -> Verdict {
    let mut tally = Tally::default();
    for page in tracked(&machine.root, PAGES) {
        let text = fs::read_to_string(machine.path(&page)).unwrap_or_default();
        match page_of(machine, job, &page, &blocks(&text)) {
            Ok(one) => tally.add(one),
            Err(problem) => return Verdict::Broke(format!("{page}: {problem}")),
        }
    }
    Verdict::Ran(tally)
}

fn page_of(machine: &Machine, job: &Job, page: &str, blocks: &[Block]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let folder = machine
        .logs()
        .join("docs")
        .join(page.replace(['/', '.'], "-"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    fs::copy(
        machine.path("examples/tidegate.yaml"),
        folder.join("tidegate.yaml"),
    )
    .map_err(|error| error.to_string())?;
    let mut background = Vec::new();
    let documents = blocks
        .iter()
        .filter(|block| block.language == "yaml" && block.note.is_empty());
    for (number, block) in documents.enumerate() {
        let file = format!("block{number}.yaml");
        let mut command = machine.built("tidegate");
        let code = with_references(&block.code, &folder, &mut command)
            .map_err(|error| error.to_string())?;
        fs::write(folder.join(&file), code).map_err(|error| error.to_string())?;
        tally.add(judge(
            job,
            page,
            block.line,
            command.args(["check", &file]).current_dir(&folder),
        )?);
    }
    for language in ["sh", "python", "js", "ts", "go", "c"] {
        let mut code = String::new();
        let mut line = 0;
        for block in blocks.iter().filter(|block| block.language == language) {
            if let Some(reason) = block.note.strip_prefix("not run:") {
                tally.skip(format!("{page}:{}", block.line), reason.trim());
            } else if block.note == "background" {
                background.push(in_background(machine, &folder, &block.code)?);
            } else {
                line = if code.is_empty() { block.line } else { line };
                code.push_str(&block.code);
            }
        }
        if code.is_empty() {
            continue;
        }
        match program(machine, job, &folder, language, &code)? {
            Ok(mut command) => tally.add(judge(job, page, line, &mut command)?),
            Err(reason) => tally.skip(format!("{page}:{line}"), reason),
        }
    }
    for mut child in background {
        end(&mut child);
    }
    Ok(tally)
}

/// Gives every variable and file that a document refers to a value.
fn with_references(code: &str, folder: &Path, command: &mut Command) -> std::io::Result<String> {
    let secret = folder.join("secret");
    fs::write(&secret, "secret\n")?;
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    for (start, _) in code.match_indices("${") {
        command.env(name(&code[start + 2..]), "value");
    }
    for (start, _) in code.match_indices("env:") {
        let name = name(&code[start + 4..]);
        if !name.is_empty() {
            command.env(name, "value");
        }
    }
    let mut text = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("file:/") {
        let end = after
            .find(|c: char| c.is_whitespace() || "\"',}]".contains(c))
            .unwrap_or(after.len());
        text.push_str(before);
        text.push_str("file:");
        text.push_str(&secret.to_string_lossy());
        rest = &after[end..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Writes the program and says how to run it, or why not.
fn program(
    machine: &Machine,
    job: &Job,
    folder: &Path,
    language: &str,
    code: &str,
) -> Result<Result<Command, String>, String> {
    let write =
        |name: &str| fs::write(folder.join(name), code).map_err(|error| format!("{name}: {error}"));
    let mut command = match language {
        "sh" => {
            if code.contains("curl ") && !runs("curl", &["--version"]) {
                return Ok(Err("curl is not installed".into()));
            }
            write("page.sh")?;
            let mut command = machine.command("bash");
            command.args(["-euo", "pipefail", "page.sh"]);
            command
        }
        "python" => {
            write("page.py")?;
            let mut command = machine.command(machine.python());
            command.arg("page.py");
            command
        }
        "js" | "ts" => {
            if !runs("node", &["--version"]) {
                return Ok(Err("Node is not installed".into()));
            }
            write("page.mjs")?;
            // Bare imports are looked up from the program's own folder.
            let modules = folder.join("node_modules");
            if !modules.exists() {
                link_modules(machine, &modules)?;
            }
            let mut command = machine.command("node");
            command.arg("page.mjs");
            command
        }
        "go" => {
            if !runs("go", &["version"]) || !crate::artefacts::has_c_compiler() {
                return Ok(Err("Go or a C compiler is not installed".into()));
            }
            write("main.go")?;
            let module = format!(
                "module page\n\ngo 1.23\n\nrequire github.com/tidegate/tidegate-go v0.0.0\n\nreplace github.com/tidegate/tidegate-go => {}\n",
                machine.path("bindings-ffi/go").display()
            );
            fs::write(folder.join("go.mod"), module).map_err(|error| error.to_string())?;
            let mut command = machine.command("go");
            command.args(["run", "-mod=mod", "."]);
            command
        }
        _ => {
            if !crate::artefacts::has_c_compiler() {
                return Ok(Err("no C compiler is installed".into()));
            }
            write("page.c")?;
            let stage = machine.stage();
            let mut compile = machine.command("cc");
            compile
                .args(["-std=c11", "-Wall", "-o", "page", "page.c"])
                .current_dir(folder);
            compile
                .arg("-I")
                .arg(stage.join("include"))
                .arg("-L")
                .arg(stage.join("lib"));
            compile
                .arg("-ltidegate")
                .arg(format!("-Wl,-rpath,{}", stage.join("lib").display()));
            job.must(&mut compile)?;
            machine.command(folder.join("page"))
        }
    };
    command.current_dir(folder);
    with_tools(machine, &mut command);
    Ok(Ok(command))
}

fn link_modules(machine: &Machine, modules: &Path) -> Result<(), String> {
    fs::create_dir_all(modules).map_err(|error| error.to_string())?;
    let mut found: Vec<PathBuf> = fs::read_dir(machine.path("npm/tidegate/node_modules"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.push(machine.path("npm/tidegate"));
    for from in found {
        if let Some(name) = from.file_name() {
            std::os::unix::fs::symlink(&from, modules.join(name))
                .map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// `tidegate`, `python` and `pip` as a reader of the page has them.
fn with_tools(machine: &Machine, command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = machine.target().join("debug");
    command.env(
        "PATH",
        format!(
            "{}:{}:{path}",
            own.display(),
            machine.path(".venv/bin").display()
        ),
    );
}

fn in_background(machine: &Machine, folder: &Path, code: &str) -> Result<Child, String> {
    let mut command = machine.command("bash");
    command
        .args(["-c", &format!("exec {}", code.trim())])
        .current_dir(folder);
    with_tools(machine, &mut command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    // Long enough to bind; the page's next block calls it.
    thread::sleep(Duration::from_millis(1500));
    Ok(child)
}

fn end(child: &mut Child) {
    signal(child.id(), "TERM");
    let _ = child.wait();
}

fn judge(job: &Job, page: &str, line: usize, command: &mut Command) -> Result<Tally, String> {
    let ended = job.run(command).map_err(|error| error.to_string())?;
    if ended.ok {
        return Ok(Tally::one());
    }
    job.note(&format!("not ok {page}:{line}"))
        .map_err(|error| error.to_string())?;
    Ok(Tally::default().at_least_one_failure())
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut note = String::new();
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            (None, Some(language)) => {
                let language = language.split([' ', ',']).next().unwrap_or_default();
                let language = match language {
                    "bash" | "shell" => "sh",
                    "javascript" | "mjs" => "js",
                    "typescript" => "ts",
                    "py" => "python",
                    other => other,
                };
                open = Some(Block {
                    language: language.into(),
                    code: String::new(),
                    line: index + 1,
                    note: std::mem::take(&mut note),
                });
            }
            (None, None) => {
                let comment = line
                    .trim()
                    .strip_prefix("<!--")
                    .and_then(|rest| rest.strip_suffix("-->"));
                note = comment
                    .map(|text| text.trim().to_owned())
                    .unwrap_or_default();
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_belongs_to_the_block_right_below_it() {
        let found =
            blocks("<!-- background -->\n```sh\ntidegate serve\n```\n\n```python\nprint(1)\n```\n");
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].note.as_str(), found[0].code.as_str()),
            ("background", "tidegate serve\n")
        );
        assert_eq!((found[1].note.as_str(), found[1].line), ("", 6));
    }
}
