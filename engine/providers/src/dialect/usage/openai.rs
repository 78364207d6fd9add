//! Usage as OpenAI and its imitators write it.

use tidegate_types::{Money, Usage, chat::Json};

use super::{count, micros, service};

/// Usage as OpenAI and its imitators write it, Responses, embeddings, pictures and sound included.
///
/// `prompt_tokens` counts everything. Where `total_tokens` is larger than its two parts, the vendor
/// left a kind of tokens out of them: reasoning (xAI, and Gemini's compatible endpoint, which does
/// not even name it) belongs to the output, audio (Mistral) to the input.
pub(crate) fn openai(usage: Json<'_>) -> Usage {
    let mut read = Usage::default();
    let mut parts = Parts::default();
    for (key, value) in usage.members() {
        let key = key.decode();
        match &*key {
            "prompt_tokens" | "input_tokens" => {
                read.input = count(value, read.input);
                parts.named = true;
            }
            "completion_tokens" | "output_tokens" => {
                read.output = count(value, read.output);
                parts.named = true;
            }
            "total_tokens" => parts.total = count(value, parts.total),
            "prompt_tokens_details"
            | "input_tokens_details"
            | "input_token_details"
            | "prompt_token_details" => prompt(value, &mut read),
            "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
                answer(value, &mut read);
            }
            "prompt_cache_hit_tokens"
            | "cached_tokens"
            | "num_cached_tokens"
            | "cached_prompt_text_tokens"
            | "cache_read_input_tokens"
                if read.cache_read == 0 =>
            {
                read.cache_read = count(value, 0);
            }
            "reasoning_tokens" => parts.reasoning = count(value, 0),
            "citation_tokens" => read.citations = count(value, 0),
            "num_search_queries" => read.searches = count(value, 0),
            "seconds" | "prompt_audio_seconds" | "billable_audio_seconds" if value.is_number() => {
                read.micros = micros(value);
            }
            "input_text_messages" => read.messages = count(value, 0),
            "service_tier" => read.service = service(value).unwrap_or(read.service),
            "server_tool_use" | "server_tool_use_details" | "server_side_tool_usage_details" => {
                tools(value, &mut read);
            }
            "tool_calls_details" => {
                let calls = value
                    .get("search_web")
                    .and_then(|calls| calls.get("invocation"));
                read.searches = calls.map_or(read.searches, |calls| count(calls, read.searches));
            }
            "cost" => parts.cost = total_cost(value),
            "is_byok" => parts.own_key = value.as_bool() == Some(true),
            "cost_details" => {
                parts.upstream = value.get("upstream_inference_cost").and_then(dollars);
            }
            "cost_in_usd_ticks" => read.charge = ticks(value),
            _ => {}
        }
    }
    parts.settle(&mut read);
    read
}

/// What can only be judged once everything was read.
#[derive(Debug, Default)]
struct Parts {
    named: bool,
    total: u64,
    /// Reasoning as the outermost object counts it.
    reasoning: u64,
    cost: Option<Money>,
    own_key: bool,
    upstream: Option<Money>,
}

impl Parts {
    fn settle(self, read: &mut Usage) {
        if read.citations > 0 || read.searches > 0 && self.reasoning > 0 && read.reasoning == 0 {
            // Perplexity leaves reasoning and citations out of the answer's tokens ("Pricing", the
            // examples of Sonar Deep Research).
            read.reasoning = self.reasoning;
            let apart = self.reasoning.saturating_add(read.citations);
            read.output = read.output.saturating_add(apart);
        } else if read.reasoning == 0 {
            read.reasoning = self.reasoning;
        }
        if self.named {
            let left_out = self
                .total
                .saturating_sub(read.input.saturating_add(read.output));
            if left_out > 0 && left_out == read.audio_input {
                read.input = read.input.saturating_add(left_out);
            } else if left_out > 0 && (read.reasoning == 0 || left_out == read.reasoning) {
                read.output = read.output.saturating_add(left_out);
                read.reasoning = left_out;
            }
        } else {
            // Embeddings and rerankers answer with no tokens, and some tell the sum alone.
            read.input = self.total;
        }
        // Azure's Grok reports more cached tokens than tokens, OpenRouter some as both read and
        // written; no token is more than one of these.
        read.cache_read = read.cache_read.min(read.input);
        read.cache_write = read.cache_write.min(read.input - read.cache_read);
        if let Some(cost) = self.cost {
            // With a key of the caller's own, OpenRouter's cost is its fee alone.
            let upstream = self.upstream.filter(|_| self.own_key).unwrap_or_default();
            read.charge = Some(cost.saturating_add(upstream));
        }
    }
}

fn prompt(details: Json<'_>, read: &mut Usage) {
    for (key, value) in details.members() {
        match &*key.decode() {
            "cached_tokens" | "cache_read_input_tokens" => {
                read.cache_read = count(value, read.cache_read);
            }
            "cache_write_tokens" | "cache_creation_tokens" | "cache_creation_input_tokens" => {
                read.cache_write = count(value, read.cache_write);
            }
            "audio_tokens" => read.audio_input = count(value, read.audio_input),
            "image_tokens" => read.image_input = count(value, read.image_input),
            "video_tokens" => read.video_input = count(value, read.video_input),
            "cached_tokens_details" => {
                let cached = |key| value.get(key).map_or(0, |value| count(value, 0));
                read.audio_cache_read = cached("audio_tokens");
                read.image_cache_read = cached("image_tokens");
            }
            _ => {}
        }
    }
}

fn answer(details: Json<'_>, read: &mut Usage) {
    for (key, value) in details.members() {
        match &*key.decode() {
            "reasoning_tokens" => read.reasoning = count(value, read.reasoning),
            "audio_tokens" => read.audio_output = count(value, read.audio_output),
            "image_tokens" => read.image_output = count(value, read.image_output),
            "video_tokens" => read.video_output = count(value, read.video_output),
            _ => {}
        }
    }
}

/// Calls of the vendor's own tools, in the words of OpenRouter and of xAI.
fn tools(details: Json<'_>, read: &mut Usage) {
    let calls = |key| details.get(key).map_or(0, |value| count(value, 0));
    read.searches = calls("web_search_requests")
        .saturating_add(calls("web_search_calls"))
        .saturating_add(calls("x_search_calls"));
    read.file_searches = calls("file_search_calls").saturating_add(calls("document_search_calls"));
}

/// OpenRouter's sum in dollars, or Perplexity's object of sums.
fn total_cost(value: Json<'_>) -> Option<Money> {
    if value.is_number() {
        return dollars(value);
    }
    let currency = value.get("currency").and_then(Json::as_text);
    let foreign = currency.is_some_and(|currency| !currency.is("USD"));
    dollars(value.get("total_cost")?).filter(|_| !foreign)
}

fn dollars(value: Json<'_>) -> Option<Money> {
    let amount: Money = value.as_str().parse().ok()?;
    (value.is_number() && amount >= Money::ZERO).then_some(amount)
}

/// xAI's unit: ten thousand millionths of a dollar ("Usage").
fn ticks(value: Json<'_>) -> Option<Money> {
    let nanos = value.as_u64()?.div_ceil(10);
    i64::try_from(nanos).ok().map(Money::from_nanos)
}
