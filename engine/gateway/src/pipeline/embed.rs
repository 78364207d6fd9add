//! Vectors that a provider's model makes, or a function of the program in a provider's place: a request
//! like a caller's, by the same stages.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use tidegate_policy::likeness::Vector;
use tidegate_providers::dialect;
use tidegate_types::{Code, Dialect, Endpoint, Error, Money, Segments};

use super::{Answer, AnswerBody, Job, decode, dispatch, plan, settle};
use crate::{
    call::{CacheDirective, Call, CallContext},
    embedder::{Asker, Embedded, Embedder, Embedding},
    snapshot::{Route, Target},
};

/// Longer texts say nothing more, and take longer.
const LONGEST: u64 = 8192;
/// What a model takes of which nothing is known: many that people run themselves take 512 tokens.
const LONGEST_UNKNOWN: u64 = 1024;

/// A provider's model.
pub(crate) struct Model {
    route: Arc<Route>,
    label: Arc<str>,
    space: String,
    longest: usize,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.label).finish()
    }
}

impl Model {
    /// The model that a route leads to.
    pub(crate) fn new(route: Arc<Route>, target: &Target) -> Self {
        let longest = target.context.unwrap_or(LONGEST_UNKNOWN).min(LONGEST);
        Self {
            label: Arc::clone(&target.label),
            space: [&target.label, "\n", &target.provider.wires[0].base].concat(),
            longest: usize::try_from(longest).unwrap_or(usize::MAX),
            route,
        }
    }

    async fn ask(&self, asker: &Asker, texts: &[&str]) -> Embedded {
        let mut job = match self.job(asker, texts) {
            Ok(job) => job,
            Err(error) => {
                return Embedded {
                    vectors: Err(error),
                    cost: Money::ZERO,
                    estimated: false,
                };
            }
        };
        let vectors = match answer(&mut job).await {
            Ok(answer) => {
                // Read first: what is booked as a success is known to be one.
                let read = vectors(&answer, texts.len(), &self.label);
                if asker.alone {
                    settle::run(&mut job, &answer);
                } else {
                    settle::part(&mut job, &answer);
                }
                read
            }
            Err(error) if asker.alone => Err(settle::failed(&mut job, error)),
            Err(error) => Err(error),
        };
        Embedded {
            vectors,
            cost: job.facts.cost.unwrap_or(job.earlier),
            estimated: job.facts.estimated,
        }
    }

    fn job(&self, asker: &Asker, texts: &[&str]) -> Result<Box<Job>, Error> {
        let body = serde_json::json!({ "model": &*self.label, "input": texts });
        let call = Call {
            endpoint: Endpoint::Embeddings,
            dialect: Dialect::OpenAi,
            provider: None,
            named: None,
            body: Segments::from(Bytes::from(body.to_string())),
            rest: None,
            headers: HeaderMap::new(),
        };
        let context = CallContext {
            trusted: true,
            cache: CacheDirective::Bypass,
            ..CallContext::default()
        };
        let mut job = Box::new(Job::new(&asker.gateway, context, call));
        decode::read(&mut job)?;
        if asker.alone {
            job.running = Some(asker.gateway.enter()?);
        }
        job.snapshot = Arc::clone(&asker.snapshot);
        job.route = Some(Arc::clone(&self.route));
        job.identity.clone_from(&asker.identity);
        job.priority = asker.priority;
        job.deadline = Some(asker.deadline);
        Ok(job)
    }
}

impl Embedder for Model {
    fn label(&self) -> &Arc<str> {
        &self.label
    }

    fn space(&self) -> &str {
        &self.space
    }

    fn longest(&self) -> usize {
        self.longest
    }

    fn embed<'a>(&'a self, asker: &'a Asker, texts: &'a [&'a str]) -> Embedding<'a> {
        Box::pin(self.ask(asker, texts))
    }
}

async fn answer(job: &mut Job) -> Result<Answer, Error> {
    plan::run(job)?;
    dispatch::run(job).await
}

fn vectors(answer: &Answer, wanted: usize, label: &str) -> Result<Vec<Vector>, Error> {
    let read = match &answer.body {
        AnswerBody::Complete(body) => dialect::read_vectors(answer.dialect, body),
        _ => None,
    };
    let found = read.and_then(|read| {
        let found: Option<Vec<Vector>> = read.into_iter().map(Vector::new).collect();
        found.filter(|found| found.len() == wanted)
    });
    found.ok_or_else(|| {
        let text = format!("{label}: the answer does not hold a vector for each text");
        Error::new(Code::UpstreamInvalid, text)
    })
}
