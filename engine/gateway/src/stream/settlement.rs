//! The end of a call's books: cost, ledger, cache and record. Exactly once.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tidegate_policy::{
    Tick,
    admission::Seats,
    cache::{CacheKey, Stored},
    health::{self, Trial, Unit},
    identity::Identity,
    ledger::{Amounts, Reservation},
};
use tidegate_providers::{dialect::stream_type, tokens};
use tidegate_types::{Code, Dialect, Endpoint, Error, Money, Native, Relay, Segments, Usage};

use crate::{
    facts::{CacheFact, Facts},
    gateway::{Inner, Running},
    journal::{self, Notes},
    pipeline::{
        Job,
        shadow::{Came, Side},
    },
    snapshot::{Route, Target},
    telemetry::{
        self,
        metrics::{Ended, Series, Tries},
    },
};

/// Bytes of text per token, for counting where the upstream does not.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// What is booked when a call ends. Whoever owns it settles the call, at the latest by dropping it.
pub(crate) struct Settlement {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) running: Option<Running>,
    /// Its place among its caller's calls at a time.
    pub(crate) permit: Option<Seats>,
    /// What a session holds at its target.
    pub(crate) seats: Seats,
    /// The try that gave the answer.
    pub(crate) trial: Option<Trial>,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) endpoint: Endpoint,
    pub(crate) cache_key: Option<CacheKey>,
    pub(crate) facts: Facts,
    pub(crate) started: Tick,
    /// How long the answer took, or the first content of a stream.
    pub(crate) answered: Option<Duration>,
    /// The call it is compared with.
    pub(crate) side: Option<Side>,
    pub(crate) body_bytes: u64,
    /// The request, where it is short enough to be kept in case its tokens must be counted here.
    pub(crate) prompt: Option<(Dialect, Segments)>,
    /// What the request alone tells of what is consumed.
    pub(crate) asked: Usage,
    /// Most tokens the request allowed to be generated.
    pub(crate) output_bound: Option<u64>,
    /// What earlier upstreams of the same stream cost.
    pub(crate) earlier: Money,
    /// How the call came to its answer.
    pub(crate) tries: Tries,
    /// What will be written down of the call.
    pub(crate) notes: Option<Box<Notes>>,
    pub(crate) done: bool,
}

/// What a call was seen to consume.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// The upstream's own count.
    pub(crate) usage: Option<Usage>,
    /// Generated tokens as far as they could be counted, for answers that carry no usage.
    pub(crate) output_tokens: u64,
    /// What ended the call early.
    pub(crate) error: Option<Code>,
}

/// A settled call, for the record.
pub(crate) struct Outcome<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) route: &'a str,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<Code>,
    pub(crate) took: Duration,
    /// Whether it was a copy of another call.
    pub(crate) copy: bool,
}

impl Settlement {
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// True when the answer is to be stored.
    pub(crate) fn wants_copy(&self) -> bool {
        self.cache_key.is_some()
    }

    /// The model by whose words an answer is counted that tells no usage; `None` where nothing is. A call
    /// that ends badly does not wait until a vocabulary is read: its upstream is to be let go at once.
    pub(crate) fn counted_as(&self, error: Option<Code>) -> Option<&str> {
        let hit = matches!(self.facts.cache, CacheFact::Hit(_));
        let counts = counts(&self.endpoint) && !hit;
        let target = self.target.as_ref().filter(|_| counts)?;
        let ready = error.is_none() || tokens::is_ready(&target.model);
        ready.then_some(&*target.model)
    }

    /// Adds to an error what the call knows.
    pub(crate) fn describe(&self, error: Error) -> Error {
        error.with_request_id(self.facts.request_id.to_string())
    }

