//! Usage as Gemini writes it.

use tidegate_types::{Usage, chat::Json};

use super::{count, service};

/// Usage as Gemini writes it (`UsageMetadata`): the prompt counts what the cache served, tokens that
/// server tools put into the prompt and thoughts are counted apart. Lists beside the counts say what
/// the tokens stand for; pages of documents are charged as pictures.
pub(crate) fn gemini(usage: Json<'_>) -> Usage {
    let mut read = Usage::default();
    let (mut tools, mut said) = (0, 0);
    let mut cached = Kinds::default();
    let mut asked = Kinds::default();
    let mut answered = Kinds::default();
    for (key, value) in usage.members() {
        match &*key.decode() {
            "promptTokenCount" => read.input = count(value, read.input),
            "toolUsePromptTokenCount" => tools = count(value, tools),
            "cachedContentTokenCount" => read.cache_read = count(value, read.cache_read),
            // The second is the Live API's name.
            "candidatesTokenCount" | "responseTokenCount" => said = count(value, said),
            "thoughtsTokenCount" => read.reasoning = count(value, read.reasoning),
            "promptTokensDetails" | "toolUsePromptTokensDetails" => asked.add(value),
            "cacheTokensDetails" => cached.add(value),
            "candidatesTokensDetails" | "responseTokensDetails" => answered.add(value),
            "serviceTier" | "service_tier" | "trafficType" => {
                read.service = service(value).unwrap_or(read.service);
            }
            _ => {}
        }
    }
    read.input = read.input.saturating_add(tools);
    read.output = said.saturating_add(read.reasoning);
    read.cache_read = read.cache_read.min(read.input);
    read.audio_input = asked.audio;
    read.image_input = asked.image;
    read.video_input = asked.video;
    read.audio_cache_read = cached.audio;
    read.image_cache_read = cached.image;
    read.audio_output = answered.audio;
    read.image_output = answered.image;
    read.video_output = answered.video;
    read
}

/// Tokens by what they stand for.
#[derive(Debug, Default)]
struct Kinds {
    audio: u64,
    image: u64,
    video: u64,
}

impl Kinds {
    fn add(&mut self, list: Json<'_>) {
        for entry in list.items() {
            let Some(kind) = entry.get("modality").and_then(Json::as_text) else {
                continue;
            };
            let tokens = entry.get("tokenCount").map_or(0, |value| count(value, 0));
            let sum = match &*kind.decode() {
                "AUDIO" => &mut self.audio,
                "IMAGE" | "DOCUMENT" => &mut self.image,
                "VIDEO" => &mut self.video,
                _ => continue,
            };
            *sum = sum.saturating_add(tokens);
        }
    }
}
