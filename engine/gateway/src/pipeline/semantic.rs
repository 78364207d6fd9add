//! How similar a request is to what targets are for. Part of stage 6, before it: what the plan goes by is
//! found out, and the plan itself asks nobody.
//!
//! Nothing here fails a call: where nothing is found out, targets stand as written, and the call's facts
//! say why.

use std::{sync::Arc, time::Duration};

use tidegate_policy::{
    likeness::{Recent, Vector},
    route::Topics,
};
use tidegate_types::{Code, Endpoint, Money};
use tokio::time::timeout;

use super::{Job, plan::prompt};
use crate::{
    embedder::{
        Asker, Embedder,
        meanings::{Desk, Phrase},
        shortened,
    },
    facts::Compared,
    snapshot::Route,
};

/// What the members of a group are for, and who tells how similar requests are to that.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) embedder: Arc<dyn Embedder>,
    desk: Arc<Desk>,
    /// By member: names, and the texts that say what each is for.
    members: Vec<(Box<str>, Vec<Arc<Phrase>>)>,
    pub(crate) threshold: Option<f32>,
    timeout: Duration,
}

/// How similar a request is to each member, by the route's comparisons.
#[derive(Debug)]
pub(crate) struct Likenesses(Vec<Option<Vec<Option<f32>>>>);

impl Likenesses {
    pub(crate) fn of(&self, topics: Topics, member: u16) -> Option<f32> {
        let members = self.0.get(usize::from(topics.number))?.as_ref()?;
        *members.get(usize::from(member))?
    }

    /// Whether a comparison was made.
    pub(crate) fn made(&self, number: usize) -> bool {
        self.0.get(number).is_some_and(Option::is_some)
    }
}

