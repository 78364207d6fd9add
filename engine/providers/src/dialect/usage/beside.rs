//! What a reply says about its price beside its usage: which service answered, and what the vendor
//! searched for it.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use tidegate_types::{Service, Usage, chat::Json};

/// A word that only stands in replies that must be looked through.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trace {
    ServiceTier,
    CamelServiceTier,
    WebSearchCall,
    FileSearchCall,
    WebSearchQueries,
}

static WORDS: LazyLock<[Finder<'static>; 5]> = LazyLock::new(|| {
    [
        Finder::new(b"\"service_tier\""),
        Finder::new(b"\"serviceTier\""),
        Finder::new(b"\"web_search_call\""),
        Finder::new(b"\"file_search_call\""),
        Finder::new(b"\"webSearchQueries\""),
    ]
});

/// Classes of service that need no word: nobody pays more or less for them.
const USUAL: [&[u8]; 4] = [b"null", b"\"default\"", b"\"standard\"", b"\"auto\""];

/// Reads a complete reply, which is walked through only when it holds a word of interest.
pub(super) fn of_reply(body: &[u8], traces: &[Trace], usage: &mut Usage) {
    let worth_it = traces.iter().any(|trace| {
        let word = &WORDS[*trace as usize];
        word.find_iter(body).any(|at| {
            let rest = body.get(at + word.needle().len()..).unwrap_or_default();
            let rest = rest.trim_ascii_start();
            let value = rest.strip_prefix(b":").unwrap_or_default();
            let value = value.trim_ascii_start();
            !USUAL.iter().any(|usual| value.starts_with(usual))
        })
    });
    if worth_it && let Ok(text) = std::str::from_utf8(body) {
        beside(Json::trusted(text), usage);
    }
}

/// Adds to `usage` what the reply or event says beside it.
pub(crate) fn beside(body: Json<'_>, usage: &mut Usage) {
    for (key, value) in body.members() {
        match &*key.decode() {
            "service_tier" | "serviceTier" => {
                // Bedrock has an object around the word.
                let word = value.get("type").unwrap_or(value);
                usage.service = service(word).unwrap_or(usage.service);
            }
            "output" => {
                for item in value.items() {
                    let Some(kind) = item.get("type").and_then(Json::as_text) else {
                        continue;
                    };
                    match &*kind.decode() {
                        "web_search_call" if is_search(item) => usage.searches += 1,
                        "file_search_call" => usage.file_searches += 1,
                        _ => {}
                    }
                }
            }
            "candidates" => usage.searches = searches(value),
            _ => {}
        }
    }
}

/// Searches behind Gemini's candidates ("Grounding with Google Search").
pub(crate) fn searches(candidates: Json<'_>) -> u64 {
    let queries = |candidate: Json<'_>| {
        let grounds = candidate.get("groundingMetadata")?;
        Some(grounds.get("webSearchQueries")?.items().count() as u64)
    };
    candidates.items().filter_map(queries).sum()
}

/// The class of service that a vendor's word stands for.
pub(crate) fn service(word: Json<'_>) -> Option<Service> {
    Service::from_word(&word.as_text()?.decode())
}

/// Opening a page that was found, or searching within it, costs nothing ("Web search").
fn is_search(call: Json<'_>) -> bool {
    let action = call.get("action").and_then(|action| action.get("type"));
    action.is_none_or(|action| says(action, "search"))
}

pub(super) fn says(value: Json<'_>, word: &str) -> bool {
    value.as_text().is_some_and(|text| text.is(word))
}
