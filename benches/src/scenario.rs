//! What is measured. Each scenario is a file of its name.

mod body;
mod callgrind;
mod engine;
mod faces;
mod server;
mod simulation;
mod sizes;
mod start;
mod stream;

use std::io;

use crate::results::Row;

/// One section of RESULTS.md.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> io::Result<Vec<Row>>,
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "engine",
        about: "CPU per call of the engine alone: 1 KB chat, mock transport, route with a fallback armed, usage read and priced",
        run: engine::run,
    },
    Scenario {
        name: "server",
        about: "CPU per request and added latency of `tidegate serve` against a bare hyper pass-through, 1,000 requests per second",
        run: server::run,
    },
    Scenario {
        name: "callgrind",
        about: "User-space instructions per request and per event, counted by callgrind",
        run: callgrind::run,
    },
    Scenario {
        name: "stream",
        about: "CPU per event of streams, 20 streams per second of 100 events each",
        run: stream::run,
    },
    Scenario {
        name: "body",
        about: "CPU per request with a body of 1 MB, 20 requests per second",
        run: body::run,
    },
    Scenario {
        name: "python",
        about: "CPU per call from Python against aiohttp and the `openai` package",
        run: faces::python,
    },
    Scenario {
        name: "node",
        about: "CPU per call from Node against `node:http` and the `openai` package",
        run: faces::node,
    },
    Scenario {
        name: "simulation",
        about: "Durations of 1,000,000 simulated requests, 250 per second, to ten targets that drift, stall, freeze and fail; strategies, breakers, retries and hedges are the engine's own; factors are the worst of two seeds",
        run: simulation::run_all,
    },
    Scenario {
        name: "start",
        about: "Server start and memory",
        run: start::run,
    },
    Scenario {
        name: "sizes",
        about: "What users download",
        run: sizes::run,
    },
];