impl Comparison {
    /// `members`: what each is called, and the texts that say what it is for.
    pub(crate) fn new<'a>(
        embedder: Arc<dyn Embedder>,
        desk: Arc<Desk>,
        members: impl Iterator<Item = (&'a str, Vec<&'a str>)>,
        threshold: Option<f32>,
        timeout: Duration,
    ) -> Self {
        let members = members.map(|(name, texts)| {
            let texts = texts.into_iter().map(|text| desk.phrase(text));
            (name.into(), texts.collect())
        });
        Self {
            members: members.collect(),
            embedder,
            desk,
            threshold,
            timeout,
        }
    }

    fn phrases(&self) -> Vec<Arc<Phrase>> {
        let phrases = self.members.iter().flat_map(|(_, phrases)| phrases);
        phrases.cloned().collect()
    }

    /// How similar a text is to each member: as much as to the most similar of its texts.
    fn likenesses(&self, said: &Vector) -> Vec<Option<f32>> {
        let members = self.members.iter().map(|(_, phrases)| {
            let found = phrases
                .iter()
                .filter_map(|phrase| phrase.vector()?.likeness(said));
            found.max_by(f32::total_cmp)
        });
        members.collect()
    }

    /// The most similar member.
    fn best(&self, likenesses: &[Option<f32>]) -> Option<(&str, f32)> {
        let members = self.members.iter().zip(likenesses);
        let known = members.filter_map(|((name, _), likeness)| Some((&**name, (*likeness)?)));
        // The first of several, as the plan has it.
        known.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

/// Whether targets are compared with the call.
pub(super) fn wanted(job: &Job) -> bool {
    let route = job.route.as_ref();
    route.is_some_and(|route| !route.comparisons.is_empty()) && job.endpoint == Endpoint::Chat
}

/// Finds out how similar the request is to what targets are for.
pub(super) async fn run(job: &mut Job) {
    let Some(route) = job.route.clone() else {
        return;
    };
    let Some(said) = prompt::last_turn(&job.body) else {
        for comparison in &route.comparisons {
            told(job, &route, comparison, Err("nothing_said"), None);
        }
        return;
    };
    let mut all = Vec::with_capacity(route.comparisons.len());
    for comparison in &route.comparisons {
        let began = job.gateway.clock.now();
        let mut limit = comparison.timeout;
        if let Some(deadline) = job.deadline {
            limit = limit.min(deadline.since(began));
        }
        let asked = timeout(limit, compare(job, comparison, &said, limit)).await;
        let asked = asked.unwrap_or(Asking {
            found: Err(Code::TotalTimeout),
            cost: Money::ZERO,
            estimated: false,
        });
        let took = job.gateway.clock.now().since(began);
        job.waited += took;
        job.earlier = job.earlier.saturating_add(asked.cost);
        job.facts.estimated |= asked.estimated;
        let told_of = Some((took, asked.cost));
        match asked.found {
            Ok(found) => {
                told(job, &route, comparison, Ok(&found), told_of);
                all.push(Some(found));
            }
            Err(code) => {
                told(job, &route, comparison, Err(code.slug()), told_of);
                all.push(None);
            }
        }
    }
    job.likenesses = Some(Box::new(Likenesses(all)));
}

/// What is known already. Nobody is asked.
pub(super) fn look(job: &mut Job) {
    let Some(route) = job.route.clone().filter(|_| wanted(job)) else {
        return;
    };
    let said = prompt::last_turn(&job.body);
    let known = route.comparisons.iter().map(|comparison| {
        let phrases = comparison.phrases();
        let ready = phrases.iter().all(|phrase| phrase.vector().is_some());
        let said = said.as_deref().filter(|_| ready)?;
        let text = shortened(said, comparison.embedder.longest());
        let name = Recent::name(partition(job), comparison.embedder.space(), &text);
        let vector = job.snapshot.meanings.recent.get(&name)?;
        Some(comparison.likenesses(&vector))
    });
    job.likenesses = Some(Box::new(Likenesses(known.collect())));
}

struct Asking {
    found: Result<Vec<Option<f32>>, Code>,
    cost: Money,
    estimated: bool,
}

async fn compare(job: &Job, comparison: &Comparison, said: &str, limit: Duration) -> Asking {
    let mut asking = Asking {
        found: Err(Code::Internal),
        cost: Money::ZERO,
        estimated: false,
    };
    let embedder = &comparison.embedder;
    let phrases = comparison.phrases();
    let deadline = job.gateway.clock.now().plus(limit);
    let desk = &comparison.desk;
    let ready = desk.ready(embedder, &phrases, &job.gateway, &job.snapshot);
    if let Err(code) = ready.await {
        asking.found = Err(code);
        return asking;
    }
    let text = shortened(said, embedder.longest());
    let name = Recent::name(partition(job), embedder.space(), &text);
    let recent = &job.snapshot.meanings.recent;
    if let Some(known) = recent.get(&name) {
        asking.found = Ok(comparison.likenesses(&known));
        return asking;
    }
    let asker = Asker {
        gateway: Arc::clone(&job.gateway),
        snapshot: Arc::clone(&job.snapshot),
        identity: job.identity.clone(),
        priority: job.priority,
        deadline,
        alone: false,
    };
    let answer = embedder.embed(&asker, &[&text]).await;
    (asking.cost, asking.estimated) = (answer.cost, answer.estimated);
    let vectors = answer.vectors.map_err(|error| error.code());
    let vector = vectors.and_then(|mut vectors| vectors.pop().ok_or(Code::UpstreamInvalid));
    asking.found = vector.map(|vector| {
        let found = comparison.likenesses(&vector);
        recent.keep(name, Arc::new(vector));
        found
    });
    asking
}

/// Whose texts these are.
fn partition(job: &Job) -> &str {
    job.owner().map_or("", |owner| owner)
}

/// Takes note of what came of a comparison.
fn told(
    job: &mut Job,
    route: &Route,
    comparison: &Comparison,
    found: Result<&Vec<Option<f32>>, &'static str>,
    spent: Option<(Duration, Money)>,
) {
    let best = found.ok().and_then(|found| comparison.best(found));
    let below = match (best, comparison.threshold) {
        (Some((_, likeness)), Some(threshold)) => likeness < threshold,
        (best, _) => best.is_none(),
    };
    let outcome = match found {
        Ok(_) if below => "below",
        Ok(_) => "similar",
        Err(slug) => slug,
    };
    let name = &route.name;
    job.gateway.metrics.compared(name, outcome);
    let (took, cost) = spent.unwrap_or_default();
    job.facts.compared.push(Compared {
        embedder: Arc::clone(comparison.embedder.label()),
        outcome,
        best: best.map(|(name, likeness)| (name.into(), likeness)),
        took,
        cost,
    });
}
