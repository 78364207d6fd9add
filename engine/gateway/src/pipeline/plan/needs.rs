//! What a request needs of a model, read only where the route's targets differ in it.

use memchr::memmem;
use tidegate_policy::route::Needs;
use tidegate_providers::{
    catalogue::{Capability, Modality, Model},
    dialect,
};
use tidegate_types::config::Capabilities;

use crate::pipeline::Job;

/// Members and kinds of parts without which a request of any dialect needs nothing of the kind.
const WORDS: &[(Needs, &[&str])] = &[
    (
        Needs::TOOLS,
        &["\"tools\"", "\"toolConfig\"", "\"functions\""],
    ),
    (
        Needs::IMAGES,
        &["\"image", "\"input_image", "\"inline", FILE[0], FILE[1]],
    ),
    (
        Needs::AUDIO,
        &["\"audio", "\"input_audio", "\"inline", FILE[0], FILE[1]],
    ),
    (Needs::VIDEO, &["\"video", "\"inline", FILE[0], FILE[1]]),
    (
        Needs::DOCUMENTS,
        &["\"document", "\"inline", FILE[0], FILE[1]],
    ),
    (Needs::STRUCTURED, &["chema\""]),
    (Needs::REASONING, &["\"reasoning", "\"thinking"]),
];
const FILE: [&str; 2] = ["\"file", "\"input_file"];

/// What the request needs of what is `asked`.
pub(super) fn of(job: &Job, asked: Needs) -> Needs {
    let body = job.body.to_bytes();
    let mentions = |word: &&str| memmem::find(&body, word.as_bytes()).is_some();
    let may = WORDS
        .iter()
        .any(|(need, words)| asked.meets(*need) && words.iter().any(mentions));
    if !may {
        return Needs::NONE;
    }
    let found = dialect::survey(job.dialect, &body);
    let holds = |kind: &str| found.modalities.iter().any(|held| held == kind);
    Needs::NONE
        .with(Needs::TOOLS, !found.tools.is_empty())
        .with(Needs::IMAGES, holds("image"))
        .with(Needs::AUDIO, holds("audio"))
        .with(Needs::VIDEO, holds("video"))
        .with(Needs::DOCUMENTS, holds("document"))
        .with(Needs::STRUCTURED, found.structured)
        .with(Needs::REASONING, found.reasoning)
}

/// What a target is known to lack: by the catalogue, which may be wrong, and by the configuration, which
/// is not. What the catalogue says nothing of is not lacking.
pub(crate) fn lacking(known: Option<&Model>, told: Capabilities) -> (Needs, Needs) {
    let mut lacks = Needs::NONE;
    if let Some(model) = known {
        let (takes, can) = (model.takes, model.can);
        // Words are what a row says that says nothing.
        if takes.iter().any(|kind| kind != Modality::Text) || !can.is_empty() {
            lacks = lacks
                .with(Needs::IMAGES, !takes.has(Modality::Image))
                .with(Needs::AUDIO, !takes.has(Modality::Audio))
                .with(Needs::VIDEO, !takes.has(Modality::Video))
                .with(Needs::DOCUMENTS, !takes.has(Modality::Pdf));
        }
        if !can.is_empty() {
            lacks = lacks
                .with(Needs::TOOLS, !can.has(Capability::Tools))
                .with(Needs::STRUCTURED, !can.has(Capability::Schema))
                .with(Needs::REASONING, !can.has(Capability::Reasoning));
        }
    }
    let (can, cannot) = Needs::told(&told);
    (lacks.without(can).without(cannot), cannot)
}
