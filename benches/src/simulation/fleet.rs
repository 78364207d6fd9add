//! The upstreams: latencies that drift, load that slows, answers with heavy tails, times when a target
//! is slow, frozen or down. All of it follows from the seed, the request and the moment, whatever was
//! asked before.

use std::{f64::consts::TAU, sync::Arc, time::Duration};

use tidegate_policy::{Tick, health::Place, rng::Rng};
use tidegate_types::Code;

/// Targets.
pub(super) const TARGETS: u16 = 10;
/// Requests per second of all callers together.
const RATE: f64 = 250.0;
/// Calls that a target serves at full speed. Beyond them all become slower in proportion.
const CAPACITY: f64 = 24.0;
/// A try that has no answer by then fails, in seconds.
const DEADLINE: f64 = 20.0;

/// What befalls the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Every target drifts on its own; now and then one is several times slower for a while, refuses
    /// calls or lets them hang. Four answers in a thousand stall.
    Drifting,
    /// All targets are alike and well, but two answers in a hundred take ten times as long.
    Bimodal,
    /// One target of the ten freezes for some seconds, time and again.
    Stalling,
    /// Half of the targets share a region, which slows down or fails as one.
    Correlated,
}

impl Weather {
    /// All there is.
    pub const ALL: [Self; 4] = [
        Self::Drifting,
        Self::Bimodal,
        Self::Stalling,
        Self::Correlated,
    ];

    /// What tables call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drifting => "drifting",
            Self::Bimodal => "bimodal",
            Self::Stalling => "one stalls",
            Self::Correlated => "a region fails",
        }
    }
}

pub(super) struct Fleet {
    seed: u64,
    targets: Vec<Upstream>,
}

struct Upstream {
    place: Arc<Place>,
    /// Median of its answers in seconds, at its best.
    median: f64,
    /// How much it drifts, in how many seconds, and from where on.
    drift: (f64, f64, f64),
    /// Spread of its answers: the standard deviation of their logarithm.
    spread: f64,
    tail: Tail,
    /// In order, none beside another.
    mishaps: Vec<Mishap>,
}

/// Answers that take long for no reason that could be seen.
#[derive(Clone, Copy)]
struct Tail {
    share: f64,
    /// How many times longer, at least and at most.
    times: (f64, f64),
}

/// Four in a thousand take many times as long.
const STALLS: Tail = Tail {
    share: 0.004,
    times: (8.0, 32.0),
};
/// Two in a hundred take ten times as long.
const TWO_HUMPS: Tail = Tail {
    share: 0.02,
    times: (9.0, 11.0),
};

#[derive(Clone, Copy)]
struct Mishap {
    /// In seconds.
    from: f64,
    to: f64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// Answers take so many times longer.
    Slower(f64),
    /// Calls fail at once.
    Refuses,
    /// Calls that begin get no answer.
    Hangs,
    /// Nothing goes on, whenever it began.
    Freezes,
}

/// What comes of asking.
pub(super) struct Fate {
    /// When it ends.
    pub(super) at: Tick,
    /// How it fails.
    pub(super) fails: Option<Code>,
}

