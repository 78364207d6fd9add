//! What the gateway did with a call. Travels in `x-tidegate-*` headers, never in the body.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use tidegate_types::{Code, Money};

/// Names of the gateway's headers.
pub mod header {
    use http::HeaderName;

    macro_rules! names {
        ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
            $($(#[doc = $doc])* pub const $name: HeaderName = HeaderName::from_static($text);)*
        };
    }

    names! {
        /// Request: a Tidegate key, when the usual credential headers are taken.
        KEY = "x-tidegate-key";
        /// Request: `bypass` or `refresh`. Answer: `hit-exact; age=SECONDS`, `miss` or `off`.
        CACHE = "x-tidegate-cache";
        /// Request: limit for the whole call, such as `30s`.
        TIMEOUT = "x-tidegate-timeout";
        /// Request: models to try when every target has failed, separated by commas.
        FALLBACKS = "x-tidegate-fallbacks";
        /// Request: labels, separated by commas: for rules, and names of targets to use.
        TAGS = "x-tidegate-tags";
        /// Request: `low`, `normal` or `high`, no higher than the caller's key allows.
        PRIORITY = "x-tidegate-priority";
        /// Request: id of the customer for which the call is made.
        CUSTOMER = "x-tidegate-customer";
        /// Request: id of the team for which the call is made.
        TEAM = "x-tidegate-team";
        /// Request: the configured user or the end user for whom the call is made.
        USER = "x-tidegate-user";
        /// Request: the session, for strategies that keep sessions together.
        SESSION = "x-tidegate-session";
        /// Answer: id under which the call is logged.
        REQUEST_ID = "x-tidegate-request-id";
        /// Answer: `provider/model` that answered.
        TARGET = "x-tidegate-target";
        /// Answer: name of the provider key used.
        PROVIDER_KEY = "x-tidegate-key";
        /// Answer: number of tries made; a stored answer has 0.
        ATTEMPTS = "x-tidegate-attempts";
        /// Answer: cost in dollars; a trailer on streams.
        COST = "x-tidegate-cost";
        /// Answer: `estimated` when the upstream gave no usage or the model has no price.
        USAGE = "x-tidegate-usage";
        /// Answer: name of the rule that applied.
        RULE = "x-tidegate-rule";
        /// Trailer of a stream that broke: the targets that went on with it, separated by commas.
        RESUMED = "x-tidegate-resumed";
        /// Answer: the members of a panel, `a/m; ms=120; cost=0.00002, b/m; ms=90; error=upstream_failed`.
        PANEL = "x-tidegate-panel";
        /// Answer: how targets were chosen by similarity, `openai/text-embedding-3-small; outcome=similar;
        /// best=a/m; similarity=0.612; ms=85; cost=0.0000002`.
        SEMANTIC = "x-tidegate-semantic";
        /// Answer: parts of the request the target could not express.
        DROPPED = "x-tidegate-dropped";
        /// Answer: `on` when the call got less because there was too much to do.
        BROWNOUT = "x-tidegate-brownout";
        /// Answer: time spent waiting for a place, in milliseconds, where there was none at once.
        QUEUED = "x-tidegate-queued-ms";
        /// Answer: time spent in the gateway itself, in microseconds.
        OVERHEAD = "x-tidegate-overhead-us";
        /// Answer: number and slug of the gateway's error, `1205 budget_exhausted`.
        ERROR = "x-tidegate-error";
    }
}

/// What the gateway did with a call.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Id under which the call is logged.
    pub request_id: RequestId,
    /// `provider/model` that answered.
    pub target: Option<Arc<str>>,
    /// Name of the provider key used.
    pub key: Option<Arc<str>>,
    /// Number of tries made; a stored answer has 0.
    pub attempts: u32,
    /// What the call cost; unknown while a stream runs.
    pub cost: Option<Money>,
    /// True when the usage behind `cost` was counted by the gateway.
    pub estimated: bool,
    /// What the cache did.
    pub cache: CacheFact,
    /// Name of the rule that applied.
    pub rule: Option<Arc<str>>,
    /// Parts of the request the target could not express.
    pub dropped: Vec<String>,
    /// The end user, where somebody asked.
    pub user: Option<Arc<str>>,
    /// True when the call got less because there was too much to do.
    pub brownout: bool,
    /// Time spent waiting for a place where there was none at once.
    pub queued: Duration,
    /// The members of the panel that was asked, under `strategy: ensemble`.
    pub panel: Vec<Member>,
    /// What the request was compared with, under `strategy: semantic`.
    pub compared: Vec<Compared>,
    /// Time spent in the gateway itself.
    pub overhead: Duration,
}

