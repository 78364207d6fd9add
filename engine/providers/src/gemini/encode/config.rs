//! How the reply is to be generated.

use tidegate_types::chat::{
    Effort, Format, Given, Json, Reasoning, Request,
    write::{Array, Object},
};

use crate::dialect::models;

/// The vendor takes no more stop texts than this.
const MOST_STOPS: usize = 5;

/// `shaped` says whether the shape of the reply may be set here.
pub(super) fn write<'a>(
    request: &Request<'a>,
    model: &str,
    shaped: bool,
    config: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    if let Some(bound) = &request.max_output {
        config.number("maxOutputTokens", bound.value);
    }
    config
        .json_if("temperature", request.temperature)
        .json_if("topP", request.top_p)
        .json_if("topK", request.top_k);
    // Some models refuse to hear of penalties at all, even of none.
    let says = |penalty: &Json<'_>| penalty.as_f64() != Some(0.0);
    config
        .json_if("presencePenalty", request.presence_penalty.filter(says))
        .json_if("frequencyPenalty", request.frequency_penalty.filter(says));
    if let Some(seed) = request.seed {
        // Its type has 32 bits.
        if seed.as_str().parse::<i32>().is_ok() {
            config.json("seed", seed);
        } else {
            dropped.push(seed);
        }
    }
    if !request.stop.is_empty() {
        let (kept, left) = request.stop.split_at(request.stop.len().min(MOST_STOPS));
        config.array("stopSequences", |list: &mut Array<'_>| {
            for text in kept {
                list.item().extend_from_slice(text.as_str().as_bytes());
            }
        });
        dropped.extend(left);
    }
    if request.logprobs.is_some() {
        config.literal("responseLogprobs", "true");
        config.json_if("logprobs", request.top_logprobs);
    } else {
        dropped.extend(request.top_logprobs);
    }
    if let Some(choices) = &request.choices {
        config.number("candidateCount", choices.value);
    }
    if request.pictures.is_some() {
        config.literal("responseModalities", r#"["TEXT","IMAGE"]"#);
    }
    match request.format.as_ref().map(|format| &format.value) {
        Some(format) if shaped => {
            config.str("responseMimeType", "application/json");
            if let Format::Schema { schema, .. } = format {
                config.json("responseJsonSchema", *schema);
            }
        }
        _ => {}
    }
    let hidden = request.thoughts.as_ref().is_some_and(|wish| !wish.value);
    match (&request.reasoning, &request.thoughts) {
        (Some(given), _) => thinking(given, hidden, model, config, dropped),
        (None, Some(wish)) if wish.value => {
            let given = Given {
                value: Reasoning::Adaptive,
                from: wish.from,
            };
            thinking(&given, false, model, config, dropped);
        }
        // Nothing is shown unasked.
        (None, _) => {}
    }
}

/// What a model can be told about thinking.
enum Told {
    /// Nothing, because it does not think.
    Nothing,
    Budget(i64),
    Level(&'static str),
    /// Its own measure.
    Dynamic,
}

fn thinking<'a>(
    given: &Given<'a, Reasoning>,
    hidden: bool,
    model: &str,
    config: &mut Object<'_>,
    dropped: &mut Vec<Json<'a>>,
) {
    let version = models::gemini_version(model);
    let off = given.value == Reasoning::Off;
    let (told, exact) = match version {
        Some(version) if version < (2, 5) => (Told::Nothing, off),
        None if model.contains("gemma") => (Told::Nothing, off),
        Some(version) if version >= (3, 0) => level(given.value, model),
        // Of unknown models too: Gemini 3 still takes budgets.
        _ => budget(given.value, model),
    };
    if !exact {
        dropped.push(given.from);
    }
    if matches!(told, Told::Nothing) {
        return;
    }
    config.object("thinkingConfig", |thinking| {
        match told {
            Told::Budget(tokens) => {
                thinking.literal("thinkingBudget", &tokens.to_string());
            }
            Told::Level(level) => {
                thinking.str("thinkingLevel", level);
            }
            Told::Dynamic | Told::Nothing => {}
        }
        if !off && !hidden {
            thinking.literal("includeThoughts", "true");
        }
    });
}

/// The level for Gemini 3 ("Thinking", levels), and whether it says what was asked for: no model
/// can be kept from thinking at all, and only Flash models know `minimal`.
fn level(reasoning: Reasoning, model: &str) -> (Told, bool) {
    let least = if model.contains("flash") {
        "minimal"
    } else {
        "low"
    };
    // The first Pro knew two levels only.
    let middle = if model.contains("gemini-3-pro") {
        "high"
    } else {
        "medium"
    };
    match reasoning {
        Reasoning::Off => (Told::Level(least), false),
        Reasoning::Adaptive => (Told::Dynamic, true),
        Reasoning::Effort(Effort::Minimal) => (Told::Level(least), true),
        Reasoning::Effort(Effort::Low) | Reasoning::Budget(0..=2048) => (Told::Level("low"), true),
        Reasoning::Effort(Effort::Medium) | Reasoning::Budget(2049..=8192) => {
            (Told::Level(middle), true)
        }
        Reasoning::Effort(_) | Reasoning::Budget(_) => (Told::Level("high"), true),
    }
}

/// The budget for Gemini 2.5 ("Thinking", budgets), and whether it says what was asked for: Pro
/// cannot be kept from thinking. Levels count as on Google's own OpenAI-compatible endpoint.
fn budget(reasoning: Reasoning, model: &str) -> (Told, bool) {
    let (least, most) = if model.contains("pro") {
        (128, 32_768)
    } else if model.contains("lite") {
        (512, 24_576)
    } else {
        (1, 24_576)
    };
    let tokens = match reasoning {
        Reasoning::Off if model.contains("pro") => return (Told::Budget(least), false),
        Reasoning::Off => 0,
        Reasoning::Adaptive => -1,
        Reasoning::Effort(Effort::Minimal | Effort::Low) => 1024,
        Reasoning::Effort(Effort::Medium) => 8192,
        Reasoning::Effort(Effort::High) => 24_576,
        Reasoning::Effort(Effort::ExtraHigh | Effort::Max) => most,
        Reasoning::Budget(tokens) => i64::try_from(tokens).unwrap_or(most).clamp(least, most),
    };
    (Told::Budget(tokens), true)
}
