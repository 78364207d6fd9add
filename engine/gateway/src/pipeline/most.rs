//! The most a call can consume, as far as its request tells, and what the request alone can tell.

use memchr::memmem;
use tidegate_types::{Endpoint, Native, Picture, Relay, Usage, chat::Json, config::Dimension};

use super::Job;
use crate::{snapshot::Target, stream::settlement::BYTES_PER_TOKEN};

/// No format in use takes fewer bytes for a second of sound: speech codecs begin at 4 kbit/s.
const LEAST_BYTES_PER_SECOND: u64 = 500;
/// What a second of sound usually takes: 128 kbit/s.
const BYTES_PER_SECOND: u64 = 16_000;
/// Length of moving pictures nobody asked to be shorter.
const LONGEST_VIDEO: u64 = 60;
/// Pages a document may have ("Document AI", limits).
const MOST_PAGES: u64 = 1_000;
/// Pictures that Imagen makes when nobody says how many ("Imagen API", `sampleCount`).
const MOST_SAMPLES: u64 = 4;
/// Seconds of film that Veo makes when nobody says how many ("Veo API", `durationSeconds`).
const VEO_SECONDS: u64 = 8;
/// Searches a call that may search is expected to make at most.
const MOST_SEARCHES: u64 = 30;
/// Tokens of speech in a second: `gpt-4o-mini-tts` costs $12 per million and "about $0.015 per minute"
/// (OpenAI, "Pricing").
const SPEECH_TOKENS: u64 = 21;
/// Characters that are spoken in a second: 150 English words a minute.
const SPOKEN: u64 = 15;
/// Documents that a reranker takes for one unit ("How Does Cohere's Pricing Work?").
const DOCUMENTS_PER_UNIT: u64 = 100;

/// The most that `job` can consume at `target`; whether it may ask for the quick copy of the model.
pub(super) fn of(job: &Job, target: &Target) -> (Usage, bool) {
    let bytes = job.size();
    let mut most = Usage {
        input: bytes,
        ..Usage::default()
    };
    match job.endpoint {
        Endpoint::Chat => most.output = output(job, target),
        Endpoint::Native(Native::Invoke | Native::InvokeStream) => {
            most.output = output(job, target);
            let asked = inner(job, &["imageGenerationConfig", "numberOfImages"]);
            most.images = asked.unwrap_or(1).max(1);
        }
        Endpoint::Native(Native::Predict) => {
            let asked = inner(job, &["parameters", "sampleCount"]);
            most.images = asked.unwrap_or(MOST_SAMPLES);
        }
        Endpoint::Native(Native::PredictLongRunning) => {
            most.micros = asked(job).micros;
        }
        Endpoint::Relay(relay) => {
            // No prompt is longer than it has bytes, and no sound or picture than the model's window.
            most.input = bytes.min(target.context.unwrap_or(u64::MAX));
            most.output = output(job, target);
            let choices = number(job, "n").unwrap_or(1).max(job.asks.choices).max(1);
            match relay {
                Relay::Images | Relay::ImageEdits | Relay::ImageVariations => {
                    most.images = choices;
                    most.picture = picture(job);
                }
                Relay::Speech => {
                    most.characters = bytes;
                    // Nobody speaks slower than a second a character.
                    most.micros = bytes.saturating_mul(1_000_000);
                    most.output = bytes.saturating_mul(SPEECH_TOKENS);
                }
                Relay::Transcriptions | Relay::Translations => {
                    most.micros = bytes.saturating_mul(1_000_000) / LEAST_BYTES_PER_SECOND;
                }
                Relay::Videos => {
                    let seconds = number(job, "seconds").unwrap_or(LONGEST_VIDEO);
                    most.micros = seconds.saturating_mul(choices).saturating_mul(1_000_000);
                }
                Relay::Ocr => (most.pages, most.annotated_pages) = (MOST_PAGES, MOST_PAGES),
                // A document takes three bytes at least, and a long one counts as several.
                Relay::Rerank => most.search_units = 1 + bytes / (3 * DOCUMENTS_PER_UNIT),
                _ => {}
            }
        }
        _ => {}
    }
    let Some(sheet) = &target.tariff.sheet else {
        return (most, false);
    };
    let searches = sheet.charges(Dimension::Search);
    let files = sheet.charges(Dimension::FileSearch);
    if !searches && !files && !sheet.has_fast() {
        return (most, false);
    }
    let body = job.body.to_bytes();
    let mentions = |word: &str| memmem::find(&body, word.as_bytes()).is_some();
    if searches && (mentions("earch") || target.tariff.told) {
        most.searches = MOST_SEARCHES;
    }
    if files && mentions("file_search") {
        most.file_searches = MOST_SEARCHES;
    }
    (most, sheet.has_fast() && mentions("\"fast\""))
}

