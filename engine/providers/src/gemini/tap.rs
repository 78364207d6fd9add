//! Watching a stream of chunks that passes through.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use tidegate_types::{Usage, chat::Json};

use super::response;
use crate::{
    dialect::{
        Seen,
        codec::Tap,
        tap::{failed, json},
        usage,
    },
    sse::SseEvent,
};

static ENDING: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| {
    [
        Finder::new(b"\"finishReason\""),
        Finder::new(b"\"promptFeedback\""),
    ]
});
static GROUNDS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"webSearchQueries\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Follows chunks. There is no terminal event: the reason why the reply ended is in its last chunk.
#[derive(Debug, Default)]
pub(crate) struct ChunkTap {
    finished: bool,
    usage: Option<Usage>,
    searches: u64,
}

impl Tap for ChunkTap {
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen {
        let data = &event.data;
        let Some(chunk) = json(data) else {
            return Seen::Other;
        };
        if ERROR.find(data).is_some() && chunk.get("error").is_some() {
            return failed(data);
        }
        // Every chunk of this dialect counts anew.
        if let Some(counts) = response::counts(chunk) {
            self.usage = Some(counts);
        }
        if GROUNDS.find(data).is_some()
            && let Some(candidates) = chunk.get("candidates")
        {
            self.searches = self.searches.max(usage::searches(candidates));
        }
        if !self.finished && ENDING.iter().any(|name| name.find(data).is_some()) {
            self.finished = ended(chunk);
        }
        if committed || has_content(chunk) {
            Seen::Content
        } else {
            Seen::Other
        }
    }

    fn usage(&self) -> Option<Usage> {
        let searches = self.searches;
        self.usage.map(|usage| Usage { searches, ..usage })
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

fn ended(chunk: Json<'_>) -> bool {
    let stopped = response::candidate(chunk).and_then(response::stop);
    stopped.is_some() || response::blocked(chunk).is_some()
}

fn has_content(chunk: Json<'_>) -> bool {
    let parts = response::candidate(chunk)
        .and_then(|candidate| candidate.get("content"))
        .and_then(|content| content.get("parts"));
    let mut parts = parts.map(Json::items).into_iter().flatten();
    parts.any(|part| {
        part.members().any(|(key, value)| {
            !key.is("thought")
                && !key.is("thoughtSignature")
                && !matches!(value.as_str(), "null" | "\"\"" | "{}")
        })
    })
}
