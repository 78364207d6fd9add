//! Open-loop load: requests leave at a fixed rate, whatever the answers do.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use crate::{stats, wire::Connection};

/// What to send and how fast.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `host:port`.
    pub address: String,
    /// Head and body, ready to write.
    pub request: Vec<u8>,
    /// Requests per second over all connections.
    pub rate: f64,
    /// How many requests in all.
    pub count: usize,
    /// Kept-alive connections; each carries its share of the rate, evenly staggered.
    pub connections: usize,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Report {
    /// Answers with status 200.
    pub ok: usize,
    /// Other answers and failed exchanges.
    pub failed: usize,
    /// Microseconds per exchange.
    pub totals: Vec<f64>,
    /// Microseconds to the first body byte.
    pub firsts: Vec<f64>,
    /// Body bytes in all.
    pub bytes: usize,
    /// Requests that left late because their connection was still busy.
    pub late: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// Median microseconds per exchange.
    pub fn p50(&self) -> f64 {
        stats::percentile(&self.totals, 0.5)
    }

    /// 99th percentile of microseconds per exchange.
    pub fn p99(&self) -> f64 {
        stats::percentile(&self.totals, 0.99)
    }

    /// Median microseconds to the first body byte.
    pub fn first_p50(&self) -> f64 {
        stats::percentile(&self.firsts, 0.5)
    }

    fn merge(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.totals.extend(other.totals);
        self.firsts.extend(other.firsts);
        self.bytes += other.bytes;
        self.late += other.late;
    }
}

/// Builds a POST with a JSON body.
pub fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(name);
        request.push_str(": ");
        request.push_str(value);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends the whole plan and waits for every answer.
pub fn run(plan: &Plan) -> io::Result<Report> {
    let connections = plan.connections.clamp(1, plan.count.max(1));
    let begin = Instant::now() + Duration::from_millis(20);
    let threads: Vec<_> = (0..connections)
        .map(|index| {
            let plan = plan.clone();
            thread::spawn(move || one_connection(&plan, index, connections, begin))
        })
        .collect();
    let mut report = Report::default();
    for thread in threads {
        report.merge(
            thread
                .join()
                .map_err(|_| io::Error::other("a sender panicked"))??,
        );
    }
    report.elapsed = begin.elapsed();
    Ok(report)
}

fn one_connection(
    plan: &Plan,
    index: usize,
    connections: usize,
    begin: Instant,
) -> io::Result<Report> {
    let mut report = Report::default();
    let mut connection = Connection::open(&plan.address)?;
    let mut number = index;
    while number < plan.count {
        let due = begin + Duration::from_secs_f64(number as f64 / plan.rate);
        let now = Instant::now();
        // A late request waited for its connection: its time counts from when it was due.
        let waited = match due.checked_duration_since(now) {
            Some(pause) => {
                thread::sleep(pause);
                Duration::ZERO
            }
            None => now.duration_since(due),
        };
        if waited > Duration::from_millis(1) {
            report.late += 1;
        }
        if let Ok(exchange) = connection.exchange(&plan.request) {
            if exchange.status == 200 {
                report.ok += 1;
            } else {
                report.failed += 1;
            }
            report
                .totals
                .push((exchange.total + waited).as_secs_f64() * 1e6);
            report
                .firsts
                .push((exchange.first_body + waited).as_secs_f64() * 1e6);
            report.bytes += exchange.body_len;
        } else {
            report.failed += 1;
            connection = Connection::open(&plan.address)?;
        }
        number += connections;
    }
    Ok(report)
}
