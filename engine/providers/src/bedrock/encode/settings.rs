//! Bounds, sampling and reasoning, in the words of the model's family.

use tidegate_types::chat::{Effort, Json, PartKind, Reasoning, Request, write::Object};

use super::{Turn, tools};
use crate::{
    bedrock::family::{Family, Kind},
    dialect::thinking::{self, Plan},
};

/// How a request is to be continued.
pub(super) struct Settings<'a> {
    family: Family,
    max_tokens: Option<u64>,
    temperature: Option<Warmth<'a>>,
    top_p: Option<Json<'a>>,
    top_k: Option<Json<'a>>,
    /// Claude's thinking.
    plan: Option<Plan>,
    /// Claude's effort, which has a place of its own in this dialect.
    pub(super) effort: Option<&'static str>,
    /// The effort of the models that take it among the additional fields.
    level: Option<&'static str>,
}

enum Warmth<'a> {
    Given(Json<'a>),
    /// The scale ends here.
    Hottest,
}

impl<'a> Settings<'a> {
    pub(super) fn of(
        request: &Request<'a>,
        family: Family,
        forced: bool,
        conversation: &[Turn<'_, 'a>],
        dropped: &mut Vec<Json<'a>>,
    ) -> Self {
        let mut settings = Self {
            family,
            max_tokens: request.max_output.as_ref().map(|bound| bound.value),
            temperature: None,
            top_p: request.top_p,
            top_k: None,
            plan: None,
            effort: None,
            level: None,
        };
        settings.temperature = request.temperature.map(|given| {
            if given.as_f64().is_some_and(|value| value > 1.0) {
                // OpenAI's scale goes to 2; the hottest this dialect knows is 1.
                dropped.push(given);
                Warmth::Hottest
            } else {
                Warmth::Given(given)
            }
        });
        match family.kind {
            Kind::Claude | Kind::Nova | Kind::Nova2 | Kind::Mistral => {
                settings.top_k = request.top_k;
            }
            Kind::GptOss | Kind::Other => dropped.extend(request.top_k),
        }
        match family.kind {
            Kind::Claude => settings.claude(request, forced, conversation, dropped),
            Kind::Nova2 => settings.nova(request, dropped),
            Kind::GptOss => settings.gpt_oss(request, dropped),
            Kind::Nova | Kind::Mistral | Kind::Other => {
                let wanted = request.reasoning.as_ref();
                let wanted = wanted.filter(|given| given.value != Reasoning::Off);
                dropped.extend(wanted.map(|given| given.from));
            }
        }
        if family.kind != Kind::Claude {
            // Whether thoughts are shown is the model's own affair.
            dropped.extend(request.unmet_thoughts());
        }
        for penalty in [request.frequency_penalty, request.presence_penalty]
            .into_iter()
            .flatten()
        {
            if penalty.as_f64().is_none_or(|value| value != 0.0) {
                dropped.push(penalty);
            }
        }
        dropped.extend(request.seed);
        dropped.extend(request.logprobs);
        dropped.extend(request.top_logprobs);
        settings
    }

    fn claude(
        &mut self,
        request: &Request<'a>,
        forced: bool,
        conversation: &[Turn<'_, 'a>],
        dropped: &mut Vec<Json<'a>>,
    ) {
        let silent = || calls_without_thought(conversation);
        let plan = thinking::plan(request, self.family.version, forced, silent, dropped);
        if plan.on {
            // Thinking allows the default temperature only, and little else.
            if let Some(given) = request.temperature
                && !matches!(self.temperature, Some(Warmth::Hottest))
                && given
                    .as_f64()
                    .is_none_or(|value| (value - 1.0).abs() > f64::EPSILON)
            {
                dropped.push(given);
            }
            self.temperature = None;
            dropped.extend(self.top_k.take());
            if self
                .top_p
                .is_some_and(|top_p| top_p.as_f64().is_some_and(|value| value < 0.95))
            {
                dropped.extend(self.top_p.take());
            }
        }
        // The platform has a default of its own; only a budget needs a bound above it.
        if plan.budget.is_some() {
            self.max_tokens = Some(plan.max_tokens);
        }
        self.effort = plan.effort;
        self.plan = Some(plan);
    }

