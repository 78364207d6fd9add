//! Counters of processes, read from `/proc`, and children that end with their owner.

use std::{
    fs, io,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A program under test. It gets SIGTERM when the value is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// From spawning to the line that says where it listens.
    pub started_in: Duration,
}

/// User and system time of a process, all threads, dead ones too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// Microseconds in user mode.
    pub user: f64,
    /// Microseconds in the kernel.
    pub system: f64,
}

impl Cpu {
    /// User and system together.
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

impl Program {
    /// Starts `command` and waits until one of its output lines contains `ready`.
    pub fn start(mut command: Command, ready: &str) -> io::Result<Self> {
        let begin = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        for line in lines.by_ref() {
            if line?.contains(ready) {
                let started_in = begin.elapsed();
                // Later output is drained, so that the program never blocks on a full pipe.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, started_in });
            }
        }
        let status = child.wait()?;
        Err(io::Error::other(format!(
            "{} ended before it was ready: {status}",
            command.get_program().display()
        )))
    }

    /// Starts `command` and waits until `address` accepts connections.
    pub fn start_at(mut command: Command, address: &str) -> io::Result<Self> {
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn()?;
        while begin.elapsed() < Duration::from_mins(2) {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(Self {
                    child,
                    started_in: begin.elapsed(),
                });
            }
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!(
                    "{} ended: {status}",
                    command.get_program().display()
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        Err(io::Error::other(format!(
            "{} never listened",
            command.get_program().display()
        )))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time so far.
    pub fn cpu(&self) -> io::Result<Cpu> {
        cpu_of(self.child.id())
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> io::Result<f64> {
        resident_of(self.child.id())
    }

    /// Asks it to end and waits; after ten seconds it is killed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// CPU time of a process in microseconds; the kernel counts it in ticks of 10 ms.
pub fn cpu_of(pid: u32) -> io::Result<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; everything after its closing bracket is fixed.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        return Err(io::Error::other("unexpected /proc stat"));
    };
    Ok(Cpu {
        user: user * 10_000.0,
        system: system * 10_000.0,
    })
}

/// Resident memory of a process in MiB.
pub fn resident_of(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<f64>()
                .ok()
        })
        .map(|kib| kib / 1024.0)
        .ok_or_else(|| io::Error::other("no VmRSS"))
}

/// CPU time of this process in microseconds, exact to the scheduler's clock.
pub fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// A port nobody listens on now.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// The program `name` beside this one.
pub fn sibling(name: &str) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(io::Error::other(format!(
            "{name} is not built; run `cargo xtask bench`"
        )))
    }
}
