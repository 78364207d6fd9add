//! What is kept of a call until it has ended and is written down.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use tidegate_policy::Tick;
use tidegate_providers::dialect;
use tidegate_types::{Attempt, Code, Dialect, Endpoint, Money, Segments, Usage};

use super::{Features, Journal, Record, Tried};
use crate::{
    facts::{CacheFact, Facts, header as names},
    pipeline::{decode::Asks, plan::prompt},
};

/// Bodies beyond this are not kept until the call has ended.
const MOST_KEPT: usize = 1 << 20;

/// What is kept of a call. Everything here is shared or small: the line is made where it is written.
#[derive(Debug)]
pub(crate) struct Notes {
    journal: Arc<Journal>,
    /// When it began, and that in milliseconds since 1970.
    began: Tick,
    time: i64,
    endpoint: Endpoint,
    dialect: Dialect,
    /// The body as the caller sent it, unless that is long.
    body: Segments,
    bytes: u64,
    user: Option<HeaderValue>,
    session: Option<HeaderValue>,
    tags: Option<HeaderValue>,
    fallbacks: Vec<String>,
    model: String,
    stream: bool,
    max_output: Option<u64>,
    tries: Vec<Try>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) route: Option<Arc<str>>,
    /// Until the first content of a stream, since the call began.
    pub(crate) first: Option<Duration>,
    pub(crate) shadow: bool,
    facts: Facts,
    usage: Option<Usage>,
    error: Option<Code>,
    took: Duration,
}

/// A try.
#[derive(Debug)]
struct Try {
    /// Since the call began.
    after: Duration,
    took: Duration,
    attempt: Attempt,
}

/// What the end of a call adds.
pub(crate) struct Ended<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<Code>,
    pub(crate) took: Duration,
}

impl Notes {
    /// Notes of a call that begins.
    pub(crate) fn begin(
        journal: &Arc<Journal>,
        (began, time): (Tick, i64),
        (endpoint, dialect): (&Endpoint, Dialect),
        body: &Segments,
        headers: &HeaderMap,
    ) -> Box<Self> {
        let header = |name: &http::HeaderName| headers.get(name).cloned();
        let kept = body.len() <= MOST_KEPT;
        Box::new(Self {
            journal: Arc::clone(journal),
            began,
            time,
            endpoint: endpoint.clone(),
            dialect,
            body: if kept {
                body.clone()
            } else {
                Segments::default()
            },
            bytes: body.len() as u64,
            user: header(&names::USER),
            session: header(&names::SESSION),
            tags: header(&names::TAGS),
            fallbacks: Vec::new(),
            model: String::new(),
            stream: false,
            max_output: None,
            tries: Vec::new(),
            key: None,
            route: None,
            first: None,
            shadow: false,
            facts: Facts::default(),
            usage: None,
            error: None,
            took: Duration::ZERO,
        })
    }

    /// Notes of the same request in another place: a copy, a member of a panel, the rest of a stream.
    pub(crate) fn twin(&self, headers: &HeaderMap) -> Box<Self> {
        let of = (&self.endpoint, self.dialect);
        let began = (self.began, self.time);
        let mut twin = Self::begin(&self.journal, began, of, &self.body, headers);
        twin.bytes = self.bytes;
        twin.fallbacks.clone_from(&self.fallbacks);
        twin.model.clone_from(&self.model);
        twin.stream = self.stream;
        twin.max_output = self.max_output;
        twin
    }

    /// What the body was found to ask for, before a rule could change it.
    pub(crate) fn asked(&mut self, asks: &Asks, fallbacks: &[String], bytes: u64) {
        self.model.clone_from(&asks.model);
        self.stream = asks.stream;
        self.max_output = asks.max_output;
        self.fallbacks = fallbacks.to_vec();
        self.bytes = bytes;
    }

    /// A try was made.
    pub(crate) fn tried(&mut self, at: Tick, took: Duration, attempt: &Attempt) {
        self.tries.push(Try {
            after: at.since(self.began),
            took,
            attempt: attempt.clone(),
        });
    }

    /// Takes over the tries of another part of the same call.
    pub(crate) fn join(&mut self, part: &mut Self) {
        self.tries.append(&mut part.tries);
    }

    /// The answer under way broke, and another upstream goes on. `now`: since the call began.
    pub(crate) fn broke(&mut self, error: Option<Code>, now: Duration) {
        if let Some(last) = self.answering() {
            last.took = now.saturating_sub(last.after);
            last.attempt.error = error.map(Code::slug);
        }
    }

