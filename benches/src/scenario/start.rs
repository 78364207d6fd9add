use std::{
    io,
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use benches::{
    process::{Program, free_port},
    stats::median,
    wire::Connection,
};

use crate::{
    contest::{self, Contestant, Duty},
    results::Row,
};

#[expect(
    clippy::disallowed_methods,
    reason = "an instrument reads the clock and waits"
)]
pub(super) fn run() -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(100, 10_000)?;
    let mut starts = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..5 {
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command: Command = contest::server_command(&upstream, &address, Duty::Route)?;
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn()?;
        while TcpStream::connect(&address).is_err() && begin.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_micros(200));
        }
        let status = Connection::open(&address)?
            .exchange(b"GET /healthz HTTP/1.1\r\nhost: bench\r\n\r\n")?
            .status;
        starts.push(begin.elapsed().as_secs_f64() * 1e3);
        if status != 200 {
            return Err(io::Error::other(format!("/healthz answered {status}")));
        }
        thread::sleep(Duration::from_millis(300));
        resident.push(benches::process::resident_of(child.id())?);
        child.kill()?;
        child.wait()?;
    }
    let mut server = Contestant::server(&upstream, Duty::Route)?;
    server.run(&contest::small(2000.0, 10.0))?;
    let loaded = server
        .program
        .as_ref()
        .map(Program::resident)
        .transpose()?
        .unwrap_or_default();
    Ok(vec![
        Row::at_most("start to the first 200", median(&starts), 100.0, " ms"),
        Row::at_most("resident memory, idle", median(&resident), 25.0, " MiB"),
        Row::at_most(
            "resident memory after 10 s at 2,000 requests per second",
            loaded,
            40.0,
            " MiB",
        ),
    ])
}
