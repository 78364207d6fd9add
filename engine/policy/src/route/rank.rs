//! The order of one group's members.

use std::cmp::Ordering;
use std::sync::atomic;

use smallvec::SmallVec;

use super::{Bucket, Group, Ranking, Speed, Standing, Strategy, Turns, View};
use crate::rng::Rng;

/// Positions of members.
type Members = SmallVec<[u16; 24]>;

/// A member fails noticeably more often than its siblings when its share of failures is above theirs
/// by this much.
const OUTLIER: f32 = 0.3;

/// A target that takes this many times longer than the fastest is no rival of it.
const FAR_SLOWER: f64 = 3.0;

/// A target that saw a prompt is preferred until it has this many more calls under way than the
/// least busy one, or half as many again.
const WORTH_WAITING: u32 = 4;

/// The members with a target that fits, in the order they should be tried.
pub(super) fn members(group: &Group, view: &impl View, rng: &mut Rng) -> Members {
    if let [member] = group.members.as_slice() {
        let standing = member.node.best(view, |target| view.standing(target));
        let known = standing.map(|standing| (standing, member.priority, 0));
        view.ranked(&Ranking {
            group,
            classes: known.as_slice(),
            bucket: None,
        });
        return known.map(|_| 0).into_iter().collect();
    }
    let mut classes: SmallVec<[(Standing, u32, u16); 24]> = SmallVec::new();
    for (index, member) in group.members.iter().enumerate() {
        if let Some(standing) = member.node.best(view, |target| view.standing(target)) {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            classes.push((standing, member.priority, index));
        }
    }
    eject_outliers(group, view, &mut classes);
    classes.sort_unstable();
    let mut ranked: Members = classes.iter().map(|(.., index)| *index).collect();
    let mut start = 0;
    while start < classes.len() {
        let class = |at: usize| (classes[at].0, classes[at].1);
        let mut end = start + 1;
        while end < classes.len() && class(end) == class(start) {
            end += 1;
        }
        let run = &mut ranked[start..end];
        if run.len() > 1 {
            arrange(group, view, rng, run);
        }
        start = end;
    }
    let canaries = group.members.iter().any(|member| member.canary.is_some());
    let bucket = canaries.then(|| choose_canary(group, view, rng, &classes, &mut ranked));
    view.ranked(&Ranking {
        group,
        classes: &classes,
        bucket,
    });
    ranked
}

/// Puts members that fail far more often than their siblings behind them: at most half of the group,
/// the worst first.
fn eject_outliers(
    group: &Group,
    view: &impl View,
    classes: &mut SmallVec<[(Standing, u32, u16); 24]>,
) {
    if classes.len() < 3 {
        return;
    }
    let failing = |index: u16| {
        let node = &group.members[usize::from(index)].node;
        node.best(view, |target| view.failing(target))
            .unwrap_or(0.0)
    };
    let mut worst: SmallVec<[(f32, usize); 4]> = SmallVec::new();
    let mut sum = 0.0;
    for (place, (.., index)) in classes.iter().enumerate() {
        let share = failing(*index);
        sum += share;
        if share > OUTLIER {
            worst.push((share, place));
        }
    }
    if worst.is_empty() {
        return;
    }
    worst.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let most = classes.len() / 2;
    let mut others = classes.len();
    for (share, place) in worst.into_iter().take(most) {
        others -= 1;
        sum -= share;
        if share < sum / others as f32 + OUTLIER {
            break;
        }
        classes[place].0 = classes[place].0.max(Standing::Strained);
    }
}

