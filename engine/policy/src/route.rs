//! In which order targets are tried. Pure: what is known of targets and of the call comes through a
//! [`View`], chance through an [`Rng`].
//!
//! A route is a [`Group`] of members; a member leads to a target (by its position) or to another
//! group. Members are first sorted by how well they are and by priority; within each such class the
//! group's strategy decides.

mod cache_memory;
mod complexity;
mod needs;
mod rank;
mod ranking;

use std::sync::atomic::AtomicUsize;

use smallvec::SmallVec;
use tidegate_types::{config::Level, expression::Expression};

pub use cache_memory::CacheMemory;
pub use complexity::{Demands, Seen};
pub use needs::Needs;
pub use rank::expected;
pub use ranking::{Bucket, Ranking};

use crate::rng::Rng;

/// Positions of targets in the order they should be tried.
pub type Order = SmallVec<[u16; 16]>;

/// How the members of a group are ordered.
#[derive(Debug)]
pub enum Strategy {
    /// As written.
    Ordered,
    /// As written; the first of every member come before the others of any.
    Race,
    /// At random by weight.
    Weighted,
    /// In turn.
    RoundRobin(Turns),
    /// The fewest calls under way.
    LeastBusy,
    /// The faster of two drawn at random.
    LeastLatency(Speed),
    /// The lowest price.
    LeastCost,
    /// The least used.
    LeastUsage,
    /// By the hash of who calls.
    ConsistentHash(HashBy),
    /// Where the same prompt went last.
    CacheAffinity(CacheMemory),
    /// By how demanding the request is.
    Complexity(Box<Demands>),
    /// The most similar to what the user says.
    Semantic(Topics),
}

/// What a group of [`Strategy::Semantic`] goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Topics {
    /// Which of the route's comparisons is the group's.
    pub number: u16,
    /// Members that are less similar stand as written.
    pub threshold: f32,
}

/// Which duration a target's speed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Until the first token.
    FirstToken,
    /// From token to token.
    PerToken,
    /// Until the answer is complete.
    Total,
}

/// What of a call is hashed.
#[derive(Debug, Clone, PartialEq)]
pub enum HashBy {
    /// The end user.
    User,
    /// The session or conversation.
    Session,
    /// The virtual key.
    Key,
    /// A header of the request.
    Header(http::HeaderName),
    /// The text that an expression gives.
    Expression(Expression),
}

/// How well a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As it should be.
    Well,
    /// Usable, but others go first: little quota is left, or it fails more often than its siblings.
    Strained,
    /// Not to be asked now: the breaker is open, or no key is ready.
    Down,
}

/// Members and how they are ordered.
#[derive(Debug)]
pub struct Group {
    /// How.
    pub strategy: Strategy,
    /// Whom.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    /// Where it leads.
    pub node: Node,
    /// What the configuration calls it: `provider/model`, or a route.
    pub name: Box<str>,
    /// Its share, for strategies that go by weight.
    pub weight: u32,
    /// Higher numbers come after all lower ones.
    pub priority: u32,
    /// Percent of callers served here first.
    pub canary: Option<f64>,
    /// The most demanding requests it is meant for.
    pub level: Level,
    /// What it is called when hashes are compared: the same in every process and after a reload.
    pub seed: u64,
}

/// Where a member leads.
#[derive(Debug)]
pub enum Node {
    /// To the target at this position.
    Target(u16),
    /// To another group.
    Group(Group),
}

/// Whose turn it is, by weight.
#[derive(Debug, Default)]
pub struct Turns {
    cycle: Vec<u16>,
    next: AtomicUsize,
}

