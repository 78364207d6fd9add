//! Counting the tokens of a request: asked of a vendor that counts, else counted here.

use tidegate_providers::{dialect, tokens};
use tidegate_types::{Code, Dialect, Endpoint, Error, chat::Json};

use super::{Answer, Job};
use crate::{
    snapshot::{Target, Wire},
    tasks,
};

/// The format in which a provider is asked: the caller's own, or else the first that has the question.
pub(super) fn wire(target: &Target, dialect: Dialect) -> &Wire {
    let provider = &target.provider;
    let model = &*target.known_as;
    let counts =
        |wire: &&Wire| (wire.serves)(model) && wire.shape.count_path(wire.dialect, model).is_some();
    let own = provider.wire(dialect, model);
    if own.dialect == dialect && counts(&own) {
        return own;
    }
    provider.wires.iter().find(counts).unwrap_or(own)
}

/// Whether the gateway counts when this came of asking: the vendor does not offer it, or cannot be
/// asked at all.
pub(super) fn unasked(error: &Error) -> bool {
    let refused = error
        .upstream()
        .is_some_and(|upstream| matches!(upstream.status.as_u16(), 404 | 405 | 501));
    refused || matches!(error.code(), Code::Unsupported | Code::MissingProviderKey)
}

/// The gateway's own count. `None` when the body is none of its dialect.
pub(super) async fn local(job: &mut Job) -> Option<Answer> {
    let model = job.route.as_ref()?.targets.first()?.model.to_string();
    tasks::vocabulary(&model).await;
    let whole = job.body.to_bytes();
    let body = if job.dialect == Dialect::Cohere {
        let text = Json::parse(&whole).ok()?.get("text")?.as_text()?;
        dialect::write_tokens(&tokens::split(&text.decode(), &model))
    } else {
        let prompt = Json::parse(&whole)
            .ok()?
            .get("prompt")
            .and_then(Json::as_text);
        let count = match prompt {
            Some(prompt) if job.dialect == Dialect::OpenAi => {
                tokens::of_text(&prompt.decode(), &model)
            }
            _ => {
                let chat = dialect::counted(job.dialect, &whole)?;
                tokens::of_request(job.dialect, &Endpoint::Chat, &chat, &model)?
            }
        };
        dialect::write_count(job.dialect, count)
    };
    job.facts.estimated = true;
    Some(Answer::own(job.dialect, body.into()))
}
