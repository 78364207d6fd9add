use std::{fs, io, process::Command};

use benches::{
    load::{self, Plan},
    process::{Program, free_port, sibling},
};

use crate::{
    contest::{self, Duty, KEY},
    results::Row,
};

/// Two counts whose difference has neither start-up nor shut-down in it.
const COUNTS: [usize; 2] = [400, 2400];
/// The same for streams, of so many content events.
const STREAMS: [usize; 2] = [4, 24];
const EVENTS: usize = 100;

/// What is sent while instructions are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Calls,
    Streams,
}

pub(super) fn run() -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(EVENTS, 2_000)?;
    let calls = |duty| per_one(&upstream, duty, Traffic::Calls, COUNTS);
    let bare = calls(None)?;
    let route = calls(Some(Duty::Route))?;
    let guarded = calls(Some(Duty::Guarded))?;
    let events = |duty| {
        per_one(&upstream, duty, Traffic::Streams, STREAMS)
            .map(|stream| stream / (EVENTS + 4) as f64)
    };
    let bare_event = events(None)?;
    let event = events(Some(Duty::Route))?;
    Ok(vec![
        Row::plain("bare-pass, a request", format!("{bare:.0}")),
        Row::at_most("tidegate, a request on a route", route, 75_000.0, ""),
        Row::plain(
            "tidegate, the same with key, budget and limit",
            format!("{guarded:.0}"),
        ),
        Row::plain(
            "bare-pass, an event of a stream",
            format!("{bare_event:.0}"),
        ),
        Row::plain("tidegate, an event of a stream", format!("{event:.0}")),
    ])
}

fn per_one(
    upstream: &str,
    duty: Option<Duty>,
    traffic: Traffic,
    counts: [usize; 2],
) -> io::Result<f64> {
    let mut totals = [0.0; 2];
    for (total, count) in totals.iter_mut().zip(counts) {
        *total = instructions(upstream, duty, traffic, count)?;
    }
    Ok((totals[1] - totals[0]) / (counts[1] - counts[0]) as f64)
}

/// Instructions of the whole run of a program that served `count` requests, one after the other.
fn instructions(
    upstream: &str,
    duty: Option<Duty>,
    traffic: Traffic,
    count: usize,
) -> io::Result<f64> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let inner = if let Some(duty) = duty {
        contest::server_command(upstream, &address, duty)?
    } else {
        let mut command = Command::new(sibling("bench-bare-pass")?);
        command.args([address.as_str(), upstream, "2"]);
        command
    };
    let log = sibling("bench-bare-pass")?
        .with_file_name("bench-files")
        .join("callgrind.log");
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.display()))
        .arg(inner.get_program())
        .args(inner.get_args())
        .stderr(std::process::Stdio::null());
    let program = Program::start_at(command, &address)
        .map_err(|error| io::Error::other(format!("valgrind: {error}")))?;
    let headers: &[(&str, &str)] = if duty == Some(Duty::Guarded) {
        &[("x-tidegate-key", KEY)]
    } else {
        &[]
    };
    let report = load::run(&Plan {
        address,
        request: load::post(
            "/v1/chat/completions",
            headers,
            &benches::corpus::chat("fast", traffic == Traffic::Streams),
        ),
        rate: 1e9,
        count,
        connections: 1,
    })?;
    program.stop()?;
    if report.failed > 0 {
        return Err(io::Error::other(format!(
            "{} requests failed under callgrind",
            report.failed
        )));
    }
    let text = fs::read_to_string(&log)?;
    text.lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| io::Error::other("callgrind printed no count"))
}
