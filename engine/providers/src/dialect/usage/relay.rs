//! Usage of endpoints other than chat, where it does not stand under `usage`.

use tidegate_types::{
    Endpoint, Picture, Relay, Usage,
    chat::{Json, Text},
};

use super::{count, micros};

/// What a reply of `endpoint` says was consumed, added to what its `usage` said.
pub(in crate::dialect) fn of_relay(
    endpoint: &Endpoint,
    body: &[u8],
    read: Option<Usage>,
) -> Option<Usage> {
    if matches!(endpoint, Endpoint::Chat | Endpoint::Models(_)) {
        return read;
    }
    let body = body.trim_ascii();
    let text = std::str::from_utf8(body).ok();
    let Some(text) = text.filter(|text| text.starts_with('{') && text.ends_with('}')) else {
        return read;
    };
    let body = Json::trusted(text);
    let mut usage = read.unwrap_or_default();
    let mut found = read.is_some();
    let (mut quality, mut size) = (None, None);
    for (key, value) in body.members() {
        match &*key.decode() {
            // Cohere's embeddings, rerankings and its first chat.
            "meta" => {
                found |= value
                    .get("billed_units")
                    .is_some_and(|units| billed(units, &mut usage));
            }
            // Mistral's OCR.
            "usage_info" => {
                if let Some(pages) = value.get("pages_processed") {
                    usage.pages = count(pages, 0);
                    found = true;
                }
            }
            // Mistral's annotations of a document.
            "document_annotation" if !value.is_null() => usage.annotated_pages = u64::MAX,
            // Whisper's verbose transcription; what is charged is in `usage` where there is one.
            "duration" if usage.micros == 0 && is_sound(endpoint) => {
                usage.micros = micros(value);
                found |= usage.micros > 0;
            }
            "data" if is_picture(endpoint) => {
                usage.images = value.items().count() as u64;
                found |= usage.images > 0;
            }
            "quality" if is_picture(endpoint) => {
                quality = value.as_text();
            }
            "size" if is_picture(endpoint) => {
                size = value.as_text();
            }
            _ => {}
        }
    }
    if is_picture(endpoint) {
        let word = |text: Option<Text<'_>>| text.map(|text| text.decode().into_owned());
        let (quality, size) = (word(quality), word(size));
        usage.picture = Picture::said(quality.as_deref(), size.as_deref());
        // What is made there are pictures, whether or not that is said again.
        if usage.image_output == 0 {
            usage.image_output = usage.output;
        }
    }
    usage.annotated_pages = usage.annotated_pages.min(usage.pages);
    found.then_some(usage)
}

fn billed(units: Json<'_>, usage: &mut Usage) -> bool {
    let unit = |key| units.get(key).map_or(0, |value| count(value, 0));
    let pictures = unit("image_tokens");
    usage.input = unit("input_tokens").saturating_add(pictures);
    usage.image_input = pictures;
    usage.output = unit("output_tokens");
    usage.search_units = unit("search_units");
    usage.input > 0 || usage.output > 0 || usage.search_units > 0
}

fn is_sound(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Relay(Relay::Transcriptions | Relay::Translations)
    )
}

fn is_picture(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Relay(Relay::Images | Relay::ImageEdits | Relay::ImageVariations)
    )
}
