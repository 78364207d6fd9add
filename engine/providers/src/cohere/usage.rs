//! What a call consumed.

use tidegate_types::{
    Usage,
    chat::{Json, write::Object},
};

/// Reads `usage`.
///
/// `billed_units` is what the vendor charges; `tokens` also counts what it adds under the hood and
/// does not charge ("How Does Cohere's Pricing Work?"). `cached_tokens` is measured against the
/// latter. A cache holds the beginning of a prompt, and that is where the uncharged tokens stand:
/// of the charged ones only those are known to come from the cache that do not fit there.
pub(super) fn read(usage: Json<'_>) -> Usage {
    let (mut billed, mut seen) = (Counts::default(), Counts::default());
    let mut cached = 0;
    for (key, value) in usage.members() {
        match &*key.decode() {
            "billed_units" => billed = Counts::of(value),
            "tokens" => seen = Counts::of(value),
            "cached_tokens" => cached = value.as_u64().unwrap_or_default(),
            _ => {}
        }
    }
    // Pictures are counted apart in `tokens` and are part of the whole in `billed_units`.
    let processed = seen
        .input
        .map(|count| count.saturating_add(seen.image.unwrap_or_default()));
    let input = billed.input.or(processed).unwrap_or_default();
    let output = billed.output.or(seen.output).unwrap_or_default();
    let free = processed.unwrap_or(input).saturating_sub(input);
    Usage {
        input,
        output,
        cache_read: cached.saturating_sub(free).min(input),
        reasoning: seen.reasoning.unwrap_or_default().min(output),
        ..Usage::default()
    }
}

#[derive(Debug, Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    image: Option<u64>,
    reasoning: Option<u64>,
}

impl Counts {
    fn of(holder: Json<'_>) -> Self {
        let mut counts = Self::default();
        for (key, value) in holder.members() {
            match &*key.decode() {
                "input_tokens" => counts.input = value.as_u64(),
                "output_tokens" => counts.output = value.as_u64(),
                "image_tokens" => counts.image = value.as_u64(),
                "reasoning_tokens" => counts.reasoning = value.as_u64(),
                _ => {}
            }
        }
        counts
    }
}

/// Writes the members of `usage`; elsewhere all tokens are charged.
pub(super) fn write(usage: &Usage, object: &mut Object<'_>) {
    object.object("billed_units", |billed| {
        billed
            .number("input_tokens", usage.input)
            .number("output_tokens", usage.output);
    });
    object.object("tokens", |tokens| {
        tokens
            .number("input_tokens", usage.input)
            .number("output_tokens", usage.output);
        if usage.reasoning > 0 {
            tokens.number("reasoning_tokens", usage.reasoning);
        }
    });
    object.number("cached_tokens", usage.cache_read);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_billed_counts_and_not_what_was_processed() {
        for (text, want) in [
            (
                r#"{"billed_units":{"input_tokens":135,"output_tokens":21},
                "tokens":{"input_tokens":1645,"output_tokens":33},"cached_tokens":112}"#,
                (135, 21, 0, 0),
            ),
            (
                r#"{"billed_units":{"input_tokens":217,"output_tokens":21},
                "tokens":{"input_tokens":1833,"output_tokens":24},"cached_tokens":1792}"#,
                (217, 21, 176, 0),
            ),
            (
                r#"{"billed_units":{"input_tokens":267.0,"output_tokens":66},"tokens":
                {"input_tokens":34,"output_tokens":70,"reasoning_tokens":9,"image_tokens":259}}"#,
                (267, 66, 0, 9),
            ),
            (
                r#"{"tokens":{"input_tokens":34,"image_tokens":6,"output_tokens":7},"cached_tokens":90}"#,
                (40, 7, 40, 0),
            ),
            (r#"{"billed_units":{"output_tokens":3}}"#, (0, 3, 0, 0)),
        ] {
            let usage = read(Json::trusted(text));
            let got = (usage.input, usage.output, usage.cache_read, usage.reasoning);
            assert_eq!(got, want, "{text}");
        }
    }
}
