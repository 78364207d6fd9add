//! How a group came to its order, for whoever asks why.

use super::{Group, Standing, Strategy};

/// What the members of a group were sorted by before its strategy decided.
#[derive(Debug)]
pub struct Ranking<'a> {
    /// The group.
    pub group: &'a Group,
    /// Standing, priority and position of every member with a target that fits. A member that fails
    /// far more often than its siblings stands worse here than its targets do.
    pub classes: &'a [(Standing, u32, u16)],
    /// Where the call falls among the canaries, in groups that have some.
    pub bucket: Option<Bucket>,
}

/// Where a call falls among the canaries of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its place in percent, 0 up to 100: canaries take the first of them, as written.
    pub at: f64,
    /// The canary it falls to, by position.
    pub chosen: Option<u16>,
}

impl Strategy {
    /// The name it has in configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Race => "race",
            Self::Weighted => "weighted",
            Self::RoundRobin(_) => "round_robin",
            Self::LeastBusy => "least_busy",
            Self::LeastLatency(_) => "least_latency",
            Self::LeastCost => "least_cost",
            Self::LeastUsage => "least_usage",
            Self::ConsistentHash(_) => "consistent_hash",
            Self::CacheAffinity(_) => "prompt_cache_affinity",
            Self::Complexity(_) => "complexity",
            Self::Semantic(_) => "semantic",
        }
    }
}

impl Standing {
    /// The name shown in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Strained => "strained",
            Self::Down => "down",
        }
    }
}