/// What is known of the targets and of the call.
pub trait View {
    /// Whether the call may go to this target at all.
    fn fits(&self, target: u16) -> bool;
    /// How well the target is.
    fn standing(&self, target: u16) -> Standing;
    /// Share of its recent calls that failed, 0 to 1.
    fn failing(&self, target: u16) -> f32;
    /// Its calls under way.
    fn busy(&self, target: u16) -> u32;
    /// How long it takes, in nanoseconds; `None` when that was never measured.
    fn latency(&self, target: u16, speed: Speed) -> Option<f64>;
    /// What this call would cost there, in nano-dollars.
    fn cost(&self, target: u16) -> i64;
    /// How much it was used within the window of its group.
    fn usage(&self, target: u16) -> i64;
    /// The hash of who calls; `None` when the call does not say.
    fn caller(&self, by: &HashBy) -> Option<u64>;
    /// The hash by which canaries choose their callers.
    fn crowd(&self) -> Option<u64>;
    /// The targets that saw the beginning of this prompt, the last one first.
    fn remembered(&self, memory: &CacheMemory) -> SmallVec<[u16; 2]>;
    /// How demanding the request is.
    fn level(&self, demands: &Demands) -> Level;
    /// How similar the request is to what a member of a group is for; `None` where nobody knows.
    fn likeness(&self, topics: Topics, member: u16) -> Option<f32> {
        let _ = (topics, member);
        None
    }
    /// Whether turns are looked at and not taken.
    fn looks_only(&self) -> bool {
        false
    }
    /// Told how each group was ordered, the outer one first.
    fn ranked(&self, ranking: &Ranking<'_>) {
        let _ = ranking;
    }
}

impl Group {
    /// Appends the group's targets to `order`: those that fit, the best first.
    pub fn order(&self, view: &impl View, rng: &mut Rng, order: &mut Order) {
        let mut others = Order::new();
        for member in rank::members(self, view, rng) {
            match &self.members[usize::from(member)].node {
                Node::Target(target) => order.push(*target),
                Node::Group(group) => {
                    let start = order.len();
                    group.order(view, rng, order);
                    if matches!(self.strategy, Strategy::Race) {
                        let first = order.len().min(start + 1);
                        others.extend(order.drain(first..));
                    }
                }
            }
        }
        order.extend(others);
    }

    /// Every target of the group that fits, in any order.
    fn fitting(&self, view: &impl View, visit: &mut dyn FnMut(u16)) {
        for member in &self.members {
            member.node.fitting(view, visit);
        }
    }
}

impl Node {
    fn fitting(&self, view: &impl View, visit: &mut dyn FnMut(u16)) {
        match self {
            Self::Target(target) if view.fits(*target) => visit(*target),
            Self::Target(_) => {}
            Self::Group(group) => group.fitting(view, visit),
        }
    }

    /// The best of what `of` says about the node's fitting targets; `None` when none fits.
    fn best<T: PartialOrd + Copy>(&self, view: &impl View, of: impl Fn(u16) -> T) -> Option<T> {
        if let Self::Target(target) = self {
            return view.fits(*target).then(|| of(*target));
        }
        let mut best = None;
        self.fitting(view, &mut |target| {
            let value = of(target);
            if best.is_none_or(|known| value < known) {
                best = Some(value);
            }
        });
        best
    }
}

impl Turns {
    /// Turns by weight, spread out evenly ("smooth weighted round robin", as in nginx). Weights are
    /// reduced so that a cycle stays short.
    pub fn new(weights: &[u32]) -> Self {
        const LONGEST: u64 = 1000;
        let divisor = weights.iter().fold(0, |a, b| gcd(a, *b)).max(1);
        let total: u64 = weights.iter().map(|w| u64::from(w / divisor)).sum();
        let shrink = |weight: u32| {
            let weight = u64::from(weight / divisor);
            let shrunk = if total > LONGEST {
                (weight * LONGEST / total).max(u64::from(weight > 0))
            } else {
                weight
            };
            i64::try_from(shrunk).unwrap_or(1)
        };
        let weights: Vec<i64> = weights.iter().map(|weight| shrink(*weight)).collect();
        let total: i64 = weights.iter().sum();
        let mut credit = vec![0i64; weights.len()];
        let mut cycle = Vec::new();
        for _ in 0..total {
            for (credit, weight) in credit.iter_mut().zip(&weights) {
                *credit += weight;
            }
            // The first of the largest, so that equal weights take turns as written.
            let mut best = 0;
            for index in 1..credit.len() {
                if credit[index] > credit[best] {
                    best = index;
                }
            }
            credit[best] -= total;
            cycle.push(u16::try_from(best).unwrap_or(u16::MAX));
        }
        Self {
            cycle,
            next: AtomicUsize::new(0),
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Hashes words the same way in every process.
pub fn hash(words: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for word in words {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
