//! What the engine keeps between calls: conversations that no vendor keeps, and where the things are
//! that vendors keep.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tidegate_policy::{
    Tick,
    identity::Identity,
    kept::{Conversations, Directory, MemoryConversations},
    ledger::{Amounts, Reservation},
};
use tidegate_types::{Money, Usage, chat::Json};

use crate::treasury::Treasury;

/// Memory for conversations.
const MEMORY: u64 = 64 << 20;

/// Ids of vendors' things that are remembered.
const MOST_IDS: u64 = 100_000;

/// Sessions whose cost is remembered.
const MOST_BILLS: u64 = 10_000;

/// A longer chain of replies is no conversation.
const LONGEST: usize = 1_000;

/// How ids of replies begin that the engine gives.
pub(crate) const PREFIX: &str = "resp_tg";

/// The engine's memory.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) conversations: Box<dyn Conversations>,
    pub(crate) origins: Directory<Origin>,
    /// What sessions cost, by the id of the request that opened them.
    pub(crate) bills: Directory<Bill>,
}

/// What a session has cost so far.
#[derive(Debug)]
pub(crate) struct Bill {
    /// Who opened it: a key, or nobody, which is root.
    pub(crate) owner: Option<Arc<str>>,
    /// `provider/model`.
    pub(crate) target: Arc<str>,
    sum: Mutex<Sum>,
}

/// The sum of a bill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum {
    /// Whether the session goes on.
    pub(crate) open: bool,
    pub(crate) cost: Money,
    pub(crate) usage: Usage,
}

impl Bill {
    /// The bill of a session that begins.
    pub(crate) fn new(owner: Option<Arc<str>>, target: Arc<str>) -> Self {
        let sum = Sum {
            open: true,
            cost: Money::ZERO,
            usage: Usage::default(),
        };
        Self {
            owner,
            target,
            sum: Mutex::new(sum),
        }
    }

    pub(crate) fn sum(&self) -> Sum {
        *self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, sum: Sum) {
        *self.sum.lock().unwrap_or_else(PoisonError::into_inner) = sum;
    }
}

/// Where a thing is, and whose it is.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Who had it made, such as `key:alice`; nobody is root.
    pub(crate) owner: Option<Arc<str>>,
    /// `provider/model`, or `provider/`.
    pub(crate) target: Arc<str>,
    /// The batch it is, or holds the results of.
    pub(crate) batch: Option<Arc<Batch>>,
}

/// A batch that runs at a vendor.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Who pays, and for which model.
    payer: Option<(Arc<Identity>, Arc<str>)>,
    /// Money held back for it until its cost is known.
    held: Mutex<Option<Reservation>>,
    /// Booked so far.
    booked: Mutex<Money>,
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self {
            conversations: Box::new(MemoryConversations::new(MEMORY)),
            origins: Directory::new(MOST_IDS),
            bills: Directory::new(MOST_BILLS),
        }
    }

    /// The items of a conversation up to and with the reply called `id`, each turn's as the text of a
    /// JSON array; `None` when the reply, or one before it, is not kept.
    pub(crate) fn history(&self, owner: &str, id: &str, now: Tick) -> Option<Vec<Bytes>> {
        let mut arrays = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next.take() {
            let turn = self.conversations.get(owner, &id, now)?;
            arrays.push(output_of(&turn.response));
            arrays.push(turn.input.clone());
            next.clone_from(&turn.previous);
            if arrays.len() > LONGEST {
                return None;
            }
        }
        arrays.reverse();
        Some(arrays)
    }
}

/// The `output` of a reply, as text.
fn output_of(response: &Bytes) -> Bytes {
    let output = Json::parse(response)
        .ok()
        .and_then(|body| body.get("output"));
    output.map_or_else(
        || Bytes::from_static(b"[]"),
        |output| Bytes::copy_from_slice(output.as_str().as_bytes()),
    )
}

impl Origin {
    /// Whether a caller may know of it: its owner, and root.
    pub(crate) fn open_to(&self, owner: Option<&Arc<str>>) -> bool {
        owner.is_none_or(|owner| self.owner.as_ref() == Some(owner))
    }

    /// The provider that has it.
    pub(crate) fn provider(&self) -> &str {
        self.target.split('/').next().unwrap_or_default()
    }
}

