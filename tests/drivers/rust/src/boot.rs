//! The server process behind the HTTP face.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};

use crate::fail;

/// How long the server may take to start, and to say that it has reloaded.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the lines of one report may lie apart.
const SOON: Duration = Duration::from_millis(100);

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    config: Option<PathBuf>,
    log: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    pub(crate) fn start(fields: &Value) -> Result<Self, Value> {
        let mut config = fields["path"].as_str().map(PathBuf::from);
        let text = fields["text"].as_str().map(str::to_owned);
        let document = fields["config"]
            .as_object()
            .map(|_| fields["config"].to_string());
        if let Some(text) = text.or(document) {
            let ending = fields["format"].as_str().unwrap_or("json");
            let name = format!("tidegate-driver-{}.{ending}", std::process::id());
            let path = config.insert(std::env::temp_dir().join(name));
            std::fs::write(path, text).map_err(|error| fail("driver_failed", error))?;
        }
        let program = std::env::var_os("TIDEGATE_BIN").unwrap_or("tidegate".into());
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        command.args(
            config
                .iter()
                .flat_map(|path| ["--config".as_ref(), path.as_os_str()]),
        );
        let mut child = command
            .spawn()
            .map_err(|error| fail("driver_failed", error))?;
        let (sender, log) = channel();
        let errors = child.stderr.take();
        std::thread::spawn(move || {
            let lines = errors
                .into_iter()
                .flat_map(|errors| BufReader::new(errors).lines());
            lines
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        let mut server = Self {
            child,
            url: String::new(),
            config,
            log,
        };
        let mut words = Vec::new();
        while let Ok(line) = server.log.recv_timeout(PATIENCE) {
            if let Some((_, url)) = line.split_once("listening on ") {
                server.url = url.split_whitespace().take(1).collect();
                return Ok(server);
            }
            words.push(line);
        }
        // The command line speaks to people; which of the two it is shows in the file.
        let there = server.config.as_ref().is_none_or(|path| path.exists());
        Err(fail(
            if there {
                "invalid_config"
            } else {
                "unreadable_config"
            },
            words.join("\n"),
        ))
    }

    /// Writes the new document and sends the signal that makes the server read it.
    pub(crate) fn reload(&self, config: &Value) -> Value {
        let Some(path) = &self.config else {
            return fail("driver_failed", "no file to reload");
        };
        if let Err(error) = std::fs::write(path, config.to_string()) {
            return fail("driver_failed", error);
        }
        self.log.try_iter().for_each(drop);
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
        }
        let mut mistakes = Vec::new();
        let wait = |mistakes: &Vec<_>| if mistakes.is_empty() { PATIENCE } else { SOON };
        while let Ok(line) = self.log.recv_timeout(wait(&mistakes)) {
            if line.contains("configuration reloaded") {
                return json!({ "ok": {} });
            }
            mistakes.extend(Some(line).filter(|line| line.contains("ERROR")));
        }
        fail("invalid_config", mistakes.join("\n"))
    }
}
