//! Functions of the host in a vendor's place: what one is asked, what it may answer, and the
//! transport that makes a provider of it.
//!
//! The request reaches a function in the provider's dialect. It answers in that dialect, or with
//! nothing but the text, out of which [`shape`] makes a reply or a stream that looks like the
//! vendor's, whichever of the two was asked for.

mod asked;
mod fold;
mod shape;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap, fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{FutureExt, Stream};
use http::HeaderMap;
use tidegate_types::{Dialect, Usage};

pub use shape::FunctionTransport;

/// What a function is asked.
#[derive(Debug, Clone)]
pub struct FunctionRequest {
    /// Name under which the function is registered.
    pub name: Arc<str>,
    /// Wire format of the body, and of an answer that is JSON.
    pub dialect: Dialect,
    /// Path below the provider's base URL, such as `/chat/completions`.
    pub path: String,
    /// The model, without the provider's name. Empty where the request names none.
    pub model: String,
    /// Whether the caller wants a stream. Either kind of answer will do.
    pub stream: bool,
    /// Headers of the dialect that the caller sent, and those of the provider's configuration.
    pub headers: HeaderMap,
    /// The request.
    pub body: Bytes,
    /// Longest time to the answer's beginning, and between two pieces of it.
    pub timeout: Duration,
}

/// What a function answers.
pub enum Answer {
    /// All at once.
    Whole(Piece),
    /// Piece by piece.
    Stream(Pieces),
}

/// The pieces of an answer, until its end or its failure.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Piece, Failure>> + Send>>;

/// An answer or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words of the model.
    Text(String),
    /// JSON: a whole reply or a chunk of a stream in the provider's dialect; or an object with no
    /// members but `text` (words of the model) and `usage` (`{"input": 10, "output": 5}` in tokens);
    /// or, for embeddings, a list of vectors.
    Json(Bytes),
}

/// Why a function gave no answer, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// As a vendor's refusal: retries, fallbacks and cooldowns follow from the status.
    Refused {
        /// An HTTP status from 400 to 599.
        status: u16,
        /// For the caller to read.
        message: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// Nothing will come any more: the host has ended or let the call go.
    Lost(String),
}

/// What [`Function::call`] returns.
pub type Answering = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// A function of the host. Dropping the future, or the stream it gave, tells that the caller has
/// gone.
pub trait Function: Send + Sync + 'static {
    /// Asks the function. Polled inside a tokio runtime.
    fn call(&self, request: FunctionRequest) -> Answering;
}

impl<F, R> Function for F
where
    F: Fn(FunctionRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    fn call(&self, request: FunctionRequest) -> Answering {
        Box::pin(self(request))
    }
}

/// The functions of an engine, by name. Cheap to clone; every clone is the same list.
#[derive(Clone, Default)]
pub struct Functions(Arc<ArcSwap<HashMap<String, Arc<dyn Function>>>>);

impl Functions {
    /// No function yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a function under a name, in place of one that was there. Calls under way go on.
    pub fn insert(&self, name: impl Into<String>, function: impl Function) {
        let (name, function) = (name.into(), Arc::new(function) as Arc<dyn Function>);
        self.0.rcu(|list| {
            let mut list = HashMap::clone(list);
            list.insert(name.clone(), Arc::clone(&function));
            list
        });
    }

    /// As [`Functions::insert`], for lists that are written down at once.
    #[must_use]
    pub fn with(self, name: impl Into<String>, function: impl Function) -> Self {
        self.insert(name, function);
        self
    }

    /// Takes a function away. Calls under way go on.
    pub fn remove(&self, name: &str) {
        self.0.rcu(|list| {
            let mut list = HashMap::clone(list);
            list.remove(name);
            list
        });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.load().is_empty()
    }

    /// Their names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    fn get(&self, name: &str) -> Option<Arc<dyn Function>> {
        self.0.load().get(name).cloned()
    }
}

impl Failure {
    /// A refusal with a status from 400 to 599; any other counts as 500.
    pub fn refused(status: u16, message: impl Into<String>) -> Self {
        Self::Refused {
            status: if (400..=599).contains(&status) {
                status
            } else {
                500
            },
            message: message.into(),
            retry_after: None,
        }
    }

    /// When to come again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        if let Self::Refused { retry_after, .. } = &mut self {
            *retry_after = Some(after);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, .. } | Self::Lost(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Failure {}

impl Answer {
    /// The model's words and, where they were counted, the tokens of prompt and answer.
    pub fn text(text: impl Into<String>, usage: Option<(u64, u64)>) -> Self {
        let text = text.into();
        let Some((input, output)) = usage else {
            return Self::Whole(Piece::Text(text));
        };
        let json =
            serde_json::json!({ "text": text, "usage": { "input": input, "output": output } });
        Self::Whole(Piece::Json(json.to_string().into()))
    }

    /// A reply in the provider's dialect.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::Whole(Piece::Json(body.into()))
    }

    /// Piece by piece.
    pub fn stream(pieces: impl Stream<Item = Result<Piece, Failure>> + Send + 'static) -> Self {
        Self::Stream(Box::pin(pieces))
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::text(text, None)
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self::text(text, None)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Answer::Whole",
            Self::Stream(_) => "Answer::Stream",
        })
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Functions").field(&self.names()).finish()
    }
}

/// Asks a function; a panic of it is its failure and nobody else's.
async fn ask(function: &dyn Function, request: FunctionRequest) -> Result<Answer, Failure> {
    let asked = AssertUnwindSafe(async { function.call(request).await });
    asked
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> Failure {
    Failure::refused(500, "the function panicked")
}

/// What a piece says, once its JSON has been looked into.
#[derive(Debug)]
enum Said {
    Text(String),
    Usage(Usage),
    Both(String, Usage),
    /// A reply or a chunk of the dialect.
    Dialect(Bytes),
}

impl Piece {
    fn read(self) -> Said {
        let body = match self {
            Self::Text(text) => return Said::Text(text),
            Self::Json(body) => body,
        };
        // Looked into only where it can be one: chunks of the vendors are longer or have other members.
        if !body.trim_ascii_start().starts_with(b"{") {
            return match serde_json::from_slice::<String>(&body) {
                Ok(text) => Said::Text(text),
                Err(_) => Said::Dialect(body),
            };
        }
        let Ok(short) = serde_json::from_slice::<Short>(&body) else {
            return Said::Dialect(body);
        };
        match (short.text, short.usage) {
            (Some(text), Some(usage)) => Said::Both(text, usage.into()),
            (Some(text), None) => Said::Text(text),
            (None, Some(usage)) => Said::Usage(usage.into()),
            (None, None) => Said::Dialect(body),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    text: Option<String>,
    usage: Option<Counted>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    #[serde(default)]
    input: u64,
    #[serde(default)]
    output: u64,
}

impl From<Counted> for Usage {
    fn from(counted: Counted) -> Self {
        Self {
            input: counted.input,
            output: counted.output,
            ..Self::default()
        }
    }
}
