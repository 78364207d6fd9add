mod chances;
mod oracle;

use std::collections::HashMap;

use tidegate_types::config::Complexity;

use super::*;
use crate::clock::Tick;

/// Everything a view can say, by position.
#[derive(Clone)]
struct Scene {
    targets: Vec<Told>,
    caller: Option<u64>,
    beginnings: Vec<u64>,
    level: Level,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    fits: bool,
    standing: Standing,
    failing: f32,
    busy: u32,
    latency: Option<f64>,
    cost: i64,
    usage: i64,
    likeness: Option<f32>,
}

const WELL: Told = Told {
    fits: true,
    standing: Standing::Well,
    failing: 0.0,
    busy: 0,
    latency: Some(100.0),
    cost: 1,
    usage: 0,
    likeness: None,
};

impl Scene {
    fn of(targets: Vec<Told>) -> Self {
        Self {
            targets,
            caller: None,
            beginnings: Vec::new(),
            level: Level::Simple,
        }
    }

    fn at(&self, target: u16) -> &Told {
        &self.targets[usize::from(target)]
    }
}

impl View for Scene {
    fn fits(&self, target: u16) -> bool {
        self.at(target).fits
    }
    fn standing(&self, target: u16) -> Standing {
        self.at(target).standing
    }
    fn failing(&self, target: u16) -> f32 {
        self.at(target).failing
    }
    fn busy(&self, target: u16) -> u32 {
        self.at(target).busy
    }
    fn latency(&self, target: u16, _: Speed) -> Option<f64> {
        self.at(target).latency
    }
    fn cost(&self, target: u16) -> i64 {
        self.at(target).cost
    }
    fn usage(&self, target: u16) -> i64 {
        self.at(target).usage
    }
    fn caller(&self, _: &HashBy) -> Option<u64> {
        self.caller
    }
    fn crowd(&self) -> Option<u64> {
        self.caller
    }
    fn remembered(&self, memory: &CacheMemory) -> SmallVec<[u16; 2]> {
        memory.recall(&self.beginnings, Tick(1))
    }
    fn level(&self, _: &Demands) -> Level {
        self.level
    }
    fn likeness(&self, _: Topics, member: u16) -> Option<f32> {
        self.at(member).likeness
    }
}

fn group(strategy: Strategy, weights: &[u32]) -> Group {
    let members = weights.iter().enumerate().map(|(index, weight)| Member {
        node: Node::Target(index as u16),
        name: Box::default(),
        weight: *weight,
        priority: 0,
        canary: None,
        level: Level::Complex,
        seed: hash(&[&index.to_le_bytes()]),
    });
    Group {
        strategy,
        members: members.collect(),
    }
}

fn order(group: &Group, scene: &Scene, rng: &mut Rng) -> Vec<u16> {
    let mut order = Order::new();
    group.order(scene, rng, &mut order);
    order.to_vec()
}

fn strategies(weights: &[u32]) -> Vec<Strategy> {
    let memory = CacheMemory::new(std::time::Duration::from_mins(1));
    memory.remember(&[7], 1, Tick(0));
    vec![
        Strategy::Ordered,
        Strategy::Weighted,
        Strategy::RoundRobin(Turns::new(weights)),
        Strategy::LeastBusy,
        Strategy::LeastLatency(Speed::Total),
        Strategy::LeastCost,
        Strategy::LeastUsage,
        Strategy::ConsistentHash(HashBy::User),
        Strategy::CacheAffinity(memory),
        Strategy::Complexity(Box::new(Demands::from(&Complexity::default()))),
        Strategy::Semantic(Topics {
            number: 0,
            threshold: 0.5,
        }),
    ]
}

