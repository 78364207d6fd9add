//! Living through a log again under another configuration.
//!
//! Rules, limits, budgets, plans, keys, breakers, retries and hedges are the engine's own, in the time
//! of the log. Upstreams are what the log tells of them: nobody is called.

mod evidence;
mod report;
pub(crate) mod request;
mod time;

use std::{cell::RefCell, sync::Arc, time::Duration};

use tidegate_policy::{Clock, Tick, identity::Identity, rng::Rng};
use tidegate_types::{Code, Error, Usage, config::Config};

use evidence::Evidence;
pub(crate) use evidence::{Basis, Fate};
pub(crate) use report::Unlike;
pub use report::{Calls, Founded, Percentiles, Report, Side, TargetSide, Targets};
pub(crate) use time::Time;

use crate::{
    gateway::Gateway,
    journal::{Reading, Record},
    pipeline,
};

/// What a log is lived through with.
pub(crate) struct Play<'r> {
    pub(crate) gateway: Gateway,
    pub(crate) time: Time,
    pub(crate) records: &'r [Record],
    evidence: Evidence,
    /// Milliseconds since 1970 at which the clock stands at nought.
    epoch: i64,
    /// Generated tokens of the usual answer, for calls of which the log has none.
    usual_output: u64,
    rng: RefCell<Rng>,
}

/// Lives through the calls of a log under a configuration, and tells what would have come of them.
///
/// Chance is drawn with `seed`: the same log, configuration and seed give the same report. Copies made for
/// comparison (`shadow`) tell how their targets do, and are no calls themselves.
///
/// # Errors
/// `invalid_request` for a log without calls.
pub fn run(config: Config, reading: &Reading, seed: u64) -> Result<Report, Error> {
    let calls = |record: &&Record| !record.shadow;
    let records: Vec<Record> = reading.records.iter().filter(calls).cloned().collect();
    let Some(first) = records.first() else {
        let text = "the log holds no call";
        return Err(Error::new(Code::InvalidRequest, text));
    };
    let epoch = first.time / 1000 * 1000;
    let clock = Clock::still(u64::try_from(epoch / 1000).unwrap_or(0));
    let clock = Arc::new(clock);
    let play = Play {
        gateway: Gateway::for_replay(config, Arc::clone(&clock)),
        time: Time::new(clock),
        evidence: Evidence::of(&reading.records),
        epoch,
        usual_output: usual_output(&records),
        rng: RefCell::new(Rng::with_seed(seed)),
        records: &records,
    };
    let mut report = report::Tally::new(reading);
    let lived: Vec<usize> = (0..records.len())
        .filter(|call| report.takes(&records[*call]))
        .collect();
    let moment = |call: usize| {
        let millis = records[call].time.saturating_sub(epoch);
        Tick(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000))
    };
    play.time.run(
        lived.iter().map(|call| moment(*call)),
        |index| pipeline::replay::call(&play, lived[index]),
        |came| report.add(&records[came.call], &came),
    );
    Ok(report.finish())
}

fn usual_output(records: &[Record]) -> u64 {
    let told = records.iter().filter_map(|record| record.usage);
    let (sum, count) = told.fold((0u64, 0u64), |(sum, count), usage| {
        (sum.saturating_add(usage.output), count + 1)
    });
    sum.checked_div(count).unwrap_or(0)
}

impl Play<'_> {
    /// Chance for one call.
    pub(crate) fn rng(&self) -> Rng {
        let bits = self.rng.borrow_mut().bits();
        Rng::with_seed(bits as u64)
    }

    /// Who called.
    ///
    /// # Errors
    /// `unknown_key` where the configuration has no such key.
    pub(crate) fn identity(&self, id: &str) -> Result<Arc<Identity>, Error> {
        let snapshot = self.gateway.inner.snapshot();
        let now = self.time.clock.unix_seconds();
        match snapshot.identities.key(id) {
            Some(identity) if identity.active(now) => Ok(Arc::clone(identity)),
            Some(_) => Err(Error::new(
                Code::InactiveKey,
                "the key is disabled or has expired",
            )),
            None => Err(Error::new(
                Code::UnknownKey,
                "the configuration has no such key",
            )),
        }
    }

    /// How the `nth` try of a call at a target goes.
    pub(crate) fn fate(&self, call: usize, target: &str, nth: usize) -> Fate {
        let passed = self.time.clock.now().0 / 1_000_000;
        let now = self.epoch + i64::try_from(passed).unwrap_or(i64::MAX);
        let mut rng = self.rng.borrow_mut();
        self.evidence
            .fate(&self.records[call], target, nth, now, &mut rng)
    }

    /// How long the call took when it was made.
    pub(crate) fn recorded(&self, call: usize) -> Duration {
        Duration::from_secs_f64(self.records[call].ms.max(0.0) / 1e3)
    }

    /// What the call consumes at a target, and whether that is a guess because the log does not tell.
    pub(crate) fn usage(&self, call: usize, target: &str) -> (Usage, bool) {
        let record = &self.records[call];
        let Some(usage) = record.usage else {
            let output = record.request.max_output_tokens.unwrap_or(u64::MAX);
            let guess = Usage {
                input: record.request.input_tokens,
                output: self.usual_output.min(output),
                estimated: true,
                ..Usage::default()
            };
            return (guess, true);
        };
        if record.target.as_deref() == Some(target) {
            return (usage, false);
        }
        // Prices and service of one vendor are not another's; the tokens are taken to be.
        let moved = Usage {
            charge: None,
            regional: false,
            service: Usage::default().service,
            ..usage
        };
        (moved, false)
    }
}
