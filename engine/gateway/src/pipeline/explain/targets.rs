//! Targets in their order, each with what is known of it.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use tidegate_policy::{
    Tick,
    health::{PeakAverage, State},
    rng::Rng,
    route::{self, Group, Node, Speed, Strategy, View as _},
};
use tidegate_types::{Error, Money};

use crate::{
    explain::{BreakerSeen, CanarySeen, KeySeen, Latency, PlaceSeen, Skipped, TargetSeen},
    pipeline::{
        Job,
        dispatch::{self, Passed},
        plan::{self, Notes, Plan, Scene, Unfit, Why},
    },
    snapshot::{Route, Target},
};

/// How often a plan is drawn where chance decides.
const DRAWS: u32 = 1000;
/// Always the same, so that the same question has the same answer.
pub(super) const SEED: u64 = 7;

/// A plan, in its likeliest order.
pub(super) struct Drawn {
    pub(super) plan: Plan,
    /// Share of the draws in which a target came first, by its place; empty where chance has no part.
    pub(super) firsts: Vec<f64>,
}

/// Plans the call. Where chance decides, it is drawn often; who is first most often stands first.
pub(super) fn draw(job: &Job, route: &Arc<Route>, notes: &Notes) -> Result<Drawn, Error> {
    let mut rng = Rng::with_seed(SEED);
    let mut plan = plan::make(job, route, &mut rng, Why::Noted(notes))?;
    let at = plan.fallbacks_at;
    let mut firsts = Vec::new();
    if rng != Rng::with_seed(SEED) && at > 1 {
        let mut sums = vec![(0u32, 0usize); route.targets.len()];
        for _ in 0..DRAWS {
            let drawn = plan::make(job, route, &mut rng, Why::Silent)?;
            for (place, position) in drawn.order[..at].iter().enumerate() {
                let (first, places) = &mut sums[usize::from(*position)];
                *first += u32::from(place == 0);
                *places += place;
            }
        }
        let sum = |position: &u16| sums[usize::from(*position)];
        plan.order[..at].sort_by_key(|position| (Reverse(sum(position).0), sum(position).1));
        let share = |position: &u16| f64::from(sum(position).0) / f64::from(DRAWS);
        firsts = plan.order[..at].iter().map(share).collect();
        if firsts.first() == Some(&1.0) {
            firsts.clear();
        }
    }
    Ok(Drawn { plan, firsts })
}

/// The targets of a chain.
pub(super) fn chain(job: &Job, route: &Route, chain: &[Node], notes: &Notes) -> Vec<u16> {
    let mut rng = Rng::with_seed(SEED);
    plan::chain(job, route, chain, &mut rng, Why::Noted(notes)).to_vec()
}

/// Targets at these positions. `firsts`: how often each comes first.
pub(super) fn look(
    job: &Job,
    route: &Route,
    order: &[u16],
    notes: &Notes,
    firsts: &[f64],
) -> Vec<TargetSeen> {
    let found = order.iter().enumerate().filter_map(|(place, position)| {
        let target = job.plan.target(route, *position)?;
        Some(TargetSeen {
            first: firsts.get(place).copied(),
            ..seen(job, route, *position, &target, notes)
        })
    });
    found.collect()
}

/// Targets at these positions, which the call cannot go to because of what it continues.
pub(super) fn bound(job: &Job, route: &Route, order: &[u16], notes: &Notes) -> Vec<TargetSeen> {
    let mut found = look(job, route, order, notes, &[]);
    for target in &mut found {
        let text = "it does not keep the reply that the call continues";
        target.skipped = Some(skipped("bound", text));
    }
    found
}

/// Targets below these nodes that the call may not go to.
pub(super) fn outside<'a>(
    job: &Job,
    route: &Route,
    among: impl Iterator<Item = &'a Node>,
    notes: &Notes,
) -> Vec<TargetSeen> {
    let mut positions = Vec::new();
    below(among, &mut positions);
    let mut found = Vec::new();
    for position in positions {
        let target = &route.targets[usize::from(position)];
        let scene = Scene::new(job, route, &[], Why::Silent);
        let why = match scene.unfit(position) {
            None => continue,
            Some(Unfit::Tags) => skipped("tags", "it does not carry all tags of the call"),
            Some(Unfit::Incapable) => {
                skipped("incapable", "its model cannot do what the request asks for")
            }
            Some(Unfit::TooLong(most)) => skipped(
                "too_long",
                format!("the prompt is longer than its `max_input_tokens`, {most}"),
            ),
            Some(Unfit::Context(most)) => skipped(
                "too_long",
                format!("the prompt is longer than its model's context of {most} tokens"),
            ),
        };
        drop(scene);
        found.push(TargetSeen {
            skipped: Some(why),
            ..seen(job, route, position, target, notes)
        });
    }
    found
}

