//! How much Claude may think, in the words its version understands.

use tidegate_types::chat::{Effort, Json, Reasoning, Request, write::Object};

/// Anthropic asks for a bound on every request; this one is sent when the caller gave none.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Anthropic refuses smaller budgets.
const SMALLEST_BUDGET: u64 = 1024;

/// What a request says about thinking.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Bound on all generated tokens.
    pub(crate) max_tokens: u64,
    /// True when the model will think.
    pub(crate) on: bool,
    /// Newer models find their own measure.
    pub(crate) adaptive: bool,
    /// Older models take a budget.
    pub(crate) budget: Option<u64>,
    /// Effort for newer models.
    pub(crate) effort: Option<&'static str>,
    /// Whether what it thinks is to be shown, where the model can be told.
    pub(crate) display: Option<&'static str>,
}

impl Plan {
    /// Writes the setting under `key`, unless there is none.
    pub(crate) fn write(&self, key: &str, body: &mut Object<'_>) {
        if self.adaptive {
            body.object(key, |thinking| {
                thinking.str("type", "adaptive");
                if let Some(display) = self.display {
                    thinking.str("display", display);
                }
            });
        } else if let Some(budget) = self.budget {
            body.object(key, |thinking| {
                thinking
                    .str("type", "enabled")
                    .number("budget_tokens", budget);
            });
        }
    }
}

/// Decides for a model of `version`. `forced` says that a tool must be called; `calls_without_thought`
/// that the model's last turn called tools and its thinking was not sent along: such a conversation
/// is refused when thinking is on.
pub(crate) fn plan<'a>(
    request: &Request<'a>,
    version: Option<(u32, u32)>,
    forced: bool,
    calls_without_thought: impl FnOnce() -> bool,
    dropped: &mut Vec<Json<'a>>,
) -> Plan {
    let bound = request.max_output.as_ref().map(|bound| bound.value);
    let mut plan = Plan {
        max_tokens: bound.unwrap_or(DEFAULT_MAX_TOKENS),
        on: false,
        adaptive: false,
        budget: None,
        effort: None,
        display: None,
    };
    let wish = request.thoughts.as_ref();
    let Some(given) = &request.reasoning else {
        // Who wants to see thoughts must say that there shall be some.
        dropped.extend(wish.filter(|wish| wish.value).map(|wish| wish.from));
        return plan;
    };
    if given.value == Reasoning::Off {
        return plan;
    }
    // The first to think was 3.7, a call that must happen leaves no room for it.
    let thinks = version.is_none_or(|version| version >= (3, 7)) && !forced;
    if !thinks {
        dropped.push(given.from);
        return plan;
    }
    if version >= Some((4, 6)) {
        plan.on = true;
        plan.adaptive = true;
        // From 4.7 on nothing is shown unasked, and callers of other dialects expect it.
        plan.display = match wish.map(|wish| wish.value) {
            Some(false) => Some("omitted"),
            Some(true) => Some("summarized"),
            None => (version >= Some((4, 7))).then_some("summarized"),
        };
        plan.effort = match given.value {
            Reasoning::Effort(level) => Some(effort(level, version)),
            Reasoning::Budget(0..=2048) => Some("low"),
            Reasoning::Budget(2049..=8192) => Some("medium"),
            Reasoning::Budget(_) => Some("high"),
            Reasoning::Off | Reasoning::Adaptive => None,
        };
        return plan;
    }
    // What older models think is always shown.
    dropped.extend(wish.filter(|wish| !wish.value).map(|wish| wish.from));
    let wanted = match given.value {
        Reasoning::Budget(tokens) => tokens.max(SMALLEST_BUDGET),
        Reasoning::Effort(Effort::Minimal) => SMALLEST_BUDGET,
        Reasoning::Effort(Effort::Low) => 2048,
        Reasoning::Effort(Effort::High) => 16384,
        Reasoning::Effort(Effort::ExtraHigh | Effort::Max) => 24576,
        Reasoning::Effort(Effort::Medium) | Reasoning::Adaptive | Reasoning::Off => 8192,
    };
    let budget = match bound {
        None => {
            plan.max_tokens = wanted + DEFAULT_MAX_TOKENS;
            wanted
        }
        // The bound covers thinking and reply; half of it at least stays for the reply.
        Some(bound) => wanted.min(bound / 2).max(SMALLEST_BUDGET),
    };
    if budget >= plan.max_tokens || calls_without_thought() {
        dropped.push(given.from);
        return plan;
    }
    plan.on = true;
    plan.budget = Some(budget);
    plan
}

fn effort(level: Effort, version: Option<(u32, u32)>) -> &'static str {
    match level {
        Effort::Minimal => "low",
        Effort::ExtraHigh if version < Some((4, 7)) => "high",
        other => other.name(),
    }
}
