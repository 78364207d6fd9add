//! What the order of targets depends on, read when a strategy asks.

use std::cell::OnceCell;

use smallvec::SmallVec;
use tidegate_policy::{
    Tick,
    route::{self, CacheMemory, Demands, HashBy, Needs, Ranking, Speed, Standing, Topics, View},
};
use tidegate_types::{Endpoint, Money, Usage, config::Level};

use super::{needs, prompt, why::Why};
use crate::{
    facts::header as names,
    pipeline::{Job, rules},
    snapshot::{Route, Target},
};

pub(in crate::pipeline) struct Scene<'a> {
    job: &'a Job,
    route: &'a Route,
    beginnings: &'a [u64],
    now: Tick,
    /// Tags of the call that some target of the route carries.
    tags: SmallVec<[&'a str; 2]>,
    /// Prompt tokens, estimated.
    tokens: OnceCell<u64>,
    /// Whether the catalogue's limits count: some target takes the prompt.
    limited: OnceCell<bool>,
    /// What the request needs of what the route's targets differ in.
    needs: OnceCell<Needs>,
    /// Whether the catalogue's word counts: some target has all that is needed.
    able: OnceCell<bool>,
    why: Why<'a>,
}

/// Why a call may not go to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Unfit {
    /// It lacks a tag of the call.
    Tags,
    /// It cannot do what the request asks for, such as tools or pictures.
    Incapable,
    /// It takes no prompts longer than this, as the configuration says.
    TooLong(u64),
    /// Its model takes no prompts longer than this, and another target's does.
    Context(u64),
}

impl<'a> Scene<'a> {
    pub(in crate::pipeline) fn new(
        job: &'a Job,
        route: &'a Route,
        beginnings: &'a [u64],
        why: Why<'a>,
    ) -> Self {
        let carried = |tag: &&str| {
            let has = |target: &std::sync::Arc<Target>| target.tags.iter().any(|own| own == tag);
            !tag.is_empty() && route.targets.iter().any(has)
        };
        let tags = text(job, &names::TAGS).map(|tags| {
            let tags = tags.split(',').map(str::trim);
            tags.filter(carried).collect()
        });
        Self {
            job,
            route,
            beginnings,
            now: job.gateway.clock.now(),
            tags: tags.unwrap_or_default(),
            tokens: OnceCell::new(),
            limited: OnceCell::new(),
            needs: OnceCell::new(),
            able: OnceCell::new(),
            why,
        }
    }

    /// Why the call may not go to a target; `None` where it may.
    pub(in crate::pipeline) fn unfit(&self, position: u16) -> Option<Unfit> {
        let target = self.target(position);
        let carried = |tag: &&str| target.tags.iter().any(|own| own == tag);
        if !self.tags.iter().all(carried) {
            return Some(Unfit::Tags);
        }
        if self.job.endpoint != Endpoint::Chat {
            return None;
        }
        if !self.capable(target) {
            return Some(Unfit::Incapable);
        }
        if let Some(most) = target.max_input {
            let long = self.most_tokens() > most && self.tokens() > most;
            return long.then_some(Unfit::TooLong(most));
        }
        let context = target.context?;
        (!self.holds(target) && self.limited()).then_some(Unfit::Context(context))
    }

    fn target(&self, position: u16) -> &Target {
        &self.route.targets[usize::from(position)]
    }

    pub(in crate::pipeline) fn tokens(&self) -> u64 {
        *self.tokens.get_or_init(|| prompt::tokens(&self.job.body))
    }

    /// No estimate is larger, and it costs nothing.
    fn most_tokens(&self) -> u64 {
        self.job.body.len() as u64 / prompt::BYTES_PER_TOKEN
    }

    fn holds(&self, target: &Target) -> bool {
        let most = self.most_tokens();
        target
            .context
            .is_none_or(|context| most <= context || self.tokens() <= context)
    }

    fn needs(&self) -> Needs {
        let asked = self.route.differ;
        let read = || needs::of(self.job, asked);
        if asked.is_empty() {
            return Needs::NONE;
        }
        *self.needs.get_or_init(read)
    }

    /// As with [`limited`](Self::limited): where no target is known to have what is needed, each may try.
    fn able(&self) -> bool {
        let needs = self.needs();
        *self.able.get_or_init(|| {
            let mut targets = self.route.targets.iter();
            targets.any(|target| !needs.meets(target.lacks) && !needs.meets(target.denies))
        })
    }

