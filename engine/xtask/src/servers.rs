//! Postgres and Redis for the tests that need them: on free ports, with folders of their own, stopped
//! when the tests are over.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    job::Job,
    machine::{Machine, is_root, runs},
};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// Servers that run until this is dropped.
#[derive(Default)]
pub(crate) struct Servers {
    running: Vec<Child>,
    folders: Vec<PathBuf>,
    /// Environment variables that tell tests where they are.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What could not be started, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl Servers {
    /// Starts what this machine has, or lets us install.
    pub(crate) fn start(machine: &Machine, job: &Job) -> Self {
        let mut servers = Self::default();
        if let Err(why) = servers.redis(machine, job) {
            servers.missing.push(("tests with Redis", why));
        }
        if let Err(why) = servers.postgres(machine, job) {
            servers.missing.push(("tests with Postgres", why));
        }
        servers
    }

    fn redis(&mut self, machine: &Machine, job: &Job) -> Result<(), String> {
        let found = || {
            let known = ["redis-server", "valkey-server"];
            known.into_iter().find(|name| runs(name, &["--version"]))
        };
        machine.debian(job, "redis-server", || found().is_some())?;
        let program = found().ok_or("redis-server does not start")?;
        let port = free_port()?;
        let folder = self.folder("redis")?;
        let mut command = Command::new(program);
        command
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .current_dir(&folder);
        self.run(command, &folder)?;
        let address = format!("127.0.0.1:{port}");
        self.wait(&address, |stream| {
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer)?;
            Ok(answer == *b"+PONG")
        })?;
        self.variables
            .push(("TIDEGATE_TEST_REDIS", format!("redis://{address}/0")));
        Ok(())
    }

    fn postgres(&mut self, machine: &Machine, job: &Job) -> Result<(), String> {
        machine.debian(job, "postgresql", || programs().is_some())?;
        let programs = programs().ok_or("initdb is not found")?;
        let folder = self.folder("postgres")?;
        let data = folder.join("data");
        // It refuses to run as root.
        let as_user = |program: &Path| {
            let mut command = Command::new(if is_root() {
                Path::new("setpriv")
            } else {
                program
            });
            if is_root() {
                command
                    .args([
                        "--reuid",
                        "postgres",
                        "--regid",
                        "postgres",
                        "--clear-groups",
                    ])
                    .arg(program);
            }
            command.current_dir(&folder);
            command
        };
        if is_root() {
            job.must(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let mut make = as_user(&programs.join("initdb"));
        make.arg("-D").arg(&data);
        make.args([
            "-U",
            "tidegate",
            "-A",
            "trust",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
        ]);
        job.must(&mut make)?;
        let port = free_port()?;
        let mut command = as_user(&programs.join("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-p", &port]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        self.run(command, &folder)?;
        let address = format!("127.0.0.1:{port}");
        self.wait(&address, |stream| {
            // "Does it speak TLS?" is answered with one letter once it takes connections at all.
            stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
            let mut answer = [0];
            stream.read_exact(&mut answer)?;
            Ok(matches!(answer[0], b'N' | b'S'))
        })?;
        let url = format!("postgres://tidegate@{address}/postgres");
        self.variables.push(("TIDEGATE_TEST_POSTGRES", url));
        Ok(())
    }

    fn folder(&mut self, name: &str) -> Result<PathBuf, String> {
        let base = std::env::temp_dir();
        let folder = base.join(format!("tidegate-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        self.folders.push(folder.clone());
        Ok(folder)
    }

    fn run(&mut self, mut command: Command, folder: &Path) -> Result<(), String> {
        let log = fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let also = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(log).stderr(also);
        let started = command.spawn();
        self.running
            .push(started.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn wait(
        &self,
        address: &str,
        greets: impl Fn(&mut TcpStream) -> io::Result<bool>,
    ) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Ok(mut stream) = TcpStream::connect(address)
                && stream.set_read_timeout(Some(PATIENCE / 10)).is_ok()
                && greets(&mut stream).unwrap_or(false)
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let log = self.folders.last().map(|folder| folder.join("log"));
        let said = log.and_then(|log| fs::read_to_string(log).ok());
        let last = said
            .unwrap_or_default()
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned();
        Err(format!("it does not start: {last}"))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.running {
            // Told to end, so that it takes its own children along.
            let told = Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status();
            if !told.is_ok_and(|status| status.success()) {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
        for folder in &self.folders {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Where Postgres' programs are: on the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debian: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    debian.sort();
    let mut all = debian.into_iter().rev().chain(on_path);
    all.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn free_port() -> Result<String, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = bound.map_err(|error| error.to_string())?;
    Ok(address.port().to_string())
}
