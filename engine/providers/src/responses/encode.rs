//! Writing a request.

mod items;
mod tools;

use tidegate_types::chat::{
    Effort, Format, Json, PartKind, Reasoning, Request, Text, write::Object,
};

use crate::{
    dialect::{models, words::joined},
    openai::{ids, tier},
};
use items::Writer;

pub(super) use items::{call_of_reply, reasoning_members};

/// OpenAI refuses smaller bounds.
const SMALLEST_BOUND: u64 = 16;

pub(super) fn request<'a>(
    request: &Request<'a>,
    model: &str,
    dropped: &mut Vec<Json<'a>>,
) -> Vec<u8> {
    // Bedrock puts the vendor in front with a dot.
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("openai.").unwrap_or(name);
    let mut writer = Writer {
        markers: knows_breakpoints(name),
        reasoning_back: models::wants_reasoning_back(name),
        custom: models::knows_custom_tools(name),
        serves: models::of_openai(name) || name.starts_with("grok"),
        free: Vec::new(),
        dropped,
    };
    let mut out = Vec::with_capacity(4096 + request.size);
    let mut body = Object::open(&mut out);
    body.str("model", model);
    let apart = instructions(request, &writer);
    if let Some(texts) = &apart {
        joined(body.key("instructions"), texts, "\\n\\n");
    }
    body.array("input", |list| {
        if apart.is_none() {
            writer.system(&request.system, list);
        }
        for message in &request.messages {
            writer.message(message, list);
        }
    });
    tools::write(request, &mut body, &mut writer);
    if let Some(bound) = &request.max_output {
        if bound.value < SMALLEST_BOUND {
            writer.dropped.push(bound.from);
        }
        body.number("max_output_tokens", bound.value.max(SMALLEST_BOUND));
    }
    body.json_if("temperature", request.temperature)
        .json_if("top_p", request.top_p)
        .json_if(
            "top_logprobs",
            request.top_logprobs.filter(|_| request.logprobs.is_some()),
        );
    if request.logprobs.is_none() {
        writer.dropped.extend(request.top_logprobs);
    }
    for penalty in [request.frequency_penalty, request.presence_penalty]
        .into_iter()
        .flatten()
    {
        if penalty.as_f64().is_none_or(|value| value != 0.0) {
            writer.dropped.push(penalty);
        }
    }
    writer.dropped.extend(request.top_k);
    writer.dropped.extend(request.seed);
    writer.dropped.extend(&request.stop);
    if let Some(stream) = request.stream {
        body.literal("stream", if stream { "true" } else { "false" });
    }
    let own = models::of_openai(name);
    ids(request, own, &mut body, writer.dropped);
    writer
        .dropped
        .extend(request.choices.as_ref().map(|choices| choices.from));
    let reasons = reasoning(request, name, &mut body, &mut writer);
    if !own {
        writer.dropped.extend(request.verbosity);
    }
    format(request, own, &mut body);
    tier(request, &mut body);
    // The conversation is sent whole each time, so nothing needs to be kept for it; what the model
    // thought comes along encrypted.
    body.literal("store", "false");
    let logprobs = request.logprobs.is_some();
    if reasons || logprobs {
        body.array("include", |list| {
            if reasons {
                list.item()
                    .extend_from_slice(b"\"reasoning.encrypted_content\"");
            }
            if logprobs {
                list.item()
                    .extend_from_slice(b"\"message.output_text.logprobs\"");
            }
        });
    }
    body.close();
    out
}

/// The instructions as the member of that name, where they are words only and words are all the
/// conversation needs them for. JSON without a schema is given only if the input speaks of it,
/// and a model that is told nothing else needs an input.
fn instructions<'r, 'a>(
    request: &'r Request<'a>,
    writer: &Writer<'a, '_>,
) -> Option<Vec<&'r Text<'a>>> {
    let json = matches!(
        request.format.as_ref().map(|format| &format.value),
        Some(Format::Json)
    );
    if json || request.messages.is_empty() || request.system.is_empty() {
        return None;
    }
    let words = request.system.iter().map(|part| match &part.kind {
        PartKind::Text { text, .. } if part.cache.is_none() || !writer.markers => Some(text),
        _ => None,
    });
    let words: Option<Vec<_>> = words.collect();
    words.filter(|_| request.system.iter().all(|part| part.cache.is_none()))
}

