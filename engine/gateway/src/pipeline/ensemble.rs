//! A panel answers, and a judge makes one answer of what it said.

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tidegate_policy::route::Node;
use tidegate_providers::dialect;
use tidegate_types::{
    Code, Dialect, Endpoint, Error, Segments,
    chat::Json,
    json::{self, Outline, Splicer},
};

use super::{Answer, AnswerBody, Job, decode, dispatch, lifecycle::Bound, plan, settle};
use crate::{facts::Member, snapshot::Route};

/// What the judge is told when the configuration does not say.
const INSTRUCTION: &str = "Several assistants were asked this independently, and what each of them \
    answered follows. Judge the answers and write the one that the user should get: take the best, or \
    put together what is right in them. Write it as an answer to the user, who has not seen the others.";

/// How a panel's answers become one.
#[derive(Debug)]
pub(crate) struct Ensemble {
    /// Whoever judges, and whoever stands in.
    pub(crate) judges: Vec<Node>,
    /// Members that must have answered.
    pub(crate) quorum: usize,
    pub(crate) instruction: Option<String>,
}

/// Asks the panel and leaves in `job` the request to the judge. Calls that cannot be judged go to the
/// members one after the other, as under `strategy: ordered`.
///
/// # Errors
/// The last member's error when fewer than the quorum have answered.
pub(super) async fn run(job: &mut Job) -> Result<(), Error> {
    let Some(route) = job.route.clone() else {
        return Ok(());
    };
    let Some(ensemble) = &route.ensemble else {
        return Ok(());
    };
    if unasked(job).is_some() {
        return Ok(());
    }
    let began = job.gateway.clock.now();
    let members = job.plan.order.iter().take(job.plan.fallbacks_at).copied();
    let mut panel: Vec<Box<Job>> = members.map(|member| asked(job, &route, member)).collect();
    let mut running: FuturesUnordered<_> = panel.iter_mut().map(|member| ask(member)).collect();
    while running.next().await.is_some() {}
    drop(running);
    let now = job.gateway.clock.now();
    job.waited += now.since(began);
    let mut answers = Vec::new();
    let mut failed = None;
    for member in &mut panel {
        job.attempts.append(&mut member.attempts);
        if let (Some(notes), Some(part)) = (&mut job.notes, &mut member.notes) {
            notes.join(part);
        }
        job.earlier = job.earlier.saturating_add(member.earlier);
        job.facts.estimated |= member.facts.estimated;
        let said = member.known.take().ok_or(member.failed.take());
        job.facts.panel.push(Member {
            target: member.facts.target.clone(),
            took: member.waited,
            cost: member.earlier,
            error: said
                .as_ref()
                .err()
                .and_then(|error| Some(error.as_ref()?.code())),
        });
        match said {
            Ok(said) => answers.push(said),
            Err(error) => failed = error.or(failed),
        }
    }
    if answers.len() < ensemble.quorum {
        let text = format!(
            "{} of {} members answered, and {} must",
            answers.len(),
            panel.len(),
            ensemble.quorum
        );
        return Err(failed.unwrap_or_else(|| Error::new(Code::NoHealthyTarget, text)));
    }
    let mut told = ensemble
        .instruction
        .as_deref()
        .unwrap_or(INSTRUCTION)
        .to_owned();
    for (index, answer) in answers.iter().enumerate() {
        let answer = String::from_utf8_lossy(answer);
        let number = index + 1;
        let _ = write!(
            told,
            "\n\n<answer number=\"{number}\">\n{answer}\n</answer>"
        );
    }
    let body = dialect::with_turn(job.dialect, &job.body, &told).ok_or_else(unjudged)?;
    job.asks.outline = Some(Outline::of(&body, decode::keys(job.dialect)).map_err(|_| unjudged())?);
    job.body = body;
    job.plan.order = plan::judges(job, &route, &ensemble.judges);
    job.plan.fallbacks_at = job.plan.order.len();
    Ok(())
}

/// Why targets are asked one after the other; `None` where the panel is asked.
pub(super) fn unasked(job: &Job) -> Option<&'static str> {
    if job.endpoint != Endpoint::Chat {
        Some("only conversations are judged")
    } else if job.bound != Bound::Free {
        Some("it refers to what a vendor keeps")
    } else {
        None
    }
}

fn unjudged() -> Error {
    let text = "the request's messages are not where its dialect has them";
    Error::new(Code::InvalidRequest, text).with_param("messages")
}

/// The call as one member gets it: for a whole answer, with books of its own.
fn asked(job: &Job, route: &Arc<Route>, position: u16) -> Box<Job> {
    let mut member = job.copy(Arc::clone(route));
    member.identity.clone_from(&job.identity);
    member.deadline = job.deadline;
    member.plan.order.push(position);
    member.plan.fallbacks_at = 1;
    member.plan.own.clone_from(&job.plan.own);
    member.facts.target = job
        .plan
        .target(route, position)
        .map(|target| Arc::clone(&target.label));
    member.asks.stream = false;
    if let Some(named) = &mut member.named {
        named.stream = named.stream.map(|_| false);
    }
    if let Some((body, outline)) = whole(job.dialect, &member.body) {
        member.body = body;
        member.asks.outline = Some(outline);
    }
    member
}

/// The request without the wish for a stream.
fn whole(dialect: Dialect, body: &Segments) -> Option<(Segments, Outline<'static>)> {
    let keys = decode::keys(dialect);
    let mut body = body.clone();
    let mut outline = Outline::of(&body, keys).ok()?;
    if let Some(options) = outline.last("stream_options") {
        body = json::without(&body, options);
        outline = Outline::of(&body, keys).ok()?;
    }
    if outline.last("stream").is_some() {
        let mut splicer = Splicer::new(&outline);
        splicer.set("stream", &b"false"[..]);
        body = splicer.apply(&body);
        outline = Outline::of(&body, keys).ok()?;
    }
    Some((body, outline))
}

/// Asks a member, pays for it and keeps what it said.
async fn ask(member: &mut Job) {
    let began = member.gateway.clock.now();
    let answer = dispatch::run(member).await;
    member.waited = member.gateway.clock.now().since(began);
    match answer {
        Ok(answer) => {
            settle::part(member, &answer);
            member.known = said(&answer).map(Into::into);
        }
        Err(error) => member.failed = Some(error),
    }
}

/// The words of an answer, or else the tools it calls.
fn said(answer: &Answer) -> Option<String> {
    let AnswerBody::Complete(body) = &answer.body else {
        return None;
    };
    let body = dialect::translate_response(answer.dialect, Dialect::OpenAi, body, "", 0).ok()?;
    let body = Json::parse(&body).ok()?;
    let message = body.get("choices")?.items().next()?.get("message")?;
    let words = message.get("content").and_then(Json::as_text);
    let words = words.map(|words| words.decode().into_owned());
    words
        .filter(|words| !words.is_empty())
        .or_else(|| Some(message.get("tool_calls")?.as_str().to_owned()))
}