    fn answering(&mut self) -> Option<&mut Try> {
        let mut tries = self.tries.iter_mut().rev();
        tries.find(|tried| tried.attempt.error.is_none())
    }

    /// The call has ended: it is written down.
    pub(crate) fn end(mut self: Box<Self>, ended: &Ended<'_>) {
        let target = ended.facts.target.clone();
        if let Some(last) = self.answering()
            && target
                .as_ref()
                .is_none_or(|target| *target == last.attempt.target)
        {
            last.took = ended.took.saturating_sub(last.after);
            last.attempt.error = ended.error.map(Code::slug);
        }
        self.facts = Facts {
            request_id: ended.facts.request_id,
            target,
            cost: ended.facts.cost,
            cache: ended.facts.cache,
            rule: ended.facts.rule.clone(),
            ..Facts::default()
        };
        self.usage = ended.usage;
        self.error = ended.error;
        self.took = ended.took;
        let journal = Arc::clone(&self.journal);
        journal.write(self);
    }

    /// Bytes that it keeps from being freed.
    pub(super) fn size(&self) -> usize {
        self.body.len() + size_of::<Self>()
    }

    /// The line.
    pub(super) fn record(&self, most_body: Option<u64>) -> Record {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let facts = &self.facts;
        let mut attempts: Vec<Tried> = self.tries.iter().map(told).collect();
        let answered = self.first.and_then(|first| {
            let target = facts.target.as_deref()?;
            let mut all = attempts.iter_mut();
            let last = all.rfind(|tried| tried.target == target)?;
            Some((first, last))
        });
        if let Some((first, last)) = answered {
            last.first_token_ms = Some(millis(first) - last.after_ms);
        }
        Record {
            time: self.time,
            request_id: facts.request_id.to_string(),
            key: text(&self.key),
            endpoint: self.endpoint.as_str().to_owned(),
            dialect: self.dialect.as_str().to_owned(),
            model: self.model.clone(),
            route: text(&self.route),
            rule: text(&facts.rule),
            request: self.features(),
            attempts,
            target: text(&facts.target),
            ms: millis(self.took),
            first_token_ms: self.first.map(millis),
            usage: self.usage,
            cost: facts.cost.unwrap_or(Money::ZERO),
            cache: match facts.cache {
                CacheFact::Off => "off",
                CacheFact::Miss => "miss",
                CacheFact::Hit(_) => "hit",
            }
            .to_owned(),
            error: self.error.map(|error| error.slug().to_owned()),
            shadow: self.shadow,
            body: most_body
                .filter(|most| self.bytes <= *most && !self.body.is_empty())
                .and_then(|_| String::from_utf8(self.body.to_bytes().to_vec()).ok()),
            lost: 0,
        }
    }

    fn features(&self) -> Features {
        let body = self.body.to_bytes();
        let chat = self.endpoint == Endpoint::Chat;
        let seen = if chat {
            dialect::survey(self.dialect, &body)
        } else {
            dialect::Survey::default()
        };
        let header = |value: &Option<HeaderValue>| {
            let value = value.as_ref()?;
            value.to_str().ok().map(str::to_owned)
        };
        let named = prompt::Named::in_body(&body);
        let hash =
            |words: &str| format!("{:016x}", tidegate_policy::route::hash(&[words.as_bytes()]));
        let tags = header(&self.tags).unwrap_or_default();
        let other = |kind: &String| kind != "text";
        Features {
            bytes: self.bytes,
            input_tokens: if self.body.is_empty() {
                self.bytes / prompt::BYTES_PER_TOKEN
            } else {
                prompt::tokens(&self.body)
            },
            stream: self.stream,
            max_output_tokens: self.max_output,
            messages: named.messages,
            tools: seen.tools,
            modalities: seen.modalities.into_iter().filter(other).collect(),
            structured: seen.structured,
            reasoning: seen.reasoning,
            user: header(&self.user).or(named.user).map(|user| hash(&user)),
            session: header(&self.session)
                .or(named.session)
                .map(|session| hash(&session)),
            prefix: named.prefix.map(|prefix| format!("{prefix:016x}")),
            tags: tags
                .split(',')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
            fallbacks: self.fallbacks.clone(),
        }
    }
}

fn told(tried: &Try) -> Tried {
    Tried {
        target: tried.attempt.target.to_string(),
        key: tried.attempt.key.as_deref().map(str::to_owned),
        after_ms: millis(tried.after),
        ms: millis(tried.took),
        first_token_ms: None,
        status: tried.attempt.status,
        error: tried.attempt.error.map(str::to_owned),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
