//! Reading along what a vendor says of the things it keeps: their ids, and what batches cost.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_providers::dialect;
use tidegate_types::{Dialect, Endpoint, Money, Service, Usage, chat::Json, config::unix_seconds};

use crate::{
    gateway::Inner,
    kept::{Batch, Origin},
    snapshot::Snapshot,
};

/// A longer object, or line of results, is not looked into.
const LONGEST: usize = 8 << 20;

/// Vendors charge half for what may take a day (OpenAI, Anthropic, Google, Mistral: "Batch API").
const DISCOUNT: i64 = 2;

/// Reads along an answer that is passed through.
pub(crate) struct Watch {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) dialect: Dialect,
    pub(crate) owner: Option<Arc<str>>,
    /// `provider/`.
    pub(crate) target: Arc<str>,
    pub(crate) batch: Option<Arc<Batch>>,
    /// Whether the answer is a batch's results, line by line, and not one object.
    pub(crate) results: bool,
    /// Whether the thing is the cached beginning of a prompt.
    pub(crate) caches: bool,
    pub(crate) reading: Reading,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    held: Vec<u8>,
    skipping: bool,
    cost: i64,
}

impl Watch {
    /// Takes note of the next bytes.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        if !self.results {
            self.hold(bytes);
            return;
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.hold(&rest[..end]);
            rest = &rest[end + 1..];
            self.line();
        }
        self.hold(rest);
    }

    fn hold(&mut self, bytes: &[u8]) {
        let reading = &mut self.reading;
        if reading.held.len() + bytes.len() > LONGEST {
            reading.skipping = true;
            reading.held.clear();
        }
        if !reading.skipping {
            reading.held.extend_from_slice(bytes);
        }
    }

    /// A line of results is complete.
    fn line(&mut self) {
        let line = std::mem::take(&mut self.reading.held);
        if std::mem::take(&mut self.reading.skipping) {
            return;
        }
        if let Ok(line) = Json::parse(&line)
            && let Some(reply) = reply_of(line)
        {
            self.reading.cost = self.reading.cost.saturating_add(self.cost_of(reply));
        }
    }

    /// The answer is over, or as much of it as the caller wanted. Gives what was booked for it.
    pub(crate) fn end(mut self) -> Money {
        if self.results {
            self.line();
        } else {
            let held = std::mem::take(&mut self.reading.held);
            if !self.reading.skipping
                && let Ok(thing) = Json::parse(&held)
            {
                self.thing(thing);
            }
        }
        let discount = if self.caches { 1 } else { DISCOUNT };
        let cost = Money::from_nanos(self.reading.cost / discount);
        match &self.batch {
            Some(batch) if cost > Money::ZERO => batch.settle(cost, &self.gateway.treasury),
            _ => Money::ZERO,
        }
    }

    /// Remembers a thing and what it leads to.
    fn thing(&mut self, thing: Json<'_>) {
        let said = |of: Json<'_>, key: &str| {
            let text = of.get(key).and_then(Json::as_text)?.decode().into_owned();
            (!text.is_empty()).then_some(text)
        };
        let inner = thing.get("response").unwrap_or(thing);
        // Elsewhere a name is only what somebody called it.
        let name = said(thing, "name").filter(|name| name.contains('/'));
        for id in [said(thing, "id"), name].into_iter().flatten() {
            self.note(&id);
        }
        let Some(batch) = self.batch.clone() else {
            return;
        };
        if self.caches {
            let told = thing.get("usageMetadata");
            let told = told.and_then(|told| told.get("totalTokenCount")?.as_u64());
            if let (Some(input), Some(model)) = (told, said(thing, "model")) {
                let moment = |key: &str| unix_seconds(&said(thing, key)?);
                let began = moment("createTime");
                let began = began.unwrap_or_else(|| self.gateway.clock.unix_seconds());
                let kept = moment("expireTime").map_or(0, |end| end.saturating_sub(began).max(0));
                let usage = Usage {
                    input,
                    cache_kept: input.saturating_mul(kept.unsigned_abs()),
                    ..Usage::default()
                };
                let model = model.rsplit("models/").next().unwrap_or(&model);
                self.reading.cost = self.price(&usage, model);
            }
            if self.reading.cost == 0 {
                batch.release();
            }
            return;
        }
        let mut leads = 0;
        for of in [thing, inner] {
            for key in [
                "output_file_id",
                "error_file_id",
                "output_file",
                "error_file",
                "responsesFile",
            ] {
                if let Some(id) = said(of, key) {
                    leads += 1;
                    self.note(&id);
                }
            }
        }
        // OpenAI sums the usage up; the name of the model stands beside it.
        if let Some(model) = said(thing, "model").filter(|_| thing.get("usage").is_some()) {
            self.reading.cost = self.priced(thing, &model);
        }
        let inlined = inner.get("inlinedResponses");
        let inlined = inlined
            .and_then(|list| list.get("inlinedResponses"))
            .or(inlined);
        for reply in inlined.into_iter().flat_map(Json::items) {
            let cost = reply.get("response").map_or(0, |reply| self.cost_of(reply));
            self.reading.cost = self.reading.cost.saturating_add(cost);
        }
        let over = ["status", "processing_status"].iter().any(|key| {
            said(thing, key).is_some_and(|status| {
                matches!(
                    status.to_ascii_lowercase().as_str(),
                    "failed" | "expired" | "cancelled" | "canceled"
                )
            })
        });
        // Nothing was done and nothing will come: what was held back is free again.
        if over && leads == 0 && self.reading.cost == 0 {
            batch.release();
        }
    }

    fn note(&self, id: &str) {
        // Google's names begin with the kind of thing.
        let id = id.rsplit('/').next().unwrap_or(id);
        self.gateway.kept.origins.note(id, || Origin {
            owner: self.owner.clone(),
            target: Arc::clone(&self.target),
            batch: self.batch.clone(),
        });
    }

    fn cost_of(&self, reply: Json<'_>) -> i64 {
        let name = |key: &str| reply.get(key).and_then(Json::as_text);
        let model = name("model").or_else(|| name("modelVersion"));
        model.map_or(0, |model| self.priced(reply, &model.decode()))
    }

    /// Nano-dollars at the full price.
    fn priced(&self, reply: Json<'_>, model: &str) -> i64 {
        let body = Bytes::copy_from_slice(reply.as_str().as_bytes());
        let dialects = [self.dialect, Dialect::OpenAi, Dialect::Gemini];
        let usage = dialects
            .into_iter()
            .find_map(|dialect| dialect::usage_of(dialect, &Endpoint::Chat, &body));
        let Some(mut usage) = usage else { return 0 };
        // What batches cost less is taken off afterwards.
        usage.service = Service::Standard;
        self.price(&usage, model)
    }

    fn price(&self, usage: &Usage, model: &str) -> i64 {
        let name = [&*self.target, model].concat();
        let route = self.snapshot.resolve(&name, None).ok();
        let target = route.as_ref().and_then(|route| route.targets.first());
        let now = self.gateway.clock.unix_seconds();
        target.map_or(0, |target| target.tariff.cost(usage, now).nanos())
    }
}

/// The reply in a line of results: OpenAI's and Mistral's, Anthropic's, Google's.
fn reply_of(line: Json<'_>) -> Option<Json<'_>> {
    if let Some(result) = line.get("result") {
        return result.get("message");
    }
    let response = line.get("response")?;
    Some(response.get("body").unwrap_or(response))
}
