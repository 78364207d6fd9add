use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use benches::{corpus, process::sibling, stats::median};
use serde_json::Value;

use crate::{
    contest::{self, Duty},
    results::{Row, root},
};

/// Rounds of every client, in turn.
const ROUNDS: usize = 5;

/// A host language: how one measurement is started.
struct Face {
    program: PathBuf,
    before: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    bare: &'static str,
    /// Calls per round at one at a time and at 64 at a time.
    counts: [usize; 2],
}

pub(super) fn python() -> io::Result<Vec<Row>> {
    let face = Face {
        program: variable("TIDEGATE_PYTHON")?.into(),
        before: vec![root().join("benches/python/bench.py").into()],
        environment: vec![("PYTHONPATH", files()?.join("python").into())],
        bare: "aiohttp",
        counts: [600, 1920],
    };
    let mut rows = calls(&face, &[("tidegate ÷ aiohttp", 1.0)])?;
    rows.extend(streams(&face)?);
    rows.extend(first(&face)?);
    Ok(rows)
}

pub(super) fn node() -> io::Result<Vec<Row>> {
    let face = Face {
        program: "node".into(),
        before: vec![
            root().join("benches/node/bench.mjs").into(),
            files()?.join("node/tidegate").into(),
        ],
        environment: vec![("TIDEGATE_ROOT", root().canonicalize()?.into())],
        bare: "node:http",
        counts: [2000, 6400],
    };
    let mut rows = calls(&face, &[("tidegate ÷ node:http", 1.2)])?;
    rows.extend(streams(&face)?);
    Ok(rows)
}

impl Face {
    fn run(&self, arguments: &[&str]) -> io::Result<Value> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.before)
            .args(arguments)
            .envs(self.environment.iter().cloned());
        let output = command.output()?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            io::Error::other(format!("{}: {text}", arguments.join(" ")))
        })
    }
}

/// CPU per call of every client, one at a time and 64 at a time.
fn calls(face: &Face, against_bare: &[(&str, f64)]) -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(100, 0)?;
    let base = format!("http://{upstream}");
    let config = contest::configuration(&upstream, Duty::Route)?;
    let body = body("chat.json", &corpus::chat("fast", false))?;
    let clients = [face.bare, "tidegate", "openai", "openai-tidegate"];
    let mut rows = Vec::new();
    for (concurrency, count) in [1, 64].into_iter().zip(face.counts) {
        let mut samples: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for client in clients {
                let (concurrency, count) = (concurrency.to_string(), count.to_string());
                let measured = face.run(&[
                    "call",
                    client,
                    &shown(&config),
                    &shown(&body),
                    &base,
                    &concurrency,
                    &count,
                ])?;
                samples
                    .entry(client)
                    .or_default()
                    .push(number(&measured, "cpu_us"));
            }
        }
        let of = |client: &str| samples.get(client).map_or(0.0, |samples| median(samples));
        for client in clients {
            rows.push(Row::plain(
                format!("{client}, {concurrency} at a time"),
                format!("{:.0} µs", of(client)),
            ));
        }
        for (figure, limit) in against_bare {
            let ratio = of("tidegate") / of(face.bare);
            rows.push(Row::at_most(
                format!("{figure}, {concurrency} at a time"),
                ratio,
                *limit,
                "x",
            ));
        }
        let ratio = of("tidegate") / of("openai");
        let figure = format!("tidegate ÷ openai, {concurrency} at a time");
        rows.push(if face.bare == "aiohttp" {
            Row::at_most(figure, ratio, 0.1, "x")
        } else {
            Row::plain(figure, format!("{ratio:.2}x"))
        });
        let ratio = of("openai-tidegate") / of("openai");
        rows.push(Row::at_most(
            format!("openai over the engine ÷ openai, {concurrency} at a time"),
            ratio,
            0.9,
            "x",
        ));
    }
    Ok(rows)
}

/// CPU per chunk of streams that come as fast as they can.
fn streams(face: &Face) -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(5000, 0)?;
    let base = format!("http://{upstream}");
    let config = contest::configuration(&upstream, Duty::Route)?;
    let body = body("stream.json", &corpus::chat("fast", true))?;
    let mut rows = Vec::new();
    for (client, limit) in [
        ("tidegate", Some(5.0)),
        ("openai-tidegate", None),
        ("openai", None),
    ] {
        let mut samples = Vec::new();
        for _ in 0..3 {
            let measured =
                face.run(&["stream", client, &shown(&config), &shown(&body), &base, "4"])?;
            samples.push(number(&measured, "cpu_us"));
        }
        let figure = format!("{client}: a streamed chunk");
        rows.push(match limit {
            Some(limit) => Row::at_most(figure, median(&samples), limit, " µs"),
            None => Row::plain(figure, format!("{:.1} µs", median(&samples))),
        });
    }
    Ok(rows)
}

/// Time and memory of `import tidegate` and the first call.
fn first(face: &Face) -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(100, 0)?;
    let config = shown(&contest::configuration(&upstream, Duty::Route)?);
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let measured = face.run(&["first", &config])?;
        seconds.push(number(&measured, "seconds"));
        memory.push(number(&measured, "mib"));
    }
    Ok(vec![
        Row::at_most("import and first call", median(&seconds), 0.25, " s"),
        Row::at_most(
            "their memory above a bare interpreter",
            median(&memory),
            30.0,
            " MiB",
        ),
    ])
}

fn number(measured: &Value, name: &str) -> f64 {
    measured[name].as_f64().unwrap_or_default()
}

/// Where xtask lays out the packages under test.
fn files() -> io::Result<PathBuf> {
    Ok(sibling("bench-upstream")?.with_file_name("bench-files"))
}

fn body(name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = files()?.join(name);
    fs::create_dir_all(files()?)?;
    fs::write(&path, bytes)?;
    Ok(path)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "xtask speaks to the bench through the environment"
)]
fn variable(name: &str) -> io::Result<String> {
    std::env::var(name)
        .map_err(|_| io::Error::other(format!("{name} is not set; use `cargo xtask bench`")))
}