/// Most tokens it may generate, in all its choices.
fn output(job: &Job, target: &Target) -> u64 {
    target
        .own_bound
        .or(job.asks.max_output)
        .unwrap_or(target.assumed_output)
        .saturating_mul(job.asks.choices)
}

/// What the request alone tells of what was consumed, for answers that do not: characters to be
/// spoken, roughly the length of sound, size and quality of pictures.
pub(super) fn asked(job: &Job) -> Usage {
    let mut asked = Usage::default();
    match job.endpoint {
        Endpoint::Relay(Relay::Speech) => {
            let body = job.body.to_bytes();
            let text = std::str::from_utf8(&body).ok().map(Json::trusted);
            let said = |key| text.and_then(|body| body.get(key)?.as_text());
            let input = said("input");
            asked.characters = input.map_or(0, |input| input.decode().chars().count() as u64);
            let sheet = job
                .target
                .as_ref()
                .and_then(|target| target.tariff.sheet.as_ref());
            let charges = |dimension| sheet.is_some_and(|sheet| sheet.charges(dimension));
            let micros = asked.characters.saturating_mul(1_000_000) / SPOKEN;
            let by_character = charges(Dimension::Character);
            if charges(Dimension::AudioOutput) && !by_character {
                let told = said("instructions").map_or(0, |text| text.decode().len() as u64);
                asked.input = (asked.characters + told).div_ceil(BYTES_PER_TOKEN);
                asked.output = micros.saturating_mul(SPEECH_TOKENS) / 1_000_000;
                asked.audio_output = asked.output;
            } else if charges(Dimension::Second) && !by_character {
                asked.micros = micros;
            }
        }
        Endpoint::Relay(Relay::Images | Relay::ImageEdits | Relay::ImageVariations) => {
            asked.picture = picture(job);
        }
        Endpoint::Relay(Relay::Transcriptions | Relay::Translations) => {
            asked.micros = job.size().saturating_mul(1_000_000) / BYTES_PER_SECOND;
        }
        Endpoint::Native(Native::PredictLongRunning) => {
            let seconds = inner(job, &["parameters", "durationSeconds"]).unwrap_or(VEO_SECONDS);
            let films = inner(job, &["parameters", "sampleCount"])
                .unwrap_or(1)
                .max(1);
            asked.micros = seconds.saturating_mul(films).saturating_mul(1_000_000);
        }
        Endpoint::Relay(Relay::Videos) => {
            let seconds = number(job, "seconds").unwrap_or_default();
            asked.micros = seconds.saturating_mul(1_000_000);
        }
        _ => {}
    }
    asked
}

/// Size and quality of the pictures that are asked for.
fn picture(job: &Job) -> Picture {
    let said = |name: &str| {
        if let Some(form) = &job.asks.form {
            return Some(form.get(name)?.value.trim().to_owned());
        }
        let body = job.body.to_bytes();
        let body = Json::parse(&body).ok()?;
        Some(body.get(name)?.as_text()?.decode().into_owned())
    };
    Picture::said(said("quality").as_deref(), said("size").as_deref())
}

/// A whole number inside the request's JSON, where this path leads.
fn inner(job: &Job, path: &[&str]) -> Option<u64> {
    let body = job.body.to_bytes();
    let body = Json::parse(&body).ok()?;
    let found = path.iter().try_fold(body, |json, key| json.get(key))?;
    let text = found.as_text();
    found.as_u64().or_else(|| text?.decode().parse().ok())
}

/// A whole number in the request's outermost object or form.
fn number(job: &Job, name: &str) -> Option<u64> {
    if let Some(form) = &job.asks.form {
        return form.get(name)?.value.trim().parse().ok();
    }
    let body = job.body.to_bytes();
    let body = std::str::from_utf8(&body).ok()?;
    if !body.trim_start().starts_with('{') {
        return None;
    }
    let value = Json::trusted(body).get(name)?;
    let text = value.as_text();
    value.as_u64().or_else(|| text?.decode().parse().ok())
}