/// Orders members that are equally well and of the same priority.
fn arrange(group: &Group, view: &impl View, rng: &mut Rng, run: &mut [u16]) {
    let node = |index: u16| &group.members[usize::from(index)].node;
    let weight = |index: u16| f64::from(group.members[usize::from(index)].weight);
    let busy = |index: u16| {
        node(index)
            .best(view, |target| view.busy(target))
            .unwrap_or(0)
    };
    match &group.strategy {
        Strategy::Ordered | Strategy::Race => {}
        Strategy::Weighted => by_chance(run, weight, rng),
        Strategy::RoundRobin(turns) => turns.rotate(run, view.looks_only()),
        Strategy::LeastBusy => {
            shuffle(run, rng);
            sort_by(run, |index| (f64::from(busy(index)) + 1.0) / weight(index));
        }
        Strategy::LeastLatency(speed) => {
            let latency = |index: u16| {
                node(index)
                    .best(view, |target| expected(view, target, *speed))
                    .unwrap_or(0.0)
            };
            let mut expected: SmallVec<[(f64, u16); 24]> =
                run.iter().map(|index| (latency(*index), *index)).collect();
            let first = faster_of_two(&expected, rng);
            expected.swap(0, first);
            expected[1..].sort_by(|a, b| a.0.total_cmp(&b.0));
            for (place, (_, index)) in run.iter_mut().zip(expected) {
                *place = index;
            }
        }
        Strategy::LeastCost => {
            sort_by(run, |index| {
                node(index)
                    .best(view, |target| view.cost(target))
                    .unwrap_or(0) as f64
            });
        }
        Strategy::LeastUsage => {
            shuffle(run, rng);
            sort_by(run, |index| {
                let used = node(index)
                    .best(view, |target| view.usage(target))
                    .unwrap_or(0);
                (used as f64 + 1.0) / weight(index)
            });
        }
        Strategy::ConsistentHash(by) => match view.caller(by) {
            Some(caller) => rendezvous(group, run, caller),
            None => by_chance(run, weight, rng),
        },
        Strategy::CacheAffinity(memory) => {
            shuffle(run, rng);
            sort_by(run, |index| (f64::from(busy(index)) + 1.0) / weight(index));
            let idle = run.iter().map(|index| busy(*index)).min().unwrap_or(0);
            let bearable = idle + idle / 2 + WORTH_WAITING;
            for target in view.remembered(memory) {
                let holds = |index: &u16| {
                    let mut holds = false;
                    node(*index).fitting(view, &mut |other| holds |= other == target);
                    holds && busy(*index) <= bearable
                };
                if let Some(at) = run.iter().position(holds) {
                    run[..=at].rotate_right(1);
                    break;
                }
            }
        }
        Strategy::Semantic(topics) => sort_by(run, |index| {
            let likeness = view.likeness(*topics, index);
            let counts = likeness.filter(|likeness| *likeness >= topics.threshold);
            counts.map_or(f64::INFINITY, |likeness| -f64::from(likeness))
        }),
        Strategy::Complexity(demands) => {
            let wanted = view.level(demands);
            let level = |index: u16| group.members[usize::from(index)].level;
            // The least capable that is enough, then the more capable, then the others.
            run.sort_by_key(|index| {
                let level = level(*index);
                (
                    level < wanted,
                    if level < wanted {
                        2 - level as u8
                    } else {
                        level as u8
                    },
                )
            });
        }
    }
}

/// What a call there may take in nanoseconds: the measured time for each call under way, longer where
/// calls fail. Zero for a target that was never measured and is idle.
pub fn expected(view: &impl View, target: u16, speed: Speed) -> f64 {
    let busy = f64::from(view.busy(target));
    match view.latency(target, speed) {
        Some(latency) => {
            let succeeding = f64::from(1.0 - view.failing(target)).max(0.05);
            latency * (busy + 1.0) / succeeding
        }
        // Never measured: worth one call, and not more until that tells.
        None if busy < 1.0 => 0.0,
        None => f64::MAX / 2.0,
    }
}

