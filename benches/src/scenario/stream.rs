use std::io;

use benches::{corpus, stats::median};

use crate::{
    contest::{self, Contestant, Duty, Round},
    results::Row,
};

/// Content events; the role, the end, the usage and `[DONE]` come on top.
const EVENTS: usize = 100;

pub(super) fn run() -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(EVENTS, 10_000)?;
    let mut all = [
        Contestant::direct(&upstream),
        Contestant::bare(&upstream)?,
        Contestant::server(&upstream, Duty::Route)?,
    ];
    let round = Round {
        body: corpus::chat("fast", true),
        rate: 20.0,
        count: 160,
        connections: 40,
    };
    contest::interleaved(&mut all, 5, &round)?;
    let [_, bare, server] = &all;
    let per_event = |one: &Contestant| one.cpu() / (EVENTS + 4) as f64;
    Ok(vec![
        Row::plain(
            "bare-pass: CPU per event",
            format!("{:.1} µs", per_event(bare)),
        ),
        Row::plain(
            "tidegate: CPU per event",
            format!("{:.1} µs", per_event(server)),
        ),
        Row::at_most(
            "tidegate ÷ bare-pass, CPU per event",
            per_event(server) / per_event(bare),
            1.15,
            "x",
        ),
        Row::at_most(
            "first event above bare-pass",
            median(&server.first) - median(&bare.first),
            60.0,
            " µs",
        ),
    ])
}
