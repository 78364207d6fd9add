use std::thread;

use super::*;

/// Fewer than in the benches, for this runs without optimisation.
const REQUESTS: u64 = 100_000;

fn judge(weather: Weather, requests: u64) {
    let seed = SEEDS[0];
    let ways = [
        (Policy::Weighted, false),
        (Policy::LowestAverage, false),
        (Policy::InverseAverage, false),
        (Policy::LeastLatency, false),
        (Policy::LeastLatency, true),
    ];
    let reports: Vec<Report> = thread::scope(|scope| {
        let running = ways.map(|(policy, hedged)| {
            scope.spawn(move || run(weather, policy, hedged, requests, seed))
        });
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for claim in claims(weather) {
        let measured = claim.measure(|policy, hedged| {
            let way = ways.iter().position(|way| *way == (policy, hedged));
            &reports[way.unwrap()]
        });
        let kept = if claim.at_least {
            measured >= claim.limit
        } else {
            measured <= claim.limit
        };
        let (name, limit) = (claim.name, claim.limit);
        assert!(kept, "{weather:?}: {name}: {measured:.2}, claimed {limit}");
    }
}

#[test]
fn drifting_targets_are_told_apart_and_their_stalls_hedged() {
    judge(Weather::Drifting, REQUESTS);
}

#[test]
fn slow_answers_of_targets_that_are_alike_are_hedged() {
    judge(Weather::Bimodal, REQUESTS / 2);
}

#[test]
fn a_target_that_freezes_time_and_again_is_avoided() {
    judge(Weather::Stalling, REQUESTS);
}

#[test]
fn a_region_that_fails_as_one_is_left_for_the_other() {
    judge(Weather::Correlated, REQUESTS);
}

#[test]
fn the_same_seed_gives_the_same_figures_and_every_request_is_accounted_for() {
    let one = run(Weather::Drifting, Policy::LeastLatency, true, 5_000, 3);
    let two = run(Weather::Drifting, Policy::LeastLatency, true, 5_000, 3);
    assert_eq!(one.took, two.took);
    assert_eq!(one.took.len(), 5_000);
    assert!(one.hedges <= 251, "{}", one.hedges);
    let other = run(Weather::Drifting, Policy::LeastLatency, true, 5_000, 4);
    assert_ne!(one.took, other.took);
}