/// Models that let the caller say what to cache: "Supported for `gpt-5.6` and later models"
/// (`OpenAI`, "Prompt caching").
fn knows_breakpoints(name: &str) -> bool {
    models::gpt_version(name) >= Some((5, 6))
}

/// Writes how much to think; true when the model's reasoning can come back encrypted.
fn reasoning<'a>(
    request: &Request<'a>,
    name: &str,
    body: &mut Object<'_>,
    writer: &mut Writer<'a, '_>,
) -> bool {
    let never = models::never_reasons(name);
    // Only OpenAI's and xAI's models give their reasoning away encrypted, and OpenAI's others
    // refuse the question.
    let encrypts =
        !never && (models::wants_max_completion_tokens(name) || name.starts_with("grok-4"));
    let wish = request.thoughts.as_ref();
    let Some(given) = &request.reasoning else {
        match wish {
            Some(wish) if wish.value && !never => {
                body.literal("reasoning", r#"{"summary":"auto"}"#);
            }
            Some(wish) if wish.value => writer.dropped.push(wish.from),
            // Nothing is shown unasked.
            _ => {}
        }
        return encrypts;
    };
    let (level, shown) = match given.value {
        Reasoning::Off => {
            if models::can_skip_reasoning(name) {
                body.literal("reasoning", r#"{"effort":"none"}"#);
            }
            return encrypts;
        }
        Reasoning::Effort(level) => (level.min(Effort::High), false),
        // Who sets a budget reads what it was spent on.
        Reasoning::Budget(0..=2048) => (Effort::Low, true),
        Reasoning::Budget(2049..=8192) | Reasoning::Adaptive => (Effort::Medium, true),
        Reasoning::Budget(_) => (Effort::High, true),
    };
    if never {
        writer.dropped.push(given.from);
        return false;
    }
    body.object("reasoning", |reasoning| {
        reasoning.str("effort", level.name());
        if wish.map_or(shown, |wish| wish.value) {
            reasoning.str("summary", "auto");
        }
    });
    encrypts
}

fn format(request: &Request<'_>, own: bool, body: &mut Object<'_>) {
    let verbosity = request.verbosity.filter(|_| own);
    if request.format.is_none() && verbosity.is_none() {
        return;
    }
    body.object("text", |text| {
        text.json_if("verbosity", verbosity);
        let Some(format) = &request.format else {
            return;
        };
        text.object("format", |inner| match &format.value {
            Format::Json => {
                inner.str("type", "json_object");
            }
            Format::Schema {
                name,
                description,
                schema,
                strict,
            } => {
                inner.str("type", "json_schema");
                match name {
                    Some(name) => inner.text("name", name),
                    None => inner.str("name", "reply"),
                };
                if let Some(description) = description {
                    inner.text("description", description);
                }
                inner.json("schema", *schema);
                inner.literal("strict", if *strict { "true" } else { "false" });
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_knows_is_read_from_its_name() {
        for (name, marks) in [
            ("gpt-5.6", true),
            ("gpt-5.6-sol", true),
            ("gpt-6", true),
            ("gpt-5.5", false),
            ("gpt-5", false),
            ("gpt-4o", false),
            ("gpt-oss-20b", false),
            ("grok-5.6", false),
        ] {
            assert_eq!(knows_breakpoints(name), marks, "{name}");
        }
        let asks = |model: &str, rest: &str| {
            let body = format!(r#"{{"model":"m","input":"x"{rest}}}"#);
            let body = Json::trusted(&body);
            let read = super::super::decode::request(body).unwrap();
            let written = request(&read, model, &mut Vec::new());
            String::from_utf8(written)
                .unwrap()
                .contains("reasoning.encrypted_content")
        };
        for (model, asked) in [
            ("gpt-5-mini", true),
            ("openai/o4-mini", true),
            ("openai.gpt-5.5", true),
            ("grok-4.3", true),
            ("gpt-5-chat-latest", false),
            ("gpt-4o", false),
            ("openai.gpt-oss-20b", false),
            ("deepseek-v4", false),
        ] {
            assert_eq!(asks(model, ""), asked, "{model}");
        }
        assert!(!asks("gpt-4o", r#","reasoning":{"effort":"low"}"#));
    }
}