impl Batch {
    /// A batch that somebody pays at a provider, with what was held back for it.
    pub(crate) fn new(payer: Option<(Arc<Identity>, Arc<str>)>, held: Option<Reservation>) -> Self {
        Self {
            payer,
            held: Mutex::new(held),
            booked: Mutex::default(),
        }
    }

    /// Books that the batch has cost `cost` so far, and gives what that adds to what was booked:
    /// whoever reads the results again, or reads on, adds nothing twice.
    pub(crate) fn settle(&self, cost: Money, treasury: &Treasury) -> Money {
        let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        if cost <= *booked {
            return Money::ZERO;
        }
        let more = Money::from_nanos(cost.nanos() - booked.nanos());
        *booked = cost;
        let amounts = Amounts::money(more);
        match (self.take(), &self.payer) {
            (Some(held), _) => treasury.settle(held, amounts),
            (None, Some((payer, label))) => treasury.charge(&payer.chain, label, amounts),
            (None, None) => {}
        }
        more
    }

    /// Lets go of what was held back.
    pub(crate) fn release(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<Reservation> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take()
    }
}

/// What the path of a thing says that a vendor keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'p> {
    /// Its kind: `files`, `batches`, `responses`...
    pub(crate) kind: &'p str,
    /// Its id; empty for all of them.
    pub(crate) id: &'p str,
    /// What follows the id.
    pub(crate) rest: &'p str,
}

impl<'p> Place<'p> {
    /// Reads a path, with or without versions in front.
    pub(crate) fn of(path: &'p str) -> Self {
        let path = path.split('?').next().unwrap_or(path);
        // Vertex AI puts the place it is kept at in front.
        let below = path.split_once("/locations/");
        let path = below
            .and_then(|(_, rest)| rest.split_once('/'))
            .map_or(path, |(_, rest)| rest);
        let mut parts = path.split('/').filter(|part| {
            let versions = ["", "v1", "v1beta", "v1alpha", "v2"];
            !versions.contains(part) && !["upload", "download", "openai", "batch"].contains(part)
        });
        let mut kind = parts.next().unwrap_or_default();
        let mut id = parts.next().unwrap_or_default();
        match (kind, id) {
            ("messages", "batches") | ("fine_tuning", "jobs") => {
                kind = if kind == "messages" { id } else { kind };
                id = parts.next().unwrap_or_default();
            }
            ("jobs", _) => kind = "batches",
            ("models", id) if id.ends_with(":batchGenerateContent") => kind = "batches",
            _ => {}
        }
        let (id, verb) = match id.split_once(':') {
            Some((_, "batchGenerateContent")) => ("", ""),
            Some((id, verb)) => (id, verb),
            None => (id, ""),
        };
        let rest = if verb.is_empty() {
            parts.next().unwrap_or_default()
        } else {
            verb
        };
        Self { kind, id, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_things_are_understood() {
        let place = |path| {
            let Place { kind, id, rest } = Place::of(path);
            (kind, id, rest)
        };
        assert_eq!(
            place("/v1/files/file-1/content"),
            ("files", "file-1", "content")
        );
        assert_eq!(place("/files?limit=2"), ("files", "", ""));
        assert_eq!(
            place("/v1/messages/batches/b1/results"),
            ("batches", "b1", "results")
        );
        assert_eq!(place("/v1/batch/jobs/b2"), ("batches", "b2", ""));
        assert_eq!(
            place("/v1beta/batches/b3:cancel"),
            ("batches", "b3", "cancel")
        );
        assert_eq!(
            place("/v1beta/models/m:batchGenerateContent"),
            ("batches", "", "")
        );
        assert_eq!(
            place("/download/v1beta/files/f:download?alt=media"),
            ("files", "f", "download")
        );
        assert_eq!(
            place("/fine_tuning/jobs/j1/events"),
            ("fine_tuning", "j1", "events")
        );
    }

    #[test]
    fn a_batch_is_booked_once_however_often_it_is_read() {
        let batch = Batch::new(None, None);
        let treasury = Treasury::new(Arc::default());
        let nanos = Money::from_nanos;
        assert_eq!(batch.settle(nanos(30), &treasury), nanos(30));
        assert_eq!(batch.settle(nanos(30), &treasury), Money::ZERO);
        assert_eq!(batch.settle(nanos(20), &treasury), Money::ZERO);
        assert_eq!(batch.settle(nanos(50), &treasury), nanos(20));
    }
}