    /// Nova 2 takes a level ("Extended thinking"); at the highest it refuses bounds and sampling.
    fn nova(&mut self, request: &Request<'a>, dropped: &mut Vec<Json<'a>>) {
        let Some(level) = level(request) else { return };
        self.level = Some(level);
        if level == "high" {
            dropped.extend(request.max_output.as_ref().map(|bound| bound.from));
            self.max_tokens = None;
            if let Some(Warmth::Given(given)) = self.temperature.take() {
                dropped.push(given);
            }
            dropped.extend(self.top_p.take());
            dropped.extend(self.top_k.take());
        }
    }

    fn gpt_oss(&mut self, request: &Request<'a>, dropped: &mut Vec<Json<'a>>) {
        match request.reasoning.as_ref() {
            // It always thinks; this is the least.
            Some(given) if given.value == Reasoning::Off => {
                dropped.push(given.from);
                self.level = Some("low");
            }
            _ => self.level = level(request),
        }
    }

    pub(super) fn write_inference(
        &self,
        request: &Request<'a>,
        body: &mut Object<'_>,
        dropped: &mut Vec<Json<'a>>,
    ) {
        // White space alone is refused as a stop text.
        let blank = |text: &Json<'_>| text.as_text().is_none_or(|text| text.is_blank());
        let (blank, stops): (Vec<_>, Vec<_>) = request.stop.iter().copied().partition(blank);
        dropped.extend(blank);
        if self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && stops.is_empty()
        {
            return;
        }
        body.object("inferenceConfig", |config| {
            if let Some(bound) = self.max_tokens {
                config.number("maxTokens", bound);
            }
            match self.temperature {
                Some(Warmth::Given(given)) => {
                    config.json("temperature", given);
                }
                Some(Warmth::Hottest) => {
                    config.literal("temperature", "1");
                }
                None => {}
            }
            config.json_if("topP", self.top_p);
            if !stops.is_empty() {
                config.array("stopSequences", |list| {
                    for text in &stops {
                        list.item().extend_from_slice(text.as_str().as_bytes());
                    }
                });
            }
        });
    }

    /// What the platform passes on to the model as it is.
    pub(super) fn write_additional(&self, tools: &tools::Plan<'_, 'a>, body: &mut Object<'_>) {
        let thinks = self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.adaptive || plan.budget.is_some());
        if self.top_k.is_none() && self.level.is_none() && !thinks && !tools.single {
            return;
        }
        body.object("additionalModelRequestFields", |fields| {
            match (self.family.kind, self.top_k) {
                (Kind::Nova | Kind::Nova2, Some(top_k)) => {
                    fields.object("inferenceConfig", |config| {
                        config.json("topK", top_k);
                    });
                }
                (_, top_k) => {
                    fields.json_if("top_k", top_k);
                }
            }
            if let Some(plan) = &self.plan {
                plan.write("thinking", fields);
            }
            match (self.family.kind, self.level) {
                (Kind::Nova2, Some(level)) => {
                    fields.object("reasoningConfig", |config| {
                        config
                            .str("type", "enabled")
                            .str("maxReasoningEffort", level);
                    });
                }
                (_, Some(level)) => {
                    fields.str("reasoning_effort", level);
                }
                _ => {}
            }
            if tools.single {
                fields.object("tool_choice", |choice| {
                    choice
                        .str("type", "auto")
                        .literal("disable_parallel_tool_use", "true");
                });
            }
        });
    }
}

/// The three levels that the platform's own models and the open weights know.
fn level(request: &Request<'_>) -> Option<&'static str> {
    Some(match request.reasoning.as_ref()?.value {
        Reasoning::Off => return None,
        Reasoning::Effort(Effort::Minimal | Effort::Low) | Reasoning::Budget(0..=2048) => "low",
        Reasoning::Effort(Effort::Medium)
        | Reasoning::Adaptive
        | Reasoning::Budget(2049..=8192) => "medium",
        Reasoning::Effort(_) | Reasoning::Budget(_) => "high",
    })
}

/// True when the model's last turn called tools and its thinking was not sent along: such a
/// conversation is refused when thinking is on.
fn calls_without_thought(conversation: &[Turn<'_, '_>]) -> bool {
    let last = conversation
        .iter()
        .rev()
        .find(|(role, _)| *role == "assistant");
    last.is_some_and(|(_, blocks)| {
        let calls = blocks
            .iter()
            .any(|block| matches!(block.kind(), PartKind::ToolCall { .. }));
        let thought = blocks.first().is_some_and(|block| {
            matches!(
                block.kind(),
                PartKind::Thinking { .. } | PartKind::RedactedThinking(_)
            )
        });
        calls && !thought
    })
}
