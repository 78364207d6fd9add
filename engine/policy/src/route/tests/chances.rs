//! How often what comes first, against how often it should: Pearson's chi-square, whose bounds are
//! passed by chance once in a thousand times, and here never, because the seed is fixed.

use super::*;

const DRAWS: usize = 12_000;

/// Compares counts with shares that add up to one.
fn fits(what: &str, counts: &[u32], shares: &[f64]) {
    let total: u32 = counts.iter().sum();
    let mut chi = 0.0;
    let mut classes = 0.0;
    for (count, share) in counts.iter().zip(shares) {
        let expected = f64::from(total) * share;
        if expected == 0.0 {
            assert_eq!(*count, 0, "{what}: {counts:?}");
            continue;
        }
        assert!(expected >= 5.0, "{what}: too few draws");
        chi += (f64::from(*count) - expected).powi(2) / expected;
        classes += 1.0;
    }
    assert!(
        chi <= bound(classes - 1.0),
        "{what}: chi-square {chi:.1} above {:.1}, {counts:?} for {shares:?}",
        bound(classes - 1.0)
    );
}

/// The value that chance passes once in a thousand times (Wilson and Hilferty, 1931).
fn bound(freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3)
}

fn firsts(group: &Group, scene: &Scene, seed: u64) -> Vec<u32> {
    let mut rng = Rng::with_seed(seed);
    let mut counts = vec![0; group.members.len()];
    for _ in 0..DRAWS {
        counts[usize::from(order(group, scene, &mut rng)[0])] += 1;
    }
    counts
}

#[test]
fn the_bounds_tell_a_wrong_share_from_chance() {
    let failing = std::panic::catch_unwind(|| fits("wrong", &[10_500, 9_500], &[0.5, 0.5]));
    assert!(failing.is_err());
    fits("right", &[10_050, 9_950], &[0.5, 0.5]);
    assert!((bound(1.0) - 10.83).abs() < 0.5 && (bound(9.0) - 27.88).abs() < 0.5);
}

#[test]
fn weights_are_shares_of_first_tries_also_when_some_are_down() {
    let mut rng = Rng::with_seed(31);
    for seed in 0..12 {
        let len = 2 + rng.below(8);
        let weights: Vec<u32> = (0..len).map(|_| rng.below(7) as u32 + 1).collect();
        let mut scene = Scene::of(vec![WELL; len]);
        if len > 2 {
            scene.targets[rng.below(len)].standing = Standing::Down;
        }
        let share = |(told, weight): (&Told, &u32)| match told.standing {
            Standing::Well => f64::from(*weight),
            _ => 0.0,
        };
        let shares: Vec<f64> = scene.targets.iter().zip(&weights).map(share).collect();
        let total: f64 = shares.iter().sum();
        let shares: Vec<f64> = shares.iter().map(|share| share / total).collect();
        let group = group(Strategy::Weighted, &weights);
        fits("weighted", &firsts(&group, &scene, seed), &shares);
    }
}

#[test]
fn who_stands_in_is_drawn_by_weight_too() {
    let weights = [5, 3, 2];
    let group = group(Strategy::Weighted, &weights);
    let scene = Scene::of(vec![WELL; 3]);
    let mut rng = Rng::with_seed(8);
    let mut counts = [0; 6];
    let all = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for _ in 0..DRAWS {
        let drawn = order(&group, &scene, &mut rng);
        counts[all.iter().position(|one| one[..] == drawn[..]).unwrap()] += 1;
    }
    let shares = all.map(|[first, second, _]: [u16; 3]| {
        let weight = |of: u16| f64::from(weights[usize::from(of)]);
        weight(first) / 10.0 * weight(second) / (10.0 - weight(first))
    });
    fits("the whole order", &counts, &shares);
}

#[test]
fn a_canary_gets_its_percent_of_calls_and_of_callers() {
    for (seed, percents) in [[5.0, 0.0], [12.5, 20.0], [50.0, 1.0]]
        .into_iter()
        .enumerate()
    {
        let mut group = group(Strategy::Weighted, &[1, 3, 1, 1]);
        let [one, two] = percents;
        group.members[2].canary = Some(one);
        group.members[3].canary = Some(two);
        let rest = (100.0 - one - two) / 100.0;
        let shares = [rest / 4.0, rest * 0.75, one / 100.0, two / 100.0];
        let mut scene = Scene::of(vec![WELL; 4]);
        fits("calls", &firsts(&group, &scene, seed as u64), &shares);
        let mut rng = Rng::with_seed(seed as u64);
        let mut counts = [0; 4];
        for user in 0..DRAWS {
            scene.caller = Some(hash(&[b"caller", &user.to_le_bytes()]));
            counts[usize::from(order(&group, &scene, &mut rng)[0])] += 1;
        }
        fits("callers", &counts, &shares);
    }
}

#[test]
fn the_faster_of_two_is_asked_as_often_as_it_wins_its_pairs() {
    for len in [3usize, 5, 9] {
        let told = (0..len).map(|place| Told {
            latency: Some(100.0 + place as f64),
            ..WELL
        });
        let scene = Scene::of(told.collect());
        let group = group(Strategy::LeastLatency(Speed::Total), &vec![1; len]);
        let pairs = (len * (len - 1) / 2) as f64;
        let shares: Vec<f64> = (0..len)
            .map(|place| (len - 1 - place) as f64 / pairs)
            .collect();
        fits("of two", &firsts(&group, &scene, len as u64), &shares);
    }
}

#[test]
fn ties_are_broken_evenly_and_hashes_spread_by_weight() {
    let scene = Scene::of(vec![WELL; 6]);
    for strategy in [Strategy::LeastBusy, Strategy::LeastUsage] {
        let group = group(strategy, &[1; 6]);
        fits("ties", &firsts(&group, &scene, 3), &[1.0 / 6.0; 6]);
    }
    let weights = [1, 4, 2, 3];
    let group = group(Strategy::ConsistentHash(HashBy::User), &weights);
    let mut scene = Scene::of(vec![WELL; 4]);
    let mut rng = Rng::with_seed(1);
    let mut counts = [0; 4];
    for user in 0..DRAWS {
        scene.caller = Some(hash(&[b"user", &user.to_le_bytes()]));
        counts[usize::from(order(&group, &scene, &mut rng)[0])] += 1;
    }
    fits("hashes", &counts, &[0.1, 0.4, 0.2, 0.3]);
}
