//! A fleet of targets in simulated time: strategies, breakers, averages, retries and hedges are the
//! engine's own, only the upstreams are made up. Every policy meets the same requests and mishaps, and
//! the same seed always gives the same figures.

mod claims;
mod fleet;
mod picker;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};

use smallvec::SmallVec;
use tidegate_policy::{
    Tick,
    admission::{Need, Room, UNCAPPED},
    health::{BreakerPolicy, Ended, Place, Trial},
    retry::{Hedge, Next, RetryPolicy},
    rng::Rng,
    route::{Order, Standing},
};
use tidegate_types::{Code, config};

pub use claims::{Claim, SEEDS, claims};
use fleet::Fleet;
pub use fleet::Weather;
pub use picker::Policy;

/// What a policy made of it.
#[derive(Debug)]
pub struct Report {
    /// Durations of the requests in ascending order, in microseconds; of those that failed, too.
    took: Vec<u32>,
    /// Requests that no target answered.
    pub failed: usize,
    /// Targets asked beside one that had not answered yet.
    pub hedges: usize,
}

impl Report {
    /// The duration in milliseconds that this share of the requests stays below.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        #[expect(clippy::cast_sign_loss, reason = "shares are not negative")]
        let at = (last as f64 * share) as usize;
        self.took
            .get(at)
            .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    /// This many of a hundred requests.
    pub fn percent(&self, count: usize) -> f64 {
        count as f64 * 100.0 / self.took.len().max(1) as f64
    }
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    /// A try is answered or fails.
    Ends {
        request: u64,
        lane: usize,
    },
    /// The pause before another try is over.
    Again {
        request: u64,
        lane: usize,
    },
    /// Another target may be asked beside. `armed` tells a timer from those that were set before.
    Hedges {
        request: u64,
        armed: u32,
    },
}

/// A request under way.
struct Call {
    began: Tick,
    order: Order,
    at: usize,
    lanes: SmallVec<[Lane; 2]>,
    /// Targets being asked, or waited for between two tries.
    running: usize,
    /// The timer that counts, and those set before it.
    armed: u32,
    /// How long the timer runs.
    delay: Duration,
}

/// The tries at one target.
struct Lane {
    target: u16,
    tries: u32,
    began: Tick,
    trial: Option<Trial>,
    /// How the try under way will fail.
    fails: Option<Code>,
}

/// Sends `requests` through a fleet under a policy.
pub fn run(weather: Weather, policy: Policy, hedged: bool, requests: u64, seed: u64) -> Report {
    let fleet = Fleet::new(weather, seed, requests);
    let mut world = World {
        picker: picker::Picker::new(policy, fleet::TARGETS),
        hedge: hedged.then(|| Hedge::from(&config::Hedge::default())),
        retry: RetryPolicy::default(),
        breaker: BreakerPolicy::default(),
        room: Room::default(),
        rng: Rng::with_seed(seed),
        now: Tick(1),
        events: BinaryHeap::new(),
        sequence: 0,
        calls: HashMap::new(),
        report: Report {
            took: Vec::new(),
            failed: 0,
            hedges: 0,
        },
        fleet,
    };
    world.at(Tick(1), Event::Arrives);
    let mut arrived = 0;
    while let Some(Reverse((now, _, event))) = world.events.pop() {
        world.now = now;
        match event {
            Event::Arrives => {
                world.arrives(arrived);
                arrived += 1;
                if arrived < requests {
                    let pause = world.fleet.pause(arrived);
                    world.at(now.plus(pause), Event::Arrives);
                }
            }
            Event::Ends { request, lane } => world.ends(request, lane),
            Event::Again { request, lane } => {
                if !world.tries(request, lane) {
                    world.goes_on(request, lane);
                }
            }
            Event::Hedges { request, armed } => world.hedges(request, armed),
        }
    }
    world.report.took.sort_unstable();
    world.report
}

struct World {
    fleet: Fleet,
    picker: picker::Picker,
    hedge: Option<Hedge>,
    retry: RetryPolicy,
    breaker: BreakerPolicy,
    room: Room,
    rng: Rng,
    now: Tick,
    events: BinaryHeap<Reverse<(Tick, u64, Event)>>,
    sequence: u64,
    /// Those under way, by number.
    calls: HashMap<u64, Call>,
    report: Report,
}

