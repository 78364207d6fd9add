//! What is said of the engine's policies, and held to.

use super::{Policy, Report, Weather};

/// Seeds that the claims are held to; the tests take the first.
pub const SEEDS: [u64; 2] = [20_261, 7];

/// A comparison and its limit.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// What is compared.
    pub name: &'static str,
    /// The figure that is claimed.
    pub limit: f64,
    /// Whether it is a factor of at least `limit`, or percents of at most that.
    pub at_least: bool,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// p99 under another policy, by that under `least_latency`.
    Beats(Policy),
    /// p99.9 of `least_latency` alone, by that with hedges.
    Cuts,
    /// Percents of further calls by hedges.
    Further,
}

impl Claim {
    /// The figure that reports of runs give: `report` finds the one of a policy, hedged or not.
    pub fn measure<'a>(&self, report: impl Fn(Policy, bool) -> &'a Report) -> f64 {
        let ours = report(Policy::LeastLatency, false);
        let hedged = report(Policy::LeastLatency, true);
        match self.what {
            What::Beats(other) => report(other, false).quantile(0.99) / ours.quantile(0.99),
            What::Cuts => ours.quantile(0.999) / hedged.quantile(0.999),
            What::Further => hedged.percent(hedged.hedges),
        }
    }
}

/// The claims for a weather.
pub fn claims(weather: Weather) -> Vec<Claim> {
    let beats = |other, name, limit| Claim {
        name,
        limit,
        at_least: true,
        what: What::Beats(other),
    };
    let mut claims = Vec::new();
    // Of targets that are all alike none is better.
    if weather != Weather::Bimodal {
        let weighted = "p99 of `weighted` ÷ `least_latency`";
        let lowest = "p99 of the naive EWMA, the lowest ÷ `least_latency`";
        claims.push(beats(Policy::Weighted, weighted, 3.0));
        claims.push(beats(Policy::LowestAverage, lowest, 3.0));
    }
    // Where half of all targets are slow, what is left is slow for everybody.
    if matches!(weather, Weather::Drifting | Weather::Stalling) {
        let inverse = "p99 of the naive EWMA, in proportion ÷ `least_latency`";
        claims.push(beats(Policy::InverseAverage, inverse, 1.5));
    }
    claims.extend([
        Claim {
            name: "p99.9 of `least_latency` ÷ the same hedged",
            limit: 3.0,
            at_least: true,
            what: What::Cuts,
        },
        Claim {
            name: "further calls by hedges",
            limit: 5.0,
            at_least: false,
            what: What::Further,
        },
    ]);
    claims
}
