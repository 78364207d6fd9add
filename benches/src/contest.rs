//! Programs side by side: an upstream, the bare proxy and the server, measured in interleaved rounds.

use std::{fs, io, path::PathBuf, process::Command};

use benches::{
    corpus,
    load::{self, Plan, Report},
    process::{Program, free_port, sibling},
    stats,
};
use serde_json::{Value, json};

/// The key the server's clients send.
pub(crate) const KEY: &str = "tg-bench";

/// What the server does beyond passing on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// A route with a fallback armed, usage read and priced.
    Route,
    /// The same with a key to check, a budget to reserve in and a limit to count.
    Guarded,
}

/// One that takes part, with its samples.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) program: Option<Program>,
    headers: Vec<(&'static str, &'static str)>,
    /// CPU microseconds per request, one a round.
    pub(crate) cpu: Vec<f64>,
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    pub(crate) first: Vec<f64>,
    pub(crate) failed: usize,
}

/// The load of one round.
pub(crate) struct Round {
    pub(crate) body: Vec<u8>,
    pub(crate) rate: f64,
    pub(crate) count: usize,
    pub(crate) connections: usize,
}

impl Contestant {
    fn new(name: &'static str, address: String, program: Option<Program>) -> Self {
        Self {
            name,
            address,
            program,
            headers: Vec::new(),
            cpu: Vec::new(),
            p50: Vec::new(),
            p99: Vec::new(),
            first: Vec::new(),
            failed: 0,
        }
    }

    /// The generator straight to the upstream.
    pub(crate) fn direct(upstream: &str) -> Self {
        Self::new("direct", upstream.to_owned(), None)
    }

    /// The bare pass-through proxy.
    pub(crate) fn bare(upstream: &str) -> io::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(sibling("bench-bare-pass")?);
        command.args([address.as_str(), upstream, "2"]);
        let program = Program::start_at(command, &address)?;
        Ok(Self::new("bare-pass", address, Some(program)))
    }

    /// `tidegate serve` in front of `upstream`.
    pub(crate) fn server(upstream: &str, duty: Duty) -> io::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let program = Program::start_at(server_command(upstream, &address, duty)?, &address)?;
        let name = if duty == Duty::Route {
            "tidegate"
        } else {
            "tidegate, guarded"
        };
        let mut contestant = Self::new(name, address, Some(program));
        if duty == Duty::Guarded {
            contestant.headers.push(("x-tidegate-key", KEY));
        }
        Ok(contestant)
    }

    /// Sends one round and keeps its figures.
    pub(crate) fn run(&mut self, round: &Round) -> io::Result<Report> {
        let before = self.program.as_ref().map(Program::cpu).transpose()?;
        let report = load::run(&Plan {
            address: self.address.clone(),
            request: load::post("/v1/chat/completions", &self.headers, &round.body),
            rate: round.rate,
            count: round.count,
            connections: round.connections,
        })?;
        if let (Some(program), Some(before)) = (&self.program, before) {
            self.cpu
                .push(program.cpu()?.since(before).total() / round.count as f64);
        }
        self.p50.push(report.p50());
        self.p99.push(report.p99());
        self.first.push(report.first_p50());
        self.failed += report.failed;
        Ok(report)
    }

    /// Median CPU microseconds per request.
    pub(crate) fn cpu(&self) -> f64 {
        stats::median(&self.cpu)
    }
}

/// The bench's vendor with streams of `events` content events, one each `gap` microseconds.
pub(crate) fn upstream(events: usize, gap: u64) -> io::Result<(Program, String)> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(sibling("bench-upstream")?);
    command.args([address.clone(), events.to_string(), gap.to_string()]);
    Ok((Program::start_at(command, &address)?, address))
}

/// One warm-up round, then `rounds` rounds in turn. Failed requests are an error.
pub(crate) fn interleaved(
    contestants: &mut [Contestant],
    rounds: usize,
    round: &Round,
) -> io::Result<()> {
    for contestant in contestants.iter_mut() {
        let warm = Round {
            body: round.body.clone(),
            count: round.count / 4 + 1,
            ..*round
        };
        contestant.run(&warm)?;
        contestant.cpu.clear();
        contestant.p50.clear();
        contestant.p99.clear();
        contestant.first.clear();
    }
    for _ in 0..rounds {
        for contestant in contestants.iter_mut() {
            contestant.run(round)?;
        }
    }
    match contestants.iter().find(|contestant| contestant.failed > 0) {
        Some(bad) => Err(io::Error::other(format!(
            "{}: {} requests failed",
            bad.name, bad.failed
        ))),
        None => Ok(()),
    }
}

/// `tidegate serve` with a configuration of its own.
pub(crate) fn server_command(upstream: &str, address: &str, duty: Duty) -> io::Result<Command> {
    let mut command = Command::new(sibling("tidegate")?);
    command
        .arg("serve")
        .arg("--config")
        .arg(configuration(upstream, duty)?);
    command
        .args(["--listen", address])
        .stderr(std::process::Stdio::null());
    Ok(command)
}

/// Writes the configuration of a route `fast` over `upstream`.
pub(crate) fn configuration(upstream: &str, duty: Duty) -> io::Result<PathBuf> {
    let provider = json!({
        "dialect": "openai",
        "base_url": format!("http://{upstream}/v1"),
        "api_key": "sk-bench",
        "prices": { "*": { "input": 0.15, "output": 0.6 } },
    });
    let mut document: Value = json!({
        "providers": { "main": provider, "spare": provider },
        "models": { "fast": {
            "targets": [{ "model": "main/gpt-4o-mini" }],
            "fallbacks": [{ "model": "spare/gpt-4o-mini" }],
        }},
    });
    if duty == Duty::Guarded {
        document["keys"] = json!([{
            "id": "bench",
            "value": KEY,
            "budgets": [{ "limit": 1_000_000, "per": "1d" }],
            "limits": [{ "requests": 1_000_000_000, "per": "1h" }],
        }]);
    }
    let folder = sibling("tidegate")?.with_file_name("bench-files");
    fs::create_dir_all(&folder)?;
    let port = upstream.rsplit_once(':').map_or("", |(_, port)| port);
    let kind = if duty == Duty::Guarded {
        "guarded"
    } else {
        "route"
    };
    let path = folder.join(format!("{kind}-{port}.json"));
    fs::write(&path, document.to_string())?;
    Ok(path)
}

/// A small chat at `rate` for `seconds`.
pub(crate) fn small(rate: f64, seconds: f64) -> Round {
    #[expect(clippy::cast_sign_loss, reason = "neither is negative")]
    let count = (rate * seconds) as usize;
    Round {
        body: corpus::chat("fast", false),
        rate,
        count,
        connections: 32,
    }
}