impl World {
    fn at(&mut self, when: Tick, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((when, self.sequence, event)));
    }

    fn arrives(&mut self, request: u64) {
        let call = Call {
            began: self.now,
            order: self.picker.order(&self.fleet, &mut self.rng, self.now),
            at: 0,
            lanes: SmallVec::new(),
            running: 0,
            armed: 0,
            delay: Duration::ZERO,
        };
        self.calls.insert(request, call);
        if let Some(hedge) = &self.hedge {
            hedge.earn();
        }
        if !self.asks(request) {
            self.over(request, false);
        }
    }

    /// Asks the next target that may be asked. False when there is none.
    fn asks(&mut self, request: u64) -> bool {
        loop {
            let Some(call) = self.calls.get_mut(&request) else {
                return false;
            };
            let Some(target) = call.order.get(call.at).copied() else {
                return false;
            };
            call.at += 1;
            let lane = call.lanes.len();
            call.lanes.push(Lane {
                target,
                tries: 0,
                began: self.now,
                trial: None,
                fails: None,
            });
            self.fleet.place(target).retries.earn(self.retry.budget);
            if self.tries(request, lane) {
                self.arms(request, target);
                return true;
            }
        }
    }

    /// Lets the hedge's time run from now on, if one more target may be asked.
    fn arms(&mut self, request: u64, target: u16) {
        let (Some(hedge), Some(call)) = (&self.hedge, self.calls.get_mut(&request)) else {
            return;
        };
        call.armed += 1;
        if call.running > hedge.most() {
            return;
        }
        call.delay = hedge.delay(self.fleet.place(target), false);
        let (armed, due) = (call.armed, self.now.plus(call.delay));
        self.at(due, Event::Hedges { request, armed });
    }

    /// Sends a request to a lane's target. False when it may not be asked.
    fn tries(&mut self, request: u64, lane: usize) -> bool {
        let Some(call) = self.calls.get_mut(&request) else {
            // Answered elsewhere in the meantime.
            return true;
        };
        let asked = &mut call.lanes[lane];
        let place = self.fleet.place(asked.target);
        let Some(trial) = begin(&self.room, place, self.breaker, self.now) else {
            return false;
        };
        if asked.tries == 0 {
            call.running += 1;
        }
        asked.tries += 1;
        asked.began = self.now;
        asked.trial = Some(trial);
        let fate = self
            .fleet
            .fate(asked.target, request, asked.tries, self.now);
        asked.fails = fate.fails;
        self.at(fate.at, Event::Ends { request, lane });
        true
    }

    fn ends(&mut self, request: u64, lane: usize) {
        let Some(call) = self.calls.get_mut(&request) else {
            return;
        };
        let ended = &mut call.lanes[lane];
        // One that another target has outrun ended earlier.
        let Some(trial) = ended.trial.take() else {
            return;
        };
        let took = self.now.since(ended.began);
        self.picker.learn(ended.target, took, ended.fails.is_none());
        let Some(code) = ended.fails else {
            trial.end(Ended::Well { tokens: None }, self.now);
            for lane in &mut call.lanes {
                if let Some(trial) = lane.trial.take() {
                    trial.outrun(false, self.now);
                }
            }
            self.over(request, true);
            return;
        };
        trial.end(Ended::with(code), self.now);
        let tries = ended.tries;
        let place = self.fleet.place(ended.target);
        match self.retry.next(code, tries, None, false, &mut self.rng) {
            Next::Retry(pause) if place.retries.spend() => {
                self.at(self.now.plus(pause), Event::Again { request, lane });
            }
            _ => self.goes_on(request, lane),
        }
    }

    /// A lane's target has failed for good: the next one is asked, unless another is being asked.
    fn goes_on(&mut self, request: u64, lane: usize) {
        let Some(call) = self.calls.get_mut(&request) else {
            return;
        };
        call.running -= 1;
        let target = call.lanes[lane].target;
        if call.running > 0 {
            self.arms(request, target);
        } else if !self.asks(request) {
            self.over(request, false);
        }
    }

    fn hedges(&mut self, request: u64, armed: u32) {
        let (Some(hedge), Some(call)) = (&self.hedge, self.calls.get_mut(&request)) else {
            return;
        };
        if call.armed != armed || call.running > hedge.most() {
            return;
        }
        let well = call.order.get(call.at).is_some_and(|next| {
            picker::Picker::standing(&self.fleet, *next, self.now) != Standing::Down
        });
        if well && hedge.spend() && self.asks(request) {
            self.report.hedges += 1;
        }
    }

    fn over(&mut self, request: u64, answered: bool) {
        if let Some(call) = self.calls.remove(&request) {
            let took = self.now.since(call.began);
            let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            self.report.took.push(micros);
            self.report.failed += usize::from(!answered);
        }
    }
}

/// Begins a try where the breaker lets it pass, counted among the target's calls under way.
fn begin(room: &Room, place: &Arc<Place>, breaker: BreakerPolicy, now: Tick) -> Option<Trial> {
    let need = Need {
        gate: Arc::clone(&place.gate),
        most: UNCAPPED,
    };
    let mut seats = room.enter(&[need])?;
    place.begin(&mut seats, breaker, now)
}

#[cfg(test)]
mod tests;
