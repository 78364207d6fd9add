//! A driver process and the line protocol with it.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How much of a driver's standard error is kept for reports.
const KEPT_STDERR: usize = 8 * 1024;

/// A running driver. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    pub capabilities: BTreeSet<String>,
}

impl Driver {
    /// Starts `command` and asks it who it is.
    pub(crate) fn start(mut command: Command, limit: Duration) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("the driver has no pipes".to_owned());
        };
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&stderr);
        std::thread::spawn(move || keep(errors, &kept));
        let mut driver = Self {
            child,
            input: Some(input),
            lines,
            stderr,
            capabilities: BTreeSet::new(),
        };
        let hello = driver.ask(&json!({ "op": "hello" }), limit)?;
        let listed = hello["ok"]["capabilities"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        driver.capabilities = listed
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        if driver.capabilities.is_empty() {
            return Err(format!("no capabilities in {hello}{}", driver.last_words()));
        }
        Ok(driver)
    }

    /// Sends an operation and waits for its reply.
    pub(crate) fn ask(&mut self, operation: &Value, limit: Duration) -> Result<Value, String> {
        let mut line = operation.to_string();
        line.push('\n');
        let sent = self.input.as_mut().is_some_and(|input| {
            input
                .write_all(line.as_bytes())
                .and_then(|()| input.flush())
                .is_ok()
        });
        if !sent {
            return Err(self.died());
        }
        match self.lines.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line)
                .map_err(|error| format!("the driver wrote {line:?}: {error}")),
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "no reply to {operation} within {limit:?}{}",
                self.last_words()
            )),
            Err(RecvTimeoutError::Disconnected) => Err(self.died()),
        }
    }

    fn died(&mut self) -> String {
        let status = self.wait(Duration::from_secs(1));
        format!("the driver ended ({status}){}", self.last_words())
    }

    fn wait(&mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => return "still running".to_owned(),
            }
        }
    }

    fn last_words(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        if text.trim().is_empty() {
            String::new()
        } else {
            format!("\n--- stderr\n{text}")
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.input.take());
        if self.wait(Duration::from_secs(2)) == "still running" {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

fn keep(mut errors: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(read) = errors.read(&mut buffer) {
        let Some(fresh) = buffer.get(..read).filter(|fresh| !fresh.is_empty()) else {
            return;
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(fresh);
        let excess = kept.len().saturating_sub(KEPT_STDERR);
        kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"read line; echo '{"ok":{"capabilities":["call"]}}';"#;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{HELLO} {script}"));
        command
    }

    #[test]
    fn a_driver_that_does_not_answer_is_given_up_and_ended() {
        let limit = Duration::from_secs(5);
        let mut driver = Driver::start(shell("echo late >&2; exec sleep 100"), limit).unwrap();
        let error = driver
            .ask(&json!({}), Duration::from_millis(100))
            .unwrap_err();
        assert!(
            error.contains("no reply") && error.contains("late"),
            "{error}"
        );
        let started = Instant::now();
        drop(driver);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_driver_that_ends_or_talks_nonsense_is_told_from_one_that_is_slow() {
        let limit = Duration::from_secs(5);
        let mut driver = Driver::start(shell("exit 3"), limit).unwrap();
        let error = driver.ask(&json!({}), limit).unwrap_err();
        assert!(error.contains("ended") && error.contains('3'), "{error}");
        let mut driver = Driver::start(shell("read line; echo nonsense"), limit).unwrap();
        assert!(
            driver
                .ask(&json!({}), limit)
                .unwrap_err()
                .contains("nonsense")
        );
    }
}
