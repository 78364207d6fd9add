//! What must be known of a model by its name, because a request that ignores it is refused.

/// The version in a Claude model's name: `claude-sonnet-4-5-20250929` is (4, 5),
/// `claude-3-7-sonnet-latest` is (3, 7). `None` for other models.
pub(crate) fn claude_version(model: &str) -> Option<(u32, u32)> {
    let at = model.find("claude")?;
    let name = model.get(at..)?;
    // Longer numbers are dates.
    let mut numbers = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| token.len() <= 2)
        .filter_map(|token| token.parse::<u32>().ok());
    let major = numbers.next()?;
    Some((major, numbers.next().unwrap_or(0)))
}

/// The model's own name, without vendors in front of it, in lower case.
fn bare(model: &str) -> String {
    model
        .rsplit('/')
        .next()
        .unwrap_or(model)
        .to_ascii_lowercase()
}

/// OpenAI's reasoning models refuse `max_tokens`; everybody else knows it.
pub(crate) fn wants_max_completion_tokens(model: &str) -> bool {
    let name = bare(model);
    ["o1", "o3", "o4", "gpt-5", "gpt-6", "codex"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Models that refuse `reasoning_effort` because they do not reason.
pub(crate) fn never_reasons(model: &str) -> bool {
    const PLAIN: &[&str] = &[
        "gpt-3",
        "gpt-4",
        "gpt-5-chat",
        "chatgpt",
        "llama",
        "meta-llama",
        "mixtral",
        "open-mi",
        "codestral",
        "pixtral",
        "ministral",
        "gemma",
        "phi-3",
        "phi-4-mini",
        "command-r",
    ];
    let name = bare(model);
    PLAIN.iter().any(|prefix| name.starts_with(prefix))
}

/// Models that want their earlier `reasoning_content` back; others refuse the field.
pub(crate) fn wants_reasoning_back(model: &str) -> bool {
    let name = bare(model);
    ["deepseek", "glm", "kimi", "qwen", "qwq", "minimax", "mimo"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Models behind OpenAI-compatible endpoints that know `cache_control`; OpenAI refuses it.
pub(crate) fn knows_cache_control(model: &str) -> bool {
    let name = model.to_ascii_lowercase();
    ["claude", "anthropic", "gemini", "qwen"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_all_spellings() {
        for (name, version) in [
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-3-7-sonnet-latest", Some((3, 7))),
            ("claude-3-haiku-20240307", Some((3, 0))),
            ("anthropic/claude-opus-4.6", Some((4, 6))),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", Some((4, 5))),
            ("claude-sonnet-5", Some((5, 0))),
            ("kimi-k2", None),
        ] {
            assert_eq!(claude_version(name), version, "{name}");
        }
    }

    #[test]
    fn vendors_in_front_of_a_name_do_not_matter() {
        assert!(wants_max_completion_tokens("openai/gpt-5-mini"));
        assert!(!wants_max_completion_tokens("openai/gpt-4o"));
        assert!(never_reasons("meta-llama/Llama-3.3-70B"));
        assert!(wants_reasoning_back("deepseek-chat"));
    }
}
