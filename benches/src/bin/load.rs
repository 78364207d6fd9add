//! The load generator by hand:
//! `bench-load ADDRESS RATE COUNT [chat|stream|big] [PID]`; with a PID its CPU per request is shown.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]

use std::{io, process::ExitCode};

use benches::{corpus, load, process};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-load: {error}");
            eprintln!("usage: bench-load ADDRESS RATE COUNT [chat|stream|big] [PID]");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let number = |index: usize| argument(index).parse::<f64>().map_err(io::Error::other);
    let model = std::env::args().next_back().filter(|_| arguments.len() > 5);
    let model = model.as_deref().unwrap_or("fast");
    let body = match argument(3) {
        "stream" => corpus::chat(model, true),
        "big" => corpus::big_chat(model, 1 << 20),
        _ => corpus::chat(model, false),
    };
    #[expect(clippy::cast_sign_loss, reason = "a count is not negative")]
    let plan = load::Plan {
        address: argument(0).to_owned(),
        request: load::post("/v1/chat/completions", &[], &body),
        rate: number(1)?,
        count: number(2)? as usize,
        connections: 32,
    };
    let pid = argument(4).parse::<u32>().ok();
    let before = pid.map(process::cpu_of).transpose()?;
    let report = load::run(&plan)?;
    println!(
        "ok {}  failed {}  late {}  p50 {:.0} us  p99 {:.0} us  first byte p50 {:.0} us",
        report.ok,
        report.failed,
        report.late,
        report.p50(),
        report.p99(),
        report.first_p50()
    );
    if let (Some(pid), Some(before)) = (pid, before) {
        let used = process::cpu_of(pid)?.since(before);
        println!(
            "cpu per request {:.1} us (user {:.1}, system {:.1})",
            used.total() / plan.count as f64,
            used.user / plan.count as f64,
            used.system / plan.count as f64
        );
    }
    Ok(())
}
