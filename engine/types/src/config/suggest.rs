//! What may have been meant.

/// Names longer than this are not compared: they are data in the wrong place.
const LONGEST: usize = 64;

/// The candidate that `wrong` is most likely a slip of.
pub(super) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let wrong = wrong.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        if candidate.is_empty() || candidate.len() > LONGEST {
            continue;
        }
        let lower = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&wrong, &lower);
        let likeness = strsim::jaro_winkler(&wrong, &lower);
        let allowed = match wrong.chars().count() {
            0..=2 => 0,
            3..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        let close = distance <= allowed || likeness >= 0.85;
        if close && best.is_none_or(|(score, _)| likeness > score) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `, did you mean "openai"?`, or nothing.
pub(crate) fn hint<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(wrong, candidates) {
        Some(candidate) => format!(", did you mean {}?", quote(candidate)),
        None => String::new(),
    }
}

/// The text in quotes, on one line and not longer than a line.
pub(crate) fn quote(text: &str) -> String {
    if text.chars().count() > LONGEST {
        let start: String = text.chars().take(LONGEST).collect();
        format!("{:?}", format!("{start}…"))
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        for (wrong, meant) in [
            ("opnai", Some("openai")),
            ("OpenAI", Some("openai")),
            ("anthorpic", Some("anthropic")),
            ("retries", None),
            ("grok", Some("groq")),
            ("", None),
            ("zzz", None),
        ] {
            assert_eq!(
                nearest(wrong, ["openai", "anthropic", "groq"]),
                meant,
                "{wrong}"
            );
        }
        assert_eq!(
            nearest("retries", ["targets", "retry", "cache"]),
            Some("retry")
        );
        assert_eq!(nearest(&"x".repeat(10_000), ["x"]), None);
    }
}
