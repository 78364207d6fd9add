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

/// The version in a Gemini model's name: `gemini-2.5-flash` is (2, 5), `gemini-3-pro-preview` is
/// (3, 0). The names that follow the newest model (`gemini-flash-latest`) count as 3, whose rules
/// they have followed since it came. `None` for other models.
pub(crate) fn gemini_version(model: &str) -> Option<(u32, u32)> {
    let name = bare(model);
    let rest = name.strip_prefix("gemini-")?;
    let number = rest.split('-').next().unwrap_or_default();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ if rest.ends_with("latest") => Some((3, 0)),
        _ => None,
    }
}

/// The version in a GPT's name: `gpt-5.1-codex` is (5, 1), `gpt-5-2025-08-07` is (5, 0). `None` for
/// other models.
pub(crate) fn gpt_version(model: &str) -> Option<(u32, u32)> {
    let name = bare(model);
    let name = name.strip_prefix("openai.").unwrap_or(&name);
    let number = name.strip_prefix("gpt-")?.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Models that reason unless told not to, and can be told: OpenAI's from GPT-5.1 on, those that always
/// reason hard aside ("Reasoning models", `effort`), and Gemini 2.5 Flash behind its compatible endpoint
/// ("OpenAI compatibility": not 2.5 Pro, not 3).
pub(crate) fn can_skip_reasoning(model: &str) -> bool {
    let name = bare(model);
    let always = ["-pro", "-chat"].iter().any(|part| name.contains(part));
    gpt_version(model) >= Some((5, 1)) && !always || name.starts_with("gemini-2.5-flash")
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

/// Models that OpenAI itself serves.
pub(crate) fn of_openai(model: &str) -> bool {
    let name = bare(model);
    let name = name.strip_prefix("openai.").unwrap_or(&name);
    let prefixes = [
        "gpt-",
        "o1",
        "o3",
        "o4",
        "chatgpt",
        "codex",
        "computer-use",
        "ft:",
    ];
    !name.starts_with("gpt-oss") && prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// OpenAI's models that know tools which take a free text ("Function calling", custom tools).
pub(crate) fn knows_custom_tools(model: &str) -> bool {
    let name = bare(model);
    let name = name.strip_prefix("openai.").unwrap_or(&name);
    ["gpt-5", "gpt-6", "codex"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Models that search the web and take `web_search_options` in OpenAI's chat dialect.
pub(crate) fn searches(model: &str) -> bool {
    let name = bare(model);
    name.contains("-search") || name.starts_with("sonar")
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

/// Cohere's models that cannot be made to call a tool (API reference, "Chat": `tool_choice` came
/// with Command R7B).
pub(crate) fn ignores_tool_choice(model: &str) -> bool {
    let name = bare(model);
    name == "command"
        || name.starts_with("command-light")
        || name.starts_with("command-nightly")
        || (name.starts_with("command-r") && !name.starts_with("command-r7b"))
}

/// Cohere's models that do not reason; newer ones do unless they are told not to ("Reasoning").
pub(crate) fn command_without_reasoning(model: &str) -> bool {
    const PLAIN: &[&str] = &[
        "command-r",
        "command-light",
        "command-nightly",
        "command-a-03",
        "command-a-vision",
        "command-a-translate",
        "c4ai",
        "aya",
    ];
    let name = bare(model);
    matches!(&*name, "command" | "command-a") || PLAIN.iter().any(|prefix| name.starts_with(prefix))
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
    fn versions_of_gemini_are_read() {
        for (name, version) in [
            ("gemini-2.5-flash-lite", Some((2, 5))),
            ("models/gemini-2.0-flash-001", Some((2, 0))),
            (
                "publishers/google/models/gemini-3-pro-preview",
                Some((3, 0)),
            ),
            ("gemini-3.1-pro-preview-customtools", Some((3, 1))),
            ("gemini-flash-latest", Some((3, 0))),
            ("gemini-robotics-er", None),
            ("gemma-3-27b-it", None),
        ] {
            assert_eq!(gemini_version(name), version, "{name}");
        }
    }

    #[test]
    fn versions_of_gpt_are_read() {
        for (name, version) in [
            ("gpt-5-2025-08-07", Some((5, 0))),
            ("openai/gpt-5.1-codex-max", Some((5, 1))),
            ("gpt-4o", None),
            ("gpt-oss-120b", None),
        ] {
            assert_eq!(gpt_version(name), version, "{name}");
        }
        assert!(can_skip_reasoning("gpt-5.2") && can_skip_reasoning("gemini-2.5-flash-lite"));
        assert!(!can_skip_reasoning("gpt-5-mini") && !can_skip_reasoning("gpt-5.2-pro"));
        assert!(!can_skip_reasoning("o4-mini"));
    }

    #[test]
    fn vendors_in_front_of_a_name_do_not_matter() {
        assert!(wants_max_completion_tokens("openai/gpt-5-mini"));
        assert!(!wants_max_completion_tokens("openai/gpt-4o"));
        assert!(never_reasons("meta-llama/Llama-3.3-70B"));
        assert!(wants_reasoning_back("deepseek-chat"));
        assert!(ignores_tool_choice("command-r-plus-08-2024"));
        assert!(!ignores_tool_choice("cohere/command-r7b-12-2024"));
        assert!(command_without_reasoning("command-a-03-2025"));
        assert!(!command_without_reasoning("command-a-reasoning-08-2025"));
        assert!(!command_without_reasoning("command-a-plus-05-2026"));
    }
}
