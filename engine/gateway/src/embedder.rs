//! Texts as vectors, whoever makes them.

pub(crate) mod meanings;

use std::{borrow::Cow, fmt, pin::Pin, sync::Arc};

use tidegate_policy::{Tick, identity::Identity, likeness::Vector};
use tidegate_types::{Error, Money, config::Priority};

use crate::{gateway::Inner, snapshot::Snapshot};

/// Makes vectors of texts.
pub(crate) trait Embedder: fmt::Debug + Send + Sync {
    /// `provider/model`.
    fn label(&self) -> &Arc<str>;

    /// Under which name vectors are kept: those of one name can be compared with each other.
    fn space(&self) -> &str;

    /// Bytes that a text may have. No tokenizer makes more tokens of a text than it has bytes, so a text
    /// that is no longer fits.
    fn longest(&self) -> usize;

    /// One vector for each text, in order.
    fn embed<'a>(&'a self, asker: &'a Asker, texts: &'a [&'a str]) -> Embedding<'a>;
}

/// What [`Embedder::embed`] returns.
pub(crate) type Embedding<'a> = Pin<Box<dyn Future<Output = Embedded> + Send + 'a>>;

/// What came of it. It is paid whether or not there are vectors.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) vectors: Result<Vec<Vector>, Error>,
    pub(crate) cost: Money,
    /// Whether the cost was counted here.
    pub(crate) estimated: bool,
}

/// On whose behalf texts are embedded.
pub(crate) struct Asker {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Whose budgets pay; `None` is root.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) priority: Priority,
    /// When nobody waits any more.
    pub(crate) deadline: Tick,
    /// Whether it is a call of its own, with a record of its own, and no part of another.
    pub(crate) alone: bool,
}

/// A text of at most so many bytes: of a longer one its beginning and its end, where people say what they
/// want.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let half = most.saturating_sub(1) / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    Cow::Owned([&text[..head], "\n", &text[tail..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end_and_whole_characters() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("abcdefghij", 5), "ab\nij");
        for most in 0..40 {
            let cut = shortened("äöüß€漢字😀 and so on: ∑∏√", most);
            assert!(cut.len() <= most.max(1), "{most}: {cut:?}");
        }
    }
}