/// The positions of all targets below these nodes.
fn below<'a>(nodes: impl Iterator<Item = &'a Node>, positions: &mut Vec<u16>) {
    for node in nodes {
        match node {
            Node::Target(position) => positions.push(*position),
            Node::Group(group) => {
                for member in &group.members {
                    below(std::iter::once(&member.node), positions);
                }
            }
        }
    }
}

fn skipped(because: &str, text: impl Into<String>) -> Skipped {
    Skipped {
        because: because.to_owned(),
        text: text.into(),
        for_s: None,
    }
}

fn seen(job: &Job, route: &Route, position: u16, target: &Target, notes: &Notes) -> TargetSeen {
    let now = job.gateway.clock.now();
    let looked = dispatch::look(job, target);
    let (dropped, unmade) = match looked.dropped {
        Ok(dropped) => (dropped, None),
        Err(error) => {
            let why = skipped(error.code().slug(), error.message());
            (Vec::new(), Some(why))
        }
    };
    let passed = looked.passed.map(|passed| passed_over(target, passed, now));
    let scene = Scene::new(job, route, &job.plan.beginnings, Why::Silent);
    TargetSeen {
        target: target.label.to_string(),
        first: None,
        skipped: passed.or(unmade),
        places: places(route, position, &scene, notes),
        tags: target.tags.clone(),
        standing: target.standing(now).as_str().to_owned(),
        breaker: breaker(target, now),
        keys: keys(target, now),
        in_flight: target.place.in_flight(),
        latency_ms: latency(target),
        cost: scene.price(target),
        priced: target.priced,
        reserves: looked.bound,
        over_budget: looked.room.err().map(|error| error.to_json()),
        dialect: looked.dialect.as_str().to_owned(),
        translated: looked.dialect != job.dialect,
        dropped,
        max_input_tokens: target.max_input,
        context_tokens: target.context,
    }
}

fn latency(target: &Target) -> Latency {
    let millis = |average: &PeakAverage| average.get().map(|nanos| nanos / 1e6);
    Latency {
        first_token: millis(&target.place.first_token),
        per_token: millis(&target.place.per_token),
        total: millis(&target.place.total),
    }
}

fn breaker(target: &Target, now: Tick) -> BreakerSeen {
    let breaker = &target.place.breaker;
    let state = breaker.state(now);
    BreakerSeen {
        state: state.as_str().to_owned(),
        open_s: match state {
            State::Open(until) => Some(until.since(now).as_secs_f64()),
            _ => None,
        },
        failing: breaker.failing(),
    }
}

fn keys(target: &Target, now: Tick) -> Vec<KeySeen> {
    let left = |until: Tick| {
        let left = until.since(now);
        (left > Duration::ZERO).then_some(left.as_secs_f64())
    };
    let keys = target.provider.keys.iter().enumerate();
    let keys = keys.map(|(index, name)| {
        let pauses = target.pauses.get(index);
        let refused = target.provider.ring.refused(index);
        KeySeen {
            name: name.as_ref().map(ToString::to_string),
            refused_s: refused.and_then(|pause| left(pause.until())),
            limited_s: pauses.and_then(|pauses| left(pauses.limited.until())),
            scarce_s: pauses.and_then(|pauses| left(pauses.scarce.until())),
        }
    });
    keys.collect()
}

fn passed_over(target: &Target, passed: Passed, now: Tick) -> Skipped {
    match passed {
        Passed::Waiting { until, refused } => {
            let (because, text) = if refused {
                ("keys_refused", "its keys were refused")
            } else {
                match target.place.breaker.state(now) {
                    State::Open(_) => ("breaker_open", "its circuit breaker is open"),
                    State::HalfOpen => ("probing", "another call probes whether it is well again"),
                    State::Closed => ("keys_paused", "its keys are left alone for a while"),
                }
            };
            Skipped {
                for_s: Some(until.since(now).as_secs_f64()),
                ..skipped(because, text)
            }
        }
        Passed::Full => skipped("full", "as many calls are under way there as may be"),
        Passed::Unusable(Some(error)) => skipped(error.code().slug(), error.message()),
        Passed::Unusable(None) => skipped("unpriced", "it has no price, and `unpriced` is `deny`"),
    }
}

