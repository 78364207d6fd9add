//! `mock-upstream [--port N] [--threads N] [--fixtures DIR] [--chunks N] [--pace-ms N] [--delay-ms N] [--no-record]`
//!
//! Prints the port as its first line and ends when its standard input does, so that it never
//! outlives the test that started it; with `--stay` it runs until it is killed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a program may choose its exit code"
)]

use std::io::{Read, Write};

use mock_upstream::{Defaults, Options, Server};

fn main() {
    if let Err(message) = run() {
        eprintln!("mock-upstream: {message}");
        std::process::exit(2);
    }
}

fn run() -> Result<(), String> {
    let mut options = Options::default();
    let mut defaults = Defaults::default();
    let mut stay = false;
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--port" => options.port = number(&value()?)?,
            "--threads" => options.threads = number(&value()?)?,
            "--fixtures" => options.fixtures = Some(value()?.into()),
            "--chunks" => defaults.chunks = Some(number(&value()?)?),
            "--pace-ms" => defaults.pace_ms = number(&value()?)?,
            "--delay-ms" => defaults.delay_ms = number(&value()?)?,
            "--text" => defaults.text = value()?,
            "--no-record" => defaults.record = false,
            "--stay" => stay = true,
            _ => return Err(format!("unknown option {flag}")),
        }
    }
    let server = Server::start(options).map_err(|error| error.to_string())?;
    server.defaults(defaults);
    println!("{}", server.port());
    std::io::stdout()
        .flush()
        .map_err(|error| error.to_string())?;
    if stay {
        loop {
            std::thread::park();
        }
    }
    let mut sink = [0; 256];
    while matches!(std::io::stdin().read(&mut sink), Ok(read) if read > 0) {}
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number in range"))
}