    /// Books what was consumed. A second time does nothing.
    pub(crate) fn finish(&mut self, spent: &Spent) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let hit = matches!(self.facts.cache, CacheFact::Hit(_));
        let usage = if hit { None } else { self.usage(spent) };
        let cost = self.cost(usage);
        self.book(cost, usage, spent.error);
    }

    /// Books a session, whose responses were paid for one by one. A second time does nothing.
    pub(crate) fn finish_session(&mut self, cost: Money, usage: Usage, error: Option<Code>) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        self.reservation = None;
        self.book(cost, Some(usage), error);
    }

    /// Books what one upstream consumed while the call goes on, and gives its cost.
    pub(crate) fn part(&mut self, spent: &Spent) -> Money {
        let now = self.gateway.clock.now();
        let usage = self.usage(spent);
        let cost = self.cost(usage);
        self.facts.estimated |= self.estimated(usage);
        self.pay(cost, usage);
        self.tell_health(usage, cost, spent.error, now);
        cost
    }

    /// Whether the cost of `usage` is not what the vendor counts.
    fn estimated(&self, usage: Option<Usage>) -> bool {
        match (&self.target, usage) {
            (Some(target), Some(usage)) => {
                let told = target.tariff.told && usage.charge.is_some();
                !told && (usage.estimated || !target.priced)
            }
            _ => usage.is_some_and(|usage| usage.estimated),
        }
    }

    fn cost(&self, usage: Option<Usage>) -> Money {
        match (&self.target, usage) {
            (Some(target), Some(usage)) => target
                .tariff
                .cost(&usage, self.gateway.clock.unix_seconds()),
            _ => Money::ZERO,
        }
    }

    /// Ends what was held back for the try.
    fn pay(&mut self, cost: Money, usage: Option<Usage>) {
        if let Some(held) = self.reservation.take() {
            let amounts = Amounts::consumed(cost, &usage.unwrap_or_default());
            self.gateway.treasury.settle(held, amounts);
        }
    }

    fn book(&mut self, cost: Money, usage: Option<Usage>, error: Option<Code>) {
        let now = self.gateway.clock.now();
        self.facts.cost = Some(cost.saturating_add(self.earlier));
        self.facts.estimated |= self.estimated(usage);
        self.pay(cost, usage);
        self.tell_health(usage, cost, error, now);
        let took = now.since(self.started);
        let copy = self.side.as_ref().is_some_and(Side::is_copy);
        if let Some(side) = self.side.take() {
            side.ended(Came {
                target: self.facts.target.clone(),
                answered: self.answered,
                took,
                cost: cost.saturating_add(self.earlier),
                usage,
                error,
            });
        }
        let hit = matches!(self.facts.cache, CacheFact::Hit(_));
        self.series().add(&Ended {
            error,
            took,
            tries: self.tries,
            usage,
            cost: self.facts.cost.unwrap_or_default(),
            cache_hit: hit,
        });
        telemetry::record(&Outcome {
            facts: &self.facts,
            identity: self.identity.as_deref(),
            route: self.route.as_ref().map_or("", |route| &*route.name),
            usage,
            error,
            took,
            copy,
        });
        if let Some(notes) = self.notes.take() {
            notes.end(&journal::Ended {
                facts: &self.facts,
                usage,
                error,
                took,
            });
        }
        self.permit = None;
        self.seats = Seats::default();
        self.running = None;
    }

    /// What is counted of calls like this one.
    pub(crate) fn series(&self) -> Arc<Series> {
        let metrics = &self.gateway.metrics;
        match &self.route {
            Some(route) => route.series(metrics, self.target.as_ref()),
            None => metrics.series(&Arc::from(""), &Arc::from("")),
        }
    }

    /// Books what an upstream gave that broke, and goes on with the next one.
    pub(crate) fn hand_over(&mut self, spent: &Spent, job: &mut Job) {
        let cost = self.part(spent);
        if let Some(notes) = &mut self.notes {
            let now = self.gateway.clock.now();
            notes.broke(spent.error, now.since(self.started));
        }
        self.earlier = self
            .earlier
            .saturating_add(cost)
            .saturating_add(job.earlier);
        self.cache_key = None;
        self.reservation = job.reservation.take();
        self.trial = job.trial.take();
        self.target = job.target.take();
        self.count_tries(job);
    }

    /// Counts the tries of a request that went on with the stream, or tried to.
    pub(crate) fn count_tries(&mut self, job: &mut Job) {
        let tries = u32::try_from(job.attempts.len()).unwrap_or(0);
        self.facts.attempts += tries;
        self.tries.all += tries;
        self.tries.fallbacks += tries;
        if let (Some(notes), Some(part)) = (&mut self.notes, &mut job.notes) {
            notes.join(part);
        }
        job.attempts.clear();
    }

    /// What the call says of its target's health and use.
    fn tell_health(&mut self, usage: Option<Usage>, cost: Money, error: Option<Code>, now: Tick) {
        if let Some(trial) = self.trial.take() {
            match error {
                None => {
                    let tokens = usage.map(|usage| usage.output);
                    trial.end(health::Ended::Well { tokens }, now);
                }
                Some(Code::Cancelled | Code::TotalTimeout) => trial.abandon(now),
                Some(code) => trial.end(health::Ended::with(code), now),
            }
        }
        let Some((unit, meter)) = self
            .target
            .as_ref()
            .and_then(|target| target.meter.as_ref())
        else {
            return;
        };
        let amount = match unit {
            Unit::Requests => 1,
            Unit::Cost => cost.nanos(),
            Unit::Tokens => usage.map_or(0, |usage| {
                i64::try_from(usage.input.saturating_add(usage.output)).unwrap_or(i64::MAX)
            }),
        };
        meter.add(now, amount);
    }

    /// The upstream's count, or one made from sizes for answers that carry none.
    fn usage(&self, spent: &Spent) -> Option<Usage> {
        let relayed = match self.endpoint {
            Endpoint::Chat
            | Endpoint::Embeddings
            | Endpoint::Relay(Relay::Completions)
            | Endpoint::Native(Native::Invoke | Native::InvokeStream) => false,
            Endpoint::Relay(_) | Endpoint::Native(_) => true,
            _ => return spent.usage,
        };
        if let Some(told) = spent.usage {
            let spoken = matches!(self.endpoint, Endpoint::Relay(Relay::Speech));
            return Some(Usage {
                characters: self.asked.characters,
                picture: told.picture.or(self.asked.picture),
                // Whoever speaks answers with nothing but sound.
                audio_output: if spoken {
                    told.output
                } else {
                    told.audio_output
                },
                ..told
            });
        }
        let target = self.target.as_ref()?;
        target.untold.store(true, Ordering::Relaxed);
        if relayed {
            // Length and words are all that some of these are charged by, and a request is a request.
            let estimated = self.asked.micros > 0 || self.asked.output > 0;
            return Some(Usage {
                estimated,
                ..self.asked
            });
        }
        let output = match self.endpoint {
            Endpoint::Chat | Endpoint::Native(_) | Endpoint::Relay(_) => spent
                .output_tokens
                .min(self.output_bound.unwrap_or(u64::MAX)),
            _ => 0,
        };
        let counted = self.counted_as(spent.error).zip(self.prompt.as_ref());
        let counted = counted.and_then(|(model, (dialect, body))| {
            tokens::of_request(*dialect, &self.endpoint, &body.to_bytes(), model)
        });
        Some(Usage {
            input: counted.unwrap_or_else(|| self.body_bytes.div_ceil(BYTES_PER_TOKEN)),
            output,
            estimated: true,
            ..Usage::default()
        })
    }

    /// Stores the answer under the key that stage 5 reserved for it.
    pub(crate) fn store(
        &mut self,
        dialect: Dialect,
        stream: bool,
        content_type: Option<HeaderValue>,
        parts: &[Bytes],
    ) {
        let (Some(key), Some(route), Some(target)) =
            (self.cache_key.take(), &self.route, &self.target)
        else {
            return;
        };
        let Some(settings) = route.cache else { return };
        let now = self.gateway.clock.now();
        let body = match parts {
            // A copy: a slice would keep the whole read buffer alive for as long as the entry.
            [one] => Bytes::copy_from_slice(one),
            many => {
                let mut whole = BytesMut::with_capacity(many.iter().map(Bytes::len).sum());
                for part in many {
                    whole.extend_from_slice(part);
                }
                whole.freeze()
            }
        };
        let content_type =
            content_type.or_else(|| stream.then(|| HeaderValue::from_static(stream_type(dialect))));
        self.gateway.cache.put(
            key,
            Stored {
                dialect,
                stream,
                content_type,
                body,
                target: Arc::clone(&target.label),
                at: now,
                until: now.plus(settings.ttl),
            },
        );
    }
}

/// Whether what an endpoint consumes are words, which can be counted here.
pub(crate) fn counts(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Chat | Endpoint::Embeddings | Endpoint::Relay(Relay::Completions)
    )
}

impl Drop for Settlement {
    /// A call that nobody settled was cancelled before an answer came: nothing was consumed that
    /// could be known.
    fn drop(&mut self) {
        if !self.done {
            self.target = None;
            self.finish(&Spent {
                error: Some(Code::Cancelled),
                ..Spent::default()
            });
        }
    }
}
