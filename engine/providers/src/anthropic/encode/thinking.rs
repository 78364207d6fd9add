//! How much the model may think, in the words its version understands.

use tidegate_types::chat::{Effort, Json, PartKind, Reasoning, Request};

use super::{DEFAULT_MAX_TOKENS, Turn};

/// Anthropic refuses smaller budgets.
const SMALLEST_BUDGET: u64 = 1024;

/// What a request says about thinking.
#[derive(Debug)]
pub(super) struct Plan {
    /// Bound on all generated tokens.
    pub(super) max_tokens: u64,
    /// True when the model will think.
    pub(super) on: bool,
    /// Newer models find their own measure.
    pub(super) adaptive: bool,
    /// Older models take a budget.
    pub(super) budget: Option<u64>,
    /// Effort for newer models.
    pub(super) effort: Option<&'static str>,
}

pub(super) fn plan<'a>(
    request: &Request<'a>,
    version: Option<(u32, u32)>,
    conversation: &[Turn<'_, 'a>],
    forced: bool,
    dropped: &mut Vec<Json<'a>>,
) -> Plan {
    let bound = request.max_output.as_ref().map(|bound| bound.value);
    let mut plan = Plan {
        max_tokens: bound.unwrap_or(DEFAULT_MAX_TOKENS),
        on: false,
        adaptive: false,
        budget: None,
        effort: None,
    };
    let Some(given) = &request.reasoning else {
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
        plan.effort = match given.value {
            Reasoning::Effort(level) => Some(effort(level, version)),
            Reasoning::Budget(0..=2048) => Some("low"),
            Reasoning::Budget(2049..=8192) => Some("medium"),
            Reasoning::Budget(_) => Some("high"),
            Reasoning::Off | Reasoning::Adaptive => None,
        };
        return plan;
    }
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
    if budget >= plan.max_tokens || calls_without_thought(conversation) {
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