/// The places on the way to a target. None for targets of other routes, which calls bring along.
fn places(route: &Route, position: u16, scene: &Scene<'_>, notes: &Notes) -> Vec<PlaceSeen> {
    let mut places = Vec::new();
    if usize::from(position) >= route.targets.len() {
        return places;
    }
    let within = route.within.iter().flat_map(|within| &within.chains);
    let chains = route
        .chains
        .iter()
        .chain(within)
        .flat_map(|(_, nodes)| nodes);
    let inner = route.fallbacks.iter().chain(chains);
    let inner = inner.filter_map(|node| match node {
        Node::Group(group) => Some(group),
        Node::Target(_) => None,
    });
    for group in std::iter::once(&route.group).chain(inner) {
        if find(group, position, scene, notes, &mut places) {
            break;
        }
    }
    places
}

/// False where the group does not lead to the target.
fn find(
    group: &Group,
    position: u16,
    scene: &Scene<'_>,
    notes: &Notes,
    places: &mut Vec<PlaceSeen>,
) -> bool {
    let seen = notes.of(group);
    for (index, member) in group.members.iter().enumerate() {
        let start = places.len();
        let listed = seen.as_ref().and_then(|seen| {
            let mut members = seen.members.iter();
            members.find(|(_, other)| usize::from(*other) == index)
        });
        let bucket = seen.as_ref().and_then(|seen| seen.bucket);
        let canary = member.canary.zip(bucket).map(|(percent, bucket)| {
            let chosen = bucket.chosen.map(usize::from) == Some(index);
            CanarySeen {
                percent,
                bucket: bucket.at,
                chosen,
            }
        });
        let outlier = match (&member.node, listed) {
            (Node::Target(target), Some((standing, _))) => *standing > scene.standing(*target),
            _ => false,
        };
        places.push(PlaceSeen {
            name: member.name.to_string(),
            weight: member.weight,
            priority: member.priority,
            strategy: group.strategy.as_str().to_owned(),
            why: why(group, index, position, scene),
            outlier,
            canary,
        });
        let found = match &member.node {
            Node::Target(target) => *target == position,
            Node::Group(inner) => find(inner, position, scene, notes, places),
        };
        if found {
            return true;
        }
        places.truncate(start);
    }
    false
}

/// What the strategy of a group sees at a target, in words.
fn why(group: &Group, index: usize, target: u16, scene: &Scene<'_>) -> String {
    let member = &group.members[index];
    let weight = member.weight;
    let busy = || format!("{} calls under way, weight {weight}", scene.busy(target));
    match &group.strategy {
        Strategy::Weighted | Strategy::RoundRobin(_) => {
            let all: u64 = group.members.iter().map(|one| u64::from(one.weight)).sum();
            format!("weight {weight} of {all}")
        }
        Strategy::LeastLatency(speed) => {
            let what = match speed {
                Speed::FirstToken => "to the first token",
                Speed::PerToken => "a token",
                Speed::Total => "in all",
            };
            if scene.latency(target, *speed).is_none() {
                return "never measured: worth one call".to_owned();
            }
            let expected = route::expected(scene, target, *speed) / 1e6;
            let failing = scene.failing(target) * 100.0;
            format!(
                "{expected:.1} ms {what} expected, with {} calls under way and {failing:.0} % failing",
                scene.busy(target)
            )
        }
        Strategy::LeastCost => {
            let cost = Money::from_nanos(scene.cost(target));
            format!("${cost} for this request")
        }
        Strategy::LeastUsage => {
            let used = scene.usage(target);
            format!("{used} used in the window, weight {weight}")
        }
        Strategy::ConsistentHash(by) if scene.caller(by).is_some() => {
            format!("the hash of who calls, weight {weight}")
        }
        Strategy::ConsistentHash(_) => {
            format!("the call does not say who calls: weight {weight}")
        }
        Strategy::CacheAffinity(memory) if scene.remembered(memory).contains(&target) => {
            "it answered the same beginning of a prompt".to_owned()
        }
        Strategy::LeastBusy | Strategy::CacheAffinity(_) => busy(),
        Strategy::Semantic(topics) => {
            let written = format!("number {} as written", index + 1);
            let likeness = u16::try_from(index)
                .ok()
                .and_then(|at| scene.likeness(*topics, at));
            match likeness {
                Some(likeness) if likeness >= topics.threshold => {
                    format!("similarity {likeness:.3} to what it is for")
                }
                Some(likeness) => {
                    format!("{written}: similarity {likeness:.3} is below the threshold")
                }
                None => format!("{written}: nothing is known of its similarity"),
            }
        }
        Strategy::Complexity(_) => format!("for {} requests", plan::level_name(member.level)),
        _ => format!("number {} as written", index + 1),
    }
}
