//! Usage as Anthropic writes it.

use tidegate_types::{Service, Usage, chat::Json};

use super::{beside::says, count, service};

/// Usage as Anthropic writes it: `input_tokens` leaves the cached ones out.
pub(crate) fn anthropic(usage: Json<'_>) -> Usage {
    let mut merged = AnthropicUsage::default();
    merged.merge(usage);
    merged.usage()
}

/// Anthropic's counts while they come in over several events; a later count replaces an earlier one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AnthropicUsage {
    uncached: u64,
    output: u64,
    read: u64,
    written: u64,
    written_5m: Option<u64>,
    written_1h: u64,
    reasoning: u64,
    searches: u64,
    service: Service,
    fast: bool,
    regional: bool,
    seen: bool,
}

impl AnthropicUsage {
    pub(crate) fn merge(&mut self, usage: Json<'_>) {
        if !usage.is_object() {
            return;
        }
        self.seen = true;
        for (key, value) in usage.members() {
            match &*key.decode() {
                "input_tokens" => self.uncached = count(value, self.uncached),
                "output_tokens" => self.output = count(value, self.output),
                "cache_read_input_tokens" => self.read = count(value, self.read),
                "cache_creation_input_tokens" => self.written = count(value, self.written),
                "cache_creation" => {
                    if let Some(value) = value.get("ephemeral_5m_input_tokens") {
                        self.written_5m = Some(count(value, 0));
                    }
                    if let Some(value) = value.get("ephemeral_1h_input_tokens") {
                        self.written_1h = count(value, self.written_1h);
                    }
                }
                "server_tool_use" => {
                    if let Some(value) = value.get("web_search_requests") {
                        self.searches = count(value, self.searches);
                    }
                }
                "service_tier" => self.service = service(value).unwrap_or(self.service),
                "speed" => self.fast = says(value, "fast"),
                "inference_geo" => self.regional = says(value, "us"),
                "output_tokens_details" => {
                    if let Some(value) = value.get("thinking_tokens") {
                        self.reasoning = count(value, self.reasoning);
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn seen(self) -> bool {
        self.seen
    }

    pub(crate) fn usage(self) -> Usage {
        let hour = self.written_1h;
        // The breakdown is optional; without it everything is a five-minute write.
        let short = match self.written_5m {
            Some(short) if short.saturating_add(hour) >= self.written => short,
            _ => self.written.saturating_sub(hour),
        };
        Usage {
            input: self
                .uncached
                .saturating_add(self.read)
                .saturating_add(short)
                .saturating_add(hour),
            output: self.output,
            cache_read: self.read,
            cache_write: short,
            cache_write_1h: hour,
            reasoning: self.reasoning,
            searches: self.searches,
            service: if self.fast {
                Service::Fast
            } else {
                self.service
            },
            regional: self.regional,
            ..Usage::default()
        }
    }
}
