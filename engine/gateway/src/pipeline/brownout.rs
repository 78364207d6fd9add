//! What calls get less of while there is too much to do. Part of stage 2, after the rules.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tidegate_policy::Tick;
use tidegate_types::{
    Dialect, Endpoint, Error, Segments,
    json::{Outline, Splicer},
};

use super::{Job, decode, rules};

/// Where the call leads instead, if it is one of those that get less.
///
/// # Errors
/// As [`decode::again`].
pub(super) fn run(job: &mut Job) -> Result<Option<String>, Error> {
    let snapshot = Arc::clone(&job.snapshot);
    let Some(less) = &snapshot.config.brownout else {
        return Ok(None);
    };
    if job.endpoint != Endpoint::Chat || !rules::holds(job, &less.when) {
        return Ok(None);
    }
    job.facts.brownout = true;
    job.gateway.browned.note(job.started);
    let above = |most: &u64| job.asks.max_output.is_none_or(|asked| asked > *most);
    if let Some(most) = less.max_output_tokens.filter(above) {
        bound(job, most)?;
    }
    Ok(less.target.clone())
}

/// Has no more tokens generated than that.
fn bound(job: &mut Job, most: u64) -> Result<(), Error> {
    let Some(outline) = &job.asks.outline else {
        return Ok(());
    };
    let number = Bytes::from(most.to_string());
    let mut splicer = Splicer::new(outline);
    let held = |key: &str| {
        let member = outline.last(key)?;
        Some(job.body.slice(member.value.clone()).into_owned())
    };
    match job.dialect {
        Dialect::Gemini => {
            let keys = ["maxOutputTokens", "max_output_tokens"];
            let older = held("generation_config");
            if let Some(own) = older.as_deref() {
                splicer.set("generation_config", inside(own, &keys, &number));
            }
            let newer = held("generationConfig");
            if older.is_none() || newer.is_some() {
                let own = newer.unwrap_or_default();
                splicer.set("generationConfig", inside(&own, &keys, &number));
            }
        }
        Dialect::Bedrock => {
            let own = held("inferenceConfig").unwrap_or_default();
            splicer.set("inferenceConfig", inside(&own, &["maxTokens"], &number));
        }
        // Thoughts must fit below the bound: the vendor refuses what does not.
        Dialect::Anthropic if thinks(&job.body) => return Ok(()),
        Dialect::Anthropic | Dialect::Cohere => {
            splicer.set("max_tokens", number);
        }
        Dialect::Responses => {
            splicer.set("max_output_tokens", number);
        }
        _ => {
            // Some vendors know only one of them: which one is seen to when the request is made.
            let older = outline.last("max_tokens").is_some();
            if older {
                splicer.set("max_tokens", number.clone());
            }
            if !older || outline.last("max_completion_tokens").is_some() {
                splicer.set("max_completion_tokens", number);
            }
        }
    }
    job.body = splicer.apply(&job.body);
    decode::again(job)
}

fn thinks(body: &Segments) -> bool {
    Outline::of(body, &["thinking"]).is_ok_and(|outline| outline.last("thinking").is_some())
}

/// An object with those of these keys that it has, or else the first, set to a number.
fn inside(object: &[u8], keys: &[&str], number: &Bytes) -> Bytes {
    let object: &[u8] = if object.starts_with(b"{") {
        object
    } else {
        b"{}"
    };
    let whole = Segments::from(object.to_vec());
    let Ok(outline) = Outline::of(&whole, keys) else {
        return Bytes::copy_from_slice(object);
    };
    let mut splicer = Splicer::new(&outline);
    let mut known = keys
        .iter()
        .filter(|key| outline.last(key).is_some())
        .peekable();
    if known.peek().is_none() {
        splicer.set(keys[0], number.clone());
    }
    for key in known {
        splicer.set(key, number.clone());
    }
    splicer.apply(&whole).to_bytes()
}

/// Calls that got less.
#[derive(Debug, Default)]
pub(crate) struct Browned {
    calls: AtomicU64,
    last: AtomicU64,
}

/// One is over when no call has got less for so long.
const OVER: Duration = Duration::from_secs(10);

impl Browned {
    fn note(&self, now: Tick) {
        self.calls.fetch_add(1, Relaxed);
        self.last.store(now.0, Relaxed);
    }

    /// How many there were.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Whether there was one of late.
    pub(crate) fn is_active(&self, now: Tick) -> bool {
        self.calls() > 0 && now.since(Tick(self.last.load(Relaxed))) < OVER
    }
}
