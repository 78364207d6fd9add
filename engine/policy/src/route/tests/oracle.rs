//! Generated situations, compared with an order found by the plainest means: again and again the best
//! of those that are left.

use super::*;

/// A situation and what it leads to, for strategies in which chance has no part.
struct Situation {
    scene: Scene,
    group: Group,
}

/// What must be smaller for a member to come first.
type Rank = (Standing, u8, u32, f64, usize);

impl Situation {
    fn draw(rng: &mut Rng, strategy: Strategy) -> Self {
        let len = 2 + rng.below(9);
        let standings = [Standing::Well, Standing::Strained, Standing::Down];
        let targets = (0..len).map(|_| Told {
            fits: rng.below(5) > 0,
            standing: standings[rng.below(3)],
            failing: if rng.below(3) == 0 {
                rng.unit() as f32
            } else {
                0.0
            },
            // Far apart and never alike, so that only one order is right.
            busy: 0,
            latency: Some(1.0),
            cost: i64::from(rng.below(4) as u32),
            usage: 0,
            likeness: (rng.below(4) > 0).then(|| rng.below(9) as f32 / 8.0),
        });
        let targets = targets.collect();
        let scene = Scene {
            caller: Some(rng.bits() as u64),
            level: [Level::Simple, Level::Medium, Level::Complex][rng.below(3)],
            ..Scene::of(targets)
        };
        let weights: Vec<u32> = (0..len).map(|_| 1 + rng.below(3) as u32).collect();
        let mut group = group(strategy, &weights);
        for member in &mut group.members {
            member.priority = rng.below(3) as u32;
            member.level = [Level::Simple, Level::Medium, Level::Complex][rng.below(3)];
        }
        let mut situation = Self { scene, group };
        for (index, busy) in situation.apart(rng).into_iter().enumerate() {
            situation.scene.targets[index].busy = busy;
        }
        for (index, usage) in situation.apart(rng).into_iter().enumerate() {
            situation.scene.targets[index].usage = i64::from(usage);
        }
        if rng.below(3) == 0 {
            let canary = rng.below(len);
            situation.group.members[canary].canary = Some(30.0);
        }
        situation
    }

    /// A load for each member; no two are alike for their weight.
    fn apart(&self, rng: &mut Rng) -> Vec<u32> {
        let mut ranks: Vec<u32> = (0..self.group.members.len() as u32).collect();
        shuffled(&mut ranks, rng);
        let members = self.group.members.iter().zip(ranks);
        // (load + 1) / weight = rank + 1 + a sixth of the weight.
        members
            .map(|(member, rank)| (rank + 1) * 6 * member.weight - 1)
            .collect()
    }

    fn standings(&self) -> Vec<Standing> {
        let fitting: Vec<usize> = (0..self.scene.targets.len())
            .filter(|index| self.scene.targets[*index].fits)
            .collect();
        let mut found: Vec<Standing> = self.scene.targets.iter().map(|t| t.standing).collect();
        if fitting.len() < 3 {
            return found;
        }
        // The worst goes behind while it fails by 0.3 more than the mean of those that stay.
        let mut staying = fitting.clone();
        while fitting.len() - staying.len() < fitting.len() / 2 {
            let failing = |index: &usize| self.scene.targets[*index].failing;
            let worst = staying
                .iter()
                .copied()
                .fold(None, |worst, index| match worst {
                    Some(other) if failing(&other) >= failing(&index) => Some(other),
                    _ => Some(index),
                });
            let Some(worst) = worst else { break };
            staying.retain(|index| *index != worst);
            let sum: f32 = staying.iter().map(failing).sum();
            if failing(&worst) <= 0.3 || failing(&worst) < sum / staying.len() as f32 + 0.3 {
                break;
            }
            found[worst] = found[worst].max(Standing::Strained);
        }
        found
    }

    fn expected(&self) -> Vec<u16> {
        let standings = self.standings();
        let mix = |bits: u64| {
            let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^ (bits >> 31)
        };
        let share = mix(self.scene.caller.unwrap()) as f64 / 2f64.powi(64) * 100.0;
        let rank = |index: usize| -> Rank {
            let (member, told) = (&self.group.members[index], &self.scene.targets[index]);
            let key = match &self.group.strategy {
                Strategy::LeastBusy => f64::from(told.busy + 1) / f64::from(member.weight),
                Strategy::LeastUsage => (told.usage + 1) as f64 / f64::from(member.weight),
                Strategy::LeastCost => told.cost as f64,
                Strategy::Complexity(_) => {
                    let (own, wanted) = (member.level as i32, self.scene.level as i32);
                    // Enough and as little as possible; else as much as possible.
                    f64::from(if own >= wanted { own } else { 10 - own })
                }
                // From the threshold on, the most similar; then the others as written.
                Strategy::Semantic(topics) => match told.likeness {
                    Some(likeness) if likeness >= topics.threshold => -f64::from(likeness),
                    _ => 2.0,
                },
                _ => 0.0,
            };
            let place = match member.canary {
                Some(percent) if share < percent => 0,
                None => 1,
                Some(_) => 2,
            };
            (standings[index], place, member.priority, key, index)
        };
        let mut left: Vec<usize> = (0..self.scene.targets.len())
            .filter(|index| self.scene.targets[*index].fits)
            .collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let best = left
                .iter()
                .copied()
                .min_by(|a, b| rank(*a).partial_cmp(&rank(*b)).unwrap())
                .unwrap();
            left.retain(|index| *index != best);
            order.push(best as u16);
        }
        order
    }
}

fn shuffled(list: &mut [u32], rng: &mut Rng) {
    for at in (1..list.len()).rev() {
        list.swap(at, rng.below(at + 1));
    }
}

#[test]
fn strategies_without_chance_order_as_the_plainest_reckoning_does() {
    let mut rng = Rng::with_seed(2026);
    for number in 0..300 {
        let demands = || Box::new(Demands::from(&Complexity::default()));
        for strategy in [
            Strategy::Ordered,
            Strategy::Race,
            Strategy::LeastBusy,
            Strategy::LeastUsage,
            Strategy::LeastCost,
            Strategy::Complexity(demands()),
            Strategy::Semantic(Topics {
                number: 0,
                threshold: 0.5,
            }),
        ] {
            let situation = Situation::draw(&mut rng, strategy);
            let planned = order(&situation.group, &situation.scene, &mut rng);
            let targets = &situation.scene.targets;
            assert_eq!(
                planned,
                situation.expected(),
                "situation {number}: {:?} of {targets:#?}",
                situation.group
            );
        }
    }
}
