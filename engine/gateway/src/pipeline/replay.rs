//! The stages, given a call of a log instead of one that is made.

use std::{sync::Arc, time::Duration};

use tidegate_types::{Code, Error, Money, Usage};

use super::{Job, admit, authenticate, decode, dispatch, guard_in, plan, settle};
use crate::{
    facts::CacheFact,
    replay::{Basis, Play, Unlike, request},
    stream::settlement::Spent,
};

/// What became of a call.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) call: usize,
    /// Why it was not lived through again.
    pub(crate) unlike: Option<Unlike>,
    pub(crate) target: Option<Arc<str>>,
    pub(crate) error: Option<Code>,
    /// From its beginning to its end.
    pub(crate) took: Duration,
    /// Until the first content of a stream.
    pub(crate) first: Option<Duration>,
    pub(crate) cost: Money,
    pub(crate) cached: bool,
    /// What the fate of the try that was answered is founded on; none without such a try.
    pub(crate) basis: Option<Basis>,
    /// Whether nothing tells what it consumed.
    pub(crate) guessed: bool,
    /// Targets of the tries, each with whether it failed.
    pub(crate) tries: Vec<(Arc<str>, bool)>,
}

/// Lives through a call of the log.
pub(crate) async fn call(play: &Play<'_>, call: usize) -> Came {
    let record = &play.records[call];
    let mut came = Came {
        call,
        ..Came::default()
    };
    let Some((context, asked)) = request::of(record) else {
        came.unlike = Some(Unlike::Endpoint);
        return came;
    };
    let mut job = Job::new(&play.gateway.inner, context, asked);
    job.rng = play.rng();
    let result = stages(&mut job, play, call, &mut came).await;
    came.tries = job
        .attempts
        .iter()
        .map(|attempt| (Arc::clone(&attempt.target), attempt.error.is_some()))
        .collect();
    if let Err(error) = result {
        came.error = Some(error.code());
        drop(settle::failed(&mut job, error));
        came.cost = job.earlier;
    }
    came.took = play.time.clock.now().since(job.started);
    came
}

async fn stages(job: &mut Job, play: &Play<'_>, call: usize, came: &mut Came) -> Result<(), Error> {
    let record = &play.records[call];
    job.running = Some(job.gateway.enter()?);
    decode::read(job)?;
    if let Some(key) = &record.key {
        job.identity = Some(play.identity(key)?);
    }
    authenticate::lead(job, &mut |_, _| {})?;
    admit(job).await?;
    guard_in::look(job)?;
    let Some(route) = job.route.clone() else {
        came.unlike = Some(Unlike::Endpoint);
        return Ok(());
    };
    if route.ensemble.is_some() {
        came.unlike = Some(Unlike::Panel);
        return Ok(());
    }
    if record.cache == "hit" && route.cache.is_some() {
        // Nobody knows what a stored answer would be worth to another route: it stays what it was.
        job.facts.cache = CacheFact::Hit(Duration::ZERO);
        job.facts.target = record.target.as_deref().map(Arc::from);
        play.time.sleep(play.recorded(call)).await;
        came.cached = true;
        end(job, None, None, came);
        return Ok(());
    }
    plan::run(job)?;
    let fate = dispatch::replay::run(job, &route, play, call).await?;
    came.basis = Some(fate.basis);
    came.first = fate.first.map(|_| play.time.clock.now().since(job.started));
    let rest = fate.took.saturating_sub(fate.first.unwrap_or(fate.took));
    play.time.sleep(rest).await;
    let target = job.facts.target.clone().unwrap_or_default();
    let (usage, guessed) = play.usage(call, &target);
    came.guessed = guessed;
    end(job, Some(usage), fate.error, came);
    Ok(())
}

/// Stage 3, without a queue: whoever would wait for its own calls is refused.
async fn admit(job: &mut Job) -> Result<(), Error> {
    let Some(identity) = job.identity.clone() else {
        return Ok(());
    };
    let (treasury, chain) = (&job.gateway.treasury, &identity.chain);
    treasury.admit(chain)?;
    let seats = chain.admit(&job.gateway.room);
    let seats = seats.map_err(|refused| admit::crowded(&refused))?;
    treasury.count(chain).await?;
    job.permit = Some(seats);
    Ok(())
}

fn end(job: &mut Job, usage: Option<Usage>, error: Option<Code>, came: &mut Came) {
    let mut settlement = settle::open(job);
    settlement.finish(&Spent {
        usage,
        output_tokens: 0,
        error,
    });
    came.target.clone_from(&settlement.facts.target);
    came.cost = settlement.facts.cost.unwrap_or_default();
    came.error = error;
}