    fn capable(&self, target: &Target) -> bool {
        let needs = self.needs();
        if needs.is_empty() {
            return true;
        }
        !needs.meets(target.denies) && (!needs.meets(target.lacks) || !self.able())
    }

    /// What the call would cost at a target, if its answer is as long as answers usually are.
    pub(in crate::pipeline) fn price(&self, target: &Target) -> Money {
        let input = self.tokens();
        let usage = Usage {
            input,
            output: target
                .own_bound
                .or(self.job.asks.max_output)
                .unwrap_or(target.assumed_output.min(input.max(256))),
            ..Usage::default()
        };
        let now = self.job.gateway.clock.unix_seconds();
        target.tariff.cost(&usage, now)
    }

    /// A catalogue may be wrong or old: where no target is known to take the prompt, each may try.
    fn limited(&self) -> bool {
        *self.limited.get_or_init(|| {
            let targets = &self.route.targets;
            targets.iter().any(|target| self.holds(target))
        })
    }
}

impl View for Scene<'_> {
    fn fits(&self, position: u16) -> bool {
        self.unfit(position).is_none()
    }

    fn looks_only(&self) -> bool {
        !matches!(self.why, Why::Unasked)
    }

    fn ranked(&self, ranking: &Ranking<'_>) {
        self.why.note(ranking);
    }

    fn standing(&self, position: u16) -> Standing {
        self.target(position).standing(self.now)
    }

    fn failing(&self, position: u16) -> f32 {
        self.target(position).place.breaker.failing()
    }

    fn busy(&self, position: u16) -> u32 {
        self.target(position).place.in_flight()
    }

    /// Of a route that is never streamed, only the whole is known.
    fn latency(&self, position: u16, speed: Speed) -> Option<f64> {
        let place = &self.target(position).place;
        let wanted = match speed {
            Speed::FirstToken if self.job.asks.stream => &place.first_token,
            Speed::PerToken => &place.per_token,
            Speed::FirstToken | Speed::Total => &place.total,
        };
        wanted.sunk(self.now).or_else(|| place.total.sunk(self.now))
    }

    fn cost(&self, position: u16) -> i64 {
        self.price(self.target(position)).nanos()
    }

    fn usage(&self, position: u16) -> i64 {
        let meter = self.target(position).meter.as_ref();
        meter.map_or(0, |(_, meter)| meter.sum(self.now))
    }

    fn caller(&self, by: &HashBy) -> Option<u64> {
        let hash = |word: &str| route::hash(&[word.as_bytes()]);
        match by {
            HashBy::User => prompt::user(self.job)
                .map(|user| hash(&user))
                .or_else(|| self.key()),
            HashBy::Session => session(self.job).map(|session| hash(&session)),
            HashBy::Key => self.key(),
            HashBy::Header(name) => text(self.job, name).map(hash),
            // What has no value, or an empty one, names nobody.
            HashBy::Expression(expression) => {
                let scene = rules::Scene::new(self.job);
                let said = expression.string(&scene).ok();
                said.filter(|said| !said.is_empty()).map(|said| hash(&said))
            }
        }
    }

    fn crowd(&self) -> Option<u64> {
        self.caller(&HashBy::Session)
            .filter(|_| text(self.job, &names::USER).is_none())
            .or_else(|| self.caller(&HashBy::User))
    }

    fn remembered(&self, memory: &CacheMemory) -> SmallVec<[u16; 2]> {
        memory.recall(self.beginnings, self.now)
    }

    /// What was found out is of the call's own route, and says nothing of others that it brings.
    fn likeness(&self, topics: Topics, member: u16) -> Option<f32> {
        let found = self.job.likenesses.as_ref()?;
        let own = self.job.route.as_deref()?;
        std::ptr::eq(own, self.route).then(|| found.of(topics, member))?
    }

    fn level(&self, demands: &Demands) -> Level {
        prompt::level(self.job, demands, self.tokens())
    }
}

impl Scene<'_> {
    fn key(&self) -> Option<u64> {
        let identity = self.job.identity.as_ref()?;
        identity.owner.as_ref()?;
        Some(route::hash(&[identity.id.as_bytes()]))
    }
}

fn text<'a>(job: &'a Job, name: &http::HeaderName) -> Option<&'a str> {
    job.headers.get(name)?.to_str().ok()
}

/// The session, as a header or the body names it.
fn session(job: &Job) -> Option<String> {
    let told = text(job, &names::SESSION).map(str::to_owned);
    told.or_else(|| prompt::word(job, prompt::SESSION))
}
