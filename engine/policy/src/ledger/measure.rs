//! What is counted.

use tidegate_types::{Money, Usage};

/// What a budget or a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Nano-dollars.
    Money,
    /// Calls.
    Requests,
    /// Tokens of prompts.
    InputTokens,
    /// Generated tokens.
    OutputTokens,
    /// Both.
    Tokens,
}

impl Measure {
    /// Its name in keys of stores and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Money => "cost",
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Tokens => "tokens",
        }
    }
}

/// What a call takes, of every measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What it costs.
    pub money: Money,
    /// How many calls it is.
    pub requests: i64,
    /// Tokens of its prompt, those read from a cache included.
    pub input: i64,
    /// Generated tokens.
    pub output: i64,
}

impl Amounts {
    /// One call and nothing else.
    pub const ONE_CALL: Self = Self {
        money: Money::ZERO,
        requests: 1,
        input: 0,
        output: 0,
    };

    /// Money and nothing else.
    pub fn money(money: Money) -> Self {
        Self {
            money,
            ..Self::default()
        }
    }

    /// What was consumed, and what it cost.
    pub fn consumed(money: Money, usage: &Usage) -> Self {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            money,
            requests: 0,
            input: whole(usage.input),
            output: whole(usage.output),
        }
    }

    /// How much of `measure`.
    pub fn of(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Money => self.money.nanos(),
            Measure::Requests => self.requests,
            Measure::InputTokens => self.input,
            Measure::OutputTokens => self.output,
            Measure::Tokens => self.input.saturating_add(self.output),
        }
    }

    /// Whether calls that take this are asked for `measure` now: calls are counted when they come in,
    /// money and tokens with every try.
    pub(super) fn concerns(&self, measure: Measure) -> bool {
        (measure == Measure::Requests) == (self.requests > 0)
    }
}
