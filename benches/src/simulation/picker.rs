//! Who is asked first: the engine's strategies, and a naive one to compare them with.

use std::{cell::Cell, time::Duration};

use smallvec::SmallVec;
use tidegate_policy::{
    Tick,
    health::State,
    rng::Rng,
    route::{
        CacheMemory, Demands, Group, HashBy, Member, Node, Order, Speed, Standing, Strategy, View,
    },
};
use tidegate_types::config::Level;

use super::fleet::{Fleet, TARGETS};

/// What a naive observer takes a failed try for, in seconds: its own short time would draw all calls.
const FAILURE: f64 = 10.0;

/// Who is asked first. Targets that are cut off come last under each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The engine's `weighted`, all weights alike.
    Weighted,
    /// The engine's `least_busy`.
    LeastBusy,
    /// The lowest moving average of the last durations (nine parts old, one part new), whatever is
    /// under way.
    LowestAverage,
    /// By chance in inverse proportion to such averages.
    InverseAverage,
    /// The engine's `least_latency`, by the total.
    LeastLatency,
}

impl Policy {
    /// What tables call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weighted => "`weighted`",
            Self::LeastBusy => "`least_busy`",
            Self::LowestAverage => "naive EWMA, the lowest",
            Self::InverseAverage => "naive EWMA, in proportion",
            Self::LeastLatency => "`least_latency`",
        }
    }
}

pub(super) struct Picker {
    policy: Policy,
    group: Group,
    /// What a naive observer keeps of each target, in seconds.
    averages: Vec<Cell<f64>>,
}

impl Picker {
    pub(super) fn new(policy: Policy, targets: u16) -> Self {
        let members = (0..targets).map(|target| Member {
            node: Node::Target(target),
            name: Box::default(),
            weight: 1,
            priority: 0,
            canary: None,
            level: Level::Complex,
            seed: u64::from(target),
        });
        let strategy = match policy {
            Policy::LeastBusy => Strategy::LeastBusy,
            Policy::LeastLatency => Strategy::LeastLatency(Speed::Total),
            Policy::Weighted | Policy::LowestAverage | Policy::InverseAverage => Strategy::Weighted,
        };
        Self {
            policy,
            group: Group {
                strategy,
                members: members.collect(),
            },
            averages: vec![Cell::new(0.0); usize::from(targets)],
        }
    }

    pub(super) fn order(&self, fleet: &Fleet, rng: &mut Rng, now: Tick) -> Order {
        let scene = Scene { fleet, now };
        let mut order = Order::new();
        self.group.order(&scene, rng, &mut order);
        let average = |target: u16| self.averages[usize::from(target)].get();
        let mut keys: SmallVec<[f64; 16]> = (0..TARGETS).map(average).collect();
        match self.policy {
            Policy::LowestAverage => {}
            // The shortest of exponentially distributed waits, as `weighted` draws.
            Policy::InverseAverage => {
                for key in &mut keys {
                    *key *= -(1.0 - rng.unit()).ln();
                }
            }
            _ => return order,
        }
        let key = |target: &u16| keys[usize::from(*target)];
        order.sort_by(|a, b| {
            let standing = scene.standing(*a).cmp(&scene.standing(*b));
            standing.then(key(a).total_cmp(&key(b)))
        });
        order
    }

    pub(super) fn standing(fleet: &Fleet, target: u16, now: Tick) -> Standing {
        Scene { fleet, now }.standing(target)
    }

    /// A try ended.
    pub(super) fn learn(&self, target: u16, took: Duration, well: bool) {
        let average = &self.averages[usize::from(target)];
        let took = if well { took.as_secs_f64() } else { FAILURE };
        average.set(average.get() * 0.9 + took * 0.1);
    }
}

/// What the engine knows of its targets, and nothing of what is to come.
struct Scene<'a> {
    fleet: &'a Fleet,
    now: Tick,
}

impl View for Scene<'_> {
    fn fits(&self, _: u16) -> bool {
        true
    }

    fn standing(&self, target: u16) -> Standing {
        match self.fleet.place(target).breaker.state(self.now) {
            State::Open(_) => Standing::Down,
            _ => Standing::Well,
        }
    }

    fn failing(&self, target: u16) -> f32 {
        self.fleet.place(target).breaker.failing()
    }

    fn busy(&self, target: u16) -> u32 {
        self.fleet.place(target).in_flight()
    }

    fn latency(&self, target: u16, _: Speed) -> Option<f64> {
        self.fleet.place(target).total.sunk(self.now)
    }

    fn cost(&self, _: u16) -> i64 {
        0
    }

    fn usage(&self, _: u16) -> i64 {
        0
    }

    fn caller(&self, _: &HashBy) -> Option<u64> {
        None
    }

    fn crowd(&self) -> Option<u64> {
        None
    }

    fn remembered(&self, _: &CacheMemory) -> SmallVec<[u16; 2]> {
        SmallVec::new()
    }

    fn level(&self, _: &Demands) -> Level {
        Level::Simple
    }
}
