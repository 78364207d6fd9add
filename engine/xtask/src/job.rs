//! Runs commands for a step: output goes to the step's log, time is bounded, the answer is text.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The log of one step and the commands that write into it.
pub(crate) struct Job {
    log: PathBuf,
    limit: Duration,
    /// Also show output while it comes.
    echo: bool,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) ok: bool,
    /// Standard output and standard error as they came.
    pub(crate) output: String,
}

impl Job {
    /// A job that logs to `target/xtask/NAME.log`; each of its commands may take `limit`.
    pub(crate) fn new(logs: &Path, name: &str, limit: Duration) -> io::Result<Self> {
        fs::create_dir_all(logs)?;
        let log = logs.join(format!("{}.log", name.replace([' ', '/'], "-")));
        File::create(&log)?;
        Ok(Self {
            log,
            limit,
            echo: false,
        })
    }

    /// The same, but what the commands say is shown too.
    pub(crate) fn echoing(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Tells the user at once, and the log.
    pub(crate) fn say(&self, text: &str) -> Result<(), String> {
        if !self.echo {
            println!("  {text}");
        }
        self.note(text).map_err(|error| error.to_string())
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        if self.echo {
            println!("{text}");
        }
        OpenOptions::new()
            .append(true)
            .open(&self.log)?
            .write_all(format!("{text}\n").as_bytes())
    }

    /// Runs `command` to its end. An error means that it could not be started.
    pub(crate) fn run(&self, command: &mut Command) -> io::Result<Ended> {
        self.note(&format!("$ {}", shown(command)))?;
        let from = fs::metadata(&self.log)?.len();
        let begin = Instant::now();
        if self.echo {
            let ok = command.stdin(Stdio::null()).status()?.success();
            return Ok(Ended {
                ok,
                output: String::new(),
            });
        }
        let out = OpenOptions::new().append(true).open(&self.log)?;
        let err = out.try_clone()?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()?;
        let ok = loop {
            if let Some(status) = child.try_wait()? {
                break status.success();
            }
            if begin.elapsed() > self.limit {
                end_tree(&mut child);
                self.note(&format!("xtask: ended after {} s", self.limit.as_secs()))?;
                break false;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let mut bytes = Vec::new();
        let mut file = File::open(&self.log)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)?;
        Ok(Ended {
            ok,
            output: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Runs `command`; ending badly is an error that says what was run.
    pub(crate) fn must(&self, command: &mut Command) -> Result<String, String> {
        let name = shown(command);
        let ended = self
            .run(command)
            .map_err(|error| format!("{name}: {error}"))?;
        if ended.ok {
            Ok(ended.output)
        } else {
            Err(format!("`{name}` failed"))
        }
    }
}

/// The command as one would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Kills a child and everything below it, deepest first. Descendants are found in `/proc`; where
/// there is none, only the child is ended.
fn end_tree(child: &mut Child) {
    let mut tree = vec![child.id()];
    let mut at = 0;
    let pairs = parents();
    while let Some(parent) = tree.get(at).copied() {
        tree.extend(
            pairs
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    for pid in tree.iter().skip(1).rev() {
        signal(*pid, "KILL");
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(1)?.parse().ok()
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect()
}

/// Sends a signal by way of the shell, whose `kill` is built in.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -s {name} {pid}")])
        .stderr(Stdio::null())
        .status();
}