/// How a request was compared with what targets are for.
#[derive(Debug, Clone)]
pub struct Compared {
    /// `provider/model` that makes vectors of texts.
    pub embedder: Arc<str>,
    /// `similar`, `below` the threshold, `nothing_said` by the user in words, or the slug of the error
    /// with which the embedder failed: then targets stand as written.
    pub outcome: &'static str,
    /// The most similar target and its similarity (cosine), where one is known.
    pub best: Option<(Box<str>, f32)>,
    /// How long it took.
    pub took: Duration,
    /// What it cost. Part of the call's cost.
    pub cost: Money,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; outcome={}", self.embedder, self.outcome)?;
        if let Some((target, likeness)) = &self.best {
            write!(f, "; best={target}; similarity={likeness:.3}")?;
        }
        let millis = self.took.as_millis();
        write!(f, "; ms={millis}; cost={}", self.cost)
    }
}

/// What a member of a panel did.
#[derive(Debug, Clone)]
pub struct Member {
    /// `provider/model`.
    pub target: Option<Arc<str>>,
    /// How long it took.
    pub took: Duration,
    /// What it cost.
    pub cost: Money,
    /// Why it did not answer.
    pub error: Option<Code>,
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let target = self.target.as_deref().unwrap_or_default();
        write!(f, "{target}; ms={}", self.took.as_millis())?;
        match self.error {
            Some(error) => write!(f, "; error={}", error.slug()),
            None => write!(f, "; cost={}", self.cost),
        }
    }
}

/// A random id of a call: `req_` and 26 characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestId(u128);

/// What the cache did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheFact {
    /// The route is not cached, or the caller bypassed the cache.
    #[default]
    Off,
    /// Nothing was stored.
    Miss,
    /// A stored answer of this age was given.
    Hit(Duration),
}

impl RequestId {
    /// An id of these bits.
    pub fn new(bits: u128) -> Self {
        Self(bits)
    }

    /// Crockford's base 32, lower case: no letters that read alike.
    fn text(self) -> [u8; 30] {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut text = *b"req_00000000000000000000000000";
        let mut bits = self.0;
        for place in text[4..].iter_mut().rev() {
            *place = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        text
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Facts {
    /// Writes the facts as headers. `cost` is left out while it is unknown.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.reserve(8);
        if let Ok(id) = HeaderValue::from_bytes(&self.request_id.text()) {
            headers.insert(header::REQUEST_ID, id);
        }
        for (name, value) in [
            (header::TARGET, &self.target),
            (header::PROVIDER_KEY, &self.key),
            (header::RULE, &self.rule),
        ] {
            if let Some(value) = value
                .as_deref()
                .and_then(|text| HeaderValue::from_str(text).ok())
            {
                headers.insert(name, value);
            }
        }
        headers.insert(header::ATTEMPTS, HeaderValue::from(self.attempts));
        self.write_cost(headers);
        let cache = match self.cache {
            CacheFact::Off => HeaderValue::from_static("off"),
            CacheFact::Miss => HeaderValue::from_static("miss"),
            CacheFact::Hit(age) => {
                HeaderValue::from_str(&format!("hit-exact; age={}", age.as_secs()))
                    .unwrap_or(HeaderValue::from_static("hit-exact"))
            }
        };
        headers.insert(header::CACHE, cache);
        if !self.dropped.is_empty()
            && let Ok(value) = HeaderValue::from_str(&self.dropped.join(", "))
        {
            headers.insert(header::DROPPED, value);
        }
        if self.brownout {
            headers.insert(header::BROWNOUT, HeaderValue::from_static("on"));
        }
        if !self.queued.is_zero() {
            let queued = u64::try_from(self.queued.as_millis()).unwrap_or(u64::MAX);
            headers.insert(header::QUEUED, HeaderValue::from(queued));
        }
        if !self.panel.is_empty() {
            let members: Vec<String> = self.panel.iter().map(ToString::to_string).collect();
            if let Ok(value) = HeaderValue::from_str(&members.join(", ")) {
                headers.insert(header::PANEL, value);
            }
        }
        if !self.compared.is_empty() {
            let all: Vec<String> = self.compared.iter().map(ToString::to_string).collect();
            if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
                headers.insert(header::SEMANTIC, value);
            }
        }
        let overhead = u64::try_from(self.overhead.as_micros()).unwrap_or(u64::MAX);
        headers.insert(header::OVERHEAD, HeaderValue::from(overhead));
    }

    /// Writes what is only known at the end of a stream.
    pub fn write_cost(&self, headers: &mut HeaderMap) {
        if let Some(cost) = self.cost {
            if let Ok(value) = HeaderValue::from_str(&cost.to_string()) {
                headers.insert(header::COST, value);
            }
            if self.estimated {
                headers.insert(header::USAGE, HeaderValue::from_static("estimated"));
            }
        }
    }
}
