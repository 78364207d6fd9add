//! The command itself, as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

fn tidegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .args(arguments)
        .env_clear()
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    tidegate(arguments).output().expect("the command runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(name: &str, content: &str) -> Self {
        let file = std::env::temp_dir().join(format!("tidegate-{}-{name}", std::process::id()));
        std::fs::write(&file, content).expect("a folder for temporary files");
        Self(file)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn version_and_help_go_to_standard_output() {
    let version = run(&["--version"]);
    assert!(version.status.success());
    assert_eq!(
        text(&version.stdout),
        format!("tidegate {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(run(&["version"]).stdout, version.stdout);
    let help = text(&run(&["serve", "--help"]).stdout);
    for word in [
        "OPENAI_API_KEY",
        "127.0.0.1:8787",
        "SIGHUP",
        "--config",
        "--listen",
    ] {
        assert!(help.contains(word), "{help}");
    }
    let nonsense = run(&["sreve"]);
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(text(&nonsense.stderr).contains("serve"));
}

#[test]
fn schema_is_json() {
    let schema: serde_json::Value = serde_json::from_slice(&run(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["models"].is_object());
}

#[test]
fn check_names_every_mistake() {
    let good = File::new(
        "good.yaml",
        "providers: { a: { dialect: openai, base_url: 'http://127.0.0.1:1/v1' } }\n\
         models: { fast: { targets: [ a/m ] } }\n",
    );
    let output = run(&["check", good.path()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("fast -> a/m"),
        "{}",
        text(&output.stdout)
    );
    let bad = File::new(
        "bad.yaml",
        "providers: { openai: { api_key: k } }\n\
         models: { fast: { targets: [ { model: opnai/gpt-5-mini } ] } }\n\
         server: { listne: 'x' }\n",
    );
    let output = run(&["check", bad.path()]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("models.fast.targets[0].model"), "{errors}");
    assert!(errors.contains("did you mean \"openai\"?"), "{errors}");
    assert!(errors.contains("listne"), "{errors}");
    let missing = run(&["check", "/nowhere/tidegate.yaml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nowhere/tidegate.yaml"));
}

#[test]
fn demo_shows_everything_without_colour_in_a_file() {
    let output = run(&["demo", "--exit"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for word in [
        "reply",
        "stream",
        "2 tries",
        "0 tries",
        "refused",
        "1205 budget_exhausted",
        "total",
    ] {
        assert!(shown.contains(word), "{shown}");
    }
    assert!(!shown.contains('\x1b'), "{shown}");
}

#[cfg(unix)]
pub(crate) struct Running {
    pub(crate) child: Child,
    log: BufReader<std::process::ChildStderr>,
    pub(crate) address: String,
}

#[cfg(unix)]
impl Running {
    pub(crate) fn start(config: &File) -> Self {
        let mut child = tidegate(&[
            "serve",
            "--config",
            config.path(),
            "--listen",
            "127.0.0.1:0",
        ])
        .spawn()
        .expect("the command runs");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let line = next(&mut log, "listening on");
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = address.expect("an address").to_owned();
        Self {
            child,
            log,
            address,
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    fn models(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream
            .write_all(b"GET /v1/models HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[cfg(unix)]
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line of the log with `words` in it.
#[cfg(unix)]
fn next(log: &mut impl BufRead, words: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(
            log.read_line(&mut line).unwrap_or(0) > 0,
            "no {words:?} in:\n{seen}"
        );
        if line.contains(words) {
            return line;
        }
        seen.push_str(&line);
    }
}

#[cfg(unix)]
fn config(model: &str) -> String {
    format!(
        "providers: {{ a: {{ dialect: openai, mock: {{}} }} }}\n\
         models: {{ {model}: {{ targets: [ a/m ] }} }}\n"
    )
}

#[cfg(unix)]
#[test]
fn serve_reloads_keeps_the_last_good_configuration_and_ends_on_a_signal() {
    use rustix::process::Signal;

    let file = File::new("serve.yaml", &config("first"));
    let mut running = Running::start(&file);
    assert!(running.models().contains("first"));
    std::fs::write(&file.0, config("second")).unwrap();
    running.signal(Signal::HUP);
    next(&mut running.log, "reloaded");
    assert!(running.models().contains("second"));
    std::fs::write(&file.0, "models: { third: { targets: [ nobody/m ] } }").unwrap();
    next(&mut running.log, "last good one");
    next(&mut running.log, "models.third.targets[0]");
    assert!(running.models().contains("second"));
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn second_signal_ends_the_server_before_its_calls_are_done() {
    use rustix::process::Signal;

    let file = File::new(
        "slow.yaml",
        "providers: { a: { dialect: openai, mock: { replies: [ { delay: 1h } ] } } }\n",
    );
    let mut running = Running::start(&file);
    let mut stream = TcpStream::connect(&running.address).unwrap();
    let body = crate::support::chat("a/m", false);
    stream
        .write_all(crate::support::post("/v1/chat/completions", &body).as_bytes())
        .unwrap();
    while running.models().is_empty() {}
    running.signal(Signal::INT);
    next(&mut running.log, "stopping");
    running.signal(Signal::INT);
    assert_eq!(running.child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_new_key_is_random_and_its_hash_is_what_the_command_says() {
    let made = |_| {
        let made = run(&["keys", "new", "--json"]);
        assert!(made.status.success());
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let word = |name: &str| made[name].as_str().expect("text").to_owned();
        (word("value"), word("hash"))
    };
    let keys = [0, 1].map(made);
    assert_ne!(keys[0].0, keys[1].0);
    for (value, hash) in keys {
        assert!(value.starts_with("tg-") && value.len() == 46, "{value}");
        let mut command = tidegate(&["keys", "hash"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
        let mut input = child.stdin.take().expect("a pipe");
        writeln!(input, "{value}").expect("it reads");
        drop(input);
        let told = child.wait_with_output().expect("it ends");
        assert_eq!(text(&told.stdout), format!("{hash}\n"));
    }
    let nothing = run(&["keys", "hash"]);
    assert!(!nothing.status.success() && nothing.stdout.is_empty());
}
