use std::io;

use benches::{corpus, stats::median};

use crate::{
    contest::{self, Contestant, Duty, Round},
    results::Row,
};

pub(super) fn run() -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(100, 10_000)?;
    let mut all = [
        Contestant::bare(&upstream)?,
        Contestant::server(&upstream, Duty::Route)?,
    ];
    let round = Round {
        body: corpus::big_chat("fast", 1 << 20),
        rate: 20.0,
        count: 100,
        connections: 8,
    };
    contest::interleaved(&mut all, 5, &round)?;
    let [bare, server] = &all;
    Ok(vec![
        Row::plain(
            "bare-pass: CPU per request",
            format!("{:.0} µs", bare.cpu()),
        ),
        Row::plain(
            "tidegate: CPU per request",
            format!("{:.0} µs", server.cpu()),
        ),
        Row::at_most(
            "tidegate ÷ bare-pass, CPU",
            server.cpu() / bare.cpu(),
            1.6,
            "x",
        ),
        Row::plain(
            "p50 above bare-pass",
            format!("{:.0} µs", median(&server.p50) - median(&bare.p50)),
        ),
    ])
}
