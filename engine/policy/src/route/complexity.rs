//! How demanding a request is, told from what is seen in it.

use tidegate_types::config::{Complexity, Level};

/// What is seen in a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// Estimated tokens of the whole request.
    pub tokens: u64,
    /// Messages.
    pub messages: u64,
    /// Whether it offers tools.
    pub tools: bool,
    /// Whether it asks for reasoning.
    pub reasoning: bool,
    /// The last message's words.
    pub last: &'a str,
}

/// Points for what is seen, and how many make a request medium or complex.
#[derive(Debug)]
pub struct Demands {
    medium: u32,
    complex: u32,
    tokens: u64,
    messages: u64,
    tools: u32,
    code: u32,
    reasoning: u32,
    words: Vec<(String, u32)>,
}

impl From<&Complexity> for Demands {
    fn from(config: &Complexity) -> Self {
        Self {
            medium: config.medium.unwrap_or(2),
            complex: config.complex.unwrap_or(5),
            tokens: config.tokens.unwrap_or(1000).max(1),
            messages: config.messages.unwrap_or(6).max(1),
            tools: config.tools.unwrap_or(2),
            code: config.code.unwrap_or(2),
            reasoning: config.reasoning.unwrap_or(3),
            words: config
                .words
                .iter()
                .map(|(word, points)| (word.to_lowercase(), *points))
                .collect(),
        }
    }
}

impl Demands {
    /// The level of a request.
    pub fn level(&self, seen: &Seen<'_>) -> Level {
        let points = self.points(seen);
        if points >= self.complex {
            Level::Complex
        } else if points >= self.medium {
            Level::Medium
        } else {
            Level::Simple
        }
    }

    fn points(&self, seen: &Seen<'_>) -> u32 {
        let some = |there: bool, points: u32| if there { points } else { 0 };
        let length = u32::try_from((seen.tokens / self.tokens).min(4)).unwrap_or(4);
        let history = u32::try_from((seen.messages / self.messages).min(2)).unwrap_or(2);
        let mut points = length
            + history
            + some(seen.tools, self.tools)
            + some(seen.reasoning, self.reasoning)
            + some(seen.last.contains("```"), self.code);
        if !self.words.is_empty() {
            let last = seen.last.to_lowercase();
            for (word, worth) in &self.words {
                points = points.saturating_add(some(holds(&last, word), *worth));
            }
        }
        points
    }
}

/// Whether a text holds a word, not as a part of another.
fn holds(text: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        !letter(text[..at].chars().next_back()) && !letter(text[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_add_up_to_a_level() {
        let config = Complexity {
            words: [("Prove".to_owned(), 5)].into(),
            ..Complexity::default()
        };
        let demands = Demands::from(&config);
        let plain = Seen {
            tokens: 20,
            messages: 1,
            last: "What is the capital of France?",
            ..Seen::default()
        };
        assert_eq!(demands.level(&plain), Level::Simple);
        let tools = Seen {
            tools: true,
            ..plain
        };
        assert_eq!(demands.level(&tools), Level::Medium);
        let reasoning = Seen {
            reasoning: true,
            ..tools
        };
        assert_eq!(demands.level(&reasoning), Level::Complex);
        let long = Seen {
            tokens: 1_000_000,
            messages: 1_000,
            ..plain
        };
        assert_eq!(demands.level(&long), Level::Complex);
        let word = |last| demands.level(&Seen { last, ..plain });
        assert_eq!(word("prove it!"), Level::Complex);
        assert_eq!(word("improved, proven"), Level::Simple);
        assert_eq!(word("why does ```x``` fail"), Level::Medium);
    }
}
