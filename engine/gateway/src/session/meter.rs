//! The books of a session: what is reserved for each response, and what it cost.

use std::sync::Arc;

use tidegate_policy::{
    identity::Identity,
    ledger::{Amounts, Reservation},
};
use tidegate_providers::session::{Asked, Heard, Told};
use tidegate_types::{Error, Money, SessionKind, Usage};

use crate::{
    gateway::Inner,
    kept::{Bill, Sum},
    pipeline::Job,
    snapshot::{Snapshot, Target},
};

/// More responses at a time than any vendor runs in one session; the oldest beyond is settled.
const MOST_OPEN: usize = 256;

pub(super) struct Meter {
    kind: SessionKind,
    gateway: Arc<Inner>,
    pub(super) identity: Option<Arc<Identity>>,
    target: Arc<Target>,
    /// Who writes down what is heard, where that is another model.
    transcriber: Option<Arc<Target>>,
    /// Most tokens of a response, as the session says.
    most: Option<u64>,
    /// Tokens of the conversation by the vendor's own count.
    known: u64,
    /// What came in since.
    heard: Heard,
    open: Vec<Response>,
    pub(super) cost: Money,
    pub(super) usage: Usage,
    /// Where whoever opened the session can look its cost up.
    bill: Arc<Bill>,
}

/// A response asked for or running.
struct Response {
    target: Arc<Target>,
    /// Id of the message that asked for it.
    request: Option<String>,
    /// Its own id, once it runs and has one.
    id: Option<String>,
    running: bool,
    /// Over, but what it consumed is still to be told.
    over: bool,
    reservation: Option<Reservation>,
    /// What it was asked with.
    heard: Heard,
    /// Generated tokens seen.
    tokens: u64,
    usage: Option<Usage>,
}

impl Meter {
    pub(super) fn new(kind: SessionKind, job: &Job, target: Arc<Target>) -> Self {
        let owner = job.owner().cloned();
        let label = Arc::clone(&target.label);
        let bills = &job.gateway.kept.bills;
        let bill = bills.note(&job.facts.request_id.to_string(), || {
            Bill::new(owner, label)
        });
        Self {
            kind,
            gateway: Arc::clone(&job.gateway),
            identity: job.identity.clone(),
            target,
            transcriber: None,
            most: None,
            known: 0,
            heard: Heard::default(),
            open: Vec::new(),
            cost: Money::ZERO,
            usage: Usage::default(),
            bill,
        }
    }

    /// Writes down what it cost so far, and whether it goes on.
    pub(super) fn note(&self, open: bool) {
        self.bill.note(Sum {
            open,
            cost: self.cost,
            usage: self.usage,
        });
    }

    /// Counts a caller's message, and reserves what the response it asks for can cost at most.
    ///
    /// # Errors
    /// `budget_exhausted`.
    pub(super) fn asked(&mut self, asked: &Asked, target: Arc<Target>) -> Result<(), Error> {
        self.heard = self.heard.plus(asked.adds);
        if asked.response {
            let mut response = self.reserve(target, asked.most)?;
            response.request.clone_from(&asked.id);
            self.begin(response);
        } else if asked.most.is_some() {
            self.most = asked.most;
        }
        Ok(())
    }

    /// Follows an upstream's message. `snapshot` knows the prices of models it names.
    ///
    /// # Errors
    /// `budget_exhausted` when the upstream began a response that nobody can pay.
    pub(super) fn told(&mut self, told: &Told, snapshot: &Snapshot) -> Result<(), Error> {
        self.learn(told, snapshot);
        if let Some(request) = &told.refused {
            self.release(request.as_deref());
        }
        if let Some(usage) = &told.beside {
            let by = self.transcriber.as_ref().unwrap_or(&self.target);
            let by = Arc::clone(by);
            self.pay(None, &by, usage);
        }
        if !(told.running || told.over || told.usage.is_some()) {
            return Ok(());
        }
        let at = match self.find(told) {
            Some(at) => at,
            None if told.running => {
                // The upstream began it by itself: it heard the speaker pause.
                let response = self.reserve(Arc::clone(&self.target), None)?;
                self.begin(response)
            }
            None => {
                if let Some(usage) = &told.usage {
                    let by = Arc::clone(&self.target);
                    self.pay(None, &by, usage);
                }
                return Ok(());
            }
        };
        let response = &mut self.open[at];
        response.running = true;
        if response.id.is_none() {
            response.id.clone_from(&told.id);
        }
        response.tokens = response.tokens.saturating_add(told.tokens);
        if let Some(usage) = &told.usage {
            add(response.usage.get_or_insert_default(), usage);
        }
        response.over |= told.over;
        // Gemini may tell the usage after the end; the others never do.
        let complete = response.usage.is_some() || self.kind != SessionKind::Live;
        if response.over && complete {
            let response = self.open.remove(at);
            self.settle(response);
        }
        Ok(())
    }

    /// Settles what is still open by what was seen of it.
    pub(super) fn close(&mut self) {
        for response in std::mem::take(&mut self.open) {
            self.settle(response);
        }
    }

    fn begin(&mut self, response: Response) -> usize {
        if self.open.len() >= MOST_OPEN {
            let oldest = self.open.remove(0);
            self.settle(oldest);
        }
        // Whose usage was not told by now will not be told any more.
        while let Some(at) = self.open.iter().position(|response| response.over) {
            let silent = self.open.remove(at);
            self.settle(silent);
        }
        self.open.push(response);
        self.open.len() - 1
    }

