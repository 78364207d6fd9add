use std::io;

use crate::{
    contest::{self, Contestant, Duty},
    results::Row,
};
use benches::stats::median;

pub(super) fn run() -> io::Result<Vec<Row>> {
    let (_vendor, upstream) = contest::upstream(100, 10_000)?;
    let mut all = [
        Contestant::direct(&upstream),
        Contestant::bare(&upstream)?,
        Contestant::server(&upstream, Duty::Route)?,
        Contestant::server(&upstream, Duty::Guarded)?,
    ];
    contest::interleaved(&mut all, 5, &contest::small(1000.0, 5.0))?;
    let [direct, bare, route, guarded] = &all;
    let mut rows = Vec::new();
    for one in [bare, route, guarded] {
        rows.push(Row::plain(
            format!("{}: CPU per request", one.name),
            format!("{:.0} µs", one.cpu()),
        ));
    }
    rows.push(Row::at_most(
        "route ÷ bare-pass, CPU",
        route.cpu() / bare.cpu(),
        1.5,
        "x",
    ));
    rows.push(Row::at_most(
        "route, key, budget, limit ÷ bare-pass, CPU",
        guarded.cpu() / bare.cpu(),
        1.8,
        "x",
    ));
    rows.push(Row::plain(
        "bare-pass: p50, p99 above direct",
        format!(
            "{:.0}, {:.0} µs",
            median(&bare.p50) - median(&direct.p50),
            median(&bare.p99) - median(&direct.p99)
        ),
    ));
    rows.push(Row::at_most(
        "route: p50 above bare-pass",
        median(&route.p50) - median(&bare.p50),
        25.0,
        " µs",
    ));
    rows.push(Row::plain(
        "route: p99 above bare-pass",
        format!("{:.0} µs", median(&route.p99) - median(&bare.p99)),
    ));
    Ok(rows)
}