/// "Power of two choices": two at random, the better one. Always taking the best of all would send
/// every caller to the same target until the news of its load is out. Both are drawn from those that
/// are not far slower than the fastest: where many are slow, two at random are too often slow both.
fn faster_of_two(expected: &[(f64, u16)], rng: &mut Rng) -> usize {
    let measured = expected.iter().map(|(latency, _)| *latency);
    let least = measured
        .filter(|latency| *latency > 0.0)
        .fold(f64::MAX, f64::min);
    let rival = |(latency, _): &&(f64, u16)| *latency <= least * FAR_SLOWER;
    let rivals = expected.iter().filter(rival).count();
    if rivals < 2 {
        return expected.iter().position(|known| rival(&known)).unwrap_or(0);
    }
    let one = rng.below(rivals);
    let mut two = rng.below(rivals - 1);
    two += usize::from(two >= one);
    let mut places = expected
        .iter()
        .enumerate()
        .filter(|(_, known)| rival(known));
    let (early, late) = (one.min(two), one.max(two));
    let early_at = places.nth(early).map_or(0, |(at, _)| at);
    let late_at = places.nth(late - early - 1).map_or(0, |(at, _)| at);
    let (one_at, two_at) = if one < two {
        (early_at, late_at)
    } else {
        (late_at, early_at)
    };
    if expected[two_at].0 < expected[one_at].0 {
        two_at
    } else {
        one_at
    }
}

fn sort_by(run: &mut [u16], mut key: impl FnMut(u16) -> f64) {
    let mut keyed: SmallVec<[(f64, u16); 24]> =
        run.iter().map(|index| (key(*index), *index)).collect();
    keyed.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    for (place, (_, index)) in run.iter_mut().zip(keyed) {
        *place = index;
    }
}

fn shuffle(run: &mut [u16], rng: &mut Rng) {
    for at in (1..run.len()).rev() {
        run.swap(at, rng.below(at + 1));
    }
}

/// Draws by weight without putting back: the smallest of exponentially distributed waits is the
/// first of them with a chance in proportion to its rate. Weight zero comes last, as written.
fn by_chance(run: &mut [u16], weight: impl Fn(u16) -> f64, rng: &mut Rng) {
    sort_by(run, |index| {
        let weight = weight(index);
        if weight > 0.0 {
            -(1.0 - rng.unit()).ln() / weight
        } else {
            f64::INFINITY
        }
    });
}

/// Weighted rendezvous hashing: each member has its own hash of the caller, and the best one wins, so
/// that a member that goes or comes moves only its own callers.
fn rendezvous(group: &Group, run: &mut [u16], caller: u64) {
    sort_by(run, |index| {
        let member = &group.members[usize::from(index)];
        let unit = (mix(member.seed ^ caller) >> 11) as f64 / (1u64 << 53) as f64;
        if member.weight > 0 {
            -(1.0 - unit).ln() / f64::from(member.weight)
        } else {
            f64::INFINITY
        }
    });
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The canary that this caller belongs to comes first among those that are as well, other canaries
/// last.
fn choose_canary(
    group: &Group,
    view: &impl View,
    rng: &mut Rng,
    classes: &[(Standing, u32, u16)],
    ranked: &mut [u16],
) -> Bucket {
    let mut left = match view.crowd() {
        Some(crowd) => (mix(crowd) >> 11) as f64 / (1u64 << 53) as f64 * 100.0,
        None => rng.unit() * 100.0,
    };
    let at = left;
    let mut chosen = None;
    for (index, member) in group.members.iter().enumerate() {
        let Some(percent) = member.canary else {
            continue;
        };
        if left >= 0.0 && left < percent {
            chosen = u16::try_from(index).ok();
        }
        left -= percent;
    }
    let standing = |index: u16| {
        let found = classes.iter().find(|(.., member)| *member == index);
        found.map_or(Standing::Down, |(standing, ..)| *standing)
    };
    ranked.sort_by_key(|index| {
        let canary = group.members[usize::from(*index)].canary.is_some();
        let place = match (canary, Some(*index) == chosen) {
            (_, true) => 0,
            (false, _) => 1,
            (true, _) => 2,
        };
        (standing(*index), place)
    });
    Bucket { at, chosen }
}

impl Turns {
    /// Brings the member whose turn it is to the front; the others follow in their usual order.
    fn rotate(&self, run: &mut [u16], look: bool) {
        let len = self.cycle.len();
        if len == 0 {
            return;
        }
        let step = usize::from(!look);
        let turn = self.next.fetch_add(step, atomic::Ordering::Relaxed);
        for step in 0..len {
            let wanted = self.cycle[turn.wrapping_add(step) % len];
            if let Some(at) = run.iter().position(|index| *index == wanted) {
                run.rotate_left(at);
                return;
            }
        }
    }
}