impl Fleet {
    pub(super) fn new(weather: Weather, seed: u64, requests: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0xf1ee_7000);
        let length = requests as f64 / RATE + 60.0;
        let region = mishaps(&mut rng, length, 400.0, (30.0, 60.0), |rng| {
            if rng.below(2) == 0 {
                What::Slower(3.0 + rng.unit() * 5.0)
            } else {
                broken(rng)
            }
        });
        let targets = (0..TARGETS).map(|target| Upstream {
            place: Arc::default(),
            median: 0.25 + rng.unit() * 0.25,
            drift: (
                0.1 + rng.unit() * 0.3,
                120.0 + rng.unit() * 600.0,
                rng.unit(),
            ),
            spread: 0.25,
            tail: if weather == Weather::Bimodal {
                TWO_HUMPS
            } else {
                STALLS
            },
            mishaps: match weather {
                Weather::Drifting => mishaps(&mut rng, length, 500.0, (15.0, 45.0), |rng| {
                    if rng.below(3) == 0 {
                        broken(rng)
                    } else {
                        What::Slower(3.0 + rng.unit() * 7.0)
                    }
                }),
                Weather::Stalling if target == 0 => {
                    mishaps(&mut rng, length, 45.0, (5.0, 10.0), |_| What::Freezes)
                }
                Weather::Correlated if target < TARGETS / 2 => region.clone(),
                _ => Vec::new(),
            },
        });
        Self {
            seed,
            targets: targets.collect(),
        }
    }

    pub(super) fn place(&self, target: u16) -> &Arc<Place> {
        &self.targets[usize::from(target)].place
    }

    /// Time until the next request.
    pub(super) fn pause(&self, number: u64) -> Duration {
        let unit = self.draws(number, u64::MAX).unit();
        Duration::from_secs_f64(-(1.0 - unit).ln() / RATE)
    }

    /// What comes of asking a target now; the call is already among those under way.
    pub(super) fn fate(&self, target: u16, number: u64, tries: u32, now: Tick) -> Fate {
        let upstream = &self.targets[usize::from(target)];
        let began = now.0 as f64 / 1e9;
        let mut draws = self.draws(number, u64::from(target) << 8 | u64::from(tries));
        let after = |seconds: f64| now.plus(Duration::from_secs_f64(seconds));
        let late = Fate {
            at: after(DEADLINE),
            fails: Some(Code::FirstByteTimeout),
        };
        let next = upstream
            .mishaps
            .partition_point(|mishap| mishap.to <= began);
        let ahead = &upstream.mishaps[next..];
        let mishap = ahead.first().filter(|mishap| mishap.from <= began);
        let slower = match mishap.map(|mishap| mishap.what) {
            Some(What::Refuses) => {
                return Fate {
                    at: after(0.02 + draws.unit() * 0.06),
                    fails: Some(Code::UpstreamFailed),
                };
            }
            Some(What::Hangs) => return late,
            Some(What::Slower(times)) => times,
            Some(What::Freezes) | None => 1.0,
        };
        let (much, period, phase) = upstream.drift;
        let drift = (much * (TAU * (began / period + phase)).sin()).exp();
        let spread = (upstream.spread * normal(&mut draws)).exp();
        let busy = f64::from(upstream.place.in_flight());
        let load = (busy / CAPACITY).max(1.0);
        let (least, most) = upstream.tail.times;
        let tail = if draws.unit() < upstream.tail.share {
            least + draws.unit() * (most - least)
        } else {
            1.0
        };
        let mut took = upstream.median * drift * spread * load * slower * tail;
        for mishap in ahead {
            if mishap.from >= began + took {
                break;
            }
            if matches!(mishap.what, What::Freezes) {
                took += mishap.to - mishap.from.max(began);
            }
        }
        if took > DEADLINE {
            return late;
        }
        Fate {
            at: after(took),
            fails: None,
        }
    }

    /// The same for the same request and target, whatever was asked before.
    fn draws(&self, number: u64, salt: u64) -> Rng {
        let mixed = number
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(salt.wrapping_mul(0xbf58_476d_1ce4_e5b9));
        Rng::with_seed(self.seed ^ mixed ^ (mixed >> 29))
    }
}

/// Mishaps that come by chance, `every` so many seconds on average, and last from `lasts.0` to
/// `lasts.1` seconds.
fn mishaps(
    rng: &mut Rng,
    length: f64,
    every: f64,
    lasts: (f64, f64),
    what: impl Fn(&mut Rng) -> What,
) -> Vec<Mishap> {
    let mut all = Vec::new();
    let mut at = 0.0;
    while at < length {
        let from = at - (1.0 - rng.unit()).ln() * every;
        at = from + lasts.0 + rng.unit() * (lasts.1 - lasts.0);
        all.push(Mishap {
            from,
            to: at,
            what: what(rng),
        });
    }
    all
}

fn broken(rng: &mut Rng) -> What {
    if rng.below(2) == 0 {
        What::Refuses
    } else {
        What::Hangs
    }
}

/// A normally distributed number (Box and Muller, 1958).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
    radius * (TAU * rng.unit()).cos()
}
