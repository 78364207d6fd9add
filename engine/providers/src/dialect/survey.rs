//! What a chat request holds, for those who decide where it goes.

use std::collections::BTreeSet;

use tidegate_types::{
    Dialect,
    chat::{Format, Part, PartKind, Reasoning},
};

/// What a chat request holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Names of the tools offered to the model.
    pub tools: Vec<String>,
    /// `text`, `image`, `audio`, `video`, `document`: what the prompt is made of, sorted.
    pub modalities: Vec<String>,
    /// Whether the reply is to follow a schema.
    pub structured: bool,
    /// Whether the model is to reason.
    pub reasoning: bool,
    /// The end user the request names.
    pub user: Option<String>,
}

/// Reads a chat request of `dialect` as far as it can be read; one that is at fault holds nothing,
/// for its upstream will say so.
pub fn survey(dialect: Dialect, body: &[u8]) -> Survey {
    super::read_request(dialect, body, |_, request| {
        let mut kinds = BTreeSet::new();
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        for part in request.system.iter().chain(parts) {
            note(part, &mut kinds);
        }
        Survey {
            tools: request
                .tools
                .iter()
                .map(|tool| tool.name.decode().into_owned())
                .collect(),
            modalities: kinds.into_iter().map(str::to_owned).collect(),
            structured: matches!(
                request.format.as_ref().map(|format| &format.value),
                Some(Format::Schema { .. })
            ),
            reasoning: request
                .reasoning
                .as_ref()
                .is_some_and(|reasoning| reasoning.value != Reasoning::Off),
            user: request
                .user
                .or(request.safety_identifier)
                .and_then(tidegate_types::chat::Json::as_text)
                .map(|user| user.decode().into_owned()),
        }
    })
    .unwrap_or_default()
}

fn note(part: &Part<'_>, kinds: &mut BTreeSet<&'static str>) {
    kinds.insert(match &part.kind {
        PartKind::Image { .. } => "image",
        PartKind::Document { .. } => "document",
        PartKind::Audio(_) => "audio",
        PartKind::Video(_) => "video",
        PartKind::Text { .. } => "text",
        PartKind::ToolResult { parts, .. } => {
            for part in parts {
                note(part, kinds);
            }
            return;
        }
        _ => return,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_its_tools_and_what_its_prompt_is_made_of() {
        let openai = br#"{"model":"m","user":"u\u0031","tools":[{"type":"function","function":{"name":"find"}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"hi"},
            {"type":"image_url","image_url":{"url":"https://host/a.png"}}]}]}"#;
        let found = survey(Dialect::OpenAi, openai);
        assert_eq!(found.tools, ["find"]);
        assert_eq!(found.modalities, ["image", "text"]);
        assert_eq!(found.user.as_deref(), Some("u1"));
        let gemini = br#"{"contents":[{"role":"user","parts":[{"text":"hi"},
            {"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}]}],
            "tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]}"#;
        let found = survey(Dialect::Gemini, gemini);
        assert_eq!(found.tools, ["a", "b"]);
        assert_eq!(found.modalities, ["audio", "text"]);
        assert_eq!(survey(Dialect::Anthropic, b"{"), Survey::default());
    }
}