#[test]
fn every_strategy_keeps_the_rules_in_generated_situations() {
    let mut rng = Rng::with_seed(11);
    for situation in 0..600 {
        let len = 1 + rng.below(20);
        let weights: Vec<u32> = (0..len).map(|_| rng.below(4) as u32 + 1).collect();
        let targets = (0..len).map(|_| Told {
            fits: rng.below(5) > 0,
            standing: [
                Standing::Well,
                Standing::Well,
                Standing::Strained,
                Standing::Down,
            ][rng.below(4)],
            failing: if rng.below(6) == 0 {
                rng.unit() as f32
            } else {
                0.0
            },
            busy: rng.below(30) as u32,
            latency: (rng.below(8) > 0).then(|| rng.unit() * 1e9),
            cost: i64::from(rng.below(1000) as u32),
            usage: i64::from(rng.below(1000) as u32),
            likeness: (rng.below(3) > 0).then(|| rng.unit() as f32),
        });
        let targets = targets.collect();
        let scene = Scene {
            caller: (rng.below(2) == 0).then(|| rng.bits() as u64),
            beginnings: vec![7],
            level: [Level::Simple, Level::Medium, Level::Complex][rng.below(3)],
            ..Scene::of(targets)
        };
        for strategy in strategies(&weights) {
            let mut group = group(strategy, &weights);
            for member in &mut group.members {
                member.priority = rng.below(3) as u32;
                member.level = [Level::Simple, Level::Medium, Level::Complex][rng.below(3)];
                member.canary = (rng.below(10) == 0).then_some(10.0);
            }
            let canaries = group.members.iter().any(|member| member.canary.is_some());
            let planned = order(&group, &scene, &mut rng);
            let name = format!(
                "situation {situation}: {:?} gave {planned:?}",
                group.strategy
            );
            let mut sorted = planned.clone();
            sorted.sort_unstable();
            let fitting: Vec<u16> = (0..len as u16).filter(|t| scene.fits(*t)).collect();
            assert_eq!(sorted, fitting, "each that fits, once. {name}");
            let down = |t: &u16| scene.standing(*t) == Standing::Down;
            let first_down = planned.iter().position(down).unwrap_or(planned.len());
            assert!(
                planned[first_down..].iter().all(down),
                "those that are down come last. {name}"
            );
            let outliers = scene.targets.iter().any(|told| told.failing > 0.0);
            if canaries || outliers {
                continue;
            }
            let key = |t: u16| (scene.standing(t), group.members[usize::from(t)].priority);
            for pair in planned.windows(2) {
                let (a, b) = (key(pair[0]), key(pair[1]));
                assert!(a <= b, "by standing, then by priority. {name}");
                if a != b {
                    continue;
                }
                let told = |t: u16| *scene.at(t);
                let weight = |t: u16| f64::from(group.members[usize::from(t)].weight);
                let (one, two) = (pair[0], pair[1]);
                match &group.strategy {
                    Strategy::Ordered => assert!(one < two, "as written. {name}"),
                    Strategy::LeastCost => assert!(told(one).cost <= told(two).cost, "{name}"),
                    Strategy::LeastBusy => assert!(
                        f64::from(told(one).busy + 1) / weight(one)
                            <= f64::from(told(two).busy + 1) / weight(two),
                        "{name}"
                    ),
                    Strategy::LeastUsage => assert!(
                        (told(one).usage + 1) as f64 / weight(one)
                            <= (told(two).usage + 1) as f64 / weight(two),
                        "{name}"
                    ),
                    Strategy::Complexity(_) => {
                        let enough = |t: u16| group.members[usize::from(t)].level >= scene.level;
                        assert!(enough(one) || !enough(two), "{name}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn weighted_first_choices_follow_the_weights() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::Weighted, &[3, 1, 0, 6]);
    let scene = Scene::of(vec![WELL; 4]);
    let mut first = [0u32; 4];
    for _ in 0..20_000 {
        let planned = order(&group, &scene, &mut rng);
        assert_eq!(planned[3], 2, "weight zero takes no first tries");
        first[usize::from(planned[0])] += 1;
    }
    for (count, share) in first.iter().zip([0.3, 0.1, 0.0, 0.6]) {
        let expected = 20_000.0 * share;
        // Five standard deviations.
        let allowed = 5.0 * (20_000.0f64 * share * (1.0 - share)).sqrt();
        assert!((f64::from(*count) - expected).abs() <= allowed, "{first:?}");
    }
}

#[test]
fn the_slowest_of_all_is_never_the_faster_of_two_and_the_fastest_wins_its_pairs() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::LeastLatency(Speed::Total), &[1; 5]);
    let told = (0..5).map(|n| Told {
        latency: Some(100.0 + f64::from(n)),
        ..WELL
    });
    let scene = Scene::of(told.collect());
    let mut first = [0u32; 5];
    for _ in 0..20_000 {
        first[usize::from(order(&group, &scene, &mut rng)[0])] += 1;
    }
    // Of the ten pairs, the fastest is in four, the next wins three, and so on.
    for (count, share) in first.iter().zip([0.4, 0.3, 0.2, 0.1, 0.0]) {
        let allowed = 5.0 * (20_000.0f64 * share * (1.0 - share)).sqrt();
        assert!(
            (f64::from(*count) - 20_000.0 * share).abs() <= allowed,
            "{first:?}"
        );
    }
}

#[test]
fn load_and_failures_make_a_fast_target_slow() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::LeastLatency(Speed::Total), &[1, 1]);
    let slow = Told {
        latency: Some(300.0),
        ..WELL
    };
    let busy = Scene::of(vec![Told { busy: 5, ..WELL }, slow]);
    assert_eq!(order(&group, &busy, &mut rng), [1, 0]);
    let failing = Scene::of(vec![
        Told {
            failing: 0.9,
            ..WELL
        },
        slow,
    ]);
    assert_eq!(order(&group, &failing, &mut rng), [1, 0]);
    let unknown = Scene::of(vec![
        WELL,
        Told {
            latency: None,
            ..WELL
        },
    ]);
    assert_eq!(order(&group, &unknown, &mut rng)[0], 1, "worth one call");
    let asked = Scene::of(vec![
        WELL,
        Told {
            latency: None,
            busy: 1,
            ..WELL
        },
    ]);
    assert_eq!(
        order(&group, &asked, &mut rng)[0],
        0,
        "and not more until it tells"
    );
}

#[test]
fn turns_are_taken_as_written_and_spread_out_by_weight() {
    let mut rng = Rng::with_seed(7);
    let scene = Scene::of(vec![WELL; 3]);
    let mut firsts = |weights: &[u32], count: usize| -> Vec<u16> {
        let group = group(Strategy::RoundRobin(Turns::new(weights)), weights);
        (0..count)
            .map(|_| order(&group, &scene, &mut rng)[0])
            .collect()
    };
    assert_eq!(firsts(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(firsts(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(firsts(&[2, 0, 4], 3), [2, 0, 2]);
    let huge = Turns::new(&[u32::MAX, u32::MAX / 2, 1]);
    assert!(huge.cycle.len() <= 1001, "{}", huge.cycle.len());
}

#[test]
fn turns_pass_over_who_is_down() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::RoundRobin(Turns::new(&[1, 1, 1])), &[1, 1, 1]);
    let mut scene = Scene::of(vec![WELL; 3]);
    scene.targets[1].standing = Standing::Down;
    let firsts: Vec<u16> = (0..4).map(|_| order(&group, &scene, &mut rng)[0]).collect();
    assert_eq!(firsts, [0, 2, 2, 0]);
}

#[test]
fn callers_keep_their_target_and_only_those_of_a_lost_one_move() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::ConsistentHash(HashBy::User), &[1, 1, 2]);
    let mut counts = [0u32; 3];
    let mut homes = HashMap::new();
    let mut scene = Scene::of(vec![WELL; 3]);
    for user in 0..8000u64 {
        scene.caller = Some(hash(&[&user.to_le_bytes()]));
        let home = order(&group, &scene, &mut rng)[0];
        assert_eq!(home, order(&group, &scene, &mut rng)[0]);
        counts[usize::from(home)] += 1;
        homes.insert(user, home);
    }
    assert!(
        (1800..2200).contains(&counts[0]) && (3800..4200).contains(&counts[2]),
        "{counts:?}"
    );
    scene.targets[1].standing = Standing::Down;
    for (user, home) in homes {
        scene.caller = Some(hash(&[&user.to_le_bytes()]));
        let now = order(&group, &scene, &mut rng)[0];
        assert!(now != 1 && (home == 1 || now == home));
    }
}

#[test]
fn a_canary_gets_its_percent_of_callers_always_the_same() {
    let mut rng = Rng::with_seed(7);
    let mut group = group(Strategy::Weighted, &[1, 1, 1]);
    group.members[2].canary = Some(5.0);
    let mut scene = Scene::of(vec![WELL; 3]);
    let mut chosen = 0;
    for user in 0..10_000u64 {
        scene.caller = Some(hash(&[b"user", &user.to_le_bytes()]));
        let first = order(&group, &scene, &mut rng);
        assert_eq!(first[0] == 2, order(&group, &scene, &mut rng)[0] == 2);
        assert!(first[0] == 2 || first[2] == 2, "the others come here last");
        chosen += u32::from(first[0] == 2);
    }
    assert!((400..600).contains(&chosen), "{chosen}");
    scene.caller = None;
    let calls = (0..10_000)
        .filter(|_| order(&group, &scene, &mut rng)[0] == 2)
        .count();
    assert!((400..600).contains(&calls), "{calls}");
}

#[test]
fn a_prompt_goes_where_it_was_unless_that_is_much_busier() {
    let mut rng = Rng::with_seed(7);
    let memory = CacheMemory::new(std::time::Duration::from_mins(5));
    memory.remember(&[7], 1, Tick(0));
    let group = group(Strategy::CacheAffinity(memory), &[1, 1, 1]);
    let mut scene = Scene::of(vec![WELL; 3]);
    scene.beginnings = vec![9, 7];
    scene.targets[1].busy = 4;
    assert_eq!(order(&group, &scene, &mut rng)[0], 1);
    scene.targets[1].busy = 5;
    assert_ne!(order(&group, &scene, &mut rng)[0], 1);
    scene.targets[1].busy = 0;
    scene.targets[1].standing = Standing::Down;
    assert_ne!(order(&group, &scene, &mut rng)[0], 1);
}

#[test]
fn one_that_fails_far_more_often_than_the_others_goes_behind_them() {
    let mut rng = Rng::with_seed(7);
    let group = group(Strategy::Ordered, &[1; 5]);
    let mut scene = Scene::of(vec![WELL; 5]);
    scene.targets[0].failing = 0.45;
    assert_eq!(order(&group, &scene, &mut rng), [1, 2, 3, 4, 0]);
    for told in &mut scene.targets {
        told.failing = 0.45;
    }
    assert_eq!(
        order(&group, &scene, &mut rng),
        [0, 1, 2, 3, 4],
        "all alike"
    );
    for told in &mut scene.targets[..4] {
        told.failing = 0.9;
    }
    scene.targets[4].failing = 0.0;
    let planned = order(&group, &scene, &mut rng);
    let ejected = planned.iter().rev().take_while(|t| **t < 2).count();
    assert!(ejected <= 2, "at most half: {planned:?}");
}

#[test]
fn a_member_may_be_a_group_with_its_own_strategy() {
    let mut rng = Rng::with_seed(7);
    let leaf = |target, priority| Member {
        node: Node::Target(target),
        name: Box::default(),
        weight: 1,
        priority,
        canary: None,
        level: Level::Complex,
        seed: u64::from(target),
    };
    let inner = Group {
        strategy: Strategy::LeastCost,
        members: vec![leaf(1, 0), leaf(2, 0)],
    };
    let group = Group {
        strategy: Strategy::Ordered,
        members: vec![
            leaf(0, 0),
            Member {
                node: Node::Group(inner),
                ..leaf(9, 0)
            },
            leaf(3, 0),
        ],
    };
    let mut scene = Scene::of(vec![WELL; 4]);
    scene.targets[2].cost = 0;
    assert_eq!(order(&group, &scene, &mut rng), [0, 2, 1, 3]);
    scene.targets[1].fits = false;
    scene.targets[2].fits = false;
    assert_eq!(order(&group, &scene, &mut rng), [0, 3]);
}

#[test]
fn the_most_similar_comes_first_and_what_is_not_similar_enough_stands_as_written() {
    let topics = Topics {
        number: 0,
        threshold: 0.4,
    };
    let likenesses = [Some(0.39), Some(0.5), None, Some(0.9), Some(0.4)];
    let told = likenesses.map(|likeness| Told { likeness, ..WELL });
    let mut scene = Scene::of(told.to_vec());
    let group = group(Strategy::Semantic(topics), &[1; 5]);
    let mut rng = Rng::with_seed(1);
    assert_eq!(order(&group, &scene, &mut rng), [3, 1, 4, 0, 2]);
    scene.targets[3].standing = Standing::Down;
    assert_eq!(order(&group, &scene, &mut rng), [1, 4, 0, 2, 3]);
    for target in &mut scene.targets {
        target.likeness = target.likeness.map(|likeness| likeness - 0.6);
    }
    scene.targets[3].standing = Standing::Well;
    assert_eq!(order(&group, &scene, &mut rng), [0, 1, 2, 3, 4]);
}