    /// The response a message belongs to; the one asked for first, if its id is new.
    fn find(&self, told: &Told) -> Option<usize> {
        let by = |test: &dyn Fn(&Response) -> bool| self.open.iter().position(test);
        if told.id.is_some() {
            return by(&|response| response.id == told.id)
                .or_else(|| by(&|response| !response.running));
        }
        // One that is over can only be told its usage.
        let fits = |response: &Response| told.usage.is_some() || !response.over;
        by(&|response| response.running && fits(response)).or_else(|| by(&fits))
    }

    /// Lets go of what a refused request had reserved.
    fn release(&mut self, request: Option<&str>) {
        let waiting = |response: &Response| !response.running;
        let at = match request {
            Some(_) => self
                .open
                .iter()
                .position(|response| waiting(response) && response.request.as_deref() == request),
            None => self.open.iter().position(waiting),
        };
        if let Some(at) = at {
            let refused = self.open.remove(at);
            self.settle(refused);
        }
    }

    /// Takes notice of the models the upstream names.
    fn learn(&mut self, told: &Told, snapshot: &Snapshot) {
        let provider = &self.target.provider;
        let priced = |model: &str| {
            let route = snapshot.resolve(&format!("{}/{model}", provider.name), None);
            route.ok()?.targets.first().cloned()
        };
        let transcriber = told.transcriber.as_deref().and_then(priced);
        let model = told
            .model
            .as_deref()
            .filter(|_| self.target.model.is_empty())
            .and_then(priced);
        if transcriber.is_some() {
            self.transcriber = transcriber;
        }
        if let Some(model) = model {
            self.target = model;
        }
    }

    /// A response with what it can cost at most held back: the conversation so far, or the model's
    /// window, and as many tokens as it may generate.
    fn reserve(&self, target: Arc<Target>, most: Option<u64>) -> Result<Response, Error> {
        let reservation = match &self.identity {
            None => None,
            Some(identity) => {
                let input = self.known.saturating_add(self.heard.most());
                let input = input.min(target.context.unwrap_or(u64::MAX));
                let bound = most.or(self.most).filter(|most| *most != u64::MAX);
                let output = target.own_bound.or(bound).unwrap_or(target.assumed_output);
                let most = Usage {
                    input,
                    output,
                    ..Usage::default()
                };
                let sheet = target.tariff.sheet.as_ref();
                let bound = sheet.map(|sheet| sheet.bound(&most, false));
                let bound = Amounts::consumed(bound.unwrap_or_default(), &most);
                let treasury = &self.gateway.treasury;
                let held = treasury.reserve_now(&identity.chain, &target, bound);
                Some(held.map_err(|short| short.error)?)
            }
        };
        Ok(Response {
            target,
            request: None,
            id: None,
            running: false,
            over: false,
            reservation,
            heard: self.heard,
            tokens: 0,
            usage: None,
        })
    }

    fn settle(&mut self, response: Response) {
        let seen = || {
            (response.tokens > 0).then(|| Usage {
                input: self.known.saturating_add(response.heard.about()),
                output: response.tokens,
                estimated: true,
                ..Usage::default()
            })
        };
        // Nothing told and nothing seen: what was reserved is let go.
        let Some(usage) = response.usage.or_else(seen) else {
            return;
        };
        self.pay(response.reservation, &response.target, &usage);
        self.known = self.known.max(usage.input.saturating_add(usage.output));
        self.heard = self.heard.minus(response.heard);
    }

    fn pay(&mut self, reserved: Option<Reservation>, target: &Target, usage: &Usage) {
        let clock = &self.gateway.clock;
        let cost = target.tariff.cost(usage, clock.unix_seconds());
        let (treasury, amounts) = (&self.gateway.treasury, Amounts::consumed(cost, usage));
        match (reserved, &self.identity) {
            (Some(reserved), _) => treasury.settle(reserved, amounts),
            (None, Some(identity)) => treasury.charge(&identity.chain, &target.label, amounts),
            (None, None) => {}
        }
        self.cost = self.cost.saturating_add(cost);
        add(&mut self.usage, usage);
        self.note(true);
    }
}

/// Counts what a session consumes; pages and documents are none of it.
fn add(sum: &mut Usage, more: &Usage) {
    for (sum, more) in [
        (&mut sum.input, more.input),
        (&mut sum.output, more.output),
        (&mut sum.cache_read, more.cache_read),
        (&mut sum.cache_write, more.cache_write),
        (&mut sum.cache_write_1h, more.cache_write_1h),
        (&mut sum.reasoning, more.reasoning),
        (&mut sum.citations, more.citations),
        (&mut sum.audio_input, more.audio_input),
        (&mut sum.audio_cache_read, more.audio_cache_read),
        (&mut sum.audio_output, more.audio_output),
        (&mut sum.image_input, more.image_input),
        (&mut sum.image_cache_read, more.image_cache_read),
        (&mut sum.image_output, more.image_output),
        (&mut sum.video_input, more.video_input),
        (&mut sum.video_output, more.video_output),
        (&mut sum.characters, more.characters),
        (&mut sum.micros, more.micros),
        (&mut sum.images, more.images),
        (&mut sum.searches, more.searches),
        (&mut sum.file_searches, more.file_searches),
        (&mut sum.messages, more.messages),
    ] {
        *sum = sum.saturating_add(more);
    }
    sum.estimated |= more.estimated;
}
